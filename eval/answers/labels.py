"""What a heading or a key announces: "Final diagnosis", "Less likely", "differential_diagnosis", "Next steps"."""

import re
from functools import lru_cache
from typing import Literal

from eval.answers.firmness import Firmness
from eval.answers.names import names_in
from skin_r1.ontology import resolve

Kind = Literal["final", "main", "initial", "differential", "ranked", "malignancy", "findings", "reasons", "aside"]


def _any(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})", re.IGNORECASE)


# In this order: the first that matches decides.
_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("main", re.compile(r"^(?:skin|specimen) \w", re.IGNORECASE)),  # "Skin, scalp, biopsy:"
    (
        "final",
        _any(
            r"final (?:thought|word|call|read|pick|choice|decision)|after (?:review|reconsider|a? ?(?:second|closer))"
        ),
    ),
    ("differential", _any(r"(?:moderate|medium|low|lower|lowest|intermediate|lesser) (?:probability|likelihood)")),
    (
        "main",
        _any(
            r"(?:highest|greatest) (?:probability|likelihood)|diagnos\w* code|icd\b|(?:impression|assessment|"
            r"diagnosis) (?:and )?plan"
        ),
    ),
    (
        "ranked",
        _any(
            r"most likely first|most to least|least to most|least likely first|in (?:order|descending)|ranked|ranking"
        ),
    ),
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
            r"runners? up|possibilit|possible (?:diagnoses|conditions|causes|explanations)|considerations?\b|"
            r"consider\b|(?:second|third|fourth|fifth|2nd|3rd|4th|5th|next) (?:most|best|likel\w*|choice|option|"
            r"diagnosis|"
            r"possib\w*)|alternate|look-?alikes?|diagn[oó]sticos? diferencia\w*|"
            r"differenzialdiagnose\w*"
        ),
    ),
    (
        "ranked",
        _any(
            r"top[- ]?(?:[2-9]|10|two|three|five)\b|likelihoods?\b|probabilities|diagnoses\b|predictions\b|"
            r"candidates\b|hypotheses\b"
        ),
    ),
    (
        "aside",
        _any(
            r"exclu|ruled? out|unlikely|against|not\b|mimic|confus|pitfall|options?\b|choices?\b|question|prompt|"
            r"instruct|disclaim|note\b|notes\b|important|caution|warning|recommend|next\b|manage|treat|plan\b|"
            r"follow|advice|refer|sources?\b|history|hx\b|patient|limitation|risk|prognos|complicat|confiden|"
            r"probability|certain|severity|score|urgen|triage|biops|investig|tests?\b|tx\b|rx\b|hpi\b|workup|"
            r"prevent|education|when to|red flags?|code\b|age\b|sex\b|example|definition|background|overview of|"
            r"about\b|abcde|causes?\b|etiolog|sites?\b|location|body"
        ),
    ),
    ("malignancy", _any(r"malignan|benign|nature\b|is[_ ]cancer")),
    (
        "findings",
        _any(
            r"finding|feature|descri|morpholog|observ|what (?:i|we) see|see\b|characterist|symptom|signs?\b|"
            r"appear|visual|distribution|colou?r|dermoscop|dermatoscop|evidence|lesion count|shape|texture|border|"
            r"primary lesion|exam|concepts?\b"
        ),
    ),
    (
        "reasons",
        _any(
            r"reason|rational|explan|expla|justif|why\b|analy|discuss|comment|breakdown|support|thinking|thought|"
            r"step\b|summary of|because|how\b"
        ),
    ),
    ("initial", _any(r"initial|first|prelim|referr|previous|original|at first")),
    ("final", _any(r"final|conclu|answer|verdict|revis|updated|bottom line|in short|tl;? ?dr")),
    (
        "main",
        _any(
            r"diagn|impress|imp\b|assess|dx\b|most likely|most probable|likely\b|likeliest|predict|disease|"
            r"condition|classif|class\b|label|categor|hypothes|suspect|top\b|primary|leading|favou?red|identif|"
            r"lesion type|type of lesion|result|name\b|guess|opinion|interpret|working|most resembl|looks (?:most "
            r")?like|best fit|provision|presum|disorder|"
            r"icd|summary|best|\u8bca\u65ad|\u8a3a\u65ad|диагноз"
        ),
    ),
)
# A sentence announces nothing: "Based on the features:", "the diagnosis is".
_SENTENCE = re.compile(
    r"^\W*(?:based|given|considering|looking|here|let)\b|^(?!\W*(?:what|why|how|where)\b).*\b(?:is|are|was|were|"
    r"has|have|would|be)\b(?!_)",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\([^()]*\)")
_SEVERAL = re.compile(r"[^\w]+|_")


def _is_name(text: str) -> bool:
    return any((name.start, name.end) == (0, len(text)) for name in names_in(text))


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
    kind = next((kind for kind, pattern in _KINDS if pattern.search(text)), None)
    if kind == "main" and _is_name(_ASIDE.sub(" ", label).strip()):
        return None  # "Hidradenitis suppurativa (most likely, 90 %) - sinus tracts"
    if kind and any(name.firmness >= Firmness.LIKELY for name in names_in(label)):
        return None  # "This looks like vitiligo: sharply bordered patches"
    if kind and re.match(r"\W*not?\b", label, re.IGNORECASE) and names_in(label):
        return None  # "Not acne: keratosis pilaris"
    if kind in ("aside", "reasons", "findings") and resolve(label).match in ("exact", "synonym"):
        return None  # "Ringworm of the body - a fungus" tells what it is
    return kind
