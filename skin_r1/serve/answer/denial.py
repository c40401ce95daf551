"""Is a sign in a person's words told of now, or denied, or long over? Where unsure, it is told.

`skin_r1.negation` reads the prose of models and may deny where it is unsure. Here a wrong "denied" hides an emergency, so
these rules know fewer ways to say no: a denial right before the sign, a list that "or" or "nor" closes, a whole list after
"denies", and "fever: no". Two denials in a row, "and", a new verb, and all other ways count as told. The rules are our own
and for English.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

_QUOTES = str.maketrans("‘’`´", "''''")
_WORD_END = re.compile(r"(?!\w)")  # signs are beginnings of words
_SENTENCE_END = re.compile(r"[.;!?](?=\s|$)|\n")
_CLAUSE_END = re.compile(
    _SENTENCE_END.pattern
    + r"|\b(?:but|however|although|though|yet|whereas|except|apart from|other than|until|and now|now)\b"
)
# With these a person tells the sign, whatever "no" or "not" they hold.
_NO_DENIAL = re.compile(
    r"\b(?:no (?:doubt|idea|change in|improvement|better|relief|response|matter|let-?up|end to|longer without)"
    r"|nothing"
    r"|(?:not|never|cannot|can'?t|won'?t|don'?t|doesn'?t|didn'?t|hasn'?t|haven'?t|isn'?t|couldn'?t|wouldn'?t|dont|doesnt)"
    r" (?:been |be |yet |get |really )*(?:only|just|sure|certain|clear|unlike|without|free of|free from|uncommon|rare"
    r"|ruled? out|exclude[ds]?|den(?:y|ied)|know|tell|stop\w*|resol\w+|gone|go away|settl\w+|heal\w*|better|control\w*"
    r"|improv\w*|respond\w*"
    r"|help\w*|shake|rid of|forget|bear|stand|lost|absent|a day|an hour|believe|imagine))\b"
)
_LISTING = re.compile(
    r"\b(?:den(?:ies|ied|y|ying)|negative for|not reported:|none of:?|absent:|no (?:history|report|complaint)s? of)"
)
_CUE = re.compile(
    _LISTING.pattern
    + r"|\b(?:nobody|no one|no|not|never|without|absence of|free (?:of|from)|nor|neither|lacks?|lacking|nil|cannot"
    r"|(?:do|does|did|is|are|was|were|has|have|had|wo|ca|could|would)n'?t)\b"
)
_CLOSED = re.compile(
    r"^\s*(?:(?:is|are|was|were|has been|have been)\s+)?(?:absent|denied|negative|ruled out|excluded|not (?:present|seen"
    r"|noted|reported|found|there)|never)\s*(?=$|[,)/])|^\s*[:=–-]?\s*(?:no|none|nil|absent|negative|denied|0)\s*(?=$|[,)/])"
)
# A new statement begins with these: what denied the words before it does not reach over them.
_BREAKS = frozenset(
    "and with since because due after then so which that who still started starts is are was were has shows my i he she it"
    " they there this these when if than unless only just first initially before yesterday today plus while as started"
    " began begins developed keeps kept reports reporting complains tells mentions admits".split()
)
_BETWEEN = frozenset(
    "had have has having been be any the a to quite really say i that there is it true think a an am do".split()
)
_LONGEST_GAP = 5  # words between a denial and its sign
_REACH = 400  # characters to both sides that are read; without it a text without a full stop takes quadratic time
_OVER = re.compile(
    r"\b(?:resolved|went|gone|cleared|subsided|settled|healed|disappeared|cured|recovered|stopped|passed|had)\b"
)
_LONG_AGO = re.compile(
    r"\b(?:last year|years? ago|decades? ago|as an? (?:child|kid|baby|infant|teenager|student)"
    r"|in (?:my |his |her |early )?childhood|in (?:19|20)\d\d)\b"
)
_STILL = re.compile(
    r"\b(?:since|still|again|now|recur\w*|returned|returning|back|keeps?|ongoing|ever|always|every|today|yesterday"
    r"|this week)\b"
)


def told(sign: re.Pattern[str], text: str, *, passes: bool) -> Iterator[str]:
    """Where the text tells the sign.

    Args:
        sign: a pattern for lower case text with straight apostrophes.
        text: a person's words.
        passes: the sign is of the moment, such as a fever: one that was over years ago does not count.

    Returns:
        The words of each place.
    """
    plain = text.translate(_QUOTES).lower()
    bounds = [0, *(end.end() for end in _CLAUSE_END.finditer(plain)), len(plain)]
    sentences = [0, *(end.end() for end in _SENTENCE_END.finditer(plain))]
    for found in sign.finditer(plain):
        # A sign may hold a word that ends a clause ("does not fade"): the clause of its first letter counts.
        end = _WORD_END.search(plain, found.end()).start()  # type: ignore[union-attr]  # it always matches
        first = bounds[bisect_right(bounds, found.start()) - 1]
        last = bounds[bisect_left(bounds, end)] if end <= len(plain) else len(plain)
        before = plain[max(first, found.start() - _REACH) : found.start()]
        after = plain[end : min(last, end + _REACH)].rstrip(" .;!?\n")
        start = max(sentences[bisect_right(sentences, found.start()) - 1], found.start() - _REACH)
        whole = _SENTENCE_END.split(plain[start : found.end() + _REACH], maxsplit=1)[0]
        if not (_denied(before, after) or (passes and _past(whole))):
            yield found[0]


def _past(sentence: str) -> bool:
    """True for "I had a fever two years ago" and "the fever resolved last year", where nothing says that it is back."""
    return bool(_OVER.search(sentence) and _LONG_AGO.search(sentence) and not _STILL.search(sentence))


def _denied(before: str, after: str) -> bool:
    if _CLOSED.search(after) and not _NO_DENIAL.search(after):
        return True
    before = _NO_DENIAL.sub(lambda found: " is ".center(len(found[0])), before)
    before = re.sub(r"\bin (?:my|the|our) family\b", " ", before)
    cues = list(_CUE.finditer(before))
    if not cues:
        return False
    cue = cues[-1]
    if cue[0] == "nor" and len(cues) == 1:
        return False
    if len(cues) > 1 and cue[0] != "nor":  # "not without", "never had no": nobody knows
        between = before[cues[-2].end() : cue.start()]
        if "," not in between and all(word in _BETWEEN for word in between.split()):
            return False
    gap = before[cue.end() :]
    listing = _LISTING.fullmatch(cue[0]) is not None
    items = gap.split(",")
    words = [re.findall(r"[\w']+", item) for item in items]
    allowed = {"and"} if listing else {"has", "my"} if cue[0] in ("nobody", "no one") else set()
    if any(word in _BREAKS - allowed for item in words for word in item) or any(len(w) > _LONGEST_GAP for w in words):
        return False
    if len(items) == 1:
        return True
    # "no pain, bleeding daily" tells bleeding; "no pain, itch or bleeding" and "denies pain, bleeding" deny it.
    closed = re.search(r"\b(?:or|nor)\b", items[-1]) or re.match(
        r"(?:\s+\w+){0,2}(?:\s*,\s*(?:\w+\s+){0,3}\w+)*\s*,?\s+(?:or|nor)\b", after
    )
    return bool(closed or (listing and re.match(r"\s*(?:$|,|or\b|and\b|/)", after)))
