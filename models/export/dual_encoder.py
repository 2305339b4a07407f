"""CLIP and its kin: a vision and a text file whose embeddings are compared by their cosine."""

import math

import torch
from torch import nn
from transformers import CLIPModel

from export.folder import Checkpoint, ModelFolder


class Vision(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model.get_image_features(pixel_values).pooler_output


class Text(nn.Module):
    """Some models read what a text is filled up with, and have no mask."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask=None):
        return self.model.get_text_features(input_ids, attention_mask=attention_mask).pooler_output


def clip(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(CLIPModel)
    text = model.config.text_config
    dual_encoder(checkpoint, target, model, tokens=text.max_position_embeddings, zero_shot=softmax(model.logit_scale), template="a photo of {}")


def softmax(logit_scale) -> dict:
    return {"scale": math.exp(logit_scale.item()), "bias": 0.0, "activation": "softmax"}


def dual_encoder(checkpoint, target, model, *, tokens: int, zero_shot: dict, template: str, mask: bool = True, **facts) -> None:
    """Writes both parts and the manifest. `relevance` is not known without photos, so it is left out."""
    preprocess = checkpoint.preprocess()
    pixels = torch.zeros(2, 3, preprocess["height"], preprocess["width"])
    ids = torch.ones(2, tokens, dtype=torch.long)
    vision = target.onnx("vision_model.onnx", Vision(model), {"pixel_values": (pixels, "batch")}, {"image_embeds": "batch"})
    axes = "batch tokens" if facts.get("padding") != "max" else "batch"
    inputs = {"input_ids": (ids, axes), **({"attention_mask": (ids, axes)} if mask else {})}
    text = target.onnx("text_model.onnx", Text(model), inputs, {"text_embeds": "batch"})
    dimension = Vision(model)(pixels).shape[-1]
    target.manifest(preprocess, embed={
        "family": "dual-encoder", "vision": vision, "text": text, **target.tokenizer(checkpoint), "outputs": {"image": "image_embeds", "text": "text_embeds"},
        "dimension": dimension, "maxTokens": tokens, "lowercase": False, **facts, "template": template, "zeroShot": zero_shot})
