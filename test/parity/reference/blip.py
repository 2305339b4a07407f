"""Rows of the blip family: written tokens, step by step scores, likelihoods, and how well texts match."""

import torch
import torch.nn.functional as F
from transformers import BlipConfig, BlipForConditionalGeneration, BlipForImageTextRetrieval, BlipForQuestionAnswering
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from reference.making import NASTY, Row, clear, numbers, plain_ids, sharpen, wordpiece_tokenizer, written

# Some share a beginning, one is the beginning of another, one is empty.
CANDIDATES = ["a dog in the snow", "a dog", "two children on a beach at night", "a dog in the sun", "", "红 [SEP] dog"]
TYPED = "a [SEP] dog [DEC] and [ENC] [PAD]"


def build(cls, tokenizer, start: int, width: int = 32):
    """A tiny model whose vocabulary has room for [DEC] (`start`) and [ENC], which follow the tokenizer's words."""
    shared = {"num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    text = {**shared, "hidden_size": width, "vocab_size": start + 2, "max_position_embeddings": 48, "bos_token_id": start,
            "sep_token_id": tokenizer.sep_token_id, "pad_token_id": tokenizer.pad_token_id}
    vision = {**shared, "hidden_size": 32, "image_size": 32, "patch_size": 8}
    model = sharpen(cls(BlipConfig(text_config=text, vision_config=vision, image_text_hidden_size=20)))
    model.vision_model.embeddings.position_embedding.normal_(std=0.5)
    return model, BlipImageProcessorPil(size={"height": 32, "width": 32})


def compare(row: Row, model, tokenizer, processor, prompts: list[str], inputs, loss, seam: str = "") -> dict:
    """The golden of a model that writes. `inputs(prompt)` is what generate gets beside pixels, with how many tokens to skip.

    `loss(pixels, prompt, ids)` is the model's mean loss over `ids` after the prompt, `seam` what its text begins with there.
    """
    model.generation_config.eos_token_id = tokenizer.sep_token_id or tokenizer.eos_token_id
    photos, pixels = row.photos(processor)
    cases = []
    for prompt in prompts:
        given, skip = inputs(prompt)
        write = lambda beams: [written(model, skip=skip, beams=beams, pixel_values=photo[None], **{k: v.clone() for k, v in given.items()}) for photo in pixels]  # noqa: E731
        greedy = write(1)
        cases.append({"prompt": prompt, "greedy": greedy, "texts": [tokenizer.decode(new, skip_special_tokens=True).strip() for new in greedy], "beams": write(3)})
    scores = []
    for prompt in prompts[:2]:
        ids = [plain_ids(tokenizer, (seam if prompt and text else "") + text, special=False) for text in CANDIDATES]
        total = lambda photo: [-loss(photo[None], prompt, own).item() * len(own) if own else 0.0 for own in ids]  # noqa: E731
        scores.append({"prompt": prompt, "texts": CANDIDATES, "tokens": [len(own) for own in ids], "photos": [total(photo) for photo in pixels], "prior": total(torch.zeros_like(pixels[0]))})
    row.save(model, tokenizer, processor)
    return {"photos": photos, "cases": cases, "scores": scores}


def caption(row: Row) -> dict:
    tokenizer = wordpiece_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "[DEC]", "additional_special_tokens": ["[ENC]"]})
    start = tokenizer.bos_token_id
    model, processor = build(BlipForConditionalGeneration, tokenizer, start, width=24)
    before = lambda prompt: torch.tensor([[start, *plain_ids(tokenizer, prompt, special=False)]])  # noqa: E731

    def inputs(prompt: str):
        ids = before(prompt)
        # generate replaces the first id ([CLS]) and drops the last ([SEP]); without a prompt it begins by itself.
        return ({"input_ids": F.pad(ids, (0, 1), value=tokenizer.sep_token_id)} if prompt else {}), ids.shape[1]

    def loss(pixels, prompt: str, own: list[int]):
        ids = torch.cat([before(prompt), torch.tensor([own])], dim=1)
        labels = ids.clone()
        labels[:, : -len(own)] = -100
        return model(pixels, input_ids=ids, labels=labels).loss

    golden = compare(row, model, tokenizer, processor, ["", "a photo of", TYPED], inputs, loss)
    ids = torch.tensor([[start, *golden["cases"][0]["greedy"][0]]])
    return {**golden, "logits": numbers(model(row.photos(processor)[1][:1], input_ids=ids).logits[0, :4])}


def answer(row: Row) -> dict:
    """[DEC] is unknown to the tokenizer, as in the published checkpoints."""
    tokenizer = wordpiece_tokenizer()
    start = len(tokenizer)
    model, processor = build(BlipForQuestionAnswering, tokenizer, start)
    before = lambda prompt: torch.tensor([plain_ids(tokenizer, prompt)])  # noqa: E731

    def loss(pixels, prompt: str, own: list[int]):
        ids = torch.tensor([[start, *own]])
        return model(before(prompt), pixels, decoder_input_ids=ids, labels=torch.tensor([[-100, *own]])).loss

    questions = ["what colour is the dog?", "who is it, and how many?", TYPED]
    golden = compare(row, model, tokenizer, processor, questions, lambda prompt: ({"input_ids": before(prompt)}, 1), loss)
    pixels, ids = row.photos(processor)[1][:1], torch.tensor([[start, *golden["cases"][0]["greedy"][0]]])
    states = model.text_encoder(before(questions[0]), encoder_hidden_states=model.vision_model(pixels)[0])[0]
    return {**golden, "logits": numbers(model.text_decoder(ids, encoder_hidden_states=states).logits[0, :4])}


def retrieve(row: Row) -> dict:
    tokenizer = wordpiece_tokenizer()
    model, processor = build(BlipForImageTextRetrieval, tokenizer, len(tokenizer), width=24)
    model.itm_head.weight.mul_(8)  # [CLS] differs little from text to text
    photos, pixels = row.photos(processor)
    texts = [*(text for text in NASTY if text.strip()), TYPED, "two children sit on a red bench"]
    ids = [plain_ids(tokenizer, text, 48) for text in texts]
    states = model.vision_model(pixels)[0]
    image = F.normalize(model.vision_proj(states[:, 0]), dim=-1)
    text = torch.cat([F.normalize(model.text_proj(model.text_encoder(torch.tensor([own]))[0][:, 0]), dim=-1) for own in ids])
    match = lambda use: torch.stack([torch.cat([model(torch.tensor([own]), photo[None], use_itm_head=use).itm_score for own in ids]) for photo in pixels])  # noqa: E731
    itc, itm = match(False)[..., 0], match(True)
    # Probabilities around one half, which show a difference best.
    middle = (itm[..., 1] - itm[..., 0]).mean()
    model.itm_head.bias[1] -= middle
    itm[..., 1] -= middle
    assert (itc - image @ text.T).abs().max() < 1e-5
    clear(itm[..., 1] - itm[..., 0], "ITM scores")
    row.save(model, tokenizer, processor)
    return {"photos": [{**photo, "embedding": numbers(vector)} for photo, vector in zip(photos, image)],
            "texts": [{"text": one, "ids": own, "embedding": numbers(vector)} for one, own, vector in zip(texts, ids, text)],
            "itc": numbers(itc), "itm": numbers(itm.softmax(-1)[..., 1])}
