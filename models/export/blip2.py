"""BLIP-2 and its kin: a photo's hidden states, a Q-Former that puts them into a few query tokens, and a frozen language model.

What else a manifest must say of one model, such as MiniGPT-4's templates, is read from `iris.json` beside `config.json`.
"""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import Blip2ForConditionalGeneration, Blip2ForImageTextRetrieval, InstructBlipForConditionalGeneration

from export import dual_encoder
from export.causal import causal_parts
from export.folder import Checkpoint, ModelFolder, Part


class Queries(Part):
    """Pixels -> the query tokens as the language model reads them, and as the Q-Former gives them."""

    def forward(self, pixel_values):
        found = self.model.get_image_features(pixel_values)
        return found.pooler_output, found.qformer_outputs.last_hidden_state


class Features(Part):
    """Pixels -> hidden states of every patch, for a Q-Former that waits for a text."""

    def forward(self, pixel_values):
        return self.model.vision_model(pixel_values).last_hidden_state


class Instructed(Part):
    """Hidden states and an instruction -> query tokens as the language model reads them, and as the Q-Former gives them."""

    def forward(self, image_features, input_ids):
        queries = self.model.query_tokens.expand(image_features.shape[0], -1, -1)
        found = self.model.qformer(input_ids=input_ids, query_embeds=queries, encoder_hidden_states=image_features).last_hidden_state[:, : queries.shape[1]]
        return self.model.language_projection(found), found


class Contrast(Part):
    """The vision pass of retrieval: one embedding for the index, and the states that texts look at.

    The index has one vector a photo: the mean of the query tokens' unit vectors, whose product with a text is the mean of
    their similarities. What it finds is looked at again by the original's score, the largest of them: see `Match`.
    """

    def forward(self, pixel_values):
        states = self.model.vision_model(pixel_values).last_hidden_state
        return vectors(self.model, states).mean(1), states


class Text(Part):
    """Tokens -> the unit vector of their first."""

    def forward(self, input_ids, attention_mask):
        found = self.model.qformer(query_embeds=self.model.embeddings(input_ids=input_ids), query_length=0, attention_mask=attention_mask)
        return F.normalize(self.model.text_projection(found.last_hidden_state[:, 0]), dim=-1)


class Match(nn.Module):
    """Any number of texts and one photo's states -> scores of "does not fit" and "fits" (ITM), and the largest cosine (ITC)."""

    def __init__(self, model):
        super().__init__()
        self.model, self.text = model, Text(model)

    def forward(self, input_ids, attention_mask, encoder_hidden_states):
        queries = self.model.query_tokens.expand(input_ids.shape[0], -1, -1)
        mask = torch.cat([torch.ones_like(queries[..., 0], dtype=attention_mask.dtype), attention_mask], dim=1)
        found = self.model.qformer(query_embeds=self.model.embeddings(input_ids=input_ids, query_embeds=queries), query_length=queries.shape[1],
                                   attention_mask=mask, encoder_hidden_states=encoder_hidden_states).last_hidden_state
        itm = self.model.itm_head(found[:, : queries.shape[1]]).mean(1)
        return itm, (self.text(input_ids, attention_mask) @ vectors(self.model, encoder_hidden_states)[0].T).amax(1)


def vectors(model, states) -> torch.Tensor:
    """States of photos, [photos, positions, width] -> the unit vectors of their query tokens, [photos, queries, dimension]."""
    found = model.qformer(query_embeds=model.query_tokens.expand(states.shape[0], -1, -1), encoder_hidden_states=states).last_hidden_state
    return F.normalize(model.vision_projection(found), dim=-1)


def retrieval(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(Blip2ForImageTextRetrieval)
    former = model.config.qformer_config
    dual_encoder.retrieval(checkpoint, target, Contrast(model), Text(model), Match(model), contrast=True, tokens=former.max_position_embeddings, pad=former.pad_token_id)


def generation(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(Blip2ForConditionalGeneration)
    vision = target.onnx("vision_model.onnx", Queries(model), {"pixel_values": (checkpoint.pixels(), "batch")}, {"image_tokens": "batch", "query_tokens": "batch"})
    write(checkpoint, target, model, vision, question="Question: {question} Answer:", answer=" {answer}. ")


def instructed(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(InstructBlipForConditionalGeneration)
    vision = target.onnx("vision_model.onnx", Features(model), {"pixel_values": (checkpoint.pixels(), "batch")}, {"image_features": "batch"})
    positions, width = Features(model)(checkpoint.pixels()).shape[1:]
    inputs = {"image_features": (torch.zeros(2, positions, width), "batch"), "input_ids": (torch.ones(2, 7, dtype=torch.long), "batch tokens")}
    former = target.onnx("query_former.onnx", Instructed(model), inputs, {"image_tokens": "batch", "query_tokens": "batch"})
    tokenizer = {f"query{key[0].upper()}{key[1:]}": value for key, value in target.tokenizer(checkpoint, "query", source="qformer_tokenizer").items()}
    facts = {"queryFormer": former, **tokenizer, "queryContext": model.config.qformer_config.max_position_embeddings, "features": {"positions": positions, "width": width}}
    write(checkpoint, target, model, vision, caption="A short image description:", question="Question: {question} Answer:", answer=" {answer}. ", **facts)


def write(checkpoint: Checkpoint, target: ModelFolder, model, vision: str, **facts) -> None:
    """The language side, and the manifest."""
    config, language = model.config, model.language_model
    queries, text = config.num_query_tokens, config.text_config
    if config.use_decoder_only_language_model:
        facts = {"context": text.max_position_embeddings, **causal_parts(target, language), **facts}
    else:
        from export.seq2seq import seq2seq_parts

        # T5's positions are relative: it was made for 512 of them.
        marks = {"bos": text.decoder_start_token_id, "promptMarks": {"start": [], "end": [text.eos_token_id]}}
        facts = {"context": getattr(text, "n_positions", None) or 512, **marks, **seq2seq_parts(target, language), **facts}
    output = "image_features" if "features" in facts else "image_tokens"
    language_side = {**checkpoint.language(image_tokens=queries, **facts), **checkpoint.read("iris.json")}
    target.manifest(checkpoint.preprocess(), generate={
        "family": "blip2", "vision": vision, **target.tokenizer(checkpoint), "outputs": {"photo": output}, **language_side})
