"""The diagnosis that a short value or a stretch of prose stands by: one, several, or none."""

import re
from dataclasses import dataclass
from functools import lru_cache

from eval.answers.names import Firmness, Name, deepest, names_in
from skin_r1.labels import read_label
from skin_r1.ontology import load_ontology, resolve

_PERCENT = re.compile(
    r"[(\[]?\s*(?:confidence|probability|likelihood|score|"
    r"p)?\s*[:=~\u2248<>]*\s*\d{1,3}(?:\.\d+)?\s*%(?:[^()\[\]]{0,30}[)\]])?|"
    r"[(\[](?:confidence|probability|likelihood|score|p)?\s*[:=~\u2248]*\s*[01]?\.\d+[)\]]|"
    r"[(\[](?:very |moderate(?:ly)? )?(?:high|low|moderate|medium)(?: (?:confidence|probability|likelihood))?[)\]]",
    re.IGNORECASE,
)
_ICD = re.compile(
    r"[(\[]?\b(?:ICD[- ]?(?:9|10|11)(?:-?CM)?(?: code)?\s*[:=]?\s*)?(?:[A-TV-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?|"
    r"[1-9][A-HJ-NP-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,2})?)\b\s*[)\]]?"
)
_LEAD = re.compile(
    r"^(?:(?:[A-H1-9]\s*[).:]|[(\[][A-Ha-h1-9][)\]])\s+|(?:an?|the|it'?s|this is|it is|these are|this looks like|"
    r"looks like|"
    r"most likely|more likely|highly likely|very likely|likely|probabl[ey]|possibl[ey]|presumed|presumptive|suspected|"
    r"favou?rs?|favou?ring|consistent with|compatible with|in keeping with|suggestive of|suspicious (?:for|of)|"
    r"concerning for|findings (?:suggest|favou?r)|a case of|case of|features of|impression|dx|diagnosis|answer|"
    r"final answer|"
    r"clinically|classic(?:al)?|typical|early|multiple|solitary|benign-appearing|appears to be|probable|"
    r"possible)\b\s*[:\-]?\s*)",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:\s*[,\-\u2013\u2014(]\s*|\s+)(?:i (?:believe|think|guess|suspect|would say)|most likely|likely|probable|"
    r"probably|favou?red|"
    r"suspected|benign|malignant|pre-?malignant|by far|for sure|definitely|clearly|i'd say)\)?\s*$",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"[;(\[,]|\.\s|\.$|\s[-\u2013\u2014]+\s|\u2014|:\s|\s(?:with|because|due to|given|based on|as evidenced|"
    r"as shown|since|which|on the|"
    r"of the|on|i\.e\.?|e\.g\.?|aka|also known|in a|in an|in the|arising)\s"
)
_REST_DENIES = re.compile(
    r"^[\s,;:.(\[\-\u2013\u2014]*(?:(?:is|was|are|seems|appears|looks)\s+)?(?:very |highly |much )?(?:unlikely|"
    r"ruled out|excluded|less\b|"
    r"not\b|no\b|absent|negative|false|denied|can(?:no|')t\b|vs\b|versus\b|or\b|to be excluded|to rule out|\?)",
    re.IGNORECASE,
)
_NOUN_PHRASE = re.compile(
    r"\b(?:is|are|was|were|be|has|have|shows?|suggest\w*|favou?r\w*|consistent|compatible|likely|suspect\w*|"
    r"suspicious|concerning|"
    r"represents?|could|may|might|would|not|no|or|and|vs|versus|appears?|looks?|seems?|cannot|can't|rather|"
    r"diagnos\w+|exclude|"
    r"rule|i|it|this|indicat\w*|keeping|characteristic|typical|classic)\b|[?/;]|\.\s",
    re.IGNORECASE,
)
# Such words begin no name, whatever `resolve` makes of the rest.
_NO_NAME = re.compile(
    r"^\W*(?:unlike|not|no|like|hmm+|one|i|we|you|if|as|although|though|while|whereas|for|from|than|compared|"
    r"similar|neither|either|"
    r"rather|instead|against|despite|without|because|since|exclude|rule|perhaps|maybe)\b|favou?r\w*[^.]{0,40}\bover\b",
    re.IGNORECASE,
)
_FUNCTION_WORD = re.compile(
    r"\b(?:i|we|it|you|is|are|was|were|be|been|has|have|see|shows?|think|my|your|his|her|this|that|these|those|"
    r"should|would|could|can|"
    r"might|may|if|not|no|un|una|uma|une|ser|es|ist|est|ein|eine|pode|puede|peut)\b",
    re.IGNORECASE,
)
_NO_IDEA = re.compile(
    r"\b(?:something else|anything|hard to say|difficult to say|not (?:at all )?(?:sure|certain)|unsure|can(?:no|"
    r"')t (?:say|tell)|no idea|"
    r"(?:many|various|several|a number of|different) (?:\w+ )?(?:things|conditions|causes|possibilities|diseases)|"
    r"other conditions)\b",
    re.IGNORECASE,
)
_UNDECIDED = re.compile(
    r"\b(?:just as (?:well|likely)|equally (?:likely|possible|plausible)|(?:can(?:no|')t|unable to|hard to|"
    r"difficult to|impossible to) "
    r"(?:decide|tell|distinguish|determine|differentiate|choose|say|separate)|toss-?up|50/50|fifty-fifty|undecided|"
    r"torn between|"
    r"either way)\b",
    re.IGNORECASE,
)
_NOT_ONE = ("several", "kinds", "related")
_TURNED = re.compile(
    r"\b(?:but|however|wait|hold on|no\.\.\.|second thoughts?|actually|on reflection|instead|closer|looking again|"
    r"second look|revis\w+|reconsider\w*|chang\w+ my|"
    r"then again|hmm|let me)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Found:
    """What a text stands by.

    Attributes:
        slug: the one diagnosis, or None.
        rivals: all that it names, the firmest first; more than one where no single one can be told.
        quote: the words that were read.
        why: how it was read, or why nothing was.
        firmness: of the name in prose; `CONCLUDED` for a plain value.
    """

    slug: str | None
    rivals: tuple[str, ...]
    quote: str
    why: str
    firmness: Firmness = Firmness.CONCLUDED


def read_value(text: str) -> Found:
    """Read the value of a label, an item of a list or a whole short answer: a name first, then a sentence."""
    value = text.strip()[:600]
    slug = None if _NO_NAME.search(value) else _name(value)
    if _UNDECIDED.search(value):
        return read_prose(value)
    prose = read_prose(value) if _NOUN_PHRASE.search(value) or value.count(" ") > 5 else None
    if slug is None:
        return prose or Found(None, (), value[:120], "no known name")
    if prose and prose.slug and prose.firmness >= Firmness.LIKELY and not _in_line(slug, prose.slug):
        return prose
    return Found(slug, (slug,), value[:120], "a name")


def _in_line(one: str, other: str) -> bool:
    tree = load_ontology()
    return one in tree.path(other) or other in tree.path(one)


@lru_cache(maxsize=1 << 13)
def _name(value: str) -> str | None:
    """The slug that a value names without any doubt about which words are the name."""
    bare = _stripped(value)
    if not bare or len(bare) > 400:
        return None
    if slug := _resolved(bare):
        return slug
    for cut in _CUT.finditer(bare):
        head, rest = bare[: cut.start()].strip(), bare[cut.start() :]
        if not head or _REST_DENIES.match(rest):
            return None
        if (slug := _resolved(_stripped(head))) and _sole(slug, rest):
            return slug
    return None


def _sole(slug: str, rest: str) -> bool:
    """True unless the words behind a name stand as firmly by another one ("acne, rosacea") or take it back."""
    if _TURNED.search(rest) and any(name.firmness >= Firmness.LIKELY for name in names_in(rest)):
        return False
    others = [name for name in names_in(rest[:160]) if name.firmness >= Firmness.NAMED]
    near = [name for name in others if not _in_line(slug, name.slug)]
    return not any(name.start <= 14 or name.firmness >= Firmness.LIKELY for name in near)


def _stripped(value: str) -> str:
    text = _PERCENT.sub(" ", value)
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


def _resolved(text: str) -> str | None:
    form = read_label(text).kind
    if form not in ("plain", "headed", "sorted", "hedged") or "?" in text:
        return None
    found = resolve(text)
    if found.diagnosis is None or found.via in _NOT_ONE:
        return None
    if found.match == "broader" and _FUNCTION_WORD.search(text):
        return None  # a sentence, whatever is left of it when its first words are dropped
    coarse = load_ontology().nodes[found.diagnosis].level == "group"
    return None if coarse and found.match == "broader" else found.diagnosis  # "benign lesion" is no diagnosis


def read_prose(text: str) -> Found:
    """Read sentences: the firmest name; after a change of mind the last one; several alike are none."""
    names = names_in(text)
    last = {name.slug: name for name in names}  # a name that is denied in the end was taken back
    standing = [name for name in names if name.firmness >= Firmness.POSSIBLE and not last[name.slug].denied]
    rivals = _by_firmness([name for name in names if name.firmness > Firmness.AGAINST])
    coarse = {name for name in standing if load_ontology().nodes[name.slug].level in ("group", "family")}
    if len(coarse) < len(standing):  # "impetigo, a bacterial infection"
        standing = [name for name in standing if name not in coarse or name.firmness > Firmness.NAMED]
    if not standing:
        return Found(None, rivals, "", "no diagnosis is asserted" if names else "no known name")
    top = max(name.firmness for name in standing)
    best = [name for name in standing if name.firmness == top]
    kinds = deepest([name.slug for name in best])
    if len(kinds) > 1 or (any(name.alternative for name in best) and len({name.slug for name in best}) > 1):
        if top < Firmness.LIKELY or not _changed(text, best):
            return Found(
                None, rivals, _quote(text, best[0], best[-1]), "several diagnoses, none set above the others", top
            )
        kinds, best = (best[-1].slug,), best[-1:]
    slug, name = kinds[0], next(name for name in reversed(best) if name.slug == kinds[0])
    finer = [n.slug for n in standing if slug in load_ontology().ancestors(n.slug) and n.firmness >= Firmness.LIKELY]
    if len(deepest(finer)) == 1:
        slug = deepest(finer)[0]
    elif load_ontology().nodes[slug].level in (
        "group",
        "family",
    ):  # "a benign vascular lesion, specifically a hemangioma"
        kinds = deepest([n.slug for n in standing if slug in load_ontology().ancestors(n.slug)])
        slug = kinds[0] if len(kinds) == 1 else slug
    least = {"group": Firmness.CONCLUDED, "family": Firmness.LIKELY}.get(
        load_ontology().nodes[slug].level, Firmness.POSSIBLE
    )
    if top < least:
        return Found(None, rivals, _quote(text, name, name), "only a group of diagnoses is named", top)
    if len({n.slug for n in standing}) > 1 and _UNDECIDED.search(text):
        return Found(None, rivals, _quote(text, name, name), "it does not decide between several", top)
    if top == Firmness.POSSIBLE and _NO_IDEA.search(text):
        return Found(None, rivals, _quote(text, name, name), "a possibility among others", top)
    if top <= Firmness.NAMED and not _to_the_point(text, name, names):
        return Found(None, rivals, _quote(text, name, name), "a diagnosis is named in passing", top)
    others = tuple(each for each in rivals if each != slug and each not in load_ontology().path(slug))
    return Found(slug, (slug, *others), _quote(text, name, name), _HOW[top], top)


_HOW = {
    Firmness.FINAL: "the final conclusion",
    Firmness.CONCLUDED: "concluded in prose",
    Firmness.LIKELY: "called likely in prose",
    Firmness.NAMED: "the one diagnosis named",
    Firmness.POSSIBLE: "the one diagnosis called possible",
}


def _changed(text: str, best: list[Name]) -> bool:
    last = best[-1]
    others = [name for name in best if name.slug != last.slug]
    if any(name.start > others[-1].start and name.slug != last.slug for name in best[:-1] if name.slug == last.slug):
        return False
    return _TURNED.search(text[others[-1].end : last.start]) is not None


def _to_the_point(text: str, name: Name, names: tuple[Name, ...]) -> bool:
    """A name without a cue counts in a short text, or in its first or last sentence."""
    before, after = text[: name.start], text[name.end :]
    return len(text) < 400 or not re.search(r"[.!?\n]\s", before) or not re.search(r"[.!?\n]\s*\w", after)


def _by_firmness(names: list[Name]) -> tuple[str, ...]:
    return deepest([name.slug for name in sorted(names, key=lambda name: -name.firmness)])


def _quote(text: str, first: Name, last: Name) -> str:
    start = max(text.rfind(sign, 0, first.start) for sign in ".\n;") + 1
    return text[max(start, first.start - 80) : last.end][:240].strip()
