"""Pictures as tokens before or within the text of a decoder-only language model: LLaVA, GIT and PaliGemma. And ViT-GPT2, whose decoder attends to them."""

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, GitForCausalLM, LlavaForConditionalGeneration, PaliGemmaForConditionalGeneration, VisionEncoderDecoderModel

from export.blip import Blank
from export.causal import causal_parts
from export.cross import cross_parts
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


class GitVision(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model.git

    def forward(self, pixel_values):
        return self.model.visual_projection(self.model.image_encoder(pixel_values).last_hidden_state)


class GitStep(nn.Module):
    """As `causal.Step`, but the picture's tokens see each other and no text, and the text's positions are counted by themselves."""

    def __init__(self, model):
        super().__init__()
        self.model, self.output = model.git, model.output

    def forward(self, inputs_embeds, attention_mask, position_ids, image_tokens, *past):
        cache = DynamicCache()
        for layer in range(len(self.model.encoder.layer)):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        words = self.model.embeddings
        placed = words.LayerNorm(inputs_embeds + words.position_embeddings((position_ids - image_tokens).clamp(min=0)))
        states = torch.where((position_ids >= image_tokens)[..., None], placed, inputs_embeds)
        keys, queries = torch.arange(attention_mask.shape[1]), position_ids[..., None]
        seen = (keys <= queries) | ((keys < image_tokens) & (queries < image_tokens))
        mask = torch.where(seen, 0.0, torch.finfo(torch.float32).min)[:, None]
        out = self.model.encoder(states, attention_mask=mask, past_key_values=cache, use_cache=True)
        return (self.output(out.last_hidden_state), *(tensor for layer in cache.layers for tensor in (layer.keys, layer.values)))


def git(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(GitForCausalLM)
    preprocess = checkpoint.preprocess()
    pixels = torch.zeros(2, 3, preprocess["height"], preprocess["width"])
    vision = target.onnx("vision_encoder.onnx", GitVision(model), {"pixel_values": (pixels, "batch")}, {"image_features": "batch"})
    tokens = GitVision(model)(pixels).shape[1]
    target.manifest(preprocess, generate={
        "family": "vlm", "vision": vision, **causal_parts(target, model, GitStep(model)), **target.tokenizer(checkpoint), "outputs": {"imageTokens": "image_features"},
        **checkpoint.language(image_tokens=tokens, context=tokens + model.config.max_position_embeddings)})


class ProjectedTower(nn.Module):
    """A vision tower's last states, projected: PaliGemma's and Florence-2's."""

    def __init__(self, model):
        super().__init__()
        self.tower, self.projector = model.model.vision_tower, model.model.multi_modal_projector

    def forward(self, pixel_values):
        return self.projector(self.tower(pixel_values).last_hidden_state)


class PrefixStep(nn.Module):
    """As `causal.Step`, but positions of the first pass, which are the picture's and the prompt's, all see each other."""

    def __init__(self, model, head, layers: int):
        super().__init__()
        self.model, self.head, self.layers = model, head, layers

    def forward(self, inputs_embeds, attention_mask, position_ids, *past):
        cache = DynamicCache()
        for layer in range(self.layers):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        nothing_before = torch.ones_like(past[0][0, 0, :, 0]).sum() == 0
        seen = (torch.arange(attention_mask.shape[1]) <= position_ids[..., None]) | nothing_before
        mask = torch.where(seen, 0.0, torch.finfo(torch.float32).min)[:, None]
        out = self.model(inputs_embeds=inputs_embeds, attention_mask=mask, position_ids=position_ids, past_key_values=cache, use_cache=True)
        return (self.head(out.last_hidden_state[:, -1:]), *(tensor for layer in cache.layers for tensor in (layer.keys, layer.values)))


def paligemma(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(PaliGemmaForConditionalGeneration)
    text = model.config.text_config
    if text.model_type != "gemma":
        raise SystemExit(f"{checkpoint.folder}: a language model of type {text.model_type} is not known here; expected gemma.")
    preprocess = checkpoint.preprocess()
    pixels = torch.zeros(2, 3, preprocess["height"], preprocess["width"])
    vision = target.onnx("vision_encoder.onnx", ProjectedTower(model), {"pixel_values": (pixels, "batch")}, {"image_features": "batch"})
    language = AutoModelForCausalLM.from_config(text, attn_implementation="eager").eval()
    language.model, language.lm_head = model.model.language_model, model.lm_head
    words = AutoTokenizer.from_pretrained(checkpoint.folder).get_vocab()
    places = sum(f"<loc{at:04}>" in words for at in range(1024))
    target.manifest(preprocess, generate={
        "family": "vlm", "vision": vision, **causal_parts(target, language, PrefixStep(language.model, language.lm_head, text.num_hidden_layers)), **target.tokenizer(checkpoint),
        "outputs": {"imageTokens": "image_features"},
        **checkpoint.language(image_tokens=ProjectedTower(model)(pixels).shape[1], context=text.max_position_embeddings, tasks=["caption", "ask"], captionStart="task",
                              locations={"first": words["<loc0000>"], "count": places, "bins": 1024, "centre": False, "order": "yxyx", "label": "after"},
                              caption="caption en", caption_template="{prompt}\n", question="answer en {question}\n")})


class EncoderStates(nn.Module):
    """What the decoder attends to, of its own width."""

    def __init__(self, model):
        super().__init__()
        self.encoder, self.projection = model.encoder, getattr(model, "enc_to_dec_proj", None)

    def forward(self, pixel_values):
        states = self.encoder(pixel_values).last_hidden_state
        return self.projection(states) if self.projection else states


def vision_encoder_decoder(checkpoint: Checkpoint, target: ModelFolder) -> None:
    """ViT-GPT2 and its kin: in the manifest another of the `blip` family, whose decoder attends to a picture's states."""
    model = checkpoint.model(VisionEncoderDecoderModel)
    config, text = model.config, model.decoder.config
    if text.model_type != "gpt2":
        raise SystemExit(f"{checkpoint.folder}: a decoder of type {text.model_type} is not known here; expected gpt2.")
    preprocess = checkpoint.preprocess()
    pixels = torch.zeros(2, 3, preprocess["height"], preprocess["width"])
    vision = target.onnx("vision_encoder.onnx", EncoderStates(model), {"pixel_values": (pixels, "batch")}, {"image_states": "batch"})
    states = EncoderStates(model)(pixels)
    blank = target.onnx("blank_photo.onnx", Blank(states[:1]), {}, {"image_states": ""})
    memory = [keys_and_values(block.crossattention.c_attn) for block in model.decoder.transformer.h]
    decoder = cross_parts(target, model.decoder, memory, heads=text.n_head, head_dim=text.n_embd // text.n_head, width=states.shape[-1])
    start = config.decoder_start_token_id if config.decoder_start_token_id is not None else text.bos_token_id
    target.manifest(preprocess, generate={
        "family": "blip", **target.tokenizer(checkpoint), **checkpoint.language(image_tokens=0, context=text.n_positions, bos=start, tasks=["caption"]), "vision": vision,
        "outputs": {"states": "image_states"}, "positions": states.shape[1], "width": states.shape[2], "blank": blank, **decoder})


def keys_and_values(both) -> tuple[nn.Linear, nn.Linear]:
    """GPT-2's one layer for both as two."""
    layers = []
    for weight, bias in zip(both.weight.chunk(2, dim=1), both.bias.chunk(2)):
        layer = nn.Linear(*weight.shape)
        layer.weight, layer.bias = nn.Parameter(weight.T.contiguous(), requires_grad=False), nn.Parameter(bias, requires_grad=False)
        layers.append(layer)
    return tuple(layers)
