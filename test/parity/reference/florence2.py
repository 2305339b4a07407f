"""Florence-2: ids of each task's prompt, scores of every step, greedy and beam texts, likelihoods, and boxes."""

import torch
from transformers import BartConfig, Florence2Config, Florence2ForConditionalGeneration, Florence2Processor, GenerationConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from reference import blip, vlm
from reference.making import NASTY, Row, clear, numbers, plain_ids, sharpen, subword_tokenizer, written

START = [2, 0]  # what the decoder starts with, and the mark that its first step is forced to
LOCATIONS = 24  # of 1,000, which would be most of the golden

GROUNDED = ["car<loc_1><loc_2><loc_20><loc_23>wheel of it<loc_3><loc_4><loc_5><loc_6><loc_7><loc_8><loc_19><loc_10>", "no place at all",
            "cut short<loc_1><loc_2><loc_3>", "two dogs<loc_0><loc_0><loc_23><loc_23>a bench"]


def boxes(processor, text: str) -> dict:
    """What the processor makes of a text with places, in pixels of a photo of this size."""
    found = processor.post_process_generation(text=text, task="<OD>", image_size=(4032, 3024))["<OD>"]
    return {"tokens": processor.tokenizer(text, add_special_tokens=False).input_ids, "boxes": [{"label": label, "box": box} for label, box in zip(found["labels"], found["bboxes"])]}


def florence2(row: Row) -> dict:
    special = ("<s>", "<pad>", "</s>", "<unk>", "<image>", *(f"<loc_{at}>" for at in range(LOCATIONS)))
    names = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "extra_special_tokens": {"image_token": "<image>"}}
    tokenizer = subword_tokenizer(special=special, names=names)
    marks = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    text = BartConfig(vocab_size=len(tokenizer), d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64,
                      max_position_embeddings=192, forced_eos_token_id=None, **marks)
    vision = {"depths": (1, 1, 1, 1), "patch_size": (3, 3, 3, 3), "patch_stride": (2, 2, 2, 2), "patch_padding": (1, 1, 1, 1), "embed_dim": (8, 16, 24, 32), "num_heads": (2, 2, 2, 4),
              "num_groups": (2, 2, 2, 4), "window_size": 3, "projection_dim": 32, "max_temporal_embeddings": 8, "max_position_embeddings": 8, "drop_path_rate": 0.0}
    model = sharpen(Florence2ForConditionalGeneration(Florence2Config(vision_config=vision, text_config=text.to_dict(), image_token_id=4, **marks)))
    for name, weight in model.named_parameters():
        if "decoder" in name and "encoder_attn.out_proj" in name:
            weight.mul_(0.4)  # so that the words before a word count as much as the picture
    model.generation_config = GenerationConfig(**marks, forced_bos_token_id=None, no_repeat_ngram_size=3, max_new_tokens=vlm.STEPS)
    images = CLIPImageProcessorPil(size={"height": 64, "width": 64}, do_center_crop=False)
    images.image_seq_length = 17
    processor = Florence2Processor(images, tokenizer, post_processor_config={"description_with_bboxes": {}})
    photos, pixels = row.photos(images)
    asked = [("<CAPTION>", {}), ("<OD>", {"caption": "<OD>"}),
             ("<OPEN_VOCABULARY_DETECTION> a red $& {input} car", {"caption": "<OPEN_VOCABULARY_DETECTION> a red $& {input} car"}), *((text.strip(), {"caption": text}) for text in NASTY[8:9])]
    prompts = []
    for typed, prompt in asked:
        shown = processor._construct_prompts(typed)[0]
        ids = [*[4] * 17, 0, *plain_ids(tokenizer, shown, special=False), 2]
        if "</s>" not in typed:
            assert processor(text=typed, images=torch.zeros(3, 64, 64).numpy(), return_tensors="pt")["input_ids"][0].tolist() == ids
        prompts.append((prompt, shown, ids))
    found = [talk(model, tokenizer, pixels, prompt) for prompt in prompts]
    model.generation_config.forced_bos_token_id = 0
    row.save(model, processor)
    ids = prompts[1][2]
    wrong = {"the picture after the words": steps(model, [*ids[17:], *ids[:17]], [], pixels[0])[0], "no first mark": steps(model, ids, [], pixels[0], start=[2])[0]}
    return {"photos": photos, "boxes": [boxes(processor, text) for text in GROUNDED], "conversations": found, "scores": scores(model, tokenizer, pixels, prompts[1]),
            "wrong": [{"what": what, "logits": numbers(logits)} for what, logits in wrong.items()]}


def talk(model, tokenizer, pixels, asked: tuple[dict, str, list[int]]) -> dict:
    prompt, text, ids = asked
    results = []
    for photo in pixels:
        inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long), "pixel_values": photo[None], "decoder_input_ids": torch.tensor([START])}
        greedy = written(model, skip=2, tokens=vlm.STEPS, **inputs)
        results.append({"greedy": greedy, "beam": written(model, skip=2, tokens=vlm.STEPS, beams=3, **inputs), "logits": numbers(steps(model, ids, greedy, photo)),
                        "text": tokenizer.decode(greedy, skip_special_tokens=True).strip()})
    return {"prompt": {**prompt, "history": []}, "text": text, "ids": [i for i in ids if i != 4], "imageAt": 0, "photos": results}


def steps(model, ids: list[int], new: list[int], photo, start: list[int] = START) -> torch.Tensor:
    whole = torch.tensor([ids])
    out = model(input_ids=whole, attention_mask=torch.ones_like(whole), pixel_values=photo[None], decoder_input_ids=torch.tensor([[*start, *new]]))
    return clear(out.logits[0, -1 - len(new):])


def scores(model, tokenizer, pixels, asked: tuple[dict, str, list[int]]) -> dict:
    prompt, _, ids = asked
    texts = [text for text in blip.CANDIDATES if text]
    owns = [plain_ids(tokenizer, text, special=False) for text in texts]

    def likelihood(ids: list[int], own: list[int], **photo) -> float:
        whole = torch.tensor([ids])
        labels = torch.tensor([[-100, *own]])
        out = model(input_ids=whole, attention_mask=torch.ones_like(whole), decoder_input_ids=torch.tensor([[*START, *own[:-1]]]), labels=labels, **photo)
        return -out.loss.item() * len(own)

    return {"prompt": prompt, "texts": texts, "tokens": [len(own) for own in owns], "prior": numbers(torch.tensor([likelihood(ids[17:], own) for own in owns])),
            "photos": numbers(torch.tensor([[likelihood(ids, own, pixel_values=photo[None]) for own in owns] for photo in pixels]))}
