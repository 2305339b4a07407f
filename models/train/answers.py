"""Trains the answer head: a question's MiniLM tokens attend to the photo; answers as classes, and image-text matching.

python answers.py DATA WORK [--minutes 40]

As in BERT + CNN systems for visual question answering (and ITM of ALBEF, Li et al. 2021): two small transformer layers
over the text, crossing to what the query transformer reads of the photo (cells of the tuned grid and hints), then a
softmax over the answers that training captions give at least twelve times, and a logit of text and photo belonging
together. Questions are made as for `decoder.py`, rare answers drawn as often as common ones. Wrong captions for the
matching are those that the search vectors would confuse with the right ones.

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
from decoder import Photos
from evaluate import correct
from fusion import Fusion, Memory
from itc import Texts, by_length, cached, keep, load_text, pad, read
from language import Prefix
from networks import TextHead
from qa import memory_pairs, test_rows

LEAST, DRAWS = 12, 4


def plain(answer):
    return re.sub(r"^(a|an|the) ", "", answer.strip())


def spoken(turns, question):
    """A conversation as one text: earlier questions with their answers, then the question."""
    return " ".join([*(f"{q} {a}" for q, a in turns), question])


class Questions:
    """Several draws of the training questions, their answers as numbers, and the texts' states."""

    def __init__(self, work, images):
        draws = [questions_of(images, random.Random(seed), lambda question: question)[0] for seed in range(1, DRAWS + 1)]
        surfaces = defaultdict(Counter)
        for rows in draws[0].values():
            for _, _, right in rows:
                for answer in {a.strip() for a in right}:
                    surfaces[plain(answer)][answer] += 1
        often = Counter({key: max(seen.values()) for key, seen in surfaces.items()})
        keys = [key for key, count in often.most_common() if count >= LEAST]
        #: As a person would say it: `a dog`, where captions have both that and `dog`.
        self.answers = [max(surfaces[key], key=lambda said: (surfaces[key][said], len(said))) for key in keys]
        number = {key: i for i, key in enumerate(keys)}
        self.draws = []
        for rows in draws:
            numbered = {kind: [(photo, text, right) for photo, text, said in asked if (right := sorted({number[plain(a)] for a in said if plain(a) in number}))] for kind, asked in rows.items()}
            chances = evenly(numbered)
            of_photo = defaultdict(lambda: ([], []))
            for kind, asked in numbered.items():
                for row, chance in zip(asked, np.diff(chances[kind], prepend=0) * SHARES[kind]):
                    of_photo[row[0]][0].append(row), of_photo[row[0]][1].append(chance)
            self.draws.append((numbered, chances, of_photo))
        texts = sorted({text for numbered, *_ in self.draws for rows in numbered.values() for _, text, _ in rows})
        self.states = kept_states(work, texts)

    def batch(self, photos, more):
        """-> photos (some more than once), and [(place of its photo, text, right answers)]"""
        numbered, chances, of_photo = random.choice(self.draws)
        drawn = [row for _, row in draw(numbered, chances, photos)]
        rows = [(place, *row[1:]) for place, row in enumerate(drawn)]
        for place, (photo, _, _) in enumerate(drawn):
            rows += [(place, *row[1:]) for row in random.choices(*of_photo[photo], k=more)]
        return [row[0] for row in drawn], rows


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


class Confusable:
    """For each training photo, captions of other photos that the search vectors hold for its own."""

    def __init__(self, data, work, photos, first=4, last=64):
        texts, saved = Texts(data, work, "train"), torch.load(work / "tuned.pt")
        self.own, self.words = texts.of_image, [c for _, captions in texts.images for c in captions]
        self.wrong = cached(work / "confusable.pt", lambda: self.rank(texts, photos, saved, first, last))
        self.states = cached(work / "caption-states.pt", lambda: last_states(work, self.words))

    @torch.no_grad()
    def rank(self, texts, photos, saved, first, last):
        head = TextHead().eval()
        head.load_state_dict(saved["text"])
        learned = torch.cat([by_length(head, texts.states[i:i + 500]) for i in range(0, len(texts.states), 500)])
        _, conse, image, _ = photos.views["train.plain"]
        words, images = (torch.cat([0.8 * a.float(), 0.6 * b.float()], 1) for a, b in ((learned, texts.vectors), (image, conse)))
        out = []
        for start in range(0, len(images), 200):
            similarity = images[start:start + 200] @ words.T
            for row, best in enumerate(similarity):
                best[self.own[start + row]] = -1
            out.append(similarity.topk(last).indices[:, first:])
        return torch.cat(out)

    def batch(self, photos):
        """-> captions' numbers: one of each photo's own, then one wrong one of each"""
        return [random.choice(self.own[p]) for p in photos] + [int(random.choice(self.wrong[p])) for p in photos]


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
        return torch.cat([F.dropout(before, memory.dropout, memory.training), memory(hints, grid)], 1)


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
        for some, (logits, _) in in_parts(states, lambda rows, x, mask: fusion(x, mask, views, torch.tensor(photos)[rows]), 20):
            for row, best in zip(some, logits.argmax(1).tolist()):
                out[row] = answers[best]
        return out

    found, other = answered([p for p, _ in asked]), answered([place[moved[p]] for p, _ in asked])
    right = lambda given: np.array([correct(a, r[7] or r[4]) for a, r in zip(given, rows)])
    kinds, truth = np.array([r[1] for r in rows]), np.array([r[3] for r in rows])
    even = lambda hits, kind: np.mean([hits[(kinds == kind) & (truth == one)].mean() for one in set(truth[kinds == kind]) if " " not in one])
    line = [f"{kind} {100 * right(found)[kinds == kind].mean():.1f} ({100 * right(other)[kinds == kind].mean():.1f})" for kind in dict.fromkeys(kinds)]
    line += [f"even {kind} {100 * even(right(found), kind):.1f} ({100 * even(right(other), kind):.1f})" for kind in ("colour", "number")]
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


def train(data, work, minutes, photo_count, more, matched, rate, q, start_from):
    seed_everything()
    flickr, photos = read_flickr(data), Photos(work)
    prefix = Prefix().eval().requires_grad_(False)
    prefix.load_state_dict(torch.load(work / "decoder.pt")["prefix"])
    seen, questions, confusable = Seen(work, photos, prefix), Questions(work, flickr["train"]), Confusable(data, work, photos)
    memory, fusion = Memory(prefix).requires_grad_(True), Fusion(len(questions.answers))
    if start_from:
        go_on(torch.load(work / start_from), memory, fusion, questions.answers)
    print(f"{len(questions.answers)} answers, {len(questions.states)} questions, {sum(p.numel() for p in [*memory.parameters(), *fusion.parameters()]) / 1e6:.1f} M", flush=True)
    parameters = [*memory.parameters(), *fusion.parameters()]
    optimizer = torch.optim.AdamW([{"params": fusion.parameters(), "peak": rate}, {"params": memory.parameters(), "peak": rate / 2}], lr=rate, betas=(0.9, 0.98), weight_decay=0.05)
    means = [torch.optim.swa_utils.AveragedModel(m, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)) for m in (memory, fusion)]
    step, started, share, losses = 0, time.time(), 1.0, []
    while share > 0:
        share = annealed(0, 1, started, minutes)
        set_rate(optimizer, min((step + 1) / 100, 1) * share)
        rows, asked = questions.batch(photo_count, more)
        whole, owner = fusion.looked(seen(memory, rows)), torch.tensor([place for place, _, _ in asked])
        answering = sum(answer_loss(logits, [asked[i][2] for i in some], q) for some, (logits, _) in in_parts([questions.states[text] for _, text, _ in asked], lambda some, x, mask: fusion(x, mask, whole, owner[some])))
        captions = confusable.batch(rows[:matched])
        truth = torch.tensor([1.0] * matched + [0.0] * matched)
        matching = sum(F.binary_cross_entropy_with_logits(logits, truth[some], reduction="sum") for some, (_, logits) in in_parts([confusable.states[i] for i in captions], lambda some, x, mask: fusion(x, mask, whole, some % matched)))
        loss = answering / len(asked) + 0.7 * matching / len(captions)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        for mean, model in zip(means, (memory, fusion)):
            mean.update_parameters(model)
        losses.append((answering.item() / len(asked), matching.item() / len(captions)))
        step += 1
        if step % 250 == 0 or share == 0:
            print(f"step {step}, rate {share:.2f}: answers {np.mean(losses[-250:], 0)[0]:.3f} matching {np.mean(losses[-250:], 0)[1]:.3f}, {(time.time() - started) / 60:.1f} min", flush=True)
            print("   " + dev_scores(work, flickr["dev"], seen, *(m.module for m in means), questions.answers), flush=True)
            torch.save({"memory": means[0].module.state_dict(), "fusion": means[1].module.state_dict(), "answers": questions.answers, "steps": step}, work / "answers.pt")


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
    parser.add_argument("--matched", type=int, default=40, help="photos in a batch with a right and a wrong caption")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--q", type=float, default=0.2)
    parser.add_argument("--from", dest="start_from", help="a file of WORK to go on from")
    parser.add_argument("--mean", nargs=2, metavar=("FIRST", "LAST"), help="write the mean of two files of WORK to answers.pt instead")
    parser.add_argument("--share", type=float, default=0.7, help="of the last in that mean")
    given = parser.parse_args()
    if given.mean:
        write_mean(given.work, *given.mean, given.share)
        raise SystemExit
    train(given.data, given.work, given.minutes, given.photos, given.more, given.matched, given.rate, given.q, given.start_from)
