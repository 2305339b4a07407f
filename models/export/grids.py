"""Photos of no fixed size before a decoder-only language model: Idefics3 and SmolVLM, which cut them into tiles."""

import torch
from torch import nn
from transformers import AutoModelForCausalLM, Idefics3ForConditionalGeneration, SmolVLMForConditionalGeneration

from export.causal import causal_parts
from export.folder import Checkpoint, ModelFolder
from export.vlm import chat


class TileVision(nn.Module):
    """[photos, tiles, 3, side, side] -> [tiles of all, tokens, width]. Every tile is full, so its places are counted once."""

    def __init__(self, model):
        super().__init__()
        vision = model.model.vision_model
        self.vision, self.connector = vision, model.model.connector
        per_side = vision.embeddings.num_patches_per_side
        kept = []
        # The original finds places by fractions, which round: so they are what it really uses.
        hook = vision.embeddings.position_embedding.register_forward_hook(lambda _, inputs, __: kept.append(inputs[0]))
        side = per_side * vision.patch_size
        vision.embeddings(torch.zeros(1, 3, side, side), torch.ones(1, per_side, per_side, dtype=torch.bool))
        hook.remove()
        self.register_buffer("places", kept[0])

    def forward(self, pixel_values):
        words = self.vision.embeddings
        states = words.patch_embedding(pixel_values.flatten(0, 1)).flatten(2).transpose(1, 2) + words.position_embedding(self.places)
        return self.connector(self.vision.post_layernorm(self.vision.encoder(inputs_embeds=states).last_hidden_state))


def idefics3(checkpoint: Checkpoint, target: ModelFolder) -> None:
    tiled(checkpoint, target, checkpoint.model(Idefics3ForConditionalGeneration))


def smolvlm(checkpoint: Checkpoint, target: ModelFolder) -> None:
    tiled(checkpoint, target, checkpoint.model(SmolVLMForConditionalGeneration))


def tiled(checkpoint: Checkpoint, target: ModelFolder, model) -> None:
    text = model.config.text_config
    language = AutoModelForCausalLM.from_config(text, attn_implementation="eager").eval()
    language.model, language.lm_head = model.model.text_model, model.lm_head
    settings = checkpoint.image_processor()
    side, longest = settings["max_image_size"]["longest_edge"], settings["size"]["longest_edge"]
    if not settings.get("do_image_splitting", True):
        longest = side
    pixels = torch.zeros(1, 3, 3, side, side)
    vision = target.onnx("vision_encoder.onnx", TileVision(model), {"pixel_values": (pixels, "batch tiles")}, {"image_features": "all"})
    tokens = (side // model.config.vision_config.patch_size // model.config.scale_factor) ** 2
    fixed = checkpoint.preprocess({**settings, "do_center_crop": False, "size": {"height": side, "width": side}})
    around, whole = "<fake_token_around_image>", "<global-img>{image}<fake_token_around_image>"
    target.manifest({**fixed, "fit": "tiles", "longest": longest}, generate={
        "family": "vlm", "vision": vision, **causal_parts(target, language), **target.tokenizer(checkpoint), "outputs": {"imageTokens": "image_features"},
        "photoText": {"cell": f"{around}<row_{{row}}_col_{{column}}>{{image}}", "rowEnd": "\n", "end": f"\n{around}{whole}", "single": around + whole},
        **checkpoint.language(image_tokens=tokens, context=text.max_position_embeddings, caption="Can you describe this image?", answer="{answer}"),
        **chat(checkpoint, target, model.config.image_token_id)})
