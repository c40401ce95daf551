"""The embedded model: the flagship's architecture (Qwen2.5-VL), about 3 M parameters, built by code from a seed.

The demo, the tests, vLLM and LoRA serving then walk the flagship's own path without any download. It has random
weights: everything it knows it learns from the corpus that it is trained on.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from skin_r1.manifest import write_manifest

END, PAD = "<|im_end|>", "<|endoftext|>"
SPECIAL = (
    PAD,
    "<|im_start|>",
    END,
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "<|im_start|>{{ message.role }}\n"
    "{%- if message.content is string -%}{{ message.content }}"
    "{%- else -%}{%- for part in message.content -%}"
    "{%- if part.type in ('image', 'image_url') or 'image' in part -%}<|vision_start|><|image_pad|><|vision_end|>"
    "{%- elif 'text' in part -%}{{ part.text }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "<|im_end|>\n"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|im_start|>assistant\n{%- endif -%}"
)
# Merges may span the words of a phrase but never cross punctuation: "atypical pigment network" becomes one token,
# the same one in prose and in JSON. It halves the sequences, and so the cost of every step on a CPU.
PHRASES = Regex(r"[\p{L}\p{N}](?:[\p{L}\p{N} '()/-]*[\p{L}\p{N})])?|[^\p{L}\p{N}]+")


def train_tokenizer(texts: Iterable[str], vocab_size: int = 1024) -> PreTrainedTokenizerFast:
    """A byte-level BPE over phrases, trained in process; any UTF-8 text can be encoded."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(PHRASES, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        padding_side="left",
        chat_template=CHAT_TEMPLATE,
        model_max_length=4096,
        additional_special_tokens=[token for token in SPECIAL if token not in (END, PAD)],
    )


def build_tiny(
    folder: Path,
    texts: Iterable[str],
    *,
    seed: int = 0,
    image_size: int = 56,
    hidden_size: int = 256,
    layers: int = 4,
    vision_hidden_size: int = 128,
    vision_layers: int = 4,
    vocab_size: int = 1024,
    initializer_range: float = 0.06,
) -> Path:
    """Build and save the tiny Qwen2.5-VL with its tokenizer and processor.

    Args:
        folder: where to save; created.
        texts: prompts and completions that the tokenizer is trained on.
        seed: fixes the weights.
        image_size: images are resized to about this many pixels squared (patch 7, merge 2: 56 gives 16 image tokens).
        hidden_size, layers, vision_hidden_size, vision_layers: widths and depths; head size is 64 and 32.
        vocab_size: upper bound of the tokenizer's vocabulary.
        initializer_range: standard deviation of the initial weights. The usual 0.02 is too small at this width: the
            model then learns the format and ignores the image.

    Returns:
        The folder.
    """
    from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    tokenizer = train_tokenizer(texts, vocab_size)
    pixels = {"shortest_edge": image_size**2, "longest_edge": image_size**2}
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(patch_size=7, merge_size=2, size=pixels),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(patch_size=7, merge_size=2, size=pixels),
        chat_template=CHAT_TEMPLATE,
    )
    ids: dict[str, Any] = {name: tokenizer.convert_tokens_to_ids(token) for name, token in _TOKEN_FIELDS.items()}
    heads = hidden_size // 64
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": -(-len(tokenizer) // 64) * 64,
            "hidden_size": hidden_size,
            "intermediate_size": 2 * hidden_size,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": max(1, heads // 2),
            "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [8, 12, 12]},
            "initializer_range": initializer_range,
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={
            "depth": vision_layers,
            "hidden_size": vision_hidden_size,
            "intermediate_size": 2 * vision_hidden_size,
            "num_heads": vision_hidden_size // 32,
            "patch_size": 7,
            "spatial_patch_size": 7,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "window_size": 112,
            "fullatt_block_indexes": list(range(vision_layers)),
            "out_hidden_size": hidden_size,
            "initializer_range": initializer_range,
        },
        tie_word_embeddings=True,
        **ids,
    )
    config.initializer_range = initializer_range
    config.eos_token_id = tokenizer.eos_token_id
    config.pad_token_id = tokenizer.pad_token_id
    devices: list[int] = []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        model = Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    write_manifest(
        folder,
        kind="tiny model",
        config={"seed": seed, "image_size": image_size, "hidden_size": hidden_size, "layers": layers},
        inputs={},
        outputs={"parameters": model.num_parameters(), "vocabulary": len(tokenizer)},
    )
    return folder


_TOKEN_FIELDS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}
