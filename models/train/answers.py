"""Trains the decoder once more, on questions: towards everything that the captions of a photo support as an answer.

python answers.py DATA WORK [--minutes 40] [--seed 1]

`decoder.py` learns one answer at a time, drawn from those that are right. Here the probabilities of all right answers
are added up, p, and the loss is (1 - p^q) / q: between the logarithm (q 0), which dwells on questions that cannot be
answered, and the plain chance of being right (q 1) (Zhang and Sabuncu 2018). Rare colours and numbers are asked as
often as common ones, and pairs of conversations that differ in their first question only teach the decoder to look
back. Captions are held where they were by the divergence from the decoder before, over captions that it
writes itself (Li and Hoiem 2016).
The query transformer stays as it is, so its 16 vectors a view are computed once and a step takes a second of one core.
Runs with other seeds are averaged: `--mean decoder.1.pt decoder.2.pt` writes their mean to decoder.pt.
"""

import argparse
import random
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from common import annealed, read_flickr, seed_everything, set_rate
from conversations import conversations, loosen
from decoder import collate, hints, pack, view_files
from language import BOS, EOS, PAD, SIZES, Decoder, Prefix, greedy
from qa import memory_pairs
from questions import Facts, one_photo, yes_no

SHARES = {"yes/no": 0.26, "colour": 0.12, "number": 0.13, "activity": 0.2, "where": 0.04, "who": 0.04, "what": 0.06, "scene": 0.03, "time": 0.01, "second": 0.08, "pair": 0.16}
EVEN = ("yes/no", "colour", "number", "scene", "time", "pair")
QUERIES, MOST = SIZES["queries"], 8


def questions_of(images, rng):
    """-> for each kind, [(photo, prompt, right answers)] and the cumulative chances to draw them by."""
    facts, rows = [Facts(captions) for _, captions in images], defaultdict(list)
    ask = lambda question: f"question: {loosen(question, rng)} answer:"
    closed, place = yes_no(facts, rng), {name: index for index, (name, _) in enumerate(images)}
    for index, fact in enumerate(facts):
        for kind, question, answer, accepted, _ in [*closed[index], *one_photo(fact, rng)]:
            rows[kind].append((index, ask(question), [answer, *accepted]))
        for (_, first, said, _), (_, second, answer, accepted), *_ in conversations(fact, rng):
            rows["second"].append((index, f"{ask(first)} {said} {ask(second)}", [answer, *accepted]))
    for name, two in memory_pairs(images, 10**9):
        rows["pair"] += [(place[name], f"{ask(first)} yes {ask(second)}", accepted.split("|")) for first, second, accepted in two]
    chances = {}
    for kind, asked in rows.items():
        often = Counter(right[0] for _, _, right in asked)
        chance = np.array([often[right[0]] ** -(0.75 if kind in EVEN else 0.3) for _, _, right in asked])
        chances[kind] = np.cumsum(chance / chance.sum())
    return rows, chances


def draw(rows, chances, count):
    kinds = random.choices([*SHARES], [*SHARES.values()], k=count)
    return [(kind, rows[kind][min(int(np.searchsorted(chances[kind], random.random())), len(rows[kind]) - 1)]) for kind in kinds]


def branches(tokenizer, rows):
    """-> ids, positions and bias of a batch in which all right answers follow one prompt without seeing each other,
    and for each answer where its tokens are predicted and what they are."""
    texts = []
    for _, prompt, right in rows:
        ids = [BOS, *tokenizer.encode(prompt, add_special_tokens=False).ids]
        length, answers = len(ids), []
        positions, owners = [*range(QUERIES, QUERIES + length)], [0] * length
        for owner, answer in enumerate([*dict.fromkeys(a.strip() for a in right if a.strip())][:MOST], 1):
            target = [*tokenizer.encode(" " + answer, add_special_tokens=False).ids, EOS]
            answers.append(([length - 1, *range(len(ids), len(ids) + len(target) - 1)], target))
            ids += target[:-1]
            positions += range(QUERIES + length, QUERIES + length + len(target) - 1)
            owners += [owner] * (len(target) - 1)
        texts.append((ids, positions, owners, answers))
    longest = max(len(text[0]) for text in texts)
    fill = lambda k, value: torch.tensor([text[k] + [value] * (longest - len(text[k])) for text in texts])
    owners = torch.cat([torch.full((len(rows), QUERIES), -1), fill(2, -2)], 1)
    seen = (owners[:, None] == -1) | (owners[:, None] == 0) & (owners[:, :, None] >= 0) | (owners[:, :, None] == owners[:, None])
    bias = (~(seen & torch.ones(seen.shape[1:]).tril().bool())).float().unsqueeze(1) * -1e9
    return fill(0, PAD), torch.cat([torch.arange(QUERIES).expand(len(rows), -1), fill(1, 0)], 1), bias, [text[3] for text in texts]


def chance_of_right(decoder, start, tokenizer, rows):
    """-> for each question, the sum of the probabilities of its right answers."""
    ids, positions, bias, answers = branches(tokenizer, rows)
    hidden, _ = decoder(torch.cat([start, decoder.embed(ids)], 1), positions, bias)
    row, place, target, answer, question = [], [], [], [], []
    for index, several in enumerate(answers):
        for places, tokens in several:
            row += [index] * len(places)
            place += places
            target += tokens
            answer += [len(question)] * len(tokens)
            question.append(index)
    spoken = decoder.logits(hidden[torch.tensor(row), QUERIES + torch.tensor(place)]).log_softmax(-1).gather(1, torch.tensor(target)[:, None])[:, 0]
    chance = torch.zeros(len(question)).index_add(0, torch.tensor(answer), spoken).exp()
    return torch.zeros(len(rows)).index_add(0, torch.tensor(question), chance).clamp(1e-5, 1)


def divergence(decoder, before, start, batch):
    ids, _, weights, positions, bias = batch
    learnt = weights > 0
    of = lambda network: network.logits(network(torch.cat([start, network.embed(ids)], 1), positions, bias)[0][:, QUERIES:][learnt]).log_softmax(-1)
    with torch.no_grad():
        old = of(before)
    return F.kl_div(of(decoder), old, reduction="batchmean", log_target=True)


@torch.no_grad()
def prefixes(work, prefix, grids):
    """[n, 16, width] of one view, in float16."""
    hint, out = hints(work, grids), []
    for at in range(0, len(grids), 100):
        out.append(prefix(torch.from_numpy(grids[at:at + 100].astype(np.float32)), hint[at:at + 100, 0], hint[at:at + 100, 1]).half())
    return torch.cat(out)


def train(data, work, minutes, seed, photos, rate, q, keep):
    seed_everything(seed)
    torch.set_num_threads(1)
    images, tokenizer = read_flickr(data)["train"], Tokenizer.from_file(str(work / "decoder-tokenizer.json"))
    saved = torch.load(work / "decoder.pt")
    prefix, decoder, before = Prefix().eval(), Decoder(), Decoder().eval()
    prefix.load_state_dict(saved["prefix"])
    for network in (decoder, before):
        network.load_state_dict(saved["decoder"])
    views = [prefixes(work, prefix, np.load(path, mmap_mode="r")) for path in view_files(work)]
    starts = lambda chosen: torch.stack([random.choice(views)[index] for index in chosen]).float()
    rows, chances = questions_of(images, random.Random(84))
    optimizer = torch.optim.AdamW([{"params": [*decoder.parameters()], "peak": rate}], lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    mean = torch.optim.swa_utils.AveragedModel(decoder, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.96))
    began, step, seen = time.time(), 0, defaultdict(list)
    while (share := annealed(0, 1, began, minutes)) > 0:
        set_rate(optimizer, min((step + 1) / 15, 1) * share)
        optimizer.zero_grad()
        asked = draw(rows, chances, 3 * photos)
        chance = chance_of_right(decoder, starts([row[0] for _, row in asked]), tokenizer, [row for _, row in asked])
        ((1 - chance**q) / q).mean().backward()
        chosen = random.sample(range(len(images)), photos)
        start = starts(chosen)
        captions = [pack([([BOS, *ids], [*ids, EOS], [1.0] * (len(ids) + 1))], QUERIES) for ids in greedy(before, start, [[BOS]] * photos)]
        (keep * divergence(decoder, before, start, collate(captions, QUERIES))).backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        mean.update_parameters(decoder)
        step += 1
        for (kind, _), p in zip(asked, chance.tolist()):
            seen[kind].append(p)
        if step % 20 == 0:
            print(f"step {step}, rate {share:.2f}, chance of being right:", {k: round(float(np.mean(p[-200:])), 3) for k, p in seen.items()}, flush=True)
    torch.save({**saved, "decoder": mean.module.state_dict()}, work / f"decoder.{seed}.pt")


def write_mean(work, names):
    all_weights = [torch.load(work / name) for name in names]
    decoder = {key: sum(weights["decoder"][key] for weights in all_weights) / len(all_weights) for key in all_weights[0]["decoder"]}
    torch.save({**all_weights[0], "decoder": decoder}, work / "decoder.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--photos", type=int, default=14, help="in a batch, with three questions each")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--q", type=float, default=0.5)
    parser.add_argument("--keep", type=float, default=2.0, help="weight of the captions' divergence")
    parser.add_argument("--mean", nargs="+", help="average these files of WORK instead")
    given = parser.parse_args()
    if given.mean:
        write_mean(given.work, given.mean)
    else:
        train(given.data, given.work, given.minutes, given.seed, given.photos, given.rate, given.q, given.keep)
