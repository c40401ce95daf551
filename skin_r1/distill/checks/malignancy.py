"""What malignancy does a text call the lesion?"""

import re
from collections.abc import Collection
from functools import lru_cache

from skin_r1.distill.checks.prose import Prose, Sentence
from skin_r1.ontology import load_ontology

_FILLERS = (
    r"(?:(?:clearly|probably|likely|entirely|definitely|most likely|therefore|thus|a|an|biologically|purely|"
    r"only|merely|just|still|skin|cutaneous) )*"
)
_CALLED = re.compile(
    r"\b(?:(?:is|are|appears?|looks?|seems?|be|clearly|probably|likely|a|an|as|this|must be|overall) |"
    rf"malignancy ?[:=] ?){_FILLERS}"
    r"(?P<said>benign|malignant|premalignant|cancerous|non-?cancerous|non-?malignant|non-?neoplastic|skin cancer)\b"
    r"(?![- ](?:looking|appearing))"
    # Anything may be "signs of a malignancy": only what "is" one is called so.
    rf"|\b(?:is|are|be|represents?) {_FILLERS}(?P<noun>malignancy)\b",
    re.IGNORECASE,
)
_TURNED_CANCER = re.compile(
    r"\b(?:has|have) (?:already )?(?:turned|changed|developed|progressed) into (?:an? )?(?:invasive )?(?:skin )?cancer",
    re.IGNORECASE,
)
_SAME = {
    "cancerous": "malignant", "skin cancer": "malignant", "malignancy": "malignant",
    "noncancerous": "benign", "non-cancerous": "benign", "nonmalignant": "benign", "non-malignant": "benign",
    "nonneoplastic": "non-neoplastic",
}  # fmt: skip
_HARMLESS = frozenset(("benign", "non-neoplastic"))  # prose seldom tells them apart
_OWN = {
    name: re.compile(rf"\bnot (?:an? |the )?(?:{words})\b(?! (?:yet|for certain|with certainty))", re.IGNORECASE)
    for name, words in (
        ("malignant", "malignant|cancer(?:ous)?"),
        ("premalignant", "pre-?malignant|pre-?cancer(?:ous)?"),
        ("benign", "benign"),
    )
}
# "does not look malignant", "would be malignant", "whether it is benign": nothing is concluded.
_UNSAID_BEFORE = re.compile(
    r"\b(?:not|no|never|nor|neither|without|rather|less|unlikely|against|would|could|may|might|if|than|rules? out|"
    r"excludes?|whether|cannot|more|unlike|from|mimics?|contrast|kind of)\b",
    re.IGNORECASE,
)
# "A malignant lesion is unlikely", "a benign one was ruled out": the rest of the phrase, then what turns it down.
_UNSAID_AFTER = re.compile(
    r"\b(?:would|could|might)\b"
    r"|^(?: (?!(?:and|but|or|it|that|which|because|as|this|so)\b)[\w-]+){0,4}? (?:"
    r"(?:is|are|was|were|has been|seems?|looks?|appears?) (?:\w+ly |very |quite |far |much |thought |considered )?"
    r"(?:unlikely|improbable|implausible|less likely|excluded|ruled out|absent|missing|out of the question|remote|"
    r"not (?:\w+ly )?(?:seen|suspected|likely|present|found|visible|evident|favou?red|supported|expected|considered|"
    r"apparent|probable|the case))"
    r"|(?:can|cannot|could not|should|must|needs? to|has to) be (?:\w+ly )?(?:excluded|ruled out|seen|found|suspected))\b",
    re.IGNORECASE,
)
_GLANCE = re.compile(r"\bat (?:a |the )?(?:first|glance)\b|\binitially\b", re.IGNORECASE)
_TURN = re.compile(r"\b(?:but|yet|however|although|though|while|whereas)\b", re.IGNORECASE)
_BREAK = re.compile(r"[,:]")
_BACK, _ON = 400, 60  # characters around a word that may unsay it; further off only noise goes on without a comma


def other_malignancy(prose: Prose, malignancy: str, above: Collection[str]) -> str | None:
    """Words that call the lesion by another malignancy, or deny its own; None where there are none.

    Args:
        prose: the reasoning.
        malignancy: of the answer.
        above: the answer's path in the ontology; the name of a shelf that it stands on is no call.
    """
    own = _OWN.get(malignancy)
    for sentence in prose.sentences:
        for words, said, shelf in _called(sentence) if sentence.grave else ():
            if shelf not in above and said != malignancy and not {said, malignancy} <= _HARMLESS:
                return words
        if own is not None and " not " in sentence.text and (denied := own.search(sentence.text)):
            return denied[0]
    return None


@lru_cache(maxsize=1 << 14)
def _called(sentence: Sentence) -> tuple[tuple[str, str, str], ...]:
    """(words, malignancy, shelf whose name they are part of) of each that the sentence asserts of the lesion."""
    text, out = sentence.text, []
    if (turned := _TURNED_CANCER.search(text)) and not sentence.supposed:
        out.append((turned[0], "malignant", ""))
    for found in _CALLED.finditer(text):
        words, at = found[str(found.lastgroup)], found.start(str(found.lastgroup))
        names = [c.slug for c in sentence.claims if c.kind == "diagnosis" and c.start <= at < c.end]
        if names and load_ontology().nodes[names[0]].level != "group":
            continue  # a word of a name: "benign vascular neoplasm"
        if not sentence.question and not _unsaid(text, at, found.end()):
            said = words.lower()
            out.append((words, _SAME.get(said, said), names[0] if names else ""))
    return tuple(out)


def _unsaid(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - _BACK) : start], text[end : end + _ON]
    if _UNSAID_BEFORE.search(_BREAK.split(before)[-1]) or _UNSAID_AFTER.search(_BREAK.split(after)[0]):
        return True
    return _GLANCE.search(_TURN.split(before)[-1] + "|" + _TURN.split(after)[0]) is not None
