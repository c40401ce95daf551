"""Writing a folder as a whole or not at all."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skin_r1.errors import problem


@contextmanager
def whole_folder(out: Path, *, kind: str, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary sibling of `out` that becomes `out` only if the block ends well.

    Args:
        out: the folder to make.
        kind: the `kind` in the manifest of what is made; `overwrite` replaces a folder of the same kind only, so that
            a mistyped `--out` never deletes something else.
        overwrite: replace an existing folder.

    Raises:
        UserError: `out` exists and may not be replaced.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not overwrite:
            raise problem("the output exists already", file=out, next_step="pass --overwrite, or choose another --out")
        if _kind(out) != kind:
            raise problem(
                f"--overwrite replaces a folder of kind {kind!r} only, and this one is something else",
                file=out,
                found=_kind(out),
                next_step="choose another --out, or remove the folder yourself",
            )
    partial = out.with_name(out.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if out.exists():
        shutil.rmtree(out)
    partial.rename(out)


def _kind(folder: Path) -> str | None:
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError):
        return None
    return manifest.get("kind") if isinstance(manifest, dict) else None
