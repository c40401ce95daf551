"""The diagnosis that a stretch of prose stands by: one, or several and none set above the others."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from eval.answers.names import Firmness, Name, deepest, names_in
from skin_r1.ontology import load_ontology

_NO_IDEA = re.compile(
    r"\b(?:something else|anything|hard to say|difficult to say|not (?:at all )?(?:sure|certain)|unsure|can(?:no|"
    r"')t (?:say|tell)|no idea|(?:many|various|several|a number of|different) (?:\w+ )?(?:things|conditions|"
    r"causes|possibilities|diseases)|other conditions)\b",
    re.IGNORECASE,
)
_RETRACTED = re.compile(
    r"\b(?:no longer (?:think|believe|sure)|take (?:that|it) back|i was wrong|scratch that|not convinced|never mind)\b",
    re.IGNORECASE,
)
UNDECIDED = re.compile(
    r"\b(?:just as (?:well|likely)|equally (?:likely|possible|plausible)|(?:can(?:no|')t|unable to|hard to|"
    r"difficult to|impossible to) (?:decide|tell|distinguish|determine|differentiate|choose|say|separate)|"
    r"toss-?up|50/50|fifty-fifty|undecided|torn between|either way)\b",
    re.IGNORECASE,
)
TURNED = re.compile(
    r"\b(?:but|however|wait|hold on|no\.\.\.|second thoughts?|actually|on reflection|instead|closer|looking again|"
    r"second look|revis\w+|reconsider\w*|chang\w+ my|then again|hmm|let me)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Found:
    """What a text stands by.

    Attributes:
        slug: the one diagnosis, or None.
        rivals: all that it names, the firmest first; more than one where no single one can be told.
        quote: the words that were read.
        why: how it was read, or why nothing was.
        firmness: of the name in prose; `CONCLUDED` for a plain value.
    """

    slug: str | None
    rivals: tuple[str, ...]
    quote: str
    why: str
    firmness: Firmness = Firmness.CONCLUDED


def read_prose(text: str) -> Found:
    """Read sentences: the firmest name; after a change of mind the last one; several alike are none."""
    names = names_in(text)
    last = {name.slug: name for name in names}  # a name that is denied in the end was taken back
    standing = [name for name in names if name.firmness >= Firmness.POSSIBLE and not last[name.slug].denied]
    rivals = _by_firmness([name for name in names if name.firmness > Firmness.AGAINST])
    coarse = {name for name in standing if load_ontology().nodes[name.slug].level in ("group", "family")}
    if len(coarse) < len(standing):  # "impetigo, a bacterial infection"
        standing = [name for name in standing if name not in coarse or name.firmness > Firmness.NAMED]
    if not standing:
        return Found(None, rivals, "", "no diagnosis is asserted" if names else "no known name")
    top = max(name.firmness for name in standing)
    best = [name for name in standing if name.firmness == top]
    kinds = deepest([name.slug for name in best])
    if len(kinds) > 1 or (any(name.alternative for name in best) and len({name.slug for name in best}) > 1):
        if top < Firmness.LIKELY or not _changed(text, best):
            return Found(
                None, rivals, _quote(text, best[0], best[-1]), "several diagnoses, none set above the others", top
            )
        kinds, best = (best[-1].slug,), best[-1:]
    name = next(name for name in reversed(best) if name.slug == kinds[0])
    slug = _finer(kinds[0], standing)
    if top < _LEAST.get(load_ontology().nodes[slug].level, Firmness.POSSIBLE):
        return Found(None, rivals, _quote(text, name, name), "only a group of diagnoses is named", top)
    if len({n.slug for n in standing}) > 1 and UNDECIDED.search(text):
        return Found(None, rivals, _quote(text, name, name), "it does not decide between several", top)
    if _RETRACTED.search(text, name.end):
        return Found(None, rivals, _quote(text, name, name), "it is taken back", top)
    if top == Firmness.POSSIBLE and _NO_IDEA.search(text):
        return Found(None, rivals, _quote(text, name, name), "a possibility among others", top)
    if top <= Firmness.NAMED and not _to_the_point(text, name, names):
        return Found(None, rivals, _quote(text, name, name), "a diagnosis is named in passing", top)
    others = tuple(each for each in rivals if each != slug and each not in load_ontology().path(slug))
    return Found(slug, (slug, *others), _quote(text, name, name), _HOW[top], top)


_LEAST = {"group": Firmness.CONCLUDED, "family": Firmness.LIKELY}  # a shelf named in passing is no diagnosis
_HOW = {
    Firmness.FINAL: "the final conclusion",
    Firmness.CONCLUDED: "concluded in prose",
    Firmness.LIKELY: "called likely in prose",
    Firmness.NAMED: "the one diagnosis named",
    Firmness.POSSIBLE: "the one diagnosis called possible",
}


def _finer(slug: str, standing: Sequence[Name]) -> str:
    """The one kind of the diagnosis that the text also stands by: "a vascular lesion, specifically a hemangioma"."""
    tree = load_ontology()
    least = Firmness.POSSIBLE if tree.nodes[slug].level in ("group", "family") else Firmness.LIKELY
    kinds = deepest([n.slug for n in standing if slug in tree.ancestors(n.slug) and n.firmness >= least])
    return kinds[0] if len(kinds) == 1 else slug


def _changed(text: str, best: list[Name]) -> bool:
    """True where the text turns away from the other names before it comes to the last one."""
    last = best[-1]
    other = [name for name in best if name.slug != last.slug][-1]
    return TURNED.search(text[other.end : last.start]) is not None


def _to_the_point(text: str, name: Name, names: tuple[Name, ...]) -> bool:
    """A name without a cue counts in a short text, or in its first or last sentence."""
    before, after = text[: name.start], text[name.end :]
    return len(text) < 400 or not re.search(r"[.!?\n]\s", before) or not re.search(r"[.!?\n]\s*\w", after)


def _by_firmness(names: list[Name]) -> tuple[str, ...]:
    return deepest([name.slug for name in sorted(names, key=lambda name: -name.firmness)])


def _quote(text: str, first: Name, last: Name) -> str:
    start = max(text.rfind(sign, 0, first.start) for sign in ".\n;") + 1
    return text[max(start, first.start - 80) : last.end][:240].strip()
