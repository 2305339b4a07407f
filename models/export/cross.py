"""A decoder that attends to hidden states (of a photo, or of an encoder) in two parts.

One computes the cross-attention's keys and values, once for a photo; the other is a step over them and a growing cache of
its own. Names are those of Optimum's encoder-decoder exports: `past_key_values.N.decoder.key` grows, `.encoder.` stays.
"""

import torch
from torch import nn
from transformers import DynamicCache, EncoderDecoderCache

from export.folder import ModelFolder


class Memory(nn.Module):
    """[photos, positions, width] -> keys and values of every layer, [photos, heads, positions, headDim] each."""

    def __init__(self, layers, heads: int):
        super().__init__()
        self.keys, self.values = nn.ModuleList(key for key, _ in layers), nn.ModuleList(value for _, value in layers)
        self.heads = heads

    def forward(self, encoder_hidden_states):
        split = lambda states: states.view(*states.shape[:2], self.heads, -1).transpose(1, 2)  # noqa: E731
        return tuple(split(layer(encoder_hidden_states)) for pair in zip(self.keys, self.values) for layer in pair)


def caches(past, layers: int) -> EncoderDecoderCache:
    """A step's inputs as the cache that they are: of each layer its own keys and values, then those attended to."""
    own, other = DynamicCache(), DynamicCache()
    for layer in range(layers):
        own.update(past[4 * layer], past[4 * layer + 1], layer)
        other.update(past[4 * layer + 2], past[4 * layer + 3], layer)
    return EncoderDecoderCache(own, other)


def grown(cache: EncoderDecoderCache) -> tuple:
    """The decoder's own keys and values after a step, layer by layer."""
    return tuple(tensor for layer in cache.self_attention_cache.layers for tensor in (layer.keys, layer.values))


class CrossStep(nn.Module):
    """[rows, tokens] after the cached ones -> scores of every new position, and the longer cache of the decoder's own.

    The other cache may have one row for all: each row of a beam attends to the same photo.
    """

    def __init__(self, model, layers: int, width: int, takes_positions: bool, **options):
        super().__init__()
        self.model, self.layers, self.width, self.takes_positions, self.options = model, layers, width, takes_positions, options

    def forward(self, input_ids, position_ids, *past):
        # Only that there are states is looked at: their keys and values are in the cache.
        states = past[2].new_zeros(1, 1, self.width)
        positions = {"position_ids": position_ids} if self.takes_positions else {}
        out = self.model(input_ids=input_ids, encoder_hidden_states=states, past_key_values=caches(past, self.layers), use_cache=True, **positions, **self.options)
        return (out.logits, *grown(out.past_key_values))


def cross_parts(target: ModelFolder, model, memory: list[tuple[nn.Module, nn.Module]], *, heads: int, head_dim: int, width: int, takes_positions: bool = True, **options) -> dict:
    """Writes `cross_attention.onnx` and `decoder_model_merged.onnx`; gives the manifest's facts of them, of `encoder-decoder.ts`.

    `model` is a decoder of transformers with a language head and plain (eager) attention, `memory` the key and value
    layers of its cross-attention, `width` that of the states attended to; `options` are passed to each call.
    """
    shape = {"layers": len(memory), "heads": heads, "head_dim": head_dim, "memory": "photos"}
    states = target.onnx("cross_attention.onnx", Memory(memory, heads), {"encoder_hidden_states": (torch.zeros(2, 6, width), "photos positions")}, memory_outputs(len(memory), "photos"))
    inputs = {"input_ids": (torch.ones(2, 3, dtype=torch.long), "rows tokens"), "position_ids": (torch.arange(5, 8).repeat(2, 1), "rows tokens")}
    decoder = write_step(target, CrossStep(model, len(memory), width, takes_positions, **options), inputs, **shape)
    return {"crossAttention": states, "decoder": decoder, "heads": heads, "headDim": head_dim}


def memory_outputs(layers: int, rows: str) -> dict:
    """Names and axes of what `Memory` gives; `rows` is what its first axis counts."""
    return {f"present.{layer}.encoder.{kind}": f"{rows} _ positions" for layer in range(layers) for kind in ("key", "value")}


def write_step(target: ModelFolder, step: nn.Module, inputs: dict, *, layers: int, heads: int, head_dim: int, memory: str) -> str:
    """Writes `decoder_model_merged.onnx`: `step` over `inputs` and both caches; `memory` is what the first axis of what is attended to counts."""
    # Traced with as many photos as rows, so that nothing is expanded to a fixed number.
    sides = {"decoder": (torch.zeros(2, heads, 5, head_dim), "rows _ past"), "encoder": (torch.zeros(2, heads, 6, head_dim), f"{memory} _ positions")}
    past = {f"past_key_values.{layer}.{side}.{kind}": of for layer in range(layers) for side, of in sides.items() for kind in ("key", "value")}
    present = {f"present.{layer}.decoder.{kind}": "rows _ total" for layer in range(layers) for kind in ("key", "value")}
    return target.onnx("decoder_model_merged.onnx", step, {**inputs, **past}, {"logits": "rows tokens", **present})
