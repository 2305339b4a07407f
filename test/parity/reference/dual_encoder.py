"""Rows of the dual-encoder family: pixels, ids, embeddings, similarities and zero-shot probabilities."""

import torch
import torch.nn.functional as F
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from reference.making import NASTY, Row, clear, clip_tokenizer, numbers, plain_ids, sharpen

TEXTS = [text for text in NASTY if text.strip()] + ["a photo of two dogs that run over the wet sand in the evening, seen from far away"]


def compare(row: Row, model, tokenizer, processor, *, tokens: int, template: str, activation: str) -> dict:
    """The golden of any dual encoder: the person's texts within the template, as Iris embeds them."""
    photos, pixels = row.photos(processor)
    image = F.normalize(model.get_image_features(pixels).pooler_output, dim=-1)
    rows = [plain_ids(tokenizer, template.replace("{}", text), tokens) for text in TEXTS]
    text = torch.cat([F.normalize(model.get_text_features(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids))).pooler_output, dim=-1) for ids in rows])
    logits = clear(image @ text.T * model.logit_scale.exp() + getattr(model, "logit_bias", torch.zeros(1)))
    probabilities = logits.softmax(-1) if activation == "softmax" else logits.sigmoid()
    row.save(model, tokenizer, processor)
    return {"photos": [{**photo, "embedding": numbers(vector)} for photo, vector in zip(photos, image)],
            "texts": [{"text": one, "ids": ids, "embedding": numbers(vector)} for one, ids, vector in zip(TEXTS, rows, text)],
            "logits": numbers(logits), "probabilities": numbers(probabilities)}


def clip(row: Row) -> dict:
    tokenizer = clip_tokenizer()
    shared = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = sharpen(CLIPModel(CLIPConfig(
        text_config={**shared, "vocab_size": len(tokenizer), "max_position_embeddings": 20, "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id},
        vision_config={**shared, "image_size": 32, "patch_size": 8}, projection_dim=24)))
    model.logit_scale.fill_(4.6052)
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return compare(row, model, tokenizer, processor, tokens=20, template="a photo of {}", activation="softmax")
