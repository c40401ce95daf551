"""Does a text speak of the left and of the right side of one lesion?"""

import re

from skin_r1.distill.checks.prose import Prose

_NEAR = r"(?:-sided)?(?:[- ](?:upper|lower|outer|inner|side of the|side|sided))*"
_PARTS = (
    "cheek|arm|leg|hand|foot|forearm|thigh|calf|shin|ear|temple|eyelid|shoulder|breast|palm|sole|knee|elbow|"
    "ankle|wrist|"
    "flank|buttock|nostril|thumb|big toe|toe|finger|heel|groin|jaw|brow|chest|back|face|neck|scalp|forehead|axilla"
)
_SIDE = re.compile(rf"\b(left|right){_NEAR} ({_PARTS})\b", re.IGNORECASE)
# "the left elbow and the right knee": the lesions are on both.
_JOINED = re.compile(
    rf"\b(?:left|right){_NEAR} (?:{_PARTS})\b(?:(?:,? (?:and|as well as|plus)(?: on| of| at)?|,) "
    rf"(?:the |his |her )?(?:left|right){_NEAR} (?:{_PARTS})\b)+",
    re.IGNORECASE,
)
_HALF = re.compile(
    r"\b(left|right)(?:-sided| (?:side|half) of the (?:chest|face|trunk|body|back|neck|head|abdomen|scalp))\b",
    re.IGNORECASE,
)
_BOTH = re.compile(r"\b(?:both|bilateral\w*|contralateral|opposite|other side|left and right|right and left|symmetrical\w*|"
                   r"compared|than)\b", re.IGNORECASE)  # fmt: skip


def two_sides(prose: Prose, history: str) -> str | None:
    """Say where the text has "the left cheek ... the right cheek" of one lesion, or another side than the history gives."""
    if not any(sentence.sided for sentence in prose.sentences):
        return None
    if _BOTH.search(prose.text):
        return None
    if len({side.lower() for side in _HALF.findall(f"{history}. {prose.text}")}) > 1:
        return "the reasoning speaks of the left and of the right side"
    sides: dict[str, str] = {part.lower(): side.lower() for side, part in _SIDE.findall(history)}
    for side, part in _SIDE.findall(_JOINED.sub("", prose.text)):
        known = sides.setdefault(part.lower(), side.lower())
        if known != side.lower():
            return f"the reasoning speaks of the {side.lower()} {part.lower()}, and of the {known} one"
    return "the reasoning speaks of the left and of the right side" if len(set(sides.values())) > 1 else None
