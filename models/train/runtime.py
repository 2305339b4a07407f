"""Runs a model folder with ONNX Runtime and nothing else: what the app does, in Python, for the scores and the golden files."""

import json
import os
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


class Starter:
    """The shipped files behind four verbs: `see`, `search_vectors`, `write`, `judged_all`."""

    def __init__(self, folder):
        folder = Path(folder)
        self.manifest = json.loads((folder / "model.json").read_text("utf-8"))
        self.embed, self.generate = self.manifest["embed"], self.manifest["generate"]
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # costs others' time on a busy machine
        load = lambda name: onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])
        self.vision, self.text = load(self.embed["vision"]), load(self.embed["text"])
        self.table, self.decoder = load(self.generate["embedTokens"]), load(self.generate["decoder"])
        self.words = Tokenizer.from_file(str(folder / self.embed["tokenizer"]))
        self.words.enable_truncation(self.embed["maxTokens"])
        self.words.enable_padding(pad_id=0, pad_token="[PAD]")
        self.subwords = Tokenizer.from_file(str(folder / self.generate["tokenizer"]))

    def see(self, pixels, batch=16):
        """[n, 3, 224, 224] -> unit vectors [n, 768] and prefixes [n, 16, 320]"""
        parts = [self.vision.run(None, {"pixel_values": pixels[i:i + batch]}) for i in range(0, len(pixels), batch)]
        return [np.concatenate(p) for p in zip(*parts)]

    def search_vectors(self, texts, batch=64):
        out = []
        for i in range(0, len(texts), batch):
            rows = self.words.encode_batch(texts[i:i + batch])
            out += [self.text.run(None, {"input_ids": np.array([r.ids for r in rows]), "attention_mask": np.array([r.attention_mask for r in rows])})[0]]
        return np.concatenate(out)

    def ids(self, prompt):
        return [self.generate["bos"], *self.subwords.encode(prompt, add_special_tokens=False).ids]

    def greedy(self, prefixes, prompts, limit=None):
        """Greedy ids after equally long prompts (ids), one for each prefix, without <eos>; and each text's confidence, as the app computes it."""
        n, kinds = len(prefixes), ("key", "value")
        ids = np.array(prompts)
        x = np.concatenate([prefixes, self.table.run(None, {"input_ids": ids})[0]], 1)
        names = [f"{i}.{k}" for i in range(self.generate["layers"]) for k in kinds]
        past = {f"past_key_values.{m}": np.zeros((n, self.generate["heads"], 0, self.generate["headDim"]), np.float32) for m in names}
        done, out, seen, total, count = np.zeros(n, bool), [], 0, np.zeros(n), np.zeros(n)
        for _ in range(limit or self.generate["maxNewTokens"]):
            position = np.tile(np.arange(seen, seen + x.shape[1]), (n, 1))
            seen += x.shape[1]
            logits, *present = self.decoder.run(None, {"inputs_embeds": x, "attention_mask": np.ones((n, seen), np.int64), "position_ids": position, **past})
            past = {f"past_key_values.{m}": p for m, p in zip(names, present)}
            token = logits[:, -1].argmax(-1)
            total -= np.where(done, 0, np.log(np.exp(logits[:, -1] - logits[:, -1].max(-1, keepdims=True)).sum(-1)))
            count += ~done
            done |= np.isin(token, self.generate["eos"])
            out.append(np.where(done, self.generate["pad"], token))
            if done.all():
                break
            x = self.table.run(None, {"input_ids": out[-1][:, None]})[0]
        return [[int(t) for t in row if t != self.generate["pad"]] for row in np.stack(out, 1)], np.exp(total / count)

    def decode(self, ids):
        return self.subwords.decode(ids).strip()

    def write(self, prefixes, prompt="", batch=50):
        start = self.ids(self.generate["captionTemplate"].replace("{prompt}", prompt))
        return [self.decode(ids) for i in range(0, len(prefixes), batch) for ids in self.greedy(prefixes[i:i + batch], [start] * len(prefixes[i:i + batch]))[0]]

    def prompt(self, question, before=()):
        """`before` is [(question, answer)] of the earlier turns."""
        ask = lambda q: self.generate["questionTemplate"].replace("{question}", q)
        return "".join(ask(q) + self.generate["answerTemplate"].replace("{answer}", a) for q, a in before) + ask(question)

    def judged_all(self, asked, batch=50):
        """Answers and their confidences for many (prefix, question, before), in batches of equally long prompts.

        A prefix may have no rows, for an answer from words alone.
        """
        out, by_length = [None] * len(asked), {}
        for index, (_, question, before) in enumerate(asked):
            ids = self.ids(self.prompt(question, before))
            by_length.setdefault(len(ids), []).append((index, ids))
        for rows in by_length.values():
            for some in (rows[i:i + batch] for i in range(0, len(rows), batch)):
                answers, confidence = self.greedy(np.stack([asked[index][0] for index, _ in some]), [ids for _, ids in some], 12)
                for (index, _), ids, sure in zip(some, answers, confidence):
                    out[index] = (self.decode(ids), float(sure))
        return out
