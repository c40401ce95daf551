"""Words that betray a rationale, from `cues.tsv`: only the patterns whose words occur in a text are tried on it."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from skin_r1.wording import read_tsv

_FILE = Path(__file__).with_name("cues.tsv")


@dataclass(frozen=True)
class Cue:
    """One pattern.

    Attributes:
        number: its row in the file.
        reason: `unseen`, `hint` or `unsafe`.
        kind: what sort of claim or advice it is.
        pattern: compiled with word boundaries, ignoring case.
    """

    number: int
    reason: str
    kind: str
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Hit:
    """A cue and where it matches in its sentence."""

    cue: Cue
    found: re.Match[str]


@cache
def _cues() -> dict[str, tuple[Cue, ...]]:
    """Stem -> the cues that need it."""
    found: dict[str, tuple[Cue, ...]] = {}
    for number, row in enumerate(read_tsv(_FILE)):
        cue = Cue(number, row["reason"], row["kind"], re.compile(rf"\b(?:{row['pattern']})(?!\w)", re.IGNORECASE))
        for stem in row["stems"].split():
            found[stem] = (*found.get(stem, ()), cue)
    return found


def hits(text: str, stems: frozenset[str]) -> tuple[Hit, ...]:
    """Every pattern that matches in a sentence, in the order of the file; `stems` are the beginnings of its words."""
    cues = _cues()
    if cues.keys().isdisjoint(stems):
        return ()
    wanted = {cue.number: cue for stem in stems & cues.keys() for cue in cues[stem]}
    return tuple(
        Hit(wanted[number], found) for number in sorted(wanted) for found in wanted[number].pattern.finditer(text)
    )
