"""All rows: a name, which is also the folder's, and the function that makes it."""

from reference import dual_encoder, vlm

ROWS = {
    "clip": dual_encoder.clip,
    "llava": vlm.llava,
    "llava-qwen": vlm.llava_qwen,
}
