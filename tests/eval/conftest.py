"""A small corpus of flat colored squares: everything about it is known by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from squares import COLORS, MALIGNANCY, case, write_split

from eval.cases import CaseScore


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 train and 6 test cases; the first two test cases are dense."""
    folder = tmp_path_factory.mktemp("squares")
    names = list(COLORS)
    write_split(folder, "train", [case(i, names[i % 3], "train") for i in range(60)])
    dense = {"annotation": "dense", "concept_source": "annotated"}
    ulcer = {"concepts_present": ["ulcer", "papule"], "concepts_absent": ["scale"]}
    write_split(
        folder,
        "test",
        [
            case(0, "melanoma", "test", **dense, **ulcer),
            case(
                1,
                "melanocytic-nevus",
                "test",
                **dense,
                concepts_present=["macule"],
                concepts_absent=["ulcer", "scale"],
            ),
            *[case(i, names[i % 3], "test") for i in range(2, 6)],
        ],
    )
    return folder


@pytest.fixture
def scored() -> Callable[..., CaseScore]:
    """A CaseScore by hand: `scored(truth, predicted, **changes)`."""

    def make(
        diagnosis: str | None = "melanocytic-nevus", predicted: str | None = "melanocytic-nevus", **changes: Any
    ) -> CaseScore:
        row: dict[str, Any] = {
            "case_id": "x",
            "group": "g",
            "failure": None,
            "said": predicted,
            "diagnosis": diagnosis,
            "predicted": predicted,
            "credit": float(diagnosis == predicted),
            "malignancy": MALIGNANCY.get(diagnosis or ""),
            "predicted_malignancy": MALIGNANCY.get(predicted or ""),
            "dense": False,
        }
        return CaseScore(**{**row, **changes})

    return make
