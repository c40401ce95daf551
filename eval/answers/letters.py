"""Multiple choice: which option an answer takes, by letter, number or the option's own words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eval.answers.options import chosen_by_words, marker_index, named_options, option_texts
from eval.answers.parts import take_apart


@dataclass(frozen=True)
class Choice:
    """The option that an answer takes.

    Attributes:
        index: position in the options, from 0; None exactly where the reading is not sure.
        sure: one option can be told.
        reason: how it was read, or why it is unsure.
        quote: the words that it was read from.
    """

    index: int | None
    sure: bool
    reason: str
    quote: str


class _Mark(NamedTuple):
    option: int | None  # None: a letter beyond the options
    start: int
    end: int
    final: bool


_OPEN, _SHUT = r"[(\[{<\"'*_\s]{0,4}", r"[)\]}>\"'*_]{0,3}"
_WORDS = "one|two|three|four|five|six|seven|eight"
_TOKEN = rf"(?P<mark>[A-Z]|\d{{1,2}}|(?:vi{{0,3}}|iv|i{{1,3}}|ix|x)|{_WORDS})"
_MARKER = rf"{_OPEN}{_TOKEN}(?P<shut>{_SHUT})(?![\w'%]|\.\d)"
_CUE = re.compile(
    r"(?:(?P<final>\bfinal(?:ly)?(?: answer| choice| diagnosis)?|\btherefore|\bthus|\bin conclusion|\bconclusion|"
    r"\bso|\boverall)\b\W{0,4})?(?:\b(?:(?:correct|best|right|likely|my|the|single|most|appropriate|i|would|will|"
    r"final) ){0,5}(?:answer|option|choice|diagnosis|selection|response|choose|chose|pick|picked|select|selected|"
    r"go with|going with|say|letter|correct(?=\s*:)|d choose|d pick|d select|d go with|ll go with|ll choose|d say|"
    r"ans|respuesta|r[e\u00e9]ponse|antwort|risposta|resposta)\b(?:'s)?|\u7b54\u6848(?:\u662f)?)"
    rf"(?:[\s*_:=$>\-]|\b(?:is|would be|must be|should be|option|choice|letter|number|most|likely|probably|clearly|"
    rf"the|as|with)\b){{1,10}}{_MARKER}",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\b(?:not|\w*n't|never|eliminat\w*|rul\w+ out|exclud\w*|reject\w*|incorrect|wrong|discard\w*|if|whether|"
    r"first thought|initially(?: \w+)*)\W*(?:\w+\W+){0,2}$",
    re.IGNORECASE,
)
_ENDORSED = re.compile(
    rf"\b(?:(?:option|choice|answer|letter|number)\s+)?(?<![\w']){_MARKER}\s*(?:\([^()\n]{{0,60}}\)\s*)?(?:is|"
    rf"seems|would be|fits|matches)\s+"
    r"(?:(?:the|most|clearly|likely|therefore|probably|by far|my|single) )*(?:correct|right|best|likely|answer|"
    r"choice|pick|consistent|appropriate|fit\b|match)|^(?:so|therefore|thus|hence)[,:]?\s+(?P<lone>[A-H])\W*$|"
    r"(?<![\w'])(?P<left>[A-H])\)? as (?:the|my) (?:\w+ )?(?:answer|choice)",
    re.IGNORECASE | re.MULTILINE,
)
_COUNTED = re.compile(
    r"\bthe (?P<nth>first|second|third|fourth|fifth|sixth|last) (?:option|choice|answer|one|diagnosis)\b|"
    rf"\b(?:option|choice)\s+(?P<count>{_WORDS}|\d)\b",
    re.IGNORECASE,
)
_DISMISSED = re.compile(
    r"^[\s)\]*\"']*(?:\([^()]*\)\s*)?(?:(?:is|are|was|can be|does|would|seems|has|isn't|doesn't)\W+)?(?:not|"
    r"\w*n't|unlikely|less|incorrect|wrong|ruled|excluded|eliminated|false|out\b|no\b)",
    re.IGNORECASE,
)
_MORE = re.compile(
    rf"^[)\]*\s]*(?:,|and|or|&|/|\+|and/or)\s*(?:\b(?:option|choice|also|maybe|perhaps|or|"
    rf"and)\b\s*)*{_OPEN}[A-Ha-h](?![\w'])"
)
_NAMED_LETTER = re.compile(r"\b(?:option|choice|letter)\W{0,4}\w\W{0,3}$", re.IGNORECASE)
_AFTER_ARTICLE = re.compile(
    r"^\s+(?!(?:because|since|as|due|given|based|for|which|is|and|or|but|with|in|on|by)\b)[a-z]"
)
_LINE = re.compile(
    rf"^[ \t>#*_\-\"'$]*(?:(?:option|choice|answer|"
    rf"letter)\b[ :]*)?{_OPEN}{_TOKEN}(?P<shut>[)\]}}>\"'*_ ]{{0,4}})(?P<sep>[.:,)\-\u2013\u2014]|(?=\s)|$)"
    r"(?P<rest>.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_BRACKETED = re.compile(r"[(\[](?:option |choice )?([A-Ha-h])[)\]]", re.IGNORECASE)
_TURN = re.compile(
    r"\b(?:but|however|wait|actually|on reflection|instead|reconsider\w*|second thoughts?|hold on|changed?|"
    r"revis\w+|correction|no,)\b",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"\b(?:none of (?:the above|these|the options|them)|all of the above|cannot (?:determine|choose|answer|"
    r"decide)|can't (?:determine|choose|answer|decide|tell)|unable to (?:determine|choose|answer)|"
    r"not enough information|i (?:can't|cannot) (?:help|assist|provide))",
    re.IGNORECASE,
)


def read_letter(text: str, options: Sequence[str]) -> Choice:
    """Read which option an answer takes; never raises, in time linear in the text and in the number of options.

    Args:
        text: the completion.
        options: the options' texts in the order shown, with or without their letters; at most 26.

    >>> read_letter("**Answer: (b)**", ["melanoma", "nevus"]).index
    1
    >>> read_letter("The answer is A) nevus", ["melanoma", "nevus"]).reason
    "the letter and the option's words disagree"
    """
    texts = option_texts(options)
    parts = take_apart(text)
    if parts.unfinished and not parts.answer.strip():
        return Choice(None, False, "the text ends within its reasoning", "")
    said = [value for each in parts.objects if isinstance(each, dict) for value in _values(each)]
    tagged = [*parts.tagged, *said]
    if tagged:
        read = [_read(each, texts) for each in tagged]
        sure = {choice.index for choice in read if choice.sure}
        if len(sure) == 1 and read[-1].sure:
            return read[-1]
        return Choice(None, False, "several final answers" if len(sure) > 1 else read[-1].reason, tagged[-1][:120])
    return _read(parts.answer.strip(), texts)


def _read(answer: str, texts: Sequence[str]) -> Choice:
    if not answer:
        return Choice(None, False, "an empty answer", "")
    same = [k for k, words in enumerate(texts) if named_options(answer, [words], whole=True)]
    if len(same) == 1:
        return Choice(same[0], True, "the option's own words", answer[:120])
    marks = list(_marks(answer, len(texts)))
    final = [mark for mark in marks if mark.final]
    chosen = _one(final or marks, answer)
    if chosen is None and not marks:
        chosen = _line(answer, texts)
    if isinstance(chosen, str):
        return Choice(None, False, chosen, answer[-120:])
    if chosen is not None:
        return _checked(chosen, answer, texts)
    if refused := _REFUSED.search(answer):
        return Choice(None, False, "no option is taken", refused[0])
    index, why, quote = chosen_by_words(answer, texts)
    beside = {marker_index(found[1], len(texts)) for found in _BRACKETED.finditer(answer)}
    if index is not None and len(beside) == 1 and index not in beside:
        return Choice(None, False, "the letter and the option's words disagree", answer[:120])
    return Choice(index, index is not None, why, quote)


def _marks(answer: str, n: int) -> Iterator[_Mark]:
    for found in _CUE.finditer(answer):
        token, end = found["mark"], found.end("shut")
        if _denied(answer, found.start()) or _DISMISSED.match(answer[end : end + 60]):
            continue
        bare = not found["shut"].strip("*_ ")
        if (
            token in "aAI"
            and bare
            and _AFTER_ARTICLE.match(answer[end : end + 24])
            and not _NAMED_LETTER.search(found[0])
        ):
            continue  # "the answer is a melanoma"
        yield _Mark(
            marker_index(token, n), found.start("mark"), end, bool(found["final"]) or "final" in found[0].lower()
        )
    for found in _ENDORSED.finditer(answer):
        name = "mark" if found["mark"] else "lone" if found["lone"] else "left"
        article = name == "mark" and found["mark"] in "aAI" and not found["shut"]
        if not article and not _denied(answer, found.start()):
            yield _Mark(marker_index(found[name], n), found.start(name), found.end(name), name == "lone")
    for found in _COUNTED.finditer(answer):
        if not _denied(answer, found.start()) and not _DISMISSED.match(answer[found.end() : found.end() + 60]):
            index = (
                n - 1 if (found["nth"] or "").lower() == "last" else marker_index(found["nth"] or found["count"], n)
            )
            yield _Mark(index, found.start(), found.end(), False)


def _denied(answer: str, at: int) -> bool:
    """True where the sentence says "not" or "at first" before `at`."""
    return _NOT.search(re.split(r"[.;!?\n]", answer[max(0, at - 40) : at])[-1]) is not None


def _one(marks: Sequence[_Mark], answer: str) -> _Mark | str | None:
    """The mark that counts, why none does, or None where there is none."""
    if not marks:
        return None
    marks = sorted(marks, key=lambda mark: mark.start)
    last = marks[-1]
    if any(_MORE.match(answer[mark.end : mark.end + 40]) for mark in marks if mark.option == last.option):
        return "several options are taken"
    others = [mark for mark in marks if mark.option != last.option]
    if others and not _TURN.search(answer[others[-1].end : last.start]):
        return "several options are taken"
    return "a letter beyond the options" if last.option is None else last


def _line(answer: str, texts: Sequence[str]) -> _Mark | str | None:
    """The one line that is a letter or opens with one; a list of all options is none."""
    found = []
    for line in _LINE.finditer(answer):
        rest, token = line["rest"].strip(), line["mark"]
        marked = bool(line["sep"].strip() or line["shut"].strip())
        if rest and not marked and (token not in "BCDEFGH" or not named_options(rest, texts)):
            continue  # "A melanoma is seen", "I think"
        if rest and line["sep"] in (",", "-") and token in "aAiI":
            continue
        if not rest and token in "aI" and not marked and len(answer) > 3:
            continue
        found.append(_Mark(marker_index(token, len(texts)), line.start("mark"), line.end("shut"), False))
    if any(_MORE.match(answer[mark.end : mark.end + 40]) for mark in found):
        return "several options are taken"
    kinds = {mark.option for mark in found}
    if len(kinds) > 1:
        return None
    if kinds == {None}:
        return "a letter beyond the options" if len(answer) < 40 else None
    return found[-1] if found else None


def _checked(mark: _Mark, answer: str, texts: Sequence[str]) -> Choice:
    """The mark's option, unless the words beside it are those of another one."""
    start = max(answer.rfind("\n", 0, mark.start), answer.rfind(". ", 0, mark.start)) + 1
    line = answer[mark.end :].split("\n", 1)[0]
    behind = named_options(
        re.split(
            r"[.;](?:\s|$)|\b(?:not|rather|than|unlike|because|since|but|over|is|and|as)\b", line.lstrip(" .:),-*")
        )[0],
        texts,
    )
    before = named_options(
        re.split(r"\b(?:not|rather|than|unlike|because|since|but|over)\b", answer[start : mark.start])[-1], texts
    )
    beside = behind or before
    if beside and mark.option not in beside:
        return Choice(None, False, "the letter and the option's words disagree", answer[start : mark.end + 80].strip())
    return Choice(mark.option, True, "a letter or number", answer[start : mark.end + 40].strip()[:160])


def _values(record: dict[object, object]) -> Iterator[str]:
    keys = ("answer", "final_answer", "choice", "option", "letter", "selected", "selection", "diagnosis", "prediction")
    own = {re.sub(r"\W+", "_", str(key)).casefold(): value for key, value in record.items()}
    value = next((own[key] for key in keys if key in own), None)
    if isinstance(value, str | int) and not isinstance(value, bool):
        yield str(value)
