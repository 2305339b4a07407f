"""BLIP: captions (image-grounded decoder), answers (image-grounded question encoder, then a decoder), and retrieval (ITC, ITM)."""

import torch
from torch import nn
from transformers import BlipForConditionalGeneration, BlipForImageTextRetrieval, BlipForQuestionAnswering

from export.cross import cross_parts
from export.dual_encoder import retrieval
from export.folder import Checkpoint, ModelFolder


class States(nn.Module):
    """What the text side attends to: the image's hidden states, [photos, positions, width]."""

    def __init__(self, model):
        super().__init__()
        self.vision = model.vision_model

    def forward(self, pixel_values):
        return self.vision(pixel_values).last_hidden_state


class Blank(nn.Module):
    """The states of a photo of the mean colour: what a text's likelihood without any photo is measured before."""

    def __init__(self, states: torch.Tensor):
        super().__init__()
        self.states = nn.Parameter(states)

    def forward(self):
        return self.states + 0


class Encoder(nn.Module):
    """A text that looks at a photo: [rows, tokens] -> [rows, tokens, width]. One photo's states serve any number of rows."""

    def __init__(self, model):
        super().__init__()
        self.encoder = model.text_encoder

    def forward(self, input_ids, encoder_hidden_states, attention_mask=None):
        return self.encoder(input_ids, attention_mask=attention_mask, encoder_hidden_states=encoder_hidden_states).last_hidden_state


class Matcher(nn.Module):
    """Scores of "does not fit" and "fits" for each text."""

    def __init__(self, model):
        super().__init__()
        self.encoder, self.head = Encoder(model), model.itm_head

    def forward(self, input_ids, attention_mask, encoder_hidden_states):
        return self.head(self.encoder(input_ids, encoder_hidden_states, attention_mask)[:, 0])


class Contrast(nn.Module):
    """The vision pass of retrieval: the embedding, and the states that the matcher attends to."""

    def __init__(self, model):
        super().__init__()
        self.vision, self.projection = model.vision_model, model.vision_proj

    def forward(self, pixel_values):
        states = self.vision(pixel_values).last_hidden_state
        return self.projection(states[:, 0]), states


class Text(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.encoder, self.projection = model.text_encoder, model.text_proj

    def forward(self, input_ids, attention_mask):
        return self.projection(self.encoder(input_ids, attention_mask=attention_mask).last_hidden_state[:, 0])


def caption(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(BlipForConditionalGeneration)
    write(checkpoint, target, model, tasks=["caption"])


def answer(checkpoint: Checkpoint, target: ModelFolder) -> None:
    """transformers gives the question as the tokenizer makes it; the original began it with [ENC] instead of [CLS]."""
    model = checkpoint.model(BlipForQuestionAnswering)
    config = model.config.text_config
    first, last = checkpoint.marks()
    inputs = {"input_ids": (torch.ones(2, 5, dtype=torch.long), "photos tokens"), "encoder_hidden_states": (sample(model), "photos")}
    encoder = target.onnx("question_encoder.onnx", Encoder(model), inputs, {"last_hidden_state": "photos tokens"})
    write(checkpoint, target, model, tasks=["ask", "chat"], caption="what is in the picture?", promptMarks={"start": [first], "end": [last]},
          questionEncoder=encoder, answerStart=config.bos_token_id)


def write(checkpoint: Checkpoint, target: ModelFolder, model, **facts) -> None:
    """What both kinds that write share: the photo's states and the decoder that attends to them, or to the question's."""
    config, width = model.config.text_config, model.config.vision_config.hidden_size
    preprocess = checkpoint.preprocess()
    pixels = torch.zeros(2, 3, preprocess["height"], preprocess["width"])
    vision = target.onnx("vision_model.onnx", States(model), {"pixel_values": (pixels, "batch")}, {"image_states": "batch"})
    positions = sample(model).shape[1]
    blank = target.onnx("blank_photo.onnx", Blank(States(model)(pixels[:1])), {}, {"image_states": ""})
    attention = [layer.crossattention.self for layer in model.text_decoder.bert.encoder.layer]
    heads = config.num_attention_heads
    decoder = cross_parts(target, model.text_decoder, [(each.key, each.value) for each in attention], heads=heads,
                          head_dim=config.hidden_size // heads, width=config.encoder_hidden_size, is_decoder=True)
    language = checkpoint.language(image_tokens=0, context=config.max_position_embeddings, bos=config.bos_token_id, eos=[config.sep_token_id], **facts)
    target.manifest(preprocess, generate={
        "family": "blip", **target.tokenizer(checkpoint), **language, "vision": vision, "outputs": {"states": "image_states"}, "positions": positions, "width": width,
        "blank": blank, **decoder})


def sample(model) -> torch.Tensor:
    """Two photos' states, for tracing."""
    vision = model.config.vision_config
    return torch.zeros(2, (vision.image_size // vision.patch_size) ** 2 + 1, vision.hidden_size)


def retrieve(checkpoint: Checkpoint, target: ModelFolder) -> None:
    """Image-text contrastive (ITC) embeddings for search; image-text matching (ITM) to look again at what it found."""
    model = checkpoint.model(BlipForImageTextRetrieval)
    text = model.config.text_config
    retrieval(checkpoint, target, Contrast(model), Text(model), Matcher(model), tokens=text.max_position_embeddings, pad=text.pad_token_id)
