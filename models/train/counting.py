"""How many there are: what the detector finds, in numbers, and a reader of them."""

import torch
import torch.nn.functional as F
from torch import nn

from detector import KINDS
from fusion import SHOWN
from language import SIZES

NUMBERS = ("one", "two", "three", "four", "five", "six")
# A thing counts by how far its likelihood is above each of these; beside them the highest likelihoods as they are.
ABOVE, WIDTH, HIGHEST = (0.1, 0.2, 0.3, 0.4, 0.5), 0.05, 11
FACTS = len(ABOVE) + HIGHEST
# The facts of all kinds fill one more vector after those that the answer head looks at.
WITH_FACTS = SHOWN + 1
assert len(KINDS) * FACTS == SIZES["width"]


def facts(found):
    """What `Detector` finds [n, 20, 48] -> for each kind how many things are above some likelihoods, and the highest ones [n, 20, 16], as log(1 + x)"""
    highest = found.topk(HIGHEST + len(ABOVE)).values
    above = torch.stack([(((highest - least) / WIDTH).sigmoid() * (highest > 0)).sum(-1) for least in ABOVE], -1)
    return torch.cat([above, highest[..., :HIGHEST]], -1).log1p()


class Counters(nn.ModuleList):
    """Four readers that began differently -> the mean of their log probabilities: alone each is right about other rare numbers."""

    def __init__(self, count=4):
        super().__init__(Counter() for _ in range(count))

    def forward(self, states, mask, facts):
        return torch.stack([counter(states, mask, facts) for counter in self]).mean(0)


class Counter(nn.Module):
    """A text's states [b, t, 384] and a photo's `facts` [b, 20, 16] -> log probabilities of the numbers [b, 6].

    The text says which kinds count: a weighted sum of their facts, beside those of people and of all kinds together.
    """

    def __init__(self, width=96):
        super().__init__()
        self.score, self.kinds, self.text = nn.Linear(384, 1), nn.Linear(384, len(KINDS)), nn.Linear(384, 32)
        self.norm = nn.Identity()
        self.out = nn.Sequential(nn.Linear(3 * FACTS + 32, width), nn.GELU(), nn.Dropout(0.2), nn.Linear(width, len(NUMBERS)))

    def forward(self, states, mask, facts):
        weight = self.score(states).masked_fill(mask.unsqueeze(-1) == 0, -1e4).softmax(1)
        text = 10 * F.normalize((weight * states).sum(1), dim=-1)
        kinds = (self.kinds(text).softmax(-1).unsqueeze(-1) * facts).sum(1)
        seen = self.norm(torch.cat([kinds, facts[:, 0], facts.sum(1)], -1))
        return self.out(torch.cat([seen, self.text(text)], -1)).log_softmax(-1)

    def fold(self):
        """Puts the batch norm of what is seen, which helps training, into the layer after it."""
        first, scale = self.out[0], self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()
        first.bias += first.weight[:, :len(scale)] @ (self.norm.bias - self.norm.running_mean * scale)
        first.weight[:, :len(scale)] *= scale
        self.norm = nn.Identity()
