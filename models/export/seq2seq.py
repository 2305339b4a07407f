"""T5 in three parts: token embeddings, the encoder with what the decoder attends to, and a step of the decoder over its cache.

Names are those of Optimum: `past_key_values.N.decoder.key` grows with every step, `past_key_values.N.encoder.key` stays.
"""

import torch
from torch import nn
from transformers import DynamicCache, EncoderDecoderCache

from export.folder import ModelFolder


class Encoder(nn.Module):
    """[rows, positions, width] -> keys and values of every decoder layer's cross-attention."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, inputs_embeds):
        hidden = self.model.encoder(inputs_embeds=inputs_embeds).last_hidden_state
        attentions = [block.layer[1].EncDecAttention for block in self.model.decoder.block]
        split = lambda states, attention: states.view(*states.shape[:2], -1, attention.key_value_proj_dim).transpose(1, 2)  # noqa: E731
        return tuple(split(project(hidden), attention) for attention in attentions for project in (attention.k, attention.v))


class Step(nn.Module):
    """[rows, tokens] after the cached ones -> scores of every new position, and the decoder's longer cache."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, *past):
        own, other = DynamicCache(), DynamicCache()
        for layer in range(len(self.model.decoder.block)):
            own.update(past[4 * layer], past[4 * layer + 1], layer)
            other.update(past[4 * layer + 2], past[4 * layer + 3], layer)
        # Of the states only the shape is read: their keys and values are in the cache.
        states = past[2].transpose(1, 2).flatten(2)
        out = self.model(decoder_input_ids=input_ids, encoder_outputs=(states,), past_key_values=EncoderDecoderCache(own, other), use_cache=True)
        return (out.logits, *(tensor for layer in own.layers for tensor in (layer.keys, layer.values)))


def seq2seq_parts(target: ModelFolder, model) -> dict:
    """Writes `embed_tokens.onnx`, `encoder_model.onnx` and `decoder_model_merged.onnx`; gives the manifest's facts of them."""
    config = model.config
    layers, heads, head_dim = config.num_decoder_layers, config.num_heads, config.d_kv
    ids = torch.ones(2, 7, dtype=torch.long)
    embed = target.onnx("embed_tokens.onnx", model.get_input_embeddings(), {"input_ids": (ids, "rows tokens")}, {"inputs_embeds": "rows tokens"})
    kinds = [f"{layer}.{side}.{kind}" for layer in range(layers) for side in ("decoder", "encoder") for kind in ("key", "value")]
    lengths = {"decoder": (5, "rows _ past"), "encoder": (6, "rows _ positions")}
    encoder = target.onnx("encoder_model.onnx", Encoder(model), {"inputs_embeds": (torch.zeros(2, 6, config.d_model), "rows positions")},
                          {f"present.{kind}": "rows _ positions" for kind in kinds if "encoder" in kind})
    past = {f"past_key_values.{kind}": (torch.zeros(2, heads, lengths[kind.split(".")[1]][0], head_dim), lengths[kind.split(".")[1]][1]) for kind in kinds}
    decoder = target.onnx("decoder_model_merged.onnx", Step(model), {"input_ids": (torch.ones(2, 3, dtype=torch.long), "rows tokens"), **past},
                          {"logits": "rows tokens", **{f"present.{kind}": "rows _ total" for kind in kinds if "decoder" in kind}})
    return {"embedTokens": embed, "encoder": encoder, "decoder": decoder, "width": config.d_model, "layers": layers, "heads": heads, "headDim": head_dim}
