"""Writes the model folder: ONNX files, tokenizers and model.json.

python export.py DATA WORK MODEL_FOLDER [--weight 0.36]

Everything that is trained is read from WORK; a decoder that is not there yet is written untrained, with
a warning, so that the app can be built against the shapes.
"""

import argparse
import hashlib
import json
import re
import unicodedata
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from common import MEAN, SIZE, STD, load_backbone, minilm_folder, seed_everything, write_json
from counting import FACTS, NUMBERS, WITH_FACTS, Counters, facts
from detector import KINDS, SIDE, Detector
from fusion import SHOWN, Fusion, Memory
from itc import load_conse, load_text
from language import BOS, EOS, PAD, SIZES, Decoder, Prefix, causal_bias
from networks import CUT, Branch, ImageHead, TextHead, Words, block_colours, early_states, mean_pool, plain_grid
from saying import WITH_WORDS, Saying, in_vectors
from shrink import shrink

WEIGHT = 0.34
# How large the mirror image is made: people and things of another size, as it were.
LARGER = 288
CONTEXT, MAX_TOKENS = 160, 64
# What the mean log probability of a query's tokens counts beside its cosine where photos are looked at again, by the dev split.
BLEND = 0.08
# How the caption is chosen among several, by the dev split.
CANDIDATES = {"count": 8, "temperature": 0.5, "likelihood": 0.1, "agreement": 0.1}
# How many of the head's likeliest answers the decoder weighs, and what its log probability counts, by the dev split; of numbers, places and what a pronoun stands for less, but all of it.
WEIGHED = {"among": 8, "share": 0.75, "reach": 2, "article": "a ", "less": {"words": ["how many", "where", "indoors", "it", "he", "she", "they"], "share": 0.2}}
# How much of what the question alone would be answered is taken away from what it is answered after its turns, by the dev split.
CONTRAST = 0.5


class Larger(nn.Module):
    """Pixels -> the same with bicubic interpolation at another size, as Pillow does it; ONNX Runtime's own takes as long as a look."""

    def __init__(self, size, larger):
        super().__init__()
        at = (torch.arange(larger)[:, None] + 0.5) * size / larger - 0.5
        far = (at - torch.arange(size)).abs()
        near = (1.5 * far - 2.5) * far * far + 1
        kernel = torch.where(far < 1, near, torch.where(far < 2, ((-0.5 * far + 2.5) * far - 4) * far + 2, 0.0))
        self.rows = nn.Parameter(kernel / kernel.sum(1, keepdim=True), False)

    def forward(self, pixels):
        return self.rows @ pixels @ self.rows.T


class Counting(nn.Module):
    """Pixels -> `facts` of what there is to count [n, 20, 16]"""

    def __init__(self, detector):
        super().__init__()
        self.detector, self.larger = detector, Larger(SIZE, SIDE)

    def forward(self, pixels):
        return facts(self.detector((self.larger(pixels) * STD + MEAN) / 127.5 - 1))


class Vision(nn.Module):
    """Pixels -> the unit vector that is searched, and 72 vectors: the prefix that the decoder reads, what the answer head reads too, what there is to count, and the words.

    The backbone's last blocks are there twice: as they were, for the class names, and tuned, for all that is learned.
    A photo is looked at, and its mirror image once more, larger; what both give is averaged, but for the cells.
    """

    def __init__(self, backbone, conse, branch, speak, head, prefix, memory, detector, weight):
        super().__init__()
        self.counting = Counting(detector)
        self.backbone, self.conse, self.branch, self.speak, self.head = backbone, conse, branch, speak, head
        self.prefix, self.memory, self.weight = prefix, memory, weight
        # A constant: of places counted from the pixels' shape, ONNX Runtime 1.31 with its extended optimizations makes noise.
        self.register_buffer("leftwards", torch.arange(SIZE - 1, -1, -1))
        self.larger = Larger(SIZE, LARGER)

    def forward(self, pixels):
        larger = self.larger(pixels.index_select(3, self.leftwards))
        (one, shown, words, grid), (other, again, others, _) = self.look(pixels), self.look(larger)
        return F.normalize(one + other, dim=-1), torch.cat([(shown + again) / 2, self.memory.norm(self.memory.cells(grid)), self.counting(pixels).flatten(1).unsqueeze(1), in_vectors((words + others) / 2)], 1)

    def look(self, pixels):
        """-> the vector that is searched; the prefix and the hints; the chances of the words; the tuned grid"""
        early = early_states(self.backbone, pixels)
        conse = self.conse(plain_grid(self.backbone, early).mean(1))
        grid = self.branch(early, block_colours(pixels))
        learned = self.head(grid, conse)
        both = torch.cat([learned * (1 - self.weight) ** 0.5, conse * self.weight ** 0.5], -1)
        words = self.speak(grid).sigmoid()
        hints = self.prefix.hints(conse, learned, words)
        return both, torch.cat([self.prefix.look(grid, hints), self.memory.norm(hints)], 1), words, grid


class Text(nn.Module):
    """Words -> the unit vector that searches, and MiniLM's last states, which the answer head reads."""

    def __init__(self, minilm, head, weight):
        super().__init__()
        self.minilm, self.head, self.weight = minilm, head, weight

    def forward(self, input_ids, attention_mask):
        before, after = self.minilm(input_ids, attention_mask)
        learned, conse = self.head(before, attention_mask), F.normalize(mean_pool(after, attention_mask), dim=-1)
        return torch.cat([learned * (1 - self.weight) ** 0.5, conse * self.weight ** 0.5], -1), after


class Answering(nn.Module):
    """States of texts and one photo -> logits of the answers. How likely it is a number the head says, which one the counters; of other answers the words say something too."""

    def __init__(self, fusion, saying, counters, answers):
        super().__init__()
        self.fusion, self.saying, self.counters = fusion, saying, counters
        self.register_buffer("numbers", torch.tensor([answers.index(number) for number in NUMBERS]))

    def forward(self, text_states, attention_mask, image_embeds):
        logits = self.fusion(text_states, attention_mask, self.fusion.looked(image_embeds[:, :SHOWN]), torch.zeros_like(attention_mask[:, 0]))
        logits = self.saying(logits, image_embeds[0, WITH_FACTS:])
        seen = image_embeds[:, SHOWN:WITH_FACTS].reshape(1, len(KINDS), FACTS).expand(text_states.shape[0], -1, -1)
        counted = logits.index_select(1, self.numbers).logsumexp(-1, keepdim=True) + self.counters(text_states, attention_mask, seen)
        return logits.scatter(1, self.numbers.expand(text_states.shape[0], -1), counted)


class Embed(nn.Module):
    def __init__(self, decoder):
        super().__init__()
        self.table = nn.Parameter(decoder.embed(torch.arange(decoder.table.num_embeddings)))

    def forward(self, input_ids):
        return self.table[input_ids]


class Step(nn.Module):
    """The decoder as one graph with and without past keys and values."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder
        self.head = nn.Linear(*reversed(decoder.table.weight.shape), bias=False)
        self.head.weight = nn.Parameter(decoder.table.weight.clone())

    def forward(self, inputs_embeds, attention_mask, position_ids, *past):
        past = list(zip(past[::2], past[1::2]))
        hidden, present = self.decoder(inputs_embeds, position_ids, causal_bias(attention_mask, inputs_embeds.shape[1]), past)
        return (self.head(hidden), *(tensor for pair in present for tensor in pair))


def load_models(work, weight):
    """-> Vision, Text, Decoder, answer head in float32 PyTorch: the truth that the ONNX files are compared with; and the answers."""
    work = Path(work)
    seed_everything()
    minilm, _ = load_text(work)
    tuned = torch.load(work / "tuned.pt")
    branch, speak, image_head, text_head = Branch(load_backbone()), Words(len(tuned["vocabulary"])), ImageHead(), TextHead(minilm.layers[-1].state_dict())
    for part, name in ((branch, "branch"), (speak, "words"), (image_head, "image"), (text_head, "text")):
        part.load_state_dict(tuned[name])
    prefix, decoder = Prefix(), Decoder()
    if (work / "decoder.pt").exists():
        saved = torch.load(work / "decoder.pt")
        prefix.load_state_dict(saved["prefix"]), decoder.load_state_dict(saved["decoder"])
    else:
        warnings.warn("no decoder.pt: the decoder is untrained")
    answering = torch.load(work / "answers.pt")
    memory, fusion = Memory(prefix), Fusion(len(answering["answers"]))
    memory.load_state_dict(answering["memory"]), fusion.load_state_dict(answering["fusion"])
    minilm.words, minilm.places = torch.nn.Parameter(minilm.words[kept_tokens(work)]), torch.nn.Parameter(minilm.places[:MAX_TOKENS])
    detector, counters, counting = Detector(), Counters(), torch.load(work / "counts.pt")
    detector.load_state_dict(counting["detector"]), counters.load_state_dict(counting["counters"])
    vision = Vision(load_backbone(), load_conse(work), branch, speak, image_head, prefix, memory, detector, weight)
    parts = vision, Text(minilm, text_head, weight), decoder, Answering(fusion, Saying(answering["answers"], tuned["vocabulary"]), counters, answering["answers"])
    return *(part.eval().requires_grad_(False) for part in parts), answering["answers"]


def write_onnx(model, inputs, path, names, outputs, axes):
    torch.onnx.export(model.eval().requires_grad_(False), inputs, str(path), input_names=names, output_names=outputs,
                      dynamic_axes=axes, opset_version=17, dynamo=False)


def is_early(name, plain_last=14, tuned_last=12):
    """Whether a node is of the backbone's first blocks (counted from 0), or before them, whose errors all later ones would add to."""
    plain, tuned = re.search(r"/_blocks\.(\d+)/", name), re.search(r"/branch/blocks/blocks\.(\d+)/", name)
    if plain:
        return int(plain[1]) <= plain_last
    return CUT + int(tuned[1]) <= tuned_last if tuned else "_conv_stem" in name or "/larger/" in name


def write_graphs(vision, text, decoder, answering, folder):
    write_onnx(vision, (torch.zeros(2, 3, SIZE, SIZE),), folder / "vision_model.onnx", ["pixel_values"], ["image_embeds", "image_tokens"],
               {"pixel_values": {0: "n"}, "image_embeds": {0: "n"}, "image_tokens": {0: "n"}})
    ids = torch.ones(2, 7, dtype=torch.long)
    texts = {name: {0: "n", 1: "t"} for name in ("input_ids", "attention_mask", "text_states")}
    write_onnx(text, (ids, ids), folder / "text_model.onnx", ["input_ids", "attention_mask"], ["text_embeds", "text_states"], {**texts, "text_embeds": {0: "n"}})
    write_onnx(answering, (torch.zeros(2, 7, 384), ids, torch.zeros(1, WITH_WORDS, SIZES["width"])), folder / "answer_model.onnx",
               ["text_states", "attention_mask", "image_embeds"], ["answers"], {**texts, "answers": {0: "n"}})
    write_onnx(Embed(decoder), (ids,), folder / "embed_tokens.onnx", ["input_ids"], ["inputs_embeds"],
               {"input_ids": {0: "b", 1: "t"}, "inputs_embeds": {0: "b", 1: "t"}})
    head = SIZES["width"] // SIZES["heads"]
    kv = lambda end: [f"{end}.{i}.{kind}" for i in range(SIZES["layers"]) for kind in ("key", "value")]
    past = [torch.zeros(2, SIZES["heads"], 5, head) for _ in kv("past")]
    axes = {"inputs_embeds": {0: "b", 1: "t"}, "attention_mask": {0: "b", 1: "past+t"}, "position_ids": {0: "b", 1: "t"}, "logits": {0: "b", 1: "t"},
            **{n: {0: "b", 2: "past"} for n in kv("past_key_values")}, **{n: {0: "b", 2: "past+t"} for n in kv("present")}}
    write_onnx(Step(decoder), (torch.zeros(2, 3, SIZES["width"]), torch.ones(2, 8, dtype=torch.long), torch.zeros(2, 3, dtype=torch.long), *past),
               folder / "decoder_model_merged.onnx", ["inputs_embeds", "attention_mask", "position_ids", *kv("past_key_values")], ["logits", *kv("present")], axes)


def shrink_graphs(folder):
    shrink(folder / "vision_model.onnx", lambda node: "float16" if is_early(node.name) else "int8")
    shrink(folder / "text_model.onnx", lambda node: "table" if node.op_type == "Gather" else "int8")
    for name in ("embed_tokens", "decoder_model_merged", "answer_model"):
        shrink(folder / f"{name}.onnx", lambda node: "int8")


def minilm_tokenizer(work):
    return json.loads((minilm_folder(work) / "tokenizer.json").read_text("utf-8"))


def kept_tokens(work):
    """The ids of MiniLM's tokens that ship: all but those never used, and letters that are not Latin, which it was not trained to read."""
    latin = lambda letter: ord(letter) < 0x250 or not unicodedata.category(letter).startswith(("L", "M"))
    vocabulary = minilm_tokenizer(work)["model"]["vocab"]
    return sorted(i for token, i in vocabulary.items() if not token.startswith("[unused") and all(map(latin, token)))


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write_tokenizers(work, folder):
    (folder / "decoder").mkdir(exist_ok=True)
    tokenizer = minilm_tokenizer(work)
    tokenizer["padding"] = tokenizer["truncation"] = None
    vocabulary, moved = tokenizer["model"]["vocab"], {old: new for new, old in enumerate(kept_tokens(work))}
    tokenizer["model"]["vocab"] = {token: moved[i] for token, i in vocabulary.items() if i in moved}
    for token in [*tokenizer["added_tokens"], *tokenizer["post_processor"]["special_tokens"].values()]:
        token |= {"id": moved[token["id"]]} if "content" in token else {"ids": [moved[i] for i in token["ids"]]}
    (folder / "tokenizer.json").write_text(compact(tokenizer), "utf-8")
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512, "pad_token": "[PAD]",
               "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]", "clean_up_tokenization_spaces": True})
    (folder / "decoder/tokenizer.json").write_text(compact(json.loads((work / "decoder-tokenizer.json").read_text("utf-8"))), "utf-8")
    write_json(folder / "decoder/tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": CONTEXT, "pad_token": "<pad>",
               "bos_token": "<bos>", "eos_token": "<eos>", "clean_up_tokenization_spaces": False})


def write_manifest(work, folder):
    relevance = json.loads((work / "relevance.json").read_text()) if (work / "relevance.json").exists() else {"mean": 0.0, "std": 0.1}
    sureness = {"sureness": json.loads((work / "sureness.json").read_text())} if (work / "sureness.json").exists() else {}
    texts = {"tokenizer": "tokenizer.json", "tokenizerConfig": "tokenizer_config.json", "maxTokens": MAX_TOKENS}
    fusion = {"family": "fusion", "vision": "vision_model.onnx", "text": "text_model.onnx", "fusion": "answer_model.onnx", **texts,
              "positions": WITH_WORDS, "width": SIZES["width"], "padId": 0}
    outputs = lambda scores: {"outputs": {"states": "image_tokens", "text": "text_states", "scores": scores}}
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in ("model.json", "README.md", "LICENSE.md"))
    listed = [{"path": p.relative_to(folder).as_posix(), "sha256": hashlib.sha256(p.read_bytes()).hexdigest(), "bytes": p.stat().st_size} for p in files]
    write_json(folder / "model.json", {
        "format": 1, "id": "iris-starter", "version": "1", "name": "Iris starter",
        "summary": "A small model for search, captions and simple questions that runs on any laptop; for research and evaluation only.",
        "license": "Research and evaluation only", "licenseFile": "LICENSE.md", "source": "models/train in the Iris repository",
        "reads": "en", "memoryMb": 500, "files": listed,
        "preprocess": {"version": 1, "width": SIZE, "height": SIZE, "fit": "fill", "resample": "bicubic", "mean": [int(MEAN)] * 3, "std": [int(STD)] * 3},
        "embed": {"family": "dual-encoder", "vision": "vision_model.onnx", "text": "text_model.onnx", **texts, "dimension": 768, "lowercase": False, "template": "{}",
                  "outputs": {"image": "image_embeds", "text": "text_embeds"}, "relevance": relevance, "blend": BLEND,
                  # The scale by `npm run bench -- classify`, fitted on the dev split.
                  "zeroShot": {"scale": 25, "bias": 0, "activation": "softmax"}},
        "generate": {"family": "vlm", "vision": "vision_model.onnx", "embedTokens": "embed_tokens.onnx", "decoder": "decoder_model_merged.onnx",
                     "tokenizer": "decoder/tokenizer.json", "tokenizerConfig": "decoder/tokenizer_config.json", "outputs": {"imageTokens": "image_tokens"},
                     "imageTokens": SIZES["queries"], "shown": WITH_WORDS, "width": SIZES["width"], "layers": SIZES["layers"], "heads": SIZES["heads"],
                     "headDim": SIZES["width"] // SIZES["heads"], "context": CONTEXT, "bos": BOS, "eos": [EOS], "pad": PAD,
                     "captionPrompt": "", "captionTemplate": "{prompt}", "questionTemplate": "question: {question} answer:", "answerTemplate": " {answer} ",
                     "maxNewTokens": 32, "repetitionPenalty": 1.0, "noRepeatNgram": 0, "captionDecoding": {"beams": 1, "candidates": CANDIDATES}},
        "answer": {**fusion, **outputs("answers"), "answers": "answers.json", "turnTemplate": "{question} {answer} ", "pronouns": ["it", "its", "he", "his", "him", "she", "her", "they", "their", "them", "and", "about"], "contrast": CONTRAST, "weighed": WEIGHED, **sureness}})
    print(f"{sum(f['bytes'] for f in listed) / 1e6:.1f} MB in {len(listed)} files")


def main(work, folder, weight):
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizers(work, folder)
    *parts, answers = load_models(work, weight)
    write_json(folder / "answers.json", answers)
    write_graphs(*parts, folder)
    shrink_graphs(folder)
    write_manifest(work, folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weight", type=float, default=WEIGHT)
    arguments = parser.parse_args()
    main(arguments.work, arguments.folder, arguments.weight)
