"""Is a rationale too close to a test case, in its text or by its image?"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from skin_r1.wording import canonical_word

RUN = 5  # words, in their canonical form and without numbers: a new spelling or numbering changes none
LEAST_SHARE = 0.4
"""Share of a held-out text's runs of `RUN` words in the rationale from which it counts as copied."""
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class HeldOut:
    """What must not leak into training.

    Attributes:
        runs: run of `RUN` words (its hash) -> numbers of the held-out texts that hold it.
        sizes: runs of each held-out text.
        groups: leak-free units (`Case.group`) of the held-out cases.
    """

    runs: dict[int, tuple[int, ...]]
    sizes: tuple[int, ...]
    groups: frozenset[str]


def hold_out(texts: Iterable[str], groups: Iterable[str] = ()) -> HeldOut:
    """Index texts of test cases (captions, reports, reference rationales) and their groups.

    A text of fewer than `RUN` words is left out: so few words may come together by chance.
    """
    runs: dict[int, tuple[int, ...]] = {}
    sizes = []
    for number, text in enumerate(texts):
        own = runs_of(text)
        sizes.append(len(own))
        for run in own:
            runs[run] = (*runs.get(run, ()), number)
    return HeldOut(runs, tuple(sizes), frozenset(groups))


def runs_of(text: str) -> frozenset[int]:
    """Hashes of every run of `RUN` words, within this process."""
    words = [canonical_word(word) for word in _WORD.findall(text)]
    return frozenset(hash(tuple(words[i : i + RUN])) for i in range(len(words) - RUN + 1))


def held_out_fault(text: str, group: str | None, held_out: HeldOut) -> str | None:
    """What is too close to a test case, or None."""
    if group is not None and group in held_out.groups:
        return f"the case belongs to the held-out group {group}"
    shared: dict[int, int] = {}
    for run in runs_of(text) & held_out.runs.keys() if held_out.runs else ():
        for number in held_out.runs[run]:
            shared[number] = shared.get(number, 0) + 1
    for number, count in sorted(shared.items()):
        if count / held_out.sizes[number] >= LEAST_SHARE:
            return f"{count} of {held_out.sizes[number]} runs of {RUN} words stand in held-out text {number + 1}"
    return None
