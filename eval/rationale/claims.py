"""The claims of a rationale, each with its place in the text and a verdict by the annotation of the case.

A rationale is split into claims that can be checked one by one, as FActScore does with facts (Min et al. 2023, doi
10.18653/v1/2023.emnlp-main.741): a claim is one finding that the reasoning asserts, denies or suspects, or that the answer
lists. What is said of a disease ("psoriasis would show scale") and a question claim nothing.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple

from eval.rationale.related import is_near
from reward_fns.doubt import doubted
from skin_r1.claims import Claim, sentences
from skin_r1.concepts import excluded_by, load_concepts

Polarity = Literal["asserted", "denied", "hedged"]
Verdict = Literal["supported", "partial", "contradicted", "unknown", "vague", "missing"]
Place = Literal["reasoning", "answer", "nowhere"]

_NEAR = 700  # characters around a name that can cast doubt on it
_PART = 90  # characters before a name that can hedge it
_CUT = re.compile(
    r"[.;!?\n,]|\b(?:but|however|although|though|while|whereas|yet|given|because|since|due to|from)\b", re.IGNORECASE
)
_SURE = r"possible|possibly|probable|probably|presumably|suspected|likely|questionable|equivocal|apparent|borderline"
_OF = r"suggest(?:ion|ive|ing) of|hints? of|suspicio(?:n|us) (?:of|for)"
_MAY = r"perhaps|maybe|may|might|could|whether|uncertain|unclear|unsure|not sure|not certain"
_HEDGE = re.compile(rf"\b(?=[abcehlmnpqsuw])(?:{_SURE}|{_OF}|{_MAY}|can)\b", re.IGNORECASE)
_RIGHT_BEFORE = re.compile(rf"\b(?:{_SURE}|{_OF})(?: (?:of|an?|the|some|early|focal|slight))?\W*$", re.IGNORECASE)
_MODAL = re.compile(rf"\b(?:{_MAY})\b", re.IGNORECASE)
_CAUSES = re.compile(
    r"\b(?:can|could|may|might)(?: also| sometimes| often)? (?:cause|present|lead|produce|explain|mimic|resemble)\b",
    re.IGNORECASE,
)
# Words that lead back from a list of candidates to this lesion.
_HERE = re.compile(
    r"\b(?:here|this|image|observed|described|seen|visible|present|noted|match\w*|fits?|case|patient|explains?)\b",
    re.IGNORECASE,
)
_TITLE = 70  # characters of a line before the colon that may name a candidate
# "an ulcer is likely", but not "the ulcer is likely due to friction" or "the redness could be reactive".
_HEDGE_AFTER = re.compile(
    rf"\s*\(\?\)|,? if any\b|\s+(?:(?:is|are|was|were|seems?|remains?) )?(?:only |merely |rather |also )?"
    rf"(?:{_SURE}|uncertain|unclear|doubtful)(?: (?:present|visible|here|there))?\s*(?:[.;,!]|$)"
    r"|\s+(?:may|might|could) (?:also )?(?:be (?:present|seen|visible|there|found)|exist)\b",
    re.IGNORECASE,
)
# A short sentence that gives an impression of the lesion ...
_VAGUE = re.compile(
    r"\b(?:lesion|it|this|that|these|they|spot|growth|image|picture|photo\w*|features?|appearance|pattern|findings?|"
    r"structures?|something|everything|all)\b(?:.*\b)?(?:suspicious|suspect|concerning|worrisome|worrying|alarming|abnormal|"
    r"unusual|atypical|peculiar|strange|odd|weird|(?:un)?remarkable|non-?specific|irregularities|abnormalities|"
    r"(?:various|certain|some|several) (?:features|changes|signs|findings)|signs of (?:something|disease)|"
    r"(?:is|looks?|appears?|seems?) (?:quite |rather |very |perfectly )?(?:normal|bad|ugly|fine))\b"
    r"|^\s*(?:suspicious|concerning|worrisome|abnormal|unusual|atypical|non-?specific)\b",
    re.IGNORECASE,
)
_LONGEST = 90  # characters; a longer sentence says something, if in words that are not ours
# ... unless it has a word that a picture can confirm or refute, speaks of malignancy or of what to do, or of the writer.
_CONCRETE = re.compile(
    r"\d|\b(?:red\w*|pink\w*|brown\w*|black\w*|white\w*|whitish|blue\w*|bluish|gr[ae]y\w*|purple|violaceous|yellow\w*|"
    r"orange|dark\w*|pale|skin-colou?red|pearly|shiny|raised|flat\w*|scaly|crust\w*|rough|smooth|round\w*|oval|ring\w*|"
    r"annular|linear|irregular|regular|a?symmetr\w+|borders?|edges?|margins?|vessels?|spots? of|bumps?|dots?|globules?|"
    r"clods?|network|blister\w*|thick\w*|swollen|swelling|lines?|streaks?|patch\w*|pores?|colou?rs?|structureless|"
    r"diameter|millimet\w+|benign|malignan\w*|premalignan\w*|cancer\w*|biops\w*|excis\w*|refer\w*|monitor\w*|follow-?up|"
    r"treat\w*|i|i'll|we|let)\b",
    re.IGNORECASE,
)


class JudgedClaim(NamedTuple):
    """One claim and what the annotation says of it.

    Attributes:
        place: `reasoning`, `answer` (the findings of its JSON object), or `nowhere` for what is missing.
        start, end: its characters in the reasoning; None elsewhere.
        concept: concept slug; None for a vague sentence and for a name that is no concept of ours.
        polarity: `asserted`, `denied` or `hedged` ("possible", "cannot be excluded"); None for vague and missing ones.
        verdict: see `judge`; `vague` for a sentence that only gives an impression ("the lesion looks suspicious"); `missing`
            for a finding that is annotated present and never claimed.
        counts: False for a repetition, and for a hedge of what is asserted or denied elsewhere.
    """

    place: Place
    start: int | None
    end: int | None
    concept: str | None
    polarity: Polarity | None
    verdict: Verdict
    counts: bool


def judge(concept: str, polarity: Polarity, present: Collection[str], absent: Collection[str]) -> Verdict:
    """What the annotation says of one claim.

    - `supported`: asserted and annotated present; denied and annotated absent.
    - `contradicted`: asserted or hedged and annotated absent; denied and annotated present.
    - `partial`: hedged and annotated present; or not annotated itself, while a part, a whole or another quality of it is
      annotated present (`eval.rationale.related`).
    - `unknown`: the annotation does not say.

    What excludes an annotated finding counts as annotated absent. A hedge leans to present, as "uncertain" does in the U-ones
    policy of CheXpert (Irvin et al. 2019, arXiv 1901.07031): else hedging everything would be free.
    """
    if concept in present:
        return "contradicted" if polarity == "denied" else "partial" if polarity == "hedged" else "supported"
    refuted = not excluded_by(concept).isdisjoint(present) if concept in load_concepts() else False
    if polarity == "denied":
        return "supported" if concept in absent or refuted else "unknown"
    if concept in absent:
        return "contradicted"
    if is_near(concept, present):
        return "partial"
    return "contradicted" if refuted else "unknown"


def polarity_of(text: str, claim: Claim, disease: int = 0) -> Polarity | None:
    """How the text claims a finding; None where it claims nothing: a question, or said of a disease or in disbelief.

    Args:
        text: the reasoning.
        claim: one of `skin_r1.claims.claims(text)`.
        disease: where the last name of a diagnosis before the claim ends; 0 without any.
    """
    if claim.kind != "finding":
        return None
    if claim.stance != "general" and _HEDGE_AFTER.match(text, claim.end, claim.end + _NEAR):
        return "hedged"
    if claim.question:
        return None
    if claim.stance in ("open", "drowned", "denied"):
        return "denied" if claim.stance == "denied" else "hedged"
    first = max(0, claim.start - _PART)
    if _HEDGE.search(text, first, claim.start):
        part = max((cut.end() for cut in _CUT.finditer(text, first, claim.start)), default=first)
        if _CAUSES.search(text, part, claim.start):
            return None  # "folliculitis could cause papules"
        if claim.stance == "said" and _RIGHT_BEFORE.search(text[part : claim.start]):
            return "hedged"
        if _MODAL.search(text, part, claim.start):
            return "hedged" if disease <= part else None
    if claim.stance == "general":
        return None
    first, last = max(0, claim.start - _NEAR), claim.end + _NEAR
    return None if doubted(text[first:last], claim.start - first, claim.end - first) else "asserted"


def judged_claims(
    text: str,
    claims: Sequence[Claim],
    findings: Sequence[str | None],
    present: Collection[str],
    absent: Collection[str],
) -> tuple[JudgedClaim, ...]:
    """Every claim of a rationale: of the reasoning in its order, then of the answer, then what is missing.

    Args:
        text: the reasoning.
        claims: `skin_r1.claims.claims` of it.
        findings: concept slugs that the answer lists; None for a name that is no concept.
        present, absent: concept slugs that are annotated.
    """
    told: list[tuple[Claim, Polarity]] = []
    aside, disease = _candidates(text, claims), 0
    for c in claims:
        if c.kind == "diagnosis":
            disease = c.end
        elif c.start not in aside and (how := polarity_of(text, c, disease)) is not None:
            told.append((c, how))
    listed = [slug for slug in dict.fromkeys(findings) if slug is not None]
    firm = {c.slug for c, how in told if how != "hedged"} | {*listed}
    seen: set[tuple[str, Polarity]] = set()

    def claim(place: Place, start: int | None, end: int | None, slug: str, how: Polarity) -> JudgedClaim:
        counts = (slug, how) not in seen and not (how == "hedged" and slug in firm)
        seen.add((slug, how))
        return JudgedClaim(place, start, end, slug, how, judge(slug, how, present, absent), counts)

    spoken = [claim("reasoning", c.start, c.end, c.slug, how) for c, how in told]
    spoken += _vague(text, claims)
    spoken.sort(key=lambda each: (each.start, each.end))
    spoken += [claim("answer", None, None, slug, "asserted") for slug in listed]
    spoken += [
        JudgedClaim("answer", None, None, None, "asserted", "unknown", True) for slug in findings if slug is None
    ]
    claimed = {slug for slug, _ in seen}
    missing = [slug for slug in dict.fromkeys(present) if slug not in claimed]
    return (*spoken, *[JudgedClaim("nowhere", None, None, slug, None, "missing", True) for slug in missing])


def _candidates(text: str, claims: Sequence[Claim]) -> set[int]:
    """First characters of the findings that a list of candidates tells of a disease: "- Acne or rosacea: pustules."."""
    found: set[int] = set()
    if "\n" not in text:
        return found
    at, title, line = 0, False, -1
    for start, sentence in sentences(text):
        if line < 0 or text[start - 1] == "\n":
            title, line = False, start
        inside = []
        while at < len(claims) and claims[at].start < start + len(sentence):
            inside.append(claims[at])
            at += 1
        colon = text.find(":", line, line + _TITLE) if start == line else -1
        title = title or any(c.kind == "diagnosis" and c.start < colon for c in inside)
        if title and not _HERE.search(sentence):
            found.update(c.start for c in inside if c.kind == "finding")
    return found


def _vague(text: str, claims: Sequence[Claim]) -> Iterator[JudgedClaim]:
    """Sentences that give an impression and name nothing."""
    seen: set[str] = set()
    at = 0
    for start, sentence in sentences(text):
        end = start + len(sentence)
        while at < len(claims) and claims[at].start < start:
            at += 1
        if at < len(claims) and claims[at].start < end:
            continue
        said = sentence.strip(" \t\n.;!*")
        if len(said) > _LONGEST or said.endswith("?") or not _VAGUE.search(said) or _CONCRETE.search(said):
            continue
        first = start + sentence.index(said)
        yield JudgedClaim("reasoning", first, first + len(said), None, None, "vague", said.casefold() not in seen)
        seen.add(said.casefold())
