"""Stores the large weights of an ONNX graph as int8 or float16, to be turned back into float32 when a session loads it.

A float16 weight is a `Cast`; an int8 weight is a `Cast`, a `Mul` by one scale for each run of 64 numbers along
its inputs, and a `Reshape`; 1 x 1 convolutions count as matrices, other convolutions are stored in float16. ONNX Runtime folds all of it at load, so the graph computes in float32 at full
speed: only the file is small.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST = 2048
RUNS = (64, 32, 16)


def input_axis(graph, name):
    """Along which axis of a weight its inputs run (for a table: along the row); None where int8 is not for it."""
    for node in graph.node:
        if name in node.input:
            if node.op_type == "MatMul":
                return 0
            if node.op_type == "Gemm":
                return 1 if any(a.name == "transB" and a.i for a in node.attribute) else 0
            if node.op_type in ("Gather", "Slice"):  # a slice of a linear layer's rows, each of which makes one output
                return 1
    return None


def to_int8(values, axis):
    """[a, b] -> whole numbers and float16 scales, both with the chosen axis cut into runs."""
    length = values.shape[axis]
    run = next((r for r in RUNS if length % r == 0), length)
    cut = [length // run, run]
    shape = [*values.shape[:axis], *cut, *values.shape[axis + 1:]]
    blocks = values.reshape(shape)
    top = np.maximum(np.abs(blocks).max(axis + 1, keepdims=True), 1e-4)  # a scale that float16 can hold
    best, best_error = None, None
    for share in (1.0, 0.96, 0.92, 0.88, 0.84):
        scale = (top * share / 127).astype(np.float16).astype(np.float32)
        error = ((np.clip(np.round(blocks / scale), -127, 127) * scale - blocks) ** 2).sum(axis + 1, keepdims=True)
        if best is None:
            best, best_error = scale, error
        else:
            best, best_error = np.where(error < best_error, scale, best), np.minimum(error, best_error)
    return np.clip(np.round(blocks / best), -127, 127).astype(np.int8), best.astype(np.float16)


def share(graph):
    """What the exporter wrote twice, because the graph uses it twice, is kept once; so is what it passes on by an `Identity`."""
    first, moved = {}, {}
    for tensor in graph.initializer:
        moved[tensor.name] = first.setdefault((tuple(tensor.dims), tensor.data_type, numpy_helper.to_array(tensor).tobytes()), tensor.name)
    nodes = []
    for node in graph.node:
        node.input[:] = [moved.get(name, name) for name in node.input]
        if node.op_type == "Identity" and node.input[0] in moved:
            moved[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    once = [tensor for tensor in graph.initializer if moved[tensor.name] == tensor.name]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(once), graph.node.extend(nodes)


def shrink(path, choose):
    """`choose(node)` -> "int8", "float16" or None for each large float32 weight, by the node that uses it."""
    model = onnx.load(path)
    graph = model.graph
    share(graph)
    kept, added = [], []
    for tensor in graph.initializer:
        name, values = tensor.name, numpy_helper.to_array(tensor)
        node = next((n for n in graph.node if name in n.input), None)
        kind = choose(node) if node and tensor.data_type == TensorProto.FLOAT and values.size >= SMALLEST else None
        pointwise = values.ndim == 4 and values.shape[2:] == (1, 1)
        axis = 1 if pointwise else input_axis(graph, name) if values.ndim == 2 else None
        if kind == "int8" and axis is not None:
            whole, scale = to_int8(values.reshape(values.shape[:2]), axis)
            kept += [numpy_helper.from_array(whole, name + "_int8"), numpy_helper.from_array(scale, name + "_scale"),
                     numpy_helper.from_array(np.array(values.shape, np.int64), name + "_shape")]
            added += [helper.make_node("Cast", [name + "_int8"], [name + "_whole"], to=TensorProto.FLOAT),
                      helper.make_node("Cast", [name + "_scale"], [name + "_step"], to=TensorProto.FLOAT),
                      helper.make_node("Mul", [name + "_whole", name + "_step"], [name + "_runs"]),
                      helper.make_node("Reshape", [name + "_runs", name + "_shape"], [name])]
        elif kind:
            kept.append(numpy_helper.from_array(values.astype(np.float16), name + "_half"))
            added.append(helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT))
        else:
            kept.append(tensor)
    nodes = [*added, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept), graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)
