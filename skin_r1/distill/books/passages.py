"""Passages: whole sentences of one section on one page, short enough to ask about."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SHORTEST, LONGEST = 300, 1200
"""Characters of a passage. One is shorter where its section ends, and longer only where one sentence is."""


@dataclass(frozen=True)
class Passage:
    """Whole sentences of one section on one page.

    Attributes:
        source: the file's name, below the folder that was given; no path of the machine.
        page: from 1; None where the file has no pages.
        heading: the headings above it, from wide to narrow, joined by ` > `; empty without any.
        text: paragraphs, one a line.
    """

    source: str
    page: int | None
    heading: str
    text: str


@dataclass(frozen=True)
class Block:
    """A paragraph, or a heading when `rank` is above 0: the higher the rank, the wider the heading."""

    text: str
    page: int | None = None
    rank: float = 0.0


def own_words(text: str) -> frozenset[str]:
    """The words of a text in lower case, but for the two parts of those divided at a line's end."""
    whole = re.sub(r"[^\W\d_]+[-\u2010\u00ad][ \t]*\n\s*[^\W\d_]+", " ", text)
    return frozenset(re.findall(r"[^\W\d_]+", whole.lower()))


def joined(lines: Sequence[str], words: frozenset[str]) -> str:
    """Lines of one paragraph as one line, the hyphens of divided words undone.

    Args:
        lines: as printed.
        words: the book's `own_words`. A hyphen between two of them is kept ("blue-" / "white") unless they
            are also written as one.
    """
    text = lines[0].strip()
    for line in (line.strip() for line in lines[1:]):
        left, right = re.search(r"([^\W\d_]+)[-\u2010\u00ad]$", text), re.match(r"[^\W\d_]+", line)
        if not left or not right or not right[0][0].islower():
            text = f"{text} {line}"
            continue
        first, second = left[1].lower(), right[0].lower()
        compound = text[-1] != "\u00ad" and first + second not in words and {first, second} <= words
        text = (text if compound else text[:-1]) + line
    return one_line(text)


def one_line(text: str) -> str:
    """Single spaces, soft hyphens gone, ligatures as letters."""
    text = re.sub("[\ufb00-\ufb06]", lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return " ".join(text.replace("\u00ad", "").split())


_END = re.compile(r"""[.!?]["”’')\]]*(?:\[[\d,\s–-]+\])*\s+(?=["“‘'(\[]*[A-ZÀ-Þ\d•])""")
_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|cf|vs|figs?|eqs?|tab|refs?|et al|approx|ca|dr|prof|no|nos|vol|pp?|ed|eds|spp?|var|syn|(?-i:[A-Z]))\.$",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph; an abbreviation or an initial ends none."""
    out, start = [], 0
    for end in _END.finditer(text):
        if not _ABBREVIATION.search(text[start : end.start() + 1]):
            out.append(text[start : end.end()].strip())
            start = end.end()
    return [*out, text[start:].strip()] if text[start:].strip() else out


def packed_passages(blocks: Sequence[Block], source: str) -> Iterator[Passage]:
    """Passages of a file's blocks; none runs over a heading or a page's end, and no two overlap."""
    stack: list[Block] = []
    section: list[Block] = []

    def packed() -> Iterator[Passage]:
        heading = " > ".join(block.text for block in stack)
        for text in _packed([sentences(block.text) for block in section]):
            yield Passage(source, section[0].page, heading, text)
        section.clear()

    for block in blocks:
        if section and (block.rank or block.page != section[0].page):
            yield from packed()
        if block.rank:
            stack = [above for above in stack if above.rank > block.rank] + [block]
        else:
            section.append(block)
    yield from packed()


def _packed(paragraphs: Sequence[Sequence[str]]) -> Iterator[str]:
    """Sentences joined to passages, cut between paragraphs where that leaves a passage long enough."""
    units = [("\n" if at == 0 else " ") + sentence for each in paragraphs for at, sentence in enumerate(each)]
    least, most = SHORTEST + 1, LONGEST + 1  # the first unit's own separator is stripped in the end
    while units:
        left, size, fits = sum(map(len, units)), 0, 0
        sizes = []
        for unit in units:
            size += len(unit)
            sizes.append(size)
            fits += size <= most
            if size > most:
                break
        cut = max(fits, 1)
        if cut < len(units):
            bounds = [at for at in range(1, cut + 1) if units[at][0] == "\n" and sizes[at - 1] >= least]
            cut = bounds[-1] if bounds else cut
            while left - sizes[cut - 1] < least and cut > 1 and sizes[cut - 2] >= least:
                cut -= 1
        yield "".join(units[:cut]).strip()
        units = units[cut:]
