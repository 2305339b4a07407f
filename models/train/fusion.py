"""The answer head: a text's states from MiniLM attend to a photo; answers as classes."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import nn

from language import SIZES
from networks import Layer, attend

WIDTH, CELLS = 256, 49
SHOWN = SIZES["queries"] + 3 + CELLS


class Memory(nn.Module):
    """The query transformer's hints [n, 3, 320] and the grid -> [n, 52, 320], what the answer head attends to beside the prefix.

    It begins as what the query transformer attends to.
    """

    def __init__(self, prefix, dropout=0.15):
        super().__init__()
        self.cells, self.norm, self.dropout = deepcopy(prefix.cells), deepcopy(prefix.memory_norm), dropout

    def forward(self, hints, grid):
        return self.norm(torch.cat([hints, F.dropout(self.cells(grid), self.dropout, self.training)], 1))


class Look(nn.Module):
    """A layer whose text sees itself and a photo; `owner` tells each text's photo."""

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.layer = Layer(width, heads, 2 * width, cross=True, dropout=dropout)
        self.layer.cross_kv = nn.Linear(SIZES["width"], 2 * width)

    def forward(self, x, kv, mask, owner, first, there=None):
        """`kv`: of the photos, [n, 68, 2 width], of which `there` [n, 68] may be seen. `first`: only the output at the first place is wanted."""
        layer = self.layer
        q, k, v = layer.qkv(layer.norm(x)).chunk(3, -1)
        x, q = (x[:, :1], q[:, :1]) if first else (x, q)
        x = x + layer.drop(layer.out(attend(q, k, v, layer.heads, mask)))
        k, v = kv.index_select(0, owner).chunk(2, -1)
        seen = None if there is None else there[owner][:, None, None]
        x = x + layer.drop(layer.cross_out(attend(layer.cross_q(layer.cross_norm(x)), k, v, layer.heads, seen)))
        return x + layer.drop(layer.mlp(x))


class Fusion(nn.Module):
    """MiniLM's last states of a text [b, t, 384], and photos [n, 68, 320] as `looked` -> logits of the answers [b, answers]."""

    def __init__(self, answers, width=WIDTH, layers=2, heads=8, dropout=0.15):
        super().__init__()
        self.text = nn.Sequential(nn.LayerNorm(384), nn.Linear(384, width))
        self.layers = nn.ModuleList(Look(width, heads, dropout) for _ in range(layers))
        self.norm, self.answer = nn.LayerNorm(width), nn.Linear(width, answers)
        self.dropout = dropout

    def looked(self, memory):
        """The keys and values of photos for each layer: once, however many texts are about them."""
        return [look.layer.cross_kv(memory) for look in self.layers]

    def forward(self, states, mask, looked, owner, there=None):
        drop = lambda x: F.dropout(x, self.dropout, self.training)
        x, mask = drop(self.text(states)), mask[:, None, None, :].bool()
        for look, kv in zip(self.layers, looked):
            x = look(x, kv, mask, owner, look is self.layers[-1], there)
        return self.answer(drop(self.norm(x[:, 0])))
