"""The diagnosis that a stretch of prose stands by: one, or several and none set above the others."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import eval.answers.links as links
from eval.answers.firmness import Firmness, Name
from eval.answers.names import deepest, names_in
from eval.answers.shares import by_share
from skin_r1.ontology import load_ontology

_NO_IDEA = re.compile(
    r"\b(?:something else|anything|narrow (?:it|this|that) down|equally|hard to say|difficult to say|not (?:at all "
    r")?(?:sure|certain)|unsure|can(?:no|"
    r"')t (?:say|tell)|no idea|(?:many|various|several|a number of|different) (?:\w+ )?(?:things|conditions|"
    r"causes|possibilities|diseases)|other conditions)\b",
    re.IGNORECASE,
)
# Names that stand alike whatever cues are near them.
EQUAL = re.compile(
    r"\b(?:as|no more|not more|no less) (?:likely|possible|probable|plausible) (?:as|than)\b|\bon the one hand\b|"
    r"\b(?:some|half(?: of)?(?: the)?) (?:features|findings|aspects|signs|things|elements)\b[^.]*\bothers?\b|\bcoin[ "
    r"-]toss\b|\b(?:two|three|several|multiple) (?P<at_once>problems|conditions|diseases|diagnoses|lesions|processes|"
    r"things (?:going|at|here|are))\b|\b(?:two|three|several) things (?:could|come|came|went)\b",
    re.IGNORECASE,
)
RETRACTED = re.compile(
    r"\b(?<!says )(?<!unless )(?<!until )(?:it|this|that) (?:isn't|is not|wasn't|was not)\s*(?:[.!]|$)|(?:it's|"
    r"that's) not\s*(?:[.!]|$)|\b(?:no longer "
    r"(?:think|believe|sure)|take (?:that|it) back|i was wrong|scratch that|not convinced|never mind)\b",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|unless)\b[^.;!?\n]*", re.IGNORECASE
)  # "if the eyelid were involved ..., but it isn't"
REFUSED = re.compile(
    r"\b(?:(?:can(?:no|')t|can not|unable to|not able to|do not|don't|won't|not (?:qualified|allowed|permitted) to|"
    r"against my|"
    r"isn't possible to|not possible to|impossible to|difficult to)\b[^.;\n]{0,60}\b(?:diagnos\w+|identify|medical|"
    r"view|see "
    r"(?:the|any|your|an?) (?:image|photo|picture)|determine|assess|comment|help with)|no (?:image|photo|picture)|i'm "
    r"sorry)\b",
    re.IGNORECASE,
)
UNDECIDED = re.compile(
    r"\b(?:just as (?:well|likely)|equal(?:ly)? (?:\w+ )?(?:likely|possible|plausible|chance\w*|odds|probab\w+)|"
    r"(?:can(?:no|')t|unable to|hard to|"
    r"difficult to|impossible to) (?:decide|tell|distinguish|determine|differentiate|choose|say|separate)|"
    r"toss-?up|50/50|fifty-fifty|undecided|torn between|either way)\b",
    re.IGNORECASE,
)
TURNED = re.compile(
    r"\b(?:but|however|wait|hold on|no\.\.\.|second thoughts?|actually|on reflection|instead|closer|looking again|"
    r"second look|revis\w+|reconsider\w*|chang\w+ my|then again|though|otherwise|until|hmm|let me)\b",
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
        several: it stands by several alike.
    """

    slug: str | None
    rivals: tuple[str, ...]
    quote: str
    why: str
    firmness: Firmness = Firmness.CONCLUDED
    several: bool = False


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
        hinted = deepest(
            [name.slug for name in names if name.firmness is Firmness.HINTED and not last[name.slug].denied]
        )
        open_ = REFUSED.search(text) or _NO_IDEA.search(text) or UNDECIDED.search(text) or RETRACTED.search(text)
        alone = len(hinted) == 1 and all(slug in load_ontology().path(hinted[0]) for slug in rivals)
        if alone and not open_ and load_ontology().nodes[hinted[0]].level in ("diagnosis", "subtype"):
            name = next(name for name in reversed(names) if name.slug == hinted[0])
            return Found(hinted[0], hinted, _quote(text, name, name), "the one diagnosis thought of", name.firmness)
        return Found(None, rivals, "", "no diagnosis is asserted" if names else "no known name")
    held = [name for name in names if name.firmness > Firmness.AGAINST]
    if len({name.slug for name in held}) > 1 and (likeliest := by_share(text, held)):
        standing = [replace(likeliest, firmness=Firmness.LIKELY)]
    if len({name.slug for name in standing}) > 1 and (closing := _closing(text, standing)):
        standing = closing
    *_, equal = (None, *EQUAL.finditer(text))
    if (
        equal
        and (equal["at_once"] or not _decided(text, standing, equal.end()))
        and len(deepest([name.slug for name in names])) > 1
    ):
        return Found(
            None, rivals, _quote(text, names[0], names[-1]), "it does not decide between several", several=True
        )
    top = max(name.firmness for name in standing)
    best = [name for name in standing if name.firmness == top]
    kinds = deepest([name.slug for name in best])
    if len(kinds) > 1 or (any(name.alternative for name in best) and len({name.slug for name in best}) > 1):
        if top < Firmness.LIKELY or not _changed(text, best):
            why = "several diagnoses, none set above the others"
            return Found(None, rivals, _quote(text, best[0], best[-1]), why, top, several=True)
        kinds, best = (best[-1].slug,), best[-1:]
    name = next(name for name in reversed(best) if name.slug == kinds[0])
    slug = _finer(kinds[0], standing)
    if top < _LEAST.get(load_ontology().nodes[slug].level, Firmness.POSSIBLE):
        return Found(None, rivals, _quote(text, name, name), "only a group of diagnoses is named", top)
    if len({n.slug for n in standing}) > 1 and UNDECIDED.search(text):
        return Found(None, rivals, _quote(text, name, name), "it does not decide between several", top)
    taken = RETRACTED.search(_SUPPOSED.sub(lambda found: " " * len(found[0]), text), name.end)
    if taken and not any(each.denied and 0 <= taken.start() - each.end < 3 for each in names):  # "eczema it isn't"
        return Found(None, rivals, _quote(text, name, name), "it is taken back", top)
    if top == Firmness.POSSIBLE and (_NO_IDEA.search(text) or links.OR_ELSE.match(text, name.end)):
        return Found(None, rivals, _quote(text, name, name), "a possibility among others", top)
    if top <= Firmness.NAMED and REFUSED.search(text):
        return Found(None, rivals, _quote(text, name, name), "it declines to diagnose", top)
    if top <= Firmness.NAMED and not _to_the_point(text, name, names):
        return Found(None, rivals, _quote(text, name, name), "a diagnosis is named in passing", top)
    others = tuple(each for each in rivals if each != slug and each not in load_ontology().path(slug))
    return Found(slug, (slug, *others), _quote(text, name, name), _HOW[top], top)


def _decided(text: str, standing: Sequence[Name], after: int) -> bool:
    """In a sentence behind these words one diagnosis is called likely, and it is the firmest."""
    top = max(name.firmness for name in standing)
    firm = {name.slug for name in standing if name.firmness == top}
    return (
        top >= Firmness.LIKELY
        and len(firm) == 1
        and any(SENTENCE_END.search(text, after, n.start) for n in standing if n.firmness == top)
    )


SENTENCE_END = re.compile(r"[.!?]\s")
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


_NEAR = 60  # characters before a name that tell whether a sentence begins with it


def _closing(text: str, standing: Sequence[Name]) -> list[Name]:
    """The name that is all of the last sentence, where no sentence before it is a mere name: "... no. Eczema."."""
    name = standing[-1]
    if name.firmness is not Firmness.NAMED or not _END.fullmatch(text, name.end):
        return []
    start = _START.search(text, max(0, name.start - _NEAR), name.start)
    if start is None or any(
        _BARE.search(text, max(0, each.start - _NEAR), each.start) and text[each.end : each.end + 1] in (".", ";")
        for each in standing[:-1]
    ):
        return []
    return [replace(name, firmness=Firmness.CONCLUDED)]


_START = re.compile(
    r"(?<!\bvs)(?<!\bv)(?<!e\.g)(?<!i\.e)(?:[.!?:\u2026]|\s[-\u2013\u2014])\s+(?:(?:an?|the|so|ok(?:ay)?|then|yes|no|"
    r"definitely|just|simply|probably|likely|clearly|plain|"
    r"simple)[ ,]+)*$",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?:^|[.!?]\s|\n)\s*(?:[\w ]{1,20}:\s*)?(?:(?:an?|the|or|and) )*$", re.IGNORECASE)
_END = re.compile(
    r"\W*(?:\([^()]*\))?\W*(?:then|i(?:'d| would) (?:say|guess|think)|it is|in my (?:view|opinion|book)|all along|for "
    r"me)?\W*",
    re.IGNORECASE,
)


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
