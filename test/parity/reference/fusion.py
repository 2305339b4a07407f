"""Rows of the fusion family: ids, scores of every answer, the likeliest answers, and how well texts match."""

import torch
from PIL import Image
from transformers import ViltConfig, ViltForImageAndTextRetrieval, ViltForQuestionAnswering
from transformers.models.vilt.image_processing_pil_vilt import ViltImageProcessorPil

from reference.making import NASTY, Row, clear, numbers, plain_ids, sharpen, wordpiece_tokenizer

TEXTS = ["what colour is the dog?", "who sits on the bench, and how many?", *(text for text in NASTY if text.strip())]
ANSWERS = [f"{number} {thing}" for number in ("no", "one", "two", "three") for thing in ("dogs", "children", "cats", "红 [SEP]")]
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "image_size": 32, "patch_size": 8, "max_position_embeddings": 24}


class Square(ViltImageProcessorPil):
    """ViLT's, given a photo that is already of the one size which Iris gives it: 32 x 32, its shape not kept."""

    def __call__(self, image, **options):
        return super().__call__(image.resize((32, 32), Image.Resampling.BICUBIC), **options)


def compare(row: Row, model, tokenizer, wrong) -> dict:
    """`wrong` gives scores for one thing that is wrong: name -> inputs of the model that are changed."""
    processor = Square(size={"shortest_edge": 32}, size_divisor=8)
    photos, pixels = row.photos(processor)
    ids = [plain_ids(tokenizer, text, SHAPE["max_position_embeddings"]) for text in TEXTS]

    def scores(photo, own: list[int], **changed) -> torch.Tensor:
        inputs = {"input_ids": torch.tensor([own]), "attention_mask": torch.ones(1, len(own), dtype=torch.long), "token_type_ids": torch.zeros(1, len(own), dtype=torch.long)}
        return model(**{**inputs, "pixel_values": photo[None], **{key: change(inputs, photo) for key, change in changed.items()}}).logits[0]

    logits = torch.stack([torch.stack([scores(photo, own) for own in ids]) for photo in pixels])
    row.save(model, tokenizer, ViltImageProcessorPil(size={"shortest_edge": 32}, size_divisor=8))
    return {"photos": photos, "texts": [{"text": text, "ids": own} for text, own in zip(TEXTS, ids)],
            "wrong": [{"what": what, "logits": numbers(scores(pixels[0], ids[0], **changed))} for what, changed in wrong.items()]}, logits


def sharp(model, scale: float):
    """`scale` also widens the head, whose scores are to tell texts apart."""
    sharpen(model)
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.weight.normal_(1, 0.2)
    head = model.classifier[-1] if hasattr(model, "classifier") else model.rank_output
    head.weight.mul_(scale)
    return model


def flipped(inputs: dict, photo: torch.Tensor) -> torch.Tensor:
    return photo.unflatten(1, (4, 8)).unflatten(3, (4, 8)).flip(1, 3).flatten(3, 4).flatten(1, 2)[None]


WRONG = {
    "other token types": {"token_type_ids": lambda inputs, photo: inputs["token_type_ids"] + 1},
    "patches in reverse order": {"pixel_values": flipped},
    "the last patches masked": {"pixel_mask": lambda inputs, photo: (torch.arange(32)[None, :, None] < 24).long().expand(1, 32, 32)},
    "the last word masked": {"attention_mask": lambda inputs, photo: (torch.arange(inputs["input_ids"].shape[1]) < inputs["input_ids"].shape[1] - 1).long()[None]},
    "a picture of the second kind": {"image_token_type_idx": lambda inputs, photo: 0},
}


def answer(row: Row) -> dict:
    tokenizer = wordpiece_tokenizer()
    config = ViltConfig(**SHAPE, vocab_size=len(tokenizer), id2label=dict(enumerate(ANSWERS)), label2id={text: at for at, text in enumerate(ANSWERS)})
    wrong = {name: change for name, change in WRONG.items() if name != "a picture of the second kind"}
    golden, logits = compare(row, sharp(ViltForQuestionAnswering(config), 2.0), tokenizer, wrong)
    clear(logits)
    best = [[ANSWERS[at] for at in one.argsort(descending=True)[:3].tolist()] for photo in logits for one in photo]
    return {**golden, "logits": numbers(logits.flatten(0, 1)), "best": best}


def match(row: Row) -> dict:
    tokenizer = wordpiece_tokenizer()
    model = sharp(ViltForImageAndTextRetrieval(ViltConfig(**SHAPE, vocab_size=len(tokenizer))), 4.0)
    wrong = {name: change for name, change in WRONG.items() if name != "a picture of the second kind"}
    golden, logits = compare(row, model, tokenizer, wrong)
    clear(logits[..., 0])
    return {**golden, "logits": numbers(logits.flatten(0, 1)), "best": []}
