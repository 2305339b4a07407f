"""Pictures as tokens before or within the text of a decoder-only language model: LLaVA."""

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, LlavaForConditionalGeneration

from export.causal import causal_parts
from export.folder import Checkpoint, ModelFolder


class LlavaVision(nn.Module):
    """Hidden states of the chosen layers of the vision tower, without the class token where the model was so trained."""

    def __init__(self, model):
        super().__init__()
        self.model, self.config = model.model, model.config

    def forward(self, pixel_values):
        chosen = self.config.vision_feature_layer
        layers = chosen if isinstance(chosen, list) else [chosen]
        states = self.model.vision_tower(pixel_values, output_hidden_states=True).hidden_states
        first = 1 if self.config.vision_feature_select_strategy == "default" else 0
        return self.model.multi_modal_projector(torch.cat([states[layer][:, first:] for layer in layers], dim=-1))


def llava(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(LlavaForConditionalGeneration)
    text = model.config.text_config
    language = AutoModelForCausalLM.from_config(text, attn_implementation="eager").eval()
    language.model, language.lm_head = model.model.language_model, model.lm_head
    preprocess = checkpoint.preprocess()
    pixels = torch.zeros(2, 3, preprocess["height"], preprocess["width"])
    vision = target.onnx("vision_encoder.onnx", LlavaVision(model), {"pixel_values": (pixels, "batch")}, {"image_features": "batch"})
    target.manifest(preprocess, generate={
        "family": "vlm", "vision": vision, **causal_parts(target, language), **target.tokenizer(checkpoint), "outputs": {"imageTokens": "image_features"},
        **checkpoint.language(image_tokens=LlavaVision(model)(pixels).shape[1], context=text.max_position_embeddings,
                              caption="Describe this photo in one sentence.", answer="{answer}"),
        **chat(checkpoint, target, model.config.image_token_id)})


def chat(checkpoint: Checkpoint, target: ModelFolder, image_token: int) -> dict:
    """Writes the chat template that the checkpoint has, in a file of its own or in one of two others."""
    file = checkpoint.folder / "chat_template.jinja"
    template = file.read_text("utf-8") if file.exists() else checkpoint.read("chat_template.json").get("chat_template") or checkpoint.read("tokenizer_config.json").get("chat_template")
    if not template:
        raise SystemExit(f"{checkpoint.folder}: there is no chat template; expected chat_template.jinja.")
    (target.folder / file.name).write_text(template, "utf-8")
    return {"chatTemplate": file.name, "imageToken": AutoTokenizer.from_pretrained(checkpoint.folder).convert_ids_to_tokens(image_token)}
