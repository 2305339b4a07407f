"""T5 in three parts: token embeddings, the encoder with what the decoder attends to, and a step of the decoder over its cache.

Names are those of Optimum: `past_key_values.N.decoder.key` grows with every step, `past_key_values.N.encoder.key` stays.
"""

import torch
from torch import nn

from export.cross import Memory, caches, grown, memory_outputs, write_step
from export.folder import ModelFolder, Part


class Encoder(nn.Module):
    """[rows, positions, width] -> keys and values of every decoder layer's cross-attention."""

    def __init__(self, model):
        super().__init__()
        attentions = [block.layer[1].EncDecAttention for block in model.decoder.block]
        self.encoder, self.memory = model.encoder, Memory([(each.k, each.v) for each in attentions], model.config.num_heads)

    def forward(self, inputs_embeds):
        return self.memory(self.encoder(inputs_embeds=inputs_embeds).last_hidden_state)


class Step(Part):
    """[rows, tokens] after the cached ones -> scores of every new position, and the decoder's longer cache."""

    def forward(self, input_ids, *past):
        # Of the states only the shape is read: their keys and values are in the cache.
        states = past[2].transpose(1, 2).flatten(2)
        out = self.model(decoder_input_ids=input_ids, encoder_outputs=(states,), past_key_values=caches(past, len(self.model.decoder.block)), use_cache=True)
        return (out.logits, *grown(out.past_key_values))


def seq2seq_parts(target: ModelFolder, model) -> dict:
    """Writes `embed_tokens.onnx`, `encoder_model.onnx` and `decoder_model_merged.onnx`; gives the manifest's facts of them."""
    config = model.config
    layers, heads, head_dim = config.num_decoder_layers, config.num_heads, config.d_kv
    ids = torch.ones(2, 7, dtype=torch.long)
    embed = target.onnx("embed_tokens.onnx", model.get_input_embeddings(), {"input_ids": (ids, "rows tokens")}, {"inputs_embeds": "rows tokens"})
    encoder = target.onnx("encoder_model.onnx", Encoder(model), {"inputs_embeds": (torch.zeros(2, 6, config.d_model), "rows positions")}, memory_outputs(layers, "rows"))
    inputs = {"input_ids": (torch.ones(2, 3, dtype=torch.long), "rows tokens")}
    decoder = write_step(target, Step(model), inputs, layers=layers, heads=heads, head_dim=head_dim, memory="rows")
    return {"embedTokens": embed, "encoder": encoder, "decoder": decoder, "width": config.d_model, "layers": layers, "heads": heads, "headDim": head_dim}
