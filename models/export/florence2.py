"""Florence-2: a picture's tokens before a task's words in the encoder of a BART, whose decoder writes words and places."""

import torch
from transformers import AutoProcessor, Florence2ForConditionalGeneration

from export.folder import Checkpoint, ModelFolder
from export.seq2seq import bart_parts
from export.vlm import ProjectedTower


def florence2(checkpoint: Checkpoint, target: ModelFolder) -> None:
    model = checkpoint.model(Florence2ForConditionalGeneration)
    text, preprocess = model.config.text_config, checkpoint.preprocess()
    pixels = torch.zeros(2, 3, preprocess["height"], preprocess["width"])
    vision = target.onnx("vision_encoder.onnx", ProjectedTower(model), {"pixel_values": (pixels, "batch")}, {"image_features": "batch"})
    processor = AutoProcessor.from_pretrained(checkpoint.folder)
    tasks = {**processor.task_prompts_without_inputs, **processor.task_prompts_with_input}
    forced = model.generation_config.forced_bos_token_id
    first, last = text.bos_token_id, text.eos_token_id
    words = processor.tokenizer.get_vocab()
    places = sum(f"<loc_{at}>" in words for at in range(1000))
    if any(words[f"<loc_{at}>"] != words["<loc_0>"] + at for at in range(places)):
        raise SystemExit(f"{checkpoint.folder}: the tokenizer's <loc_0> to <loc_{places - 1}> do not follow each other.")
    target.manifest(preprocess, generate={
        "family": "vlm", "vision": vision, **bart_parts(target, model.model.language_model, model.lm_head), **target.tokenizer(checkpoint),
        "outputs": {"imageTokens": "image_features"}, "answerStart": [text.decoder_start_token_id, *([] if forced is None else [forced])],
        **checkpoint.language(image_tokens=ProjectedTower(model)(pixels).shape[1], context=text.max_position_embeddings, tasks=["caption"], captionStart="task", taskPrompts=tasks,
                              locations={"first": words["<loc_0>"], "count": places, "bins": 1000, "centre": True, "order": "xyxy", "label": "before"},
                              promptMarks={"start": [first], "end": [last]}, caption="<CAPTION>")})
