"""Questions drawn so that rare answers are asked for as often as common ones, and the chance that a right answer is given."""

import random
from collections import Counter, defaultdict

import numpy as np
import torch

from conversations import conversations, loosen
from language import BOS, EOS, PAD, SIZES
from qa import memory_pairs
from questions import Facts, one_photo, yes_no

SHARES = {"yes/no": 0.26, "colour": 0.12, "number": 0.13, "activity": 0.2, "where": 0.04, "who": 0.04, "what": 0.06, "scene": 0.03, "time": 0.01, "second": 0.08, "pair": 0.16}
# Numbers and doings oftener, where the decoder helps the answer head most: for the decoder alone.
FROZEN_SHARES = {**SHARES, "number": 0.6, "activity": 0.5}
EVEN = ("yes/no", "colour", "number", "scene", "time", "pair")
QUERIES, MOST = SIZES["queries"], 8


def as_prompt(question):
    return f"question: {question} answer:"


def questions_of(images, rng, say=as_prompt):
    """-> for each kind, [(photo, prompt, right answers)] and the cumulative chances to draw them by."""
    facts, rows = [Facts(captions) for _, captions in images], defaultdict(list)
    ask = lambda question: say(loosen(question, rng))
    closed, place = yes_no(facts, rng), {name: index for index, (name, _) in enumerate(images)}
    for index, fact in enumerate(facts):
        for kind, question, answer, accepted, _ in [*closed[index], *one_photo(fact, rng)]:
            rows[kind].append((index, ask(question), [answer, *accepted]))
        for (_, first, said, _), (_, second, answer, accepted), *_ in conversations(fact, rng):
            rows["second"].append((index, f"{ask(first)} {said} {ask(second)}", [answer, *accepted]))
    for name, two in memory_pairs(images, 10**9):
        rows["pair"] += [(place[name], f"{ask(first)} yes {ask(second)}", accepted.split("|")) for first, second, accepted in two]
    return rows, evenly(rows)


def evenly(rows):
    """-> for each kind, the cumulative chances by which rare answers are drawn as often as common ones."""
    chances = {}
    for kind, asked in rows.items():
        often = Counter(right[0] for _, _, right in asked)
        chance = np.array([often[right[0]] ** -(0.75 if kind in EVEN else 0.3) for _, _, right in asked])
        chances[kind] = np.cumsum(chance / chance.sum())
    return chances


def draw(rows, chances, count, shares=SHARES):
    kinds = random.choices([*shares], [*shares.values()], k=count)
    return [(kind, rows[kind][min(int(np.searchsorted(chances[kind], random.random())), len(rows[kind]) - 1)]) for kind in kinds]


def branches(tokenizer, rows):
    """-> ids, positions and bias of a batch in which all right answers follow one prompt without seeing each other,
    and for each answer where its tokens are predicted and what they are."""
    texts = []
    for _, prompt, right in rows:
        ids = [BOS, *tokenizer.encode(prompt, add_special_tokens=False).ids]
        length, answers = len(ids), []
        positions, owners = [*range(QUERIES, QUERIES + length)], [0] * length
        for owner, answer in enumerate([*dict.fromkeys(a.strip() for a in right if a.strip())][:MOST], 1):
            target = [*tokenizer.encode(" " + answer, add_special_tokens=False).ids, EOS]
            answers.append(([length - 1, *range(len(ids), len(ids) + len(target) - 1)], target))
            ids += target[:-1]
            positions += range(QUERIES + length, QUERIES + length + len(target) - 1)
            owners += [owner] * (len(target) - 1)
        texts.append((ids, positions, owners, answers))
    longest = max(len(text[0]) for text in texts)
    fill = lambda k, value: torch.tensor([text[k] + [value] * (longest - len(text[k])) for text in texts])
    owners = torch.cat([torch.full((len(rows), QUERIES), -1), fill(2, -2)], 1)
    seen = (owners[:, None] == -1) | (owners[:, None] == 0) & (owners[:, :, None] >= 0) | (owners[:, :, None] == owners[:, None])
    bias = (~(seen & torch.ones(seen.shape[1:]).tril().bool())).float().unsqueeze(1) * -1e9
    return fill(0, PAD), torch.cat([torch.arange(QUERIES).expand(len(rows), -1), fill(1, 0)], 1), bias, [text[3] for text in texts]


def chance_of_right(decoder, start, tokenizer, rows):
    """-> for each question, the sum of the probabilities of its right answers."""
    ids, positions, bias, answers = branches(tokenizer, rows)
    hidden, _ = decoder(torch.cat([start, decoder.embed(ids)], 1), positions, bias)
    row, place, target, answer, question = [], [], [], [], []
    for index, several in enumerate(answers):
        for places, tokens in several:
            row += [index] * len(places)
            place += places
            target += tokens
            answer += [len(question)] * len(tokens)
            question.append(index)
    spoken = decoder.logits(hidden[torch.tensor(row), QUERIES + torch.tensor(place)]).log_softmax(-1).gather(1, torch.tensor(target)[:, None])[:, 0]
    chance = torch.zeros(len(question)).index_add(0, torch.tensor(answer), spoken).exp()
    return torch.zeros(len(rows)).index_add(0, torch.tensor(question), chance).clamp(1e-5, 1)


