"""The model that a run starts from, as a folder of whole weights: built, merged from an adapter, or as it is."""

from collections.abc import Callable
from pathlib import Path

from accelerate import PartialState
from transformers.integrations import is_deepspeed_zero3_enabled

from skin_r1.errors import problem
from skin_r1.manifest import write_manifest
from skin_r1.models import load


def start_folder(name: str, output_dir: Path, build: Callable[[Path], object] | None = None) -> str:
    """Where the weights to start from lie.

    An adapter (what SFT with LoRA leaves) is merged into its base first, in `output_dir/start`: GRPO puts a fresh adapter on
    it, its KL penalty is then one to the SFT model, and vLLM can load it.

    Args:
        name: folder or hub id of a model, folder of an adapter, or `tiny`.
        output_dir: of the run.
        build: writes the embedded model into a folder; for stages that know its tokenizer's texts.

    Raises:
        UserError: `tiny` under ZeRO-3, or an adapter that cannot be merged.
    """
    state = PartialState()
    if name == "tiny" and build is not None:
        if is_deepspeed_zero3_enabled():
            raise problem(
                "the embedded model cannot be built where ZeRO-3 divides every new weight",
                column="model_name_or_path",
                found=name,
                next_step="build it by one step without ZeRO-3, then give its folder: --model_name_or_path OUT/base",
            )
        base = output_dir / "base"
        with state.main_process_first():
            if not (base / "manifest.json").is_file():
                build(base)
        return str(base)
    if (Path(name) / "adapter_config.json").is_file():
        merged = output_dir / "start"
        with state.main_process_first():
            if not (merged / "manifest.json").is_file():
                merge(Path(name), merged)
        return str(merged)
    return name


def merge(adapter: Path, folder: Path) -> None:
    """Write an adapter's base model with the adapter merged into it, in the base's own type, with its processor.

    Raises:
        UserError: the adapter or its base cannot be loaded.
    """
    loaded = load(adapter, device="cpu", dtype="auto")
    folder.mkdir(parents=True, exist_ok=True)
    loaded.model.merge_and_unload().save_pretrained(folder)
    loaded.processor.save_pretrained(folder)
    write_manifest(folder, kind="merged model", config={}, inputs={"adapter": adapter}, outputs={})
