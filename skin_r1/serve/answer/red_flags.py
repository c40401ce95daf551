"""The table of red flags: which signs in a person's words raise the level, why, and by which guideline.

`knowledge/red_flags.tsv` holds the rules, `knowledge/red_flag_signs.tsv` the words of each sign. The guidelines are cited
from memory and were not read again while the table was written; words and levels are ours.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from skin_r1.ontology import load_ontology
from skin_r1.serve.answer.denial import told
from skin_r1.vocabulary import load_concepts
from skin_r1.wording import KNOWLEDGE, normalize, read_tsv

_SENTENCE = re.compile(r"[.;!?\n]")


@dataclass(frozen=True)
class Sign:
    """Words for one sign; `passes`: it is of the moment, so that one that was over years ago does not count."""

    words: re.Pattern[str]
    passes: bool

    def told(self, text: str) -> bool:
        """True when the text tells it: not denied, not long over."""
        return any(True for _ in told(self.words, text, passes=self.passes))


@dataclass(frozen=True)
class Rule:
    """One red flag.

    Attributes:
        level: one of `skin_r1.serve.answer.triage.LEVELS`.
        name: stable, for programs.
        reason: for a person.
        source: the guideline, from memory.
        signs: all must be told.
    """

    level: str
    name: str
    reason: str
    source: str
    signs: tuple[Sign, ...]


@cache
def rules() -> tuple[Rule, ...]:
    """The table, in its order."""
    signs = {
        row["sign"]: Sign(re.compile(rf"(?<!\w)(?<!non-)(?:{row['words']})"), row["passes"] == "yes")
        for row in read_tsv(KNOWLEDGE / "red_flag_signs.tsv")
    }
    return tuple(
        Rule(row["level"], row["rule"], row["reason"], row["source"], tuple(signs[s] for s in row["signs"].split()))
        for row in read_tsv(KNOWLEDGE / "red_flags.tsv")
    )


@cache
def dangerous() -> dict[str, tuple[str, str]]:
    """Diagnosis slug -> the level that it, and all below it in the tree, asks for, and why."""
    return {row["diagnosis"]: (row["level"], row["reason"]) for row in read_tsv(KNOWLEDGE / "red_flag_diagnoses.tsv")}


@cache
def _known_words() -> frozenset[str]:
    """Plain English, and the words of diagnoses and findings: of these a person's text is mostly made."""
    lines = (KNOWLEDGE / "plain_english.txt").read_text(encoding="utf-8").splitlines()
    texts = [line for line in lines if not line.startswith("#")]
    texts += [text for concept in load_concepts().values() for text in (concept.name, *concept.synonyms)]
    return load_ontology().vocabulary | frozenset(word for text in texts for word in normalize(text).split())


def readable(text: str) -> bool:
    """True when each sentence is English that the rules know.

    That is: more than half of its words are known, or one of one or two words is; numbers do not count.
    """
    return all(map(_readable, _SENTENCE.split(text)))


def _readable(sentence: str) -> bool:
    words = [word for word in normalize(sentence).split() if not word.isdigit()]
    known = sum(word in _known_words() for word in words)
    return not words or 2 * known > len(words) or (len(words) < 3 and known > 0)


def fired(texts: Iterable[str]) -> list[Rule]:
    """The rules whose signs are all told somewhere in the texts, in the table's order."""
    whole = "\n".join(texts)
    return [rule for rule in rules() if all(sign.told(whole) for sign in rule.signs)]
