"""FLAVA: an image and a text encoder whose embeddings are compared, and a multimodal encoder over both that matches."""

import torch
from torch import nn
from transformers import FlavaForPreTraining

from export.dual_encoder import retrieval, softmax
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
    text = model.config.text_config
    # Its texts were cut at 77 tokens, although BERT has more positions.
    retrieval(checkpoint, target, Vision(model), Text(model), Matcher(model), tokens=min(77, text.max_position_embeddings), pad=text.pad_token_id,
              zeroShot=softmax(model.flava.logit_scale.exp()))
