"""Does the reasoning come to the answer, after its evidence, and to no other one?"""

import re
from collections.abc import Collection
from functools import cache, lru_cache

from skin_r1.claims import Claim
from skin_r1.distill.checks.prose import Prose, Sentence
from skin_r1.ontology import load_ontology

_MALIGNANCY = re.compile(
    r"\b(?:is|are|appears?|looks?|seems?|be|clearly|probably|likely|a|an|as|this|must be|overall) "
    r"(?:(?:clearly|probably|likely|entirely|definitely|most likely|therefore|thus|a|an|biologically|purely|"
    r"only|merely|just|still) )*"
    r"(?P<said>benign|malignant|premalignant|cancerous|non-?cancerous|non-?malignant|skin cancer)\b",
    re.IGNORECASE,
)
_TURNED_CANCER = re.compile(
    r"\b(?:has|have) (?:already )?(?:turned|changed|developed|progressed) into (?:an? )?(?:invasive )?(?:skin )?cancer",
    re.IGNORECASE,
)
_SAME = {
    "cancerous": "malignant", "skin cancer": "malignant", "noncancerous": "benign", "non-cancerous": "benign",
    "nonmalignant": "benign", "non-malignant": "benign",
}  # fmt: skip
_OWN = {
    name: re.compile(rf"\bnot (?:an? |the )?(?:{words})\b(?! (?:yet|for certain|with certainty))", re.IGNORECASE)
    for name, words in (
        ("malignant", "malignant|cancer(?:ous)?"),
        ("premalignant", "pre-?malignant|pre-?cancer(?:ous)?"),
        ("benign", "benign"),
    )
}
# "does not look malignant", "would be malignant", "whether it is benign": nothing is concluded.
_UNSAID = re.compile(
    r"\b(?:not|no|never|nor|neither|without|rather|less|unlikely|against|would|could|may|might|if|than|rules? out|"
    r"excludes?|whether|cannot|more|unlike|from|mimics?|contrast|kind of)\b",
    re.IGNORECASE,
)
_REACH = 400  # characters before a word in which it may be negated; further back only noise goes on without a comma
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
_TURN = re.compile(
    r"\b(?:however|but|yet|on (?:a )?closer|instead|although|though|nevertheless|still|rather|on reflection|"
    r"looking again|"
    r"second look|then again|against (?:it|this|that)|more so|better)\b",
    re.IGNORECASE,
)
_PAIRS = (
    ("tense", "flaccid"),
    ("(?:completely|entirely|perfectly|wholly) flat", "raised"),
    (
        r"(?:only one|a single) (?:lesion|papule|nodule|plaque|macule|patch|spot)|solitary",
        r"dozens|numerous|countless|hundreds|scores of|large number",
    ),
)
_OPPOSITE = re.compile("|".join(rf"\b(?:{word})\b" for pair in _PAIRS for word in pair), re.IGNORECASE)
_FOR_GOOD = re.compile(
    r" (?:is|are|was|can be) (?:\w+ )?(?:\w+ly )?(?:excluded|ruled out|out of the question)", re.IGNORECASE
)
_LEFT_OPEN = re.compile(
    r" (?:cannot|can not|could not) be (?:excluded|ruled out)| remains? (?:quite |very )?possible", re.IGNORECASE
)
_SIDE = re.compile(
    r"\b(left|right)(?:-sided)?(?:[- ](?:upper|lower|outer|inner|side of the|side|sided))* "
    r"(cheek|arm|leg|hand|foot|forearm|thigh|calf|shin|ear|temple|eyelid|shoulder|breast|palm|sole|knee|elbow|"
    r"ankle|wrist|"
    r"flank|buttock|nostril|thumb|big toe|toe|finger|heel|groin|jaw|brow|chest|back|face|neck|scalp|forehead|axilla)\b",
    re.IGNORECASE,
)
_HALF = re.compile(
    r"\b(left|right)(?:-sided| (?:side|half) of the (?:chest|face|trunk|body|back|neck|head|abdomen|scalp))\b",
    re.IGNORECASE,
)
_BOTH = re.compile(r"\b(?:both|bilateral\w*|contralateral|opposite|other side|left and right|right and left|symmetrical\w*|"
                   r"compared|than)\b", re.IGNORECASE)  # fmt: skip


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
    fine = _in_line(answer)
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
    if malignancy and (said_ := _other_malignancy(prose, malignancy, load_ontology().path(answer))):
        return f"the reasoning concludes {said_!r}, the answer is {malignancy}"
    return _opposites(prose) or _two_sides(prose, history)


@cache
def _answers(answer: str) -> frozenset[str]:
    """The answer, and its subtypes and the diagnosis it is a subtype of: naming those names it."""
    tree = load_ontology()
    named = {slug for slug in tree.path(answer) if tree.nodes[slug].level in ("diagnosis", "subtype")}
    return frozenset({answer, *named})


@cache
def _in_line(answer: str) -> frozenset[str]:
    """The answer, what it is a kind of, and its kinds."""
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
    turned = right[-1].stance == "concluded" or _TURN.search(between) is not None
    return denied or (claim.stance == "leaning" and turned)


def _other_malignancy(prose: Prose, malignancy: str, above: Collection[str]) -> str | None:
    own = _OWN.get(malignancy)
    for sentence in prose.sentences:
        for words, said, shelf in _malignancies(sentence) if sentence.grave else ():
            if shelf in above:
                continue  # the name of a shelf that the answer stands on
            if said != malignancy and not (said == "benign" and malignancy == "non-neoplastic"):
                return words
        if own is not None and " not " in sentence.text and (denied := own.search(sentence.text)):
            return denied[0]
    return None


@lru_cache(maxsize=1 << 14)
def _malignancies(sentence: Sentence) -> tuple[tuple[str, str, str], ...]:
    """(words, malignancy, shelf whose name they are part of) of each that the sentence asserts of the lesion."""
    out = []
    if (turned := _TURNED_CANCER.search(sentence.text)) and not sentence.supposed:
        out.append((turned[0], "malignant", ""))
    for found in _MALIGNANCY.finditer(sentence.text):
        before = re.split(r"[,:]", sentence.text[max(0, found.start("said") - _REACH) : found.start("said")])[-1]
        after = re.split(r"[,:]", sentence.text[found.end() : found.end() + 40])[0]
        at = found.start("said")
        names = [c.slug for c in sentence.claims if c.kind == "diagnosis" and c.start <= at < c.end]
        if names and load_ontology().nodes[names[0]].level != "group":
            continue  # a word of a name: "benign vascular neoplasm"
        if _UNSAID.search(before) is None and re.search(r"\b(?:would|could|might)\b", after) is None:
            said = found["said"].lower()
            out.append((found["said"], _SAME.get(said, said), names[0] if names else ""))
    return tuple(out)


@lru_cache(maxsize=1 << 14)
def _extremes(sentence: Sentence) -> tuple[tuple[str, str, str], ...]:
    """(pattern, pattern that excludes it, words) of words such as "tense" that the sentence says of the lesion."""
    out: list[tuple[str, str, str]] = []
    for found in _OPPOSITE.finditer(sentence.text):
        if sentence.supposed:
            return ()
        if sentence.of_disease(found.start()):
            continue
        for pair in _PAIRS:
            for one, other in (pair, pair[::-1]):
                if re.fullmatch(one, found[0], re.IGNORECASE):
                    out.append((one, other, found[0]))
    return tuple(out)


def _opposites(prose: Prose) -> str | None:
    """Two words that cannot both hold for the lesion, or a diagnosis that is ruled out and left open."""
    said: dict[str, str] = {}
    for sentence in prose.sentences:
        for one, other, words in _extremes(sentence) if sentence.extreme else ():
            said[one] = words
            if other in said:
                return f"the reasoning says {said[other]!r} and {words!r} of one lesion"
    for claim in prose.claims:
        if claim.kind == "diagnosis" and claim.stance == "denied" and _FOR_GOOD.match(prose.text, claim.end):
            again = (c for c in prose.claims if c.slug == claim.slug and c.start != claim.start)
            if any(_LEFT_OPEN.match(prose.text, c.end) or c.stance in ("concluded", "leaning") for c in again):
                return f"the reasoning excludes {prose.text[claim.start : claim.end]!r} and leaves it open"
    return None


def _two_sides(prose: Prose, history: str) -> str | None:
    """Say where the text has "the left cheek ... the right cheek" of one lesion, or another side than the history gives."""
    if not any(sentence.sided for sentence in prose.sentences):
        return None
    if _BOTH.search(prose.text):
        return None
    if len({side.lower() for side in _HALF.findall(f"{history}. {prose.text}")}) > 1:
        return "the reasoning speaks of the left and of the right side"
    sides: dict[str, str] = {part.lower(): side.lower() for side, part in _SIDE.findall(history)}
    for side, part in _SIDE.findall(prose.text):
        known = sides.setdefault(part.lower(), side.lower())
        if known != side.lower():
            return f"the reasoning speaks of the {side.lower()} {part.lower()}, and of the {known} one"
    return "the reasoning speaks of the left and of the right side" if len(set(sides.values())) > 1 else None
