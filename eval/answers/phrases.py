"""The diagnosis that the value of a label or a short answer names: a name first, else a sentence."""

import re
from functools import lru_cache

import eval.answers.links as links
from eval.answers.codes import read_code
from eval.answers.firmness import Firmness, in_line
from eval.answers.names import names_in
from eval.answers.prose import EQUAL, RETRACTED, SENTENCE_END, TURNED, UNDECIDED, Found, read_prose
from eval.answers.spelling import slip_of
from skin_r1.labels import read_label
from skin_r1.ontology import load_ontology, resolve

SHARE = re.compile(
    r"[(\[]?\s*(?:confidence|probability|likelihood|score|"
    r"p)?\s*[:=~\u2248<>]*\s*(?:\d{1,3}\s*%?\s*(?:-|\u2013|to)\s*)?\d{1,3}(?:\.\d+)?\s*%(?:[^()\[\]]{0,30}[)\]])?|"
    r"[(\[](?:confidence|probability|"
    r"likelihood|score|p)?\s*[:=~\u2248]*\s*[01]?\.\d+[)\]]|[(\[](?:very |moderate(?:ly)? )?(?:high|low|moderate|"
    r"medium)(?: (?:confidence|probability|likelihood))?[)\]]",
    re.IGNORECASE,
)
_ICD = re.compile(
    r"[(\[]?\b(?:ICD[- ]?(?:9|10|11)(?:-?CM)?(?: code)?\s*[:=]?\s*)?(?:[A-TV-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?|"
    r"[1-9][A-HJ-NP-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,2})?)\b\s*[)\]]?"
)
_LEAD = re.compile(
    r"^(?:(?:[A-H1-9]\s*[).:]|[(\[][A-Ha-h1-9][)\]])\s+|(?:an?|the|it'?s|this is|it is|these are|this looks like|"
    r"looks like|most likely|more likely|highly likely|very likely|likely|probabl[ey]|possibl[ey]|presumed|"
    r"presumptive|suspected|favou?rs?|favou?ring|consistent with|compatible with|in keeping with|suggestive of|"
    r"suspicious (?:for|of)|concerning for|findings (?:suggest|favou?r)|a case of|case of|features of|impression|"
    r"dx|diagnosis|answer|final answer|clinically|classic(?:al)?|typical|early|multiple|solitary|benign-appearing|"
    r"appears to be|probable|possible)\b\s*[:\-]?\s*)",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:\s*[,\-\u2013\u2014(]\s*|\s+)(?:i (?:believe|think|guess|suspect|would say)|most likely|likely|probable|"
    r"probably|favou?red|suspected|benign|malignant|pre-?malignant|by far|for sure|definitely|clearly|"
    r"i'd say|flare(?:-?up)?|outbreak|breakout|exacerbation)\)?\s*$",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"[;(\[,]|\.\s|\.$|\s[-\u2013\u2014]+\s|\u2014|:\s|\s(?:with|because|due to|given|based on|as evidenced|"
    r"as shown|since|which|on the|of the|on|i\.e\.?|e\.g\.?|aka|also known|in a|in an|in the|arising)\s"
)
_REST_DENIES = re.compile(
    r"^[\s,;:.(\[\-\u2013\u2014]*(?:(?:is|was|are|seems|appears|looks)\s+)?(?:very |highly |much )?(?:unlikely|"
    r"rejected|discarded|dismissed|incorrect|wrong|eliminated|"
    r"ruled out|excluded|less\b|not\b|no\b|absent|negative|false|denied|can(?:no|')t\b|vs\b|versus\b|or\b|"
    r"to be excluded|to rule out|\?)",
    re.IGNORECASE,
)
_NOUN_PHRASE = re.compile(
    r"\b(?:is|are|was|were|be|has|have|shows?|suggest\w*|favou?r\w*|consistent|compatible|likely|suspect\w*|"
    r"suspicious|concerning|represents?|could|may|might|would|not|no|or|and|vs|versus|appears?|looks?|seems?|"
    r"cannot|can't|rather|diagnos\w+|exclude|rule|i|it|this|indicat\w*|keeping|characteristic|typical|classic)\b|"
    r"[?/;]|\.\s",
    re.IGNORECASE,
)
# Such words begin no name, whatever `resolve` makes of the rest.
_NO_NAME = re.compile(
    r"^\W*(?:consider|something|anything|nothing|other|some|patients|unlike|not|no|like|hmm+|one|i|we|you|if|as|"
    r"although|though|while|whereas|for|from|than|compared|"
    r"similar|neither|either|rather|instead|against|despite|without|because|since|exclude|rule|perhaps|maybe)\b|"
    r"favou?r\w*[^.]{0,40}\bover\b",
    re.IGNORECASE,
)
_FUNCTION_WORD = re.compile(
    r"\b(?:i|we|it|you|is|are|was|were|be|been|has|have|see|shows?|think|my|your|his|her|this|that|these|those|"
    r"should|would|could|can|might|may|if|not|no|never|hardly|scarcely|barely|anything|about|against|had|asks?|worr\w+|"
    r"suspected|excluded|nobody|nothing|resembl\w+|suggest\w*|un|una|uma|une|ser|es|ist|est|ein|eine|pode|puede|"
    r"peut)\b",
    re.IGNORECASE,
)
_OPENING = re.compile(r"\b(?:is|are|has|of|with|likely)\s|:\s", re.IGNORECASE)  # "the diagnosis is rosecea"
_NEXT_HEAD = 60  # characters of a name with all that belongs to it
_BESIDE = re.compile(
    r"(?:,|\b(?:and|or|plus|versus|vs\.?)|&|/|\bwith (?:superimposed|concurrent|coexist\w+|co-exist\w+|concomitant|"
    r"additional|overlapping)|\bwith)\s*(?:(?:an?|the|possible|possibly|maybe|perhaps|probably|early|multiple|several|"
    r"some|probable|well-differentiated) )*$",
    re.IGNORECASE,
)
_NOT_ONE = ("several", "kinds", "related")


def read_value(text: str) -> Found:
    """Read the value of a label, an item of a list or a whole short answer: a name first, then a sentence."""
    value = text.strip()[:600]
    slug = None if _NO_NAME.search(value) else _name(value)
    if UNDECIDED.search(value) or EQUAL.search(value):
        return read_prose(value)
    named = names_in(value)
    if slug and named and slug in load_ontology().ancestors(named[0].slug) and not links.OWN_NO.search(value):
        slug = named[0].slug  # "basal cell carcinoma, nodular type"
    shelf = slug is not None and load_ontology().nodes[slug].level in ("group", "family")
    prose = read_prose(value) if shelf or _NOUN_PHRASE.search(value) or value.count(" ") > 5 else None
    if slug is None and prose is None and (slug := read_code(value)):
        return Found(slug, (slug,), value, "a code of the ICD")
    plain = "?" not in value and not links.OWN_NO.search(value) and not (prose and prose.rivals)
    if slug is None and plain and (slug := slip_of(_stripped(_OPENING.split(value)[-1]))):
        return Found(slug, (slug,), value, "a name with a slip of the pen")
    if slug is None:
        return prose or Found(None, (), value[:120], "no known name")
    if prose and shelf and (prose.firmness >= Firmness.NAMED if prose.slug else SENTENCE_END.search(value)):
        return prose  # "benign fatty tumor, lipoma"; "this is concerning for skin cancer. ..."
    if prose and prose.slug and not in_line(slug, prose.slug):
        if prose.firmness >= Firmness.LIKELY:
            return prose
        if slug not in (name.slug for name in names_in(value)):  # "the ulcer on his leg may be an orf"
            return prose
    return Found(slug, (slug,), value[:120], "a name")


@lru_cache(maxsize=1 << 13)
def _name(value: str) -> str | None:
    """The slug that a value names without any doubt about which words are the name."""
    bare = _stripped(value)
    if not bare or len(bare) > 400:
        return None
    if slug := _resolved(bare):
        return None if _beside(slug, bare) else slug
    best: str | None = None
    for cut in _CUT.finditer(bare):
        head, rest = bare[: cut.start()].strip(), bare[cut.start() :]
        if best is not None and len(head) > _NEXT_HEAD:
            break
        if not head or _REST_DENIES.match(rest):
            return best
        slug = _resolved(_stripped(head))
        if slug and (best is None or best in load_ontology().ancestors(slug)):  # "ringworm | of the body | on ..."
            if _beside(slug, rest):
                return None
            best = slug if _sole(slug, rest) else best
    return best


def _beside(slug: str, rest: str) -> bool:
    """True where the same sentence sets another name beside it: "acne, with superimposed candidiasis"."""
    part = re.split(r"[.;\[\u2014]|\s[-\u2013]\s", re.sub(r"\([^()]*\)", "", rest), maxsplit=1)[0]
    return any(
        not name.denied and not in_line(slug, name.slug) and _BESIDE.search(part[: name.start])
        for name in names_in(part)
    )


def _sole(slug: str, rest: str) -> bool:
    """True unless the words behind a name stand as firmly by another one ("acne, rosacea") or take it back."""
    if RETRACTED.search(rest):
        return False
    if TURNED.search(rest) and any(name.firmness >= Firmness.LIKELY for name in names_in(rest)):
        return False
    if any(name.denied and name.slug == slug for name in names_in(rest[:160])):
        return False  # "acne without comedones isn't acne"
    others = [name for name in names_in(rest[:160]) if name.firmness >= Firmness.NAMED]
    near = [name for name in others if not in_line(slug, name.slug)]
    return not any(name.start <= 14 or name.firmness >= Firmness.LIKELY for name in near)


def _stripped(value: str) -> str:
    text = SHARE.sub(" ", value)
    text = _ICD.sub(" ", text) if _ICD.search(text) and len(_ICD.sub("", text).strip(" -:()")) > 2 else text
    text = text.strip(" \t\n\"'`*_.,;:-\u2013\u2014=\u3002|")
    for _ in range(4):
        shorter = _TAIL.sub("", _LEAD.sub("", text)).strip(" \t\"'`*_.,;:-\u2013\u2014")
        if shorter == text or not shorter:
            break
        text = shorter
    if text.endswith(")") and "(" not in text:
        text = text[:-1]
    return text[1:-1].strip() if text[:1] in "([" and text[-1:] in ")]" else text


def _of_several(slug: str, text: str) -> bool:
    """True for a shelf that is named by what stands on it: "acne and rosacea"."""
    parts = re.split(r"\s+(?:and|or|&)\s+", text)
    if len(parts) < 2 or load_ontology().nodes[slug].level not in ("group", "family"):
        return False
    own = {load_ontology().lookup(part) for part in parts}
    return None not in own and len(own) > 1


def _resolved(text: str) -> str | None:
    form = read_label(text).kind
    if form not in ("plain", "headed", "sorted", "hedged") or "?" in text:
        return None
    found = resolve(text)
    if found.diagnosis is None or found.via in _NOT_ONE:
        return None
    if found.match == "broader" and (_FUNCTION_WORD.search(text) or links.OTHER_TONGUE.search(text)):
        return None  # a sentence, whatever is left of it when its first words are dropped
    if _of_several(found.diagnosis, text):
        return None
    coarse = load_ontology().nodes[found.diagnosis].level == "group"
    return None if coarse and found.match == "broader" else found.diagnosis  # "benign lesion" is no diagnosis
