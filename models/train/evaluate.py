"""Scores the shipped ONNX files on data never trained on, and rewrites the scores block of the model card.

python evaluate.py DATA WORK MODEL_FOLDER [--dev]

With --dev the dev split is scored and nothing is written but WORK/relevance.json, the statistics of similarities,
and WORK/sureness.json, how confidences become probabilities: model.json carries both. Choices are made on it.
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
from qa import memory_pairs, test_rows
from runtime import Starter

BEGIN, END = "<!-- scores: written by models/train/evaluate.py -->", "<!-- end of scores -->"
# Below this probability of being right an answer is shown as not sure: one in six on the dev split, a third of which is right.
LEAST_SURE = 0.4
STARTS = ["a photo of", "the weather looks", "this picture was taken", "the mood is"]


def see(model, folder, names):
    parts = [model.see(np.stack([to_pixels(Image.open(folder / n)) for n in names[i:i + 100]])) for i in range(0, len(names), 100)]
    return [np.concatenate(p) for p in zip(*parts)]


def looked(model, data, work, split):
    """-> what the search side and the prefix are made of, kept in WORK by the hash of the files that make it: a new decoder needs no new look."""
    flickr, samples = read_flickr(data)[split], read_imagenet_samples(data)
    hashes = {f["path"]: f["sha256"] for f in model.manifest["files"]}
    kept = work / f"seen.{split}.{hashes[model.embed['vision']][:12]}.{hashes[model.embed['text']][:12]}.npz"
    if not kept.exists():
        images, prefixes = see(model, data / "flickr8k/images", [n for n, _ in flickr])
        sample_images, _ = see(model, data / "imagenet-samples", [f for f, _ in samples])
        np.savez(kept, images=images, prefixes=prefixes, samples=sample_images, texts=model.search_vectors([c for _, cs in flickr for c in cs]),
                 names=model.search_vectors([n for _, n in samples]))
    return np.load(kept)


def recall(similarity, truth, ks):
    """Share of queries (rows) whose true column is among the first k; ties count against the model."""
    own = similarity[np.arange(len(truth)), truth][:, None]
    rank = (similarity >= own).sum(1)
    return [100 * float((rank <= k).mean()) for k in ks]


def looked_again(model, similarity, prefixes, texts, depth=24):
    """The similarities of texts (rows) after their first `depth` photos were looked at again; the others come after."""
    out = similarity - 10
    for row, text in zip(range(len(texts)), texts):
        first = np.argsort(-similarity[row])[:depth]
        out[row, first] = similarity[row, first] + model.embed["blend"] * model.likelihoods(prefixes[first], tidy(text))
    return out


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


def even_share(hits, truths):
    """Percent right by the mean over the true answers, each counting the same however often it is asked for; those of two words are left out."""
    return 100 * np.mean([np.mean([hit for hit, truth in zip(hits, truths) if truth == one]) for one in set(truths) if " " not in one])


def ask_all(answer, rows, prefix_of):
    """-> each row's answer and its confidence (of the second question of a conversation, after the model's own first answer)."""
    first = answer([(prefix_of[row[0]], row[2], ()) for row in rows])
    talks = [i for i, row in enumerate(rows) if row[1] == "second turn"]
    second = answer([(prefix_of[rows[i][0]], rows[i][5], [(rows[i][2], first[i][0])]) for i in talks])
    for i, answer in zip(talks, second):
        first[i] = answer
    return first


def answer_scores(model, rows, names, prefixes):
    """-> for each kind of question, its scores in percent; and the answers with their confidences.

    `even` is the mean over the true answers, each counting the same however often it is asked for.
    """
    prefix_of, mean = dict(zip(names, prefixes)), prefixes.mean(0)
    moved = names[:]
    random.Random(1).shuffle(moved)
    found = {"photo": ask_all(model.answered_all, rows, prefix_of), "shuffled": ask_all(model.answered_all, rows, {n: prefix_of[m] for n, m in zip(names, moved)}),
             "alone": ask_all(model.answered_all, rows, dict.fromkeys(names, mean)), "decoder": ask_all(model.judged_all, rows, prefix_of), "head": ask_all(model.chosen_all, rows, prefix_of)}
    lines = []
    for kind in dict.fromkeys(r[1] for r in rows):
        chosen = [i for i, r in enumerate(rows) if r[1] == kind]
        accepted = [rows[i][7 if kind == "second turn" else 4] for i in chosen]
        given = [rows[i][6 if kind == "second turn" else 3] for i in chosen]
        right = lambda texts: np.array([correct(t, a) for t, a in zip(texts, accepted)])
        common, score = max(((t, 100 * right([t] * len(chosen)).mean()) for t in dict.fromkeys(given)), key=lambda pair: pair[1])
        hits = {way: right([answers[i][0] for i in chosen]) for way, answers in found.items()}
        line = {"kind": kind, "asked": len(chosen), "common": common, "common right": score, **{way: 100 * h.mean() for way, h in hits.items()}}
        if kind in ("colour", "number"):
            line |= {f"even {way}": even_share(h, given) for way, h in hits.items()}
        lines.append(line)
    return lines, found


def memory_scores(model, images, prefix_of):
    """-> pairs of conversations about one photo that differ in their first question; percent whose second answers differ, and percent right."""
    asked = memory_pairs(images)
    answers = iter(model.answered_all([(prefix_of[name], second, [(first, "yes")]) for name, two in asked for first, second, _ in two]))
    pairs = [(two, [next(answers)[0], next(answers)[0]]) for _, two in asked]
    right = [correct(answer, accepted) for two, answers in pairs for (_, _, accepted), answer in zip(two, answers)]
    return len(pairs), 100 * np.mean([one != other for _, (one, other) in pairs]), 100 * np.mean(right)


def probability(confidence, scale, bias):
    odds = np.clip(confidence, 1e-6, 1 - 1e-6)
    return 1 / (1 + np.exp(-(scale * np.log(odds / (1 - odds)) + bias)))


def fit_sureness(confidence, right, steps=100):
    """Platt's two numbers: the probability that an answer is right, from the logit of its confidence.

    Newton's method, each step halved until the log loss falls: where many confidences are near 1, whole steps run away.
    """
    odds = np.clip(confidence, 1e-6, 1 - 1e-6)
    features, at = np.stack([np.log(odds / (1 - odds)), np.ones(len(odds))], 1), np.array([1.0, 0.0])
    loss = lambda numbers: np.logaddexp(0, features @ numbers).sum() - right @ (features @ numbers)
    for _ in range(steps):
        p = probability(confidence, *at)
        step = np.linalg.solve(features.T @ (features * (p * (1 - p))[:, None]), features.T @ (p - right))
        share = next((2.0**-k for k in range(30) if loss(at - step * 2.0**-k) < loss(at)), 0)
        if share == 0:
            break
        at -= step * share
    return {"scale": round(float(at[0]), 3), "bias": round(float(at[1]), 3), "least": LEAST_SURE}


def calibration_error(p, right, bins=10):
    """Expected calibration error (Naeini et al. 2015), in percent."""
    place = np.minimum((p * bins).astype(int), bins - 1)
    return 100 * sum(abs(p[place == i].mean() - right[place == i].mean()) * (place == i).mean() for i in set(place))


def sureness_scores(rows, answers, fit):
    """-> calibration error of the probabilities, share of answers that are unsure, and percent right of both sorts."""
    right = np.array([correct(a, r[7] or r[4]) for r, (a, _) in zip(rows, answers)])
    fitted = probability(np.array([c for _, c in answers]), fit["scale"], fit["bias"])
    unsure = fitted < LEAST_SURE
    return calibration_error(fitted, right), 100 * unsure.mean(), 100 * right[unsure].mean(), 100 * right[~unsure].mean()


def evaluate(model, data, work, split):
    flickr = read_flickr(data)[split]
    names, captions = [n for n, _ in flickr], [c for _, cs in flickr for c in cs]
    owner = np.array([i for i, (_, cs) in enumerate(flickr) for _ in cs])
    seen = looked(model, data, work, split)
    images, prefixes, samples = seen["images"], seen["prefixes"], seen["samples"]
    similarity, by_name = seen["texts"] @ images.T, seen["names"] @ samples.T
    greedy = model.write(prefixes)
    written = model.caption(images, prefixes, greedy=greedy)
    rows = test_rows(flickr)
    answers, found = answer_scores(model, rows, names, prefixes)
    given = found["photo"]
    fit = model.answer["sureness"] if split == "test" else fit_sureness(np.array([c for _, c in given]), np.array([correct(a, r[7] or r[4]) for r, (a, _) in zip(rows, given)]))
    asked = slice(0, 2500)
    again = looked_again(model, similarity[asked, :500], prefixes[:500], captions[asked])
    unrelated = similarity[np.arange(len(images))[None] != owner[:, None]]
    return {"photos": len(names), "captions": len(captions), "classes": len(samples),
            "text to image": recall(similarity[asked, :500], owner[asked], (1, 5, 10)), "again": recall(again, owner[asked], (1, 5, 10)),
            "image to text": image_to_text(similarity, owner, (1, 5, 10)),
            "class": recall(by_name, np.arange(len(samples)), (1, 5, 10)),
            "caption": [(cider_score(texts, [c for _, c in flickr]), *bleu_score(texts, [c for _, c in flickr])[:4:3], 100 * (1 - len(set(texts)) / len(texts))) for texts in (written, [text for text, _ in greedy])],
            "unrelated": (float(unrelated.mean()), float(unrelated.std())),
            "answers": answers, "samples": [(n, t, cs[0]) for (n, cs), t in zip(flickr, written)], "rows": [(row, answer) for row, (answer, _) in zip(rows, given)],
            "memory": memory_scores(model, flickr, dict(zip(names, prefixes))), "sureness": fit, "calibration": sureness_scores(rows, given, fit),
            "begun": [(n, start, model.caption(images[i:i + 1], prefixes[i:i + 1], start)[0]) for i, n in enumerate(names[:5]) for start in STARTS]}


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(r) + " |" for r in rows)])


def card_block(scores):
    number = lambda values: [f"{v:.1f}" for v in values]
    search = table(["search", "R@1", "R@5", "R@10"], [
        ["text to photo, 2,500 captions over 500 photos", *number(scores["text to image"])],
        ["the same, the first 24 looked at again (`--rerank`)", *number(scores["again"])],
        [f"photo to text, {scores['photos']} photos over {scores['captions']:,} captions", *number(scores["image to text"])],
        [f"photo by bare class name, {scores['classes']} ImageNet photos", *number(scores["class"])]])
    words = table(["captions, five references", "CIDEr", "BLEU-1", "BLEU-4", "repeat another photo's caption, in 100"],
                  [[name, *(f"{v:.3f}" for v in row[:3]), f"{row[3]:.0f}"] for name, row in zip(("the best of nine candidates, as the app writes them", "greedy"), scores["caption"])])
    both = lambda line, way: f"{line[way]:.1f}" + (f" ({line['even ' + way]:.1f})" if f"even {way}" in line else "")
    talk = table(["question", "asked", "right", "commonest answer alone", "right over shuffled photos", "over the mean of all photos", "by the decoder", "by the head"],
                 [[a["kind"], str(a["asked"]), both(a, "photo"), f"{a['common right']:.1f} ({a['common']})", both(a, "shuffled"), both(a, "alone"), both(a, "decoder"), both(a, "head")] for a in scores["answers"]])
    even = "In brackets: the mean over the true answers, each counting the same however often it is asked for."
    error, unsure, guessed, sure = scores["calibration"]
    sureness = (f"Expected calibration error over these answers, by the fit on dev: {error:.1f} points. "
                f"{unsure:.0f} in 100 answers are shown as not sure: {guessed:.0f} in 100 of them are right, of the others {sure:.0f}.")
    pairs, differ, right = scores["memory"]
    memory = (f"Memory: {pairs} pairs of conversations about one photo, alike but for the subject of the first question, where the second answer should differ "
              f"(\"is there a dog?\" or \"is there a ball?\", \"yes\", \"what colour is it?\"): it differs in {differ:.0f} in 100; {right:.0f} in 100 answers are right.")
    begun = table(["photo (the first five)", "begun by a person", "written"], [[n, start, text] for n, start, text in scores["begun"]])
    captions = table(["photo (the first ten of the split, not picked)", "written", "one person's caption"], [[n, t, tidy(c)] for n, t, c in scores["samples"][:10]])
    chosen = random.Random(3).sample(scores["rows"], 15)
    answers = table(["photo (drawn at random)", "question", "answered", "captions support"],
                    [[r[0], r[2] + (" ... " + r[5] if r[5] else ""), a, (r[7] or r[4]).replace("|", ", ")] for r, a in chosen])
    return "\n\n".join([BEGIN, search, words, talk, even, sureness, memory, captions, begun, answers, END])


def main(data, work, folder, dev):
    scores = evaluate(Starter(folder), data, work, "dev" if dev else "test")
    block = card_block(scores)
    print(block)
    print(Counter(answer for (row, answer) in scores["rows"]).most_common(12), scores["unrelated"])
    if dev:
        write_json(work / "relevance.json", {"mean": round(scores["unrelated"][0], 4), "std": round(scores["unrelated"][1], 4)})
        write_json(work / "sureness.json", scores["sureness"])
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
