"""T5 and BART in three parts: token embeddings, the encoder with what the decoder attends to, and a step of the decoder over its cache.

Names are those of Optimum: `past_key_values.N.decoder.key` grows with every step, `past_key_values.N.encoder.key` stays.
"""

import torch
from torch import nn

from export.cross import Memory, caches, grown, memory_outputs, write_step
from export.folder import ModelFolder, Part


class Encoder(nn.Module):
    """[rows, positions, width] -> keys and values of every decoder layer's cross-attention, whose layers for both are `memory`."""

    def __init__(self, encoder, memory, heads: int):
        super().__init__()
        self.encoder, self.memory = encoder, Memory(memory, heads)

    def forward(self, inputs_embeds):
        return self.memory(self.encoder(inputs_embeds=inputs_embeds).last_hidden_state)


class Step(Part):
    """[rows, tokens] after the cached ones -> scores of every new position, and the decoder's longer cache."""

    def forward(self, input_ids, *past):
        # Of the states only the shape is read: their keys and values are in the cache.
        states = past[2].transpose(1, 2).flatten(2)
        out = self.model(decoder_input_ids=input_ids, encoder_outputs=(states,), past_key_values=caches(past, len(self.model.decoder.block)), use_cache=True)
        return (out.logits, *grown(out.past_key_values))


class BartStep(nn.Module):
    """As `Step`."""

    def __init__(self, decoder, head):
        super().__init__()
        self.decoder, self.head = decoder, head

    def forward(self, input_ids, *past):
        states = past[2].transpose(1, 2).flatten(2)
        out = self.decoder(input_ids=input_ids, encoder_hidden_states=states, past_key_values=caches(past, len(self.decoder.layers)), use_cache=True)
        return (self.head(out.last_hidden_state), *grown(out.past_key_values))


def seq2seq_parts(target: ModelFolder, model) -> dict:
    """A T5's parts."""
    config = model.config
    memory = [(block.layer[1].EncDecAttention.k, block.layer[1].EncDecAttention.v) for block in model.decoder.block]
    return write_parts(target, model, Encoder(model.encoder, memory, config.num_heads), Step(model), heads=config.num_heads, head_dim=config.d_kv)


def bart_parts(target: ModelFolder, model, head) -> dict:
    """The parts of a BART and its language head."""
    heads = model.config.decoder_attention_heads
    memory = [(layer.encoder_attn.k_proj, layer.encoder_attn.v_proj) for layer in model.decoder.layers]
    return write_parts(target, model, Encoder(model.encoder, memory, heads), BartStep(model.decoder, head), heads=heads, head_dim=model.config.d_model // heads)


def write_parts(target: ModelFolder, model, encoder: Encoder, step: nn.Module, *, heads: int, head_dim: int) -> dict:
    """Writes `embed_tokens.onnx`, `encoder_model.onnx` and `decoder_model_merged.onnx`; gives the manifest's facts of them."""
    ids, width, layers = torch.ones(2, 7, dtype=torch.long), model.config.d_model, len(encoder.memory.keys)
    embed = target.onnx("embed_tokens.onnx", model.get_input_embeddings(), {"input_ids": (ids, "rows tokens")}, {"inputs_embeds": "rows tokens"})
    encoded = target.onnx("encoder_model.onnx", encoder, {"inputs_embeds": (torch.zeros(2, 6, width), "rows positions")}, memory_outputs(layers, "rows"))
    decoder = write_step(target, step, {"input_ids": (torch.ones(2, 3, dtype=torch.long), "rows tokens")}, layers=layers, heads=heads, head_dim=head_dim, memory="rows")
    return {"embedTokens": embed, "encoder": encoded, "decoder": decoder, "width": width, "layers": layers, "heads": heads, "headDim": head_dim}
