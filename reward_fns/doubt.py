"""Does a sentence stand by the name that it holds, of this lesion, here and now?

`skin_r1.claims` reads prose as a reader of good will does: it is made for teachers. A model that is paid for its prose writes
what that reader mistakes for a claim, so rewards ask for more: a name is asserted only where no cue of doubt, of another
place or time, or of another language's denial stands in its clause. On 30,913 findings that a real teacher says, the cues
object to 2 in 100, nearly all of them guesses ("possible exudate").
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from reward_fns.doubt_cues import AFTER, BEFORE, CLOSE_AFTER, CLOSE_BEFORE, WORDS
from reward_fns.foreign import FOREIGN, in_another_language
from reward_fns.hearsay import WORDS as HEARSAY
from reward_fns.hearsay import not_of_here

_TURN = re.compile(r"(?<!anything )\bbut\b|\b(?:however|although|though|while|whereas|yet|nevertheless)\b")
# A hedge binds its own words. It ends where the text goes on about the lesion: "it is unclear whether it itches, and a plaque
# is visible" (only at the first comma: a list may end in "and a plaque").
_HEDGE = re.compile(r"(?:may|might|could|whether|unable|cannot|doubt|wonder|instead|unlike|\w+ (?:that|of)$)\b")
_OF = re.compile(r"(?:chance|probability|odds|threat|definition) of$")
_NAMED = re.compile(  # "the chance of scale makes", "the threat of an ulcer and the plaque"
    r".*?(?=,? and the\b|\b(?:is|are|was|were|has|have|\w+(?:ports?|gests?|points?|vou?rs?|akes?|cates?)|plus|which)\b)"
)
# "Instead of vesicles, a plaque", "unlike lesions with scale, this one".
_FOIL = re.compile(r"instead|unlike")
_PAST_FOIL = re.compile(
    r".*?(?=\b(?:there (?:is|are)|because|given|due|since)\b|, (?:it|this|the|here|its|an?)\b)"
    r"|[^,:]*?(?=[,:]|\b(?:is|are|was|were|has|have|shows?)\b)"
)
_MODAL = re.compile(r"(?:may|might|could|doubt|\w+ that$)\b")
_GOES_ON = re.compile(
    r"[^,]*(?=, and (?:it (?:shows|has|is)|"
    r"(?:a|an|the|this)\b[^,]* (?:shows|has|is (?:\w+ly )?(?:seen|visible|present|noted|found)))\b)"
)
# "This may be psoriasis, as there is", "it might have been scratched, with", "it may be itchy and shows".
_REASON = re.compile(
    r" been \w+ed(?: \w+){0,3}(?=, with\b)|"
    r".*?(?=\b(?:because (?:of|there|it|the|an?|this)|given (?:the|an?|this|its))\b|"
    r", (?:as|since) (?:there|it|the|an?|this|i)\b)"
)
_AND_VERB = re.compile(r"(?:(?!\b(?:that|which|who)\b).)*?(?= and (?:shows|has|is|reveals|displays|presents)\b)")
# What is unclear, or has cleared, is told by the words behind this: "whose center has cleared", "..., and its margin is
# unclear", but not "..., and the presence is unclear".
_OF_SOMETHING = re.compile(r"(?:is|are|remains?|has|have)\b")
_OWN_SUBJECT = re.compile(
    r"\b(?:whose|where|in which)\b|"
    r"\b(?:is|are|has|have|shows?)\b[^,]*,? and (?:the|its|his|her|their) "
    r"(?!presence|existence|truth|claim|finding|statement|whole|three|two|latter|rest)"
)
_NO = re.compile(r"(?:^|[.;!\n])\W*(?:no|none|absent|false|negative)\s*[.;!\n]\s*$", re.IGNORECASE)
_NO_ENDS = frozenset("oetOET \t")  # what may stand before the last mark of such a sentence
# The next sentence denies it all: "All of that is absent."
_DENIED = re.compile(
    r"[.;!?]\W*not (?:\w+ )?(?:seen|present|there|visible|true|real)\s*(?:[.;!?]|$)|"
    r"[.;!?]\s*(?:(?:actually|no|well|in fact|sorry|however|but),? )?(?:no such (?:signs?|findings?|features?|things?|"
    r"changes?)\b|"
    r"(?:(?:all|both) of (?:that|this|these|those|it|them)|these|those|they) (?:is|are|was|were) (?:all |both )?(?:absent|"
    r"missing)\b|"
    r"(?:none|nothing) of (?:that|this|these|those|it|them) (?:is|are|was|were) (?:seen|there|present|visible|found)\b)",
    re.IGNORECASE,
)
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|shows?|see|seen|there|present|visible)\b", re.IGNORECASE)
_NEAR, _FAR = 40, 600  # characters around a name: for `CLOSE_BEFORE`, and of a sentence
_TELLING = WORDS | HEARSAY | FOREIGN

_LETTERS = re.compile(r"[a-z0]+")
_ENDS, _END = ".;!?\n", re.compile(r"[.;!?\n]")


def doubted(text: str, start: int, end: int, *, symptom: bool = False) -> bool:
    """True where the text does not stand by the name at characters `start` to `end`; a symptom is the patient's to tell.

    >>> doubted("Perhaps scale is seen.", 8, 13), doubted("Scale is seen. It may be psoriasis.", 0, 5)
    (True, False)
    """
    first = max(start - _FAR, 0)
    for mark in _ENDS:
        first = max(first, text.rfind(mark, first, start) + 1)
    stop = _END.search(text, end, end + _FAR)
    last = stop.start() if stop else end + _FAR
    answered = first > 1 and text[first - 2] in _NO_ENDS and _NO.search(text[max(0, first - _NEAR) : first])
    if answered and not _VERB.search(text[first:last]):
        return True  # "No. Plaque, scale."
    if stop and _DENIED.match(text, last):
        return True
    ranges = _doubts(text[first:last])
    if ranges is None:
        return False
    for low, high, by_patient in ranges:
        if low <= start - first and end - first <= high and not (symptom and by_patient):
            return True
    if CLOSE_AFTER.match(text, end):
        return True
    return CLOSE_BEFORE.search(text[max(first, start - _NEAR) : start]) is not None


@lru_cache(maxsize=1 << 13)
def _doubts(sentence: str) -> tuple[tuple[int, int, bool], ...] | None:
    """First and last character of each stretch that is doubted, and True where the patient tells it; None without a cue."""
    low = sentence.lower()
    if len(low) != len(sentence):
        low = "".join(each if len(each.lower()) > 1 else each.lower() for each in sentence)
    words = _TELLING.intersection(_LETTERS.findall(low))
    signs = not sentence.isascii() or "(-" in sentence or "[" in sentence
    if not (words or signs):
        return None
    if in_another_language(words):
        return ((0, len(sentence), False),)
    cues, told = signs or not WORDS.isdisjoint(words), not HEARSAY.isdisjoint(words)
    starts = (0, *(turn.end() for turn in _TURN.finditer(low)))
    out: list[tuple[int, int, bool]] = []
    for start, end in zip(starts, (*starts[1:], len(sentence)), strict=True):
        clause = low[start:end]
        if cues:
            out += ((start + low, start + high, False) for low, high in (*_behind(clause), *_ahead(clause)))
        if told:
            out += ((start + low, start + high, by_patient) for low, high, by_patient in not_of_here(clause, words))
    return tuple(out)


def _behind(clause: str) -> Iterator[tuple[int, int]]:
    """Stretches of a clause that a cue before them doubts."""
    end = 0
    while cue := BEFORE.search(clause, end):
        start = cue.end()
        end = start + _bound(clause[start:], cue[0]) if _HEDGE.match(cue[0]) else len(clause)
        yield start, end


def _bound(rest: str, cue: str) -> int:
    """How many characters of the rest of a clause a hedge binds."""
    marks: tuple[re.Pattern[str], ...] = (_GOES_ON,)
    if _MODAL.match(cue):
        marks = (_GOES_ON, _REASON, _AND_VERB)
    elif _OF.match(cue):
        marks = (_GOES_ON, _NAMED)
    elif _FOIL.match(cue):
        marks = (_PAST_FOIL,)
    return min((found.end() for mark in marks if (found := mark.match(rest))), default=len(rest))


def _ahead(clause: str) -> Iterator[tuple[int, int]]:
    """Stretches of a clause that a cue behind them doubts."""
    for cue in AFTER.finditer(clause):
        subjects = _OWN_SUBJECT.finditer(clause, 0, cue.start()) if _OF_SOMETHING.match(cue[0]) else ()
        yield max((subject.end() for subject in subjects), default=0), cue.start()
