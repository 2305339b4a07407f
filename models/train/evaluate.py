"""Scores the shipped ONNX files on data never trained on, and rewrites the scores block of the model card.

python evaluate.py DATA WORK MODEL_FOLDER [--dev]

With --dev the dev split is scored and nothing is written but WORK/relevance.json, the statistics
of similarities that model.json carries; choices are made on it.
"""

import argparse
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from captions import bleu_score, cider_score
from common import read_flickr, read_imagenet_samples, tidy, to_pixels, write_json
from qa import test_rows
from runtime import Starter

BEGIN, END = "<!-- scores: written by models/train/evaluate.py -->", "<!-- end of scores -->"


def see(model, folder, names):
    parts = [model.see(np.stack([to_pixels(Image.open(folder / n)) for n in names[i:i + 100]])) for i in range(0, len(names), 100)]
    return [np.concatenate(p) for p in zip(*parts)]


def recall(similarity, truth, ks):
    """Share of queries (rows) whose true column is among the first k; ties count against the model."""
    own = similarity[np.arange(len(truth)), truth][:, None]
    rank = (similarity >= own).sum(1)
    return [100 * float((rank <= k).mean()) for k in ks]


def image_to_text(similarity, owner, ks):
    """For each photo, is one of its own captions among the first k of all captions?"""
    order = (-similarity.T).argsort(1)
    best = (owner[order] == np.arange(similarity.shape[1])[:, None]).argmax(1)
    return [100 * float((best < k).mean()) for k in ks]


def correct(answer, accepted):
    """An answer counts where it is, or begins with, an accepted one; articles and case do not matter."""
    plain = lambda t: re.sub(r"^(a|an|the) ", "", " ".join(re.findall(r"[a-z0-9'-]+", t.lower())))
    answer = plain(answer)
    return any(answer == a or answer.startswith(a + " ") for a in map(plain, accepted.split("|")) if a)


def ask_all(model, rows, prefix_of):
    """-> answers to each row's question (the second one of a conversation, after the model's own first answer)."""
    out = []
    for name, kind, question, _, _, second, *_ in rows:
        first = model.answer(prefix_of[name], question)
        out.append(model.answer(prefix_of[name], second, [(question, first)]) if kind == "second turn" else first)
    return out


def answer_scores(model, rows, names, prefixes):
    prefix_of = dict(zip(names, prefixes))
    moved = names[:]
    random.Random(1).shuffle(moved)
    answers, blind = ask_all(model, rows, prefix_of), ask_all(model, rows, {n: prefix_of[m] for n, m in zip(names, moved)})
    lines = []
    for kind in dict.fromkeys(r[1] for r in rows):
        chosen = [i for i, r in enumerate(rows) if r[1] == kind]
        accepted = [rows[i][7 if kind == "second turn" else 4] for i in chosen]
        given = [rows[i][6 if kind == "second turn" else 3] for i in chosen]
        share = lambda texts: 100 * np.mean([correct(t, a) for t, a in zip(texts, accepted)])
        common, score = max(((t, share([t] * len(chosen))) for t in dict.fromkeys(given)), key=lambda pair: pair[1])
        lines.append((kind, len(chosen), share([answers[i] for i in chosen]), score, common, share([blind[i] for i in chosen])))
    return lines, answers


def evaluate(model, data, split):
    flickr = read_flickr(data)[split]
    names, captions = [n for n, _ in flickr], [c for _, cs in flickr for c in cs]
    owner = np.array([i for i, (_, cs) in enumerate(flickr) for _ in cs])
    images, prefixes = see(model, data / "flickr8k/images", names)
    texts = model.search_vectors(captions)
    similarity = texts @ images.T
    samples = read_imagenet_samples(data)
    sample_images, _ = see(model, data / "imagenet-samples", [f for f, _ in samples])
    by_name = model.search_vectors([n for _, n in samples]) @ sample_images.T
    written = model.write(prefixes)
    rows = test_rows(flickr)
    answers, given = answer_scores(model, rows, names, prefixes)
    unrelated = similarity[np.arange(len(images))[None] != owner[:, None]]
    return {"photos": len(names), "captions": len(captions), "classes": len(samples),
            "text to image": recall(similarity, owner, (1, 5, 10)), "image to text": image_to_text(similarity, owner, (1, 5, 10)),
            "class": recall(by_name, np.arange(len(samples)), (1, 5, 10)),
            "caption": (cider_score(written, [c for _, c in flickr]), *bleu_score(written, [c for _, c in flickr])[:4:3]),
            "same caption": 100 * (1 - len(set(written)) / len(written)), "unrelated": (float(unrelated.mean()), float(unrelated.std())),
            "answers": answers, "samples": [(n, t, cs[0]) for (n, cs), t in zip(flickr, written)], "rows": list(zip(rows, given))}


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(r) + " |" for r in rows)])


def card_block(scores):
    number = lambda values: [f"{v:.1f}" for v in values]
    search = table(["search", "R@1", "R@5", "R@10"], [
        [f"text to photo, {scores['captions']:,} captions over {scores['photos']} photos", *number(scores["text to image"])],
        [f"photo to text, {scores['photos']} photos over {scores['captions']:,} captions", *number(scores["image to text"])],
        [f"photo by bare class name, {scores['classes']} ImageNet photos", *number(scores["class"])]])
    cider, bleu1, bleu4 = scores["caption"]
    words = f"Greedy captions, five references: CIDEr {cider:.3f}, BLEU-1 {bleu1:.3f}, BLEU-4 {bleu4:.3f}; {scores['same caption']:.0f} in 100 repeat the caption of another photo."
    talk = table(["question", "asked", "right", "commonest answer alone", "right over shuffled photos"],
                 [[k, str(n), f"{r:.1f}", f"{b:.1f} ({c})", f"{s:.1f}"] for k, n, r, b, c, s in scores["answers"]])
    captions = table(["photo (the first ten of the split, not picked)", "written", "one person's caption"], [[n, t, tidy(c)] for n, t, c in scores["samples"][:10]])
    chosen = random.Random(3).sample(scores["rows"], 15)
    answers = table(["photo (drawn at random)", "question", "answered", "captions support"],
                    [[r[0], r[2] + (" ... " + r[5] if r[5] else ""), a, (r[7] or r[4]).replace("|", ", ")] for r, a in chosen])
    return "\n\n".join([BEGIN, search, words, talk, captions, answers, END])


def main(data, work, folder, dev):
    scores = evaluate(Starter(folder), data, "dev" if dev else "test")
    block = card_block(scores)
    print(block)
    print(Counter(answer for (row, answer) in scores["rows"]).most_common(12), scores["unrelated"])
    if dev:
        write_json(work / "relevance.json", {"mean": round(scores["unrelated"][0], 4), "std": round(scores["unrelated"][1], 4)})
    else:
        card = folder / "README.md"
        card.write_text(re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: block, card.read_text("utf-8"), flags=re.S), "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dev", action="store_true")
    arguments = parser.parse_args()
    main(arguments.data, arguments.work, arguments.folder, arguments.dev)
