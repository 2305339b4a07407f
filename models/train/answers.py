"""Trains the answer head: a question's MiniLM tokens attend to the photo; answers as classes.

python answers.py DATA WORK [--minutes 40]

As in BERT + CNN systems for visual question answering: two small transformer layers over the text, crossing to what the
query transformer reads of the photo (cells of the tuned grid and hints), then a softmax over the answers that training
captions give at least twelve times. Questions are made as for `decoder.py`, rare answers drawn as often as common ones;
some are of COCO captions without a photo, whose own vectors stand in for the hints.

It reads `decoder.py`'s weights: the 16 prefix vectors, frozen, stand before the cells.
"""

import argparse
import random
import re
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from balance import SHARES, draw, evenly, questions_of
from common import annealed, read_flickr, seed_everything, set_rate
from decoder import Photos, Sentences
from evaluate import correct, even_share
from fusion import CELLS, SHOWN, Fusion, Memory
from itc import cached, keep, load_text, pad, read
from language import Prefix
from qa import memory_pairs, test_rows

LEAST, DRAWS = 12, 4


def plain(answer):
    return re.sub(r"^(a|an|the) ", "", answer.strip())


def spoken(turns, question):
    """A conversation as one text: earlier questions with their answers, then the question."""
    return " ".join([*(f"{q} {a}" for q, a in turns), question])


class Questions:
    """Several draws of the questions about some photos, with the numbers of their answers in `answers`."""

    def __init__(self, draws, answers):
        number, self.draws = {plain(answer): i for i, answer in enumerate(answers)}, []
        for rows in draws:
            numbered = {kind: [(photo, text, right) for photo, text, said in asked if (right := sorted({number[plain(a)] for a in said if plain(a) in number}))] for kind, asked in rows.items()}
            chances = evenly(numbered)
            of_photo = defaultdict(lambda: ([], []))
            for kind, asked in numbered.items():
                for row, chance in zip(asked, np.diff(chances[kind], prepend=0) * SHARES[kind]):
                    of_photo[row[0]][0].append(row), of_photo[row[0]][1].append(chance)
            self.draws.append((numbered, chances, of_photo))

    def texts(self):
        return {text for numbered, *_ in self.draws for rows in numbered.values() for _, text, _ in rows}

    def batch(self, photos, more):
        """-> photos (some more than once), and [(place of its photo, text, right answers)]"""
        numbered, chances, of_photo = random.choice(self.draws)
        drawn = [row for _, row in draw(numbered, chances, photos)]
        rows = [(place, *row[1:]) for place, row in enumerate(drawn)]
        for place, (photo, _, _) in enumerate(drawn):
            rows += [(place, *row[1:]) for row in random.choices(*of_photo[photo], k=more)]
        return [row[0] for row in drawn], rows


def draws_of(images):
    return [questions_of(images, random.Random(seed), lambda question: question)[0] for seed in range(1, DRAWS + 1)]


def common_answers(*draws):
    """What at least twelve captions of one source answer, as a person would say it: `a dog`, where captions have both that and `dog`."""
    kept = {}
    for rows in draws:
        surfaces = defaultdict(Counter)
        for _, _, right in (row for asked in rows.values() for row in asked):
            for answer in {a.strip() for a in right}:
                surfaces[plain(answer)][answer] += 1
        often = Counter({key: max(seen.values()) for key, seen in surfaces.items()})
        for key in (key for key, count in often.most_common() if count >= LEAST):
            kept.setdefault(key, max(surfaces[key], key=lambda said: (surfaces[key][said], len(said))))
    return [*kept.values()]


@torch.no_grad()
def last_states(work, texts):
    """-> MiniLM's last states of each text, float16 [t, 384]"""
    out = [None] * len(texts)
    for rows, mask, _, after in read(*load_text(work), texts, 64):
        keep(out, rows, after, mask)
    return out


def kept_states(work, texts):
    """The same by text, of which those that were needed before are kept in WORK."""
    path = work / "text-states.pt"
    kept = torch.load(path) if path.exists() else {}
    if missing := sorted({*texts} - kept.keys()):
        torch.save(kept := {**kept, **dict(zip(missing, last_states(work, missing)))}, path)
    return kept


def in_parts(states, run, parts=2):
    """Runs `run(rows, states, mask)` over groups of similar length."""
    order = sorted(range(len(states)), key=lambda i: len(states[i]))
    for rows in np.array_split(order, parts):
        yield rows, run(torch.tensor(rows), *pad([states[i] for i in rows]))


def answer_loss(logits, rights, q):
    """(1 - p^q) / q, p the sum of the right answers' probabilities (Zhang and Sabuncu 2018)."""
    chosen = torch.full_like(logits, -1e9)
    for row, right in enumerate(rights):
        chosen[row, right] = 0
    log = (logits.log_softmax(-1) + chosen).logsumexp(1).clamp(min=-11.5)
    return ((1 - (q * log).exp()) / q).sum()


class Seen:
    """What the head attends to: the frozen prefix and the memory, of training and of dev photos."""

    def __init__(self, work, photos, prefix):
        self.photos, self.prefix = photos, prefix
        self.starts = cached(work / "starts.pt", lambda: {name: self.start(name) for name in photos.views})

    @torch.no_grad()
    def start(self, name):
        count = len(self.photos.views[name][0])
        return torch.cat([self.prefix(*self.photos.rows(rows, [name] * len(rows))).half() for rows in (range(i, min(i + 200, count)) for i in range(0, count, 200))])

    def __call__(self, memory, rows, names=None):
        names = names or random.choices(self.photos.names, k=len(rows))
        before = torch.stack([self.starts[name][row] for name, row in zip(names, rows)]).float()
        grid, *hints = self.photos.rows(rows, names)
        with torch.no_grad():
            hints = self.prefix.hints(*hints)
        return self.shown(memory, before, hints, grid)

    @staticmethod
    def shown(memory, before, hints, grid):
        return torch.cat([F.dropout(before, memory.dropout, memory.training), memory(hints, grid)], 1)

    def blind(self, memory, seen):
        """The same of captions without photos, whose cells must not be looked at."""
        grid, *hints = seen
        with torch.no_grad():
            hints = self.prefix.hints(*hints)
            before = self.prefix.look(grid, hints, torch.zeros(len(grid), dtype=torch.bool))
        return self.shown(memory, before, hints, grid)


@torch.no_grad()
def dev_scores(work, flickr, seen, memory, fusion, answers):
    """Percent right by kind (over shuffled photos in brackets), and memory, with true first answers."""
    memory.eval(), fusion.eval()
    names = [name for name, _ in flickr]
    place, moved = {n: i for i, n in enumerate(names)}, random.Random(1).sample(names, len(names))
    rows, pairs = test_rows(flickr), memory_pairs(flickr)
    asked = [(place[r[0]], spoken([(r[2], r[3])] if r[5] else [], r[5] or r[2])) for r in rows]
    asked += [(place[name], spoken([(first, "yes")], second)) for name, two in pairs for first, second, _ in two]
    known = kept_states(work, [text for _, text in asked])
    states = [known[text] for _, text in asked]
    views = fusion.looked(torch.cat([seen(memory, range(i, i + 200), ["dev.plain"] * 200) for i in range(0, len(names), 200)]))

    def answered(photos):
        out = [None] * len(asked)
        for some, logits in in_parts(states, lambda rows, x, mask: fusion(x, mask, views, torch.tensor(photos)[rows]), 20):
            for row, best in zip(some, logits.argmax(1).tolist()):
                out[row] = answers[best]
        return out

    found, other = answered([p for p, _ in asked]), answered([place[moved[p]] for p, _ in asked])
    right = lambda given: np.array([correct(a, r[7] or r[4]) for a, r in zip(given, rows)])
    kinds, truth = np.array([r[1] for r in rows]), np.array([r[3] for r in rows])
    even = lambda hits, kind: even_share(hits[kinds == kind], truth[kinds == kind])
    line = [f"{kind} {100 * right(found)[kinds == kind].mean():.1f} ({100 * right(other)[kinds == kind].mean():.1f})" for kind in dict.fromkeys(kinds)]
    line += [f"even {kind} {even(right(found), kind):.1f} ({even(right(other), kind):.1f})" for kind in ("colour", "number")]
    said = found[len(rows):]
    line.append(f"memory {100 * np.mean([a != b for a, b in zip(said[::2], said[1::2])]):.0f} of {len(pairs)}")
    memory.train(), fusion.train()
    return "; ".join(line)


def go_on(saved, memory, fusion, answers):
    """Loads an earlier head; answers that it did not know begin anew."""
    memory.load_state_dict(saved["memory"])
    state, place = dict(saved["fusion"]), {answer: i for i, answer in enumerate(saved["answers"])}
    for key in ("answer.weight", "answer.bias"):
        new = fusion.state_dict()[key].clone()
        for i, answer in enumerate(answers):
            if answer in place:
                new[i] = state[key][place[answer]]
        state[key] = new
    fusion.load_state_dict(state)


def train(data, work, minutes, photo_count, sentence_count, more, rate, q, start_from):
    seed_everything()
    flickr, photos = read_flickr(data), Photos(work)
    sentences = Sentences(data, work, photos, torch.load(work / "tuned.pt")["vocabulary"])
    prefix = Prefix().eval().requires_grad_(False)
    prefix.load_state_dict(torch.load(work / "decoder.pt")["prefix"])
    draws = draws_of(flickr["train"]), draws_of(sentences.images)
    answers = common_answers(*(some[0] for some in draws))
    seen, questions, others = Seen(work, photos, prefix), Questions(draws[0], answers), Questions(draws[1], answers)
    states = kept_states(work, sorted(questions.texts() | others.texts()))
    memory, fusion = Memory(prefix).requires_grad_(True), Fusion(len(answers))
    if start_from:
        go_on(torch.load(work / start_from), memory, fusion, answers)
    parameters = [*memory.parameters(), *fusion.parameters()]
    print(f"{len(answers)} answers, {len(states)} questions, {sum(p.numel() for p in parameters) / 1e6:.1f} M", flush=True)
    optimizer = torch.optim.AdamW([{"params": fusion.parameters(), "peak": rate}, {"params": memory.parameters(), "peak": rate / 2}], lr=rate, betas=(0.9, 0.98), weight_decay=0.05)
    means = [torch.optim.swa_utils.AveragedModel(m, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)) for m in (memory, fusion)]
    step, started, share, losses = 0, time.time(), 1.0, []
    there = torch.ones(photo_count + sentence_count, SHOWN, dtype=torch.bool)
    there[photo_count:, -CELLS:] = False
    while share > 0:
        share = annealed(0, 1, started, minutes)
        set_rate(optimizer, min((step + 1) / 100, 1) * share)
        (rows, asked), (blank, told) = questions.batch(photo_count, more), others.batch(sentence_count, more)
        whole = fusion.looked(torch.cat([seen(memory, rows), seen.blind(memory, sentences.rows(blank))]))
        asked += [(photo_count + place, *row) for place, *row in told]
        owner = torch.tensor([place for place, _, _ in asked])
        loss = sum(answer_loss(logits, [asked[i][2] for i in some], q) for some, logits in in_parts([states[text] for _, text, _ in asked], lambda some, x, mask: fusion(x, mask, whole, owner[some], there))) / len(asked)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        for mean, model in zip(means, (memory, fusion)):
            mean.update_parameters(model)
        losses.append(loss.item())
        step += 1
        if step % 250 == 0 or share == 0:
            print(f"step {step}, rate {share:.2f}: loss {np.mean(losses[-250:]):.3f}, {(time.time() - started) / 60:.1f} min", flush=True)
            print("   " + dev_scores(work, flickr["dev"], seen, *(m.module for m in means), answers), flush=True)
            torch.save({"memory": means[0].module.state_dict(), "fusion": means[1].module.state_dict(), "answers": answers, "steps": step}, work / "answers.pt")


def write_mean(work, first, last, share):
    """answers.pt becomes the mean of two heads, `share` of the last; an answer that the first did not know is as in the last."""
    prefix, first, last = Prefix(), torch.load(work / first), torch.load(work / last)
    networks = Memory(prefix), Fusion(len(last["answers"]))
    networks[0].load_state_dict(last["memory"]), networks[1].load_state_dict(last["fusion"])
    go_on(first, *networks, last["answers"])
    mean = lambda key, network: {name: share * last[key][name] + (1 - share) * old for name, old in network.state_dict().items()}
    torch.save({**last, "memory": mean("memory", networks[0]), "fusion": mean("fusion", networks[1])}, work / "answers.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--photos", type=int, default=112, help="in a batch")
    parser.add_argument("--more", type=int, default=1, help="questions of each photo beside the one it was drawn by")
    parser.add_argument("--sentences", type=int, default=40, help="COCO captions without a photo in a batch")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--q", type=float, default=0.2)
    parser.add_argument("--from", dest="start_from", help="a file of WORK to go on from")
    parser.add_argument("--mean", nargs=2, metavar=("FIRST", "LAST"), help="write the mean of two files of WORK to answers.pt instead")
    parser.add_argument("--share", type=float, default=0.7, help="of the last in that mean")
    given = parser.parse_args()
    if given.mean:
        write_mean(given.work, *given.mean, given.share)
        raise SystemExit
    train(given.data, given.work, given.minutes, given.photos, given.sentences, given.more, given.rate, given.q, given.start_from)
