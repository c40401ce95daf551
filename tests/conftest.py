"""Fixtures that every room shares."""

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_finish() -> None:
    """What was imported for all tests is no garbage: else one collection falls into some timed test, for up to a second."""
    gc.freeze()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the licensed samples; a test that needs it is skipped where it is absent."""
    folder = Path(os.environ.get("SKIN_R1_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real datasets are not here: set SKIN_R1_DATA to their folder (looked in {folder})")
    return folder


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """`serve(answer, ...)` starts an `Endpoint`, or the `kind` of it that is given; they end with the test."""
    from tests.distill.endpoint import Endpoint

    started: list[Any] = []

    def start(*args: Any, kind: type = Endpoint, **kwargs: Any) -> Any:
        started.append(kind(*args, **kwargs))
        return started[-1]

    yield start
    for server in started:
        server.close()
