"""An answer's lines: what stands under which heading, and what is ranked.

Models answer in headings, bold labels, bullets, numbered lists and tables. Each line becomes a statement that says what
announces it; prose without an announcement is a statement as well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from eval.answers.labels import Kind, kind_of_label

_MARKS = re.compile(r"\*+|`+|~~|(?<!\w)_+|_+(?!\w)|<br ?/?>")
_BULLET = re.compile(r"^(?:[-+•–—·▪●◦*>]+|#{1,6}(?=\s))\s*")
_PICTURES = re.compile("[\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff]+")
_NUMBER = re.compile(
    r"^\(?(?:rank ?|top[- ]?(?=1\b)|top[- ]?(?!.*,))?(\d{1,2})(?:st|nd|rd|th)?\s*(?:[.):]|-(?=\s))\s*(?=\S)|"
    r"^#(\d{1,2})[.):]?\s+(?=\S)",
    re.IGNORECASE,
)
_LETTER = re.compile(r"^\(?[A-Ha-h][.)]\s+(?=\S)")
_INLINE = re.compile(r"(?<=[\s:])(?=\(?[1-9](?:[.)]| -)\s+[^\W\d])")
_LABEL = re.compile(
    r"^(?P<label>[^:=|\n\u2192]{1,60}?)\s*(?::(?!\d)|=(?!>)|[-=]>|\u2192|\s[-\u2013\u2014]+(?=\s))\s*(?P<value>.*)$"
)
_NEXT_LABEL = re.compile(
    r"(?<=[.;!?])(?<!^\d\.) +(?=[*_]*[A-Z][\w/-]*(?: [\w/-]+){0,4}:\s)|;(?=\w+=)|"
    r"(?<=[.;!?]) +(?=(?:(?:the|my|so|thus|final|correct|best|most likely|right) )+(?:answer|diagnosis|choice|option)\s*:)"
)
_SOAP = re.compile(r"(?:^|\s)(?=[SOAP]:\s)")
_SHARE = re.compile(
    r"(?:(\d{1,3})\s*%?\s*(?:-|\u2013|to)\s*)?(\d{1,3}(?:\.\d+)?)\s*%|(?:\(|:\s*|[=\u2248~]\s*)(0?\.\d+|1\.0+)\b"
)
_LEVEL = re.compile(
    r"\((very )?(high|moderate|medium|intermediate|low)(?: (?:likelihood|probability|confidence))?\)", re.IGNORECASE
)
_LEVELS = {"high": 0.8, "moderate": 0.5, "medium": 0.5, "intermediate": 0.5, "low": 0.2}
_SHARE_CELL = re.compile(
    r"[~<>\u2248 ]*(?:\d{1,3}(?:\.\d+)? ?%|[01]?\.\d+)|(?:very )?(?:high|moderate|medium|intermediate|low)",
    re.IGNORECASE,
)
_BARLESS = re.compile(r"^[^|\n]+ \| .* \| .*$", re.MULTILINE)
_GRADE = re.compile(
    r"(?:[-\u2013\u2014:,(]\s*)(most likely|likeliest|highest|very likely|likely|probable|possible|moderate|less "
    r"likely|lower|low|"
    r"unlikely|least likely|remote)\)?[.;]?$",
    re.IGNORECASE,
)
_GRADES = {"most likely": 0.9, "likeliest": 0.9, "highest": 0.9, "very likely": 0.8, "likely": 0.7, "probable": 0.7}
_GRADES |= {"possible": 0.4, "moderate": 0.4, "less likely": 0.2, "lower": 0.2, "low": 0.2}
_FIRST = re.compile(r"^(first|second|third|fourth|fifth)(?:ly)?\s*:\s*(?=\S)", re.IGNORECASE)
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_IN_TENTHS = re.compile(r"\b(10|\d(?:\.\d)?)\s*/\s*10\b")
_SHARES_HEAD = re.compile(
    r"^\s*\|[^\n]*\|[^|\n]*(?:%|prob|likeli|confiden|score)[^|\n]*\|[^\n]*$", re.IGNORECASE | re.MULTILINE
)
_HEADING = re.compile(r"^\s*(?:#{1,6}\s|\*\*[^*]+\*\*:?\s*$|__[^_]+__:?\s*$)|:\s*(?:\*\*)?\s*$")
_PLURAL = re.compile(r"diagnoses|predictions|hypotheses|candidates", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """A line of an answer.

    Attributes:
        kind: what announces it; None for prose.
        label: the announcing words, or "".
        text: what is said, without marks of layout.
        rank: its number in a numbered list, or None.
        share: a probability that stands with it, in [0, 1], or None.
        item: it is an item of a list.
    """

    kind: Kind | None
    label: str
    text: str
    rank: int | None = None
    share: float | None = None
    item: bool = False


@lru_cache(maxsize=1024)
def statements(text: str) -> tuple[Statement, ...]:
    """The lines of an answer, in order, each under its nearest heading; blank ones are left out."""
    out: list[Statement] = []
    section: tuple[Kind | None, str] = (None, "")
    lasting = False  # a heading holds until the next one, a label with a value only for the list below it
    taken = False  # the main heading has been answered
    waiting = ""  # a heading with nothing below it yet
    for raw in _lines(text):
        line, rank, item = _bare(raw)
        if not line:
            continue
        found = _LABEL.match(line)
        kind = (
            kind_of_label(found["label"]) if found and found["label"].count("(") == found["label"].count(")") else None
        )
        if found and kind and found["value"].strip(" \"'.,"):
            if section[0] == "differential" and item and kind in ("aside", "reasons"):
                kind = "reasons"
            out.append(Statement(kind, found["label"], found["value"], rank, _share(line), item))
            section, lasting, taken, waiting = (kind, found["label"]), False, True, ""
            continue
        bare = line.rstrip(" :=-")
        heading = kind_of_label(bare) if _HEADING.search(raw) or bare != line or _is_label(bare) else None
        if heading:
            section, lasting, taken, waiting = (heading, bare), True, False, bare if bare == line else ""
            continue
        waiting = ""
        if _HEADING.match(raw) and raw.lstrip().startswith("#") and out and not item:
            section, lasting = (None, ""), True
        if not item and not lasting:
            section = (None, "")
        kind, label = section
        if kind in ("main", "final", "initial") and taken:
            kind = "ranked" if item else None
        elif kind in ("main", "final", "initial"):
            kind = "ranked" if _PLURAL.search(label) and item else kind
            taken = True
        out.append(Statement(kind, label, line, rank, _share(line) or _stars(raw), item))
    if waiting:
        out.append(Statement(None, "", waiting))  # "**Malignant**" was no heading
    return tuple(out)


def _lines(text: str) -> Iterator[str]:
    soap = all(f"{letter}:" in text for letter in "SOAP")
    table = " | " in text and len(_BARLESS.findall(text)) > 1  # one without the outer bars
    shares = "|" in text and _SHARES_HEAD.search(text) is not None
    for raw in text.split("\n"):
        if raw.lstrip().startswith("|") or (table and raw.count(" | ") > 1):
            yield _row(raw, shares)
            continue
        pieces = _NEXT_LABEL.split(raw)
        for piece in pieces:
            if soap:
                yield from _SOAP.sub("\n", piece).replace("\nA:", "\nAssessment:").split("\n")
            elif len(_INLINE.findall(" " + piece)) > 1:
                yield from _INLINE.split(piece)
            else:
                yield piece


def _row(raw: str, shares: bool) -> str:
    """A row of a table as a line: "| 1 | Melanoma | 60% |" is "1. Melanoma: 60%"."""
    cells = [cell.strip() for cell in raw.strip().strip("|").split("|") if cell.strip(" -:")]
    if cells and re.fullmatch(r"#?\d{1,2}\.?", cells[0]):
        return f"{cells[0].strip('#.')}. {cells[1] if len(cells) > 1 else ''} {' '.join(f'({c})' for c in cells[2:])}"
    if len(cells) > 1 and shares and re.fullmatch(r"\d{1,3}(?:\.\d+)?", cells[1]):
        cells[1] = f"{cells[1]}%"
    if len(cells) > 1 and _SHARE_CELL.fullmatch(cells[1]):
        return f"- {cells[0]} ({cells[1]})"
    return f"{cells[0]}: {' '.join(cells[1:])}" if len(cells) > 1 else "".join(cells)


def _bare(raw: str) -> tuple[str, int | None, bool]:
    """The line without its marks, its number in a list, and whether it is an item."""
    line, rank, item = _PICTURES.sub(" ", raw).strip(), None, False
    for _ in range(3):
        if found := _BULLET.match(line):
            if line.startswith("**") or line.startswith("__"):
                break
            item = item or line[0] not in "#>"
            line = line[found.end() :].lstrip()
        elif found := _NUMBER.match(line):
            rank, item = int(found[1] or found[2]), True
            line = line[found.end() :].lstrip()
        elif found := _FIRST.match(line):
            rank, item, line = _ORDINALS.index(found[1].lower()) + 1, True, line[found.end() :]
        elif found := _LETTER.match(line):
            item, line = True, line[found.end() :]
        else:
            break
    line = _MARKS.sub("", line).strip()
    if rank is None and (found := _NUMBER.match(line)):  # "**1. Melanoma**"
        rank, item, line = int(found[1] or found[2]), True, line[found.end() :].lstrip()
    return line.strip(), rank, item


def _is_label(text: str) -> bool:
    """True for a line that is a heading without any mark: "Final diagnosis", in capitals or of few words."""
    return (
        len(text.split()) <= 5
        and not text.endswith((".", "!", "?", ","))
        and (text.isupper() or bool(_PLAIN_HEADING.fullmatch(text)))
    )


_PLAIN_HEADING = re.compile(
    r"(?:(?:final|most likely|primary|likely|working|clinical|provisional|differential|leading|top|my|"
    r"the) )*(?:diagnos[ie]s|impression|assessment|conclusion|answer|differentials?|reasoning|rationale|"
    r"explanation|description|(?:key )?(?:findings|features)|recommendations?|plan|management|next steps|"
    r"treatment|confidence|malignancy)",
    re.IGNORECASE,
)


def _stars(raw: str) -> float | None:
    """A mark out of five in stars or dots."""
    return len(found[0]) / 5 if (found := re.search("[\u2605\u2b50\u25cf]+", raw)) else None


def _share(line: str) -> float | None:
    if found := _SHARE.search(line):
        if found[2] is None:
            return float(found[3])
        return (float(found[1] or found[2]) + float(found[2])) / 200  # of a range the middle
    if found := _LEVEL.search(line):
        return _LEVELS[found[2].lower()] * (1.1 if found[1] else 1.0)
    if found := _IN_TENTHS.search(line):
        return float(found[1]) / 10
    if found := _GRADE.search(line):
        return _GRADES.get(found[1].lower(), 0.1)
    return None
