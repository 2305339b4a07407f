"""The networks of the starter: backbone's ConSE part, contrastive heads, text encoder, query transformer, decoder.

Every class is plain PyTorch that the ONNX exporter can trace. Sizes are arguments; nothing reads a file.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def attend(q, k, v, heads, mask=None, dropout=0.0):
    """[b, t, d] queries, keys and values -> [b, t, d]; `mask` is boolean, True where a key may be seen."""
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)
    out = F.scaled_dot_product_attention(split(q), split(k), split(v), attn_mask=mask, dropout_p=dropout)
    return out.transpose(1, 2).flatten(2)


class Conse(nn.Module):
    """Mean grid vector -> probability-weighted mean of the names of the likeliest classes (Norouzi et al. 2014)."""

    def __init__(self, weight, bias, names, top=10, temperature=1.0):
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight, False), nn.Parameter(bias, False)
        self.names = nn.Parameter(names, False)
        self.top, self.temperature = top, temperature

    def forward(self, mean):
        logits = F.linear(mean, self.weight, self.bias) / self.temperature
        value, index = logits.topk(self.top, dim=-1)
        vectors = self.names[index]
        return F.normalize((value.softmax(-1).unsqueeze(-1) * vectors).sum(1), dim=-1)


class Layer(nn.Module):
    """A pre-norm transformer layer, with cross-attention when `cross` is set."""

    def __init__(self, width, heads, hidden, cross=False, dropout=0.0):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.cross = cross
        if cross:
            self.cross_norm, self.cross_q = nn.LayerNorm(width), nn.Linear(width, width)
            self.cross_kv, self.cross_out = nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def drop(self, x):
        return F.dropout(x, self.dropout, self.training)

    def first(self, x):
        """The layer's output at the first place only, which costs a fraction of the whole."""
        normal, width = self.norm(x), x.shape[-1]
        k, v = F.linear(normal, self.qkv.weight[width:], self.qkv.bias[width:]).chunk(2, -1)
        q = F.linear(normal[:, :1], self.qkv.weight[:width], self.qkv.bias[:width])
        x = x[:, :1] + self.drop(self.out(attend(q, k, v, self.heads)))
        return x + self.drop(self.mlp(x))

    def forward(self, x, memory=None, mask=None):
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        x = x + self.drop(self.out(attend(q, k, v, self.heads)))
        if self.cross:
            k, v = self.cross_kv(memory).chunk(2, -1)
            x = x + self.drop(self.cross_out(attend(self.cross_q(self.cross_norm(x)), k, v, self.heads, mask)))
        return x + self.drop(self.mlp(x))


CELL, COLOUR, CUT = 1280, 48, 11


def early_states(net, pixels):
    """The backbone's states before block 11, where the tuned copy begins: [n, 88, 14, 14]."""
    x = net._swish(net._bn0(net._conv_stem(pixels)))
    for block in net._blocks[:CUT]:
        x = block(x)
    return x


def plain_grid(net, early):
    """The backbone's own last blocks over those states: [n, 49, 1280]."""
    for block in net._blocks[CUT:]:
        early = block(early)
    return net._swish(net._bn1(net._conv_head(early))).flatten(2).transpose(1, 2)


def block_colours(pixels):
    """Means over 8 x 8 pixels: [n, 3, 28, 28]."""
    return F.avg_pool2d(pixels, 8)


def in_cells(state):
    """Weights of a network of the time before `Cells`, by the names they have now."""
    names = {"project.": "cells.project.", "place": "cells.place"}
    return {next((key.replace(old, new, 1) for old, new in names.items() if key.startswith(old)), key): value for key, value in state.items()}


class Inverted(nn.Module):
    """An inverted bottleneck of the backbone, its batch norms folded into its convolutions so that they can be tuned."""

    def __init__(self, block):
        super().__init__()
        self.expand = fuse_conv_bn_eval(block._expand_conv, block._bn0)
        self.depthwise = fuse_conv_bn_eval(block._depthwise_conv, block._bn1)
        self.project = fuse_conv_bn_eval(block._project_conv, block._bn2)
        args = block._block_args
        self.skip = args.stride in (1, [1]) and args.input_filters == args.output_filters

    def forward(self, x):
        y = self.project(F.relu6(self.depthwise(F.relu6(self.expand(x)))))
        return x + y if self.skip else y


class Branch(nn.Module):
    """A copy of the backbone's last blocks that is tuned, while the first copy goes on to name classes.

    States before block 11 [n, 88, 14, 14] and colours [n, 3, 28, 28] (the pixels' means over 8 x 8) -> [n, 49, 1328]: the copy's own
    1280 numbers of each cell and the cell's 4 x 4 colours, which a network that names classes has no reason to keep.
    """

    def __init__(self, backbone):
        super().__init__()
        self.blocks = nn.Sequential(*(Inverted(block) for block in backbone._blocks[CUT:])).requires_grad_(True)
        self.head = fuse_conv_bn_eval(backbone._conv_head, backbone._bn1).requires_grad_(True)
        for block in self.blocks:
            block.depthwise.requires_grad_(False)  # few weights, and a third of the time of a step

    def forward(self, early, small):
        grid = F.relu6(self.head(self.blocks(early)))
        return torch.cat([grid.flatten(2).transpose(1, 2), colours(small)], -1)


def colours(small):
    """[n, 3, 28, 28] -> [n, 49, 48]"""
    side = int(small.shape[-1]) // 4
    cells = small.unflatten(3, (side, 4)).unflatten(2, (side, 4))  # n, 3, 7, 4, 7, 4
    return cells.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


class Cells(nn.Module):
    """A branch's grid [n, 49, 1328], or a plain one without colours [n, 49, 1280] -> [n, 49, width]. Colours start near nothing."""

    def __init__(self, width):
        super().__init__()
        self.project = nn.Sequential(nn.LayerNorm(CELL), nn.Linear(CELL, width))
        self.colour = nn.Linear(COLOUR, width, bias=False)
        nn.init.normal_(self.colour.weight, std=0.01)
        self.place = nn.Parameter(torch.randn(49, width) * 0.02)

    def places(self, count):
        """What tells the places of a larger photo's cells: those of 7 x 7 cells, stretched."""
        side = round(count ** 0.5)
        if side == 7:
            return self.place
        return F.interpolate(self.place.T.unflatten(1, (7, 7))[None], (side, side), mode="bilinear")[0].flatten(1).T

    def forward(self, grid):
        plain = self.project(grid[..., :CELL]) + self.places(int(grid.shape[1]))
        return plain + self.colour(grid[..., CELL:]) if grid.shape[-1] > CELL else plain


class Words(nn.Module):
    """Grid -> logits of the words and pairs of words that people use of such photos, from the cells' mean and maximum."""

    def __init__(self, count):
        super().__init__()
        self.score = nn.Linear(2 * CELL, count)
        self.register_buffer("mean", torch.zeros(2 * CELL))
        self.register_buffer("spread", torch.ones(2 * CELL))

    def pooled(self, grid):
        return torch.cat([grid[..., :CELL].mean(1), grid[..., :CELL].amax(1)], -1)

    def forward(self, grid):
        return self.score(F.dropout((self.pooled(grid) - self.mean) / self.spread, 0.3, self.training))


class ImageHead(nn.Module):
    """Grid and ConSE vector -> learned unit vector: a query token through transformer layers, plus linear maps."""

    def __init__(self, width=384, layers=1, heads=6, dropout=0.1):
        super().__init__()
        self.cells = Cells(width)
        self.query = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.hint = nn.Linear(384, width)
        self.layers = nn.ModuleList(Layer(width, heads, 3 * width, dropout=dropout) for _ in range(layers))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, 384)
        self.mean_out, self.hint_out = nn.Linear(CELL, 384), nn.Linear(384, 384)
        self.dropout = dropout

    def forward(self, grid, conse):
        n = grid.shape[0]
        tokens = F.dropout(self.cells(grid), self.dropout, self.training)
        x = torch.cat([self.query.expand(n, -1, -1), self.hint(conse).unsqueeze(1), tokens], 1)
        for layer in self.layers[:-1]:
            x = layer(x)
        mean = F.dropout(grid[..., :CELL].mean(1), 0.2, self.training)
        out = self.out(self.norm(self.layers[-1].first(x)[:, 0])) + self.mean_out(mean) + self.hint_out(conse)
        return F.normalize(out, dim=-1)


class BertLayer(nn.Module):
    """One post-norm layer of MiniLM, its parameters named as in the published checkpoint."""

    def __init__(self, width=384, heads=12, hidden=1536):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.attention_out, self.attention_norm = nn.Linear(width, width), nn.LayerNorm(width, eps=1e-12)
        self.up, self.down, self.norm = nn.Linear(width, hidden), nn.Linear(hidden, width), nn.LayerNorm(width, eps=1e-12)
        self.dropout = 0.0

    def forward(self, x, mask):
        drop = lambda y: F.dropout(y, self.dropout, self.training)
        attended = attend(self.query(x), self.key(x), self.value(x), self.heads, mask[:, None, None, :].bool())
        x = self.attention_norm(x + drop(self.attention_out(attended)))
        return self.norm(x + drop(self.down(F.gelu(self.up(x)))))

    NAMES = {"attention.self.query": "query", "attention.self.key": "key", "attention.self.value": "value",
             "attention.output.dense": "attention_out", "attention.output.LayerNorm": "attention_norm",
             "intermediate.dense": "up", "output.dense": "down", "output.LayerNorm": "norm"}

    def load(self, state, index):
        for theirs, ours in self.NAMES.items():
            getattr(self, ours).load_state_dict({p: state[f"encoder.layer.{index}.{theirs}.{p}"] for p in ("weight", "bias")})
        return self


class MiniLM(nn.Module):
    """all-MiniLM-L6-v2; gives the states before and after its last layer."""

    def __init__(self, state):
        super().__init__()
        self.words = nn.Parameter(state["embeddings.word_embeddings.weight"])
        self.places = nn.Parameter(state["embeddings.position_embeddings.weight"] + state["embeddings.token_type_embeddings.weight"][0])
        self.norm = nn.LayerNorm(384, eps=1e-12)
        self.norm.load_state_dict({p: state[f"embeddings.LayerNorm.{p}"] for p in ("weight", "bias")})
        self.layers = nn.ModuleList(BertLayer().load(state, index) for index in range(6))

    def forward(self, ids, mask):
        x = self.norm(self.words[ids] + self.places[: ids.shape[1]])
        for layer in self.layers[:-1]:
            x = layer(x, mask)
        return x, self.layers[-1](x, mask)


def mean_pool(hidden, mask):
    mask = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * mask).sum(1) / mask.sum(1)


class TextHead(nn.Module):
    """MiniLM's states before its last layer -> learned unit vector: a tuned copy of that layer, two pools, a residual MLP."""

    def __init__(self, last_layer_state=None, dropout=0.1):
        super().__init__()
        self.layer = BertLayer()
        if last_layer_state:
            self.layer.load_state_dict(last_layer_state)
        self.layer.dropout = self.dropout = dropout
        self.score, self.pooled = nn.Linear(384, 6), nn.Linear(384, 384)
        self.mlp = nn.Sequential(nn.LayerNorm(384), nn.Linear(384, 768), nn.GELU(), nn.Linear(768, 384))
        nn.init.zeros_(self.mlp[3].weight)

    def forward(self, states, mask):
        x = self.layer(states, mask)
        weight = self.score(x).masked_fill(mask.unsqueeze(-1) == 0, -1e4).softmax(1)
        heads = torch.einsum("bth,bthd->bhd", weight, self.pooled(x).unflatten(-1, (6, 64))).flatten(1)
        y = F.normalize(mean_pool(x, mask), dim=-1) * 20 + heads
        y = y + F.dropout(self.mlp(y), self.dropout, self.training)
        return F.normalize(y, dim=-1)
