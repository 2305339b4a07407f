"""What the shipped vision graph shows of every photo, in several views: both looks, averaged as the app averages them.

python shown.py DATA WORK MODEL_FOLDER

`refine.py --frozen` trains on these, float16 [n, 68, 320], so that the decoder learns from the very vectors it will be
asked about, and a step is cheap. The crops are other ones than those of `features.py`.
"""

import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from common import read_flickr
from features import view
from fusion import SHOWN
from language import SIZES
from runtime import Starter

VIEWS = ("plain", "mirror", "crop10", "crop11", "crop12", "crop13")


def write(model, paths, kind, target, batch=16):
    part, started = target.with_suffix(".part.npy"), time.time()
    out = np.lib.format.open_memmap(part, "w+", np.float16, (len(paths), SHOWN, SIZES["width"]))
    with ThreadPoolExecutor(2) as pool:
        for at in range(0, len(paths), batch):
            pixels = np.stack([*pool.map(lambda path: view(path, kind, f"{kind}/{path.name}"), paths[at:at + batch])])
            out[at:at + batch] = model.vision.run(["image_tokens"], {"pixel_values": pixels})[0]
    out.flush()
    part.rename(target)
    print(f"{target.name}: {len(paths) / (time.time() - started):.0f} photos a second", flush=True)


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
    for split, views in (("dev", VIEWS[:1]), ("train", VIEWS)):
        for kind in views:
            write(model, [data / "flickr8k/images" / name for name, _ in flickr[split]], kind, work / f"shown.{split}.{kind}.npy")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
