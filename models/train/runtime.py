"""Runs a model folder with ONNX Runtime and nothing else: what the app does, in Python, for the scores and the golden files."""

import json
import os
from itertools import groupby
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


class Starter:
    """The shipped files behind a few verbs: `see`, `search_vectors`, `write`, `likelihoods`, and `chosen_all` or `judged_all` for answers."""

    def __init__(self, folder):
        folder = Path(folder)
        self.manifest = json.loads((folder / "model.json").read_text("utf-8"))
        self.embed, self.generate, self.answer = (self.manifest[part] for part in ("embed", "generate", "answer"))
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # costs others' time on a busy machine
        load = lambda name: onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])
        self.vision, self.text = load(self.embed["vision"]), load(self.embed["text"])
        self.fusion, self.answers = load(self.answer["fusion"]), json.loads((folder / self.answer["answers"]).read_text("utf-8"))
        self.table, self.decoder = load(self.generate["embedTokens"]), load(self.generate["decoder"])
        self.words = Tokenizer.from_file(str(folder / self.embed["tokenizer"]))
        self.words.enable_truncation(self.embed["maxTokens"])
        self.words.enable_padding(pad_id=0, pad_token="[PAD]")
        self.subwords = Tokenizer.from_file(str(folder / self.generate["tokenizer"]))

    def see(self, pixels, batch=16):
        """[n, 3, 224, 224] -> unit vectors [n, 768], and prefixes [n, 68, 320] of which the decoder reads the first 16"""
        parts = [self.vision.run(None, {"pixel_values": pixels[i:i + batch]}) for i in range(0, len(pixels), batch)]
        return [np.concatenate(p) for p in zip(*parts)]

    def read(self, texts):
        """-> unit vectors, states of the tokens, and which of them are there"""
        rows = self.words.encode_batch(texts)
        mask = np.array([r.attention_mask for r in rows])
        return *self.text.run(None, {"input_ids": np.array([r.ids for r in rows]), "attention_mask": mask}), mask

    def search_vectors(self, texts, batch=64):
        return np.concatenate([self.read(texts[i:i + batch])[0] for i in range(0, len(texts), batch)])

    def states(self, texts, batch=64):
        """-> each text's states, [tokens, 384]"""
        out = {}
        texts = sorted(set(texts), key=len)
        for i in range(0, len(texts), batch):
            _, states, mask = self.read(texts[i:i + batch])
            out |= {text: row[:there.sum()] for text, row, there in zip(texts[i:i + batch], states, mask)}
        return out

    def fused(self, asked, output, batch=64):
        """[(prefix [68, 320], text)] -> the output of the answer head for each."""
        out, states = [None] * len(asked), self.states([text for _, text in asked])
        for _, rows in groupby(sorted(range(len(asked)), key=lambda i: (id(asked[i][0]), len(asked[i][1]))), key=lambda i: id(asked[i][0])):
            rows = [*rows]
            for some in (rows[i:i + batch] for i in range(0, len(rows), batch)):
                read = [states[asked[i][1]] for i in some]
                padded, mask = np.zeros((len(some), max(map(len, read)), read[0].shape[1]), np.float32), np.zeros((len(some), max(map(len, read))), np.int64)
                for at, state in enumerate(read):
                    padded[at, :len(state)], mask[at, :len(state)] = state, 1
                values = self.fusion.run([output], {"text_states": padded, "attention_mask": mask, "image_embeds": asked[some[0]][0][None]})[0]
                for i, value in zip(some, values):
                    out[i] = value
        return np.stack(out)

    def no_past(self, rows):
        shape = (rows, self.generate["heads"], 0, self.generate["headDim"])
        return {f"past_key_values.{i}.{kind}": np.zeros(shape, np.float32) for i in range(self.generate["layers"]) for kind in ("key", "value")}

    def likelihoods(self, prefixes, text):
        """-> for each photo, the mean log probability of the text's tokens, its end included"""
        ids = self.ids(text)
        x = np.concatenate([prefixes[:, :self.generate["imageTokens"]], np.repeat(self.table.run(None, {"input_ids": np.array([ids])})[0], len(prefixes), 0)], 1)
        logits = self.decoder.run(["logits"], {"inputs_embeds": x, "attention_mask": np.ones(x.shape[:2], np.int64), "position_ids": np.tile(np.arange(x.shape[1]), (len(x), 1)), **self.no_past(len(x))})[0][:, -len(ids):]
        chosen = np.take_along_axis(logits, np.array([*ids[1:], self.generate["eos"][0]])[None, :, None], 2)[..., 0]
        top = logits.max(-1)
        return (chosen - top - np.log(np.exp(logits - top[..., None]).sum(-1))).mean(1)

    def chosen_all(self, asked):
        """[(prefix, question, before)] -> the answer head's answers and their probabilities"""
        turn = lambda q, a: self.answer["turnTemplate"].replace("{question}", q).replace("{answer}", a)
        logits = self.fused([(prefix, "".join(turn(q, a) for q, a in before) + question) for prefix, question, before in asked], "answers")
        chance = np.exp(logits - logits.max(1, keepdims=True))
        best = chance.argmax(1)
        return [(self.answers[i], float(row[i] / row.sum())) for i, row in zip(best, chance)]

    def ids(self, prompt):
        return [self.generate["bos"], *self.subwords.encode(prompt, add_special_tokens=False).ids]

    def answered_all(self, asked):
        """What the app answers to [(prefix, question, before)], and the probability of its being right: the head's word, or the decoder's where the head is unsure."""
        chosen = self.chosen_all(asked)
        left = [i for i, (_, confidence) in enumerate(chosen) if confidence < self.answer["least"]]
        out = [(text, self.sure(self.answer, confidence)) for text, confidence in chosen]
        for i, (text, confidence) in zip(left, self.judged_all([asked[i] for i in left])):
            out[i] = text, self.sure(self.generate, confidence)
        return out

    @staticmethod
    def sure(facts, confidence):
        odds = np.clip(confidence, 1e-6, 1 - 1e-6)
        return float(1 / (1 + np.exp(-(facts["sureness"]["scale"] * np.log(odds / (1 - odds)) + facts["sureness"]["bias"]))))

    def greedy(self, prefixes, prompts, limit=None):
        """Greedy ids after equally long prompts (ids), one for each prefix, without <eos>; and each text's confidence, as the app computes it."""
        n = len(prefixes)
        ids = np.array(prompts)
        x = np.concatenate([np.stack(prefixes)[:, :self.generate["imageTokens"]], self.table.run(None, {"input_ids": ids})[0]], 1)
        past = self.no_past(n)
        done, out, seen, total, count = np.zeros(n, bool), [], 0, np.zeros(n), np.zeros(n)
        for _ in range(limit or self.generate["maxNewTokens"]):
            position = np.tile(np.arange(seen, seen + x.shape[1]), (n, 1))
            seen += x.shape[1]
            logits, *present = self.decoder.run(None, {"inputs_embeds": x, "attention_mask": np.ones((n, seen), np.int64), "position_ids": position, **past})
            past = dict(zip(past, present))
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
        """The decoder's answers and their confidences for many (prefix, question, before), in batches of equally long prompts."""
        out, by_length = [None] * len(asked), {}
        for index, (_, question, before) in enumerate(asked):
            ids = self.ids(self.prompt(question, before))
            by_length.setdefault(len(ids), []).append((index, ids))
        for rows in by_length.values():
            for some in (rows[i:i + batch] for i in range(0, len(rows), batch)):
                answers, confidence = self.greedy([asked[index][0] for index, _ in some], [ids for _, ids in some], 12)
                for (index, _), ids, sure in zip(some, answers, confidence):
                    out[index] = (self.decode(ids), float(sure))
        return out
