"""Caption scores: CIDEr with our own tokens in place of the Java tokenizer, otherwise as in pycocoevalcap."""

from common import words


def cider_score(written, references):
    from pycocoevalcap.cider.cider_scorer import CiderScorer
    scorer = CiderScorer(n=4, sigma=6.0)
    for text, truths in zip(written, references):
        scorer += (" ".join(words(text)), [" ".join(words(t)) for t in truths])
    return float(scorer.compute_score()[0])


def bleu_score(written, references):
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer
    scorer = BleuScorer(n=4)
    for text, truths in zip(written, references):
        scorer += (" ".join(words(text)), [" ".join(words(t)) for t in truths])
    return scorer.compute_score(option="closest")[0]
