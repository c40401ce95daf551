"""Processors of three more families, built small, with the configuration that vLLM needs to read prompts for them."""

from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models
from transformers import (
    Gemma3Config,
    Gemma3ImageProcessor,
    Gemma3Processor,
    Idefics3Config,
    Idefics3ImageProcessor,
    Idefics3Processor,
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from skin_r1.tiny import CHAT_TEMPLATE, train_tokenizer

LANGUAGE = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
}
VISION = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1}
TURNS = (
    "{{ bos_token or '' }}{%- for m in messages -%}<turn>{{ m.role }}\n{%- for part in m.content -%}"
    "{%- if part.type == 'image' -%}IMAGE{%- else -%}{{ part.text }}{%- endif -%}"
    "{%- endfor -%}<end>\n{%- endfor -%}{%- if add_generation_prompt -%}<turn>model\n{%- endif -%}"
)


def qwen3_vl(folder: Path) -> None:
    """A run of `<|image_pad|>` between two vision marks, as many as the image's size asks for."""
    tokenizer = train_tokenizer(["What is this?"], 400)
    size = {"shortest_edge": 56**2, "longest_edge": 112**2}
    Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(patch_size=7, merge_size=2, size=size),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(patch_size=7, merge_size=2, size=size),
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    marks = {"image": "image_pad", "video": "video_pad", "vision_start": "vision_start", "vision_end": "vision_end"}
    ids = {f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{mark}|>") for name, mark in marks.items()}
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 6, 6]}
    vision = {"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 1, "patch_size": 7}
    Qwen3VLConfig(
        text_config={**LANGUAGE, "rope_parameters": rope},
        vision_config={**vision, "spatial_merge_size": 2, "out_hidden_size": 64, "deepstack_visual_indexes": [0]},
        architectures=["Qwen3VLForConditionalGeneration"],
        **ids,
    ).save_pretrained(folder)


def gemma3(folder: Path) -> None:
    """A placeholder that becomes another token, repeated, between two marks and blank lines that merge with their own."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<turn>", "<end>", "<boi>", "<eoi>", "<soft>"]
    characters = {chr(code): len(special) + index for index, code in enumerate(range(32, 127))}
    inner = Tokenizer(
        models.BPE(vocab={**{t: i for i, t in enumerate(special)}, **characters}, merges=[], unk_token="<unk>")
    )
    inner.decoder = decoders.Fuse()
    inner.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    inner.add_tokens([AddedToken("\n" * count, normalized=False) for count in (1, 2, 3, 4)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens={"boi_token": "<boi>", "eoi_token": "<eoi>", "image_token": "<soft>"},
    )
    Gemma3Processor(
        image_processor=Gemma3ImageProcessor(size={"height": 56, "width": 56}),
        tokenizer=tokenizer,
        chat_template=TURNS.replace("IMAGE", "<boi>"),
        image_seq_length=4,
    ).save_pretrained(folder)
    Gemma3Config(
        text_config=LANGUAGE,
        vision_config={**VISION, "image_size": 56, "patch_size": 14},
        mm_tokens_per_image=4,
        boi_token_index=6,
        eoi_token_index=7,
        image_token_index=8,
        architectures=["Gemma3ForConditionalGeneration"],
    ).save_pretrained(folder)


def idefics3(folder: Path) -> None:
    """A placeholder that becomes rows and columns of tiles, each with its own marks, then the whole image."""
    tokenizer = train_tokenizer(["What is this?"], 400)
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    marks = ["<fake_token_around_image>", "<image>", "<global-img>", "<end_of_utterance>", "<turn>", "<end>"]
    tokenizer.add_special_tokens({"additional_special_tokens": marks + tiles})
    Idefics3Processor(
        image_processor=Idefics3ImageProcessor(size={"longest_edge": 112}, max_image_size={"longest_edge": 56}),
        tokenizer=tokenizer,
        chat_template=TURNS.replace("IMAGE", "<image>"),
        image_seq_len=16,
    ).save_pretrained(folder)
    Idefics3Config(
        text_config={**LANGUAGE, "model_type": "llama"},
        vision_config={**VISION, "image_size": 56, "patch_size": 7},
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        architectures=["Idefics3ForConditionalGeneration"],
    ).save_pretrained(folder)


FAMILIES = {"qwen3_vl": qwen3_vl, "gemma3_mm": gemma3, "idefics3": idefics3}  # by vLLM's module
