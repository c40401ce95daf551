"""Tiny models of the recipes' families, random weights, next to the embedded Qwen2.5-VL of `skin_r1.tiny`."""

import torch
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessor,
    Gemma3Processor,
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from skin_r1.tiny import CHAT_TEMPLATE, build_tiny, train_tokenizer

SIDE, PATCH, MERGE = 56, 7, 2  # pixels; 4 x 4 image tokens, as in the embedded model
TEXT = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2}
TEXT |= {"num_key_value_heads": 1, "head_dim": 64, "max_position_embeddings": 4096, "initializer_range": 0.06}


def _vocabulary(tokenizer):
    return -(-len(tokenizer) // 64) * 64


def _save(model, processor, folder):
    tokenizer = processor.tokenizer
    for config in (model.config, model.generation_config):
        config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def tiny_qwen3_vl(folder, texts):
    """Two decoder layers, two vision blocks, one of them feeding a decoder layer directly (deepstack)."""
    tokenizer = train_tokenizer(texts)
    pixels = {"shortest_edge": SIDE**2, "longest_edge": SIDE**2}
    processor = Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(patch_size=PATCH, merge_size=MERGE, size=pixels),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(patch_size=PATCH, merge_size=MERGE, size=pixels),
        chat_template=CHAT_TEMPLATE,
    )
    ids = {"image_token_id": "<|image_pad|>", "video_token_id": "<|video_pad|>"}
    ids |= {"vision_start_token_id": "<|vision_start|>", "vision_end_token_id": "<|vision_end|>"}
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [12, 10, 10], "mrope_interleaved": True}
    config = Qwen3VLConfig(
        text_config={**TEXT, "vocab_size": _vocabulary(tokenizer), "rope_parameters": rope},
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_heads": 2,
            "patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "out_hidden_size": TEXT["hidden_size"],
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
            "initializer_range": 0.06,
        },
        **{name: tokenizer.convert_tokens_to_ids(token) for name, token in ids.items()},
    )
    torch.manual_seed(0)
    return _save(Qwen3VLForConditionalGeneration(config), processor, folder)


def tiny_gemma3(folder, texts):
    """Two decoder layers, one with a sliding window; SigLIP without its head, as MedGemma has it."""
    trained = train_tokenizer(texts)
    names = {"boi_token": "<|vision_start|>", "image_token": "<|image_pad|>", "eoi_token": "<|vision_end|>"}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained.backend_tokenizer,
        eos_token=trained.eos_token,
        pad_token=trained.pad_token,
        padding_side="left",
        model_max_length=4096,
        extra_special_tokens=names,
    )
    # the processor itself writes the tokens that follow the start of an image
    template = CHAT_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", "<|vision_start|>")
    processor = Gemma3Processor(
        image_processor=Gemma3ImageProcessor(size={"height": SIDE, "width": SIDE}),
        tokenizer=tokenizer,
        chat_template=template,
        image_seq_length=(SIDE // PATCH // MERGE) ** 2,
    )
    config = Gemma3Config(
        text_config={
            **TEXT,
            "vocab_size": _vocabulary(tokenizer),
            "query_pre_attn_scalar": 64,
            "sliding_window": 64,
            "layer_types": ["sliding_attention", "full_attention"],
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": PATCH,
            "vision_use_head": False,
        },
        mm_tokens_per_image=(SIDE // PATCH // MERGE) ** 2,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        image_token_index=tokenizer.image_token_id,
    )
    torch.manual_seed(0)
    return _save(Gemma3ForConditionalGeneration(config), processor, folder)


def tiny_qwen2_5_vl(folder, texts):
    """The embedded model, a size smaller."""
    return build_tiny(folder, texts, hidden_size=128, layers=2, vision_hidden_size=64, vision_layers=2)


# folder of recipes -> builder of a tiny model of its architecture: builder(folder: Path, texts) -> Path
BUILDERS = {"qwen2_5_vl_7b": tiny_qwen2_5_vl, "qwen3_vl_8b": tiny_qwen3_vl, "medgemma_4b": tiny_gemma3}
