"""Which function exports which architecture: one line each."""

from pathlib import Path

from export import blip, blip2, chameleon, dual_encoder, flava, florence2, fusion, grids, vlm
from export.folder import Checkpoint, ModelFolder

ARCHITECTURES = {
    "BlipForConditionalGeneration": blip.caption,
    "BlipForImageTextRetrieval": blip.retrieve,
    "BlipForQuestionAnswering": blip.answer,
    "Blip2ForConditionalGeneration": blip2.generation,
    "Blip2ForImageTextRetrieval": blip2.retrieval,
    "AlignModel": dual_encoder.align,
    "ChameleonForConditionalGeneration": chameleon.chameleon,
    "ChineseCLIPModel": dual_encoder.chinese_clip,
    "CLIPModel": dual_encoder.clip,
    "GitForCausalLM": vlm.git,
    "Idefics3ForConditionalGeneration": grids.idefics3,
    "InstructBlipForConditionalGeneration": blip2.instructed,
    "Florence2ForConditionalGeneration": florence2.florence2,
    "FlavaForPreTraining": flava.flava,
    "LlavaForConditionalGeneration": vlm.llava,
    "PaliGemmaForConditionalGeneration": vlm.paligemma,
    "Qwen2VLForConditionalGeneration": grids.qwen2_vl,
    "SiglipModel": dual_encoder.siglip,
    "SmolVLMForConditionalGeneration": grids.smolvlm,
    "ViltForImageAndTextRetrieval": fusion.match,
    "ViltForQuestionAnswering": fusion.answer,
    "VisionEncoderDecoderModel": vlm.vision_encoder_decoder,
    "open_clip": dual_encoder.open_clip_model,
}


def export_checkpoint(source: Path, target: Path, about: dict | None = None) -> None:
    """Exports the checkpoint in `source`. Raises SystemExit with a sentence where its architecture is not known."""
    checkpoint = Checkpoint(source)
    export = ARCHITECTURES.get(checkpoint.architecture)
    if export is None:
        raise SystemExit(f"{source}: architecture {checkpoint.architecture} is not known here; known: {', '.join(sorted(ARCHITECTURES))}.")
    export(checkpoint, ModelFolder(target, about or {}))
