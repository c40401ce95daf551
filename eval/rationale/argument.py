"""Which steps of a clinical argument a rationale takes, and whether they come in order."""

import re
from bisect import bisect
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Literal

from skin_r1.claims import Claim, sentences
from skin_r1.ontology import load_ontology

Step = Literal["description", "interpretation", "diagnosis", "differential", "why less likely", "outlook"]
STEPS: tuple[Step, ...] = (
    "description", "interpretation", "diagnosis", "differential", "why less likely", "outlook",
)  # fmt: skip
# A differential is weighed before the conclusion or after it; both are good, so these pairs have no order.
_FREE = {("diagnosis", "differential"), ("diagnosis", "why less likely")}

_LINK = re.compile(
    r"\b(?:suggest\w*|indicat\w+|points? to|pointing to|consistent with|compatible with|characteristic of|"
    r"typical (?:of|for)|keeping with|favou?r\w*|fits?|fitting|speaks? for|supports?|supporting|argues? for|hallmark|"
    r"reflect\w*|impl(?:y|ies)|raises?|explain\w*|associated with|account\w* for|aligns? with|match\w*|carr(?:y|ies)|"
    r"because|due to|leads? to|leading to|therefore|clue)\b",
    re.IGNORECASE,
)
_PROCESS = re.compile(
    r"\b(?:(?:non-?)?melanocyt\w+|inflammat\w+|neoplas\w+|vascular|keratinocyt\w+|keratinizing|infect\w+|autoimmune|"
    r"malignan\w+|benign|process|proliferat\w+|sun damage)\b",
    re.IGNORECASE,
)
_AGAINST = re.compile(
    r"\b(?:less likely|unlikely|improbable|against|excluded?|ruled out|rules out|rather than|unlike|does not fit|"
    r"less (?:typical|consistent)|lacks?|missing|absen\w+|set aside|abandoned|dropped)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:because|since|as|given|owing|due to|lacks?|lacking|without|absen\w+|missing|expect\w*|would)\b",
    re.IGNORECASE,
)
_OUTLOOK = re.compile(
    r"\b(?=[bcdefhmnprtu])(?:benign|pre-?malignan\w*|malignan\w*|cancer\w*|non-?cancer\w*|harmless|biops\w+|excis\w+|refer(?:ral|red|s)?|monitor\w*|"
    r"follow-?(?:ing )?up|re-?check\w*|histolog\w+|histopatholog\w+|treat\w*|urgent\w*|dermatologist)\b",
    re.IGNORECASE,
)


def steps(text: str, claims: Sequence[Claim], diagnosis: str | None) -> Mapping[Step, int]:
    """Each step that the text takes, with the character where it first stands.

    - `description`: a finding is asserted or denied of the lesion, not only to turn an alternative down.
    - `interpretation`: words such as "suggests" or "typical of" link what is seen to a disease or a process.
    - `diagnosis`: one is concluded; else one is leaned to, the answer's first.
    - `differential`: another one is named that is no kind of it.
    - `why less likely`: a sentence that names one of these says what it would show, what is not there, or another reason
      (counted at its end).
    - `outlook`: malignancy or a next step, outside of a diagnosis' name.

    Args:
        text: the reasoning.
        claims: `skin_r1.claims.claims` of it.
        diagnosis: slug of the answer, or None.
    """
    named = [claim for claim in claims if claim.kind == "diagnosis"]
    chosen = _chosen(named, diagnosis)
    found: dict[Step, int] = {}
    if chosen is not None:
        found["diagnosis"] = chosen.start
    own = _line(chosen.slug if chosen is not None else diagnosis)
    others = [claim for claim in named if claim.slug not in own]
    if others:
        found["differential"] = others[0].start
    for start, end, inside in _by_sentence(text, claims):
        rival = any(c.kind == "diagnosis" and c.slug not in own for c in inside)
        if rival and _reasoned(text, start, end, inside, own):
            found.setdefault("why less likely", end)
            continue
        seen = next((c.start for c in inside if c.kind == "finding" and c.stance in ("said", "denied")), None)
        if seen is not None:
            found.setdefault("description", seen)
        if "interpretation" not in found and (link := _interpreted(text, start, end, inside)) is not None:
            found["interpretation"] = link
    starts = [claim.start for claim in named]
    for word in _OUTLOOK.finditer(text):
        name = bisect(starts, word.start()) - 1
        if name < 0 or word.start() >= named[name].end:  # no part of a name, as in "malignant melanoma"
            found["outlook"] = word.start()
            break
    return {step: found[step] for step in STEPS if step in found}


def _interpreted(text: str, start: int, end: int, inside: Sequence[Claim]) -> int | None:
    """Where a sentence links what is seen to a disease or a process."""
    if any(claim.kind == "diagnosis" for claim in inside) or _PROCESS.search(text, start, end):
        link = _LINK.search(text, start, end)
        return link.start() if link else None
    return None


def _reasoned(text: str, start: int, end: int, inside: Sequence[Claim], own: Collection[str]) -> bool:
    """True where a sentence that names an alternative says what speaks against it."""
    findings = {claim.stance for claim in inside if claim.kind == "finding"}
    if not findings.isdisjoint(("general", "denied")):  # what it would show, or what is not there
        return True
    denied = any(claim.kind == "diagnosis" and claim.stance == "denied" and claim.slug not in own for claim in inside)
    if not denied and not _AGAINST.search(text, start, end):
        return False
    return bool(findings) or _REASON.search(text, start, end) is not None


def coverage(found: Mapping[Step, int]) -> float:
    """Share of the six steps that are taken."""
    return len(found) / len(STEPS)


def order(found: Mapping[Step, int]) -> float | None:
    """Share of the pairs of taken steps that stand in the order of `STEPS`, in [0, 1]: (1 + Kendall's tau) / 2 without ties.

    Source of the statistic: Kendall, Biometrika 1938;30:81-93. The diagnosis and its alternatives have no order of their own.

    Returns:
        None where fewer than two steps with an order are taken.
    """
    pairs = [pair for pair in combinations([step for step in STEPS if step in found], 2) if pair not in _FREE]
    return sum(found[a] <= found[b] for a, b in pairs) / len(pairs) if pairs else None


def _chosen(named: Sequence[Claim], diagnosis: str | None) -> Claim | None:
    """The diagnosis that the reasoning comes to: concluded, else leaned to, in line with the answer before any other; else
    the answer where it is named last.
    """
    line = _line(diagnosis)
    for stance in ("concluded", "leaning"):
        held = [claim for claim in named if claim.stance == stance and not claim.question]
        right = [claim for claim in held if claim.slug in line]
        if held:
            return (right or held)[0]
    last = named[-1] if named else None  # "on balance: psoriasis"
    return last if last and last.slug in line and last.stance == "weighed" and not last.question else None


@cache
def _line(slug: str | None) -> frozenset[str]:
    """A diagnosis, what it is a kind of, and its kinds."""
    tree = load_ontology()
    if slug is None or slug not in tree.nodes:
        return frozenset()
    below = [slug]
    for each in below:
        below += tree.children(each)
    return frozenset({*tree.path(slug), *below})


def _by_sentence(text: str, claims: Sequence[Claim]) -> Iterator[tuple[int, int, list[Claim]]]:
    """First and last character of each sentence, and its claims."""
    at = 0
    for start, sentence in sentences(text):
        end, inside = start + len(sentence), []
        while at < len(claims) and claims[at].start < end:
            inside.append(claims[at])
            at += 1
        yield start, end, inside
