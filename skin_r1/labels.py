"""What a label says beyond a name: doubt, denial, several diagnoses at once, a lesion inside another.

Clinicians write "r/o melanoma", "AK vs SCC in situ" or "melanoma arising in a nevus". Cutting such a label down to a name
that it holds would turn doubt into a diagnosis, so its grammar is read first. Only words are judged here; which names
exist is the ontology's to say.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from skin_r1.wording import canonical_word

Kind = Literal["nothing", "denied", "open", "hedged", "several", "kinds", "related", "headed", "sorted", "plain"]


@dataclass(frozen=True)
class LabelForm:
    """How a label is built.

    Attributes:
        kind: `nothing` (says no diagnosis: "other", "n/a"), `denied` ("not melanoma", "history of melanoma"), `open`
            (a question: "r/o melanoma", "nevus, cannot exclude melanoma"), `hedged` (named with doubt: "suspected BCC"),
            `several` ("A vs B", "A; B"), `kinds` ("A, B and other C"), `related` ("A and related conditions"), `headed` (a
            main part and what is said of it: "A arising in B"), `sorted` (a sort of malignancy before the name:
            "benign - nevus"), `plain`.
        parts: the names inside, in order; for `headed` the main part first; for `kinds` the shelf last; for `sorted` the
            sort, then the name.
    """

    kind: Kind
    parts: tuple[str, ...] = ()


_NOTHING = re.compile(
    r"(?:other|others|miscellaneous|misc|unknown|unk|unclear|undetermined|unspecified|not specified|n ?/? ?a|nan|null|none|"
    r"no (?:diagnosis|label|data|information|finding)s?|not (?:available|applicable|sure|labell?ed|gradable)|"
    r"(?:un)?labell?ed|ungradable|uncertain|pending|tbd|test|lesion|skin lesion|rash|skin|[\W\d_]*)",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:not(?! otherwise specified)|non[- ](?=melanoma|malignan|cancer|neoplas)|no evidence of|"
    r"no(?! especificad)|without evidence of|negative for|absence of|"
    r"free of|history of|family history|h/o|hx(?: of)?|(?:low |high )?risk (?:of|for)|fear of|unlikely|doubt(?:ful)?|"
    r"ruled out|screening(?: for)?|indication|encounter for|s/p|status post|previous|prior|excised|scar (?:from|of|after)|"
    r"post[- ]?excision)\b\s*:?|^\s*(?:pre|ex)-(?!malignan|cancer)"
    r"|\b(?:ruled out|excluded|was removed|unlikely|less likely|negative)\s*$"
    r"|\s*[=:]\s*(?:0|0\.0|false|no|absent|negative)\s*$",
    re.IGNORECASE,
)
_MARKER = re.compile(r"[, ]*\b(?:HPV|p16|EBV|ALK|BRAF|CD\d+)[- ](?:positive|negative)\b", re.IGNORECASE)
_ASKED = (
    r"(?:\?+|r/o\b|rule[- ]out\b|to rule out\b|cannot (?:exclude|rule out)\b|can ?not (?:exclude|rule out)\b|exclude\b|"
    r"query\b|ddx?\b|differential(?: diagnosis)?\b|concern(?:ing)? for\b|suspicious for\b|suspicion of\b)"
)
_OPEN = re.compile(rf"^\s*{_ASKED}\s*:?\s*", re.IGNORECASE)
# A label without any of these words is neither denied nor asked: a cheap look before the long patterns.
_TELLING = re.compile(r"[^\W_]+")
_DENYING = frozenset(
    "not non no without negative absence free history h hx risk fear unlikely doubt doubtful ruled screening indication "
    "encounter s status previous prior excised scar post postexcision pre ex excluded was less false absent".split()
)
_ASKING = frozenset(
    "r rule to cannot can exclude query dd ddx differential concern concerning suspicious suspicion".split()
)
_OPEN_TAIL = re.compile(rf"^(?P<first>.*\w.*?)[\s,;(]+{_ASKED}\s*:?\s*(?P<second>\w.*?)\)?\s*$", re.IGNORECASE)
_HEDGED = re.compile(
    r"^\s*(?:(?:clinically|most|highly)\s+)?(?:suspected|suspicious (?:for|of)|suspicion of|susp\.?|possible|possibly|"
    r"probable|probably|prob\.?|presumed|presumptive|presumably|likely|c/w|consistent with|compatible with|suggestive of|"
    r"favou?rs?|favou?ring|features of|in keeping with|impression:?|dx:?|diagnosis:?|clinical diagnosis:?)\s+"
    r"|\s*(?:\((?:suspected|possible|probable|likely|presumed)\)|,\s*(?:suspected|possible|probable|likely)|\?+)\s*$"
    r"|^.*,\s*favou?r(?:s|ing|ed)?\s+(?=\w)",
    re.IGNORECASE,
)
_VERSUS = re.compile(r"\s+(?:vs?\.?|versus|or|and/or)\s+|\s*(?:;|\||\s/\s|\s\+\s|\n|//)\s*", re.IGNORECASE)
_AND = re.compile(r"\s+(?:and|&|with superimposed|plus)\s+|\s*[,/+:]\s*", re.IGNORECASE)
_KINDS = re.compile(r"^(?P<some>.+?)\s+(?:and|or|&)\s+other\s+(?P<shelf>.+)$", re.I)
_RELATED = re.compile(
    r"^(?:other\s+)?(?P<one>.+?)(?:\s+and)?[\s-]+(?:related|similar|associated|allied)\s+"
    r"(?:skin )?(?:conditions?|diseases?|disorders?|lesions?|eruptions?)(?: NOS)?$",
    re.IGNORECASE,
)
_HEAD = re.compile(
    r"\s+(?:arising (?:in|from|within|on)|developing in|developed in|ex|in association with|associated with|within|"
    r"on a background of|superimposed on|overlying|complicating|secondary to|due to|caused by|induced by|following|after|"
    r"with|without|showing|in(?![ -]situ)|on|of|from)\s+",
    re.IGNORECASE,
)
_SORTED = re.compile(
    r"^\s*(?:\d+\s*[-.)]\s*)?(?P<sort>benign|malignant|pre-?malignant|non-?neoplastic|inflammatory|other)\s*(?:-|–|—|:|/|,|\s-\s)\s*(?P<name>\S.*)$",
    re.IGNORECASE,
)


def read_label(label: str) -> LabelForm:
    """Read how a label is built; what its words name is not looked at.

    >>> read_label("r/o melanoma")
    LabelForm(kind='open', parts=('melanoma',))
    >>> read_label("AK vs SCC in situ").parts
    ('AK', 'SCC in situ')
    """
    if _NOTHING.fullmatch(label.strip()):
        return LabelForm("nothing")
    if opened := _OPEN.match(label):
        rest = label[opened.end() :]
        return LabelForm("open", _split(rest, _VERSUS) or (rest,))
    low = label.casefold()
    words = _TELLING.findall(low)
    denies = "=" in label or not _DENYING.isdisjoint(words)
    if denies and (denied := _DENIED.search(label := _MARKER.sub("", label))):
        rest = label[denied.end() :] or label[: denied.start()]
        return LabelForm("denied", (rest.strip(" ,.;:"),))
    if ("?" in label or not _ASKING.isdisjoint(words)) and (asked := _OPEN_TAIL.match(label)):
        return LabelForm("open", (asked["first"], asked["second"]))
    bare = _HEDGED.sub("", label).strip()
    if bare and bare != label.strip():
        return LabelForm("hedged", (bare,))
    if found := _SORTED.match(label):
        return LabelForm("sorted", (found["sort"], found["name"]))
    if ("ated" in low or "similar" in low or "allied" in low) and (found := _RELATED.match(label)):
        return LabelForm("related", (found["one"],))
    if "other" in low and (found := _KINDS.match(label)):
        return LabelForm("kinds", (*(_split(found["some"], _AND) or (found["some"],)), found["shelf"]))
    if parts := _split(label, _VERSUS):
        return LabelForm("several", parts)
    return LabelForm("plain", (label,))


def listed(label: str) -> LabelForm | None:
    """The label as a list by "and", commas, slashes or colons, or None. Weaker than a name: tried after it."""
    parts = _split(label, _AND)
    return LabelForm("several", parts) if parts else None


def headed(label: str) -> tuple[LabelForm, ...]:
    """The label as a main part and what is said of it, the longest main part first."""
    cuts = reversed(list(_HEAD.finditer(label)))  # "melanoma in situ | arising in | nevus"
    return tuple(LabelForm("headed", (label[: cut.start()], label[cut.end() :])) for cut in cuts)


def _split(label: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """The parts between separators; empty where there is only one."""
    parts = tuple(part.strip(" ?.") for part in pattern.split(label) if part and part.strip(" ?."))
    return parts if len(parts) > 1 else ()


_ALARMING = re.compile(
    r"malignan|melanoma|carcinoma|sarcoma|lymphoma|leuk[a]?emi|metasta|cancer|invasi|\bin situ\b|\bscc|\bbcc|blastoma|"
    r"paget|premalignan|precancer|neoplasia",
    re.IGNORECASE,
)
_SOOTHING = re.compile(
    r"benign|n[a]?ev[iou]|pseudo|simulat|mimic|\blike\b|resembl|\bscar\b|excis|remov|previous|treated|\bfree\b|\bnot?\b|\bnon\b|"
    r"without|negative|histor|keratosis|\bcyst\b|reaction",
    re.IGNORECASE,
)


_ORGANS = re.compile(
    r"\b(?:bladder|lungs?|liver|brain|cerebral|intracranial|mening\w+|retina\w*|choroid\w*|uve\w+|iris|ciliary|eyeball|orbit|"
    r"ovar\w+|uter\w+|cervix|prostate|testis|kidney|renal|colon|rectum|rectal|stomach|gastric|duodenum|pancreas|spleen|heart|"
    r"cardiac|myocardi\w+|bone|vertebra\w*|thyroid|adrenal|pituitary|sellar|pharynx|larynx|bronch\w+|trachea|esophag\w+|"
    r"intestin\w+|appendix|breast|thymus|pleura\w*|mediastin\w+|spinal|abdominal structures|jugulare|pulmonary|hepat\w+|"
    r"cervical|endomet\w+|vagin\w+|conjunctiva\w*|cornea\w*|ocular|laryn\w+|pharyn\w+|nasopharyn\w+|trache\w+|biliary|"
    r"pancreatic|splenic|salivary|parotid|vestibular|acoustic|retroperitone\w+|urotheli\w+|urinary|urethra\w*|serous|lobular|"
    r"lymph nodes?|nodal|colorectal|colon\w*|cholangio\w*|prostat\w+|testicular|nephr\w+|neuro(?:nal|logical))\b",
    re.IGNORECASE,
)
_OF_SKIN = re.compile(r"skin|cutan|dermal|dermat|mucos|metast|second", re.IGNORECASE)


def elsewhere(label: str, dropped: str) -> bool:
    """True when words that a shortened name leaves out name an inner organ: "malignant neoplasm of bladder"."""
    return bool(_ORGANS.search(dropped)) and not _OF_SKIN.search(label)


_UNEASY = re.compile(r"\b(?:atypical|borderline|dysplastic|uncertain|undetermined|aggressive)\b", re.IGNORECASE)
# Words that name another disease without our knowing it: "candida, acropustulosis of infancy", "psoriatic nail pitting".
_OTHER = re.compile(
    r"\b(?!diagnos|prognos|necros|fibros|scleros|elast|acanth|spongios|neoplas|\w*keratosis)\w{3,}(?:osis|oses|itis|itides|omas?|omata|emia|"
    r"pathy|plasia)\b|\b(?:psoriatic|syphilitic|luetic|tuberculous|lepr(?:ous|omatous)|herpetic|lupus|leukemic|gouty|diabetic|parasitic|hydatid)\b",
    re.IGNORECASE,
)


def unlike(dropped: str) -> bool:
    """True when words that a shortened name leaves out sound like another disease, known to us or not."""
    return bool(_OTHER.search(dropped))


def unfit(dropped: str, malignancy: str | None) -> bool:
    """As `contradicts`, or words left out make a benign growth doubtful: "atypical vascular lesion"."""
    return contradicts(dropped, malignancy) or (malignancy == "benign" and bool(_UNEASY.search(dropped)))


def alarms(dropped: str, malignancy: str | None) -> bool:
    """True when words that a shortened name leaves out speak of something worse than the name does."""
    return malignancy != "malignant" and bool(_ALARMING.search(dropped))


def contradicts(dropped: str, malignancy: str | None) -> bool:
    """True when words that a shortened name leaves out speak of another malignancy than the name's.

    Args:
        dropped: the words left out.
        malignancy: of the node that the shortened name leads to.
    """
    soothed = malignancy in ("malignant", "premalignant", "indeterminate") and bool(_SOOTHING.search(dropped))
    return soothed or alarms(dropped, malignancy)


def left_out(label: str, words: str) -> str:
    """The words of a label that a shorter form leaves out; one said twice is left out once."""
    kept = Counter(words.split())
    kept.subtract(map(canonical_word, found := re.findall(r"[^\W_]+", label)))
    out = []
    for word in reversed(found):
        if kept[key := canonical_word(word)] < 0:
            kept[key] += 1
            out.append(word)
    return " ".join(reversed(out))
