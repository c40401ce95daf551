"""Small datasets in the native shape of the real ones, drawn by code."""

from functools import partial
from pathlib import Path

import pytest
from drawn_datasets import Writer, write_ham, write_pad


@pytest.fixture
def ham(tmp_path: Path) -> Writer:
    """Write a HAM10000-shaped dataset below the test's folder."""
    return partial(write_ham, tmp_path)


@pytest.fixture
def pad(tmp_path: Path) -> Writer:
    """Write a PAD-UFES-20-shaped dataset below the test's folder."""
    return partial(write_pad, tmp_path)
