"""What a teacher's prose gives away: that it was told the answer, what no image shows, and what it concludes."""

import re
from collections.abc import Iterator
from itertools import islice

from skin_r1.ontology import load_ontology

# The words of a teacher that was told. "Labelled" and the like never belong to what is seen.
_LEAK = re.compile(
    r"\b(?:annotat\w+|ground[- ]truth|teaching example|(?:was|were|been|is|are) (?:given|provided|told|supplied)|"
    r"(?:given|provided|stated|known|confirmed|reference|correct|true) (?:diagnosis|answer|label|findings?)|"
    r"label(?:l?ed)?|(?:you|user|prompt|instructions?) (?:said|say|says|told|gave|give|gives|ask(?:s|ed)?|state[sd]?)|"
    r"as (?:stated|instructed|requested)|experts?)\b",
    re.IGNORECASE,
)
_UNSEEN = re.compile(
    r"\b(?:histolog\w*|histopatholog\w*|biops\w*|immunohisto\w*|microscop\w*|palpa\w*|to the touch|blood tests?|"
    r"serolog\w*|cultures?)\b",
    re.IGNORECASE,
)
_HISTORY = re.compile(
    r"\b(?:(?P<age>\d{1,3})[- ]years?[- ]old|(?:patient|he|she) (?:reports?|complains?|says|describes?)|"
    r"family history|history of|for (?:\d+|several|many|some) (?:days|weeks|months|years))\b",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"\b(?:suggests?|suggesting|points? to|pointing to|fits?|indicates?|indicating|favou?rs?|favou?ring|means|"
    r"consistent with|compatible with|diagnostic of|characteristic of|in keeping with|diagnosis is|diagnosis:|"
    r"diagnosis of|this is|conclude|concluding)\s+",
    re.IGNORECASE,
)
_MALIGNANCY = re.compile(
    r"\b(?:is|are|appears?|looks?|seems?|be|clearly|probably|likely|a|an)\s+(?P<said>benign|malignant|premalignant)\b",
    re.IGNORECASE,
)
# "does not fit melanoma", "rather than", "less likely", "would suggest": no conclusion.
_UNSAID = re.compile(
    r"\b(?:not|no|never|nor|neither|without|rather|less|unlikely|against|would|could|may|might|if|than|rules? out|"
    r"excludes?)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_ARTICLES = ("a", "an", "the", "most", "likely", "probably", "clearly", "typical", "diagnosis", "of")
_LONGEST = 8  # words of a diagnosis's name


def leak(think: str) -> str | None:
    """The first words that only a writer who was told the answer would use, or None."""
    found = _LEAK.search(think)
    return found[0] if found else None


def unseen(think: str, history: str) -> str | None:
    """The first claim that needs histology, touch or a history that was not given, or None.

    Args:
        think: the reasoning.
        history: what the prompt tells of the patient, or an empty string.
    """
    found = _UNSEEN.search(think)
    if found:
        return found[0]
    for claim in _HISTORY.finditer(think):
        if not history or (claim["age"] and claim["age"] not in re.findall(r"\d+", history)):
            return claim[0]
    return None


def concluded_diagnoses(think: str) -> Iterator[tuple[str, str]]:
    """(words, slug) of each diagnosis that the reasoning concludes: "this fits X", and not "X is less likely"."""
    ontology = load_ontology()
    for cue in _CONCLUDES.finditer(think):
        if _UNSAID.search(_clause_before(think, cue.start())):
            continue
        words = [
            word for word in islice(_WORD.finditer(re.split(r"[.,;:!?\n(]", think[cue.end() :])[0]), _LONGEST + 3)
        ]
        while words and words[0][0].lower() in _ARTICLES:
            words = words[1:]
        for count in range(min(len(words), _LONGEST), 0, -1):
            said = " ".join(word[0] for word in words[:count])
            slug = ontology.lookup(said)
            if slug is not None:
                yield said, slug
                break


def concluded_malignancies(think: str) -> Iterator[str]:
    """Each malignancy that the reasoning asserts of the lesion, in lower case."""
    for found in _MALIGNANCY.finditer(think):
        if not _UNSAID.search(_clause_before(think, found.start("said"))):
            yield found["said"].lower()


def _clause_before(text: str, at: int) -> str:
    return re.split(r"[.,;:!?\n]", text[:at])[-1]
