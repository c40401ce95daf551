"""The model that a run starts from, as a folder of whole weights: built, merged from an adapter, or as it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from accelerate import PartialState
from transformers.integrations import deepspeed

from skin_r1.manifest import write_manifest
from skin_r1.models import load


def start_folder(name: str, output_dir: Path, build: Callable[[Path], object] | None = None) -> str:
    """Where the weights to start from lie.

    An adapter (what SFT with LoRA leaves) is merged into its base first, in `output_dir/start`: GRPO puts a fresh adapter on
    it, its KL penalty is then one to the SFT model, and vLLM can load it. The main process writes, all read: where several
    machines train as one, they must share the disk of `output_dir`.

    Args:
        name: folder or hub id of a model, folder of an adapter, or `tiny`.
        output_dir: of the run, on a disk that all its processes see.
        build: writes the embedded model into a folder; for stages that know its tokenizer's texts.

    Raises:
        UserError: the adapter or its base cannot be loaded.
    """
    state = PartialState()
    if name == "tiny" and build is not None:
        base = output_dir / "base"
        with state.main_process_first(), in_one_process():
            if not (base / "manifest.json").is_file():
                build(base)
        return str(base)
    if (Path(name) / "adapter_config.json").is_file():
        merged = output_dir / "start"
        with state.main_process_first(), in_one_process():
            if not (merged / "manifest.json").is_file():
                merge(Path(name), merged)
        return str(merged)
    return name


@contextmanager
def in_one_process() -> Iterator[None]:
    """Models made in the block are whole and this process's own, also where ZeRO-3 would divide each new weight.

    Dividing is an exchange between all processes, so one that makes a model alone would wait for the others for ever.
    transformers divides while it knows of a ZeRO-3 configuration; accelerate's `zero3_init_context_manager` leaves that as
    it is, and no public name gives the configuration back, hence the private one.
    """
    known = deepspeed._hf_deepspeed_config_weak_ref
    configuration = known and known()
    deepspeed.unset_hf_deepspeed_config()
    try:
        yield
    finally:
        if configuration is not None:
            deepspeed.set_hf_deepspeed_config(configuration)


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
