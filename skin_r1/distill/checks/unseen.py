"""Does the reasoning claim what neither the image nor the given history shows: histology, touch, tests, a patient's story?

Advice about a next step ("a biopsy would decide"), what diseases do in general ("melanoma often bleeds") and what the
history tells are no such claims.
"""

import re
from collections.abc import Mapping
from typing import Any

from skin_r1.concepts import mentions
from skin_r1.distill.checks.prose import INFERRED, STEM, Prose, Sentence, stems_of

_VIEWS = {"dermoscopy": "clinical", "another view": "dermoscopic"}  # kind of cue -> the images that do not show it
_INFERABLE = ("symptom", "duration", "history")
_ORDERED = ("histology", "tests")
# "Biopsy.", "Suggest biopsy", "biopsy of nearby skin for IgA": what is to be done, without a result.
_ORDER = re.compile(
    r"\W*(?:(?:suggest|advise|order|do|take|get|request|then|now)\b|(?:a |skin )?(?:biopsy|biopsies|scrapings?|"
    r"swabs?|cultures?|"
    r"ultrasound|serology|patch test\w*)\b(?!.*\b(?:show\w*|reveal\w*|confirm\w*|is|was|were|are|found|positive|"
    r"negative|"
    r"grew|has|had|came|with)\b))",
    re.IGNORECASE,
)
_NONE_DID = re.compile(r"\W*(?:none|no|not one|neither)\b", re.IGNORECASE)
_PERSON = ("age", "felt")  # said of one person, whatever else the sentence says
_DENIED = re.compile(r"\b(?:no|not|without|nor|unknown|absent|absence|lack\w*|neither|none)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_UNITS = ("day", "week", "month", "year", "decade")
_NUMBER_WORDS = "one two three four five six seven eight nine ten eleven twelve".split()
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_NUMBER_WORDS[1:])})\b", re.IGNORECASE)
_NUMBERS = frozenset(_NUMBER_WORDS)
_IDLE = frozenset(
    "the this that with from have been over last past about some many several after since patient history "
    "known reports "
    "report years year months month weeks week days day for and has had was her his she aged".split()
)
_SEXES = (
    {"he", "his", "man", "male", "boy", "gentleman", "father"},
    {"she", "her", "hers", "woman", "female", "girl", "lady"},
)
_AGES = {
    "elderly": (60, 130), "older": (50, 130), "young": (0, 40), "adult": (18, 130), "child": (0, 17), "infant": (0, 2),
    "newborn": (0, 1), "neonate": (0, 1), "toddler": (0, 4), "baby": (0, 2), "teenager": (12, 20), "adolescent": (10, 20),
    "middle": (35, 65), "boy": (0, 18), "girl": (0, 18), "pediatric": (0, 18),
}  # fmt: skip
_CHILDREN = frozenset("child toddler infant baby boy girl newborn schoolchild son daughter pupil".split())
_OTHERS = frozenset(
    "smoker farmer gardener nurse fisherman sailor athlete diabetic pregnant immunosuppressed immunocompromised".split()
)


def unseen_fault(prose: Prose, row: Mapping[str, Any]) -> str | None:
    """The first claim that needs histology, touch, a test, another view or a history that was not given, or None."""
    history = str(row.get("history") or "")
    asked = False
    for number, sentence in enumerate(prose.sentences):
        if sentence.question:
            asked = sentence.supposed  # "What next? A biopsy."
            continue
        for kind, found in _stories(sentence) if sentence.hits else ():
            if _VIEWS.get(kind, row.get("modality")) != row.get("modality") or (asked and kind not in _PERSON):
                continue
            if number in prose.aside and kind not in _PERSON:
                continue
            if kind == "symptom" and _annotated(found[0], frozenset(row.get("concepts_present") or ())):
                continue
            if not _told(found, sentence.text, history, kind):
                return found[0]
        asked = False
    return None


def _stories(sentence: Sentence) -> tuple[tuple[str, re.Match[str]], ...]:
    """(kind, words) of each claim of the sentence that a picture does not show, whatever the case."""
    out = []
    for hit in sentence.hits:
        kind, found = hit.cue.kind, hit.found
        if hit.cue.reason != "unseen":
            continue
        if any(c.kind == "diagnosis" and c.start <= found.end() - 1 < c.end for c in sentence.claims):
            continue  # "pruritic disease", "jellyfish sting": a name
        if kind not in _PERSON and (sentence.supposed or sentence.often or _excused(kind, sentence.text)):
            continue
        if kind in _PERSON or not sentence.of_disease(found.start()):
            out.append((kind, found))
    return tuple(out)


def _excused(kind: str, text: str) -> bool:
    if kind in _ORDERED and _ORDER.match(text):
        return True
    if kind == "duration" and _NONE_DID.match(text):
        return True
    if kind in _INFERABLE and INFERRED.search(text):
        return True
    return kind == "symptom" and _DENIED.search(text) is not None


def _annotated(words: str, present: frozenset[str]) -> bool:
    return any(mention.slug in present for mention in mentions(words))


def _told(found: re.Match[str], sentence: str, history: str, kind: str) -> bool:
    """True when the history tells it: the same numbers, and a content word of the claim or right after it."""
    if not history:
        return False
    sentence, history = _digits(sentence), _digits(history)
    told = stems_of(history)
    shared = {word for word in _content(sentence) if word[:STEM] in told}
    numbers = re.findall(r"\d+", _digits(found[0]))
    if numbers:
        return all(number in re.findall(r"\d+", history) for number in numbers)
    if kind in _PERSON:
        return _same_person(found[0].lower(), history.lower())
    after = sentence[found.end() : found.end() + 50]
    own = _content(found[0])
    if len(shared) > 1 and not _NUMBERS.intersection(_content(sentence)) - set(_WORD.findall(history.lower())):
        return True
    if own and any(word[:STEM] in told for word in own):
        return _NUMBERS.isdisjoint(own) or not _NUMBERS.intersection(own) - set(_WORD.findall(history.lower()))
    if kind == "duration":
        return _same_time(f"{found[0]} {after}", history) or any(w[:STEM] in told for w in _content(after)[:3])
    return not own and any(word[:STEM] in told for word in _content(after)[:3])


def _same_time(claim: str, history: str) -> bool:
    """True when the history gives a time of the same unit and, where the claim has a number, the same number."""
    units = {word.rstrip("s") for word in _WORD.findall(claim.lower()) if word.rstrip("s") in _UNITS}
    known = {word.rstrip("s") for word in _WORD.findall(history.lower())}
    numbers = set(re.findall(r"\d+", _digits(claim)))
    return bool(units & known) and numbers <= set(re.findall(r"\d+", history))


def _digits(text: str) -> str:
    """The text with its number words as digits."""
    return _NUMBER_WORD.sub(lambda found: str(_NUMBER_WORDS.index(found[0].lower()) + 1), text)


def _content(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if len(word) > 3 and word not in _IDLE]


def _same_person(claim: str, history: str) -> bool:
    """True when the history gives the sex, age and way of life that the claim speaks of."""
    words, known = set(_WORD.findall(claim)), set(_WORD.findall(history))
    for sex, other in (_SEXES, _SEXES[::-1]):
        if words & sex and (known & other or not known & sex):
            return False
    ages = [int(number) for number in re.findall(r"\d{1,3}", history)]
    if re.search(r"\d[- ](?:months?|weeks?|days?)[- ]old|\d (?:months?|weeks?) of age", history):
        ages = [1]
    for word in words & _AGES.keys():
        low, high = _AGES[word]
        young = high <= 18 and not known.isdisjoint(_CHILDREN)
        if word not in known and not young and not any(low <= age <= high for age in ages[:1]):
            return False
    return words & _OTHERS <= known
