"""Trains the query transformer and the decoder together: captions, prompted captions, questions and conversations.

python decoder.py DATA WORK [--epochs 6] [--minutes 45] [--resume]

One row of a batch is one photo: its 16 prefix vectors once, then all its texts side by side, each seeing
the prefix and itself only and each counting its positions from the end of the prefix. So a photo is
encoded once for about nine texts, and every text is trained exactly as the app will run it.

The learning rate follows progress, the larger share of steps and of minutes used: where the machine is
busier than planned the run ends on time with the rate at zero. The epochs really run are printed.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from captions import cider_score
from common import SEED, annealed, read_flickr, seed_everything, set_rate
from conversations import make
from itc import load_conse
from language import BOS, EOS, PAD, SIZES, Decoder, Prefix, greedy
from networks import ImageHead
from questions import Facts, one_photo, yes_no

ANSWER_WEIGHT = 2.0


def view_files(work):
    return [p for p in sorted(work.glob("train.*.npy")) if ".part" not in p.name]


@torch.no_grad()
def hints(work, grids):
    """ConSE and learned vectors of every grid: the two extra inputs of the query transformer."""
    head, conse = ImageHead().eval(), load_conse(work).eval()
    head.load_state_dict(torch.load(work / "itc.pt")["image"])
    out = []
    for start in range(0, len(grids), 200):
        grid = torch.from_numpy(grids[start:start + 200].astype(np.float32))
        class_part = conse(grid.mean(1))
        out.append(torch.stack([class_part, head(grid, class_part)], 1))
    return torch.cat(out)


def to_tokens(tokenizer, pieces):
    """-> inputs (<bos> first), targets (<eos> last), and a weight for each target: 0 where nothing is learned."""
    ids, weights = [BOS], []
    weight = ANSWER_WEIGHT if any(not learn and text.startswith("question:") for text, learn in pieces) else 1.0
    for text, learn in pieces:
        own = tokenizer.encode(text, add_special_tokens=False).ids
        ids += own
        weights += [weight if learn else 0.0] * len(own)
    return ids, [*ids[1:], EOS], [*weights, weight]


def pack(texts, queries):
    """Texts of one photo -> inputs, targets, weights, positions, and which text each place belongs to."""
    inputs, targets, weights, positions, owners = [], [], [], [], []
    for owner, (i, t, w) in enumerate(texts):
        inputs += i
        targets += t
        weights += w
        positions += range(queries, queries + len(i))
        owners += [owner] * len(i)
    return inputs, targets, weights, positions, owners


def collate(rows, queries):
    length = max(len(r[0]) for r in rows)
    fill = lambda k, value, kind: torch.tensor([r[k] + [value] * (length - len(r[k])) for r in rows], dtype=kind)
    inputs, targets, weights = fill(0, PAD, torch.long), fill(1, PAD, torch.long), fill(2, 0.0, torch.float)
    owners = torch.cat([torch.full((len(rows), queries), -1), fill(4, -2, torch.long)], 1)
    positions = torch.cat([torch.arange(queries).expand(len(rows), -1), fill(3, 0, torch.long)], 1)
    same = (owners[:, :, None] == owners[:, None, :]) | (owners[:, None, :] == -1)
    causal = torch.ones(queries + length, queries + length).tril().bool()
    bias = (~(same & causal)).float().unsqueeze(1) * -1e9
    return inputs, targets, weights, positions, bias


def batch_loss(prefix, decoder, grid, hint, batch):
    inputs, targets, weights, positions, bias = batch
    start = prefix(grid, hint[:, 0], hint[:, 1])
    hidden, _ = decoder(torch.cat([start, decoder.embed(inputs)], 1), positions, bias)
    kept = weights > 0
    logits = decoder.logits(hidden[:, start.shape[1]:][kept])
    loss = F.cross_entropy(logits, targets[kept], reduction="none", label_smoothing=0.1)
    return (loss * weights[kept]).sum() / weights[kept].sum()


@torch.no_grad()
def dev_scores(prefix, decoder, tokenizer, images, grids, hint, questions, count=300):
    prefix.eval(), decoder.eval()
    start = prefix(torch.from_numpy(grids[:count].astype(np.float32)), hint[:count, 0], hint[:count, 1])
    written = [tokenizer.decode(ids).strip() for i in range(0, count, 100) for ids in greedy(decoder, start[i:i + 100], [[BOS]] * len(start[i:i + 100]))]
    right = {}
    for index, (kind, question, _, accepted) in questions:
        prompt = [BOS, *tokenizer.encode(f"question: {question} answer:").ids]
        answer = tokenizer.decode(greedy(decoder, start[index:index + 1], [prompt], 12)[0]).strip()
        right.setdefault(kind, []).append(any(answer == a or answer.startswith(a + " ") for a in accepted))
    prefix.train(), decoder.train()
    score = cider_score(written, [captions for _, captions in images[:count]])
    return score, {k: f"{100 * np.mean(v):.0f} of {len(v)}" for k, v in right.items()}, written[:6]


def train(data, work, epochs, minutes, resume, batch, captions, talks, rate, dropout):
    seed_everything()
    flickr, tokenizer = read_flickr(data), Tokenizer.from_file(str(work / "decoder-tokenizer.json"))
    files = view_files(work)
    views = [np.load(p, mmap_mode="r") for p in files]
    dev_grids = np.load(work / "dev.plain.npy", mmap_mode="r")
    view_hints, dev_hints = [hints(work, v) for v in views], hints(work, dev_grids[:300])
    rng = random.Random(SEED)
    dev_facts = [Facts(c) for _, c in flickr["dev"][:300]]
    some = lambda rows, count: rng.sample(rows, min(count, len(rows)))
    open_ones, closed = [one_photo(f, rng) for f in dev_facts], yes_no(dev_facts, rng)
    questions = [(i, row[:4]) for i in range(len(dev_facts)) for row in [*some(open_ones[i], 1), *some(closed[i], 1)]][:150]
    prefix, decoder = Prefix(dropout=dropout), Decoder(dropout=dropout)
    parameters = [*prefix.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW([{"params": [p for p in parameters if p.ndim > 1], "peak": rate, "weight_decay": 0.05}, {"params": [p for p in parameters if p.ndim < 2], "peak": rate, "weight_decay": 0}], lr=rate, betas=(0.9, 0.98))
    total, step, first = len(flickr["train"]) // batch * epochs, 0, 0
    if resume and (work / "decoder.pt").exists():
        saved = torch.load(work / "decoder.pt")
        prefix.load_state_dict(saved["prefix"]), decoder.load_state_dict(saved["decoder"]), optimizer.load_state_dict(saved["optimizer"])
        first, step = saved["epoch"], saved["steps"]
        for group in optimizer.param_groups:
            group["peak"] = rate
    print(f"{sum(p.numel() for p in parameters) / 1e6:.1f} M parameters, {len(views)} views", flush=True)
    started = time.time()
    for epoch in range(first, epochs):
        texts = [pack([to_tokens(tokenizer, t) for t in row], SIZES["queries"]) for row in make(flickr["train"], random.Random(SEED + epoch), captions, talks)]
        order = sorted(torch.randperm(len(texts)).tolist(), key=lambda i: len(texts[i][0]) + random.random() * 40)
        batches = [order[i:i + batch] for i in range(0, len(order) - batch + 1, batch)]
        random.shuffle(batches)
        losses = []
        for rows in batches:
            share = annealed(step, total, started, minutes)
            if share == 0:
                break
            set_rate(optimizer, min((step + 1) / 150, 1) * share)
            pick = np.random.randint(len(views), size=len(rows))
            grid = torch.from_numpy(np.stack([views[v][r] for v, r in zip(pick, rows)]).astype(np.float32))
            hint = torch.stack([view_hints[v][r] for v, r in zip(pick, rows)])
            loss = batch_loss(prefix, decoder, grid, hint, collate([texts[r] for r in rows], SIZES["queries"]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            losses.append(loss.item())
            step += 1
            if step % 50 == 0:
                print(f"step {step} of {total}, rate {share:.2f}: loss {np.mean(losses[-50:]):.3f}, {(time.time() - started) / 60:.1f} min", flush=True)
        if share == 0 or epoch % 2 == 1:
            score, right, written = dev_scores(prefix, decoder, tokenizer, flickr["dev"], dev_grids, dev_hints, questions)
            print(f"epoch {epoch + 1} ({step} steps): loss {np.mean(losses[-100:]):.3f}, dev CIDEr {score:.3f}, answers {right}\n  " + "\n  ".join(written), flush=True)
        torch.save({"prefix": prefix.state_dict(), "decoder": decoder.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1, "steps": step}, work / "decoder.pt")
        if share == 0:
            break


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from decoder.pt")
    parser.add_argument("--photos", type=int, default=40, help="in a batch")
    parser.add_argument("--captions", type=int, default=2, help="of each photo in an epoch")
    parser.add_argument("--talks", type=int, default=1, help="questions or conversations of each photo in an epoch")
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--dropout", type=float, default=0.0)
    given = parser.parse_args()
    train(given.data, given.work, given.epochs, given.minutes, given.resume, given.photos, given.captions, given.talks, given.rate, given.dropout)
