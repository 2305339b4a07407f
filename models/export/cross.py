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


class CrossStep(nn.Module):
    """[rows, tokens] after the cached ones -> scores of every new position, and the longer cache of the decoder's own.

    The other cache may have one row for all: each row of a beam attends to the same photo.
    """

    def __init__(self, model, layers: int, width: int, takes_positions: bool, **options):
        super().__init__()
        self.model, self.layers, self.width, self.takes_positions, self.options = model, layers, width, takes_positions, options

    def forward(self, input_ids, position_ids, *past):
        own, other = DynamicCache(), DynamicCache()
        for layer in range(self.layers):
            own.update(past[4 * layer], past[4 * layer + 1], layer)
            other.update(past[4 * layer + 2], past[4 * layer + 3], layer)
        # Only that there are states is looked at: their keys and values are in the cache.
        states = past[2].new_zeros(1, 1, self.width)
        positions = {"position_ids": position_ids} if self.takes_positions else {}
        out = self.model(input_ids=input_ids, encoder_hidden_states=states, past_key_values=EncoderDecoderCache(own, other), use_cache=True, **positions, **self.options)
        return (out.logits, *(tensor for layer in out.past_key_values.self_attention_cache.layers for tensor in (layer.keys, layer.values)))


def cross_parts(target: ModelFolder, model, memory: list[tuple[nn.Module, nn.Module]], *, heads: int, head_dim: int, width: int, takes_positions: bool = True, **options) -> dict:
    """Writes `cross_attention.onnx` and `decoder_model_merged.onnx`; gives the manifest's facts of them, of `encoder-decoder.ts`.

    `model` is a decoder of transformers with a language head and plain (eager) attention, `memory` the key and value
    layers of its cross-attention, `width` that of the states attended to; `options` are passed to each call.
    """
    layers = len(memory)
    kinds = [(layer, side, kind) for layer in range(layers) for side in ("decoder", "encoder") for kind in ("key", "value")]
    names = {side: [f"{layer}.{of}.{kind}" for layer, of, kind in kinds if of == side] for side in ("decoder", "encoder")}
    states = target.onnx("cross_attention.onnx", Memory(memory, heads), {"encoder_hidden_states": (torch.zeros(2, 6, width), "photos positions")},
                         {f"present.{name}": "photos _ positions" for name in names["encoder"]})
    # Traced with as many photos as rows, so that nothing is expanded to a fixed number.
    past = {f"past_key_values.{layer}.{side}.{kind}": (torch.zeros(2, heads, 5 if side == "decoder" else 6, head_dim), "rows _ past" if side == "decoder" else "photos _ positions")
            for layer, side, kind in kinds}
    inputs = {"input_ids": (torch.ones(2, 3, dtype=torch.long), "rows tokens"), "position_ids": (torch.arange(5, 8).repeat(2, 1), "rows tokens"), **past}
    outputs = {"logits": "rows tokens", **{f"present.{name}": "rows _ total" for name in names["decoder"]}}
    decoder = target.onnx("decoder_model_merged.onnx", CrossStep(model, layers, width, takes_positions, **options), inputs, outputs)
    return {"crossAttention": states, "decoder": decoder, "heads": heads, "headDim": head_dim}
