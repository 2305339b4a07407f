"""What people say of such photos: how the words that the tuned grid tells speak for an answer."""

import torch
import torch.nn.functional as F
from torch import nn

from answers import plain
from counting import NUMBERS, WITH_FACTS
from language import SIZES, WORDS
from words import COLOURS, DOING, PEOPLE_WORDS

# The words' chances fill some more vectors after what there is to count; the last place of these stays empty.
PLACES = WORDS // SIZES["width"] + 1
WITH_WORDS = WITH_FACTS + PLACES
EMPTY = PLACES * SIZES["width"] - 1
# What a word's log probability counts, and no word is less likely than e to the LEAST: both by the dev split.
SHARE, LEAST = 0.8, -6.0
SMALL = set("a an the in on of and his her their at to with by".split())
FORMS = {doing: [form for form, other in DOING.items() if other == doing] for doing in DOING.values()}


def in_vectors(chances):
    """Chances of the words [n, 753] -> [n, 3, 320]"""
    return F.pad(chances, (0, EMPTY + 1 - WORDS)).unflatten(1, (PLACES, -1))


def places_of(answer, place):
    """-> for each word of an answer that is among the words, the places of its forms ("jumping", "jumps"); a pair of words may be one.

    Only of doings and of people: most other things have names that are none of the words, and would lose to those that are.
    Numbers are counted, and a colour is of one thing and not of the photo.
    """
    whole = plain(answer).split()
    said = [word for word in whole if word not in SMALL]
    if {*said} & {*NUMBERS, *COLOURS} or not whole[0].endswith("ing") and not {*said} & PEOPLE_WORDS:
        return []
    pair = " ".join(said)
    if len(said) > 1 and pair in place:
        return [[place[pair]]]
    return [forms for word in said if (forms := forms_of(word, place))]


def forms_of(word, place):
    return [place[form] for form in (word, *FORMS.get(word, [])) if form in place]


class Saying(nn.Module):
    """Logits of the answers [b, answers] and the words' chances [3, 320] -> the logits, with a share of the mean log probability of each answer's words.

    A product of experts (Hinton 2002): the words were learnt from whole captions, the answers from what was made of them. An answer
    without such words gets what the others have on average, by their probability: it neither gains nor loses.
    """

    def __init__(self, answers, vocabulary):
        super().__init__()
        place = {word: i for i, word in enumerate(vocabulary)}
        found = [places_of(answer, place) for answer in answers]
        most, forms = max(map(len, found)), max(len(some) for parts in found for some in parts)
        at = torch.full((len(answers), most, forms), EMPTY)
        for answer, parts in enumerate(found):
            for part, some in enumerate(parts):
                at[answer, part, :len(some)] = torch.tensor(some)
        self.register_buffer("at", at)

    def forward(self, logits, chances):
        there = (self.at[..., 0] != EMPTY).float()
        words = chances.flatten()[self.at].sum(-1).clamp(min=1e-9).log().clamp(LEAST, 0) * there
        known = there[:, 0]
        says, weight = words.sum(-1) / there.sum(-1).clamp(min=1), logits.softmax(-1) * known
        usual = (weight * says).sum(-1, keepdim=True) / weight.sum(-1, keepdim=True).clamp(min=1e-9)
        return logits + SHARE * (says + (1 - known) * usual)
