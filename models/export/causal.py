"""A decoder-only language model in two parts, as in Optimum: token embeddings, and a step over a cache of keys and values."""

import inspect

import torch
from torch import nn
from transformers import DynamicCache

from export.folder import ModelFolder


class Step(nn.Module):
    """[rows, positions, width] after the cached positions -> scores of the last new position, and the longer cache.

    Of a thousand positions of a photo, all scores would be 200 MB. With `hidden`, all positions' are given.
    """

    def __init__(self, model, layers: int, hidden: bool = False):
        super().__init__()
        self.model, self.layers, self.hidden = model, layers, hidden
        taken = inspect.signature(model.forward).parameters
        self.takes_positions = "position_ids" in taken
        self.options = {"logits_to_keep": 1} if "logits_to_keep" in taken and not hidden else {}

    def forward(self, inputs_embeds, attention_mask, position_ids, *past):
        cache = DynamicCache()
        for layer in range(self.layers):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        positions = {"position_ids": position_ids} if self.takes_positions else {}
        out = self.model(inputs_embeds=inputs_embeds, attention_mask=attention_mask, past_key_values=cache, use_cache=True, **positions, **self.options)
        states = (out.last_hidden_state,) if self.hidden else ()
        return (out.logits, *states, *(tensor for layer in out.past_key_values.layers for tensor in (layer.keys, layer.values)))


def causal_parts(target: ModelFolder, model, step: nn.Module | None = None, hidden: bool = False, axes: int = 0) -> dict:
    """Writes `embed_tokens.onnx` and `decoder_model_merged.onnx`; gives the manifest's facts of them, of `causal.ts`.

    `model` is a causal language model of transformers with the plain (eager) attention. A `step` of its own may also take, as
    `image_tokens` after the positions, how many of them a photo has: [1]. `hidden` gives the last hidden states as well; positions may
    have several `axes`: [axes, rows, positions].
    """
    takes_count = step is not None and "image_tokens" in inspect.signature(step.forward).parameters
    config = model.config
    layers, width = config.num_hidden_layers, model.get_input_embeddings().weight.shape[1]
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    ids = torch.ones(2, 7, dtype=torch.long)
    embed = target.onnx("embed_tokens.onnx", model.get_input_embeddings(), {"input_ids": (ids, "batch tokens")}, {"inputs_embeds": "batch tokens"})
    kinds = [f"{layer}.{kind}" for layer in range(layers) for kind in ("key", "value")]
    past = {f"past_key_values.{kind}": (torch.zeros(2, heads, 5, head_dim), "batch _ past") for kind in kinds}
    inputs = {"inputs_embeds": (torch.zeros(2, 3, width), "batch tokens"), "attention_mask": (torch.ones(2, 8, dtype=torch.long), "batch total"),
              "position_ids": (torch.arange(5, 8).repeat(*([axes] if axes else []), 2, 1), "_ batch tokens" if axes else "batch tokens"), **({"image_tokens": (torch.tensor([6]), "_")} if takes_count else {}), **past}
    decoder = target.onnx("decoder_model_merged.onnx", step or Step(model, layers, hidden), inputs,
                          {"logits": "batch tokens", **({"hidden_states": "batch tokens"} if hidden else {}), **{f"present.{kind}": "batch _ total" for kind in kinds}})
    return {"embedTokens": embed, "decoder": decoder, "width": width, "layers": layers, "heads": heads, "headDim": head_dim}
