"""Writes a WORK folder from the shipped model, so that training goes on without the folder it was made in.

python recover.py DATA WORK MODEL_FOLDER

The graphs are exported once more with random weights, which tell where in the shipped graphs each weight went. Weights come
back as they are stored, an int8 one to within its step; exported again, they are stored alike, but for the decoder's table, of which two copies ship.
"""

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from common import load_backbone, read_flickr, write_json
from counting import Counters
from detector import Detector
from export import WEIGHT, load_models, write_graphs
from features import embed_class_names
from fusion import Fusion, Memory
from language import Decoder, Prefix
from networks import Branch, ImageHead, TextHead, Words
from shrink import from_int4, share
from tune import vocabulary


def networks(words, answers):
    """-> by file of WORK, its networks by name, their weights random"""
    prefix = Prefix(words)
    files = {"tuned.pt": {"branch": Branch(load_backbone()), "words": Words(words), "image": ImageHead(), "text": TextHead()},
             "decoder.pt": {"prefix": prefix, "decoder": Decoder()}, "answers.pt": {"memory": Memory(prefix), "fusion": Fusion(answers)},
             "counts.pt": {"detector": Detector(), "counters": Counters()}}
    for network in (network for parts in files.values() for network in parts.values()):
        for tensor in network.state_dict().values():
            tensor.normal_()
    return files


def write(work, files, more):
    for name, parts in files.items():
        torch.save({**{key: network.state_dict() for key, network in parts.items()}, **more.get(name, {})}, work / name)


def stored(graph):
    """-> a function from the name of a stored weight to its values, as a session makes them of what `shrink.py` wrote"""
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}

    def value(name):
        if f"{name}_seldom_int4" in held:
            return np.concatenate([value(f"{name}_often"), from_int4(held[f"{name}_seldom_int4"], held[f"{name}_seldom_scale"])])
        if name + "_int8" in held:
            return (held[name + "_int8"].astype(np.float32) * held[name + "_scale"].astype(np.float32)).reshape(held[name + "_shape"])
        if name + "_int16" in held:
            return held[name + "_int16"].astype(np.int64)
        return held[name + "_half"].astype(np.float32) if name + "_half" in held else held[name]

    return value


def pairs(fresh, shipped):
    """-> [(weight with random values, shipped weight)], by walking two graphs that differ in nothing else"""
    share(fresh)
    random, value = {tensor.name: numpy_helper.to_array(tensor) for tensor in fresh.initializer}, stored(shipped)
    own = list(shipped.node)[-len(fresh.node):]  # those before turn stored weights into float32
    if [node.op_type for node in own] != [node.op_type for node in fresh.node]:
        raise SystemExit("The shipped graphs were written by another export.py: check out the commit that wrote them.")
    for node, other in zip(fresh.node, own):
        yield from ((random[name], value(name_there)) for name, name_there in zip(node.input, other.input) if name in random)


def fill(parts, found):
    """Puts shipped weights where random ones were; a matrix may have been turned."""
    for network in parts.values():
        for name, tensor in network.state_dict().items():
            turned = tensor.ndim == 2 and tensor.T.contiguous().numpy().tobytes() in found
            key = (tensor.T.contiguous() if turned else tensor).numpy().tobytes()
            if key not in found:
                raise SystemExit(f"{name} is in none of the shipped graphs.")
            shipped = torch.from_numpy(found[key].copy())
            tensor.copy_((shipped.T if turned else shipped).reshape(tensor.shape))


def main(data, work, folder):
    if (work / "tuned.pt").exists():
        raise SystemExit(f"{work} has trained weights. Name an empty folder.")
    work.mkdir(parents=True, exist_ok=True)
    manifest, answers = (json.loads((folder / name).read_text("utf-8")) for name in ("model.json", "answers.json"))
    words = vocabulary(read_flickr(data)["train"])
    files, more = networks(len(words), len(answers)), {"tuned.pt": {"vocabulary": words}, "answers.pt": {"answers": answers}}
    embed_class_names(work)
    found = {}
    with TemporaryDirectory() as fresh:
        fresh = Path(fresh)
        embed_class_names(fresh)
        write(fresh, files, more)
        *models, _ = load_models(fresh, WEIGHT)
        write_graphs(*models, fresh)
        for path in fresh.glob("*.onnx"):
            found |= {random.tobytes(): shipped for random, shipped in pairs(onnx.load(path).graph, onnx.load(folder / path.name).graph)}
    for parts in files.values():
        fill(parts, found)
    write(work, files, more)
    shutil.copy(folder / "decoder/tokenizer.json", work / "decoder-tokenizer.json")
    write_json(work / "relevance.json", manifest["embed"]["relevance"])
    write_json(work / "sureness.json", manifest["answer"]["sureness"])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
