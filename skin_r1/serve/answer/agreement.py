"""Several answers to one case: how many name the same diagnosis, and which answer speaks for them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from skin_r1.ontology import load_ontology
from skin_r1.reading import ParseFailure, Reading
from skin_r1.wording import normalize

_WORST_FIRST = ("malignant", "premalignant", "indeterminate", "benign", "non-neoplastic")


def name_of(reading: Reading) -> str:
    """What an answer votes for: its slug; or its own words, normalized, behind a `?` that no slug has."""
    return reading.diagnosis_slug or unknown(reading.diagnosis)


def unknown(name: str) -> str:
    """The name that stands for one that our tree lacks."""
    return f"?{normalize(name)}"


def grade(reading: Reading) -> str:
    """The worse of what the ontology says of the diagnosis and of what the answer says."""
    known = load_ontology().malignancy(reading.diagnosis_slug) if reading.diagnosis_slug else None
    return min((each for each in (known, reading.malignancy) if each), key=_WORST_FIRST.index)


@dataclass(frozen=True)
class Agreement:
    """The answers to one case, the first (greedy) one before the sampled ones.

    Attributes:
        outcomes: what each answer says; the first can be read.
    """

    outcomes: Sequence[Reading | ParseFailure]

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """Those that can be read, in order; not empty."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Reading))

    @property
    def asked(self) -> int:
        """Answers asked for; one that cannot be read counts and agrees with none."""
        return len(self.outcomes)

    @cached_property
    def votes(self) -> dict[str, int]:
        """Name -> answers, most first; on a tie the name that came first, so the greedy answer's before all."""
        return dict(Counter(map(name_of, self.readings)).most_common())

    @property
    def leader(self) -> Reading:
        """The first answer that names the diagnosis with most votes: its findings and reasons go with its name."""
        leading = next(iter(self.votes))
        return next(reading for reading in self.readings if name_of(reading) == leading)

    @property
    def support(self) -> float:
        """Largest share of the answers that one of the named diagnoses stands for, in (0, 1].

        A diagnosis stands for the answers below it in the tree as well: who says compound nevus says melanocytic nevus.
        """
        paths = {name: (name,) if name.startswith("?") else load_ontology().path(name) for name in self.votes}
        shares = (sum(count for below, count in self.votes.items() if name in paths[below]) for name in self.votes)
        return max(shares) / self.asked

    @property
    def malignant(self) -> float:
        """Share of the answers whose diagnosis is, or is called, malignant, in [0, 1]."""
        return sum(grade(reading) == "malignant" for reading in self.readings) / self.asked

    def malignancy(self, name: str) -> str | None:
        """That of a voted name: of the ontology, else the worst that its answers say."""
        if not name.startswith("?") and (known := load_ontology().malignancy(name)):
            return known
        said = [reading.malignancy for reading in self.readings if name_of(reading) == name]
        return min(said, key=_WORST_FIRST.index, default=None)
