"""CLIP and its kin: a vision and a text file whose embeddings are compared by their cosine."""

import torch
from transformers import AlignModel, ChineseCLIPModel, CLIPModel, SiglipModel

from export.folder import RESAMPLE, Checkpoint, ModelFolder, Part


class Vision(Part):
    def forward(self, pixel_values):
        return self.model.get_image_features(pixel_values).pooler_output


class Text(Part):
    """Some models read what a text is filled up with, and have no mask."""

    def forward(self, input_ids, attention_mask=None):
        return self.model.get_text_features(input_ids, attention_mask=attention_mask).pooler_output


def clip(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(CLIPModel)
    dual_encoder(checkpoint, target, model, tokens=positions(model), zero_shot=softmax(model.logit_scale.exp()), template="a photo of {}")


def chinese_clip(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(ChineseCLIPModel)
    # Its texts were cut at 52 tokens, although BERT has more positions.
    dual_encoder(checkpoint, target, model, tokens=min(52, positions(model)), zero_shot=softmax(model.logit_scale.exp()), template="{}")


def align(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(AlignModel)
    dual_encoder(checkpoint, target, model, tokens=min(64, positions(model)), zero_shot=softmax(1 / model.temperature), template="{}")


def siglip(checkpoint: Checkpoint, target: ModelFolder) -> None:
    """SigLIP, and SigLIP 2 of a fixed size: the same network, with another tokenizer and without cleaned texts."""
    model = checkpoint.model(SiglipModel)
    tokenizer = checkpoint.read("tokenizer_config.json")
    first = tokenizer.get("tokenizer_class") == "SiglipTokenizer"
    if not first and tokenizer.get("padding_side", "right") != "right":
        raise SystemExit("tokenizer_config.json: padding_side left is not supported; SigLIP 2 was trained with right.")
    sigmoid = {"scale": model.logit_scale.exp().item(), "bias": model.logit_bias.item(), "activation": "sigmoid"}
    dual_encoder(checkpoint, target, model, tokens=positions(model), zero_shot=sigmoid, template="This is a photo of {}.", mask=False,
                 padding="max", padId=1 if first else 0, **({"canonical": True} if first else {}))


def retrieval(checkpoint: Checkpoint, target: ModelFolder, vision, text, matcher, *, contrast: bool = False, tokens: int, pad: int | None, **facts) -> None:
    """Embeddings for search, and a matcher that looks again at what it found: the manifest's `embed` and `match`.

    `vision` gives a photo's embedding and its states, `matcher` the scores of "does not fit" and "fits" for texts with one
    photo's states, and their cosines beside them where it has a `contrast` of its own.
    """
    pixels, ids = checkpoint.pixels(), torch.ones(2, 5, dtype=torch.long)
    embeds, states = vision(pixels)
    texts = {"input_ids": (ids, "batch tokens"), "attention_mask": (ids, "batch tokens")}
    seen = target.onnx("vision_model.onnx", vision, {"pixel_values": (pixels, "batch")}, {"image_embeds": "batch", "image_states": "batch"})
    shared = {"vision": seen, **target.tokenizer(checkpoint), "maxTokens": tokens, "padId": pad or 0}
    read = target.onnx("text_model.onnx", text, texts, {"text_embeds": "batch"})
    outputs = {"scores": "itm_logits", **({"contrast": "itc"} if contrast else {})}
    matched = target.onnx("match_model.onnx", matcher, {**texts, "encoder_hidden_states": (states[:1], "_")}, {name: "batch" for name in outputs.values()})
    target.manifest(
        checkpoint.preprocess(),
        embed={"family": "dual-encoder", **shared, "text": read, "outputs": {"image": "image_embeds", "text": "text_embeds"},
               "dimension": embeds.shape[-1], "lowercase": False, "template": "{}", **facts},
        match={"family": "blip", **shared, "matcher": matched, "outputs": {"states": "image_states", **outputs}, "positions": states.shape[1], "width": states.shape[2]})


def positions(model) -> int:
    return model.config.text_config.max_position_embeddings


def softmax(scale) -> dict:
    return {"scale": scale.item(), "bias": 0.0, "activation": "softmax"}


class OpenClipVision(Part):
    def forward(self, pixel_values):
        return self.model.encode_image(pixel_values, normalize=False)


class OpenClipText(OpenClipVision):
    def forward(self, input_ids):
        return self.model.encode_text(input_ids, normalize=False)


def open_clip_model(checkpoint: Checkpoint, target: ModelFolder) -> None:
    """Any open_clip folder with one of CLIP's tokenizers, CoCa's contrastive part among them."""
    import open_clip

    model = open_clip.create_model(f"local-dir:{checkpoint.folder}").float().eval().requires_grad_(False)
    model_config, p = checkpoint.config["model_cfg"], checkpoint.config["preprocess_cfg"]
    size = p.get("size", model_config["vision_cfg"]["image_size"])
    width, height = (size, size) if isinstance(size, int) else (size[1], size[0])
    fits = {"shortest": "cover", "squash": "fill"}
    if p.get("resize_mode", "shortest") not in fits or p.get("interpolation", "bicubic") not in RESAMPLE.values():
        raise SystemExit(f"open_clip_config.json: preprocess_cfg {p} is not supported.")
    preprocess = {"version": 1, "width": width, "height": height, "fit": fits[p.get("resize_mode", "shortest")], "resample": p.get("interpolation", "bicubic"),
                  "mean": [round(x * 255, 6) for x in p["mean"]], "std": [round(x * 255, 6) for x in p["std"]]}
    bias = 0.0 if model.logit_bias is None else model.logit_bias.item()
    write_parts(checkpoint, target, OpenClipVision(model), OpenClipText(model), preprocess, tokens=model_config["text_cfg"].get("context_length", 77), mask=False,
                zero_shot={"scale": model.logit_scale.exp().item(), "bias": bias, "activation": "sigmoid" if bias else "softmax"}, template="a photo of {}", padding="max", padId=0)


def dual_encoder(checkpoint, target, model, **facts) -> None:
    write_parts(checkpoint, target, Vision(model), Text(model), checkpoint.preprocess(), **facts)


def write_parts(checkpoint, target, vision, text, preprocess, *, tokens: int, zero_shot: dict, template: str, mask: bool = True, **facts) -> None:
    """Writes both parts and the manifest. `relevance` is not known without photos, so it is left out."""
    pixels = torch.zeros(2, 3, preprocess["height"], preprocess["width"])
    ids = torch.ones(2, tokens, dtype=torch.long)
    axes = "batch tokens" if facts.get("padding") != "max" else "batch"
    inputs = {"input_ids": (ids, axes), **({"attention_mask": (ids, axes)} if mask else {})}
    files = {"vision": target.onnx("vision_model.onnx", vision, {"pixel_values": (pixels, "batch")}, {"image_embeds": "batch"}),
             "text": target.onnx("text_model.onnx", text, inputs, {"text_embeds": "batch"})}
    target.manifest(preprocess, embed={
        "family": "dual-encoder", **files, **target.tokenizer(checkpoint), "outputs": {"image": "image_embeds", "text": "text_embeds"},
        "dimension": vision(pixels).shape[-1], "maxTokens": tokens, "lowercase": False, **facts, "template": template, "zeroShot": zero_shot})
