"""CIDEr-D of one sentence against one training photo's captions, fast enough to be a reward (Vedantam et al. 2015).

Tokens, n-grams, clipping and length penalty are those of `captions.cider_score`; document frequencies are the
training split's. An end mark counts as a word of both sides, so that a sentence broken off scores less.
"""

import math
from collections import Counter

from common import words

SIGMA = 6.0


def grams(text, ended=True):
    tokens = [*words(text), *(["<end>"] if ended else [])]
    return Counter(tuple(tokens[i:i + n]) for n in range(1, 5) for i in range(len(tokens) - n + 1)), len(tokens)


class Reward:
    def __init__(self, images):
        """`images`: [(name, captions)]; rewards are asked for by index in it."""
        cooked = [[grams(c) for c in captions] for _, captions in images]
        frequency = Counter(gram for refs in cooked for gram in {g for counts, _ in refs for g in counts})
        self.whole = math.log(len(images))
        self.rarity = {gram: self.whole - math.log(count) for gram, count in frequency.items()}
        self.references = [[(*self.vector(counts), length) for counts, length in refs] for refs in cooked]

    def vector(self, counts):
        """-> weights by n-gram, and the norm for each n."""
        weights, squares = {}, [0.0] * 4
        for gram, count in counts.items():
            weights[gram] = weight = count * self.rarity.get(gram, self.whole)
            squares[len(gram) - 1] += weight * weight
        return weights, [math.sqrt(s) for s in squares]

    def __call__(self, index, text, ended):
        counts, length = grams(text, ended)
        weights, norms = self.vector(counts)
        total = 0.0
        for truth, truth_norms, truth_length in self.references[index]:
            same = [0.0] * 4
            for gram, weight in weights.items():
                other = truth.get(gram)
                if other is not None:
                    same[len(gram) - 1] += min(weight, other) * other
            penalty = math.exp(-((length - truth_length) ** 2) / (2 * SIGMA ** 2))
            total += penalty * sum(s / (a * b) for s, a, b in zip(same, norms, truth_norms) if a and b)
        return 10 * total / 4 / len(self.references[index])
