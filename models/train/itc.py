"""Trains the contrastive heads: image grid and caption into one space, as a complement to the ConSE part.

python itc.py DATA WORK [--epochs 14] [--minutes 20]

The loss is InfoNCE over the similarity that is shipped, (1 - w) learned + w ConSE, plus the learned part
alone, so that what is learned fills in what the class names miss. The weights kept are an exponential
moving average. Choices are made on the dev split; the test split is not read here.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from common import annealed, load_backbone, minilm_folder, read_flickr, read_imagenet_samples, seed_everything, set_rate
from networks import Conse, ImageHead, MiniLM, TextHead, mean_pool

TRAIN_WEIGHT = 0.45
MAX_TOKENS = 40


def load_text(work):
    from safetensors.torch import load_file
    from transformers import AutoTokenizer
    folder = minilm_folder(work)
    model = MiniLM(load_file(folder / "model.safetensors")).eval().requires_grad_(False)
    return model, AutoTokenizer.from_pretrained(folder)


def load_conse(work):
    fc = load_backbone()._fc
    return Conse(fc.weight.data, fc.bias.data, torch.from_numpy(np.load(Path(work) / "class-names.npy")))


@torch.no_grad()
def encode(model, tokenizer, texts, batch=256):
    """-> per text, states before the last layer (float16 [t, 384]); and unit mean-pooled vectors [n, 384]"""
    states, vectors = [None] * len(texts), torch.zeros(len(texts), 384)
    for rows, mask, before, after in read(model, tokenizer, texts, MAX_TOKENS, batch):
        vectors[rows] = F.normalize(mean_pool(after, mask), dim=-1)
        keep(states, rows, before, mask)
    return states, vectors


def read(model, tokenizer, texts, most, batch=256):
    """-> of texts of similar length together: their places, their mask, the states before the last layer and after it"""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), batch):
        rows = order[start:start + batch]
        inputs = tokenizer([texts[i] for i in rows], padding=True, truncation=True, max_length=most, return_tensors="pt")
        yield rows, inputs["attention_mask"], *model(inputs["input_ids"], inputs["attention_mask"])


def keep(states, rows, found, mask):
    """Puts the states of each text's own tokens into its place, in float16."""
    for i, state, there in zip(rows, found, mask):
        states[i] = state[: int(there.sum())].half()


def pad(states):
    lengths = torch.tensor([len(s) for s in states])
    padded = torch.nn.utils.rnn.pad_sequence(states, batch_first=True).float()
    return padded, (torch.arange(padded.shape[1]) < lengths[:, None]).long()


def by_length(text_head, states, parts=4):
    """Text vectors of ragged states, in a few groups of similar length, so that little is spent on padding."""
    order = torch.tensor([len(s) for s in states]).argsort()
    vectors = torch.cat([text_head(*pad([states[i] for i in rows])) for rows in order.chunk(parts)])
    return vectors[order.argsort()]


def rank_of_truth(similarity, truth):
    """1-based rank of the right photo for each text: [texts, photos], [texts]"""
    own = similarity.gather(1, truth[:, None])
    return (similarity >= own).sum(1)


def cached(path, make):
    if not path.exists():
        torch.save(make(), path)
    return torch.load(path)


class Texts:
    """Cached token states and sentence vectors of a list of captions."""

    def __init__(self, data, work, split):
        self.images = read_flickr(data)[split]
        texts = [c for _, captions in self.images for c in captions]
        self.owner = torch.tensor([i for i, (_, captions) in enumerate(self.images) for _ in captions])
        self.of_image = [[] for _ in self.images]
        for index, owner in enumerate(self.owner.tolist()):
            self.of_image[owner].append(index)
        self.states, self.vectors = cached(work / f"{split}.text.pt", lambda: encode(*load_text(work), texts))


class Scorer:
    """Retrieval on the dev split and by class name on the ImageNet samples."""

    def __init__(self, data, work, conse):
        self.texts, self.conse = Texts(data, work, "dev"), conse
        self.plain = {"dev": np.load(work / "dev.plain.npy"), "names": np.load(work / "samples.fill.npy")}
        self.grids = self.plain
        names = [name for _, name in read_imagenet_samples(data)]
        self.names = cached(work / "samples.text.pt", lambda: encode(*load_text(work), names))

    @torch.no_grad()
    def sides(self, image_head, text_head):
        images = {}
        for key, grids in self.grids.items():
            rows = lambda grids: [torch.from_numpy(grids[i:i + 100].astype(np.float32)) for i in range(0, len(grids), 100)]
            vectors = [(image_head(g, c), c) for g, plain in zip(rows(grids), rows(self.plain[key])) for c in [self.conse(plain.mean(1))]]
            images[key] = [torch.cat(parts) for parts in zip(*vectors)]
        learn = lambda states: by_length(text_head, states, 1 + len(states) // 250)
        texts = {"dev": (learn(self.texts.states), self.texts.vectors), "names": (learn(self.names[0]), self.names[1])}
        return images, texts

    def report(self, image_head, text_head, weights=(0, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6)):
        image_head.eval(), text_head.eval()
        images, texts = self.sides(image_head, text_head)
        rows = []
        for w in weights:
            similarity = {k: (1 - w) * texts[k][0] @ images[k][0].T + w * texts[k][1] @ images[k][1].T for k in images}
            owner = self.texts.owner
            full = rank_of_truth(similarity["dev"], owner)
            half = rank_of_truth(similarity["dev"][owner < 500][:, :500], owner[owner < 500])
            other = rank_of_truth(similarity["dev"][owner >= 500][:, 500:], owner[owner >= 500] - 500)
            name = rank_of_truth(similarity["names"], torch.arange(len(self.names[1])))
            at = lambda rank, k: 100 * (rank <= k).float().mean().item()
            halves = torch.cat([half, other])
            rows.append((w, at(full, 10), at(halves, 1), at(halves, 10), at(name, 1), at(name, 5)))
        image_head.train(), text_head.train()
        return rows


def info_nce(similarity, scale, captions):
    """[images x captions, images] -> loss both ways; the other captions of an image are not its negatives."""
    rows, images = similarity.shape
    truth = torch.arange(images).repeat_interleave(captions)
    text_to_image = F.cross_entropy(scale * similarity, truth)
    logits = (scale * similarity).T
    same = truth[None, :] == torch.arange(images)[:, None]
    others = logits.masked_fill(same, float("-inf")).logsumexp(1, keepdim=True)
    positive = logits[same].view(images, captions)
    return text_to_image + (torch.logaddexp(positive, others) - positive).mean()


def train(data, work, epochs, minutes, batch=256, captions=2, rate=5e-4):
    seed_everything()
    conse = load_conse(work).eval()
    scorer, texts = Scorer(data, work, conse), Texts(data, work, "train")
    views = [np.load(p, mmap_mode="r") for p in sorted(work.glob("train.*.npy")) if ".part" not in p.name]
    text_model, _ = load_text(work)
    image_head, text_head = ImageHead(), TextHead(text_model.layers[-1].state_dict())
    scale = torch.nn.Parameter(torch.tensor(3.0))
    slow = list(text_head.layer.parameters())
    fast = [*image_head.parameters(), *(p for n, p in text_head.named_parameters() if not n.startswith("layer."))]
    steps = len(texts.images) // batch
    optimizer = torch.optim.AdamW([{"params": fast, "peak": rate}, {"params": slow, "peak": rate / 4}, {"params": [scale], "peak": rate, "weight_decay": 0}], lr=rate, weight_decay=0.05)
    average = lambda model: torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.985))
    mean_image, mean_text = average(image_head), average(text_head)
    print(f"{len(views)} views, {steps} steps an epoch", flush=True)
    began, step = time.time(), 0
    for epoch in range(epochs):
        started, losses = time.time(), []
        for rows in torch.randperm(len(texts.images))[: steps * batch].view(steps, batch).tolist():
            pick = np.random.randint(len(views), size=batch)
            grid = torch.from_numpy(np.stack([views[v][r] for v, r in zip(pick, rows)]).astype(np.float32))
            chosen = [i for r in rows for i in np.random.permutation(texts.of_image[r])[:captions]]
            class_part = conse(grid.mean(1))
            image = image_head(grid, class_part)
            text = by_length(text_head, [texts.states[i] for i in chosen])
            learned = text @ image.T
            both = (1 - TRAIN_WEIGHT) * learned + TRAIN_WEIGHT * texts.vectors[chosen] @ class_part.T
            factor = scale.exp().clamp(max=100)
            loss = info_nce(both, factor / (1 - TRAIN_WEIGHT), captions) + 0.5 * info_nce(learned, factor, captions)
            step += 1
            set_rate(optimizer, min(step / 40, 1) * annealed(step, steps * epochs, began, minutes))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*fast, *slow], 1.0)
            optimizer.step()
            mean_image.update_parameters(image_head), mean_text.update_parameters(text_head)
            losses.append(loss.item())
        rows = scorer.report(mean_image.module, mean_text.module)
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f} scale {scale.exp().item():.1f} {time.time() - started:.0f} s", flush=True)
        for row in rows:
            print("   w %.2f  R@10 of 1000: %.1f   R@1, R@10 of 500: %.1f %.1f   class name R@1, R@5: %.1f %.1f" % row, flush=True)
        torch.save({"image": mean_image.module.state_dict(), "text": mean_text.module.state_dict(), "epoch": epoch + 1}, work / "itc.pt")
        if annealed(step, steps * epochs, began, minutes) == 0:
            break


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--minutes", type=float, default=0, help="end after about so long, with the learning rate at zero")
    arguments = parser.parse_args()
    train(arguments.data, arguments.work, arguments.epochs, arguments.minutes)
