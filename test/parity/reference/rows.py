"""All rows: a name, which is also the folder's, and the function that makes it."""

from reference import blip, blip2, chameleon, dual_encoder, florence2, fusion, grids, vlm

ROWS = {
    "blip-caption": blip.caption,
    "blip-answer": blip.answer,
    "blip-retrieve": blip.retrieve,
    "blip2-opt": blip2.opt,
    "blip2-t5": blip2.t5,
    "blip2-retrieve": blip2.retrieve,
    "instructblip": blip2.instructblip,
    "minigpt4": blip2.minigpt4,
    "clip": dual_encoder.clip,
    "florence2": florence2.florence2,
    "git": vlm.git,
    "idefics3": grids.idefics3,
    "llava": vlm.llava,
    "llava-qwen": vlm.llava_qwen,
    "paligemma": vlm.paligemma,
    "qwen2-vl": grids.qwen2_vl,
    "vilt-answer": fusion.answer,
    "vilt-match": fusion.match,
    "vit-gpt2": vlm.vit_gpt2,
    "siglip": dual_encoder.siglip,
    "siglip2": dual_encoder.siglip2,
    "chinese-clip": dual_encoder.chinese_clip,
    "align": dual_encoder.align,
    "open-clip-coca": dual_encoder.open_clip_coca,
    "flava": dual_encoder.flava,
    "chameleon": chameleon.chameleon,
}
