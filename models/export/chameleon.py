"""Chameleon: photos and text are tokens of one stream, which one decoder-only model continues."""

import torch
from torch import nn
from transformers import ChameleonForConditionalGeneration

from export.causal import causal_parts
from export.folder import Checkpoint, ModelFolder


class Codes(nn.Module):
    """Each photo's tokens, as two numbers below 256 each (id = 256 * first + second), which any float holds exactly."""

    def __init__(self, model):
        super().__init__()
        self.vq = model.model.vqmodel
        self.register_buffer("ids", model.model.vocabulary_mapping.img2bpe_mapping_tensor.long())

    def forward(self, pixel_values):
        ids = self.ids[self.vq.encode(pixel_values, return_dict=True).image_tokens].reshape(pixel_values.shape[0], -1)
        return torch.stack([torch.div(ids, 256, rounding_mode="floor"), ids % 256], -1).flatten(1).float()


class Language(nn.Module):
    """The decoder's hidden states, and the scores of what may follow the last: text alone, as in the original."""

    def __init__(self, model):
        super().__init__()
        self.model, self.lm_head, self.config = model.model, model.lm_head, model.config
        allowed = torch.ones(model.config.vocab_size, dtype=torch.bool)
        allowed[model.model.vocabulary_mapping.image_tokens] = False
        self.register_buffer("allowed", allowed)

    def get_input_embeddings(self):
        return self.model.get_input_embeddings()

    def forward(self, inputs_embeds, attention_mask, position_ids, past_key_values, use_cache):
        out = self.model(inputs_embeds=inputs_embeds, attention_mask=attention_mask, position_ids=position_ids, past_key_values=past_key_values, use_cache=use_cache)
        scores = self.lm_head(out.last_hidden_state[:, -1:])
        out.logits = torch.where(self.allowed, scores, torch.finfo(scores.dtype).min)
        return out


class Scorer(nn.Module):
    """log p of the token that came after each state, over the whole vocabulary."""

    def __init__(self, model):
        super().__init__()
        self.lm_head = model.lm_head

    def forward(self, hidden_states, next_ids):
        return self.lm_head(hidden_states).log_softmax(-1).gather(-1, next_ids[:, None])[:, 0]


def chameleon(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(ChameleonForConditionalGeneration)
    preprocess = checkpoint.preprocess()
    pixels = torch.zeros(2, 3, preprocess["height"], preprocess["width"])
    vision = target.onnx("vision_model.onnx", Codes(model), {"pixel_values": (pixels, "batch")}, {"image_codes": "batch"})
    width = model.config.hidden_size
    scorer = target.onnx("token_scorer.onnx", Scorer(model), {"hidden_states": (torch.zeros(3, width), "tokens"), "next_ids": (torch.ones(3, dtype=torch.long), "tokens")},
                         {"log_probabilities": "tokens"})
    ids = model.config.vocabulary_map
    facts = checkpoint.language(image_tokens=Codes(model)(pixels).shape[1] // 2 + 2, context=model.config.max_position_embeddings,
                                caption="Describe this photo in one sentence.", answer=" {answer} ")
    target.manifest(preprocess, generate={
        "family": "chameleon", "vision": vision, "scorer": scorer, **causal_parts(target, Language(model), hidden=True), **target.tokenizer(checkpoint),
        "outputs": {"imageCodes": "image_codes"}, "imageMarks": {"start": ids["<racm3:break>"], "end": ids["<eoss>"]}, "imageTemplate": "{image}",
        "promptMarks": {"start": [facts["bos"]], "end": [ids["<reserved08706>"]]}, **facts})
