"""Writes generate.json: what `transformers` generates over a toy model, for each decoding rule of src/main/inference.

python test/parity/make_generate_golden.py [--seed 11]

The toy's scores are a table by the last token plus one by the position, so that TypeScript can be given exactly
the same scores. Written with transformers 5.23 and torch 2.15; needs no network.
"""

import argparse
import json
from pathlib import Path

import torch
from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper
from transformers.modeling_outputs import CausalLMOutput

HERE = Path(__file__).resolve().parent
VOCABULARY, LENGTH, EOS = 24, 24, 2

CASES = {
    "greedy": {},
    "repetition penalty": {"repetition_penalty": 1.4},
    "no repeated pair": {"no_repeat_ngram_size": 2},
    "no repeated token": {"no_repeat_ngram_size": 1},
    "no repeated triple": {"no_repeat_ngram_size": 3},
    "at least nine": {"min_new_tokens": 9},
    "all rules": {"repetition_penalty": 1.2, "no_repeat_ngram_size": 2, "min_new_tokens": 5},
    "two ends": {"eos_token_id": [2, 5]},
    "three beams": {"num_beams": 3},
    "three beams, long": {"num_beams": 3, "length_penalty": 2.0},
    "three beams, short": {"num_beams": 3, "length_penalty": -1.0},
    "three beams, no length": {"num_beams": 3, "length_penalty": 0.0},
    "four beams, two ends": {"num_beams": 4, "eos_token_id": [2, 5]},
    "three beams, all rules": {"num_beams": 3, "repetition_penalty": 1.2, "no_repeat_ngram_size": 2, "min_new_tokens": 5},
    "five beams, at least nine": {"num_beams": 5, "min_new_tokens": 9},
    "three beams, cut": {"num_beams": 3, "max_new_tokens": 3},
    "three beams, no early stop": {"num_beams": 3, "early_stopping": False},
    "three beams, no early stop, long": {"num_beams": 3, "early_stopping": False, "length_penalty": 2.0},
    "four beams, no early stop, short": {"num_beams": 4, "early_stopping": False, "length_penalty": -1.0},
    "two beams, no early stop, two ends": {"num_beams": 2, "early_stopping": False, "eos_token_id": [2, 5]},
    "two beams, no early stop, two ends, long": {"num_beams": 2, "early_stopping": False, "length_penalty": 2.0, "eos_token_id": [2, 5]},
    "three beams, never": {"num_beams": 3, "early_stopping": "never"},
    "two beams, never, long": {"num_beams": 2, "early_stopping": "never", "length_penalty": 1.5, "eos_token_id": [2, 5]},
    "two beams, never, no length": {"num_beams": 2, "early_stopping": "never", "length_penalty": 0.0, "eos_token_id": [2, 5]},
}


# What random choice is made from: temperature, then top-k, then top-p.
WARPED = [{"temperature": t, "top_k": k, "top_p": p} for t in (0.5, 1.0, 1.7) for k, p in ((0, 1.0), (5, 1.0), (0, 0.8), (9, 0.6), (1, 1.0), (0, 0.05))]


class ToyConfig(PretrainedConfig):
    model_type = "toy"

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.vocab_size, self.num_hidden_layers, self.hidden_size, self.num_attention_heads = VOCABULARY, 1, 8, 1


class Toy(PreTrainedModel, GenerationMixin):
    config_class = ToyConfig

    def __init__(self, config):
        super().__init__(config)
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def use(self, by_token, by_position):
        self.by_token, self.by_position = by_token, by_position
        return self

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **kwargs):
        return {"input_ids": input_ids}

    def forward(self, input_ids, attention_mask=None, **kwargs):
        logits = self.by_token[input_ids] + self.by_position[: input_ids.shape[1]]
        return CausalLMOutput(logits=logits)


def log_probs(by_token, by_position, prompt, tokens):
    """log p of each token by the toy itself, before any rule."""
    seen, found = list(prompt), []
    for token in tokens:
        scores = by_token[seen[-1]] + by_position[len(seen) - 1]
        found.append(round(scores.log_softmax(-1)[token].item(), 5))
        seen.append(token)
    return found


def run(toy, prompt, settings):
    config = GenerationConfig(**{"max_new_tokens": 14, "eos_token_id": EOS, "pad_token_id": 0, "early_stopping": settings.get("num_beams", 1) > 1,
                                 "do_sample": False, "use_cache": False, **settings})
    out = toy.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), generation_config=config)
    tokens = out[0, len(prompt):].tolist()
    ends = settings.get("eos_token_id", [EOS])
    return next((tokens[: i + 1] for i, t in enumerate(tokens) if t in ends), tokens)


def warp(scores, settings):
    """The probabilities that `transformers` draws from."""
    scores = TemperatureLogitsWarper(settings["temperature"])(None, scores[None])
    if settings["top_k"] > 0:
        scores = TopKLogitsWarper(settings["top_k"])(None, scores)
    if settings["top_p"] < 1:
        scores = TopPLogitsWarper(settings["top_p"])(None, scores)
    return [round(p, 7) for p in scores.softmax(-1)[0].tolist()]


def main(seed):
    torch.manual_seed(seed)
    rounded = lambda *shape: torch.tensor((torch.randn(*shape) * 1.6).numpy().round(3))
    by_token, by_position = rounded(VOCABULARY, VOCABULARY), rounded(LENGTH, VOCABULARY)
    # Something repeats and something ends, or the rules would have nothing to do.
    by_token[:, 7] += 2.5
    by_token[:, EOS] -= 0.6
    by_token = torch.tensor(by_token.numpy().round(3))
    toy = Toy(ToyConfig()).eval().use(by_token, by_position)
    rows = []
    for name, settings in CASES.items():
        for prompt in ([1], [1, 9, 4], [3, 7, 7], [11, 12, 13, 11]):
            tokens = run(toy, prompt, settings)
            rows.append({"name": name, "settings": settings, "prompt": prompt, "tokens": tokens,
                         "logProbs": log_probs(by_token, by_position, prompt, tokens)})
    listed = lambda table: [[round(v, 3) for v in row] for row in table.tolist()]
    golden = {"byToken": listed(by_token), "byPosition": listed(by_position), "eos": EOS, "maxNewTokens": 14, "cases": rows,
              "warped": [{"row": row, **settings, "probabilities": warp(by_token[row], settings)} for row in (1, 7) for settings in WARPED]}
    (HERE / "generate.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n", "utf-8")
    print(len(rows), "cases;", len({tuple(r["tokens"]) for r in rows}), "different texts;", sum(r["tokens"][-1] in (2, 5) for r in rows), "ended by a stop id")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=11)
    main(parser.parse_args().seed)
