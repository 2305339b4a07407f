"""python -m export.random_blip2 DST [--layers 39]

A checkpoint of BLIP-2's shape with random weights, for measuring time and memory: ViT-g/14 at 224 pixels, a Q-Former of twelve
layers with 32 query tokens, and a language model of OPT-125m's shape. It writes nonsense. Needs 3 GB of disk, and open_clip
for its vocabulary.
"""

import argparse
import gzip
from pathlib import Path

import open_clip
import torch
from transformers import Blip2Config, Blip2ForConditionalGeneration, CLIPTokenizer, OPTConfig
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil


def tokenizer() -> CLIPTokenizer:
    """CLIP's published byte pairs, as open_clip ships them: a vocabulary of nearly OPT's size."""
    lines = gzip.open(Path(open_clip.__file__).with_name("bpe_simple_vocab_16e6.txt.gz")).read().decode().split("\n")[1:48895]
    letters = list(open_clip.tokenizer.bytes_to_unicode().values())
    pairs = [tuple(line.split()) for line in lines]
    words = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in pairs), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: at for at, word in enumerate(words)}, merges=pairs)


parser = argparse.ArgumentParser(prog="python -m export.random_blip2", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("target", metavar="DST", type=Path)
parser.add_argument("--layers", type=int, default=39, help="of the vision model; 39 in BLIP-2")
arguments = parser.parse_args()
torch.manual_seed(5)
torch.set_default_dtype(torch.bfloat16)
words = tokenizer()
text = OPTConfig(vocab_size=len(words), hidden_size=768, word_embed_proj_dim=768, ffn_dim=3072, num_hidden_layers=12, num_attention_heads=12, max_position_embeddings=2048,
                 bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id)
vision = {"num_hidden_layers": arguments.layers, "initializer_range": 0.02}
model = Blip2ForConditionalGeneration(Blip2Config(vision_config=vision, qformer_config={}, text_config=text.to_dict(), num_query_tokens=32, image_token_index=len(words) - 1))
model.query_tokens.data.normal_()
print(f"{sum(parameter.numel() for parameter in model.parameters()) / 1e6:.0f} million weights")
model.save_pretrained(arguments.target)
words.save_pretrained(arguments.target)
BlipImageProcessorPil(size={"height": 224, "width": 224}).save_pretrained(arguments.target)
