"""How things are said: the phrase tables of the composer, read once.

`tables/findings.tsv` says each finding as a noun; `tables/sentences.tsv` holds 13 wordings for each sentence. Each table
has one place in the code of `skin_r1.distill.composer.code`, the same in every kind of trajectory, so that two rationales
with different serial numbers choose the same wording in at most five places.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from skin_r1.distill.composer.code import FIELD
from skin_r1.wording import read_tsv

Register = Literal["plain", "clinical"]
FOLDER = Path(__file__).with_name("tables")
TOPICS = ("form", "shape", "border", "color", "surface", "pattern", "vessels", "symptom")

# Sentence -> its place among the 13. Sentences of one trajectory take different places as far as there are places.
PLACES: Mapping[str, tuple[int, ...]] = {
    "above": (11,), "apart": (0,), "ask": (12,), "candidates": (0,), "close": (3,), "conclude": (6,),
    "context": (12,), "denied": (2, 12), "diff": (10,), "diff2": (9,), "every": (4,), "first": (12,), "fort": (2, 8),
    "further": (9,), "halt": (11,), "join": (1, 7, 9, 1), "lack": (9, 2, 7), "leads": (5,), "malig": (7,),
    "met": (5, 11, 3), "missing": (10,), "modest": (2,), "more": (6, 0, 5), "nextlook": (0,), "open": (12,),
    "seen": (1,), "share": (10,), "shares": (4,), "shares2": (6, 9), "single": (4,), "step": (9, 2, 8, 12, 10),
    "stepopen": (8, 2, 11), "supports": (3, 11, 5), "sure": (4,), "taxon": (8,), "typical": (5, 11, 3),
    "undecided": (10,), "verdict": (10,), "weak": (3,), "whole": (4,),
}  # fmt: skip


@dataclass(frozen=True)
class Spoken:
    """How a finding is said.

    Attributes:
        phrase: with its article, "a plaque".
        noun: without, "plaque".
        plural: the verb takes the plural.
        topic: what it is about, one of `TOPICS`.
        gloss: everyday words for the same, or empty.
    """

    phrase: str
    noun: str
    plural: bool
    topic: str
    gloss: str

    @property
    def glossed(self) -> str:
        """The phrase with its gloss in brackets, where both are at most seven words."""
        whole = f"{self.phrase} ({self.gloss})"
        return whole if self.gloss and len(whole.split()) < 8 else self.phrase


@cache
def spoken() -> Mapping[str, Spoken]:
    """Concept slug -> how it is said, ordered by topic."""
    rows = sorted(read_tsv(FOLDER / "findings.tsv"), key=lambda row: TOPICS.index(row["topic"]))
    return {
        row["concept"]: Spoken(
            phrase=f"{row['article']} {row['noun']}".strip(),
            noun=row["noun"],
            plural=row["number"] == "p",
            topic=row["topic"],
            gloss=row["gloss"],
        )
        for row in rows
    }


_CHOICE = re.compile(r"\[([^|\]]*)\|([^\]]*)\]")


@cache
def wordings() -> Mapping[tuple[str, Register], tuple[tuple[str, str], ...]]:
    """(table, register) -> 13 wordings, each for one finding and for many."""
    found: dict[tuple[str, Register], list[tuple[str, str]]] = {}
    registers: Mapping[str, tuple[Register, ...]] = {
        "p": ("plain",),
        "c": ("clinical",),
        "b": ("plain", "clinical"),
    }
    for row in read_tsv(FOLDER / "sentences.tsv"):
        pair = _CHOICE.sub(r"\1", row["text"]), _CHOICE.sub(r"\2", row["text"])
        for register in registers[row["register"]]:
            found.setdefault((row["table"], register), []).append(pair)
    assert all(len(texts) == FIELD for texts in found.values())
    return {key: tuple(texts) for key, texts in found.items()}


@lru_cache(maxsize=1 << 13)
def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
