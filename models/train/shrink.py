"""Stores the large weights of an ONNX graph as int8 or float16, to be turned back into float32 when a session loads it.

A weight becomes `Cast` (float16) or `Cast` and `Mul` by one scale a channel (int8). ONNX Runtime folds
both at load, so the graph computes in float32 at full speed: only the file is small.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST = 2048


def channel_axis(graph, name):
    """Which axis of a weight has a scale of its own: the outputs of a layer, the rows of a table."""
    for node in graph.node:
        if name in node.input:
            if node.op_type == "MatMul":
                return -1
            if node.op_type == "Gemm":
                transposed = any(a.name == "transB" and a.i for a in node.attribute)
                return 0 if transposed else 1
            if node.op_type in ("Conv", "Gather"):
                return 0
    return None


def to_int8(values, axis):
    """Symmetric, with the scale of each channel chosen among a few for the least squared error."""
    moved = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    top = np.maximum(np.abs(moved).max(1, keepdims=True), 1e-8)
    best, best_error = None, None
    for share in (1.0, 0.96, 0.92, 0.88, 0.84, 0.8):
        scale = top * share / 127
        error = ((np.clip(np.round(moved / scale), -127, 127) * scale - moved) ** 2).sum(1, keepdims=True)
        if best is None:
            best, best_error = scale, error
        else:
            best, best_error = np.where(error < best_error, scale, best), np.minimum(error, best_error)
    shape = [1] * values.ndim
    shape[axis] = values.shape[axis]
    scale = best.astype(np.float32).reshape(shape)
    return np.clip(np.round(values / scale), -127, 127).astype(np.int8), scale


def shrink(path, choose):
    """`choose(name, op)` -> "int8", "float16" or None for each large float32 weight of the graph at `path`."""
    model = onnx.load(path)
    graph = model.graph
    kept, added = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        axis = channel_axis(graph, tensor.name)
        op = next((n.op_type for n in graph.node if tensor.name in n.input), "")
        kind = choose(tensor.name, op) if tensor.data_type == TensorProto.FLOAT and values.size >= SMALLEST else None
        if kind == "int8" and axis is not None and values.ndim >= 2:
            whole, scale = to_int8(values, axis)
            kept += [numpy_helper.from_array(whole, tensor.name + "_int8"), numpy_helper.from_array(scale, tensor.name + "_scale")]
            added += [helper.make_node("Cast", [tensor.name + "_int8"], [tensor.name + "_float"], to=TensorProto.FLOAT),
                      helper.make_node("Mul", [tensor.name + "_float", tensor.name + "_scale"], [tensor.name])]
        elif kind:
            kept.append(numpy_helper.from_array(values.astype(np.float16), tensor.name + "_half"))
            added.append(helper.make_node("Cast", [tensor.name + "_half"], [tensor.name], to=TensorProto.FLOAT))
        else:
            kept.append(tensor)
    nodes = [*added, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept), graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)
