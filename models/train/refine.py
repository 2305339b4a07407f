"""Self-critical training after `decoder.py`: the decoder's own captions, weighed by their CIDEr, and all right answers.

python refine.py DATA WORK [--minutes 25]

Captions: for each photo of a batch the decoder writes several at random. One that scores above the mean of the
photo's others is made likelier, one below less likely (Rennie et al. 2017, with the leave-one-out baseline of Luo
2020). Answers: the probabilities of all right answers are added up, p, and the loss is (1 - p^q) / q: between the
logarithm (q 0), which dwells on questions that cannot be answered, and the plain chance of being right (q 1) (Zhang
and Sabuncu 2018); rare answers are asked for as often as common ones. Texts by people are trained on beside both as
before, so that they are not forgotten. Only the training split is rewarded.

Two results are left beside each other: decoder.refined.pt, and decoder.mean.pt, the mean of the weights before and
after (Wortsman et al. 2022); the better one by the dev split is copied to decoder.pt.
"""

import argparse
import random
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tokenizers import Tokenizer

from balance import FROZEN_SHARES, SHARES, chance_of_right, draw, questions_of
from captions import cider_score
from common import SEED, annealed, read_flickr, seed_everything, set_rate
from conversations import make
from decoder import Photos, batch_loss, collate, pack, to_tokens
from language import BOS, EOS, PAD, SIZES, Decoder, Prefix, greedy, sample
from reward import Reward
from shown import Looks


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
def dev_captions(prefix, decoder, tokenizer, images, photos):
    prefix.eval(), decoder.eval()
    written = []
    for i in range(0, len(images), 100):
        start = prefix(*photos.dev(i, min(i + 100, len(images))))
        written += [tokenizer.decode(ids).strip() for ids in greedy(decoder, start, [[BOS]] * len(start))]
    print(f"dev CIDEr {cider_score(written, [captions for _, captions in images]):.3f}, {len(set(written))} different\n  " + "\n  ".join(written[:6]), flush=True)


def refine(data, work, minutes, photo_count, samples, rate, keep, asked_count, q, frozen):
    seed_everything()
    flickr, tokenizer = read_flickr(data), Tokenizer.from_file(str(work / "decoder-tokenizer.json"))
    photos, reward = Looks(work, SIZES["queries"]) if frozen else Photos(work), Reward(flickr["train"])
    prefix, decoder = nn.Identity() if frozen else Prefix(dropout=0.1), Decoder(dropout=0.1)
    saved = torch.load(work / "decoder.pt")
    decoder.load_state_dict(saved["decoder"])
    if not frozen:
        prefix.load_state_dict(saved["prefix"])
    parameters = [*prefix.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW([{"params": parameters, "peak": rate}], lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    dev_captions(prefix, decoder, tokenizer, flickr["dev"], photos)
    rng, started, step, share, right = random.Random(SEED), time.time(), 0, 1.0, defaultdict(list)
    while share > 0:
        texts = make(flickr["train"], random.Random(SEED + step), 1, 1)
        asked, chances = questions_of(flickr["train"], random.Random(SEED + step))
        order = rng.sample(range(len(texts)), len(texts))
        for first in range(0, len(order) - photo_count + 1, photo_count):
            share = annealed(0, 1, started, minutes)
            if share == 0:
                break
            set_rate(optimizer, min((step + 1) / 20, 1) * share)
            rows = order[first:first + photo_count]
            seen = photos.train(rows)
            prefix.eval(), decoder.eval()
            start = prefix(*seen)
            batch, score = sampled_batch(decoder, start.detach(), tokenizer, reward, rows, samples)
            optimizer.zero_grad()
            policy_loss(decoder, start, batch, len(rows) * samples).backward()
            prefix.train(), decoder.train()
            drawn = draw(asked, chances, asked_count, FROZEN_SHARES if frozen else SHARES)
            chance = torch.zeros(0)
            if drawn:
                chance = chance_of_right(decoder, prefix(*photos.train([row[0] for _, row in drawn])), tokenizer, [row for _, row in drawn])
                ((1 - chance**q) / q).mean().backward()
            told = batch_loss(prefix, decoder, seen, collate([pack([to_tokens(tokenizer, t) for t in texts[r]], SIZES["queries"]) for r in rows], SIZES["queries"]))
            (keep * told).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            step += 1
            for (kind, _), p in zip(drawn, chance.tolist()):
                right[kind].append(p)
            if step % 20 == 0:
                print(f"step {step}, rate {share:.2f}: samples' CIDEr {score:.3f}, text loss {told.item():.3f}, {(time.time() - started) / 60:.1f} min,",
                      {kind: round(float(np.mean(ps[-150:])), 3) for kind, ps in right.items()}, flush=True)
    dev_captions(prefix, decoder, tokenizer, flickr["dev"], photos)
    trained = {"decoder": decoder} if frozen else {"prefix": prefix, "decoder": decoder}
    torch.save({**saved, **{name: network.state_dict() for name, network in trained.items()}}, work / "decoder.refined.pt")
    for name, network in trained.items():
        network.load_state_dict({key: (saved[name][key] + new) / 2 for key, new in network.state_dict().items()})
    dev_captions(prefix, decoder, tokenizer, flickr["dev"], photos)
    torch.save({**saved, **{name: network.state_dict() for name, network in trained.items()}}, work / "decoder.mean.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--photos", type=int, default=20, help="in a batch, that captions are written of")
    parser.add_argument("--samples", type=int, default=5, help="of each photo")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--keep", type=float, default=0.3, help="weight of the texts by people")
    parser.add_argument("--asked", type=int, default=32, help="photos in a batch that a question is asked of")
    parser.add_argument("--q", type=float, default=0.5)
    parser.add_argument("--frozen", action="store_true", help="leave the query transformer as it is, which the answer head reads too: the decoder alone, over what `shown.py` wrote")
    given = parser.parse_args()
    refine(given.data, given.work, given.minutes, given.photos, given.samples, given.rate, given.keep, given.asked, given.q, given.frozen)
