"""Stores the large weights of an ONNX graph in 4, 8 or 16 bits, to be turned back into float32 when a session loads it.

A float16 weight is a `Cast`; an int8 weight is a `Cast`, a `Mul` by one scale for each run of 64 numbers along
its inputs, and a `Reshape`; 1 x 1 convolutions count as matrices, other convolutions are stored in float16. Of a table of words, which
are in the order of how often they are met, the rarer ones are stored in 4 bits, two in a byte. ONNX Runtime folds all of it at load, so the
graph computes in float32 at full speed: only the file is small. Whole numbers, such as places, take 16 bits too.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST = 2048
RUNS = (64, 32, 16)
# From which row on a table is stored in 4 bits, and how many numbers share a scale there.
SELDOM, SELDOM_RUN = 9_000, 32


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


def least_error(blocks, axis, steps, ends, shares):
    """-> for each run along an axis the float16 scale that loses least, of shares of the one that keeps the run's largest number, and whole numbers"""
    top = np.maximum(np.abs(blocks).max(axis, keepdims=True), 1e-4)  # a scale that float16 can hold
    best, best_error = None, None
    for share in shares:
        scale = (top * share / steps).astype(np.float16).astype(np.float32)
        error = ((np.clip(np.round(blocks / scale), *ends) * scale - blocks) ** 2).sum(axis, keepdims=True)
        if best is None:
            best, best_error = scale, error
        else:
            best, best_error = np.where(error < best_error, scale, best), np.minimum(error, best_error)
    return best.astype(np.float16), np.clip(np.round(blocks / best), *ends)


def to_int8(values, axis):
    """[a, b] -> whole numbers and float16 scales, both with the chosen axis cut into runs."""
    length = values.shape[axis]
    run = next((r for r in RUNS if length % r == 0), length)
    cut = [length // run, run]
    shape = [*values.shape[:axis], *cut, *values.shape[axis + 1:]]
    blocks = values.reshape(shape)
    scale, whole = least_error(blocks, axis + 1, 127, (-127, 127), (1.0, 0.96, 0.92, 0.88, 0.84))
    return whole.astype(np.int8), scale


def to_int4(values):
    """[a, b] -> bytes [a, b / 32, 16], each with a number of the run's first half in its lower bits and of its second in its higher, and float16 scales"""
    blocks = values.reshape(len(values), -1, SELDOM_RUN)
    scale, best = least_error(blocks, 2, 7.5, (-8, 7), (1.0, 0.95, 0.9, 0.85, 0.8, 0.75))
    low, high = np.split((best + 8).astype(np.uint8), 2, axis=2)
    return low + 16 * high, scale


def from_int4(packed, scale):
    """What a session makes of them: [a, b]"""
    whole = np.concatenate([packed % 16, packed // 16], 2).astype(np.float32) - 8
    return (whole * scale.astype(np.float32)).reshape(len(packed), -1)


class Store:
    """Weights as they are stored, and the nodes that make float32 of them."""

    def __init__(self):
        self.tensors, self.nodes = [], []

    def tensor(self, name, values):
        self.tensors.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, kind, inputs, output, **more):
        self.nodes.append(helper.make_node(kind, inputs, [output], **more))
        return output

    def cast(self, name, values, output, to=TensorProto.FLOAT):
        return self.node("Cast", [self.tensor(name, values)], output, to=to)

    def short(self, name, values):
        return self.cast(f"{name}_int16", values.astype(np.int16), name, TensorProto.INT64)

    def half(self, name, values, output):
        return self.cast(name, values.astype(np.float16), output)

    def scaled(self, name, whole, scale, shape):
        runs = self.node("Mul", [whole, self.half(f"{name}_scale", scale, f"{name}_step")], f"{name}_runs")
        return self.node("Reshape", [runs, self.tensor(f"{name}_shape", np.array(shape, np.int64))], name)

    def int8(self, name, values, axis):
        whole, scale = to_int8(values.reshape(values.shape[:2]), axis)
        return self.scaled(name, self.cast(f"{name}_int8", whole, f"{name}_whole"), scale, values.shape)

    def int4(self, name, values):
        packed, scale = to_int4(values)
        number = lambda label, value: self.tensor(f"{name}_{label}", np.float32(value))
        both = self.cast(f"{name}_int4", packed, f"{name}_both")
        high = self.node("Floor", [self.node("Mul", [both, number("sixteenth", 1 / 16)], f"{name}_halved")], f"{name}_high")
        low = self.node("Sub", [both, self.node("Mul", [high, number("sixteen", 16)], f"{name}_raised")], f"{name}_low")
        whole = self.node("Sub", [self.node("Concat", [low, high], f"{name}_joined", axis=2), number("eight", 8)], f"{name}_whole")
        return self.scaled(name, whole, scale, values.shape)

    def table(self, name, values):
        often, seldom = self.int8(f"{name}_often", values[:SELDOM], 1), self.int4(f"{name}_seldom", values[SELDOM:])
        return self.node("Concat", [often, seldom], name, axis=0)


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


def shorten(graph, weights):
    """Takes away the names of nodes and gives what passes between them short ones, but for weights: they were a fiftieth of the file."""
    known, short = {x.name for x in [*graph.input, *graph.output, *graph.initializer]} | weights | {""}, {}
    name = lambda old: old if old in known else short.setdefault(old, f"v{len(short)}")
    for node in graph.node:
        node.input[:], node.output[:] = map(name, node.input), map(name, node.output)
        node.ClearField("name")
    del graph.value_info[:]


def shrink(path, choose):
    """`choose(node)` -> "table", "int8", "float16" or None for each large float32 weight, by the node that uses it."""
    model = onnx.load(path)
    graph = model.graph
    share(graph)
    store, weights = Store(), {tensor.name for tensor in graph.initializer}
    for tensor in graph.initializer:
        name, values = tensor.name, numpy_helper.to_array(tensor)
        node = next((n for n in graph.node if name in n.input), None)
        kind = choose(node) if node and tensor.data_type == TensorProto.FLOAT and values.size >= SMALLEST else None
        pointwise = values.ndim == 4 and values.shape[2:] == (1, 1)
        axis = 1 if pointwise else input_axis(graph, name) if values.ndim == 2 else None
        if tensor.data_type == TensorProto.INT64 and values.size >= SMALLEST and np.abs(values).max() < 2**15:
            store.short(name, values)
        elif kind == "table":
            store.table(name, values)
        elif kind == "int8" and axis is not None:
            store.int8(name, values, axis)
        elif kind:
            store.half(f"{name}_half", values, name)
        else:
            store.tensors.append(tensor)
    nodes = [*store.nodes, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(store.tensors), graph.node.extend(nodes)
    shorten(graph, weights)
    onnx.checker.check_model(model)
    onnx.save(model, path)
