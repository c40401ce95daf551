"""How alike the rationales of a run are, and how hard to read."""

import re
from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import Any

from skin_r1.distill.composer.code import grams

SAMPLE = 400  # rationales that are compared, each with each
BOUND = 0.5
_WORD, _SENTENCE, _VOWELS = re.compile(r"[A-Za-z]+"), re.compile(r"[.!?](?:\s|$)"), re.compile(r"[aeiouy]+")


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
    grades = [grade(text) for text in chosen]
    return {
        "overlap": {"largest": largest, "bound": BOUND, "pairs": len(pairs)},
        "reading_level": {"low": min(grades), "median": median(grades), "high": max(grades)},
    }


def grade(text: str) -> float:
    """School grade by Flesch and Kincaid: 0.39 words per sentence + 11.8 syllables per word - 15.59.

    Syllables are counted as groups of vowels, a silent e at the end left out. Source: Kincaid JP et al., Derivation of new
    readability formulas, Naval Technical Training Command, Research Branch Report 8-75, 1975.
    """
    words = _WORD.findall(text.lower())
    if not words:
        return 0.0
    syllables = sum(
        max(1, len(_VOWELS.findall(word)) - (word.endswith("e") and not word.endswith("le"))) for word in words
    )
    return 0.39 * len(words) / max(1, len(_SENTENCE.findall(text))) + 11.8 * syllables / len(words) - 15.59
