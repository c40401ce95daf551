"""A PDF's pages as blocks of text: running lines dropped, divided words and sentences joined, headings by their type.

pypdf (BSD, pure Python) was chosen over pypdfium2 (Apache and BSD, an 8 MB binary): on two manuals set with TeX and
DocBook and on a page in two columns both gave the same words in the same order, and pypdf also says how large each
line is set, which is how headings are told. It is 3 to 12 times slower, tens of milliseconds a page at most.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from skin_r1.distill.books.passages import Block, joined, own_words, sentences
from skin_r1.errors import UserError, problem

EDGE = 3  # lines at the top and at the bottom of a page that may be running heads or page numbers
TEXT_PER_PAGE = 20  # letters; a scan without a text layer has fewer on average


@dataclass
class _Line:
    """One line: text, type size in points, whether it is all bold, and its height on the page in points."""

    text: str
    size: float
    bold: bool
    y: float


def pdf_blocks(file: Path) -> list[Block]:
    """Blocks of every page, pages from 1.

    Raises:
        UserError: the file is no PDF, is encrypted, or has no text layer.
    """
    from pypdf import PdfReader

    try:
        reader = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            step = "save a copy without the password, if its licence allows"
            raise problem("the PDF is encrypted", file=file, next_step=step)
        pages = [_lines(page) for page in reader.pages]
    except (UserError, OSError):
        raise
    except Exception as error:  # on files that are broken inside pypdf raises errors of many kinds
        step = "open it in a viewer and print it to a new PDF"
        raise problem("the PDF cannot be read", file=file, found=str(error)[:120], next_step=step) from None
    letters = sum(len(re.findall(r"[^\W\d_]", line.text)) for page in pages for line in page)
    if letters < TEXT_PER_PAGE * len(pages) or not letters:
        found = f"{letters} letters on {len(pages)} pages"
        step = "recognize its text first (OCR), for example: ocrmypdf IN.pdf OUT.pdf"
        raise problem("the PDF is a scan without text", file=file, found=found, next_step=step)
    kept = _without_running_lines(pages)
    words = own_words("\n".join(line.text for page in kept for line in page))
    sizes = Counter(line.size for page in kept for line in page for _ in line.text)
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    blocks = [block for number, page in enumerate(kept, 1) for block in _page_blocks(page, number, body, words)]
    return _joined_pages(blocks, words)


def _lines(page: Any) -> list[_Line]:
    """Lines in the order in which the page prints them; pypdf tells each piece's matrices, font and size."""
    lines = [_Line("", 0.0, True, 0.0)]

    def visit(text: str, outer: Sequence[float], inner: Sequence[float], font: Any, size: float) -> None:
        scale = (inner[2] ** 2 + inner[3] ** 2) ** 0.5 * (outer[2] ** 2 + outer[3] ** 2) ** 0.5
        bold = bool(re.search("bold|black|heavy", str((font or {}).get("/BaseFont", "")), re.IGNORECASE))
        for at, part in enumerate(text.split("\n")):
            if at:
                lines.append(_Line("", 0.0, True, 0.0))
            if part.strip():
                line = lines[-1]
                line.y = line.y or inner[5] * outer[3] + outer[5]
                line.size, line.bold = max(line.size, round(scale * size, 1)), line.bold and bold
            lines[-1].text += part

    page.extract_text(visitor_text=visit)
    return [line for line in lines if line.text.strip()]


def _without_running_lines(pages: Sequence[list[_Line]]) -> list[list[_Line]]:
    """Pages without the lines at their edges that also stand at an edge of one of the next two pages, or are a number.

    Numbers are not compared. Left and right pages have their own heads, and a chapter's head ends with it, so the
    neighbors tell more than the whole book. Only a line that all of them begin with is taken for a running one.
    """
    edges = [{_masked(line.text) for line in (*page[:EDGE], *page[-EDGE:])} for page in pages]
    out = []
    for at, page in enumerate(pages):
        near = set().union(*edges[max(0, at - 2) : at], *edges[at + 1 : at + 3])
        edge = [*range(min(EDGE, len(page))), *range(max(EDGE, len(page) - EDGE), len(page))]
        dropped = {i for i in edge if _masked(page[i].text) in near or re.fullmatch(r"\W*\d+\W*", page[i].text)}
        out.append([line for i, line in enumerate(page) if i not in dropped])
    return out


def _masked(text: str) -> str:
    return " ".join(re.sub(r"\d+", "#", text).split())


def _page_blocks(lines: Sequence[_Line], page: int, body: float, words: frozenset[str]) -> list[Block]:
    """Headings are at most three short lines set larger than the body, or bold; a wider gap starts a paragraph."""
    gaps = [a.y - b.y for a, b in zip(lines, lines[1:], strict=False) if 0 < a.y - b.y < 4 * body]
    usual = median(gaps) if gaps else 0.0
    groups: list[tuple[float, list[_Line]]] = []
    for line in lines:
        short = len(line.text) <= 80 and line.text.rstrip()[-1] not in ".,;"
        rank = line.size + line.bold / 2 if short and (line.size >= 1.1 * body or line.bold) else 0.0
        down = groups[-1][1][-1].y - line.y if groups else 0.0
        if groups and groups[-1][0] == rank and not (usual and down > 1.3 * usual):
            groups[-1][1].append(line)
        else:
            groups.append((rank, [line]))
    return [
        Block(joined([line.text for line in group], words), page, rank if len(group) <= 3 else 0.0)
        for rank, group in groups
    ]


def _joined_pages(blocks: Sequence[Block], words: frozenset[str]) -> list[Block]:
    """The end of a sentence that runs over a page's end is moved to the page on which the sentence begins."""
    out: list[Block] = []
    for block in blocks:
        last = out[-1] if out else None
        over = last is not None and not last.rank and not block.rank and last.page != block.page
        if last and over and not re.search(r"""[.!?:]["”’')\]]*$""", last.text) and block.text[:1].islower():
            tail = sentences(block.text)[0]
            out[-1] = Block(joined([last.text, tail], words), last.page)
            block = Block(block.text[len(tail) :].strip(), block.page)
        if block.text:
            out.append(block)
    return out
