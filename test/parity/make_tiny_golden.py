"""Writes a tiny random model of real architectures, and tiny.json: what its PyTorch original gives.

python test/parity/make_tiny_golden.py test/parity/tiny [--seed 5]

A patch convolution as vision, BERT with a projection as text encoder, and Llama (grouped keys and values) as decoder.
Weights are scaled up so that scores differ clearly: with small ones a wrong mask or position would hide.
Written with transformers 5.23, torch 2.15 and tokenizers 0.23; needs no network.
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn
from transformers import BertConfig, BertModel, DynamicCache, GenerationConfig, LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).resolve().parent
SIZE, PATCHES, WIDTH, LAYERS, HEADS, KV_HEADS, DIMENSION = 32, 4, 32, 2, 4, 2, 16
MEAN, STD = [120.0, 110.0, 100.0], [60.0, 64.0, 70.0]
CORPUS = ["a photo of a dog in the snow", "two children on a beach", "what colour is the dog?", "question: who is it? answer: a man", "the sun sets over the sea"] * 4
TEXTS = ["a dog", "two children on a beach at night, and a dog", "", "[SEP] a [CLS]", "中文 dog"]
SCORED = ["dog", "dog in the snow", "photo of a dog in the snow", "two children on a beach at night", "<eos> <image>", "中文 😀", "dog"]
QUESTION, HISTORY = "what colour is the dog?", [{"question": "who is it?", "answer": "a man"}]


class Vision(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch, self.tokens, self.embed = nn.Conv2d(3, WIDTH, 16, 16), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, DIMENSION)

    def forward(self, pixel_values):
        grid = torch.tanh(self.patch(pixel_values)).flatten(2).transpose(1, 2)
        return self.embed(grid.mean(1)) * 3, self.tokens(grid) * 3


class Text(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.bert = BertModel(BertConfig(vocab_size=size, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
                                         max_position_embeddings=32, attn_implementation="eager"))
        self.project = nn.Linear(24, DIMENSION)

    def forward(self, input_ids, attention_mask):
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).float()
        return self.project((hidden * mask).sum(1) / mask.sum(1))


class Step(nn.Module):
    def __init__(self, llama):
        super().__init__()
        self.llama = llama

    def forward(self, inputs_embeds, attention_mask, position_ids, *past):
        cache = DynamicCache()
        for layer in range(LAYERS):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        out = self.llama(inputs_embeds=inputs_embeds, attention_mask=attention_mask, position_ids=position_ids, past_key_values=cache, use_cache=True)
        return (out.logits, *(tensor for layer in out.past_key_values.layers for tensor in (layer.keys, layer.values)))


def sharpen(model, scale):
    for name, parameter in model.named_parameters():
        if parameter.ndim >= 2:
            nn.init.normal_(parameter, std=scale / parameter.shape[-1] ** 0.5)
    return model.eval().requires_grad_(False)


def make_tokenizers(folder):
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.normalizer, pieces.pre_tokenizer, pieces.decoder = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    pieces.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=120, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"]))
    pieces.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    bytes_ = Tokenizer(models.BPE())
    bytes_.pre_tokenizer, bytes_.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    bytes_.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=320, special_tokens=["<pad>", "<bos>", "<eos>", "<image>"],
                                                           initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    bytes_.add_tokens(["irisphoto"])
    for name, tokenizer in (("search", pieces), ("decoder", bytes_)):
        tokenizer.save(str(folder / f"{name}.json"))
        (folder / f"{name}_config.json").write_text(json.dumps({"clean_up_tokenization_spaces": False}) + "\n")
    return pieces, bytes_


def export(vision, text, llama, folder):
    def write(model, inputs, name, names, outputs, axes):
        torch.onnx.export(model, inputs, str(folder / name), input_names=names, output_names=outputs, dynamic_axes=axes, opset_version=17, dynamo=False)

    ids = torch.ones(2, 7, dtype=torch.long)
    write(vision, (torch.zeros(2, 3, SIZE, SIZE),), "vision.onnx", ["pixel_values"], ["image_embeds", "image_tokens"],
          {n: {0: "n"} for n in ("pixel_values", "image_embeds", "image_tokens")})
    write(text, (ids, ids), "text.onnx", ["input_ids", "attention_mask"], ["text_embeds"], {"input_ids": {0: "n", 1: "t"}, "attention_mask": {0: "n", 1: "t"}, "text_embeds": {0: "n"}})
    write(llama.model.embed_tokens, (ids,), "embed_tokens.onnx", ["input_ids"], ["inputs_embeds"], {"input_ids": {0: "b", 1: "t"}, "inputs_embeds": {0: "b", 1: "t"}})
    kv = lambda end: [f"{end}.{i}.{kind}" for i in range(LAYERS) for kind in ("key", "value")]
    past = [torch.zeros(2, KV_HEADS, 5, WIDTH // HEADS) for _ in kv("past")]
    axes = {"inputs_embeds": {0: "b", 1: "t"}, "attention_mask": {0: "b", 1: "total"}, "position_ids": {0: "b", 1: "t"}, "logits": {0: "b", 1: "t"},
            **{n: {0: "b", 2: "past"} for n in kv("past_key_values")}, **{n: {0: "b", 2: "total"} for n in kv("present")}}
    write(Step(llama), (torch.zeros(2, 3, WIDTH), torch.ones(2, 8, dtype=torch.long), torch.arange(5, 8).repeat(2, 1), *past), "decoder.onnx",
          ["inputs_embeds", "attention_mask", "position_ids", *kv("past_key_values")], ["logits", *kv("present")], axes)


def manifest(folder):
    names = sorted(p.name for p in folder.iterdir() if p.suffix in (".onnx", ".json") and p.name != "model.json")
    files = [{"path": n, "sha256": hashlib.sha256((folder / n).read_bytes()).hexdigest(), "bytes": (folder / n).stat().st_size} for n in names]
    (folder / "model.json").write_text(json.dumps({
        "format": 1, "id": "tiny", "version": "1", "name": "Tiny", "summary": "Random weights, for tests.", "license": "Apache-2.0", "licenseFile": "LICENSE",
        "source": "test/parity/make_tiny_golden.py", "memoryMb": 1, "files": files,
        "preprocess": {"version": 1, "width": SIZE, "height": SIZE, "fit": "cover", "resample": "bicubic", "mean": MEAN, "std": STD},
        "embed": {"family": "dual-encoder", "vision": "vision.onnx", "text": "text.onnx", "tokenizer": "search.json", "tokenizerConfig": "search_config.json",
                  "dimension": DIMENSION, "maxTokens": 10, "lowercase": True, "template": "A photo of {}",
                  "outputs": {"image": "image_embeds", "text": "text_embeds"}, "relevance": {"mean": 0.0, "std": 0.1}},
        "generate": {"family": "vlm", "vision": "vision.onnx", "embedTokens": "embed_tokens.onnx", "decoder": "decoder.onnx", "tokenizer": "decoder.json",
                     "tokenizerConfig": "decoder_config.json", "outputs": {"imageTokens": "image_tokens"}, "imageTokens": PATCHES, "width": WIDTH, "layers": LAYERS,
                     "heads": KV_HEADS, "headDim": WIDTH // HEADS, "context": 96, "bos": 1, "eos": [2], "pad": 0, "captionPrompt": "a", "captionTemplate": "{prompt}",
                     "questionTemplate": "question: {question} answer:", "answerTemplate": " {answer} ", "maxNewTokens": 16, "repetitionPenalty": 1.0,
                     "noRepeatNgram": 0, "captionDecoding": {"beams": 1}}}, indent=1) + "\n")


def photo(index):
    """The same numbers in TypeScript: [3, SIZE, SIZE] after (x - mean) / std."""
    i = torch.arange(SIZE * SIZE * 3)
    pixels = ((i * (7 + index) + (i // 96) * (31 * index + 5) + (i // 1024) * 50) % 256).reshape(SIZE, SIZE, 3).float()
    return ((pixels - torch.tensor(MEAN)) / torch.tensor(STD)).permute(2, 0, 1)


@torch.no_grad()
def generate(llama, prefix, ids, **settings):
    embeds = torch.cat([prefix[None], llama.model.embed_tokens(torch.tensor([ids]))], 1)
    config = GenerationConfig(**{"max_new_tokens": 16, "eos_token_id": 2, "pad_token_id": 0, "do_sample": False, "early_stopping": settings.get("num_beams", 1) > 1, **settings})
    out = llama.generate(inputs_embeds=embeds, attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long), generation_config=config)[0].tolist()
    return out[: out.index(2)] if 2 in out else out


@torch.no_grad()
def log_probability(llama, prefix, prompt, text):
    """By the loss of transformers: the mean over the text's tokens, since photo and prompt are no labels."""
    embeds = llama.model.embed_tokens(torch.tensor([[*prompt, *text]]))
    embeds = embeds if prefix is None else torch.cat([prefix[None], embeds], 1)
    labels = torch.tensor([[-100] * (embeds.shape[1] - len(text)) + text])
    return round(-llama(inputs_embeds=embeds, labels=labels).loss.item() * len(text), 6)


def scores(llama, prefixes, subwords, prompts):
    """log p of each text after each prompt, for each photo and at last without any: by itself, and with its end."""
    subwords.encode_special_tokens = True
    ids = lambda t: subwords.encode(t, add_special_tokens=False).ids
    tokens = {name: [ids(f"{prompt} {t}")[len(ids(prompt)):] for t in SCORED] for name, prompt in prompts.items()}
    found = lambda prefix: {name + end: [log_probability(llama, prefix, [1, *ids(prompts[name])], text + ([2] if end else [])) for text in texts]
                            for name, texts in tokens.items() for end in ("", "End")}
    return {"texts": SCORED, "tokens": {name: [len(t) for t in texts] for name, texts in tokens.items()}, "photos": [found(p) for p in prefixes], "prior": found(None)}


@torch.no_grad()
def golden(vision, text, llama, pieces, subwords):
    rounded = lambda tensor: [round(v, 6) for v in tensor.flatten().tolist()]
    plain = lambda t: [1, *subwords.encode(t, add_special_tokens=False).ids]
    embeddings, prefixes = vision(torch.stack([photo(i) for i in range(3)]))
    asked = "question: who is it? answer: a man question: what colour is the dog? answer:"
    texts = []
    pieces.encode_special_tokens = True
    for t in TEXTS:
        bare = pieces.encode("A photo of " + t.lower(), add_special_tokens=False).ids
        ids = torch.tensor([[2, *bare[:8], 3]])
        texts.append({"text": t, "ids": ids[0].tolist(), "embedding": rounded(F.normalize(text(ids, torch.ones_like(ids)), dim=-1))})
    photos = [{"embedding": rounded(F.normalize(e, dim=-1)), "prefix": rounded(p), "caption": generate(llama, p, plain("a")), "prompted": generate(llama, p, plain("two children")),
               "answer": generate(llama, p, plain(asked)), "beams": generate(llama, p, plain("a"), num_beams=3)} for e, p in zip(embeddings, prefixes)]
    scored = scores(llama, prefixes, subwords, {"caption": "a", "answer": asked})
    return {"texts": texts, "photos": photos, "scored": scored, "asked": asked, "question": QUESTION, "history": HISTORY}


def main(folder, seed):
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    pieces, subwords = make_tokenizers(folder)
    llama = LlamaForCausalLM(LlamaConfig(vocab_size=subwords.get_vocab_size(), hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                                         num_key_value_heads=KV_HEADS, max_position_embeddings=128, attn_implementation="eager"))
    vision, text = sharpen(Vision(), 1.0), sharpen(Text(pieces.get_vocab_size()), 1.5)
    llama = sharpen(llama, 2.0)
    llama.lm_head.weight.data[2] += 0.05
    export(vision, text, llama, folder)
    manifest(folder)
    values = golden(vision, text, llama, pieces, subwords)
    (HERE / "tiny.json").write_text(json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
    for row in values["photos"]:
        print(row["caption"], "|", row["answer"], "|", row["beams"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    main(arguments.folder, arguments.seed)
