"""Writes the golden files of the starter: what its PyTorch original gives for a few photos, questions and queries.

python test/parity/make_starter_golden.py WORK MODEL_FOLDER PHOTO_FOLDER [--check] [--decoder]

WORK is the work folder of models/train, with the trained float32 weights. starter.json has, for some photos,
the image embedding, the greedy caption, one greedy answer, the answer head's five likeliest, the three likeliest that the decoder weighed, the same after a
turn, and the caption that `runtime.py` chooses among several from the shipped files; and for some queries the text embedding.
A text is cut where the original itself first nearly ties between two tokens: which one wins there is no matter
of correctness, and all that follows hangs on it. That is decided from the original alone, never from what the
ONNX files give; captionWhole and answerWhole say where nothing was cut.
--decoder leaves the vectors and what there is to count as they are: a WORK by recover.py knows those networks only as they
were stored, and what is stored is to be compared with what was trained. (The head's answers are by its weights as stored, since the words joined it.)
tokenizers.json has the ids of both tokenizers over strings that break tokenizers. --check also runs the shipped
ONNX files on the same photos and reports cosines and differing ids.
"""

import argparse
import itertools
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "models/train"))

import numpy as np
import torch
from PIL import Image
from transformers import PreTrainedTokenizerFast

from common import to_pixels, write_json
from export import MAX_TOKENS, WEIGHT, load_models
from fusion import SHOWN
from language import BOS, EOS, causal_bias, greedy
from runtime import Starter

LEAST_LEAD = 0.05
HERE = Path(__file__).resolve().parent
QUERIES = ["a dog running in the snow", "great white shark", "two children on a beach", "sunset", "Café à Paris, 2019",
           "people riding bicycles down a busy street at night", "red", "日本の庭"]
# Of words that are stored in 4 bits.
RARE = ["an umbrella", "a cyclist", "a harmonica", "surfer", "a snowy hill"]
QUESTIONS = ["what is in the picture?", "is this indoors or outdoors?", "is there a dog?", "how many people are there?",
             "what colour is the sky?", "where was this taken?", "is there a person?", "what animal is this?"]
LATER = "what are they doing?"
STRINGS = [
    "", " ", "  ", "\t", "\n", "\r\n", "a", "A", "a photo of a dog", "A Photo Of A DOG.", " leading space", "trailing space ", "two  spaces   three", "tab\tinside", "line\nbreak", "\n\n\n",
    "don't can't we'll I'm she's they've he'd", "it's Sam's dogs'", "e-mail well-known t-shirt", "3.14 1,000,000 1e-5 50% $9.99", "0123456789", "12 345 6789", "#hashtag @name a_b_c", "!!!???...", "--- ***", "(a) [b] {c} <d>",
    "question: what colour is the dog? answer:", "question: is there a cat? answer: no question: what is it? answer:", "café naïve façade Ångström", "cafe\u0301 nai\u0308ve", "İstanbul ISPARTA ıi", "ß ẞ Straße STRASSE", "ﬁ ﬂ ﬃ ligatures", "Ⅳ ½ ² ™ ®", "Ω Ω K K Å",
    "日本の庭", "中文 and English", "我爱北京天安门", "한국어 사진", "ภาษาไทย", "العربية مرحبا", "עברית שלום", "Ελληνικά ΑΒΓ ς σ", "Привет, мир", "हिन्दी नमस्ते", "😀", "😀😃 dog 🐶", "👨‍👩‍👧‍👦 family", "🇫🇷🇯🇵", "👍🏽 ok", "❤️ vs ❤",
    "zero\u200bwidth\u200djoiner", "soft\u00adhyphen", "no\u00a0break\u00a0space", "thin\u2009space ideographic\u3000space", "\ufeffbom", "null\u0000inside", "bell\u0007 and escape\u001b[0m", "delete\u007f c1\u0085", "\u202eright to left\u202c", "line\u2028sep\u2029par", "private \ue000 use", "unassigned \u0378", "replacement \ufffd", "astral 𝒳 𐍈 𠀀",
    "o\u0301\u0302\u0303\u0304 stacked", "a" * 99, "a" * 101, "a" * 300, "Donaudampfschifffahrtsgesellschaftskapitän", "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis", "word " * 80,
    "[CLS]", "[SEP] hello [SEP]", "a [MASK] dog", "[PAD][UNK]", "<bos>", "<eos> stop", "a dog<eos>question: x answer: y", "<pad><bos>", "< bos >", "[cls] [sep]", "<image> <|im_start|> </s>", "IMG_2034.JPG", "C:\\Users\\me\\Pictures\\été.jpg", "https://example.com/a?b=c&d=e", "SELECT * FROM photos; --", "“curly” ‘quotes’ — dash – en … dots", "¿Qué? ¡Sí!", "foo\\nbar \\u0041", "\u0301starts with a mark", "MixedCASE camelCase SHOUTING",
]


def plain_ids(tokenizer, text):
    """Special tokens typed by a person, split as any other characters.

    `split_special_tokens` does it on the base class; each call has its own copy of the setting.
    """
    backend = tokenizer.backend_tokenizer
    before = backend.encode_special_tokens
    backend.encode_special_tokens = True
    ids = backend.encode(text, add_special_tokens=False).ids
    backend.encode_special_tokens = before
    return ids


def tokenizer_rows(folder, manifest_part):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / manifest_part["tokenizer"]))
    return [{"text": text, "ids": tokenizer(text)["input_ids"], "bare": tokenizer(text, add_special_tokens=False)["input_ids"],
             "plain": plain_ids(tokenizer, text)} for text in STRINGS]


def text_inputs(tokenizer, query):
    return {k: torch.tensor([v]) for k, v in tokenizer(query, truncation=True, max_length=MAX_TOKENS).items() if k in ("input_ids", "attention_mask")}


def said(decoder, prefix, before, ids):
    """The logits of each token of `ids`, after the prefix and what is before, and of the one that comes after them."""
    x = torch.cat([prefix, decoder.embed(torch.tensor([[*before, *ids]]))], 1)
    hidden, _ = decoder(x, torch.arange(x.shape[1])[None], causal_bias(torch.ones(1, x.shape[1]), x.shape[1]))
    return decoder.logits(hidden[0, prefix.shape[1] + len(before) - 1:])


def decided(decoder, prefix, prompt, written):
    """How many tokens of a greedy text, its <eos> counted, come before the first that leads by less than LEAST_LEAD logits."""
    best = said(decoder, prefix, prompt, written).topk(2).values
    close = ((best[:, 0] - best[:, 1]) < LEAST_LEAD).tolist()
    return close.index(True) if True in close else len(close)


def told(decoder, prefix, before, ids):
    """log p(ids, end | prefix and what is before)"""
    return said(decoder, prefix, before, ids).log_softmax(-1)[torch.arange(len(ids) + 1), [*ids, EOS]].sum()


def weighed(decoder, prefix, starter, log, question, before=(), more=0):
    """The head's log probabilities -> the likeliest after the decoder weighed them, by their numbers."""
    facts, prompt = starter.answer["weighed"], starter.prompt(question, before)
    start, first = starter.ids(prompt), log.topk(facts["among"] + more)
    chance = lambda text: told(decoder, prefix, start, starter.ids(f"{prompt} {text}")[len(start):])
    theirs = torch.stack([torch.stack([chance(text) for text in starter.either(starter.answers[i])]).logsumexp(0) for i in first.indices])
    theirs = theirs.masked_fill(first.values.isinf(), float("-inf"))
    share, reach = starter.trusted(question)
    both = first.values + share * theirs.clamp(min=theirs.max() - reach)
    return torch.zeros_like(log).scatter(0, first.indices, both.softmax(-1))


def after_turn(text, answering, search, shown):
    """The head's log probabilities of what they are doing, after the question for a person and the answer yes; and without these."""
    return [answering(text(**read)[1], read["attention_mask"], shown)[0].log_softmax(-1)
            for read in (text_inputs(search, f"{before}{LATER}") for before in ("is there a person? yes ", ""))]


def against_alone(later, alone, contrast, reach):
    """What is left of them when a share of those without the turn is taken away, for answers within `reach` of the likeliest."""
    return (later - contrast * alone.clamp(min=alone.max() - 4)).masked_fill(later < later.max() - reach, float("-inf")).log_softmax(-1)


@torch.no_grad()
def golden(work, folder, photos, weight):
    vision, text, decoder, answering, known = load_models(work, weight)
    starter = Starter(folder)
    search = PreTrainedTokenizerFast(tokenizer_file=str(folder / starter.embed["tokenizer"]))
    round_list = lambda values: [round(float(v), 6) for v in values]
    rows = []
    for path, question in zip(photos, itertools.cycle(QUESTIONS)):
        pixels = to_pixels(Image.open(path))
        embedding, shown = vision(torch.from_numpy(pixels[None]))
        prefix = shown[:, :starter.generate["imageTokens"]]
        prompt = [BOS, *starter.subwords.encode(starter.prompt(question), add_special_tokens=False).ids]
        row = {"photo": path.name, "embedding": round_list(embedding[0]), "question": question, "promptIds": prompt}
        for name, start in (("caption", [BOS]), ("answer", prompt)):
            written = greedy(decoder, prefix, [start])[0]
            sure = decided(decoder, prefix, start, written)
            row |= {f"{name}Ids": written[:sure], f"{name}Whole": sure > len(written), name: starter.decode(written)}
        read = text_inputs(search, question)
        log = answering(text(**read)[1], read["attention_mask"], shown)[0].log_softmax(-1)
        listed = lambda chances, most: [{"text": known[i], "probability": round(p, 6)} for p, i in zip(*map(torch.Tensor.tolist, chances.topk(most)))]
        row["answers"], row["weighed"] = listed(log.exp(), 5), listed(weighed(decoder, prefix, starter, log, question), 3)
        turn = after_turn(text, answering, search, shown)
        follow = lambda reach, more: weighed(decoder, prefix, starter, against_alone(*turn, starter.answer["contrast"], reach), LATER, [("is there a person?", "yes")], more)
        usual = follow(4, 0)
        row["follow"] = listed(usual, 3)
        # Which answers are just among those that are weighed is no matter of correctness either.
        row["followSteady"] = all(bool((follow(reach, more) - usual).abs().max() < 0.05) for reach, more in ((4, 1), (4, -1), (3.7, 0), (4.3, 0)))
        row["chosen"] = starter.caption(*starter.see(pixels[None]))[0]
        row["counted"] = round_list(shown[0, SHOWN])
        rows.append(row)
    vectors = lambda texts: [{"query": q, "embedding": round_list(text(**text_inputs(search, q))[0][0])} for q in texts]
    return {"weight": weight, "photos": rows, "queries": vectors(QUERIES), "rare": vectors(RARE)}, starter


def check(values, starter, folder):
    """The shipped files against the golden ones."""
    cosine = lambda a, b: float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))
    for row in values["photos"]:
        pixels = to_pixels(Image.open(folder / row["photo"]))
        image, prefix = starter.see(pixels[None])
        caption = starter.greedy(prefix, [starter.ids("")])[0][0]
        answer = starter.greedy(prefix, [starter.ids(starter.prompt(row["question"]))])[0][0]
        chosen, chance = starter.chosen_all([(prefix[0], row["question"], ())])[0]
        print(f"{row['question']}: {chosen} {chance:.3f}, of {row['answers'][0]['text']} {row['answers'][0]['probability']:.3f}")
        print(f"{row['photo']}: cosine {cosine(image[0], row['embedding']):.6f}, caption {'same' if caption[:len(row['captionIds'])] == row['captionIds'] else 'DIFFERS'}, "
              f"answer {'same' if answer[:len(row['answerIds'])] == row['answerIds'] else 'DIFFERS'}: {row['caption']!r}; {row['question']} {row['answer']!r}")
    rows = [*values["queries"], *values["rare"]]
    for row, vector in zip(rows, starter.search_vectors([row["query"] for row in rows])):
        print(f"{row['query']}: cosine {cosine(vector, row['embedding']):.6f}")


def keep_trained(values, before):
    """What the networks gave before they were stored, in place of what they give since."""
    values |= {kind: before[kind] for kind in ("queries", "rare")}
    for row, old in zip(values["photos"], before["photos"], strict=True):
        assert (row["photo"], row["question"]) == (old["photo"], old["question"]), row["photo"]
        row |= {kind: old[kind] for kind in ("embedding", "counted")}


def main(work, folder, photo_folder, weight, also_check, decoder):
    photos = sorted(p for p in photo_folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    values, starter = golden(work, folder, photos, weight)
    if decoder:
        keep_trained(values, json.loads((HERE / "starter.json").read_text("utf-8")))
    write_json(HERE / "starter.json", values)
    write_json(HERE / "tokenizers.json", {"search": tokenizer_rows(folder, starter.embed), "decoder": tokenizer_rows(folder, starter.generate)})
    if also_check:
        check(values, starter, photo_folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weight", type=float, default=WEIGHT)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--decoder", action="store_true")
    arguments = parser.parse_args()
    main(arguments.work, arguments.folder, arguments.photos, arguments.weight, arguments.check, arguments.decoder)
