"""Photos of no fixed size within a decoder-only language model's prompt: in tiles (Idefics3, SmolVLM) or in patches (Qwen2-VL)."""

import torch
from torch import nn
from transformers import AutoModelForCausalLM, DynamicCache, Idefics3ForConditionalGeneration, Qwen2VLForConditionalGeneration, SmolVLMForConditionalGeneration
from transformers.models.qwen2_vl.modeling_qwen2_vl import apply_rotary_pos_emb_vision

from export.causal import causal_parts
from export.folder import Checkpoint, ModelFolder
from export.vlm import chat


class TileVision(nn.Module):
    """[photos, tiles, 3, side, side] -> [tiles of all, tokens, width]. Every tile is full, so its places are counted once."""

    def __init__(self, model):
        super().__init__()
        vision = model.model.vision_model
        self.vision, self.connector = vision, model.model.connector
        per_side = vision.embeddings.num_patches_per_side
        kept = []
        # The original finds places by fractions, which round: so they are what it really uses.
        hook = vision.embeddings.position_embedding.register_forward_hook(lambda _, inputs, __: kept.append(inputs[0]))
        side = per_side * vision.patch_size
        vision.embeddings(torch.zeros(1, 3, side, side), torch.ones(1, per_side, per_side, dtype=torch.bool))
        hook.remove()
        self.register_buffer("places", kept[0])

    def forward(self, pixel_values):
        words = self.vision.embeddings
        states = words.patch_embedding(pixel_values.flatten(0, 1)).flatten(2).transpose(1, 2) + words.position_embedding(self.places)
        return self.connector(self.vision.post_layernorm(self.vision.encoder(inputs_embeds=states).last_hidden_state))


def idefics3(checkpoint: Checkpoint, target: ModelFolder) -> None:
    tiled(checkpoint, target, checkpoint.model(Idefics3ForConditionalGeneration))


def smolvlm(checkpoint: Checkpoint, target: ModelFolder) -> None:
    tiled(checkpoint, target, checkpoint.model(SmolVLMForConditionalGeneration))


def tiled(checkpoint: Checkpoint, target: ModelFolder, model) -> None:
    text = model.config.text_config
    language = AutoModelForCausalLM.from_config(text, attn_implementation="eager").eval()
    language.model, language.lm_head = model.model.text_model, model.lm_head
    settings = checkpoint.image_processor()
    side, longest = settings["max_image_size"]["longest_edge"], settings["size"]["longest_edge"]
    if not settings.get("do_image_splitting", True):
        longest = side
    pixels = torch.zeros(1, 3, 3, side, side)
    vision = target.onnx("vision_encoder.onnx", TileVision(model), {"pixel_values": (pixels, "batch tiles")}, {"image_features": "all"})
    tokens = (side // model.config.vision_config.patch_size // model.config.scale_factor) ** 2
    fixed = checkpoint.preprocess({**settings, "do_center_crop": False, "size": {"height": side, "width": side}})
    around, whole = "<fake_token_around_image>", "<global-img>{image}<fake_token_around_image>"
    target.manifest({**fixed, "fit": "tiles", "longest": longest}, generate={
        "family": "vlm", "vision": vision, **causal_parts(target, language), **target.tokenizer(checkpoint), "outputs": {"imageTokens": "image_features"},
        "photoText": {"cell": f"{around}<row_{{row}}_col_{{column}}>{{image}}", "rowEnd": "\n", "end": f"\n{around}{whole}", "single": around + whole},
        **checkpoint.language(image_tokens=tokens, context=text.max_position_embeddings, caption="Can you describe this image?", answer="{answer}"),
        **chat(checkpoint, target, model.config.image_token_id)})


class PatchVision(nn.Module):
    """[patches, numbers of each] of one photo, and its patches in time, height and width -> [cells, width].

    The blocks are run here, since the original cuts a batch into photos by numbers that a trace would keep.
    """

    def __init__(self, model):
        super().__init__()
        self.vision, self.merge = model.model.visual, model.config.vision_config.spatial_merge_size

    def forward(self, pixel_values, image_grid_thw):
        states = self.vision.patch_embed(pixel_values)
        at, across = torch.arange(pixel_values.shape[0]), image_grid_thw[0, 2] // self.merge
        cell, within = at // self.merge**2, at % self.merge**2
        places = [(cell // across) * self.merge + within // self.merge, (cell % across) * self.merge + within % self.merge]
        turned = self.vision.rotary_pos_emb(states, torch.stack(places, dim=1))
        for block in self.vision.blocks:
            states = states + self.attend(block.attn, block.norm1(states), turned)
            states = states + block.mlp(block.norm2(states))
        return self.vision.merger(states)

    @staticmethod
    def attend(layer, states, turned):
        queries, keys, values = layer.qkv(states).reshape(-1, 3, layer.num_heads, layer.head_dim).permute(1, 0, 2, 3).unbind(0)
        queries, keys = apply_rotary_pos_emb_vision(queries, keys, *turned)
        weights = (torch.einsum("qhd,khd->hqk", queries, keys) * layer.scaling).softmax(-1)
        return layer.proj(torch.einsum("hqk,khd->qhd", weights, values).flatten(1))


class AxesStep(nn.Module):
    """As `causal.Step`, for positions of several axes."""

    def __init__(self, model, head):
        super().__init__()
        self.model, self.head = model, head

    def forward(self, inputs_embeds, attention_mask, position_ids, *past):
        cache = DynamicCache()
        for layer in range(len(past) // 2):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        out = self.model(inputs_embeds=inputs_embeds, attention_mask=attention_mask, position_ids=position_ids, past_key_values=cache, use_cache=True)
        return (self.head(out.last_hidden_state[:, -1:]), *(tensor for layer in cache.layers for tensor in (layer.keys, layer.values)))


def qwen2_vl(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(Qwen2VLForConditionalGeneration)
    text, settings = model.config.text_config, checkpoint.image_processor()
    patch, merge, frames = settings["patch_size"], settings["merge_size"], settings["temporal_patch_size"]
    side, size = patch * merge, settings.get("size", {})
    pixels = torch.zeros(6 * merge**2, 3 * frames * patch**2)
    vision = target.onnx("vision_encoder.onnx", PatchVision(model), {"pixel_values": (pixels, "patches"), "image_grid_thw": (torch.tensor([[1, 2 * merge, 3 * merge]]), "_")},
                         {"image_features": "cells"})
    fixed = checkpoint.preprocess({**settings, "do_center_crop": False, "size": {"height": side, "width": side}})
    bounds = {"minPixels": settings.get("min_pixels") or size["shortest_edge"], "maxPixels": settings.get("max_pixels") or size["longest_edge"]}
    parts = causal_parts(target, model.model.language_model, AxesStep(model.model.language_model, model.lm_head), axes=3)
    target.manifest({**fixed, "fit": "patches", **bounds, "patch": patch, "frames": frames}, generate={
        "family": "vlm", "vision": vision, **parts, **target.tokenizer(checkpoint), "outputs": {"imageTokens": "image_features"},
        "photoText": {"cell": "{image}", "rowEnd": "", "end": ""}, "positions": "grid",
        **checkpoint.language(image_tokens=1, context=text.max_position_embeddings, caption="Describe this photo in one sentence.", answer="{answer}"),
        **chat(checkpoint, target, model.config.image_token_id)})
