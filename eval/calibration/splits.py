"""Who may teach a calibration: the validation split, and nobody of the split that is judged with it."""

from collections.abc import Iterable

from skin_r1.errors import problem


def check_fitted_on(split: str) -> None:
    """Refuse to fit on a split that the model was trained on or is judged by.

    Raises:
        UserError: the split is not `validation`.
    """
    if split != "validation":
        raise problem(
            f"nothing is fitted on the {split} split: figures on it would flatter",
            column="split",
            found=split,
            allowed="validation",
            next_step="predict the validation split too: skin-r1 eval run --split validation",
        )


def check_apart(fitted: Iterable[str], judged: Iterable[str]) -> None:
    """Refuse groups (patients, lesions, duplicates) that are in both.

    Raises:
        UserError: with one of them.
    """
    both = sorted({*fitted} & {*judged})
    if both:
        raise problem(
            f"{len(both)} groups are both in the fitted and in the judged cases",
            column="group",
            found=both[0],
            allowed="a group in one split only",
            next_step="take both splits from one corpus; `skin-r1 data validate CORPUS` checks it",
        )
