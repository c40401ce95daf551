"""Rules out of passages: what a teacher is asked, how its answer is read, and what is kept of it."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from skin_r1.concepts import concept_name, mentions
from skin_r1.distill.books.passages import Passage
from skin_r1.distill.books.proof import Proposal, merged, named_diagnoses, verify
from skin_r1.ontology import load_ontology
from skin_r1.rules import MODALITIES, ROLES, Rule

PROMPT = """\
You read a dermatology text and write down the diagnostic rules that it states. A rule says what one finding tells about
one diagnosis. Its role is one of:
- typical: most cases of the diagnosis show the finding
- supports: not all cases show it, but seeing it favors the diagnosis over its neighbors
- rare: seldom seen in the diagnosis, so that seeing it makes the diagnosis less likely
- excludes: seeing the finding makes the diagnosis untenable
Its modality is "dermoscopic" or "clinical" where the text says how the finding is seen, else "".

Answer with a JSON list of objects with exactly the keys diagnosis, finding, role, modality, quote. Use the names listed
below. The quote is copied word for word from the passage: one statement of at least four words that names the finding.
Add nothing that you know from elsewhere. Leave out histology, treatment and what merely could be. If the passage states
no rule, answer NOTHING.

Diagnoses named here: {diagnoses}
Findings named here: {findings}

Section: {heading}
Passage:
{text}"""
_KEYS = ("diagnosis", "finding", "role", "modality", "quote")


def worth_asking(passage: Passage) -> bool:
    """True where the passage names a finding, and it or its heading a diagnosis: without both it states no rule."""
    return bool(mentions(passage.text)) and bool(named_diagnoses(f"{passage.heading}\n{passage.text}"))


def messages_about(passage: Passage) -> list[dict[str, Any]]:
    """The chat messages that ask for a passage's rules. The file's name is not told."""
    tree, whole = load_ontology(), f"{passage.heading}\n{passage.text}"
    diagnoses = dict.fromkeys(tree.name(named.slug) for named in named_diagnoses(whole))
    findings = dict.fromkeys(concept_name(mention.slug) for mention in mentions(whole))
    text = PROMPT.format(
        diagnoses=", ".join(diagnoses), findings=", ".join(findings), heading=passage.heading, text=passage.text
    )
    return [{"role": "user", "content": text}]


def read_answer(answer: str) -> list[Proposal | str]:
    """What a teacher's answer proposes.

    A code fence around it is forgiven. A string in place of a proposal says why there is none: `json: ...` for the whole
    answer, `keys: ...` for an item that lacks a key, has another one, or a value that is not allowed.
    """
    text = re.sub(r"\A```\w*\s*\n(.*?)\n?```\Z", r"\1", answer.strip(), flags=re.DOTALL).strip()
    if text.strip(".").upper() == "NOTHING":
        return []
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        return [f"json: {type(error).__name__}: {str(error)[:80]}"]
    if not isinstance(items, list):
        return [f"json: {type(items).__name__} instead of a list"]
    return [_proposal(item) for item in items]


def _proposal(item: object) -> Proposal | str:
    if not isinstance(item, dict) or set(item) != set(_KEYS):
        return f"keys: {sorted(item) if isinstance(item, dict) else type(item).__name__}"
    values = {key: "" if key == "modality" and item[key] is None else item[key] for key in _KEYS}
    if wrong := [key for key, value in values.items() if not isinstance(value, str)]:
        return f"keys: {wrong[0]} is no text"
    for key, allowed in (("role", ROLES), ("modality", MODALITIES)):
        if values[key] not in allowed:
            return f"keys: {key} {values[key]!r}"
    return Proposal(**values)


@dataclass(frozen=True)
class Extraction:
    """What came of the proposals.

    Attributes:
        kept: rules, in the order of the source.
        rejected: a record for each proposal that is not kept: reason, source, page, and what was proposed.
        proposed: how many there were; an answer that is no list counts as one.
        reasons: how many were rejected, by kind of reason, and `kept`; they add up to `proposed`.
        matches: how the diagnoses of the kept rules resolved: exact, synonym, code or broader.
    """

    kept: tuple[Rule, ...]
    rejected: tuple[dict[str, Any], ...]
    proposed: int
    reasons: Counter[str]
    matches: Counter[str]


def extract(found: Iterable[tuple[Passage, Proposal | str]]) -> Extraction:
    """Check proposals, each with the passage that it was made of; a string is the reason why there is none."""
    good: list[Rule] = []
    matches: dict[Rule, str] = {}
    rejected: list[dict[str, Any]] = []
    proposed = 0
    for passage, proposal in found:
        proposed += 1
        verdict = proposal if isinstance(proposal, str) else verify(proposal, passage)
        if isinstance(verdict, str):
            said = {} if isinstance(proposal, str) else vars(proposal)
            rejected.append({"reason": verdict, "source": passage.source, "page": passage.page, **said})
            continue
        rule, match = verdict
        good.append(rule)
        matches.setdefault(rule, match)
    kept, dropped = merged(good)
    rejected += [{"reason": reason, **vars(rule)} for rule, reason in dropped]
    reasons = Counter(each["reason"].split(":")[0] for each in rejected) + Counter(kept=len(kept))
    return Extraction(tuple(kept), tuple(rejected), proposed, reasons, Counter(matches[rule] for rule in kept))
