"""The readers of two-way tasks: benign or malignant, and "is it there?"."""

import re
from dataclasses import dataclass

from eval.answers.parts import take_apart
from eval.answers.reader import read_answer
from eval.answers.said import malignancy_of
from eval.answers.statements import statements
from skin_r1.ontology import load_ontology


@dataclass(frozen=True)
class Verdict:
    """What a text answers to a question with few answers.

    Attributes:
        value: one of `skin_r1.reading.MALIGNANCIES`, or `yes` or `no`; None exactly where the reading is not sure.
        sure: one answer can be told.
        reason: how it was read, or why it is unsure.
        quote: the words that it was read from.
    """

    value: str | None
    sure: bool
    reason: str
    quote: str


def read_malignancy(text: str) -> Verdict:
    """Read an answer to "benign or malignant?": the word itself, else that of the diagnosis; both must agree.

    >>> read_malignancy("This looks benign to me.").value, read_malignancy("Melanoma.").value
    ('benign', 'malignant')
    """
    answer = read_answer(text)
    said = answer.malignancy
    if said is None:
        parts = take_apart(text)
        whole = (parts.tagged[-1],) if parts.tagged else [line.text for line in statements(parts.answer)]
        said = malignancy_of("\n".join(whole))
    of_name = load_ontology().malignancy(answer.diagnosis) if answer.diagnosis else None
    if said is None:
        how = "the malignancy of the diagnosis" if of_name else "nothing says benign or malignant"
        return Verdict(of_name, of_name is not None, how, answer.quote)
    if {said, of_name} == {"benign", "malignant"}:
        return Verdict(None, False, f"it says {said}, and names {answer.diagnosis}", answer.quote)
    return Verdict(said, True, "said", said)


_YES = r"yes|yeah|true|present|positive|affirmative|correct|visible|seen|observed|identified|1"
_NO = (
    r"no|nope|false|absent|negative|none|incorrect|not (?:present|visible|seen|observed|identified|evident|"
    r"detected|there|found)|0"
)
_ALONE = re.compile(rf"\W*(?:(?P<no>{_NO})|(?P<yes>{_YES}))\W*", re.IGNORECASE)
_FIRST = re.compile(r"\W*(?:(?P<no>no|nope|false|absent)|(?P<yes>yes|yeah|true|present))\b(?=\W|$)", re.IGNORECASE)
_LABELLED = re.compile(
    rf"\b(?:final answer|answer|verdict|conclusion|result|present|"
    rf"presence)\s*(?:is\b)?\s*[:=]?\W{{0,6}}(?:(?P<no>{_NO})|(?P<yes>{_YES}))\b(?! or\b)",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:no|not|\w*n't|absent|without|lack\w*|free of|cannot (?:be )?seen?|neither|missing|negative for|devoid)\b",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"\b(?:there (?:is|are)|is|are|was|were|shows?|can be|i (?:can )?see|has|have|displays?|exhibits?|present|"
    r"visible|seen)\b",
    re.IGNORECASE,
)
_UNSURE = re.compile(
    r"\b(?:can(?:no|')t (?:tell|determine|say|assess|be (?:sure|assessed|determined|excluded))|unclear|uncertain|"
    r"not sure|unsure|maybe|perhaps|possibly|might|may|could|either|yes (?:or|and|/) no|difficult to|unable|sorry|"
    r"hard to)\b",
    re.IGNORECASE,
)


def read_yes_no(text: str) -> Verdict:
    """Read an answer to "is X present?": `yes`, `no`, or unsure where it says both, neither or "perhaps".

    >>> read_yes_no("**No**, I see no ulceration.").value, read_yes_no("It is hard to say.").value
    ('no', None)
    """
    parts = take_apart(text)
    tagged = parts.tagged or [str(v) for each in parts.objects if isinstance(each, dict) for v in _answers(each)]
    for answer in (*tagged[-1:], parts.answer.strip()):
        plain = re.sub(r"[*_`#]+", "", answer)
        if whole := _ALONE.fullmatch(plain):
            return _verdict(whole, "the whole answer")
        labelled = {bool(found["yes"]): found for found in _LABELLED.finditer(plain)}
        if len(labelled) == 1:
            return _verdict(next(iter(labelled.values())), "a labelled answer")
        if labelled:
            return Verdict(None, False, "it says yes and no", plain[:120])
        if first := _FIRST.match(plain):
            other = re.search(
                r"\b(?:yes)\b" if first["no"] else r"\bno\b(?= *[.,;!]| *$)", plain[first.end() :], re.IGNORECASE
            )
            if other is None and not _UNSURE.match(plain[first.end() :].lstrip(" ,.;")):
                return _verdict(first, "the first word")
            return Verdict(None, False, "it says yes and no", plain[:120])
        if _UNSURE.search(plain):
            return Verdict(None, False, "it leaves the question open", plain[:120])
        if len(plain) < 300 and plain:
            if denied := _DENIED.search(plain):
                return Verdict("no", True, "denied in a sentence", denied[0])
            if stated := _STATED.search(plain):
                return Verdict("yes", True, "stated in a sentence", stated[0])
    return Verdict(None, False, "neither yes nor no", parts.answer.strip()[:120])


def _answers(record: dict[object, object]) -> list[object]:
    keys = [key for key in record if str(key).casefold() in ("answer", "final_answer", "present", "result", "value")]
    return [record[key] for key in keys] or (list(record.values()) if len(record) == 1 else [])


def _verdict(found: re.Match[str], how: str) -> Verdict:
    return Verdict("yes" if found["yes"] else "no", True, how, found[0].strip())
