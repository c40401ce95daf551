"""What the processors of vLLM and of transformers make of the same prompts, for families beside the tiny model's own.

vLLM's processor runs as its engine runs it, without the engine. A process of its own keeps vLLM out of the tests' one.

Usage: python prompts_in_vllm.py FOLDER OUT.json
"""

import json
import sys
from importlib import import_module
from pathlib import Path

from PIL import Image
from tiny_processors import FAMILIES
from transformers import AutoProcessor
from vllm import ModelRegistry
from vllm.config import ModelConfig
from vllm.multimodal import MULTIMODAL_REGISTRY
from vllm.multimodal.processing.context import TimingContext
from vllm.multimodal.processing.inputs import ProcessorInputs

from skin_r1.train.rollouts.boundary import short_prompt_ids


def vllm_processor(folder, module):
    (architecture,) = json.loads((folder / "config.json").read_text())["architectures"]
    # registered by class, vLLM need not start a process to look into it
    ModelRegistry.register_model(
        architecture, getattr(import_module(f"vllm.model_executor.models.{module}"), architecture)
    )
    return MULTIMODAL_REGISTRY.create_processor(ModelConfig(model=str(folder), limit_mm_per_prompt={"image": 2}))


def expanded_by(processor, ids, images):
    items = processor.info.parse_mm_data({"image": images} if images else {})
    return list(processor.apply(ProcessorInputs(prompt=ids, mm_data_items=items), TimingContext())["prompt_token_ids"])


out = []
pictures = [Image.effect_noise(size, 60).convert("RGB") for size in ((100, 80), (56, 112))]
for module, build in FAMILIES.items():
    folder = Path(sys.argv[1]) / module
    build(folder)
    ours, theirs = AutoProcessor.from_pretrained(folder), vllm_processor(folder, module)
    for count in range(3):
        images = pictures[:count]
        parts = [*({"type": "image", "image": image} for image in images), {"type": "text", "text": "What is this?"}]
        prompts = [[{"role": "user", "content": parts}]]
        whole = ours.apply_chat_template(prompts, add_generation_prompt=True, tokenize=True, return_dict=True)
        (training,), (short,) = whole["input_ids"], short_prompt_ids(ours, prompts, {})
        read = expanded_by(theirs, short, images)
        twice = expanded_by(theirs, list(training), images)
        out.append(
            {"family": module, "images": count, "training": list(training), "vllm": read, "expanded twice": twice}
        )
Path(sys.argv[2]).write_text(json.dumps(out))
