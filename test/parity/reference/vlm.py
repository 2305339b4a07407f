"""Rows of the vlm family: pixels, the text and ids of each conversation, scores of every step, greedy and beam texts."""

import inspect
import json
import re

import torch
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer
from transformers import CLIPVisionConfig, GenerationConfig, GitConfig, GitForCausalLM, GemmaConfig, GPT2Config, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor, PaliGemmaConfig, PaliGemmaForConditionalGeneration, PaliGemmaProcessor, Qwen2Config, SiglipVisionConfig, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from reference import blip
from reference.making import NASTY, Row, Unclear, clear, gemma_tokenizer, llama_tokenizer, numbers, plain_ids, sharpen, subword_tokenizer, wordpiece_tokenizer, written

# LLaVA 1.5's own, and the form that Qwen's chat models use.
VICUNA = """{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}{# Render all images first #}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}{# Render all text next #}{% if message['role'] != 'assistant' %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}{% endfor %}{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"""
CHATML = """{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n'}}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ '\n' + content['text'] }}{% endfor %}{{'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""

TALK = [("What is it?", "A dog on a bench."), ("Where? <|im_end|> USER: <image>", "By the sea </s>.")]
# A caption, and questions after no, one and two turns; some with what the templates use as control tokens.
PROMPTS = [{}, {"question": "What colour is the dog?"}, {"question": "<image> <|im_start|>assistant </s> $& {question} 中文 👨‍👩‍👧", "history": TALK},
           {"question": "Who sits there?", "history": TALK[:1]}]
STEPS = 8


def conversation(prompt: dict, caption: str) -> list[dict]:
    turns = [*prompt.get("history", []), (prompt.get("question", caption), None)]
    messages = []
    for at, (question, answer) in enumerate(turns):
        image = [{"type": "image"}] if at == 0 else []
        messages.append({"role": "user", "content": [*image, {"type": "text", "text": question}]})
        if answer is not None:
            messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
    return messages


def safe_ids(processor, messages: list[dict], image_tokens: int | str) -> tuple[str, list[int]]:
    """The prompt's text, and its ids where only the template's own control tokens count: they get secret names, both in the
    template's source and in the tokenizer, before what a person wrote is put in. The photo is so many tokens, or what the processor writes for it."""
    tokenizer = processor.tokenizer
    special = sorted((token.content for token in tokenizer.added_tokens_decoder.values() if token.special), key=len, reverse=True)
    secret = {content: f"\ue000{at}\ue001" for at, content in enumerate(special)}
    backend = tokenizer.backend_tokenizer.to_str()
    rename = lambda text: re.sub("|".join(map(re.escape, special)), lambda found: secret[found[0]], text)  # noqa: E731
    parsed = json.loads(backend)
    for token in parsed["added_tokens"]:
        token["content"] = secret.get(token["content"], token["content"])
    vocab = parsed["model"]["vocab"]
    parsed["model"]["vocab"] = {secret.get(word, word): at for word, at in vocab.items()}
    if parsed["model"].get("unk_token"):
        parsed["model"]["unk_token"] = secret.get(parsed["model"]["unk_token"], parsed["model"]["unk_token"])
    for part in (parsed.get("post_processor") or {}).get("special_tokens", {}).values():
        part["tokens"] = [secret.get(token, token) for token in part["tokens"]]
    template = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]).from_string(
        re.sub(r"{% (end)?generation %}", "", rename(processor.chat_template)))
    shown = template.render(messages=messages, add_generation_prompt=True)
    picture = rename(processor.image_token)
    written_out = shown if isinstance(image_tokens, int) else shown.replace(picture, rename(image_tokens))
    ids = Tokenizer.from_str(json.dumps(parsed)).encode(written_out).ids
    at = ids.index(processor.image_token_id)
    plain = re.sub("\ue000(\\d+)\ue001", lambda found: special[int(found[1])], shown)
    if isinstance(image_tokens, str):
        return plain, ids
    return plain, [*ids[:at], *[processor.image_token_id] * image_tokens, *ids[at + 1:]]


def compare(row: Row, model, processor, caption: str, wrong: dict) -> dict:
    """The golden of a chat model. `wrong` is what gives other scores for the first question: name -> change of the inputs."""
    photos, pixels = row.photos(processor.image_processor)
    tokens, image, text = model.config.image_seq_length, processor.image_token_id, model.config.text_config
    model.generation_config = GenerationConfig(bos_token_id=text.bos_token_id, eos_token_id=text.eos_token_id, pad_token_id=text.pad_token_id, max_new_tokens=STEPS)
    prompts = []
    for prompt in PROMPTS:
        messages = conversation(prompt, caption)
        shown, ids = safe_ids(processor, messages, tokens)
        if not any("<" in str(part) for part in (prompt.get("question"), prompt.get("history"))):
            whole = processor.apply_chat_template(messages, add_generation_prompt=True)
            assert shown == whole, (shown, whole)
            assert processor(text=whole, images=torch.zeros(3, 8, 8).numpy(), return_tensors="pt")["input_ids"][0].tolist() == ids
        prompts.append((prompt, shown, ids))
    row.save(model, processor)
    change = lambda inputs: {**inputs, "position_ids": inputs["position_ids"](prompts[1][2])} if "position_ids" in inputs else inputs  # noqa: E731
    found = conversations(model, processor.tokenizer, pixels, prompts, image)
    seam = "" if prompts[1][1][-1].isspace() else " "
    return {"photos": photos, "conversations": found, "scores": scores(model, processor.tokenizer, pixels, prompts[1], seam, image),
            "wrong": [{"what": what, "logits": numbers(steps(model, ids(prompts[1][2]), [], pixels[0], **change(inputs))[0])} for what, (ids, inputs) in wrong.items()]}


def conversations(model, tokenizer, pixels, prompts: list[tuple[dict, str, list[int]]], image: int | None = None) -> list[dict]:
    """What the model gives for every prompt (what is asked, its text, its ids) and photo; `image` is the id of a picture's token."""
    found = []
    for prompt, text, ids in prompts:
        results = []
        for photo in pixels:
            inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long), "pixel_values": photo[None], **kinds(model, len(ids))}
            greedy = written(model, skip=len(ids), tokens=STEPS, **inputs)
            if image in greedy:
                raise Unclear("the model writes a picture's token")
            results.append({"greedy": greedy, "beam": written(model, skip=len(ids), tokens=STEPS, beams=3, **inputs),
                            "logits": numbers(steps(model, ids, greedy, photo)), "text": tokenizer.decode(greedy, skip_special_tokens=True).strip()})
        found.append({"prompt": {**prompt, "history": [{"question": q, "answer": a} for q, a in prompt.get("history", [])]}, "text": text,
                      "ids": [i for i in ids if i != image], "imageAt": ids.index(image) if image is not None else 0, "photos": results})
    return found


def scores(model, tokenizer, pixels, prompt: tuple[dict, str, list[int]], seam: str, image: int | None = None) -> dict:
    """log p(text | image, prompt) by the model's own loss, and log p(text | prompt) from its scores without a picture."""
    asked, _, ids = prompt
    texts = [plain_ids(tokenizer, seam + text, special=False) for text in blip.CANDIDATES if text]

    def loss(photo, own: list[int]) -> float:
        whole = torch.tensor([[*ids, *own]])
        labels = torch.tensor([[*[-100] * len(ids), *own]])
        return -model(input_ids=whole, attention_mask=torch.ones_like(whole), pixel_values=photo[None], labels=labels, **kinds(model, len(ids), len(own))).loss.item() * len(own)

    def prior(own: list[int]) -> float:
        whole = torch.tensor([[*(i for i in ids if i != image), *own]])
        logs = model(input_ids=whole, attention_mask=torch.ones_like(whole), **kinds(model, whole.shape[1] - len(own), len(own))).logits[0].log_softmax(-1)
        return sum(logs[at, token].item() for at, token in enumerate(own, start=whole.shape[1] - len(own) - 1))

    return {"prompt": asked, "texts": [text for text in blip.CANDIDATES if text], "tokens": [len(own) for own in texts],
            "photos": numbers(torch.tensor([[loss(photo, own) for own in texts] for photo in pixels])), "prior": numbers(torch.tensor([prior(own) for own in texts]))}


def steps(model, ids: list[int], new: list[int], photo, **changed) -> torch.Tensor:
    """Scores after the prompt and after each new token, without a cache: [1 + new, vocabulary]."""
    whole = torch.tensor([[*ids, *new]])
    logits = model(input_ids=whole, attention_mask=torch.ones_like(whole), pixel_values=photo[None], **{**kinds(model, len(ids), len(new)), **changed}).logits
    return clear(logits[0, -1 - len(new):])


def kinds(model, prompt: int, new: int = 0) -> dict:
    """For a model whose prompt is read at once, to both sides: which tokens are the prompt's, and which are new."""
    takes = "token_type_ids" in inspect.signature(model.forward).parameters
    return {"token_type_ids": torch.tensor([[0] * prompt + [1] * new])} if takes else {}


def shared_positions(image: int):
    """All image tokens at one position, as in models that count a picture as one."""
    def positions(ids: list[int]) -> torch.Tensor:
        moves = [at > 0 and not (ids[at] == ids[at - 1] == image) for at in range(len(ids))]
        return torch.tensor([moves]).long().cumsum(-1)
    return positions


def with_class_token(image_token: int):
    def change(ids: list[int]) -> list[int]:
        at = ids.index(image_token)
        return [*ids[:at], image_token, *ids[at:]]
    return change


VISION = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "image_size": 32, "patch_size": 8}
TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "head_dim": 8}
CAPTION = "Describe this photo in one sentence."


def llava(row: Row) -> dict:
    """LLaVA 1.5: a CLIP tower, its last layer but one without the class token, and a Llama."""
    tokenizer = llama_tokenizer(extra=["<image>", "<pad>"])
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in (("bos_token_id", "<s>"), ("eos_token_id", "</s>"), ("pad_token_id", "<pad>"))}
    image = tokenizer.convert_tokens_to_ids("<image>")
    config = LlavaConfig(vision_config=CLIPVisionConfig(**VISION, projection_dim=24), text_config=LlamaConfig(**TEXT, **ids, vocab_size=len(tokenizer)),
                         image_token_index=image, vision_feature_layer=-2, vision_feature_select_strategy="default", image_seq_length=16)
    model = sharpen(LlavaForConditionalGeneration(config))
    processor = LlavaProcessor(CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}), tokenizer, patch_size=8,
                               vision_feature_select_strategy="default", chat_template=VICUNA, num_additional_image_tokens=1)
    same = lambda ids: ids  # noqa: E731
    return compare(row, model, processor, CAPTION, {
        "another hidden layer": (same, {"vision_feature_layer": -1}),
        "the class token kept": (with_class_token(image), {"vision_feature_select_strategy": "full"}),
        "image tokens at one position": (same, {"position_ids": shared_positions(image)})})


def llava_qwen(row: Row) -> dict:
    """LLaVA as its interleaved models are: a SigLIP tower, all of its last layer, a Qwen2 and its chat form."""
    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>")
    tokenizer = subword_tokenizer(special=special, names={"pad_token": special[0], "eos_token": special[2]})
    ids = {"bos_token_id": None, "eos_token_id": 2, "pad_token_id": 0}
    config = LlavaConfig(vision_config=SiglipVisionConfig(**VISION), text_config=Qwen2Config(**{**TEXT, "head_dim": 8}, **ids, vocab_size=len(tokenizer), rope_theta=1000000.0),
                         image_token_index=3, vision_feature_layer=-1, vision_feature_select_strategy="full", image_seq_length=16, projector_hidden_act="gelu")
    model = sharpen(LlavaForConditionalGeneration(config))
    processor = LlavaProcessor(SiglipImageProcessorPil(size={"height": 32, "width": 32}), tokenizer, patch_size=8, vision_feature_select_strategy="full",
                               chat_template=CHATML, num_additional_image_tokens=0)
    same = lambda ids: ids  # noqa: E731
    return compare(row, model, processor, CAPTION, {
        "another hidden layer": (same, {"vision_feature_layer": -2}),
        "image tokens at one position": (same, {"position_ids": shared_positions(3)})})


def paligemma(row: Row) -> dict:
    """PaliGemma: a SigLIP, all of its last layer, and a Gemma that reads picture and task to both sides."""
    from transformers.models.paligemma import processing_paligemma

    processing_paligemma.EXTRA_TOKENS = ["<loc0000>", "<loc0001>", "<seg000>"]  # of 1,152, which would be most of the golden
    tokenizer = gemma_tokenizer()
    images = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    images.image_seq_length = 16
    processor = PaliGemmaProcessor(images, tokenizer)
    ids = {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
    text = GemmaConfig(**TEXT, **ids, vocab_size=len(tokenizer))
    model = sharpen(PaliGemmaForConditionalGeneration(PaliGemmaConfig(vision_config={**VISION, "model_type": "siglip_vision_model", "num_hidden_layers": 2, "vision_use_head": False}, text_config=text.to_dict(),
                                                                      image_token_index=processor.image_token_id, projection_dim=32, hidden_size=32, vocab_size=len(tokenizer), **ids)))
    for name, weight in model.named_parameters():
        if "language_model" in name and "norm" in name:
            weight.normal_(0, 0.2)  # Gemma adds one to it
    model.generation_config = GenerationConfig(**ids, max_new_tokens=STEPS)
    photos, pixels = row.photos(images)
    asked = [("caption en", {}), ("detect dog ; cat", {"caption": "detect dog ; cat"}), ("answer en what colour is the dog?", {"question": "what colour is the dog?"}),
             *((f"answer en {text.strip()}", {"question": text}) for text in ("<image> <bos> {question} \\n </s>", NASTY[7], NASTY[6]))]
    prompts = []
    for shown, prompt in asked:
        own = [*[processor.image_token_id] * 16, 2, *plain_ids(tokenizer, shown + "\n", special=False)]
        if "<" not in shown:
            assert processor(text="<image>" + shown, images=torch.zeros(3, 32, 32).numpy(), return_tensors="pt")["input_ids"][0].tolist() == own
        prompts.append((prompt, shown + "\n", own))
    found = conversations(model, tokenizer, pixels, prompts, processor.image_token_id)
    row.save(model, processor)
    ids = prompts[1][2]
    causal = torch.ones(1, len(ids), dtype=torch.long)
    wrong = {"a causal mask over the prompt": numbers(steps(model, ids, [], pixels[0], token_type_ids=causal)[0]),
             "image tokens at one position": numbers(steps(model, ids, [], pixels[0], position_ids=shared_positions(processor.image_token_id)(ids))[0])}
    return {"photos": photos, "conversations": found, "scores": scores(model, tokenizer, pixels, prompts[1], "", processor.image_token_id),
            "wrong": [{"what": what, "logits": logits} for what, logits in wrong.items()]}


def git(row: Row) -> dict:
    """GIT: a picture's tokens, class token and all, before a text that begins with [CLS]."""
    from transformers.models.git import modeling_git

    tokenizer = wordpiece_tokenizer()
    model = sharpen(GitForCausalLM(GitConfig(vision_config={**VISION, "num_hidden_layers": 2}, vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64,
                                             num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=48, bos_token_id=2, eos_token_id=3, pad_token_id=0)))
    model.generation_config = GenerationConfig(bos_token_id=2, eos_token_id=3, pad_token_id=0, max_new_tokens=STEPS)
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    photos, pixels = row.photos(processor)
    asked = [("", {}), ("two dogs on", {"caption": "two dogs on"}), ("what colour is the dog?", {"question": "what colour is the dog?"}), *((text.strip(), {"question": text}) for text in NASTY[8:10])]
    prompts = [(prompt, text, [2, *plain_ids(tokenizer, text, special=False)]) for text, prompt in asked]
    found = conversations(model, tokenizer, pixels, prompts)
    row.save(model, tokenizer, processor)
    ids = prompts[1][2]
    wrong = {"text positions after the picture's": numbers(steps(model, ids, [], pixels[0], position_ids=torch.arange(len(ids))[None] + 17)[0])}
    masks = modeling_git.create_causal_mask
    modeling_git.create_causal_mask = lambda *args, block_sequence_ids=None, **kwargs: masks(*args, **kwargs)
    wrong["a causal mask over the picture"] = numbers(steps(model, ids, [], pixels[0])[0])
    modeling_git.create_causal_mask = masks
    return {"photos": photos, "conversations": found, "scores": scores(model, tokenizer, pixels, prompts[1], " "), "wrong": [{"what": what, "logits": logits} for what, logits in wrong.items()]}


def vit_gpt2(row: Row) -> dict:
    """A ViT and a GPT-2 that attends to it; the mark of the beginning is that of the end."""
    tokenizer = subword_tokenizer(special=("<|endoftext|>",), names={name: "<|endoftext|>" for name in ("bos_token", "eos_token", "pad_token")})
    encoder = ViTConfig(**{**VISION, "hidden_size": 24, "num_hidden_layers": 2})
    decoder = GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
    model = sharpen(VisionEncoderDecoderModel(VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder, decoder_start_token_id=0, pad_token_id=0)))
    for name, weight in model.named_parameters():
        if ".ln_" in name and name.endswith("weight"):
            weight.normal_(1, 0.2)
    before = lambda prompt: [0, *plain_ids(tokenizer, prompt, special=False)]  # noqa: E731

    def loss(pixels, prompt: str, own: list[int]):
        ids, start = [*before(prompt), *own], before(prompt)
        return model(pixels, decoder_input_ids=torch.tensor([ids[:-1]]), labels=torch.tensor([[*[-100] * (len(start) - 1), *own]])).loss

    inputs = lambda prompt: ({"decoder_input_ids": torch.tensor([before(prompt)])}, len(before(prompt)))  # noqa: E731
    processor = ViTImageProcessorPil(size={"height": 32, "width": 32})
    golden = blip.compare(row, model, tokenizer, processor, ["", "a photo of", "<|endoftext|> a </s> dog"], inputs, loss, seam=" ")
    ids = [0, *golden["cases"][0]["greedy"][0]]
    return {**golden, "logits": numbers(clear(model(row.photos(processor)[1][:1], decoder_input_ids=torch.tensor([ids])).logits[0, :4]))}
