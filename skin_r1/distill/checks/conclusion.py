"""Does the reasoning come to the answer, after its evidence, and to no other one?"""

import re
from functools import cache

from skin_r1.claims import Claim
from skin_r1.distill.checks.malignancy import other_malignancy
from skin_r1.distill.checks.opposites import opposites
from skin_r1.distill.checks.prose import Prose
from skin_r1.distill.checks.sides import two_sides
from skin_r1.ontology import load_ontology

# Words for a look that are no concept of ours.
_LOOKS = (
    r"red\w*|brown\w*|black\w*|white\w*|whitish|blue\w*|gray\w*|grey\w*|pink\w*|purple|violaceous|yellow\w*|tan|"
    r"orange|dark\w*|"
    r"pale|pearly|shiny|raised|flat|scaly|scaling|crust\w*|rough|smooth|round|oval|ring\w*|annular|linear|"
    r"irregular\w*|symmetr\w*|"
    r"asymmetr\w*|border\w*|edge\w*|vessel\w*|spots?|bumps?|dots?|globules?|clods?|network\w*|blister\w*|"
    r"thick\w*|swollen|swelling|"
    r"lines?|streaks?|patches|margin\w*|structureless|pores?"
)
_LOOK = re.compile(rf"\b(?:{_LOOKS})\b", re.IGNORECASE)
_EVIDENCE = re.compile(
    rf"\b(?:{_LOOKS}|surface\w*|colou?r\w*|shape\w*|pattern\w*|hair\w*|lesions?|skin|rash|eruption|growth|mark|findings?)\b",
    re.IGNORECASE,
)
TURN = re.compile(
    r"\b(?:however|but|yet|on (?:a )?closer|instead|although|though|nevertheless|still|rather|on reflection|"
    r"looking again|"
    r"second look|then again|against (?:it|this|that)|more so|better)\b",
    re.IGNORECASE,
)
"""Words by which a text leaves what it thought before."""
_RANKED = re.compile(r"\b(?:more|most|best|better|favou?r\w*|prefer\w*|leading|prevails?|wins?)\b", re.IGNORECASE)
_AROUND = 30  # characters beside a name where such a word ranks it
_CLAUSE_END = re.compile(r"[.;!?,\n]")


def early_fault(prose: Prose, answer: str) -> str | None:
    """The answer's name where the reasoning gives it before any evidence, or None.

    A question and a list of candidates give nothing away: "melanoma or a blue nevus?".
    """
    first = next((claim for claim in prose.claims if claim.kind == "finding"), None)
    path = _answers(answer)
    for claim in prose.claims:
        if first is not None and claim.start > first.start:
            return None
        if claim.kind != "diagnosis" or claim.slug not in path or claim.stance == "denied" or claim.question:
            continue
        if claim.stance == "weighed" and (claim.slug != answer or _among_rivals(prose, claim, path)):
            continue
        evidence = _EVIDENCE if first is None else _LOOK if claim.stance == "weighed" else None
        if evidence is not None and evidence.search(prose.text[: claim.start]):
            return None
        return prose.text[claim.start : claim.end]
    return None


def _among_rivals(prose: Prose, claim: Claim, path: frozenset[str]) -> bool:
    """True where the clause weighs several diagnoses and singles none out."""
    others = [c for c in prose.claims if c.clause == claim.clause and c.kind == "diagnosis" and c is not claim]
    shelves = {above for slug in path for above in load_ontology().path(slug)}
    rivals = any(c.slug not in shelves and c.stance == "weighed" for c in others)
    return rivals and not any(c.slug in path for c in others)


def conclusion_fault(prose: Prose, answer: str, malignancy: str | None, history: str = "") -> str | None:
    """Where the reasoning concludes something else than the answer, or speaks against itself; None where it does not."""
    fine = in_line(answer)
    concluded = [c for c in prose.claims if c.kind == "diagnosis" and c.stance in ("concluded", "leaning")]
    for at, claim in enumerate(concluded):
        if claim.slug in fine:
            continue
        said = prose.text[claim.start : claim.end]
        if not _turned(prose, claim, concluded[at + 1 :], fine):
            return f"the reasoning concludes {said!r}, the answer is {answer}"
    last = next((c for c in reversed(prose.claims) if c.kind == "diagnosis" and c.slug == answer), None)
    if last is not None and last.stance == "denied" and not any(c.slug in fine for c in concluded):
        return f"the reasoning turns down {prose.text[last.start : last.end]!r}, which is the answer"
    if malignancy and (said_ := other_malignancy(prose, malignancy, load_ontology().path(answer))):
        return f"the reasoning concludes {said_!r}, the answer is {malignancy}"
    return opposites(prose) or two_sides(prose, history)


@cache
def _answers(answer: str) -> frozenset[str]:
    """The answer, and its subtypes and the diagnosis it is a subtype of: naming those names it."""
    tree = load_ontology()
    named = {slug for slug in tree.path(answer) if tree.nodes[slug].level in ("diagnosis", "subtype")}
    return frozenset({answer, *named})


@cache
def in_line(answer: str) -> frozenset[str]:
    """The slug of the answer, what it is a kind of, and its kinds."""
    tree = load_ontology()
    below = [answer]
    for slug in below:
        below += tree.children(slug)
    return frozenset({*tree.path(answer), *below})


def _turned(prose: Prose, claim: Claim, later: list[Claim], fine: frozenset[str]) -> bool:
    """True when the reasoning leaves what it leaned to: a later conclusion is right, and a turn or a denial lies between."""
    right = [c for c in later if c.slug in fine]
    if not right:
        return False
    between = prose.text[claim.end : right[-1].start]
    denied = any(
        c.slug == claim.slug and c.start > claim.start and c.stance == "denied"
        for c in prose.claims
        if c.kind == "diagnosis"
    )
    turned = right[-1].stance == "concluded" or TURN.search(between) is not None
    outranked = not _ranked(prose.text, claim) and any(_ranked(prose.text, each) for each in right)
    return denied or (claim.stance == "leaning" and (turned or outranked))


def _ranked(text: str, claim: Claim) -> bool:
    """True for "more likely X", "favors X", "X is most likely": it outranks what is only likely."""
    before = _CLAUSE_END.split(text[max(0, claim.start - _AROUND) : claim.start])[-1]
    after = _CLAUSE_END.split(text[claim.end : claim.end + _AROUND])[0]
    return _RANKED.search(before + "|" + after) is not None
