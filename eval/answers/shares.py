"""The likeliest of several names by the shares or grades that stand beside them."""

import re
from collections.abc import Sequence

from eval.answers.firmness import Name

_GRADE = re.compile(
    r"\b(very high|high|moderate|medium|low|very low)(?: (?:likelihood|probability))?:\s+$", re.IGNORECASE
)
_GRADES = {"very high": 0.9, "high": 0.8, "moderate": 0.5, "medium": 0.5, "low": 0.2, "very low": 0.1}
_PERCENT = re.compile(r"\d{1,3}(?:\.\d+)?(?= ?%| (?:out of|in) (?:10|ten)\b)|(?<![\d.])[01]?\.\d+\b")


def by_share(text: str, names: Sequence[Name]) -> Name | None:
    """The likeliest by percentage or grade: "X at 70%, Y at 20%", "70% X, 20% Y", "high: X; low: Y"."""
    starts, ends = [name.start for name in names], [name.end for name in names]
    behind = [text[end : min(end + 25, start)] for end, start in zip(ends, [*starts[1:], len(text)], strict=True)]
    before = [text[max(start - 25, end) : start] for start, end in zip(starts, [0, *ends[:-1]], strict=True)]
    grades: list[float | None] = []
    for each in before:
        carried = grades[-1] if grades and each.strip() in (",", "and", ", and", "or") else None  # "low: X, Y"
        grades.append(_GRADES[found[1].lower()] if (found := _GRADE.search(each)) else carried)
    for shares in (
        [_percent(re.split("[,;./] ", each)[-1]) for each in before],
        [_percent(each) for each in behind],
        grades,
    ):
        shared = {name.slug: share for name, share in zip(names, shares, strict=True) if share is not None}
        if len(shared) > 1 and all(name.slug in shared for name in names):
            best = [slug for slug, share in shared.items() if share == max(shared.values())]
            return next(name for name in names if name.slug == best[0]) if len(best) == 1 else None
    return None


def _percent(stretch: str) -> float | None:
    return float(found[0]) if (found := _PERCENT.search(stretch)) else None
