"""Trains the query transformer and the decoder together: captions, prompted captions, questions and conversations.

python decoder.py DATA WORK [--minutes 45] [--from FILE]

One row of a batch is one photo: its 16 prefix vectors once, then all its texts side by side, each seeing
the prefix and itself only and each counting its positions from the end of the prefix. So a photo is
encoded once for all its texts, and every text is trained exactly as the app will run it.

Most photos of a batch are drawn evenly; others by a question, rare answers as often as common ones; and some rows
have no photo at all: a COCO caption's own vectors stand in for the hints, for words that Flickr8k lacks.
The learning rate follows the minutes used, so that the run ends on time with the rate at zero.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from balance import draw, questions_of
from captions import cider_score
from common import SEED, annealed, read_flickr, seed_everything, set_rate
from conversations import make
from itc import Texts, by_length, cached, encode, load_conse, load_text
from language import BOS, EOS, PAD, SIZES, Decoder, Prefix, greedy
from networks import CELL, COLOUR, ImageHead, TextHead, Words, in_cells
from questions import Facts, one_photo, yes_no
from tune import VIEWS, word_targets

ANSWER_WEIGHT = 2.0


class Photos:
    """What the query transformer reads of every view of the training photos, row by row, and of the dev photos."""

    def __init__(self, work, views=VIEWS[:4]):
        saved = torch.load(work / "tuned.pt")
        self.networks = Words(len(saved["vocabulary"])).eval(), ImageHead().eval(), load_conse(work).eval()
        self.networks[0].load_state_dict(saved["words"]), self.networks[1].load_state_dict(saved["image"])
        grids = {name: np.load(work / f"whole.{name}.npy", mmap_mode="r") for name in ("dev.plain", *(f"train.{view}" for view in views))}
        self.views = {name: (grid, *cached(work / f"hints.{name}.pt", lambda: self.hints(grid, np.load(work / f"{name}.npy", mmap_mode="r")))) for name, grid in grids.items()}
        self.names = [name for name in self.views if name.startswith("train.")]

    @torch.no_grad()
    def hints(self, grids, plain):
        """-> ConSE vectors, learned vectors, chances of words of every grid, in float16"""
        speak, head, conse = self.networks
        out = []
        for start in range(0, len(grids), 200):
            grid, first = (torch.from_numpy(g[start:start + 200].astype(np.float32)) for g in (grids, plain))
            class_part = conse(first.mean(1))
            out.append((class_part.half(), head(grid, class_part).half(), speak(grid).sigmoid().half()))
        return [torch.cat(parts) for parts in zip(*out)]

    def rows(self, rows, names):
        """-> grid, ConSE vector, learned vector, chances of words of each row in the view named beside it"""
        grid = torch.from_numpy(np.stack([self.views[name][0][row] for name, row in zip(names, rows)]).astype(np.float32))
        return grid, *(torch.stack([self.views[name][part][row] for name, row in zip(names, rows)]).float() for part in (1, 2, 3))

    def train(self, rows):
        return self.rows(rows, random.choices(self.names, k=len(rows)))

    def dev(self, first, last):
        return self.rows(range(first, last), ["dev.plain"] * (last - first))


class Sentences:
    """Captions without photos: their own vectors stand in for a photo's hints (CapDec, Nukrai et al. 2022)."""

    def __init__(self, data, work, photos, vocabulary, noise=0.03):
        groups = {}
        for line in (Path(data) / "coco-captions.tsv").read_text("utf-8").splitlines()[1:]:
            group, caption = line.split("\t")
            groups.setdefault(group, []).append(caption)
        self.images, self.noise = list(groups.items()), noise
        vectors = cached(work / "sentences.pt", lambda: self.encode(work, [captions[0] for _, captions in self.images]))
        ours = Texts(data, work, "train").vectors.mean(0)
        shift = lambda texts, part, before: F.normalize(texts - before + torch.cat([photos.views[n][part] for n in photos.names[:2]]).float().mean(0), dim=-1)
        self.conse, self.learned = shift(vectors[0], 1, ours), shift(vectors[1], 2, vectors[1].mean(0))
        self.words = 0.6 * word_targets([(name, captions[:1]) for name, captions in self.images], vocabulary)

    @torch.no_grad()
    def encode(self, work, texts):
        model, tokenizer = load_text(work)
        head = TextHead().eval()
        head.load_state_dict(torch.load(work / "tuned.pt")["text"])
        states, vectors = encode(model, tokenizer, texts)
        return vectors, torch.cat([by_length(head, states[i:i + 500]) for i in range(0, len(states), 500)])

    def rows(self, rows):
        noisy = lambda x: F.normalize(x[rows] + self.noise * torch.randn(len(rows), x.shape[1]), dim=-1)
        return torch.zeros(len(rows), 49, CELL + COLOUR), noisy(self.conse), noisy(self.learned), self.words[rows]


def to_tokens(tokenizer, pieces):
    """-> inputs (<bos> first), targets (<eos> last), and a weight for each target: 0 where nothing is learned."""
    ids, weights = [BOS], []
    weight = ANSWER_WEIGHT if any(not learn and text.startswith("question:") for text, learn in pieces) else 1.0
    for text, learn in pieces:
        own = tokenizer.encode(text, add_special_tokens=False).ids
        ids += own
        weights += [weight if learn else 0.0] * len(own)
    return ids, [*ids[1:], EOS], [*weights, weight]


def pack(texts, queries):
    """Texts of one photo -> inputs, targets, weights, positions, and which text each place belongs to."""
    inputs, targets, weights, positions, owners = [], [], [], [], []
    for owner, (i, t, w) in enumerate(texts):
        inputs += i
        targets += t
        weights += w
        positions += range(queries, queries + len(i))
        owners += [owner] * len(i)
    return inputs, targets, weights, positions, owners


def collate(rows, queries):
    length = max(len(r[0]) for r in rows)
    fill = lambda k, value, kind: torch.tensor([r[k] + [value] * (length - len(r[k])) for r in rows], dtype=kind)
    inputs, targets, weights = fill(0, PAD, torch.long), fill(1, PAD, torch.long), fill(2, 0.0, torch.float)
    owners = torch.cat([torch.full((len(rows), queries), -1), fill(4, -2, torch.long)], 1)
    positions = torch.cat([torch.arange(queries).expand(len(rows), -1), fill(3, 0, torch.long)], 1)
    same = (owners[:, :, None] == owners[:, None, :]) | (owners[:, None, :] == -1)
    causal = torch.ones(queries + length, queries + length).tril().bool()
    bias = (~(same & causal)).float().unsqueeze(1) * -1e9
    return inputs, targets, weights, positions, bias


def batch_loss(prefix, decoder, seen, batch, smoothing=0.1):
    """`seen`: the query transformer's inputs."""
    inputs, targets, weights, positions, bias = batch
    start = prefix(*seen)
    hidden, _ = decoder(torch.cat([start, decoder.embed(inputs)], 1), positions, bias)
    kept = weights > 0
    logits = decoder.logits(hidden[:, start.shape[1]:][kept])
    loss = F.cross_entropy(logits, targets[kept], reduction="none", label_smoothing=smoothing)
    return (loss * weights[kept]).sum() / weights[kept].sum()


@torch.no_grad()
def dev_scores(prefix, decoder, tokenizer, images, photos, questions, count=300):
    """-> CIDEr of greedy captions, right answers by kind, the captions"""
    prefix.eval(), decoder.eval()
    start = torch.cat([prefix(*photos.dev(i, i + 100)) for i in range(0, count, 100)])
    written = [tokenizer.decode(ids).strip() for i in range(0, count, 100) for ids in greedy(decoder, start[i:i + 100], [[BOS]] * len(start[i:i + 100]))]
    right = {}
    for index, (kind, question, _, accepted) in questions:
        prompt = [BOS, *tokenizer.encode(f"question: {question} answer:", add_special_tokens=False).ids]
        answer = tokenizer.decode(greedy(decoder, start[index:index + 1], [prompt], 12)[0]).strip()
        right.setdefault(kind, []).append(any(answer == a or answer.startswith(a + " ") for a in accepted))
    prefix.train(), decoder.train()
    score = cider_score(written, [captions for _, captions in images[:count]])
    return score, {k: f"{100 * np.mean(v):.0f} of {len(v)}" for k, v in right.items()}, written


def dev_questions(images, count=300, seed=SEED):
    """A few questions of each photo, the same every time."""
    rng = random.Random(seed)
    facts = [Facts(c) for _, c in images[:count]]
    some = lambda rows, most: rng.sample(rows, min(most, len(rows)))
    open_ones, closed = [one_photo(f, rng) for f in facts], yes_no(facts, rng)
    return [(i, row[:4]) for i in range(len(facts)) for row in [*some(open_ones[i], 2), *some(closed[i], 1)]]


def warm(networks, state):
    """Loads what an earlier decoder, that read plain grids only, has in common with this one."""
    prefix, decoder = networks
    prefix.load_state_dict(in_cells(state["prefix"]), strict=False)
    decoder.load_state_dict(state["decoder"])


def train(data, work, minutes, start_from, photo_count, asked_count, sentence_count, captions, talks, rate, new_rate, dropout, blind):
    seed_everything()
    flickr, tokenizer = read_flickr(data), Tokenizer.from_file(str(work / "decoder-tokenizer.json"))
    photos = Photos(work)
    sentences = Sentences(data, work, photos, torch.load(work / "tuned.pt")["vocabulary"])
    questions = dev_questions(flickr["dev"])
    prefix, decoder = Prefix(dropout=dropout), Decoder(dropout=dropout)
    if start_from:
        warm((prefix, decoder), torch.load(work / start_from))
    new = [*prefix.cells.colour.parameters(), *prefix.words.parameters()]
    rest = [p for p in [*prefix.parameters(), *decoder.parameters()] if all(p is not n for n in new)]
    optimizer = torch.optim.AdamW([{"params": rest, "peak": rate}, {"params": new, "peak": new_rate}], lr=rate, betas=(0.9, 0.98), weight_decay=0.05)
    step, started, share, losses = 0, time.time(), 1.0, []
    pieces = lambda texts: [to_tokens(tokenizer, t) for t in texts]
    while share > 0:
        rng = random.Random(SEED + step)
        texts, read = make(flickr["train"], rng, captions, talks), make(sentences.images, rng, captions, talks)
        asked, chances = questions_of(flickr["train"], rng)
        order, others = rng.sample(range(len(texts)), len(texts)), rng.sample(range(len(read)), len(read))
        while len(order) >= photo_count and share > 0:
            share = annealed(0, 1, started, minutes)
            set_rate(optimizer, min((step + 1) / 60, 1) * share)
            drawn = [row for _, row in draw(asked, chances, asked_count)]
            rows = [order.pop() for _ in range(photo_count)] + [row[0] for row in drawn]
            others = others if len(others) >= sentence_count else rng.sample(range(len(read)), len(read))
            blank = [others.pop() for _ in range(sentence_count)]
            packed = [pack(pieces(texts[r]), SIZES["queries"]) for r in rows[:photo_count]]
            packed += [pack(pieces([*texts[r][:captions], [(prompt, False), (" " + right[0], True)]]), SIZES["queries"]) for r, prompt, right in drawn]
            packed += [pack(pieces(read[r]), SIZES["queries"]) for r in blank]
            seen = [torch.cat(parts) for parts in zip(photos.train(rows), sentences.rows(blank))]
            looked = torch.cat([torch.rand(len(rows)) > blind, torch.zeros(len(blank), dtype=torch.bool)])
            loss = batch_loss(prefix, decoder, (*seen, looked), collate(packed, SIZES["queries"]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*rest, *new], 1.0)
            optimizer.step()
            losses.append(loss.item())
            step += 1
            if step % 25 == 0:
                print(f"step {step}, rate {share:.2f}: loss {np.mean(losses[-25:]):.3f}, {(time.time() - started) / 60:.1f} min", flush=True)
            if step % 250 == 0 or share == 0:
                score, right, written = dev_scores(prefix, decoder, tokenizer, flickr["dev"], photos, questions)
                print(f"dev CIDEr {score:.3f}, {len(set(written))} different, answers {right}\n  " + "\n  ".join(written[:6]), flush=True)
                torch.save({"prefix": prefix.state_dict(), "decoder": decoder.state_dict(), "steps": step}, work / "decoder.pt")


def write_mean(work, names):
    """The mean of the weights of several decoders (Wortsman et al. 2022); what an older one lacks is as in the first."""
    networks, states = (Prefix(), Decoder()), []
    for name in names:
        warm(networks, torch.load(work / name))
        states.append([{key: value.clone() for key, value in network.state_dict().items()} for network in networks])
    prefix, decoder = ({key: sum(state[part][key] for state in states) / len(states) for key in states[0][part]} for part in (0, 1))
    torch.save({"prefix": prefix, "decoder": decoder}, work / "decoder.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--from", dest="start_from", help="a file of WORK to go on from; an older one that knew plain grids only will do")
    parser.add_argument("--photos", type=int, default=24, help="in a batch, drawn evenly")
    parser.add_argument("--asked", type=int, default=16, help="photos in a batch drawn by the answer of a question, rare answers as often as common ones")
    parser.add_argument("--sentences", type=int, default=6, help="captions without a photo in a batch")
    parser.add_argument("--captions", type=int, default=2, help="of each photo")
    parser.add_argument("--talks", type=int, default=2, help="questions or conversations of each photo")
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--new-rate", type=float, default=8e-4)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--blind", type=float, default=0.08, help="share of photos of which only the hints are read")
    parser.add_argument("--mean", nargs="+", help="write the mean of these files of WORK to decoder.pt instead")
    given = parser.parse_args()
    if given.mean:
        write_mean(given.work, given.mean)
        raise SystemExit
    train(given.data, given.work, given.minutes, given.start_from, given.photos, given.asked, given.sentences, given.captions, given.talks, given.rate, given.new_rate, given.dropout, given.blind)
