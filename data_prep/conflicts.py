"""When labels of one lesion or one picture differ: a stated rule decides, and every case of it is written down.

`RULES` are tried in their order. `finer`: "blue nevus" and "nevus". `overlap`: "actinic keratosis or intraepithelial
carcinoma" of HAM10000 and "squamous cell carcinoma, in situ included" of ISIC 2019 leave Bowen disease.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from data_prep.raw import CONFIRMED, Confirmed
from skin_r1.ontology import load_ontology

Rule = Literal["finer", "overlap", "confirmation", "common", "undecided"]
RULES: Mapping[str, str] = {
    "finer": "One label is a kind of the other: the finer one holds.",
    "overlap": "The labels are different, and one diagnosis is included in all of them: that one holds.",
    "confirmation": "The label that was confirmed best holds (histopathology, confocal microscopy, consensus, follow-up, "
    "single rater, not stated).",
    "common": "Equally confirmed labels of equal malignancy: the lowest diagnosis above all of them holds, and the labels "
    "become the differential.",
    "undecided": "Nothing decides: no diagnosis and no malignancy; the labels become the differential.",
}
"""Each rule in a sentence, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class Said:
    """One label of a lesion or picture.

    Attributes:
        case_id: `<dataset>/<native id>` of the row that says it.
        label: as the dataset writes it.
        diagnosis: where it leads.
        covers: further diagnoses that the label includes by the dataset's own definition.
        confirmed: how it was made sure.
    """

    case_id: str
    label: str
    diagnosis: str
    covers: tuple[str, ...] = ()
    confirmed: "Confirmed | None" = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What holds for all rows of a lesion or picture, and by which rule.

    Attributes:
        differential: (diagnosis, weight) pairs, weights summing to 1, where the labels do not decide; else empty.
    """

    diagnosis: str | None
    rule: Rule
    differential: tuple[tuple[str, float], ...] = ()


def decide(said: Sequence[Said]) -> Verdict:
    """Decide between labels that lead to at least two diagnoses."""
    if found := _allowed(said):
        return Verdict(found, "finer" if found in {s.diagnosis for s in said} else "overlap")
    best = min(_strength(s) for s in said)
    strongest = [s for s in said if _strength(s) == best]
    if len(strongest) < len(said):
        own = {s.diagnosis for s in strongest}
        if found := strongest[0].diagnosis if len(own) == 1 else _allowed(strongest):
            return Verdict(found, "confirmation")
    votes = Counter(s.diagnosis for s in strongest)
    ranked = sorted(votes.items(), key=lambda item: (-item[1], item[0]))
    differential = tuple((slug, count / len(strongest)) for slug, count in ranked)
    common = _common(list(votes))
    return Verdict(common, "common" if common else "undecided", differential)


def _strength(said: Said) -> int:
    """Lower is stronger."""
    return CONFIRMED.index(said.confirmed) if said.confirmed else len(CONFIRMED)


def _allowed(said: Sequence[Said]) -> str | None:
    """The widest diagnosis that every label includes, if it is one."""
    allowed = {said[0].diagnosis, *said[0].covers}
    for other in said[1:]:
        allowed = {
            finer for a in allowed for b in (other.diagnosis, *other.covers) if (finer := _finer(a, b)) is not None
        }
    tops = [a for a in allowed if not any(a != b and _finer(a, b) == a for b in allowed)]
    return tops[0] if len(tops) == 1 else None


def _finer(a: str, b: str) -> str | None:
    """The lower of two diagnoses on one path; None when they are on two."""
    tree = load_ontology()
    if b in tree.path(a):
        return a
    return b if a in tree.path(b) else None


def _common(slugs: Sequence[str]) -> str | None:
    """The lowest diagnosis above all, if all have one malignancy and it has the same."""
    tree = load_ontology()
    paths = [tree.path(slug) for slug in slugs]
    shared = [level[0] for level in zip(*paths, strict=False) if len(set(level)) == 1]
    kinds = {tree.malignancy(slug) for slug in (*slugs, *shared[-1:])}
    return shared[-1] if shared and len(kinds) == 1 else None
