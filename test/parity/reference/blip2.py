"""Rows of the blip2 family: query tokens, prefix, prompts, scores of the first step, written text, and likelihoods."""

import json

import torch
import torch.nn.functional as F
from transformers import Blip2Config, Blip2ForConditionalGeneration, Blip2ForImageTextRetrieval, InstructBlipConfig, InstructBlipForConditionalGeneration, LlamaConfig, OPTConfig, T5Config
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from reference.making import NASTY, Row, clear, numbers, plain_ids, sharpen, subword_tokenizer, unigram_tokenizer, wordpiece_tokenizer, written

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<image>")
VISION = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32, "patch_size": 8}
FORMER = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64}
QUERIES, WIDTH = 4, 32
CHAT = {"question": "and who is it? <image> </s> Answer:", "history": [{"question": "what colour is the dog?", "answer": "brown"}, {"question": "where is it?", "answer": "in the snow"}]}
PROMPTS = [{"caption": ""}, {"caption": "a photo of"}, {"question": "what colour is the dog?"}, CHAT]
TEXTS = ["a dog in the snow", "two children on a beach", "a dog", "中文"]


def talk(prompt: dict, caption: str = "") -> str:
    """A prompt as the original's demonstration writes it."""
    if "question" not in prompt:
        return prompt["caption"] or caption
    turns = [f"Question: {turn['question']} Answer: {turn['answer']}." for turn in prompt.get("history", [])]
    return " ".join([*turns, f"Question: {prompt['question']} Answer:"])


def image_processor():
    return BlipImageProcessorPil(size={"height": 32, "width": 32})


def settle(model, tokenizer, **ids):
    """Sharp weights, query tokens and positions among them; and the ids that begin and end a text."""
    sharpen(model)
    model.query_tokens.normal_()
    model.vision_model.embeddings.position_embedding.normal_(std=0.5)
    for config in (model.generation_config, model.language_model.generation_config, model.language_model.config):
        for name, value in {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, **ids}.items():
            setattr(config, name, value)
    return model


def opt(row: Row) -> dict:
    tokenizer = subword_tokenizer(special=SPECIAL)
    text = OPTConfig(vocab_size=len(tokenizer), hidden_size=WIDTH, word_embed_proj_dim=WIDTH, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=160,
                     bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model = settle(Blip2ForConditionalGeneration(config_of(text, tokenizer)), tokenizer)
    return prompted(row, model, tokenizer)


def retrieve(row: Row) -> dict:
    """Query tokens against a text (ITC: the largest cosine), and a text that looks at the photo (ITM)."""
    tokenizer, processor = wordpiece_tokenizer(), image_processor()
    former = {**FORMER, "vocab_size": len(tokenizer), "use_qformer_text_input": True}
    model = Blip2ForImageTextRetrieval(Blip2Config(vision_config=VISION, qformer_config=former, num_query_tokens=QUERIES, image_text_hidden_size=16))
    sharpen(model)
    model.query_tokens.normal_()
    model.vision_model.embeddings.position_embedding.normal_(std=0.5)
    model.itm_head.weight.mul_(8)  # the mean over query tokens differs little from text to text
    photos, pixels = row.photos(processor)
    texts = [text for text in NASTY if text.strip()] + ["two children sit on a red bench"]
    ids = [plain_ids(tokenizer, text, FORMER["max_position_embeddings"]) for text in texts]

    def match(photo, own: list[int], matching: bool):
        inputs = {"input_ids": torch.tensor([own]), "attention_mask": torch.ones(1, len(own), dtype=torch.long)}
        return model(photo[None], **inputs, use_image_text_matching_head=matching)

    contrast = [[match(photo, own, False) for own in ids] for photo in pixels]
    itc = torch.tensor([[one.logits_per_image.item() for one in each] for each in contrast])
    itm = torch.stack([torch.cat([match(photo, own, True).logits_per_image for own in ids]) for photo in pixels])
    middle = (itm[..., 1] - itm[..., 0]).mean()  # probabilities around one half, which show a difference best
    model.itm_head.bias[1] -= middle
    itm[..., 1] -= middle
    clear(itm[..., 1] - itm[..., 0], "ITM scores")
    row.save(model, tokenizer, processor)
    wrong = mistaken(model, lambda: [[[match(photo, own, matching).logits_per_image for own in ids] for photo in pixels] for matching in (False, True)])
    return {"wrong": wrong, "photos": [{**photo, "embedding": numbers(F.normalize(each[0].image_embeds[0].mean(0), dim=-1))} for photo, each in zip(photos, contrast)],
            "texts": [{"text": text, "ids": own, "embedding": numbers(one.text_embeds[0])} for text, own, one in zip(texts, ids, contrast[0])],
            "itc": numbers(itc), "itm": numbers(itm.softmax(-1)[..., 1])}


def mistaken(model, scores) -> list[dict]:
    """What `scores` (ITC and ITM of photos and texts) becomes with other query tokens. Their order alone changes nothing, which is checked:
    they have no positions, and both scores are the largest or the mean of them."""
    right = model.query_tokens.clone()
    changes = {"query tokens in another order": right.flip(1), "query tokens with their numbers in another order": right.flip(2), "a query token too few": right[:, 1:]}
    found = []
    for what, tokens in changes.items():
        model.query_tokens.data = tokens
        itc, itm = scores()
        found.append({"what": what, "itc": numbers(torch.tensor([[one.item() for one in photo] for photo in itc])),
                      "itm": numbers(torch.stack([torch.cat(photo) for photo in itm]).softmax(-1)[..., 1])})
    model.query_tokens.data = right
    return found


def config_of(text, tokenizer) -> Blip2Config:
    return Blip2Config(vision_config=VISION, qformer_config=FORMER, text_config=text.to_dict(), num_query_tokens=QUERIES, image_token_index=tokenizer.convert_tokens_to_ids("<image>"))


def t5(row: Row) -> dict:
    tokenizer = unigram_tokenizer()
    text = T5Config(vocab_size=len(tokenizer), d_model=WIDTH, d_kv=8, d_ff=48, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu", tie_word_embeddings=False,
                    bos_token_id=1, eos_token_id=1, pad_token_id=0, decoder_start_token_id=0)
    model = settle(Blip2ForConditionalGeneration(config_of(text, tokenizer)), tokenizer, bos_token_id=1, decoder_start_token_id=0)
    return prompted(row, model, tokenizer)


def prompted(row: Row, model, tokenizer, *how) -> dict:
    """The golden of query tokens that no text changes, before a prompt."""
    processor = image_processor()
    photos, pixels = row.photos(processor)
    found = model.get_image_features(pixels)
    row.save(model, tokenizer, processor)
    return {"photos": [{**photo, "queries": numbers(queries.flatten()), "prefix": numbers(prefix.flatten())}
                       for photo, queries, prefix in zip(photos, found.qformer_outputs.last_hidden_state, found.pooler_output)],
            **talked(model, tokenizer, pixels, *how)}


def llama(tokenizer):
    return LlamaConfig(vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=320,
                       bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, tie_word_embeddings=False)


def instructblip(row: Row) -> dict:
    tokenizer, reader, processor = subword_tokenizer(special=SPECIAL), wordpiece_tokenizer(), image_processor()
    shapes = {"vision_config": VISION, "qformer_config": {**FORMER, "vocab_size": len(reader)}, "num_query_tokens": QUERIES}
    config = InstructBlipConfig(**shapes, text_config=llama(tokenizer).to_dict(), image_token_index=tokenizer.convert_tokens_to_ids("<image>"))
    model = settle(InstructBlipForConditionalGeneration(config), tokenizer)
    photos, pixels = row.photos(processor)
    row.save(model, tokenizer, processor)
    reader.save_pretrained(row.checkpoint / "qformer_tokenizer")

    def instruct(text: str) -> dict:
        return {"qformer_input_ids": torch.tensor([plain_ids(reader, text)])}

    golden = talked(model, tokenizer, pixels, lambda prompt: talk(prompt, "A short image description:"), instruct=instruct)
    for one in golden["asked"]:
        found = [model.get_image_features(photo[None], **instruct(one["text"])) for photo in pixels]
        one["instruction"] = instruct(one["text"])["qformer_input_ids"][0].tolist()
        one["queries"] = [numbers(each.qformer_outputs.last_hidden_state[0, :QUERIES].flatten()) for each in found]
        one["prefixes"] = [numbers(each.pooler_output[0].flatten()) for each in found]
    features = model.vision_model(pixels).last_hidden_state
    return {"photos": [{**photo, "prefix": numbers(seen.flatten())} for photo, seen in zip(photos, features)], **golden}


# What MiniGPT-4 (Vicuna v0) puts around a photo and between turns.
BEFORE, AFTER = "Give the following image: <Img>ImageContent</Img>. You will be able to see the image once I provide it to you. Please answer my questions.###Human: <Img>", "</Img> "


def minigpt4(row: Row) -> dict:
    tokenizer = subword_tokenizer(special=SPECIAL)
    model = settle(Blip2ForConditionalGeneration(config_of(llama(tokenizer), tokenizer)), tokenizer)
    templates = {"imageTemplate": f"{BEFORE}{{image}}{AFTER}", "captionPrompt": "", "captionTemplate": "Describe this image.###Assistant: {prompt}",
                 "questionTemplate": "{question}###Assistant: ", "answerTemplate": "{answer}###Human: ", "stop": ["###"]}
    (row.checkpoint / "iris.json").write_text(json.dumps(templates))

    def talk(prompt: dict) -> str:
        if "question" not in prompt:
            return f"Describe this image.###Assistant: {prompt['caption']}"
        turns = [f"{turn['question']}###Assistant: {turn['answer']}###" for turn in prompt.get("history", [])]
        return "Human: ".join([*turns, f"{prompt['question']}###Assistant: "])

    return prompted(row, model, tokenizer, talk, (BEFORE, AFTER))


def talked(model, tokenizer, pixels, talk=talk, around: tuple[str, str] | None = None, instruct=lambda text: {}) -> dict:
    """What the model says of each photo to every prompt, and how likely texts are.

    `talk` writes a prompt as text, `around` is what stands before and after the photo, `instruct` gives a Q-Former's inputs.
    """
    image, whole = [model.config.image_token_index] * QUERIES, not model.config.use_decoder_only_language_model

    def ids_of(text: str) -> tuple[list[int], list[int]]:
        if whole:
            return [], [*plain_ids(tokenizer, text, special=False), tokenizer.eos_token_id]
        if around is None:
            return [], [tokenizer.bos_token_id, *plain_ids(tokenizer, text, special=False)]
        return [tokenizer.bos_token_id, *plain_ids(tokenizer, around[0], special=False)], plain_ids(tokenizer, around[1] + text, special=False)

    def inputs(photo, text: str, more: list[int] = []) -> dict:
        before, after = ids_of(text)
        return {"pixel_values": photo[None], "input_ids": torch.tensor([before + image + after + more]), **instruct(text)}

    def first(one: dict) -> torch.Tensor:
        start = {"decoder_input_ids": torch.tensor([[0]])} if whole else {}
        return clear(model(**one, **start).logits[0, -1])

    def asked(prompt: dict) -> dict:
        text = talk(prompt)
        before, after = ids_of(text)
        ones, skip = [inputs(photo, text) for photo in pixels], 1 if whole else len(before + image + after)
        kinds = {kind: [written(model, skip=skip, beams=beams, **one) for one in ones] for kind, beams in (("greedy", 1), ("beams", 3))}
        return {"prompt": prompt, "text": text if around is None else "".join(around) + text, "ids": before + after, "imageAt": len(before),
                "logits": numbers(torch.stack([first(one) for one in ones])), **kinds, "texts": [tokenizer.decode(new, skip_special_tokens=True) for new in kinds["greedy"]]}

    def likely(photo, text: str) -> float:
        prompt = talk({"caption": "a photo of"})
        if whole:
            labels = plain_ids(tokenizer, text, special=False)
            return -model(**inputs(photo, prompt), labels=torch.tensor([labels])).loss.item()
        rest = plain_ids(tokenizer, f" {text}", special=False)
        one = inputs(photo, prompt, rest)
        labels = torch.full_like(one["input_ids"], -100)
        labels[0, -len(rest):] = torch.tensor(rest)
        return -model(**one, labels=labels).loss.item()

    return {"asked": [asked(prompt) for prompt in PROMPTS],
            "scored": {"prompt": {"caption": "a photo of"}, "texts": TEXTS, "logProbabilities": [[likely(photo, text) for text in TEXTS] for photo in pixels]}}
