"""What every architecture's export shares: reading a checkpoint's folder and writing a model's."""

import hashlib
import json
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

RESAMPLE = {1: "lanczos", 2: "bilinear", 3: "bicubic"}


class Checkpoint:
    """A folder with `config.json`, weights, tokenizer and image processor files."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = self.read("config.json") or self.read("open_clip_config.json")
        if not self.config:
            raise SystemExit(f"{folder}: config.json is missing; SRC must be a checkpoint's folder.")
        self.architecture = "open_clip" if "model_cfg" in self.config else (self.config.get("architectures") or [self.config.get("model_type", "of no name")])[0]

    def read(self, name: str) -> dict:
        path = self.folder / name
        return json.loads(path.read_text("utf-8")) if path.exists() else {}

    def model(self, cls):
        """The checkpoint as a module for export: float32, plain attention, no gradients."""
        return cls.from_pretrained(self.folder, attn_implementation="eager", dtype=torch.float32).eval().requires_grad_(False)

    def pixels(self, preprocess: dict | None = None) -> torch.Tensor:
        """Two black photos of the model's size, for tracing."""
        facts = preprocess or self.preprocess()
        return torch.zeros(2, 3, facts["height"], facts["width"])

    def image_processor(self) -> dict:
        """The image processor's settings, from its own file or from the processor's."""
        return self.read("preprocessor_config.json") or self.read("processor_config.json").get("image_processor", {})

    def preprocess(self, settings: dict | None = None) -> dict:
        """The manifest's `preprocess`, of the image processor's settings or others. Raises SystemExit for what Iris cannot do the same way."""
        p = settings or self.image_processor()
        size, crop = p.get("size", {}), p.get("crop_size")
        factor = p.get("rescale_factor", 1 / 255) if p.get("do_rescale", True) else 1.0
        normal = p.get("do_normalize", True)
        mean, std = (p["image_mean"], p["image_std"]) if normal else ([0.0] * 3, [1.0] * 3)
        if p.get("resample", 3) not in RESAMPLE:
            raise SystemExit(f"preprocessor_config.json: resample {p.get('resample')} is not one of {sorted(RESAMPLE)}.")
        facts = {"version": 1, **self._shape(p, size, crop), "resample": RESAMPLE[p.get("resample", 3)]}
        # EfficientNet's own steps: one is taken off after rescaling, and the deviation may be divided by twice.
        offset = 1.0 if p.get("rescale_offset") else 0.0
        again = std if p.get("include_top") else [1.0] * 3
        return {**facts, "mean": [round((m + offset) / factor, 6) for m in mean], "std": [round(s * t / factor, 6) for s, t in zip(std, again)]}

    def language(self, *, image_tokens: int, context: int, caption: str = "", caption_template: str = "{prompt}",
                 question: str = "{question}", answer: str = " {answer} ", **facts) -> dict:
        """What every writing family's manifest says of its language side (`languageFacts`); `facts` overrule the config's.

        `image_tokens` are the positions of the context that a photo takes: 0 where it is read by cross-attention.
        """
        settings = {**self.config, **self.config.get("text_config", {}), **self.read("generation_config.json")}
        number = lambda key, default: settings.get(key) if settings.get(key) is not None else default  # noqa: E731
        eos = number("eos_token_id", 2)
        eos = eos if isinstance(eos, list) else [eos]
        return {"imageTokens": image_tokens, "context": context, "bos": number("bos_token_id", 1), "eos": eos, "pad": number("pad_token_id", eos[0]),
                "captionPrompt": caption, "captionTemplate": caption_template, "questionTemplate": question, "answerTemplate": answer,
                "maxNewTokens": number("max_new_tokens", 32), "repetitionPenalty": float(number("repetition_penalty", 1.0)),
                "noRepeatNgram": number("no_repeat_ngram_size", 0), "captionDecoding": {"beams": number("num_beams", 1)}, **facts}

    def marks(self) -> list[int]:
        """The ids that the tokenizer puts around a text: [CLS] and [SEP] of BERT's."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.folder)("").input_ids

    @staticmethod
    def _shape(p: dict, size: dict, crop: dict | None) -> dict:
        if not p.get("do_center_crop") or crop == size:
            if "height" not in size:
                raise SystemExit(f"preprocessor_config.json: size {size} without a centre crop is not a fixed size.")
            return {"width": size["width"], "height": size["height"], "fit": "fill"}
        edge = size.get("shortest_edge")
        if edge is None or crop != {"height": edge, "width": edge}:
            raise SystemExit(f"preprocessor_config.json: a crop of {crop} out of {size} is not supported; expected the crop to be as large as the shortest edge.")
        return {"width": edge, "height": edge, "fit": "cover", "centre": "floor"}


class Part(nn.Module):
    """A part of a model that becomes a file: what `forward` makes of it."""

    def __init__(self, model):
        super().__init__()
        self.model = model


class ModelFolder:
    """A model's folder as it is written: parts, tokenizer, and at last `model.json` with every file's hash."""

    def __init__(self, folder: Path, about: dict):
        self.folder, self.about = folder, about
        folder.mkdir(parents=True, exist_ok=True)

    def onnx(self, name: str, module: nn.Module, inputs: dict, outputs: dict) -> str:
        """Writes `module` as ONNX and gives its file's name.

        `inputs` is name -> (example, axes) and `outputs` name -> axes, where axes names the dimensions that may change, as
        in "batch tokens"; `_` keeps one fixed. Inputs are passed by position, in their order.
        """
        axes = {key: _axes(value[1]) for key, value in inputs.items()} | {key: _axes(value) for key, value in outputs.items()}
        torch.backends.mha.set_fastpath_enabled(False)  # ONNX has no such operator
        kept = set(self.folder.iterdir())
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module.eval(), tuple(value[0] for value in inputs.values()), str(self.folder / name), input_names=list(inputs),
                              output_names=list(outputs), dynamic_axes=axes, opset_version=17, dynamo=False)
        _gather(self.folder / name, kept)
        return name

    def tokenizer(self, checkpoint: Checkpoint, subfolder: str = "", source: str = "") -> dict:
        """Writes the two files of the fast tokenizer in the checkpoint's folder `source`; gives the manifest's facts of them."""
        place = self.folder / subfolder
        place.mkdir(exist_ok=True)
        backend, config = fast_tokenizer(checkpoint.folder / source)
        backend.no_padding()
        backend.no_truncation()
        backend.save(str(place / "tokenizer.json"))
        (place / "tokenizer_config.json").write_text(json.dumps(config) + "\n")
        prefix = f"{subfolder}/" if subfolder else ""
        return {"tokenizer": f"{prefix}tokenizer.json", "tokenizerConfig": f"{prefix}tokenizer_config.json"}

    def manifest(self, preprocess: dict, **parts: dict) -> None:
        """Writes `model.json`; `parts` are embed, generate, match and answer as the family has them."""
        files = [_entry(self.folder, path) for path in sorted(self.folder.rglob("*")) if path.is_file() and path.suffix not in (".md", "") and path.name != "model.json"]
        name = self.about.get("name", self.folder.name)
        bytes_ = sum(entry["bytes"] for entry in files)
        facts = {"format": 1, "id": self.folder.name.lower(), "version": "1", "name": name, "summary": self.about.get("summary", ""),
                 "license": self.about.get("license", "Unknown"), "licenseFile": "LICENSE.md", "source": self.about.get("source", ""),
                 "memoryMb": round(bytes_ / 1e6 * 1.3) + 1, "files": files, "preprocess": preprocess, **parts}
        (self.folder / "LICENSE.md").write_text(f"Licence of this model as its source states it: {facts['license']}.\n")
        (self.folder / "model.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", "utf-8")


def fast_tokenizer(folder: Path):
    """A folder's tokenizer as the `tokenizers` library has it, and what its config says beside."""
    from transformers import AutoTokenizer
    from transformers.convert_slow_tokenizer import T5Converter

    tokenizer = AutoTokenizer.from_pretrained(folder)
    marks = {"bos_token": tokenizer.bos_token, "eos_token": tokenizer.eos_token}
    if tokenizer.is_fast:
        return tokenizer.backend_tokenizer, {"clean_up_tokenization_spaces": bool(tokenizer.clean_up_tokenization_spaces), **marks}
    # SigLIP's is T5's SentencePiece model without the extra words; its own cleaning is `canonical` in the manifest.
    tokenizer._extra_ids = 0
    return T5Converter(tokenizer).converted(), {"clean_up_tokenization_spaces": False, **marks}


def _axes(names: str) -> dict:
    return {at: name for at, name in enumerate(names.split()) if name != "_"}


def _entry(folder: Path, path: Path) -> dict:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": path.relative_to(folder).as_posix(), "sha256": digest, "bytes": path.stat().st_size}


def _gather(path: Path, kept: set[Path]) -> None:
    """Weights of a graph above two gigabytes are written one file each; they are put into one beside it, `x.onnx_data`."""
    scattered = [each for each in path.parent.iterdir() if each.is_file() and each not in kept and each != path]
    if scattered:
        model = onnx.load(path)
        for each in [*scattered, path, path.with_name(f"{path.name}_data")]:
            each.unlink(missing_ok=True)
        onnx.save_model(model, path, save_as_external_data=True, all_tensors_to_one_file=True, location=f"{path.name}_data")
