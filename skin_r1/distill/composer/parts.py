"""Sentences that several kinds of trajectory share: the opening, what ties findings to the answer, its place in the tree."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import Any

from skin_r1.concepts import mentions
from skin_r1.differentials import neighbors
from skin_r1.distill.composer.evidence import Link, Signs, links, rivals, sayable
from skin_r1.distill.composer.say import Voice, name
from skin_r1.distill.composer.trajectory import Sentence, others
from skin_r1.ontology import load_ontology

Block = list[Sentence]
_WHO = re.compile(r"(?P<who>Woman|Man|Patient)(?: aged (?P<age>\d+ to \d+|80 or older))?, site: (?P<site>[a-z ]+)\.")
_SHARES = (
    (0.1, "about a tenth"), (0.15, "about a seventh"), (0.2, "about a fifth"), (0.25, "about a quarter"),
    (0.33, "about a third"), (0.4, "about two fifths"), (0.5, "about half"), (0.6, "about three fifths"),
    (0.67, "about two thirds"), (0.75, "about three quarters"), (0.8, "about four fifths"),
)  # fmt: skip
_TESTS = (
    (("fungal-infection",), "a skin scraping tested for fungi"),
    (("scabies",), "a skin scraping searched for mites"),
    (("herpes-simplex", "herpes-zoster", "varicella", "impetigo"), "a swab sent to the laboratory"),
    (("contact-dermatitis",), "contact allergy testing"),
)  # a diagnosis or a shelf among the candidates, and what would tell it from the rest
_NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split()
TAXONOMY = ("taxonomy",)
DIFFERENTIAL = ("differential",)


@dataclass(frozen=True)
class Telling:
    """What all kinds tell from: the case, the voice and the answer."""

    row: Mapping[str, Any]
    signs: Signs
    voice: Voice
    answer: str

    @property
    def dx(self) -> str:
        """Name of the answer."""
        return name(self.answer)


def opening(tell: Telling) -> Sentence:
    """Who and where, where the history says both; else how the reasoning goes about it."""
    found = _WHO.match(tell.row.get("history") or "")
    if found and _plain(found["site"]):
        age = f" aged {found['age']}" if found["age"] else ""
        return tell.voice.say("context", ("history",), who=f"a {found['who'].lower()}{age}", site=found["site"])
    return tell.voice.say("open")


@lru_cache(maxsize=1024)
def _plain(words: str) -> bool:
    """True when the words claim no finding."""
    return not mentions(words)


def linked(tell: Telling) -> Block:
    """What ties the findings to the answer, at most three of them; that they are unspecific where nothing does."""
    if found := _tied(tell):
        return [tell.voice.about(each.role, each.finding, each.basis, dx=tell.dx) for each in found[:3]]
    return [tell.voice.about("weak", tell.signs.present[0], dx=tell.dx)]


def _tied(tell: Telling) -> tuple[Link, ...]:
    """The findings that speak for the answer."""
    return links(replace(tell.signs, diagnosis=tell.answer) if tell.answer != tell.signs.diagnosis else tell.signs)


def conclusion(tell: Telling) -> Sentence:
    """What it comes to; with reserve where no rule and no count ties a finding to it."""
    return tell.voice.say("conclude" if _tied(tell) else "leads", _all_bases(tell), dx=tell.dx)


def weighed(tell: Telling) -> Block:
    """How much the findings are worth together."""
    count, tied = len(tell.signs.present), len(links(tell.signs))
    if count == 1:
        return [tell.voice.say("single")]
    out = [tell.voice.say("whole")]
    if tied == count:
        out.append(tell.voice.say("every", _all_bases(tell), dx=tell.dx))
    elif tied > 1 and count < len(_NUMBERS):
        out.append(tell.voice.say("sure", _all_bases(tell), n=_NUMBERS[count], k=_NUMBERS[tied], dx=tell.dx))
    return out


def shelves(tell: Telling) -> Block:
    """The taxonomy sentence: the shelf above the answer, and the group."""
    tree = load_ontology()
    above = [slug for slug in tree.ancestors(tell.answer) if sayable(slug)]
    if not above:
        return []
    out = [tell.voice.say("taxon", TAXONOMY, dx=tell.dx, p1=name(above[0]))]
    if len(above) > 1:
        out.append(tell.voice.say("above", TAXONOMY, p1=name(above[0]), p2=name(above[-1])))
    return out


def behavior(tell: Telling) -> Block:
    """What the answer is in terms of malignancy."""
    return [tell.voice.say("malig", TAXONOMY, dx=tell.dx, m=tell.row["malignancy"])]


def last(tell: Telling, look: bool = True) -> Block:
    """What would change the mind, and the answer."""
    close = tell.voice.say("close" if _tied(tell) else "modest", _all_bases(tell), dx=tell.dx)
    return [tell.voice.say("nextlook"), close] if look else [close]


def alternatives(row: Mapping[str, Any], signs: Signs, answer: str) -> tuple[list[str], tuple[str, ...]]:
    """Two other diagnoses, likeliest first: the row's differential, else look-alikes of the graph, else siblings.

    None that is a kind of the answer: where a walk stopped at psoriasis, inverse psoriasis is no alternative to it.
    """
    if own := others(row["differential"], signs.diagnosis):
        return _besides([slug for slug, _ in own], answer), DIFFERENTIAL
    return _look_alikes(signs, answer)


def _besides(found: Sequence[str], answer: str) -> list[str]:
    tree = load_ontology()
    return [slug for slug in found if answer not in tree.path(slug) and slug not in tree.path(answer)][:2]


@lru_cache(maxsize=1 << 14)
def _look_alikes(signs: Signs, answer: str) -> tuple[list[str], tuple[str, ...]]:
    tree = load_ontology()
    if found := [edge.b for edge in neighbors(signs.diagnosis) if sayable(edge.b)]:
        return _besides(found, answer), DIFFERENTIAL
    parent = tree.nodes[signs.diagnosis].parent
    siblings = [slug for slug in (tree.children(parent) if parent else ()) if slug != signs.diagnosis]
    return _besides([slug for slug in siblings if sayable(slug)], answer), TAXONOMY


@lru_cache(maxsize=1 << 14)
def missed(signs: Signs) -> list[tuple[str, tuple[str, ...]]]:
    """Absent findings worth a word: those that a look-alike would bring; each once."""
    found: dict[str, tuple[str, ...]] = {}
    for other in rivals(signs):
        for slug, basis in other.lacks[:2]:
            found.setdefault(slug, basis)
    return list(found.items())


def _all_bases(tell: Telling) -> tuple[str, ...]:
    """What ties the findings to the answer."""
    return tuple(dict.fromkeys(chain.from_iterable(each.basis for each in _tied(tell)[:3])))


def bases(*found: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """What the findings rest on, each once."""
    return tuple(dict.fromkeys(chain.from_iterable(basis for _, basis in chain.from_iterable(found))))


def share(weight: float) -> str:
    """A weight in rounded words."""
    return min(_SHARES, key=lambda item: abs(item[0] - weight))[1]


def deciding(slugs: Sequence[str], modality: str) -> str:
    """The further step that would decide between diagnoses."""
    tree = load_ontology()
    paths = [set(tree.path(slug)) for slug in slugs]
    for names, step in _TESTS:
        if any(shelf in path for path in paths for shelf in names):
            return step
    if all("inflammatory-disease" in path for path in paths):
        return "a second look after some weeks"
    if not any("neoplasm" in shelf for path in paths for shelf in path):
        return "a closer examination in person"
    return "a tissue sample" if modality == "dermoscopic" else "dermoscopy or a tissue sample"
