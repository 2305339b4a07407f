"""Runs a model folder with ONNX Runtime and nothing else: what the app does, in Python, for the scores and the golden files."""

import json
import os
import re
from collections import Counter
from itertools import groupby
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


def mulberry(seed):
    """The app's generator of numbers from 0 up to 1 (mulberry32)."""
    state = seed
    while True:
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        mixed = ((state ^ state >> 15) * (state | 1)) & 0xFFFFFFFF
        mixed ^= (mixed + ((mixed ^ mixed >> 7) * (mixed | 61))) & 0xFFFFFFFF
        yield (mixed ^ mixed >> 14) / 2**32


def drawn(logits, temperature, randoms):
    """A token of each row, drawn as the app does: the likeliest first, their weights in float32."""
    weights = np.exp((logits.astype(float) - logits.max(-1, keepdims=True)) / temperature).astype(np.float32)
    order = (-weights).argsort(-1, kind="stable")
    sums = np.take_along_axis(weights, order, -1).cumsum(-1, dtype=float)
    return np.array([ids[np.searchsorted(sum, next(random) * sum[-1], "right")] for ids, sum, random in zip(order, sums, randoms)])


def log_softmax(logits):
    rest = logits - logits.max(-1, keepdims=True)
    return rest - np.log(np.exp(rest).sum(-1, keepdims=True))


def agreements(texts, often, longest=4):
    """How much each text has in common with all of them, each counted `often`: shared runs of one to four words."""
    runs = [[Counter(zip(*(words[k:] for k in range(size)))) for size in range(1, longest + 1)] for words in map(str.split, texts)]
    share = lambda a, b: 2 * (a & b).total() / max(1, a.total() + b.total())
    common = np.array([[sum(map(share, own, other)) / longest for other in runs] for own in runs])
    return common @ np.array(often) / sum(often)


class Starter:
    """The shipped files behind a few verbs: `see`, `search_vectors`, `caption`, `likelihoods`, `answered_all`, or `chosen_all` and `judged_all` of its two sides, for answers."""

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
        """[n, 3, 224, 224] -> unit vectors [n, 768], and prefixes [n, 72, 320] of which the decoder reads the first 16"""
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
        """[(prefix [72, 320], text)] -> the output of the answer head for each."""
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

    def log_likelihoods(self, rows, batch=128):
        """[(prefix, ids before, ids)] -> log p(ids, end | prefix and what is before), summed over the tokens; shorter rows are filled up at their end."""
        out, rows = np.empty(len(rows)), [(prefix, before, [*ids, self.generate["eos"][0]]) for prefix, before, ids in rows]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i][1]) + len(rows[i][2]))
        for some in (order[i:i + batch] for i in range(0, len(order), batch)):
            longest = max(len(rows[i][1]) + len(rows[i][2]) for i in some) - 1
            whole = np.array([[*rows[i][1], *rows[i][2][:-1], *[self.generate["pad"]] * (longest + 1 - len(rows[i][1]) - len(rows[i][2]))] for i in some])
            x = np.concatenate([np.stack([rows[i][0][:self.generate["imageTokens"]] for i in some]), self.table.run(None, {"input_ids": whole})[0]], 1)
            positions = np.tile(np.arange(x.shape[1]), (len(x), 1))
            logits = self.decoder.run(["logits"], {"inputs_embeds": x, "attention_mask": np.ones(x.shape[:2], np.int64), "position_ids": positions, **self.no_past(len(x))})[0]
            for i, own in zip(some, logits):
                _, before, ids = rows[i]
                at = self.generate["imageTokens"] + len(before) - 1
                out[i] = log_softmax(own[at:at + len(ids)])[np.arange(len(ids)), ids].sum()
        return out

    def likelihoods(self, prefixes, text):
        """-> for each photo, the mean log probability of the text's tokens, its end included"""
        start, *ids = self.ids(text)
        return self.log_likelihoods([(prefix, [start], ids) for prefix in prefixes]) / (len(ids) + 1)

    def head_logs(self, asked):
        """[(prefix, question, before)] -> the answer head's log probabilities, [n, answers]"""
        turn = lambda q, a: self.answer["turnTemplate"].replace("{question}", q).replace("{answer}", a)
        log = log_softmax(self.fused([(prefix, "".join(turn(q, a) for q, a in before) + question) for prefix, question, before in asked], "answers"))
        later = [i for i, (_, _, before) in enumerate(asked) if before]
        if later and "contrast" in self.answer:  # as `againstAlone` of fusion.ts
            alone = log_softmax(self.fused([asked[i][:2] for i in later], "answers"))
            close = log[later] >= log[later].max(1, keepdims=True) - 4
            log[later] = log_softmax(np.where(close, log[later] - self.answer["contrast"] * np.maximum(alone, alone.max(1, keepdims=True) - 4), -np.inf))
        return log

    def chosen_all(self, asked):
        """[(prefix, question, before)] -> the answer head's answers and their probabilities"""
        log = self.head_logs(asked)
        return [(self.answers[i], float(np.exp(row[i]))) for i, row in zip(log.argmax(1), log)]

    def either(self, text):
        """An answer as it is, and with its article or without."""
        article = self.answer["weighed"]["article"]
        return [text, text.removeprefix(article) if text.startswith(article) else article + text]

    def trusted(self, question):
        """What the decoder's log probability counts, and how far below its likeliest an answer may count."""
        facts, words = self.answer["weighed"], " " + re.sub(r"[\W\d_]+", " ", question.lower()) + " "
        less = any(f" {word} " in words for word in facts["less"]["words"])
        return (facts["less"]["share"], np.inf) if less else (facts["share"], facts["reach"])

    def weighed_all(self, asked, log):
        """-> each question's likeliest answers by the head (numbers) and what the decoder gives them, with their article or without: `weigh.ts`"""
        first = (-log).argsort(1, kind="stable")[:, :self.answer["weighed"]["among"]]
        rows = []
        for (prefix, question, before), numbers in zip(asked, first):
            prompt = self.prompt(question, before)
            ids = self.ids(prompt)
            rows += [(prefix, ids, self.ids(f"{prompt} {text}")[len(ids):]) for number in numbers for text in self.either(self.answers[number])]
        return first, np.logaddexp.reduce(self.log_likelihoods(rows).reshape(*first.shape, 2), 2)

    def ids(self, prompt):
        return [self.generate["bos"], *self.subwords.encode(prompt, add_special_tokens=False).ids]

    def answered_all(self, asked):
        """What the app answers to [(prefix, question, before)], and the confidence: of the head's likeliest, the one that head and decoder find likeliest together."""
        log = self.head_logs(asked)
        first, theirs = self.weighed_all(asked, log)
        share, reach = np.array([self.trusted(question) for _, question, _ in asked]).T[..., None]
        own = np.take_along_axis(log, first, 1)
        theirs = np.where(np.isfinite(own), theirs, -np.inf)  # what the contrast ruled out
        both = log_softmax(own + share * np.maximum(theirs, theirs.max(1, keepdims=True) - reach))
        return [(self.answers[numbers[row.argmax()]], float(np.exp(row.max()))) for numbers, row in zip(first, both)]

    def greedy(self, prefixes, prompts, limit=None, temperature=None, seeds=()):
        """Greedy ids after equally long prompts (ids), one for each prefix, without <eos>; and each text's confidence, as the app computes it.

        With a temperature the ids are drawn, each row by its own seed.
        """
        n = len(prefixes)
        randoms = [mulberry(seed) for seed in seeds]
        ids = np.array(prompts)
        x = np.concatenate([np.stack(prefixes)[:, :self.generate["imageTokens"]], self.table.run(None, {"input_ids": ids})[0]], 1)
        past = self.no_past(n)
        done, out, seen, total, count = np.zeros(n, bool), [], 0, np.zeros(n), np.zeros(n)
        for _ in range(limit or self.generate["maxNewTokens"]):
            position = np.tile(np.arange(seen, seen + x.shape[1]), (n, 1))
            seen += x.shape[1]
            logits, *present = self.decoder.run(None, {"inputs_embeds": x, "attention_mask": np.ones((n, seen), np.int64), "position_ids": position, **past})
            past = dict(zip(past, present))
            last = logits[:, -1]
            token = last.argmax(-1) if temperature is None else drawn(last, temperature, randoms)
            total += np.where(done, 0, log_softmax(last)[np.arange(n), token])
            count += ~done
            done |= np.isin(token, self.generate["eos"])
            out.append(np.where(done, self.generate["pad"], token))
            if done.all():
                break
            x = self.table.run(None, {"input_ids": out[-1][:, None]})[0]
        return [[int(t) for t in row if t != self.generate["pad"]] for row in np.stack(out, 1)], np.exp(total / count)

    def decode(self, ids):
        return self.subwords.decode(ids).strip()

    def write(self, prefixes, prompt="", temperature=None, seed=0, batch=50):
        """-> greedy captions and their confidences; with a temperature drawn ones, each by the seed"""
        start = self.ids(self.generate["captionTemplate"].replace("{prompt}", prompt))
        parts = [self.greedy(prefixes[i:i + batch], [start] * len(prefixes[i:i + batch]), temperature=temperature, seeds=[seed] * batch) for i in range(0, len(prefixes), batch)]
        return [(self.decode(ids), sure) for texts, confidence in parts for ids, sure in zip(texts, confidence)]

    def caption(self, images, prefixes, prompt="", greedy=None):
        """What the app writes: the best of the greedy caption and the drawn ones, see `candidates.ts`. `greedy`: as `write` gave them, where they are known."""
        facts = self.generate["captionDecoding"]["candidates"]
        ways = [greedy or self.write(prefixes, prompt)]
        ways += [self.write(prefixes, prompt, facts["temperature"], seed) for seed in range(facts["count"])]
        return [self.best(image, told, prompt, facts) for image, told in zip(images, zip(*ways))]

    def best(self, image, told, prompt, facts):
        often, confidence = Counter(), {}
        for text, sure in told:
            often[text] += 1
            confidence.setdefault(text, sure)
        texts = [*often]
        whole = [f"{prompt} {text}".strip() for text in texts]
        agreed = agreements(whole, [often[text] for text in texts])
        scores = self.search_vectors(whole) @ image + facts["likelihood"] * np.log([confidence[text] for text in texts]) + facts["agreement"] * agreed
        return texts[int(scores.argmax())]

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
