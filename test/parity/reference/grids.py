"""Rows of the vlm family whose photos have no fixed size: the prompt's ids depend on the photo's grid."""

import base64
import inspect

import numpy as np
import torch
from PIL import Image
from transformers import GenerationConfig, Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor, LlamaConfig, Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

from reference import blip, vlm
from reference.making import HERE, PHOTOS, Row, Unclear, numbers, plain_ids, sharpen, subword_tokenizer, written

# SmolVLM's own.
SMOLVLM = """<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"""

# Qwen2-VL's own.
QWEN2_VL = """{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in content %}<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"""


def images() -> list[Image.Image]:
    return [Image.open(HERE / "photos" / name).convert("RGB") for name in PHOTOS]


def packed(levels: torch.Tensor, rows: int, columns: int) -> str:
    """Bytes as Iris has them: pixels row by row, then the grid as two little-endian numbers."""
    whole = levels.round()
    assert (levels - whole).abs().max() < 1e-3, "The processor's pixels are not whole levels."
    return base64.b64encode(whole.to(torch.uint8).numpy().tobytes() + np.array([rows, columns], "<u2").tobytes()).decode()


class Photo:
    """A photo as the model gets it: `inputs` beside ids and mask, and what the processor writes in its place."""

    def __init__(self, inputs: dict, text: str):
        self.inputs, self.text = inputs, text


def compare(row: Row, model, processor, caption: str, photos: list[Photo], wrong: dict) -> dict:
    """As `vlm.compare`, with ids for every photo. `wrong`: name -> (change of the ids, change of the inputs), of the first photo."""
    image, text = processor.image_token_id, model.config.text_config
    model.generation_config = GenerationConfig(bos_token_id=text.bos_token_id, eos_token_id=text.eos_token_id, pad_token_id=text.pad_token_id, max_new_tokens=vlm.STEPS)
    prompts = []
    for prompt in vlm.PROMPTS:
        messages = vlm.conversation(prompt, caption)
        shown = [vlm.safe_ids(processor, messages, photo.text) for photo in photos]
        if not any("<" in str(part) for part in (prompt.get("question"), prompt.get("history"))):
            whole = processor.apply_chat_template(messages, add_generation_prompt=True)
            assert shown[0][0] == whole, (shown[0][0], whole)
            for picture, (_, ids) in zip(images(), shown):
                theirs = processor(text=whole, images=[picture], return_tensors="pt")["input_ids"][0].tolist()
                assert theirs == ids, (theirs, ids)
        prompts.append((prompt, shown[0][0], [ids for _, ids in shown]))
    row.save(model, processor)
    found = [talk(model, processor.tokenizer, photos, prompt, image) for prompt in prompts]
    asked, shown, ids = prompts[1]
    seam = "" if shown[-1].isspace() else " "
    return {"conversations": found, "scores": scores(model, processor.tokenizer, photos, (asked, ids), seam, image),
            "wrong": [{"what": what, "logits": numbers(steps(model, change(ids[0]), [], {**photos[0].inputs, **inputs}, image)[0])} for what, (change, inputs) in wrong.items()]}


def talk(model, tokenizer, photos: list[Photo], prompt: tuple[dict, str, list[list[int]]], image: int) -> dict:
    asked, text, all_ids = prompt
    results = []
    for photo, ids in zip(photos, all_ids):
        inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long), **photo.inputs, **kinds(model, ids, image)}
        greedy = written(model, skip=len(ids), tokens=vlm.STEPS, **inputs)
        if image in greedy:
            raise Unclear("the model writes a picture's token")
        results.append({"greedy": greedy, "beam": written(model, skip=len(ids), tokens=vlm.STEPS, beams=3, **inputs),
                        "logits": numbers(steps(model, ids, greedy, photo.inputs, image)), "text": tokenizer.decode(greedy, skip_special_tokens=True).strip(),
                        "ids": [i for i in ids if i != image], "runs": runs(ids, image)})
    return {"prompt": {**asked, "history": [{"question": q, "answer": a} for q, a in asked.get("history", [])]}, "text": text, "photos": results}


def runs(ids: list[int], image: int) -> list[dict]:
    """Where the picture's tokens are among the others."""
    starts = [at for at, token in enumerate(ids) if token == image and (at == 0 or ids[at - 1] != image)]
    length = lambda at: next((to for to in range(at, len(ids)) if ids[to] != image), len(ids)) - at  # noqa: E731
    return [{"at": sum(token != image for token in ids[:at]), "count": length(at)} for at in starts]


def kinds(model, ids: list[int], image: int) -> dict:
    """For a model that asks which tokens are a picture's."""
    takes = "mm_token_type_ids" in inspect.signature(model.forward).parameters
    return {"mm_token_type_ids": torch.tensor([[int(token == image) for token in ids]])} if takes else {}


def steps(model, ids: list[int], new: list[int], inputs: dict, image: int) -> torch.Tensor:
    whole = [*ids, *new]
    out = model(input_ids=torch.tensor([whole]), attention_mask=torch.ones(1, len(whole), dtype=torch.long), **kinds(model, whole, image), **inputs)
    return vlm.clear(out.logits[0, -1 - len(new):])


def scores(model, tokenizer, photos: list[Photo], prompt: tuple[dict, list[list[int]]], seam: str, image: int) -> dict:
    asked, all_ids = prompt
    texts = [text for text in blip.CANDIDATES if text]
    owns = [plain_ids(tokenizer, seam + text, special=False) for text in texts]

    def likelihood(ids: list[int], own: list[int], inputs: dict) -> float:
        whole = torch.tensor([[*ids, *own]])
        labels = torch.tensor([[*[-100] * len(ids), *own]])
        seen = kinds(model, [*ids, *own], image) if inputs else {}
        return -model(input_ids=whole, attention_mask=torch.ones_like(whole), labels=labels, **inputs, **seen).loss.item() * len(own)

    prior = [[likelihood([i for i in ids if i != image], own, {}) for own in owns] for ids in all_ids]
    return {"prompt": asked, "texts": texts, "tokens": [len(own) for own in owns], "prior": numbers(torch.tensor(prior)),
            "photos": numbers(torch.tensor([[likelihood(ids, own, photo.inputs) for own in owns] for photo, ids in zip(photos, all_ids)]))}


def idefics3(row: Row) -> dict:
    """Idefics3 and SmolVLM: a SigLIP over tiles and the whole, pixel shuffle, a Llama that is told each tile's row and column."""
    tiles = [f"<row_{r + 1}_col_{c + 1}>" for r in range(3) for c in range(3)]
    special = ("<|im_start|>", "<end_of_utterance>", "<image>", "<fake_token_around_image>", "<global-img>", *tiles)
    tokenizer = subword_tokenizer(special=special, names={"bos_token": special[0], "eos_token": special[1], "pad_token": special[0], "additional_special_tokens": list(special[2:])})
    text = LlamaConfig(**{**vlm.TEXT, "max_position_embeddings": 512}, bos_token_id=0, eos_token_id=1, pad_token_id=0, vocab_size=len(tokenizer))
    model = sharpen(Idefics3ForConditionalGeneration(Idefics3Config(vision_config={**vlm.VISION, "num_hidden_layers": 2}, text_config=text, image_token_id=2, scale_factor=2)))
    settings = Idefics3ImageProcessorPil(size={"longest_edge": 96}, max_image_size={"longest_edge": 32}, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    processor = Idefics3Processor(settings, tokenizer, image_seq_len=4, chat_template=SMOLVLM)
    photos, golden = [], []
    for name, image in zip(PHOTOS, images()):
        seen = settings(image, return_tensors="pt", return_row_col_info=True)
        rows, columns = seen["rows"][0][0], seen["cols"][0][0]
        golden.append({"photo": name, "pixels": packed(((seen["pixel_values"][0] * 0.5 + 0.5) * 255).permute(0, 2, 3, 1), rows, columns)})
        photos.append(Photo({"pixel_values": seen["pixel_values"]}, processor.replace_image_token(seen, 0)))
    first = photos[0].inputs["pixel_values"]
    same = lambda ids: ids  # noqa: E731
    place = {tokenizer.convert_tokens_to_ids(f"<row_{r + 1}_col_{c + 1}>"): tokenizer.convert_tokens_to_ids(f"<row_{c + 1}_col_{r + 1}>") for r in range(3) for c in range(3)}
    return {"photos": golden, **compare(row, model, processor, "Can you describe this image?", photos, {
        "rows and columns exchanged": (lambda ids: [place.get(token, token) for token in ids], {}),
        "tiles by column": (same, {"pixel_values": first[:, [0, 3, 1, 4, 2, 5, 6]]}),
        "the whole before its tiles": (same, {"pixel_values": first[:, [6, 0, 1, 2, 3, 4, 5]]})})}


def qwen2_vl(row: Row) -> dict:
    """Qwen2-VL: a picture of nearly its own size in patches, four to a token, which the Qwen2 sees at their rows and columns."""
    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    tokenizer = subword_tokenizer(special=special, names={"pad_token": special[0], "eos_token": special[2], "additional_special_tokens": list(special[3:])})
    text = {**vlm.TEXT, "max_position_embeddings": 512, "vocab_size": len(tokenizer), "bos_token_id": None, "eos_token_id": 2, "pad_token_id": 0,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0, "mrope_section": [2, 1, 1]}}
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 2, "patch_size": 4, "spatial_merge_size": 2, "temporal_patch_size": 2}
    model = sharpen(Qwen2VLForConditionalGeneration(Qwen2VLConfig(text_config=text, vision_config=vision, image_token_id=5, video_token_id=6, vision_start_token_id=3, vision_end_token_id=4)))
    settings = Qwen2VLImageProcessorPil(size={"shortest_edge": 1024, "longest_edge": 1600}, patch_size=4, merge_size=2, temporal_patch_size=2)
    processor = Qwen2VLProcessor(settings, tokenizer, Qwen2VLVideoProcessor(), chat_template=QWEN2_VL)
    mean, std = torch.tensor(settings.image_mean), torch.tensor(settings.image_std)
    photos, golden = [], []
    for name, image in zip(PHOTOS, images()):
        seen = settings(image, return_tensors="pt")
        _, high, wide = seen["image_grid_thw"][0].tolist()
        cells = seen["pixel_values"].view(high // 2, wide // 2, 2, 2, 3, 2, 4, 4)[:, :, :, :, :, 0]
        picture = cells.permute(0, 2, 5, 1, 3, 6, 4).reshape(high * 4, wide * 4, 3)
        golden.append({"photo": name, "pixels": packed((picture * std + mean) * 255, high // 2, wide // 2)})
        photos.append(Photo({"pixel_values": seen["pixel_values"], "image_grid_thw": seen["image_grid_thw"]}, processor.replace_image_token(seen, 0)))
    first = photos[0].inputs
    _, high, wide = first["image_grid_thw"][0].tolist()
    raster = torch.arange(high * wide).view(high // 2, wide // 2, 2, 2).permute(0, 2, 1, 3).flatten()
    same = lambda ids: ids  # noqa: E731
    ids = vlm.safe_ids(processor, vlm.conversation(vlm.PROMPTS[1], vlm.CAPTION), photos[0].text)[1]
    places, _ = model.model.get_rope_index(torch.tensor([ids]), image_grid_thw=first["image_grid_thw"], **kinds(model, ids, 5))
    return {"photos": golden, **compare(row, model, processor, vlm.CAPTION, photos, {
        "patches in raster order": (same, {"pixel_values": first["pixel_values"][raster]}),
        "height and width exchanged": (same, {"image_grid_thw": first["image_grid_thw"][:, [0, 2, 1]]}),
        "positions counted on": (same, {"position_ids": torch.arange(len(ids)).repeat(3, 1, 1)}),
        "rows and columns exchanged in positions": (same, {"position_ids": places[[0, 2, 1]]})})}
