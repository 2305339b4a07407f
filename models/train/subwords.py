"""Trains the decoder's tokenizer: lower-casing byte-level BPE, so that no text is ever unknown.

python subwords.py DATA WORK
"""

import random
import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import conversations
from common import SEED, read_flickr, tidy
from language import SIZES


def corpus(data):
    """Training captions, the sentences without photos, and questions made from both, in the form the decoder reads."""
    captions = [tidy(c) for _, cs in read_flickr(data)["train"] for c in cs]
    other = [tidy(line.split("\t")[1]) for line in (Path(data) / "coco-captions.tsv").read_text("utf-8").splitlines()[1:]]
    rows = conversations.make(read_flickr(data)["train"], random.Random(SEED), 0, 3)
    talk = [conversations.joined(pieces) for texts in rows for pieces in texts]
    return [*captions, *other, *talk[::3]]


def main(data, work):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=SIZES["vocabulary"], special_tokens=["<pad>", "<bos>", "<eos>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    # A caption may begin a text or follow a space ("a photo of a dog"): both spellings of each word are seen.
    texts = corpus(data)
    tokenizer.train_from_iterator([*texts, *(" " + t for t in texts)], trainer)
    tokenizer.save(str(Path(work) / "decoder-tokenizer.json"))
    print(tokenizer.get_vocab_size(), tokenizer.encode("a brown dog runs. question: what colour is the dog? answer: brown").tokens)


if __name__ == "__main__":
    main(*sys.argv[1:])
