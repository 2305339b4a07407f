"""Rows of the dual-encoder family: pixels, ids, embeddings, similarities and zero-shot probabilities."""

import gzip
import json

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AlignConfig, AlignModel, ChineseCLIPConfig, ChineseCLIPModel, CLIPConfig, CLIPModel, FlavaConfig, FlavaForPreTraining, SiglipConfig, SiglipModel, SiglipTokenizer
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import ChineseCLIPImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.efficientnet.image_processing_pil_efficientnet import EfficientNetImageProcessorPil
from transformers.models.flava.image_processing_pil_flava import FlavaImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from reference.making import CORPUS, NASTY, Row, bert_tokenizer, clear, clip_tokenizer, numbers, plain_ids, sharpen

TEXTS = [text for text in NASTY if text.strip()] + ["a photo of two dogs that run over the wet sand in the evening, seen from far away"]
WORDS = ["This is a photo of a mountain lake in autumn, with red and yellow trees around it and snow on the peaks.", "naïve café 1234567890 3.14 don’t stop now",
         "A crowded street market at night under paper lanterns; people buy fruit, fish and flowers.", "Σίσυφος ΟΔΟΣ image pad endoftext family girl"]
SHARED = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
CUT = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}


def golden(photos, image, texts, text, *, scale, bias=0.0, activation="softmax") -> dict:
    """What any dual encoder is compared by. `texts` are pairs of a person's text and its ids; embeddings are normalised here."""
    image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
    logits = clear(image @ text.T * scale + bias)
    probabilities = logits.softmax(-1) if activation == "softmax" else logits.sigmoid()
    return {"photos": [{**photo, "embedding": numbers(vector)} for photo, vector in zip(photos, image)],
            "texts": [{"text": one, "ids": ids, "embedding": numbers(vector)} for (one, ids), vector in zip(texts, text)],
            "logits": numbers(logits), "probabilities": numbers(probabilities)}


def masked(model, texts) -> torch.Tensor:
    """Each text by itself, so that nothing is filled up."""
    return torch.cat([model.get_text_features(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long)).pooler_output for _, ids in texts])


def filled(model, texts, length: int, pad: int) -> torch.Tensor:
    """All texts filled up to one length, without a mask, as SigLIP was trained."""
    return model.get_text_features(torch.tensor([ids + [pad] * (length - len(ids)) for _, ids in texts])).pooler_output


def clip(row: Row) -> dict:
    tokenizer = clip_tokenizer()
    model = sharpen(CLIPModel(CLIPConfig(
        text_config={**SHARED, "vocab_size": len(tokenizer), "max_position_embeddings": 20, "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id},
        vision_config={**SHARED, "image_size": 32, "patch_size": 8}, projection_dim=24)))
    model.logit_scale.fill_(4.6052)
    processor = CLIPImageProcessorPil(**CUT)
    row.save(model, tokenizer, processor)
    photos, pixels = row.photos(processor)
    texts = [(text, plain_ids(tokenizer, f"a photo of {text}", 20)) for text in TEXTS]
    return golden(photos, model.get_image_features(pixels).pooler_output, texts, masked(model, texts), scale=model.logit_scale.exp())


def chinese_clip(row: Row) -> dict:
    tokenizer = bert_tokenizer()
    model = sharpen(ChineseCLIPModel(ChineseCLIPConfig(
        text_config={**SHARED, "vocab_size": len(tokenizer), "max_position_embeddings": 20},
        vision_config={**SHARED, "image_size": 32, "patch_size": 8}, projection_dim=24)))
    model.logit_scale.fill_(3.0)
    processor = ChineseCLIPImageProcessorPil(**CUT)
    row.save(model, tokenizer, processor)
    photos, pixels = row.photos(processor)
    texts = [(text, plain_ids(tokenizer, text, 20)) for text in [*TEXTS, "海上日出，一人在山中", "东京 北京 大学"]]
    return golden(photos, model.get_image_features(pixels).pooler_output, texts, masked(model, texts), scale=model.logit_scale.exp())


def align(row: Row) -> dict:
    tokenizer = bert_tokenizer()
    vision = {"image_size": 32, "width_coefficient": 1.0, "depth_coefficient": 1.0, "depth_divisor": 8, "kernel_sizes": [3, 5], "in_channels": [32, 16], "out_channels": [16, 24],
              "depthwise_padding": [], "strides": [1, 2], "num_block_repeats": [1, 2], "expand_ratios": [1, 4], "hidden_dim": 24, "pooling_type": "mean"}
    model = sharpen(AlignModel(AlignConfig(text_config={**SHARED, "vocab_size": len(tokenizer), "max_position_embeddings": 20}, vision_config=vision, projection_dim=24)), 2.0)
    model.temperature.fill_(0.05)
    processor = EfficientNetImageProcessorPil(size={"height": 32, "width": 32}, rescale_factor=1 / 127.5, rescale_offset=True, do_normalize=False, include_top=False)
    photos, pixels = row.photos(processor)
    settle(model.vision_model, pixels)
    row.save(model, tokenizer, processor)
    texts = [(text, plain_ids(tokenizer, text, 20)) for text in TEXTS]
    return golden(photos, model.get_image_features(pixels).pooler_output, texts, masked(model, texts), scale=1 / model.temperature)


def settle(network: nn.Module, pixels: torch.Tensor) -> None:
    """Gives batch norms the statistics of these pictures, as training would: with others the picture hardly shows."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    network.train()(pixels)
    network.eval()


def siglip(row: Row) -> dict:
    """The tokenizer is SigLIP's own code over a small SentencePiece model trained on the spot, with T5's settings."""
    import sentencepiece

    stem = row.checkpoint / "spiece"
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter([*CORPUS, *WORDS]), model_prefix=str(stem), vocab_size=400, model_type="unigram", pad_id=0, eos_id=1, unk_id=2,
                                             bos_id=-1, hard_vocab_limit=False, character_coverage=0.98, minloglevel=2)
    tokenizer = SiglipTokenizer(f"{stem}.model", model_max_length=24)
    ids = lambda text: tokenizer(f"This is a photo of {text}.", truncation=True, max_length=24, split_special_tokens=True).input_ids  # noqa: E731
    return siglip_golden(row, tokenizer, ids, pad=1)


def siglip2(row: Row) -> dict:
    """Gemma's kind of tokenizer (byte pairs over lowercased text, unknown characters as bytes) in SigLIP 2's own code."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import Siglip2Tokenizer

    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.normalizer, trained.pre_tokenizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")]), pre_tokenizers.Split("▁", "merged_with_next")
    trained.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=460, special_tokens=[*special, *(f"<0x{byte:02X}>" for byte in range(256))], show_progress=False))
    model = json.loads(trained.to_str())["model"]
    tokenizer = Siglip2Tokenizer(vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]], padding_side="right")
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    return siglip_golden(row, tokenizer, lambda text: plain_ids(tokenizer, f"This is a photo of {text}.", 24), pad=0)


def siglip_golden(row: Row, tokenizer, ids, pad: int) -> dict:
    model = sharpen(SiglipModel(SiglipConfig(text_config={**SHARED, "vocab_size": len(tokenizer), "max_position_embeddings": 24, "projection_size": 32},
                                             vision_config={**SHARED, "image_size": 32, "patch_size": 8})))
    model.logit_scale.fill_(2.5)
    model.logit_bias.fill_(-1.5)
    processor = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    row.save(model, tokenizer, processor)
    photos, pixels = row.photos(processor)
    texts = [(text, ids(text)) for text in TEXTS]
    return golden(photos, model.get_image_features(pixels).pooler_output, texts, filled(model, texts, 24, pad),
                  scale=model.logit_scale.exp(), bias=model.logit_bias, activation="sigmoid")


def open_clip_coca(row: Row) -> dict:
    """open_clip's own model, tokenizer and transform; the tokenizer has the first of its published byte pairs."""
    import ftfy
    import open_clip
    from open_clip.tokenizer import SimpleTokenizer, default_bpe
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from safetensors.torch import save_file

    merges = gzip.open(default_bpe()).read().decode().split("\n")[: 600 + 1]
    pairs = row.checkpoint / "pairs.gz"
    pairs.write_bytes(gzip.compress("\n".join(merges).encode()))
    tokenizer = SimpleTokenizer(str(pairs), context_length=20)
    pairs.unlink()
    tower = {"width": 32, "layers": 2, "heads": 4}
    config = {"embed_dim": 24, "custom_text": True,
              "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 8, "patch_size": 8, "attentional_pool": True, "attn_pooler_heads": 4, "attn_pooler_queries": 8, "output_tokens": True},
              "text_cfg": {**tower, "context_length": 20, "vocab_size": tokenizer.vocab_size, "embed_cls": True, "output_tokens": True},
              "multimodal_cfg": {**tower, "context_length": 20, "vocab_size": tokenizer.vocab_size, "mlp_ratio": 2, "n_queries": 8, "attn_pooler_heads": 4}}
    model = sharpen(open_clip.CoCa(**{key: value for key, value in config.items() if key != "custom_text"}))
    model.logit_scale.fill_(3.5)
    preprocess = {"size": [32, 32], "mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711], "interpolation": "bicubic", "resize_mode": "shortest"}
    (row.checkpoint / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, row.checkpoint / "open_clip_model.safetensors")
    clip_tokenizer().save_pretrained(row.checkpoint)
    photos, pixels = row.photos(OpenClipProcessor(image_transform_v2(PreprocessCfg(**preprocess), is_train=False), preprocess))
    # What ftfy mends (ligatures, full-width characters, curly quotes) is left to open_clip: see docs/models.md.
    texts = [(text, tokenizer([f"a photo of {text}"])[0].tolist()) for text in TEXTS if ftfy.fix_text(text) == text]
    text = model.encode_text(torch.tensor([ids for _, ids in texts]), normalize=False)
    ends = [(one, ids[: ids.index(tokenizer.eot_token_id) + 1]) for one, ids in texts]
    return golden(photos, model.encode_image(pixels, normalize=False), ends, text, scale=model.logit_scale.exp())


def flava(row: Row) -> dict:
    """Retrieval by the two unimodal encoders, and matching (ITM) by the multimodal one over both."""
    tokenizer = bert_tokenizer()
    codebook = {"num_groups": 1, "num_blocks_per_group": 1, "hidden_size": 4, "vocab_size": 8}
    model = sharpen(FlavaForPreTraining(FlavaConfig(
        image_config={**SHARED, "image_size": 32, "patch_size": 8}, text_config={**SHARED, "vocab_size": len(tokenizer), "max_position_embeddings": 20},
        multimodal_config=SHARED, image_codebook_config=codebook, hidden_size=32, projection_dim=24, init_codebook=False)))
    model.flava.logit_scale.fill_(3.0)
    processor = FlavaImageProcessorPil(size={"height": 32, "width": 32}, crop_size={"height": 32, "width": 32})
    photos, pixels = row.photos(processor)
    texts = [(text, plain_ids(tokenizer, text, 20)) for text in TEXTS]
    tokens = [torch.tensor([ids]) for _, ids in texts]
    # The masked inputs are given unmasked, as for matching.
    pairs = [[model(input_ids=ids, input_ids_masked=ids, pixel_values=photo[None], attention_mask=torch.ones_like(ids), return_loss=False) for ids in tokens] for photo in pixels]
    itm = torch.stack([torch.cat([pair.itm_logits for pair in photo]) for photo in pairs])
    # Probabilities around one half show a difference best.
    spread = (itm[..., 1] - itm[..., 0]).std(dim=-1).min()
    model.itm_head.seq_relationship.weight.mul_(2 / spread)
    model.itm_head.seq_relationship.bias.fill_(0)
    itm = torch.stack([torch.cat([model.itm_head(pair.multimodal_masked_output.last_hidden_state) for pair in photo]) for photo in pairs])
    middle = (itm[..., 1] - itm[..., 0]).mean()
    model.itm_head.seq_relationship.bias[1] = -middle
    itm[..., 1] -= middle
    row.save(model, tokenizer, processor)
    embeds = lambda which: torch.cat([getattr(pair, f"{which}_embeddings")[:, 0] for pair in (pairs[0] if which == "text" else [photo[0] for photo in pairs])])  # noqa: E731
    compared = golden(photos, model.flava.image_projection(embeds("image")), texts, model.flava.text_projection(embeds("text")), scale=model.flava.logit_scale.exp())
    clear(itm[..., 1] - itm[..., 0], "ITM scores")
    own = torch.cat([torch.cat([pair.contrastive_logits_per_image for pair in photo], 1) for photo in pairs])
    assert (own - torch.tensor(compared["logits"])).abs().max() < 1e-4, "The embeddings are not those of the contrastive scores."
    return {**compared, "itm": numbers(itm.softmax(-1)[..., 1])}


class OpenClipProcessor:
    """open_clip's transform behind the face of an image processor."""

    do_rescale = do_normalize = True
    rescale_factor = 1 / 255

    def __init__(self, transform, preprocess: dict):
        self.transform, self.image_mean, self.image_std = transform, preprocess["mean"], preprocess["std"]

    def __call__(self, image, return_tensors):
        return {"pixel_values": [self.transform(image).numpy()]}
