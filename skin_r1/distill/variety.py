"""How alike the rationales of a run are, and how hard to read."""

from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import Any

from skin_r1.distill.composer.code import grams
from skin_r1.readability import readability

SAMPLE = 400  # rationales that are compared, each with each
BOUND = 0.5


def variety(texts: Sequence[str]) -> dict[str, Any]:
    """Facts about the reasoning texts of a run.

    Args:
        texts: the first `SAMPLE` are looked at; a plan is balanced from its beginning.

    Returns:
        `overlap`: the largest share of 8-word runs that two texts have in common (of the shorter), its bound, the pairs
        compared. `reading_level`: lowest, median and highest school grade. Both None for fewer than two texts.
    """
    chosen = texts[:SAMPLE]
    if len(chosen) < 2:
        return {"overlap": None, "reading_level": None}
    runs = [grams(text) for text in chosen]
    pairs = [(one, other) for one, other in combinations(runs, 2) if one and other]
    largest = max((len(one & other) / min(len(one), len(other)) for one, other in pairs), default=0.0)
    grades = [readability(text).grade or 0.0 for text in chosen]
    return {
        "overlap": {"largest": largest, "bound": BOUND, "pairs": len(pairs)},
        "reading_level": {"low": min(grades), "median": median(grades), "high": max(grades)},
    }
