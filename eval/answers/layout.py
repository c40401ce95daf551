"""What the layout sets above the rest: the first of a ranking, the likeliest, bold letters, the letter of an option."""

import re
from collections.abc import Sequence
from dataclasses import replace

from eval.answers.names import deepest
from eval.answers.phrases import SHARE, read_value
from eval.answers.prose import Found
from eval.answers.statements import Statement, statements
from skin_r1.ontology import load_ontology

_COMMAS = re.compile(r"\s*(?:[,;](?![^()]{0,40}\))|>{1,3}|\u2192)\s*")
_OR_NEXT = re.compile(r"\b(?:or|vs\.?|versus)\W*$", re.IGNORECASE)
_BACKWARDS = re.compile(r"\bleast (?:likely )?(?:first|to most)\b", re.IGNORECASE)
_OPEN_LIST = re.compile(r"\b(?:could|may|might|possib|include|such as|cannot|can't|any of)", re.IGNORECASE)


def ranking(lines: Sequence[Statement]) -> tuple[Found, tuple[str, ...]] | None:
    """The first of a numbered list, or the likeliest where shares are given; None where nothing is ranked."""
    own = [line for line in lines if line.kind in ("ranked", "differential", None)]
    items = [line for line in own if (line.item or line.share is not None) and len(names_of(line)) < 2]
    if len(items) < 2:
        items = next(
            (pieces for line in own if len(pieces := _of_a_hundred(_pieces(line))) > 1 and _ordered(line, pieces)), []
        )
    items = _of_a_hundred(items)
    read = [(line, slug) for line in items if (slug := read_item(line.text))]
    if read and read[0][0] is not items[0] and any(line.rank == 1 or line.kind == "ranked" for line in items[:1]):
        return None  # the first has a name that we do not know
    if read and read[0][0].share is None and (read[0][0].rank or 1) > 1:
        return None  # nor is the first among the items
    if _BACKWARDS.search(" ".join({line.label for line, _ in read})):
        read.reverse()
    if len(read) < 2 or any(_OR_NEXT.search(line.text) for line, _ in read):
        return None
    shares = [line.share for line, _ in read]
    if max((line.share or 0.0 for line in items), default=0.0) > max(share or 0.0 for share in shares):
        return None  # the likeliest has a name that we do not know
    if all(share is not None for share in shares):
        read.sort(key=lambda pair: -(pair[0].share or 0.0))
        if read[0][0].share == read[1][0].share:
            return None
    elif not (read[0][0].rank == 1 or read[0][0].kind == "ranked") or (
        read[0][0].kind != "ranked" and _OPEN_LIST.search(read[0][0].label)
    ):
        return None
    elif read[0][0].rank == 1 and (before := _before(lines, read[0][0])) and _OPEN_LIST.search(before):
        return None
    slugs = tuple(slug for _, slug in read)
    below = [load_ontology().ancestors(slug) for slug in slugs[1:]]
    if None in shares and all(above in chain for above, chain in zip(slugs, below, strict=False)):
        return Found(slugs[-1], slugs[::-1], read[-1][0].text[:120], "the end of a chain of kinds"), ()
    return Found(slugs[0], slugs, read[0][0].text[:120], "the first of a ranking"), slugs[1:]


_MARK = re.compile(r"[\s(:](\d{1,3})\)?\W*$")


def _of_a_hundred(items: list[Statement]) -> list[Statement]:
    """The items with their shares, where the numbers behind them add up to a hundred: "psoriasis 80, eczema 20"."""
    marks = [_MARK.search(line.text) for line in items]
    numbers = [int(mark[1]) for mark in marks if mark]
    if len(numbers) < max(2, len(items)) or not 95 <= sum(numbers) <= 105:
        return items
    return [
        replace(line, share=number / 100, text=_MARK.sub("", line.text))
        for line, number in zip(items, numbers, strict=True)
    ]


def _before(lines: Sequence[Statement], line: Statement) -> str:
    at = next((k for k, each in enumerate(lines) if each is line), 0)
    return lines[at - 1].text[-200:] if at else ""


def _pieces(line: Statement) -> list[Statement]:
    """The items of a list that stands in one line."""
    texts = _COMMAS.split(line.text)
    kind = "ranked" if ">" in line.text or "\u2192" in line.text else line.kind
    return [replace(part, kind=kind, label=line.label) for text in texts for part in statements(f"- {text}")]


def names_of(line: Statement) -> list[str]:
    """The slugs of the items of a list that stands in one line."""
    return [slug for piece in _pieces(line) if (slug := read_item(piece.text))]


def _ordered(line: Statement, pieces: Sequence[Statement]) -> bool:
    return pieces[0].kind == "ranked" or all(piece.share is not None for piece in pieces)


_PROBABILITY = re.compile(r"^.*?\bP\(([^()]+)\)\s*[=:].*")  # "P(syringoma) = 0.7"
_HEAD = re.compile(r"[(\u2013\u2014]| - |;|\. |, | because | would | is ")


def read_item(text: str) -> str | None:
    """The name that opens an item of a list: "Tinea corporis: would be scaly"."""
    text = _PROBABILITY.sub(r"\1", text)
    before, _, after = SHARE.sub(" ", text).partition(":")
    heads = (head for part in (before, after) for head in _HEAD.split(part, maxsplit=2)[:2])
    return next((slug for head in heads if (slug := read_value(head).slug)), None)


_BOLD = re.compile(r"\*\*([^*\n]{3,60})\*\*(?!:)")
_TAKES = re.compile(
    r"\b(?:answer|option|choice|select|choose|pick)\b(?: is| would be)?:?\s*\(?([A-H])\)?[.!]?\s*$", re.IGNORECASE
)


def emphasised(answer: str) -> str | None:
    """The one diagnosis that stands in bold letters."""
    slugs = deepest([slug for part in _BOLD.findall(answer) if (slug := read_value(part.rstrip(":")).slug)])
    return slugs[0] if len(slugs) == 1 else None


def by_letter(answer: str) -> Found | None:
    """The option that the last words take by its letter, where the answer writes the options out."""
    if (taken := _TAKES.search(answer)) is None:
        return None
    letter = taken[1].upper()
    option = re.search(rf"^\W*{letter}[.):]\**\s+(.+)$", answer, re.MULTILINE)
    option = option or re.search(rf"[\s(,;]{letter}[.):]\s+([^,;()\n]+)", answer)  # "(A. acne, B. rosacea)"
    slug = read_item(option[1]) if option else None
    return Found(slug, (slug,), taken[0], "the option of the letter") if slug else None
