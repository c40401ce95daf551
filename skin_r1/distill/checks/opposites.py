"""Does a text say two things that cannot both hold: of the lesion, or of a diagnosis?"""

import re
from collections.abc import Iterator
from functools import lru_cache

from skin_r1.distill.checks.prose import Prose, Sentence

_QUALITIES = (("tense", "flaccid"), ("(?:completely|entirely|perfectly|wholly) flat", "raised"))
_ONE = r"only one|a single|solitary"
_MANY = r"dozens|numerous|countless|hundreds|scores of|large number"
_EXCLUDES = {one: other for pair in (*_QUALITIES, (_ONE, _MANY)) for one, other in (pair, pair[::-1])}
_EXTREME = re.compile("|".join(rf"\b(?:{word})\b" for word in _EXCLUDES), re.IGNORECASE)
_GENERAL = frozenset("lesion growth tumor tumour mark area rash eruption".split())
"""Nouns that may mean any lesion."""
_NAMED = "papule nodule plaque macule patch spot bump lump pustule weal wheal erosion cyst blister bulla vesicle"
_PLURALS = {"patches": "patch", "rashes": "rash", "bullae": "blister", "bullas": "blister", "vesicles": "blister"}
_THINGS = {form: noun for noun in (*_GENERAL, *_NAMED.split()) for form in (noun, f"{noun}s")} | _PLURALS
_THINGS |= {"bulla": "blister", "vesicle": "blister"}
_LINKS = (
    "with|and|or|but|on|in|at|to|from|for|over|under|around|near|against|along|across|between|beneath|by|as|than|"
    "is|are|was|were|has|have|that|which|who|where|while|since|so|here|there|now|too|it|this|no|not|without|throughout"
)
# The words that belong to an adjective, up to its noun: "numerous small papules", "dozens of papules".
_PHRASE = re.compile(rf"(?: (?:of )?(?!(?:{_LINKS})\b)[\w-]+,?){{1,4}}", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+")
_DENIED = re.compile(r"\b(?:no|not|nothing|none|without|never|neither|nor|instead|rather|than)\b|n't\b", re.IGNORECASE)
_FOR_GOOD = re.compile(
    r" (?:is|are|was|can be) (?:\w+ )?(?:\w+ly )?(?:excluded|ruled out|out of the question)", re.IGNORECASE
)
_LEFT_OPEN = re.compile(
    r" (?:cannot|can not|could not) be (?:excluded|ruled out)| remains? (?:quite |very )?possible", re.IGNORECASE
)


def opposites(prose: Prose) -> str | None:
    """Two words that cannot both hold for the lesion, or a diagnosis that is ruled out and left open."""
    return _of_the_lesion(prose) or _of_a_diagnosis(prose)


def _of_the_lesion(prose: Prose) -> str | None:
    said: dict[tuple[str, str], str] = {}
    for sentence in prose.sentences:
        for word, thing, words in _extremes(sentence) if sentence.extreme else ():
            general = word not in (_ONE, _MANY)  # a single lesion may have numerous papules
            for (other, same), before in said.items():
                alike = thing == same or (general and not _GENERAL.isdisjoint((thing, same)))
                if alike and other == _EXCLUDES[word]:
                    return f"the reasoning says {before!r} and {words!r} of one lesion"
            said[word, thing] = words
    return None


@lru_cache(maxsize=1 << 14)
def _extremes(sentence: Sentence) -> tuple[tuple[str, str, str], ...]:
    """(word as in `_EXCLUDES`, what it is said of, words) of words such as "tense" that the sentence says of the lesion."""
    return () if sentence.supposed else tuple(_told(sentence))


def _told(sentence: Sentence) -> Iterator[tuple[str, str, str]]:
    for found in _EXTREME.finditer(sentence.text):
        before = sentence.text[: found.start()]
        thing = _thing(sentence.text, before, found.end())
        if thing is None or sentence.of_disease(found.start()) or _DENIED.search(before.rsplit(",", 1)[-1]):
            continue
        word = next(each for each in _EXCLUDES if re.fullmatch(each, found[0], re.IGNORECASE))
        yield word, thing, found[0]


def _thing(text: str, before: str, end: int) -> str | None:
    """What an adjective is said of: the noun that follows, else the last one before; None for a part: "numerous vessels"."""
    if (phrase := _PHRASE.match(text, end)) is not None:
        return next((_THINGS[word] for word in _WORD.findall(phrase[0].lower()) if word in _THINGS), None)
    return next((_THINGS[word] for word in reversed(_WORD.findall(before.lower())) if word in _THINGS), "lesion")


def _of_a_diagnosis(prose: Prose) -> str | None:
    for claim in prose.claims:
        if claim.kind == "diagnosis" and claim.stance == "denied" and _FOR_GOOD.match(prose.text, claim.end):
            again = (c for c in prose.claims if c.slug == claim.slug and c.start != claim.start)
            if any(_LEFT_OPEN.match(prose.text, c.end) or c.stance in ("concluded", "leaning") for c in again):
                return f"the reasoning excludes {prose.text[claim.start : claim.end]!r} and leaves it open"
    return None
