"""The language side: a query transformer that turns a grid into 16 prefix vectors, and a small decoder (RMSNorm, rotary, SwiGLU)."""

import torch
import torch.nn.functional as F
from torch import nn

from networks import Cells, Layer

SIZES = dict(vocabulary=4096, width=320, layers=4, heads=8, hidden=864, queries=16)
PAD, BOS, EOS = 0, 1, 2
WORDS = 753


class Prefix(nn.Module):
    """Grid and three hints -> [n, 16, width]: learned queries cross-attend to all of them (a small Q-Former).

    The hints are the ConSE vector, the learned search vector and the chances of the words that `tune.py` reads in the
    grid. Where `seen` is False for a photo only the hints are read: so captions without photos can be learnt from.
    """

    def __init__(self, words=WORDS, width=SIZES["width"], queries=SIZES["queries"], layers=2, heads=SIZES["heads"], dropout=0.1):
        super().__init__()
        self.cells = Cells(width)
        self.conse, self.learned, self.words = nn.Linear(384, width), nn.Linear(384, width), nn.Linear(words, width)
        self.memory_norm = nn.LayerNorm(width)
        self.queries = nn.Parameter(torch.randn(1, queries, width) * 0.3)
        self.layers = nn.ModuleList(Layer(width, heads, 3 * width, cross=True, dropout=dropout) for _ in range(layers))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, width)
        self.dropout = dropout

    def hints(self, conse, learned, words):
        return torch.stack([self.conse(conse * 4), self.learned(learned * 4), self.words(words)], 1)

    def forward(self, grid, conse, learned, words, seen=None):
        """[n, 49, 1328], [n, 384] twice, [n, words] in 0 to 1, and which photos' grids may be looked at [n]"""
        return self.look(grid, self.hints(conse, learned, words), seen)

    def look(self, grid, hints, seen=None):
        tokens = F.dropout(self.cells(grid), self.dropout, self.training)
        memory = self.memory_norm(torch.cat([hints, tokens], 1))
        mask = None
        if seen is not None:
            mask = torch.cat([torch.ones(len(seen), hints.shape[1], dtype=torch.bool), seen[:, None].expand(-1, tokens.shape[1])], 1)[:, None, None]
        x = self.queries.expand(grid.shape[0], -1, -1)
        for layer in self.layers:
            x = layer(x, memory, mask)
        return self.out(self.norm(x))


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Block(nn.Module):
    def __init__(self, width, heads, hidden, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm, self.qkv, self.out = RmsNorm(width), nn.Linear(width, 3 * width, False), nn.Linear(width, width, False)
        self.mlp_norm, self.gate_up, self.down = RmsNorm(width), nn.Linear(width, 2 * hidden, False), nn.Linear(hidden, width, False)

    def forward(self, x, cos, sin, bias, past=None):
        drop = lambda y: F.dropout(y, self.dropout, self.training)
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in self.qkv(self.norm(x)).chunk(3, -1))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        x = x + drop(self.out(seen.transpose(1, 2).flatten(2)))
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, -1)
        return x + drop(self.down(F.silu(gate) * up)), k, v


class Decoder(nn.Module):
    """Embeddings -> logits; the word table is shared between the two ends."""

    def __init__(self, vocabulary=SIZES["vocabulary"], width=SIZES["width"], layers=SIZES["layers"], heads=SIZES["heads"], hidden=SIZES["hidden"], dropout=0.1):
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.table.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(width, heads, hidden, dropout) for _ in range(layers))
        self.norm = RmsNorm(width)
        head = width // heads
        self.register_buffer("frequency", 10000.0 ** (-torch.arange(0, head, 2).float() / head), False)
        for block in self.blocks:
            for linear in (block.qkv, block.out, block.gate_up, block.down):
                nn.init.normal_(linear.weight, std=0.02)

    def embed(self, ids):
        return self.table(ids) * self.table.embedding_dim ** 0.5

    def forward(self, x, positions, bias, past=None):
        """-> hidden [b, t, width] and the keys and values; `bias` is added to the attention scores [b, 1, t, past + t]."""
        angle = positions.unsqueeze(-1).float() * self.frequency
        cos, sin = angle.cos().unsqueeze(1), angle.sin().unsqueeze(1)
        present = []
        for index, block in enumerate(self.blocks):
            x, k, v = block(x, cos, sin, bias, past[index] if past else None)
            present.append((k, v))
        return self.norm(x), present

    def logits(self, hidden):
        return hidden @ self.table.weight.T


def causal_bias(attention_mask, length):
    """[b, past + t] of ones and zeros -> [b, 1, t, past + t]: 0 where a query may look, -1e9 elsewhere."""
    total = attention_mask.shape[1]
    key = torch.arange(total)
    query = torch.arange(length) + (total - length)
    allowed = (key[None, :] <= query[:, None])[None, None] & attention_mask[:, None, None, :].bool()
    return (~allowed).float() * -1e9


@torch.no_grad()
def written(decoder, prefix, prompts, limit, choose):
    """Token ids that continue each prompt after its prefix, in a batch of equally long prompts; <pad> after <eos>."""
    ids = torch.tensor(prompts)
    x = torch.cat([prefix, decoder.embed(ids)], 1)
    position, past, done, out = torch.arange(x.shape[1])[None], None, torch.zeros(len(ids), dtype=torch.bool), []
    for _ in range(limit):
        total = x.shape[1] + (past[0][0].shape[2] if past else 0)
        hidden, past = decoder(x, position, causal_bias(torch.ones(len(ids), total), x.shape[1]), past)
        token = choose(decoder.logits(hidden[:, -1]))
        out.append(token.masked_fill(done, PAD))
        done |= token == EOS
        if done.all():
            break
        x, position = decoder.embed(token[:, None]), position[:, -1:] + 1
    return torch.stack(out, 1).tolist()


def greedy(decoder, prefix, prompts, limit=32):
    """Greedy continuation of each prompt (lists of ids, <bos> first), without its end mark."""
    return [[t for t in row if t not in (PAD, EOS)] for row in written(decoder, prefix, prompts, limit, lambda logits: logits.argmax(-1))]


def sample(decoder, prefix, limit=24):
    """A caption for each prefix, drawn at random; it ends with <eos> unless the limit came first."""
    return written(decoder, prefix, [[BOS]] * len(prefix), limit, lambda logits: torch.multinomial(logits.softmax(-1), 1).squeeze(-1))
