"""Runs the frozen backbone once over every photo and stores its 7 x 7 x 1280 grids, its states before block 11 and the colours.

python features.py DATA WORK

Each training photo is seen six times: as it is, mirrored, and in four random crops with changed
light. All are float16 memory-mapped arrays, so that heads can be trained without the backbone, and its
last blocks without the first, which cost most.
"""

import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image, ImageEnhance, ImageOps

from common import SIZE, load_backbone, load_minilm, class_names, read_flickr, read_imagenet_samples, seed_everything, to_pixels
from networks import block_colours, early_states, plain_grid

CROPS = 4


class Grid(torch.nn.Module):
    """Pixels -> grid [n, 49, 1280], states before block 11 [n, 88, 14, 14], colours [n, 3, 28, 28]."""

    def __init__(self, backbone):
        super().__init__()
        self.net = backbone

    def forward(self, pixels):
        early = early_states(self.net, pixels)
        return plain_grid(self.net, early), early, block_colours(pixels)


def random_crop(image, rng):
    """A crop of 55 to 100 per cent of the area, mirrored half the time, with light and colour a little changed."""
    width, height = image.size
    area, ratio = rng.uniform(0.55, 1.0), rng.uniform(0.8, 1.25)
    w = min(width, round((width * height * area * ratio) ** 0.5))
    h = min(height, round((width * height * area / ratio) ** 0.5))
    x, y = rng.randint(0, width - w), rng.randint(0, height - h)
    image = image.crop((x, y, x + w, y + h)).resize((SIZE, SIZE), Image.BICUBIC)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(rng.uniform(0.8, 1.2))
    return ImageOps.mirror(image) if rng.random() < 0.5 else image


def view(path, kind, seed):
    image = Image.open(path).convert("RGB")
    if kind == "mirror":
        image = ImageOps.mirror(image)
    elif kind.startswith("crop"):
        image = random_crop(image, random.Random(seed))
    elif kind == "cover":
        image = ImageOps.fit(image, (SIZE, SIZE), Image.BICUBIC)
    return to_pixels(image)


def extract(run, paths, kind, target, shapes, batch=16):
    """Stores what `run(pixels)` gives of each photo, unless it is there: the first in `target`, others beside it by the names in `shapes`."""
    if target.exists():
        return
    part = target.with_suffix(".part.npy")
    beside = lambda name: target.with_name(f"{name}.{target.name}") if name else part
    arrays = [np.lib.format.open_memmap(beside(name), "w+", np.float16, (len(paths), *shape)) for name, shape in shapes.items()]
    started = time.time()
    with ThreadPoolExecutor(2) as pool:
        load = lambda start: [pool.submit(view, p, kind, f"{kind}/{p.name}") for p in paths[start:start + batch]]
        waiting = load(0)
        for start in range(0, len(paths), batch):
            pixels = np.stack([f.result() for f in waiting])
            waiting = load(start + batch)
            for array, values in zip(arrays, run(pixels), strict=True):
                array[start:start + batch] = values
    for array in arrays:
        array.flush()
    part.rename(target)
    print(f"{target.name}: {len(paths)} photos, {len(paths) / (time.time() - started):.0f} a second", flush=True)


def embed_class_names(work):
    """MiniLM's sentence vector of each ImageNet class name."""
    model, tokenizer = load_minilm(work)
    out = tokenizer(class_names(), padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**out).last_hidden_state
    mask = out["attention_mask"].unsqueeze(-1)
    pooled = (hidden * mask).sum(1) / mask.sum(1)
    np.save(work / "class-names.npy", torch.nn.functional.normalize(pooled, dim=-1).numpy())


def main(data, work):
    data, work = Path(data), Path(work)
    work.mkdir(parents=True, exist_ok=True)
    seed_everything()
    onnx_path = work / "grid.onnx"
    torch.onnx.export(Grid(load_backbone()), torch.zeros(2, 3, SIZE, SIZE), str(onnx_path), input_names=["pixels"], output_names=["grid", "early", "small"],
                      dynamic_axes={name: {0: "n"} for name in ("pixels", "grid", "early", "small")}, opset_version=17, dynamo=False)
    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    shapes = {"": (49, 1280), "early": (88, 14, 14), "small": (3, 28, 28)}
    store = lambda *what: extract(lambda pixels: session.run(None, {"pixels": pixels}), *what, shapes)
    flickr = read_flickr(data)
    photos = lambda split: [data / "flickr8k/images" / name for name, _ in flickr[split]]
    samples = [data / "imagenet-samples" / name for name, _ in read_imagenet_samples(data)]
    for split in ("dev", "train"):
        store(photos(split), "plain", work / f"{split}.plain.npy")
    for kind in ("fill", "cover"):
        store(samples, kind, work / f"samples.{kind}.npy")
    embed_class_names(work)
    for kind in ["mirror", *(f"crop{i}" for i in range(CROPS))]:
        store(photos("train"), kind, work / f"train.{kind}.npy")


if __name__ == "__main__":
    main(*sys.argv[1:])
