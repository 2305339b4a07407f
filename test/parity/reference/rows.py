"""All rows: a name, which is also the folder's, and the function that makes it."""

from reference import blip, dual_encoder, vlm

ROWS = {
    "blip-caption": blip.caption,
    "blip-answer": blip.answer,
    "blip-retrieve": blip.retrieve,
    "clip": dual_encoder.clip,
    "git": vlm.git,
    "llava": vlm.llava,
    "llava-qwen": vlm.llava_qwen,
}
