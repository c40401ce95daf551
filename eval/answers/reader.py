"""The tolerant reader: which diagnosis anybody's free text gives, and whether that is sure.

The strict parser (`skin_r1.reading.parse`) pays rewards and is read first. What it refuses is read here: tagged answers,
JSON of other shapes, headings, ranked lists, then prose. Wrong is worse than unsure: where a text stands by two diagnoses,
or by none, the answer is None with the reason.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from eval.answers.codes import read_code
from eval.answers.firmness import Firmness
from eval.answers.layout import by_letter, emphasised, names_of, ranking
from eval.answers.names import deepest, names_in
from eval.answers.objects import Record, record
from eval.answers.parts import Parts, take_apart
from eval.answers.phrases import read_value
from eval.answers.prose import Found, read_prose
from eval.answers.said import asserted_findings, said_malignancy
from eval.answers.statements import Statement, statements
from skin_r1.ontology import load_ontology
from skin_r1.reading import ParseFailure, parse


@dataclass(frozen=True)
class FreeAnswer:
    """What a free text says.

    Attributes:
        diagnosis: ontology slug; None exactly where the reading is not sure.
        sure: one diagnosis can be told.
        reason: how it was read, or why it is unsure.
        quote: the words that it was read from; "" where there are none.
        differential: slugs of other diagnoses that the text holds possible, most likely first; where it is unsure, of all.
        malignancy: one of `skin_r1.reading.MALIGNANCIES` where the text says it itself, else None.
        findings: slugs of asserted concepts, each once; denied ones are left out.
        reasoning: the text of the reasoning where it stands apart, else the whole text.
    """

    diagnosis: str | None
    sure: bool
    reason: str
    quote: str
    differential: tuple[str, ...]
    malignancy: str | None
    findings: tuple[str, ...]
    reasoning: str


@lru_cache(maxsize=1024)
def read_answer(text: str) -> FreeAnswer:
    """Read one completion; never raises, in time linear in the text (of more than 16,000 characters both ends are read).

    >>> read_answer("Not melanoma: this is a seborrhoeic keratosis.").diagnosis
    'seborrheic-keratosis'
    >>> read_answer("Melanoma vs nevus").reason
    'several diagnoses, none set above the others'
    """
    strict = parse(text)
    if not isinstance(strict, ParseFailure) and strict.diagnosis_slug is not None:
        return FreeAnswer(
            strict.diagnosis_slug,
            True,
            "the strict parser reads it",
            strict.diagnosis,
            tuple(dict.fromkeys(slug for slug in strict.differential_slugs if slug and slug != strict.diagnosis_slug)),
            strict.malignancy,
            tuple(dict.fromkeys(slug for slug in strict.finding_slugs if slug)),
            strict.think,
        )
    parts = take_apart(text)
    lines = statements(parts.answer)
    records = [record(each) for each in parts.objects]
    found, listed = _diagnosis(parts, lines, records)
    named = (*(found.rivals if found.slug is None else found.rivals[1:]), *listed)
    differential = tuple(slug for slug in dict.fromkeys(named) if slug != found.slug)
    return FreeAnswer(
        diagnosis=found.slug,
        sure=found.slug is not None,
        reason=found.why,
        quote=found.quote,
        differential=differential,
        malignancy=next((each.malignancy for each in records if each.malignancy), None) or said_malignancy(lines),
        findings=asserted_findings(parts.reasoning, lines, [name for each in records for name in each.findings]),
        reasoning=parts.reasoning or parts.answer.strip(),
    )


def _diagnosis(parts: Parts, lines: Sequence[Statement], records: Sequence[Record]) -> tuple[Found, tuple[str, ...]]:
    """The diagnosis, and the other diagnoses of its lists."""
    listed = _listed(lines)
    if parts.unfinished and not parts.answer.strip():
        return Found(None, _all(parts.reasoning), "", "the text ends within its reasoning"), ()
    if parts.tagged:
        return _agreed([_tagged(text) for text in parts.tagged], "the tagged answer"), listed
    if named := [each for each in records if each.diagnosis or each.ranked]:
        return _of_records(named), tuple(slug for each in named for slug in each.differential)
    if parts.objects and not any(line.kind in ("final", "main") for line in lines) and not names_in(parts.answer):
        return Found(None, (), "", "the object names no diagnosis"), listed
    labelled = _labelled(lines)
    ranked = None if labelled else ranking(lines)
    prose = read_prose(_prose(lines))
    for found, rest in ((labelled, listed), ranked or (None, ())):
        if found is not None:
            return _unless_revised(found, prose, lines), rest
    if (
        len(lines) == 1
        and len(lines[0].text) <= 600
        and not _TURNED_DOWN.search(lines[0].label)
        and (whole := read_value(lines[0].text)).slug
    ):
        return whole, listed
    if prose.several and (slug := emphasised(parts.answer)) in prose.rivals and slug:
        return Found(
            slug, (slug, *(each for each in prose.rivals if each != slug)), slug, "the one that is set in bold"
        ), listed
    if lettered := by_letter(parts.answer):
        return lettered, listed
    if prose.slug is None and not prose.rivals:  # said behind a label that promised something else
        prose = read_prose("\n".join(f"{line.label}: {line.text}" for line in lines if not line.item))
    if prose.slug is None and not prose.rivals and (slug := read_code(parts.answer)):
        return Found(slug, (slug,), parts.answer.strip()[:120], "a code of the ICD"), listed
    return prose, listed


_TURNED_DOWN = re.compile(
    r"exclu|ruled? out|unlikely|less likely|against|^\W*not\b|negative|mimic|history", re.IGNORECASE
)


def _tagged(text: str) -> Found:
    found = read_value(text)
    if found.slug is not None or len(text) < 80:
        return found
    parts = replace(take_apart(text), tagged=())
    return _diagnosis(parts, statements(parts.answer), [record(each) for each in parts.objects])[0]


def _agreed(found: Sequence[Found], how: str) -> Found:
    """One reading of several that must not disagree."""
    read = [each for each in found if each.slug is not None]
    kinds = deepest([each.slug for each in read if each.slug])
    if len(kinds) == 1 and not any(len(each.rivals) > 1 for each in found if each.slug is None):
        best = next(each for each in read if each.slug == kinds[0])
        return Found(kinds[0], (kinds[0], *best.rivals[1:]), best.quote, how)
    if len(kinds) > 1:
        return Found(None, kinds, found[-1].quote, "several final answers")
    return Found(None, found[-1].rivals, found[-1].quote, f"{how}: {found[-1].why}")


def _of_records(records: Sequence[Record]) -> Found:
    read = []
    for each in records:
        values = each.diagnosis or each.ranked[:1]
        several = [read_value(value) for value in values]
        read.append(_agreed(several, "the answer's object") if each.diagnosis else several[0])
    return _agreed(read, "the answer's object")


def _labelled(lines: Sequence[Statement]) -> Found | None:
    """What stands under "final answer", else under "diagnosis"; None where nothing does."""
    for kind in ("final", "main"):
        read = [read_value(line.text) for line in lines if line.kind == kind]
        told = [each for each in read if each.slug is not None or len(each.rivals) > 1]
        if told:
            return _agreed(told, f"labelled: {next(line.label for line in lines if line.kind == kind).lower()}")
        if read and kind == "final":
            continue
    return None


def _listed(lines: Iterable[Statement]) -> tuple[str, ...]:
    """The diagnoses of lists of what else it could be, in order."""
    out: list[str] = []
    for line in lines:
        if line.kind not in ("differential", "ranked"):
            continue
        read = names_of(line)
        out += read if read or line.item else _all(line.text)
    return tuple(dict.fromkeys(out))


def _all(text: str) -> tuple[str, ...]:
    return deepest([name.slug for name in names_in(text) if not name.denied])


def _prose(lines: Iterable[Statement]) -> str:
    return "\n".join(line.text for line in lines if line.kind in (None, "reasons", "initial", "final", "main"))


_REVISED = re.compile(
    r"\b(?:actually|on reflection|wait|looking again|revis\w+|reconsider\w*|chang\w+ my mind|correction)\b", re.I
)


def _unless_revised(found: Found, prose: Found, lines: Sequence[Statement]) -> Found:
    """A labelled diagnosis, unless prose below it changes its mind."""
    if found.slug is None or prose.slug is None or prose.firmness < Firmness.LIKELY:
        return found
    tree = load_ontology()
    if found.slug in tree.path(prose.slug) or prose.slug in tree.path(found.slug):
        return found
    below = False
    for at, line in enumerate(lines):
        if below and line.kind is None and (turn := _REVISED.search(line.text)):
            rest = "\n".join(f"{each.label}: {each.text}" for each in lines[at + 1 :])
            later = read_prose(f"{line.text[turn.start() :]}\n{rest}")
            return later if later.slug else Found(None, (found.slug,), line.text[:120], "the answer is taken back")
        below = below or line.kind in ("main", "final")
    return found
