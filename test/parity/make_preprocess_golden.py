"""Writes the reference pixels that the starter model's preprocessing is compared with.

Usage: python test/parity/make_preprocess_golden.py samples test/parity/preprocess

For every photo in the first folder, writes NAME.png into the second: turned
upright by its EXIF orientation, converted to RGB, squashed to 224 x 224 with
Pillow's bicubic filter (fit "fill"). For three photos of different shapes it
also writes NAME.cover.png: the shortest side resized to 224, rounded as
torchvision's Resize does, then the centre cropped as its CenterCrop does.
An embedded colour profile is ignored, as the reference image processors ignore
it (sample-05 is in Adobe RGB). PNG keeps the pixels exactly. Needs Pillow and numpy; written with Pillow 13.0.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SIZE = 224
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
# One turned by its EXIF orientation, one wide, one nearly square.
COVER_NAMES = {"sample-03", "sample-07", "sample-14"}


def open_upright(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def resize_fill(image: Image.Image) -> Image.Image:
    return image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def resize_cover(image: Image.Image) -> Image.Image:
    width, height = image.size
    shortest = min(width, height)
    # torchvision truncates the long side, and rounds the crop's corner half to even.
    width, height = int(SIZE * width / shortest), int(SIZE * height / shortest)
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    left = int(round((width - SIZE) / 2.0))
    top = int(round((height - SIZE) / 2.0))
    return resized.crop((left, top, left + SIZE, top + SIZE))


def save_golden(image: Image.Image, path: Path) -> None:
    pixels = np.asarray(image)
    if pixels.shape != (SIZE, SIZE, 3) or pixels.dtype != np.uint8:
        raise ValueError(f"{path}: expected {SIZE} x {SIZE} x 3 uint8, got {pixels.shape} {pixels.dtype}")
    Image.fromarray(pixels).save(path, optimize=True)
    with Image.open(path) as written:
        if not np.array_equal(np.asarray(written), pixels):
            raise ValueError(f"{path}: the pixels read back differ from those written")


def main(photos: Path, output: Path) -> None:
    paths = sorted(path for path in photos.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
    if not paths:
        raise SystemExit(f"expected photos in {photos}, found none")
    output.mkdir(parents=True, exist_ok=True)
    for path in paths:
        image = open_upright(path)
        save_golden(resize_fill(image), output / f"{path.stem}.png")
        if path.stem in COVER_NAMES:
            save_golden(resize_cover(image), output / f"{path.stem}.cover.png")
        print(path.name, image.size)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
