"""A predictions file as a run writes it: appended as answers come, and never two runs in one file.

Beside the file stands `FILE.meta.json`, written before the first line: what made the predictions.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.predictions import Prediction, read_predictions
from skin_r1.errors import problem
from skin_r1.whole import write_whole


def meta_path(path: Path) -> Path:
    """Where the description of a predictions file stands."""
    return path.with_name(path.name + ".meta.json")


def read_meta(path: Path) -> dict[str, Any]:
    """What made the predictions in `path`; empty when nobody wrote it down."""
    try:
        found = json.loads(meta_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def start(path: Path, meta: Mapping[str, Any]) -> None:
    """Begin an empty predictions file; what made it is written beside it first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    write_whole(meta_path(path), json.dumps(meta, indent=2, sort_keys=True) + "\n")
    path.touch()


def resume(path: Path, meta: Mapping[str, Any]) -> set[str]:
    """The cases that `path` holds already; a truncated last line, as a killed process leaves it, is cut off.

    Args:
        path: the predictions file; it need not exist.
        meta: what makes the predictions, JSON-serialisable; equal for runs that may share a file.

    Raises:
        UserError: the file belongs to another run, or nobody wrote down to which.
    """
    if path.is_dir():
        raise problem("the output is a folder", file=path, next_step=f"--out {path / 'predictions.jsonl'}")
    if not path.exists() or not path.stat().st_size:
        return set()
    before, now = read_meta(path), json.loads(json.dumps(meta))
    other = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    if other:
        raise problem(
            "the predictions file belongs to another run" if before else "the file does not say what made it",
            file=path if before else meta_path(path),
            column=other[0],
            found=before.get(other[0]),
            allowed=f"{now.get(other[0])!r}, as in this run",
            next_step="choose another --out, repeat the run with its own settings, or pass --overwrite to start anew",
        )
    kept = path.read_bytes()
    whole = kept.rfind(b"\n") + 1
    if whole < len(kept):
        with path.open("r+b") as stream:
            stream.truncate(whole)
    return {prediction.case_id for prediction in read_predictions(path)} if kept[:whole].strip() else set()


def append(path: Path, predictions: Iterable[Prediction]) -> None:
    """Append whole lines and put them on the disk, so that a kill after this call loses nothing."""
    with path.open("ab") as stream:
        for prediction in predictions:
            line = {key: value for key, value in asdict(prediction).items() if value is not None}
            stream.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
