"""What the shipped vision graph shows of every photo, in several views: both looks, averaged as the app averages them.

python shown.py DATA WORK MODEL_FOLDER

`refine.py --frozen` trains on these, float16 [n, 68, 320], so that the decoder learns from the very vectors it will be
asked about, and a step is cheap. The crops are other ones than those of `features.py`.
"""

import random
import sys
from pathlib import Path

import numpy as np
import torch

from common import read_flickr
from features import extract
from fusion import SHOWN
from language import SIZES
from runtime import Starter

VIEWS = ("plain", "mirror", "crop10", "crop11", "crop12", "crop13")


class Looks:
    """The first `count` vectors shown of every view of the training photos, row by row, and of the dev photos."""

    def __init__(self, work, count):
        self.views = {name: np.load(work / f"shown.{name}.npy", mmap_mode="r")[:, :count] for name in ("dev.plain", *(f"train.{kind}" for kind in VIEWS))}

    def rows(self, rows, names):
        return (torch.from_numpy(np.stack([self.views[name][row] for name, row in zip(names, rows)]).astype(np.float32)),)

    def train(self, rows):
        return self.rows(rows, random.choices([*self.views][1:], k=len(rows)))

    def dev(self, first, last):
        return self.rows(range(first, last), ["dev.plain"] * (last - first))


def main(data, work, folder):
    flickr, model = read_flickr(data), Starter(folder)
    show = lambda pixels: [model.see(pixels)[1][:, :SHOWN]]
    for split, views in (("dev", VIEWS[:1]), ("train", VIEWS)):
        for kind in views:
            target = work / f"shown.{split}.{kind}.npy"
            target.unlink(missing_ok=True)  # of an earlier export
            extract(show, [data / "flickr8k/images" / name for name, _ in flickr[split]], kind, target, {"": (SHOWN, SIZES["width"])})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
