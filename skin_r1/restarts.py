"""Where a denied list ends and a new statement begins: "without crust, the plaque has scale" asserts plaque and scale."""

from bisect import bisect_left
from collections.abc import Sequence

from skin_r1.negation_cues import canonical
from skin_r1.scan import Clause, Span

_OR = frozenset(("or", "nor"))
_ARTICLES = frozenset(("a", "an", "the"))
_DETERMINERS = canonical(
    "a an the its this that these those their his her both several multiple numerous some many another"
)
_FINITE = canonical(
    "is are was were has have had show display reveal demonstrate exhibit suggest point fit favor indicate support argue "
    "speak lead make dominate remain cover lie appear mean confirm explain stand extend match occupy with"
)
_NEW = _FINITE | canonical("only just merely rather")
_DEPENDENT = canonical("that which who whose as when where if because since whether would could might may")
_JOINERS = _DETERMINERS | {"and"}
_PREPOSITIONS = frozenset((("without",), ("rather", "than"), ("instead", "of"), ("free", "of"), ("devoid", "of")))
_LEADING = canonical("in the even so thus and but here")


def begins_anew(clause: Clause, k: int, opener: int, start: int) -> bool:
    """True where name `k` stands in a new statement, no more in the list that is denied.

    Args:
        clause: where the name stands.
        k: its number among the names.
        opener: the first word of the denial, and
        start: the word after it.
    """
    words, span = clause.words, clause.spans[k]
    previous = max(start, clause.spans[k - 1].last) if k else start
    gap = words[previous : span.first]
    cut = next((at for at in range(span.first, previous - 1, -1) if at in clause.breaks), None)
    if previous > start and "and" in gap and not _ARTICLES.isdisjoint(gap):
        # "no scale and a plaque", but not "lacks a scale and a plaque"
        return cut is not None or not _alike(clause, gap, start)
    if cut is None:  # "not blurred and the plaque has scale"
        return gap[-2:] == ("and", "the") and _is_told(clause, k)
    if span.tick:
        return True  # "no fever, scale: yes"
    head = words[cut : span.first]
    if not _OR.isdisjoint(head):
        return False
    if not _NEW.isdisjoint(head):
        return True  # "no ulcer, only a plaque", "not benign: it has a veil"
    if previous > start and words[opener:start] not in _PREPOSITIONS and _alike(clause, head, start):
        return False
    if _DETERMINERS.isdisjoint(head) and (span.finding is None or not _fronted(words, opener, start)):
        return False
    return _is_told(clause, k)


def _alike(clause: Clause, gap: Sequence[str], start: int) -> bool:
    """True where the list began with the article of this gap, too: "none of the scale, the crust and the ulcer is seen"."""
    began = clause.words[clause.spans[bisect_left(clause.spans, start, key=_first)].first - 1]
    return began in _ARTICLES and (began == "the") == ("the" in gap) and not _ARTICLES.isdisjoint(gap)


def _first(span: Span) -> int:
    return span.first


def _fronted(words: Sequence[str], opener: int, start: int) -> bool:
    """True for a denial that opens its sentence and can have no verb: "without crust, scale is seen"."""
    cue = words[opener:start]
    return _LEADING.issuperset(words[:opener]) and (
        cue in _PREPOSITIONS or (cue == ("absence", "of") and words[0] == "in")
    )


def _is_told(clause: Clause, k: int) -> bool:
    """True where a verb, or "with", follows name `k` and those that are listed with it, and no "or"."""
    words, spans, listed = clause.words, clause.spans, False
    while True:
        end = spans[k].last
        until = spans[k + 1].first if k + 1 < len(spans) else len(words)
        cut = next((at for at in range(end, min(until + 1, len(words))) if at in clause.breaks), None)
        after = words[end : until if cut is None else cut]
        if not _OR.isdisjoint(after):
            return False
        if _tells(after):
            return True
        joint = words[end if cut is None else cut : until]
        if until == len(words) or spans[k + 1].diagnosis is not None or not _JOINERS.issuperset(joint):
            return False
        if cut is not None and (listed or after):
            return False  # "without the plaque and the scale, psoriasis is unlikely"
        listed = "and" in joint
        k += 1


def _tells(words: Sequence[str]) -> bool:
    verb = next((at for at, word in enumerate(words) if word in _FINITE), None)
    return verb is not None and _DEPENDENT.isdisjoint(words[:verb])
