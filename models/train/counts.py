"""Trains what counts: four readers of what the detector finds, over the training captions' questions of number.

python counts.py DATA WORK

Common numbers are thinned out, and what is left of their advantage is taken away at the end (Menon et al. 2021).
WORK/counts.pt gets the readers, and the detector as its package has it.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from torch import nn

from answers import draws_of, kept_states
from common import SIZE, read_flickr, seed_everything, set_rate
from counting import FACTS, NUMBERS, Counter, Counters
from detector import KINDS, load_detector
from evaluate import even_share
from export import Counting, write_onnx
from features import extract
from itc import pad

VIEWS = ("plain", "mirror")
STEPS, ROWS, RATE, DECAY, NOISE = 600, 256, 1e-3, 0.3, 0.03


def read_facts(data, work, detector):
    """-> facts of the training photos in every view [2, n, 20, 16], and of the dev photos"""
    write_onnx(Counting(detector), (torch.zeros(2, 3, SIZE, SIZE),), work / "facts.onnx", ["pixels"], ["facts"], {"pixels": {0: "n"}, "facts": {0: "n"}})
    session, flickr = onnxruntime.InferenceSession(str(work / "facts.onnx"), providers=["CPUExecutionProvider"]), read_flickr(data)

    def of(split, kind):
        path = work / f"facts.{split}.{kind}.npy"
        extract(lambda pixels: session.run(None, {"pixels": pixels}), [data / "flickr8k/images" / name for name, _ in flickr[split]], kind, path, {"": (len(KINDS), FACTS)})
        return torch.from_numpy(np.load(path).astype(np.float32))

    return torch.stack([of("train", kind) for kind in VIEWS]), of("dev", "plain")


class Asked:
    """The questions of number about some photos, once for each text: photo, text, and which numbers are right, one of them `said`."""

    def __init__(self, images):
        right = {(photo, text): [n for n in given if n in NUMBERS] for draw in draws_of(images) for photo, text, given in draw["number"]}
        self.places = [place for place in right if right[place]]
        self.photos = torch.tensor([photo for photo, _ in self.places])
        self.right = torch.tensor([[n in right[place] for n in NUMBERS] for place in self.places])
        self.said = torch.tensor([NUMBERS.index(right[place][0]) for place in self.places])

    def states(self, known, some):
        return pad([known[self.places[i][1]] for i in some.tolist()])


@torch.no_grad()
def dev_score(counter, asked, known, seen):
    counter.eval()
    every = torch.arange(len(asked.said))
    best = torch.cat([counter(*asked.states(known, some), seen[asked.photos[some]]).argmax(1) for some in every.split(500)])
    hits = asked.right[every, best].numpy()
    return f"dev: {100 * hits.mean():.1f} right, {even_share(hits, [NUMBERS[i] for i in asked.said]):.1f} by the mean over the numbers"


def begin(known):
    """A counter that looks for the kinds whose names are like the text."""
    counter = Counter()
    counter.norm = nn.BatchNorm1d(3 * FACTS)
    counter.kinds.weight.data = F.normalize(torch.stack([known[name].float()[1:-1].mean(0) for name in KINDS]), dim=-1)
    return counter


def train_counter(train, known, views):
    counter, often = begin(known), torch.bincount(train.said, minlength=len(NUMBERS)).float()
    optimizer = torch.optim.AdamW([{"params": counter.parameters(), "peak": RATE}], lr=RATE, weight_decay=DECAY)
    for step in range(STEPS):
        set_rate(optimizer, 1 - step / STEPS)
        some = torch.multinomial(often[train.said] ** -0.5, ROWS, True)
        seen = views[torch.randint(len(views), (ROWS,)), train.photos[some]]
        logs = counter(*train.states(known, some), seen + NOISE * torch.randn_like(seen))
        loss = -logs.masked_fill(~train.right[some], -1e9).logsumexp(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        counter.out[-1].bias -= 0.5 * often.log()
        counter.fold()
    return counter


def main(data, work):
    detector, flickr = load_detector(work), read_flickr(data)
    views, dev_facts = read_facts(data, work, detector)
    train, dev = Asked(flickr["train"]), Asked(flickr["dev"])
    known, counters = kept_states(work, sorted({text for _, text in [*train.places, *dev.places]} | {*KINDS})), Counters()
    for number in range(len(counters)):
        seed_everything(number)
        counters[number] = train_counter(train, known, views)
        print(f"{len(train.said)} questions, {len(dev.said)} of dev; {dev_score(counters[number], dev, known, dev_facts)}", flush=True)
    print(f"together {dev_score(counters, dev, known, dev_facts)}")
    torch.save({"detector": detector.state_dict(), "counters": counters.state_dict()}, work / "counts.pt")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
