"""Words that betray a rationale, from `cues.tsv`: only the patterns whose words occur in a text are tried on it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from skin_r1.distill.checks.prose import Prose, stems_of
from skin_r1.wording import read_tsv

_FILE = Path(__file__).with_name("cues.tsv")


@dataclass(frozen=True)
class Cue:
    """One pattern.

    Attributes:
        reason: `unseen`, `hint` or `unsafe`.
        kind: what sort of claim or advice it is.
        pattern: compiled with word boundaries, ignoring case.
    """

    reason: str
    kind: str
    pattern: re.Pattern[str]


@cache
def _cues() -> dict[str, tuple[Cue, ...]]:
    """Stem -> the cues that need it."""
    found: dict[str, tuple[Cue, ...]] = {}
    for row in read_tsv(_FILE):
        cue = Cue(row["reason"], row["kind"], re.compile(rf"\b(?:{row['pattern']})(?!\w)", re.IGNORECASE))
        for stem in row["stems"].split():
            found[stem] = (*found.get(stem, ()), cue)
    return found


def possible_cues(prose: Prose, reason: str) -> list[Cue]:
    """Cues of a reason of which a word occurs in the text, in the order of the file."""
    cues = _cues()
    wanted = {id(cue): cue for stem in prose.stems & cues.keys() for cue in cues[stem] if cue.reason == reason}
    return list(wanted.values())


def cues_in(text: str, reason: str, kind: str) -> Iterator[re.Match[str]]:
    """Matches of one kind in a text that is not a whole rationale."""
    for stem in stems_of(text) & _cues().keys():
        for cue in _cues()[stem]:
            if (cue.reason, cue.kind) == (reason, kind):
                yield from cue.pattern.finditer(text)
