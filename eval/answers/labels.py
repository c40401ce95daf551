"""What a heading or a key announces: "Final diagnosis", "Less likely", "differential_diagnosis", "Next steps"."""

import re
from functools import lru_cache
from typing import Literal

Kind = Literal["final", "main", "initial", "differential", "ranked", "malignancy", "findings", "reasons", "aside"]


def _any(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})", re.IGNORECASE)


# In this order: the first that matches decides.
_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("ranked", _any(r"most likely first|most to least|in (?:order|descending)|ranked|ranking")),
    (
        "main",
        _any(
            r"(?:primary|leading|top|main|first|chief) (?:consideration|concern|suspicion|possibility|differential)\b"
        ),
    ),
    (
        "differential",
        _any(
            r"differential|ddx\b|dd\b|d/d\b|alternativ|less likely|(?:any )?others?\b|secondary|also\b|what else|"
            r"runners? up|"
            r"possibilit|possible (?:diagnoses|conditions|causes|explanations)|considerations?\b|consider\b|"
            r"second(?:ary)? (?:diagnosis|choice)|look-?alikes?|diagn[oó]sticos? diferencia\w*|differenzialdiagnose\w*"
        ),
    ),
    (
        "ranked",
        _any(
            r"top[- ]?(?:[2-9]|10|two|three|five)\b|likelihoods?\b|probabilities|diagnoses\b|"
            r"predictions\b|candidates\b|hypotheses\b"
        ),
    ),
    (
        "aside",
        _any(
            r"exclu|ruled? out|unlikely|against|not\b|mimic|confus|pitfall|options?\b|choices?\b|question|prompt|"
            r"instruct|"
            r"disclaim|note\b|notes\b|important|caution|warning|recommend|next\b|manage|treat|plan\b|follow|advice|"
            r"refer|"
            r"sources?\b|history|hx\b|patient|limitation|risk|prognos|complicat|confiden|probability|certain|severity|"
            r"score|urgen|triage|biops|investig|tests?\b|tx\b|rx\b|hpi\b|workup|prevent|education|when to|"
            r"red flags?|code\b|age\b|sex\b|"
            r"example|definition|background|overview of|about\b|abcde|causes?\b|etiolog|sites?\b|location|body"
        ),
    ),
    ("malignancy", _any(r"malignan|benign|nature\b|is[_ ]cancer")),
    (
        "findings",
        _any(
            r"finding|feature|descri|morpholog|observ|what (?:i|we) see|see\b|characterist|symptom|signs?\b|appear|"
            r"visual|"
            r"distribution|colou?r|dermoscop|dermatoscop|evidence|lesion count|shape|texture|border|primary lesion|"
            r"exam|concepts?\b"
        ),
    ),
    (
        "reasons",
        _any(
            r"reason|rational|explan|expla|justif|why\b|analy|discuss|comment|breakdown|support|thinking|thought|"
            r"step\b|"
            r"summary of|because|how\b"
        ),
    ),
    ("initial", _any(r"initial|first|prelim|referr|previous|original|at first")),
    ("final", _any(r"final|conclu|answer|verdict|revis|updated|bottom line|in short|tl;? ?dr")),
    (
        "main",
        _any(
            r"diagn|impress|imp\b|assess|dx\b|most likely|most probable|likely\b|likeliest|predict|disease|"
            r"condition|classif|class\b|"
            r"label|categor|hypothes|suspect|top\b|primary|leading|favou?red|identif|lesion type|type of lesion|"
            r"result|name\b|"
            r"guess|opinion|interpret|working|provision|presum|disorder|icd|summary|best|\u8bca\u65ad|\u8a3a\u65ad|"
            r"диагноз"
        ),
    ),
)
# A sentence announces nothing: "Based on the features:", "the diagnosis is".
_SENTENCE = re.compile(
    r"^\W*(?:based|given|considering|looking|here|let)\b|^(?!\W*(?:what|why|how|where)\b).*\b(?:is|are|was|were|has|"
    r"have|would|be)\b(?!_)",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"[^\w]+|_")


@lru_cache(maxsize=1 << 12)
def kind_of_label(label: str) -> Kind | None:
    """What a label announces, or None where it is none of ours or too long for one.

    >>> kind_of_label("Most likely diagnosis"), kind_of_label("other_possible_diagnoses"), kind_of_label("Melanoma")
    ('main', 'differential', None)
    """
    words = [word for word in _SEVERAL.split(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)) if word]
    if not words or len(words) > 8 or _SENTENCE.search(label):
        return None
    text = " ".join(words)
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), None)
