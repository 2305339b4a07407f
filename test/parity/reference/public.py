"""The parts of Florence-2 and ViT-GPT2 as public exports for transformers.js have them, where Iris's own are otherwise.

Their decoder computes keys and values of what it attends to itself, in its first pass: two graphs as the branches of one, chosen by
`use_cache_branch`, as Optimum merges them. What it gives in place of those keys and values later is of no use, here a zero.
"""

import tempfile
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, compose, helper
from torch import nn
from transformers import DynamicCache, EncoderDecoderCache, Florence2ForConditionalGeneration, VisionEncoderDecoderModel

from export.cross import caches
from export.folder import Checkpoint, ModelFolder


def write(checkpoint: Path, target: Path) -> None:
    """Writes what is otherwise into `target`: nothing for architectures whose public form is our own."""
    source = Checkpoint(checkpoint)
    made = {"Florence2ForConditionalGeneration": florence2, "VisionEncoderDecoderModel": captioner}.get(source.architecture)
    if made:
        made(source, ModelFolder(target, {}))


class Encoder(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, inputs_embeds, attention_mask):
        return self.encoder(inputs_embeds=inputs_embeds, attention_mask=attention_mask).last_hidden_state


class First(nn.Module):
    """The whole beginning -> scores, and all keys and values: layer by layer the decoder's own, then those attended to."""

    def __init__(self, decoder, head):
        super().__init__()
        self.decoder, self.head = decoder, head

    def forward(self, encoder_attention_mask, encoder_hidden_states, inputs_embeds):
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        out = self.decoder(inputs_embeds=inputs_embeds, encoder_hidden_states=encoder_hidden_states, encoder_attention_mask=encoder_attention_mask, past_key_values=cache, use_cache=True)
        own, other = out.past_key_values.self_attention_cache.layers, out.past_key_values.cross_attention_cache.layers
        return (self.head(out.last_hidden_state), *(tensor for pair in zip(own, other) for layer in pair for tensor in (layer.keys, layer.values)))


class Later(First):
    """One more token -> its scores, and the decoder's own keys and values."""

    def forward(self, encoder_attention_mask, inputs_embeds, *past):
        states = past[2].transpose(1, 2).flatten(2)
        out = self.decoder(inputs_embeds=inputs_embeds, encoder_hidden_states=states, encoder_attention_mask=encoder_attention_mask,
                           past_key_values=caches(past, len(self.decoder.layers)), use_cache=True)
        return (self.head(out.last_hidden_state), *(tensor for layer in out.past_key_values.self_attention_cache.layers for tensor in (layer.keys, layer.values)))


def florence2(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(Florence2ForConditionalGeneration)
    text, decoder = model.model.language_model, model.model.language_model.decoder
    config = text.config
    width, heads, layers = config.d_model, config.decoder_attention_heads, config.decoder_layers
    mask = (torch.ones(2, 6, dtype=torch.long), "batch positions")
    states, words = (torch.zeros(2, 6, width), "batch positions"), (torch.zeros(2, 3, width), "batch tokens")
    target.onnx("encoder_model.onnx", Encoder(text.encoder), {"inputs_embeds": states, "attention_mask": mask}, {"last_hidden_state": "batch positions"})
    head_dim = width // heads
    kinds = [f"{layer}.{side}.{kind}" for layer in range(layers) for side in ("decoder", "encoder") for kind in ("key", "value")]
    past = {f"past_key_values.{kind}": (torch.zeros(2, heads, 5 if "decoder" in kind else 6, head_dim), "batch _ past" if "decoder" in kind else "batch _ positions") for kind in kinds}
    present = {f"present.{kind}": "batch _ total" if "decoder" in kind else "batch _ positions" for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        parts = ModelFolder(Path(folder), {})
        parts.onnx("first.onnx", First(decoder, model.lm_head), {"encoder_attention_mask": mask, "encoder_hidden_states": states, "inputs_embeds": words}, {"logits": "batch tokens", **present})
        own = {name: axes for name, axes in present.items() if "decoder" in name}
        parts.onnx("later.onnx", Later(decoder, model.lm_head), {"encoder_attention_mask": mask, "inputs_embeds": words, **past}, {"logits": "batch tokens", **own})
        merge(Path(folder), target.folder / "decoder_model_merged.onnx", [1, heads, 1, head_dim])


def merge(parts: Path, target: Path, shape: list[int]) -> None:
    """Two graphs as branches of one; an output that the later one has not is a zero of this shape."""
    first, later = onnx.load(parts / "first.onnx"), onnx.load(parts / "later.onnx")
    ports = {each.name: each for graph in (first.graph, later.graph) for each in graph.input}
    flag = helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1])
    names = [each.name for each in first.graph.output]
    shared: dict[bytes, onnx.TensorProto] = {}
    branches = [branch(graph, prefix, names, shape, shared) for graph, prefix in ((first.graph, "first/"), (later.graph, "later/"))]
    chosen = helper.make_node("If", ["use_cache_branch"], names, else_branch=branches[0], then_branch=branches[1])
    graph = helper.make_graph([chosen], "merged", [*ports.values(), flag], list(first.graph.output), list(shared.values()))
    model = helper.make_model(graph, opset_imports=first.opset_import, ir_version=first.ir_version)
    onnx.checker.check_model(model)
    onnx.save(model, target)


def branch(graph: onnx.GraphProto, prefix: str, names: list[str], shape: list[int], shared: dict) -> onnx.GraphProto:
    """A graph without inputs of its own; weights that both have are put into `shared` once."""
    inner = compose.add_prefix_graph(graph, prefix, rename_inputs=False, rename_outputs=True)
    weights = {}
    for tensor in inner.initializer:
        key = tensor.raw_data + str(list(tensor.dims)).encode() + str(tensor.data_type).encode()
        weights[tensor.name] = shared.setdefault(key, tensor).name
    nodes = list(inner.node)
    for node in nodes:
        node.input[:] = [weights.get(name, name) for name in node.input]
    given = {each.name.removeprefix(prefix): each for each in inner.output}
    outputs = []
    for name in names:
        if name not in given:
            zero = helper.make_tensor(f"{prefix}{name}", TensorProto.FLOAT, shape, [0.0] * (shape[1] * shape[3]))
            nodes.append(helper.make_node("Constant", [], [f"{prefix}{name}"], value=zero))
        outputs.append(given.get(name) or helper.make_tensor_value_info(f"{prefix}{name}", TensorProto.FLOAT, shape))
    return helper.make_graph(nodes, prefix.strip("/"), [], outputs)


class Vision(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, pixel_values):
        return self.encoder(pixel_values).last_hidden_state


class Words(nn.Module):
    """Tokens after cached ones, which look at a photo's states anew each time, as Optimum exports GPT-2 with cross-attention."""

    def __init__(self, model):
        super().__init__()
        self.decoder, self.layers = model.decoder, model.decoder.config.n_layer
        self.projection = getattr(model, "enc_to_dec_proj", None)

    def forward(self, input_ids, encoder_hidden_states, *past):
        own = DynamicCache()
        for layer in range(self.layers):
            own.update(past[2 * layer], past[2 * layer + 1], layer)
        states = self.projection(encoder_hidden_states) if self.projection else encoder_hidden_states
        places = torch.arange(input_ids.shape[1])[None] + past[0].shape[2]
        out = self.decoder(input_ids=input_ids, position_ids=places, encoder_hidden_states=states, past_key_values=EncoderDecoderCache(own, DynamicCache()), use_cache=True)
        return (out.logits, *(tensor for layer in out.past_key_values.self_attention_cache.layers for tensor in (layer.keys, layer.values)))


def captioner(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(VisionEncoderDecoderModel)
    text = model.decoder.config
    pixels = checkpoint.pixels()
    states = model.encoder(pixels).last_hidden_state
    target.onnx("encoder_model.onnx", Vision(model.encoder), {"pixel_values": (pixels, "batch")}, {"last_hidden_state": "batch"})
    heads, head_dim = text.n_head, text.n_embd // text.n_head
    kinds = [f"{layer}.{kind}" for layer in range(text.n_layer) for kind in ("key", "value")]
    past = {f"past_key_values.{kind}": (torch.zeros(2, heads, 5, head_dim), "batch _ past") for kind in kinds}
    inputs = {"input_ids": (torch.ones(2, 3, dtype=torch.long), "batch tokens"), "encoder_hidden_states": (states, "batch positions"), **past}
    target.onnx("decoder_model_merged.onnx", Words(model), inputs, {"logits": "batch tokens", **{f"present.{kind}": "batch _ total" for kind in kinds}})
