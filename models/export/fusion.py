"""ViLT: embedded patches of a photo, and one encoder over them and a text, with a head for answers or for matching.

The photo is of one size, the one that its position embeddings were made for; see docs/models.md.
"""

import json

import torch
from torch import nn
from transformers import ViltForImageAndTextRetrieval, ViltForQuestionAnswering

from export.folder import Checkpoint, ModelFolder


class Patches(nn.Module):
    """Class token and patches in their order, with their positions and the type of a picture: [photos, positions, width]."""

    def __init__(self, model):
        super().__init__()
        self.embeddings = model.vilt.embeddings

    def forward(self, pixel_values):
        e = self.embeddings
        patches = e.patch_embeddings(pixel_values).flatten(2).transpose(1, 2)
        states = torch.cat([e.cls_token.expand(patches.shape[0], -1, -1), patches], dim=1) + e.position_embeddings
        return states + e.token_type_embeddings.weight[1]


class Fusion(nn.Module):
    """Scores of each text with the same photo."""

    def __init__(self, model, head):
        super().__init__()
        self.model, self.head = model.vilt, head

    def forward(self, input_ids, attention_mask, token_type_ids, image_embeds):
        words = self.model.embeddings.text_embeddings(input_ids=input_ids, token_type_ids=token_type_ids) + self.model.embeddings.token_type_embeddings.weight[0]
        picture = image_embeds.expand(words.shape[0], -1, -1)
        seen = torch.cat([attention_mask, torch.ones_like(picture[..., 0], dtype=torch.long)], dim=1)
        mask = (1.0 - seen[:, None, None, :].float()) * torch.finfo(torch.float32).min
        states = self.model.encoder(torch.cat([words, picture], dim=1), attention_mask=mask)[0]
        return self.head(self.model.pooler(self.model.layernorm(states)))


def answer(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(ViltForQuestionAnswering)
    labels = model.config.id2label
    (target.folder / "answers.json").write_text(json.dumps([labels[at] for at in range(len(labels))], ensure_ascii=False, indent=0) + "\n", "utf-8")
    write(checkpoint, target, model, model.classifier, "answer", answers="answers.json")


def match(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(ViltForImageAndTextRetrieval)
    write(checkpoint, target, model, model.rank_output, "match")


def write(checkpoint: Checkpoint, target: ModelFolder, model, head: nn.Module, part: str, **facts) -> None:
    config, size = model.config, model.config.image_size
    settings = checkpoint.image_processor()
    preprocess = checkpoint.preprocess({**settings, "size": {"height": size, "width": size}})
    pixels, ids = torch.zeros(2, 3, size, size), torch.ones(2, 5, dtype=torch.long)
    vision = target.onnx("vision_model.onnx", Patches(model), {"pixel_values": (pixels, "batch")}, {"image_embeds": "batch"})
    states = Patches(model)(pixels)
    inputs = {**{name: (ids, "batch tokens") for name in ("input_ids", "attention_mask", "token_type_ids")}, "image_embeds": (states[:1], "_")}
    fusion = target.onnx("fusion_model.onnx", Fusion(model, head), inputs, {"scores": "batch"})
    target.manifest(preprocess, **{part: {
        "family": "fusion", "vision": vision, "fusion": fusion, **target.tokenizer(checkpoint), "outputs": {"states": "image_embeds", "scores": "scores"},
        "positions": states.shape[1], "width": states.shape[2], "maxTokens": config.max_position_embeddings, "padId": config.pad_token_id or 0, **facts}})
