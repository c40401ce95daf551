"""Folders and files that are there whole or not at all; folders never in place of something that is not ours."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skin_r1.errors import problem

MARK = ".unfinished"
"""A file in a folder that is being made, or that is being replaced; a folder that holds it may be removed."""


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that a kill leaves the old one or the new one, never a part; folders above it are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        stream.write(content.encode() if isinstance(content, str) else content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


@contextmanager
def whole_folder(out: Path, *, kind: str, overwrite: bool, keep: Path | None = None) -> Iterator[Path]:
    """Yield a temporary sibling of `out` that becomes `out` only if the block ends well.

    Args:
        out: the folder to make; nothing or an empty folder may be there.
        kind: the `kind` in the manifest of what is made. `overwrite` replaces a folder of that kind only, so that a
            mistyped place never deletes something else.
        overwrite: replace an existing folder.
        keep: an input; a place that holds it is refused.

    Raises:
        UserError: `out` may not be replaced.
    """
    out = out.absolute()
    check_replaceable(out, kind, overwrite=overwrite, keep=keep)
    partial, old = out.with_name(out.name + ".partial"), out.with_name(out.name + ".old")
    _clear(partial, finished=kind)
    _clear(old)
    partial.mkdir(parents=True)
    (partial / MARK).touch()
    try:
        yield partial
        (partial / MARK).unlink()
    except BaseException:  # an interrupt too: nothing half-made stays, and the error goes on
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if out.exists():
        (out / MARK).touch()
        out.rename(old)
    partial.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _clear(folder: Path, finished: str | None = None) -> None:
    """Remove what a killed run left, a folder with our mark; nothing else, as `OUT.old` is also what people call backups.

    Args:
        folder: where it would be.
        finished: an artifact of this kind goes too: the run was killed before its last step.

    Raises:
        UserError: the folder is not ours.
    """
    if not folder.exists():
        return
    ours = (folder / MARK).exists() or (finished is not None and kind_of(folder) == finished)
    if not ours and any(folder.iterdir()):
        raise problem(
            "this place is needed for a moment and holds something that is not ours",
            file=folder,
            next_step="move it away, or choose another output",
        )
    shutil.rmtree(folder)


def check_replaceable(out: Path, kind: str, *, overwrite: bool, keep: Path | None = None) -> None:
    """Refuse to write over anything but an artifact of the same kind that the user agreed to replace.

    Raises:
        UserError: `out` holds something and is not such an artifact, `overwrite` is not set, or `out` holds `keep`.
    """
    if keep is not None and keep.resolve().is_relative_to(out.resolve()):
        raise problem("the output would replace its own input", file=out, next_step="choose another place")
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    found = kind_of(out)
    if found != kind:
        raise problem(
            "this place exists and holds something else, which would be lost",
            file=out,
            found=found or "no manifest.json of ours",
            allowed=f"a new or empty folder, or one whose manifest.json says kind {kind!r}, to replace",
            next_step="choose another place, or remove it yourself",
        )
    if not overwrite:
        raise problem("the output exists already", file=out, next_step="choose another place, or pass --overwrite")


def kind_of(folder: Path) -> str | None:
    """What the folder's manifest says that it is; None without a readable manifest."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError):
        return None
    return manifest.get("kind") if isinstance(manifest, dict) else None
