"""FLAVA: an image and a text encoder whose embeddings are compared, and a multimodal encoder over both that matches."""

import torch
from torch import nn
from transformers import FlavaForPreTraining

from export.dual_encoder import softmax
from export.folder import Checkpoint, ModelFolder


class Vision(nn.Module):
    """The embedding, and the last states (before the final norm) as the multimodal encoder takes them."""

    def __init__(self, model):
        super().__init__()
        self.image, self.embed, self.project = model.flava.image_model, model.flava.image_projection, model.flava.image_to_mm_projection

    def forward(self, pixel_values):
        out = self.image(pixel_values, output_hidden_states=True, return_dict=True)
        return self.embed(out.last_hidden_state[:, 0]), self.project(out.hidden_states[-1])


class Text(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.text, self.embed = model.flava.text_model, model.flava.text_projection

    def forward(self, input_ids, attention_mask):
        return self.embed(self.text(input_ids, attention_mask=attention_mask, return_dict=True).last_hidden_state[:, 0])


class Matcher(nn.Module):
    """Scores of "does not fit" and "fits" for each text with one photo."""

    def __init__(self, model):
        super().__init__()
        self.text, self.project = model.flava.text_model, model.flava.text_to_mm_projection
        self.multimodal, self.head = model.flava.multimodal_model, model.itm_head

    def forward(self, input_ids, attention_mask, encoder_hidden_states):
        out = self.text(input_ids, attention_mask=attention_mask, output_hidden_states=True, return_dict=True)
        words = self.project(out.hidden_states[-1])
        photo = encoder_hidden_states.expand(words.shape[0], -1, -1)
        seen = torch.ones(photo.shape[:2], dtype=attention_mask.dtype)
        cls = seen[:, :1]
        both = self.multimodal(torch.cat([photo, words], 1), attention_mask=torch.cat([cls, seen, attention_mask], 1), return_dict=True)
        return self.head(both.last_hidden_state)


def flava(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(FlavaForPreTraining)
    preprocess = checkpoint.preprocess()
    text_config = model.config.text_config
    pixels, ids = torch.zeros(2, 3, preprocess["height"], preprocess["width"]), torch.ones(2, 5, dtype=torch.long)
    embeds, states = Vision(model)(pixels)
    vision = target.onnx("vision_model.onnx", Vision(model), {"pixel_values": (pixels, "batch")}, {"image_embeds": "batch", "image_states": "batch"})
    texts = {"input_ids": (ids, "batch tokens"), "attention_mask": (ids, "batch tokens")}
    text = target.onnx("text_model.onnx", Text(model), texts, {"text_embeds": "batch"})
    matcher = target.onnx("match_model.onnx", Matcher(model), {**texts, "encoder_hidden_states": (states[:1], "_")}, {"itm_logits": "batch"})
    # Its texts were cut at 77 tokens, although BERT has more positions.
    shared = {"vision": vision, **target.tokenizer(checkpoint), "maxTokens": min(77, text_config.max_position_embeddings), "padId": text_config.pad_token_id or 0}
    target.manifest(
        preprocess,
        embed={"family": "dual-encoder", **shared, "text": text, "outputs": {"image": "image_embeds", "text": "text_embeds"}, "dimension": embeds.shape[-1],
               "lowercase": False, "template": "{}", "zeroShot": softmax(model.flava.logit_scale.exp())},
        match={"family": "blip", **shared, "matcher": matcher, "outputs": {"states": "image_states", "scores": "itm_logits"},
               "positions": states.shape[1], "width": states.shape[2]})
