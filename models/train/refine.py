"""Self-critical training of the captions after `decoder.py`: the decoder's own samples, weighed by their CIDEr.

python refine.py DATA WORK [--minutes 25]

For each photo of a batch the decoder writes several captions at random. One that scores above the mean of the
photo's others is made likelier, one below less likely (Rennie et al. 2017, with the leave-one-out baseline of
Luo 2020). Captions with a given start, questions and conversations are trained on beside it as before, so that
they are not forgotten. Only the training split is rewarded; the dev split is scored and printed as it goes. What is saved is
the mean of the weights before and after (Wortsman et al. 2022): on dev it scores higher than either, and its captions
differ more from photo to photo than those of the rewarded weights alone.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from captions import cider_score
from common import SEED, annealed, read_flickr, seed_everything, set_rate
from conversations import make
from decoder import batch_loss, collate, hints, pack, to_tokens, view_files
from language import BOS, EOS, PAD, SIZES, Decoder, Prefix, greedy, sample
from reward import Reward


def sampled_batch(decoder, start, tokenizer, reward, rows, count):
    """-> the collated samples of each photo, and the advantage of every target."""
    ids = sample(decoder, start.repeat_interleave(count, 0))
    texts = tokenizer.decode_batch([[t for t in one if t not in (PAD, EOS)] for one in ids])
    scores = torch.tensor([reward(rows[i // count], text, EOS in ids[i]) for i, text in enumerate(texts)]).view(-1, count)
    better = (scores - (scores.sum(1, keepdim=True) - scores) / (count - 1)).flatten().tolist()
    packed = []
    for first in range(0, len(ids), count):
        rows_of_photo = []
        for one, advantage in zip(ids[first:first + count], better[first:first + count]):
            kept = one[:one.index(EOS) + 1] if EOS in one else one
            rows_of_photo.append(([BOS, *kept[:-1]], kept, [advantage] * len(kept)))
        packed.append(pack(rows_of_photo, SIZES["queries"]))
    return collate(packed, SIZES["queries"]), scores.mean().item()


def policy_loss(decoder, start, batch, samples):
    """Mean over samples of -advantage * log p(sample); `weights` hold the advantage, 0 at padding."""
    inputs, targets, weights, positions, bias = batch
    hidden, _ = decoder(torch.cat([start, decoder.embed(inputs)], 1), positions, bias)
    kept = targets != PAD
    spoken = decoder.logits(hidden[:, start.shape[1]:][kept]).log_softmax(-1).gather(-1, targets[kept].unsqueeze(-1)).squeeze(-1)
    return -(spoken * weights[kept]).sum() / samples


@torch.no_grad()
def dev_score(prefix, decoder, tokenizer, images, grids, hint):
    prefix.eval(), decoder.eval()
    written = []
    for i in range(0, len(images), 100):
        start = prefix(torch.from_numpy(grids[i:i + 100].astype(np.float32)), hint[i:i + 100, 0], hint[i:i + 100, 1])
        written += [tokenizer.decode(ids).strip() for ids in greedy(decoder, start, [[BOS]] * len(start))]
    return cider_score(written, [captions for _, captions in images]), written


def refine(data, work, minutes, photos, samples, rate, keep):
    seed_everything()
    flickr, tokenizer = read_flickr(data), Tokenizer.from_file(str(work / "decoder-tokenizer.json"))
    views = [np.load(p, mmap_mode="r") for p in view_files(work)]
    dev_grids = np.load(work / "dev.plain.npy", mmap_mode="r")
    view_hints, dev_hints = [hints(work, v) for v in views], hints(work, dev_grids)
    reward = Reward(flickr["train"])
    prefix, decoder = Prefix(dropout=0.1), Decoder(dropout=0.1)
    saved = torch.load(work / "decoder.pt")
    prefix.load_state_dict(saved["prefix"]), decoder.load_state_dict(saved["decoder"])
    parameters = [*prefix.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW([{"params": parameters, "peak": rate}], lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    before, _ = dev_score(prefix, decoder, tokenizer, flickr["dev"], dev_grids, dev_hints)
    print(f"dev CIDEr before: {before:.3f} on {len(flickr['dev'])} photos", flush=True)
    rng, started, step, share = random.Random(SEED), time.time(), 0, 1.0
    while share > 0:
        talk = [pack([to_tokens(tokenizer, t) for t in row], SIZES["queries"]) for row in make(flickr["train"], random.Random(SEED + step), 1, 1)]
        order = rng.sample(range(len(talk)), len(talk))
        for first in range(0, len(order) - photos + 1, photos):
            share = annealed(0, 1, started, minutes)
            if share == 0:
                break
            set_rate(optimizer, min((step + 1) / 20, 1) * share)
            rows = order[first:first + photos]
            pick = np.random.randint(len(views), size=len(rows))
            grid = torch.from_numpy(np.stack([views[v][r] for v, r in zip(pick, rows)]).astype(np.float32))
            hint = torch.stack([view_hints[v][r] for v, r in zip(pick, rows)])
            prefix.eval(), decoder.eval()
            start = prefix(grid, hint[:, 0], hint[:, 1])
            batch, score = sampled_batch(decoder, start.detach(), tokenizer, reward, rows, samples)
            optimizer.zero_grad()
            policy = policy_loss(decoder, start, batch, len(rows) * samples)
            policy.backward()
            prefix.train(), decoder.train()
            told = batch_loss(prefix, decoder, grid, hint, collate([talk[r] for r in rows], SIZES["queries"]))
            (keep * told).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            step += 1
            if step % 10 == 0:
                print(f"step {step}, rate {share:.2f}: samples' CIDEr {score:.3f}, text loss {told.item():.3f}, {(time.time() - started) / 60:.1f} min", flush=True)
            if step % 100 == 0:
                report(dev_score(prefix, decoder, tokenizer, flickr["dev"], dev_grids, dev_hints))
    report(dev_score(prefix, decoder, tokenizer, flickr["dev"], dev_grids, dev_hints))
    for network, old in ((prefix, saved["prefix"]), (decoder, saved["decoder"])):
        network.load_state_dict({name: (old[name] + new) / 2 for name, new in network.state_dict().items()})
    report(dev_score(prefix, decoder, tokenizer, flickr["dev"], dev_grids, dev_hints))
    torch.save({**saved, "prefix": prefix.state_dict(), "decoder": decoder.state_dict()}, work / "decoder.pt")


def report(scored):
    score, written = scored
    print(f"dev CIDEr {score:.3f}, {len(set(written))} different\n  " + "\n  ".join(written[:6]), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--photos", type=int, default=32, help="in a batch")
    parser.add_argument("--samples", type=int, default=5, help="of each photo")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--keep", type=float, default=0.3, help="weight of the texts by people")
    given = parser.parse_args()
    refine(given.data, given.work, given.minutes, given.photos, given.samples, given.rate, given.keep)
