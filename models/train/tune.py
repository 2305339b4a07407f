"""Tunes the search side together with a copy of the backbone's last blocks.

python tune.py DATA WORK [--epochs 9] [--minutes 50]

It goes on from `itc.py`, with the same InfoNCE. Beside it the tuned copy learns to say the words and pairs of words of
the photo's captions ("red shirt", "two dogs", "jumping"), each towards the share of the captions that say it (as in
Fang et al. 2015), so that colours, numbers and doings get into the grid that the decoder reads. The plain copy of the
blocks is not touched: class names are still found by it. It reads `features.py`'s states before the copied blocks.
"""

import argparse
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from common import annealed, load_backbone, read_flickr, seed_everything, set_rate, tidy
from itc import TRAIN_WEIGHT, Scorer, Texts, by_length, info_nce, load_conse, load_text
from networks import Branch, ImageHead, TextHead, Words, in_cells

PLAIN_WORDS = set("a an the of in on at to is are and with it its his her their as by for from that this there be who while up out into".split())
WORD_WEIGHT = 15.0
VIEWS = ("plain", "mirror", "crop0", "crop1", "crop2")


def phrases(caption):
    """The words of a caption and its pairs of neighbours, without those that say nothing."""
    said = tidy(caption).replace(",", " ").split()
    pairs = {f"{a} {b}" for a, b in zip(said, said[1:]) if a not in PLAIN_WORDS and b not in PLAIN_WORDS}
    return {w for w in said if w not in PLAIN_WORDS} | pairs


def vocabulary(images, least=30, least_pair=45, most=1600):
    # Sorted, since words that are met as often come in the order in which they were met: the weights' rows go by it.
    often = Counter(p for _, captions in images for p in sorted(set().union(*map(phrases, captions))))
    return [p for p, n in often.most_common(most) if n >= (least_pair if " " in p else least)]


def word_targets(images, words):
    """-> [photos, words], the share of a photo's captions that say each word."""
    place, out = {w: i for i, w in enumerate(words)}, torch.zeros(len(images), len(words))
    for row, (_, captions) in enumerate(images):
        for caption in captions:
            for phrase in phrases(caption) & place.keys():
                out[row, place[phrase]] += 1 / len(captions)
    return out


class Views:
    """Early states, colours and plain grids of every view, read row by row."""

    def __init__(self, work, names):
        read = lambda name: np.load(work / name, mmap_mode="r")
        self.views = [(read(f"{n}.npy"), read(f"early.{n}.npy"), read(f"small.{n}.npy")) for n in names]

    def rows(self, pick, rows):
        """-> plain grid, early states, colours of row `rows[i]` in view `pick[i]`, as float32 tensors"""
        stack = lambda part: torch.from_numpy(np.stack([self.views[v][part][r] for v, r in zip(pick, rows)]).astype(np.float32))
        return stack(0), stack(1), stack(2)


def look(branch, early, small):
    return branch(early.contiguous(memory_format=torch.channels_last), small)


@torch.no_grad()
def full_grids(branch, view, batch=100):
    """All rows of one view -> float16 [n, 49, 1328]."""
    parts = [np.asarray(part) for part in view[1:]]
    take = lambda part, at: torch.from_numpy(part[at:at + batch].astype(np.float32))
    return np.concatenate([look(branch, *(take(part, at) for part in parts)).half().numpy() for at in range(0, len(parts[0]), batch)])


def write_grids(work, names):
    """whole.<view>.npy for the decoder, and the chances of the words in each."""
    saved = torch.load(work / "tuned.pt")
    branch, speak = Branch(load_backbone()).eval().to(memory_format=torch.channels_last), Words(len(saved["vocabulary"])).eval()
    branch.load_state_dict(saved["branch"]), speak.load_state_dict(saved["words"])
    for name in names:
        whole = full_grids(branch, Views(work, [name]).views[0])
        np.save(work / f"whole.{name}.npy", whole)
        print(f"whole.{name}.npy {whole.shape}", flush=True)


def first_words(speak, views, targets, steps=70, batch=512):
    """Fits the words to the plain grids, which the tuned copy starts from."""
    pooled = [torch.cat([speak.pooled(torch.from_numpy(np.asarray(v[0][i:i + 200]).astype(np.float32))) for i in range(0, len(v[0]), 200)]) for v in views.views[:2]]
    speak.mean, speak.spread = pooled[0].mean(0), pooled[0].std(0) + 1e-3
    speak.score.weight.data.zero_()
    share = targets.mean(0).clamp(1e-4)
    speak.score.bias.data = (share / (1 - share)).log()
    optimizer = torch.optim.AdamW(speak.parameters(), lr=4e-4, weight_decay=0.1)
    for step in range(steps):
        rows = torch.randint(0, len(targets), (batch,))
        logits = speak.score(F.dropout((pooled[step % 2][rows] - speak.mean) / speak.spread, 0.3))
        loss = F.binary_cross_entropy_with_logits(logits, targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"words from plain grids: {WORD_WEIGHT * loss.item():.3f}", flush=True)


@torch.no_grad()
def words_on_dev(speak, branch, view, targets):
    speak.eval()
    whole = full_grids(branch.eval(), view)
    logits = torch.cat([speak(torch.from_numpy(whole[i:i + 100].astype(np.float32))) for i in range(0, len(whole), 100)])
    print(f"   words on dev: {WORD_WEIGHT * F.binary_cross_entropy_with_logits(logits, targets).item():.3f}", flush=True)


def train(data, work, epochs, minutes, batch=128, captions=2, rate=1.5e-4, branch_rate=1.5e-4, new_rate=1e-3, names=VIEWS):
    seed_everything()
    images = read_flickr(data)["train"]
    words = vocabulary(images)
    targets = word_targets(images, words)
    dev_targets = word_targets(read_flickr(data)["dev"], words)
    conse, texts, scorer = load_conse(work).eval(), Texts(data, work, "train"), Scorer(data, work, load_conse(work).eval())
    views = Views(work, [f"train.{n}" for n in names])
    held = {key: Views(work, [name]).views[0] for key, name in (("dev", "dev.plain"), ("names", "samples.fill"))}
    saved = torch.load(work / "itc.pt")
    branch, speak, image_head, text_head = Branch(load_backbone()).to(memory_format=torch.channels_last), Words(len(words)), ImageHead(), TextHead(load_text(work)[0].layers[-1].state_dict())
    image_head.load_state_dict(in_cells(saved["image"]), strict=False), text_head.load_state_dict(saved["text"])
    first_words(speak, views, targets)
    scale = torch.nn.Parameter(torch.tensor(3.0))
    slow = list(text_head.layer.parameters())
    new = [*image_head.cells.colour.parameters()]
    fast = [p for p in [*image_head.parameters(), *speak.parameters()] if all(p is not n for n in new)] + [p for n, p in text_head.named_parameters() if not n.startswith("layer.")]
    tuned = [p for p in branch.parameters() if p.requires_grad]
    groups = [{"params": fast, "peak": rate}, {"params": slow, "peak": rate / 4}, {"params": tuned, "peak": branch_rate}, {"params": new, "peak": new_rate}, {"params": [scale], "peak": rate, "weight_decay": 0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=0.05)
    means = {k: torch.optim.swa_utils.AveragedModel(m, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.97)) for k, m in (("image", image_head), ("text", text_head), ("branch", branch), ("words", speak))}
    steps, began, step = len(images) // batch, time.time(), 0
    print(f"{len(words)} words, {targets.sum(1).mean():.1f} a photo; {sum(p.numel() for p in tuned) / 1e6:.1f} M tuned", flush=True)
    for epoch in range(epochs):
        started, losses = time.time(), []
        for rows in torch.randperm(len(images))[: steps * batch].view(steps, batch).tolist():
            share = annealed(step, steps * epochs, began, minutes)
            if share == 0:
                break
            plain, early, small = views.rows(np.random.randint(len(names), size=batch), rows)
            grid = look(branch, early, small)
            chosen = [i for r in rows for i in np.random.permutation(texts.of_image[r])[:captions]]
            class_part = conse(plain.mean(1))
            learned = by_length(text_head, [texts.states[i] for i in chosen]) @ image_head(grid, class_part).T
            both = (1 - TRAIN_WEIGHT) * learned + TRAIN_WEIGHT * texts.vectors[chosen] @ class_part.T
            factor = scale.exp().clamp(max=100)
            contrast = info_nce(both, factor / (1 - TRAIN_WEIGHT), captions) + 0.5 * info_nce(learned, factor, captions)
            spoken = WORD_WEIGHT * F.binary_cross_entropy_with_logits(speak(grid), targets[rows])
            step += 1
            set_rate(optimizer, min(step / 40, 1) * share)
            optimizer.zero_grad()
            (contrast + spoken).backward()
            torch.nn.utils.clip_grad_norm_([*fast, *slow, *tuned, *new], 1.0)
            optimizer.step()
            for key, model in (("image", image_head), ("text", text_head), ("branch", branch), ("words", speak)):
                means[key].update_parameters(model)
            losses.append((contrast.item(), spoken.item()))
            if step % 10 == 0:
                print(f"step {step} of {steps * epochs}, rate {share:.2f}: contrast {np.mean(losses[-10:], 0)[0]:.3f} words {np.mean(losses[-10:], 0)[1]:.3f}, {(time.time() - began) / 60:.1f} min", flush=True)
        words_on_dev(means["words"].module, means["branch"].module, held["dev"], dev_targets)
        if epoch % 3 == 2 or share == 0:
            scorer.grids = {key: full_grids(means["branch"].module.eval(), view) for key, view in held.items()}
            for row in scorer.report(means["image"].module, means["text"].module, (0, 0.3, 0.36, 0.45)):
                print("   w %.2f  R@10 of 1000: %.1f   R@1, R@10 of 500: %.1f %.1f   class name R@1, R@5: %.1f %.1f" % row, flush=True)
        print(f"epoch {epoch + 1}: {time.time() - started:.0f} s, mean {np.mean(losses, 0)}", flush=True)
        torch.save({**{k: m.module.state_dict() for k, m in means.items()}, "vocabulary": words, "epoch": epoch + 1}, work / "tuned.pt")
        if share == 0:
            break


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--grids", action="store_true", help="only write the grids of a tuned branch again")
    given = parser.parse_args()
    if not given.grids:
        train(given.data, given.work, given.epochs, given.minutes)
    write_grids(given.work, ["dev.plain", "samples.fill", *(f"train.{n}" for n in VIEWS)])
