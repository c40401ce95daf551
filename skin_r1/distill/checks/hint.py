"""Does the reasoning betray that its writer was told the answer?"""

import re

from skin_r1.distill.checks.prose import Prose
from skin_r1.distill.instructions import CLOSED, HINT
from skin_r1.reading import PROMPT

# Long runs of the instructions' own words are copied, not reasoned.
_RUN = 6
_INSTRUCTIONS = (HINT, CLOSED, PROMPT)


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"[a-z]+", text.lower())
    return frozenset(tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1))


# "No history is given", "as told in the history": what a case may say of itself.
_HISTORY = re.compile(
    r"\b(?:history|treatments?|information|complaints?|age|symptoms?|patient's question)\b", re.IGNORECASE
)
_COPIED = frozenset(run for text in _INSTRUCTIONS for run in _runs(text))


def hint_fault(prose: Prose) -> str | None:
    """The first words that only a writer who was told the answer would use, or None."""
    for sentence in prose.sentences:
        for hit in sentence.hits:
            found = hit.found
            if hit.cue.reason == "hint" and not _HISTORY.search(
                sentence.text, max(0, found.start() - 60), found.end() + 40
            ):
                return found[0]
    if not any(sentence.instructed for sentence in prose.sentences):
        return None
    copied = _runs(prose.text) & _COPIED
    return " ".join(min(copied)) if copied else None
