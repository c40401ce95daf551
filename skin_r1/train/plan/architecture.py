"""What a model is made of, known from its configuration: no weights are read and nothing is fetched."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import AutoConfig, AutoImageProcessor
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

from skin_r1.errors import problem

SHIPPED = files("skin_r1.train.plan") / "architectures"


@dataclass(frozen=True)
class Architecture:
    """A model's configuration (transformers) and what its image processor does to an image's size."""

    name: str
    config: Any
    image_processor: Mapping[str, Any]


def shipped() -> dict[str, dict[str, Any]]:
    """Hub id -> the facts of `architectures/*.json`: configuration, image processor, published bytes, source."""
    read = [json.loads(file.read_text()) for file in SHIPPED.iterdir() if file.name.endswith(".json")]
    return {facts["hub_id"]: facts for facts in read}


def find_architecture(name: str, *, tiny_image_size: int = 56) -> Architecture:
    """The architecture of a recipe's `model_name_or_path`.

    Args:
        name: a checkpoint's folder (an adapter's folder leads to its base), `tiny`, or a hub id of `architectures/`.
        tiny_image_size: pixels of the tiny model's images.

    Raises:
        UserError: neither.
    """
    folder = Path(name)
    if (folder / "config.json").is_file():
        processor = AutoImageProcessor.from_pretrained(folder).to_dict()
        return Architecture(name, AutoConfig.from_pretrained(folder), processor)
    if (folder / "adapter_config.json").is_file():
        base = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
        return find_architecture(base, tiny_image_size=tiny_image_size)
    if name == "tiny":
        from skin_r1.tiny import build_tiny

        with TemporaryDirectory() as scratch:
            built = find_architecture(str(build_tiny(Path(scratch), [name], image_size=tiny_image_size)))
        return Architecture(name, built.config, built.image_processor)
    known = shipped()
    if name not in known:
        raise problem(
            "this model's architecture is not known here",
            column="model_name_or_path",
            found=name,
            allowed=f"a folder with config.json, tiny, {', '.join(sorted(known))}",
            next_step="a stage that starts from an earlier one's output can be planned before that exists: "
            "add --model_name_or_path with the base model",
        )
    facts = known[name]
    config = AutoConfig.for_model(**facts["config"])
    return Architecture(name, config, facts["image_processor"])


def image_size_in_tokens(architecture: Architecture, side: int) -> tuple[int, int]:
    """Tokens that one image takes in the prompt, and patches that the vision tower sees.

    Either the model turns every image into a fixed number of tokens (`mm_tokens_per_image`, Gemma3), or the image is
    rounded to multiples of patch x merge within the processor's pixel limits and each merge x merge block of patches
    becomes one token (Qwen-VL; the rounding is transformers' own `smart_resize`).

    Args:
        architecture: from `find_architecture`.
        side: height and width of the image in pixels.

    Raises:
        UserError: the processor does neither.
    """
    config, processor = architecture.config, architecture.image_processor
    fixed = getattr(config, "mm_tokens_per_image", None)
    if fixed is not None:
        vision = config.vision_config
        return int(fixed), (vision.image_size // vision.patch_size) ** 2
    merge = processor.get("merge_size")
    if merge is None:
        raise problem("cannot tell how many tokens this model makes of an image", found=config.model_type)
    size = processor["size"]
    height, width = smart_resize(
        side, side, processor["patch_size"] * merge, size["shortest_edge"], size["longest_edge"]
    )
    patches = (height // processor["patch_size"]) * (width // processor["patch_size"])
    return patches // merge**2, patches
