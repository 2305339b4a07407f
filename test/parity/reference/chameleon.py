"""Chameleon: image tokens in the stream; text after a photo, and how likely a photo's tokens are after a text."""

import torch
from transformers import ChameleonConfig, ChameleonForConditionalGeneration
from transformers.models.chameleon.image_processing_pil_chameleon import ChameleonImageProcessorPil

from reference.making import Row, Unclear, clear, numbers, plain_ids, sharpen, subword_tokenizer, written

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<image>", "<racm3:break>", "<eoss>", "<reserved08706>")
PAD, BOS, EOS, UNKNOWN, IMAGE, START, END, SEPARATOR = range(len(SPECIAL))
CODES, PLACES = 40, 64
TEXTS = ["a dog in the snow", "two children on a wide beach", "<eoss> a red bench <image>", "海滩 😀"]
QUESTION = "what colour is the dog?"


def chameleon(row: Row) -> dict:
    tokenizer = subword_tokenizer(size=340, special=SPECIAL)
    words = len(tokenizer)
    # Names of image tokens have letters for digits: IMGIMGBCZ is code 12.
    images = {"IMGIMG" + "".join(chr(ord("A") + int(digit)) for digit in str(code)) + "Z": words + (code * 7) % CODES for code in range(CODES)}
    model = sharpen(ChameleonForConditionalGeneration(ChameleonConfig(
        vocab_size=words + CODES, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=160,
        pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS, vocabulary_map={**tokenizer.get_vocab(), **images},
        vq_config={"embed_dim": 8, "num_embeddings": CODES, "latent_channels": 8, "resolution": 32, "base_channels": 32, "channel_multiplier": [1, 1, 1], "num_res_blocks": 1})), 1.8)
    torch.nn.init.normal_(model.model.vqmodel.quantize.embedding.weight, std=1.0)
    processor = ChameleonImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    photos, pixels = row.photos(processor)
    codes = certain_codes(model, pixels)
    row.save(model, tokenizer, processor)
    own = lambda text: plain_ids(tokenizer, text, special=False)  # noqa: E731

    def around(photo, text: str) -> torch.Tensor:
        return torch.tensor([[BOS, START, *photo, END, *own(text), SEPARATOR]])

    def tell(at: int, text: str, beams: int = 1) -> list[int]:
        ids = around([IMAGE] * PLACES, text)
        return written(model, skip=ids.shape[1], beams=beams, input_ids=ids, pixel_values=pixels[at : at + 1], attention_mask=torch.ones_like(ids))

    def after_photo(photo, text: str) -> float:
        """log p(text | photo, question), image tokens being forbidden as the original does."""
        head, tail = around(photo, QUESTION), own(text)
        scores = model(torch.cat([head, torch.tensor([tail])], 1)).logits[0, head.shape[1] - 1 : -1]
        clear(scores[:, :words], "scores")
        return scores.log_softmax(-1).gather(1, torch.tensor(tail)[:, None]).sum().item()

    def after_text(photo, text: str) -> float:
        """log p(the photo's tokens | text), over the whole vocabulary: the original's own scores forbid them."""
        head = [BOS, *own(text), START]
        states = model.model(torch.tensor([[*head, *photo]])).last_hidden_state[0, len(head) - 1 : -1]
        return model.lm_head(states).log_softmax(-1).gather(1, torch.tensor(photo)[:, None]).sum().item()

    return {"photos": [{**photo, "codes": ids, "caption": tell(at, "Describe this photo in one sentence."), "answer": tell(at, QUESTION), "beams": tell(at, QUESTION, 3),
                        "texts": numbers(torch.tensor([after_photo(ids, text) for text in TEXTS])), "given": numbers(torch.tensor([after_text(ids, text) for text in TEXTS]))}
                       for at, (photo, ids) in enumerate(zip(photos, codes))],
            "texts": TEXTS, "question": QUESTION}


def certain_codes(model, pixels: torch.Tensor) -> list[list[int]]:
    """The photos' tokens. Raises Unclear where two codes are nearly as near, or where few codes are used."""
    vq = model.model.vqmodel
    states = vq.quant_conv(vq.encoder(pixels)).permute(0, 2, 3, 1).reshape(-1, vq.quantize.embedding_dim)
    nearest = torch.cdist(states, vq.quantize.embedding.weight).topk(2, largest=False).values
    if (nearest[:, 1] - nearest[:, 0]).min() < 1e-4:
        raise Unclear("two codes are nearly as near")
    codes = model.get_image_tokens(pixels).tolist()
    if len(codes[0]) != PLACES or min(len(set(ids)) for ids in codes[:2]) < 8:
        raise Unclear(f"only {min(len(set(ids)) for ids in codes)} codes are used")
    return codes
