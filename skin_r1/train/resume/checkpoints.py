"""Checkpoint folders that count only when they are whole: a list of their files is written last.

A run that is killed while it writes leaves a folder that looks like the newest checkpoint and lacks its optimizer or
its random state. transformers takes the newest folder by name; here a folder without a fitting list is passed over.
"""

import json
import re
from pathlib import Path
from typing import Any

from skin_r1.errors import problem
from skin_r1.whole import write_whole

SEAL = "complete.json"
"""Name of the list: {"files": {path relative to the folder: bytes}}."""
_NAME = re.compile(r"checkpoint-(\d+)")


def seal(folder: Path) -> None:
    """Mark a checkpoint as whole; call when every process has written its part."""
    sizes = {
        str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()
    }
    write_whole(folder / SEAL, json.dumps({"files": sizes}, indent=1) + "\n")


def is_whole(folder: Path) -> bool:
    """Whether every file that was listed last is there with its size.

    Sizes, not checksums: they find what a kill or a broken copy leaves, and cost nothing on a checkpoint of 100 GB.
    """
    try:
        sizes: dict[str, int] = json.loads((folder / SEAL).read_text())["files"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def last_whole(output_dir: Path) -> Path | None:
    """The whole checkpoint with the highest step, or None; says which newer ones it passes over."""
    folders = [path for path in output_dir.glob("checkpoint-*") if _NAME.fullmatch(path.name) and path.is_dir()]
    for folder in sorted(folders, key=lambda path: int(path.name.removeprefix("checkpoint-")), reverse=True):
        if is_whole(folder):
            return folder
        print(f"{folder} was not written to its end and is passed over", flush=True)
    return None


def check_resumable(config: Any) -> None:
    """Refuse settings under which a resumed run could not end where an unbroken one ends.

    Args:
        config: a `transformers.TrainingArguments`, or TRL's.

    Raises:
        UserError: naming the key.
    """
    if config.save_strategy == "no":
        return
    by_epoch = "epoch" in (config.eval_strategy, config.logging_strategy) and config.save_strategy == "steps"
    refused = {
        "save_only_model": (config.save_only_model, "a checkpoint without optimizer cannot be resumed"),
        "ignore_data_skip": (config.ignore_data_skip, "a resumed run would see its first rows again"),
        "eval_on_start": (config.eval_on_start, "a resumed run would evaluate and log once more"),
        "sync_ref_model": (
            getattr(config, "sync_ref_model", False),
            "the reference model moves, and TRL leaves it out of its checkpoints",
        ),
        "save_strategy": (
            by_epoch,
            "evaluation or logging once per epoch comes after the last step's checkpoint and would be left out",
        ),
    }
    for key, (found, why) in refused.items():
        if found:
            raise problem(
                f"this run could not be resumed: {why}",
                column=key,
                found=config.save_strategy.value if key == "save_strategy" else found,
                allowed="epoch or no" if key == "save_strategy" else "false, or save_strategy: no",
                next_step=f"change {key}, or set save_strategy: no and let an interrupted run start again",
            )
