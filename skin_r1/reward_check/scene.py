"""What the answers to a row are made of: the row, other rows, and what can be known without looking at any image."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from skin_r1.concepts import concept_name, excluded_by, load_concepts
from skin_r1.gold import answer_of, gold_differential, gold_findings, gold_malignancy, gold_reasoning
from skin_r1.ontology import load_ontology
from skin_r1.reading import MAX_DIFFERENTIAL, render

Row = Mapping[str, Any]
HARMFUL = ("malignant", "premalignant")
TRIES = 20  # rows looked at for one with other findings


@dataclass(frozen=True)
class Blind:
    """The best guesses of someone who knows the corpus and sees no image.

    Attributes:
        findings: every finding of ours, those of the rows first, commonest first.
        typical: those of them whose naming in every answer has about the largest mean F1.
        diagnoses: malignancy -> its commonest diagnosis.
        others: the commonest diagnoses.
    """

    findings: tuple[str, ...]
    typical: tuple[str, ...]
    diagnoses: Mapping[str, str]
    others: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """One row and all that answers to it are made of.

    Attributes:
        row: a Case row with a diagnosis.
        findings: slugs of the gold answer.
        weights: slugs of its differential -> weight, likeliest first.
        stranger: a row of another diagnosis whose findings do not cover these; None where the sample has none.
        anyone: a row of another case, drawn blindly; None in a sample of one case.
        blind: what is common among the rows.
        random: fixed by the seed and the case.
    """

    row: Row
    findings: tuple[str, ...]
    weights: Mapping[str, float]
    stranger: Row | None
    anyone: Row | None
    blind: Blind
    random: Random

    @property
    def diagnosis(self) -> str:
        """The true slug."""
        return str(self.row["diagnosis"])

    @property
    def malignancy(self) -> str:
        """As the gold answer says it."""
        return gold_malignancy(self.row)

    @property
    def others(self) -> tuple[str, ...]:
        """The differential of the gold answer."""
        return tuple(self.weights)

    def honest(self, **changes: Any) -> str:
        """The gold answer with some of `diagnosis, malignancy, findings, others` changed, in reasoning and JSON alike."""
        return answer_of(**(self._parts | changes))

    def split(self, think: str | None = None, **changes: Any) -> str:
        """The gold answer with another reasoning, or with parts of the JSON object alone changed (to slugs or a text).

        Args:
            think: the reasoning; that of the gold answer by default.
            changes: of `diagnosis, malignancy, findings, others`; `diagnosis` is a name here.
        """
        tree = load_ontology()
        parts: dict[str, Any] = self._parts | {"diagnosis": tree.name(self.diagnosis)} | changes
        names = [concept_name(slug) for slug in parts["findings"]]
        others = [tree.name(slug) for slug in parts["others"]]
        return render(self.think if think is None else think, names, others, parts["diagnosis"], parts["malignancy"])

    @property
    def think(self) -> str:
        """The reasoning of the gold answer."""
        return gold_reasoning(self.row)

    @property
    def _parts(self) -> dict[str, Any]:
        return {
            "diagnosis": self.diagnosis,
            "malignancy": self.malignancy,
            "findings": self.findings,
            "others": self.others,
        }


def scenes(rows: Sequence[Row], seed: int = 0) -> list[Scene]:
    """A scene for each row, in order."""
    blind = _blind(rows)
    out = []
    for row in rows:
        random = Random(f"{seed}/{row['case_id']}")
        findings = tuple(gold_findings(row))
        drawn = [other for other in random.choices(rows, k=TRIES) if other["case_id"] != row["case_id"]]
        strangers = (
            other
            for other in drawn
            if other["diagnosis"] != row["diagnosis"] and not set(findings) <= set(gold_findings(other))
        )
        out.append(
            Scene(
                row,
                findings,
                gold_differential(row),
                next(strangers, None),
                drawn[0] if drawn else None,
                blind,
                random,
            )
        )
    return out


def _blind(rows: Sequence[Row]) -> Blind:
    shown = Counter(slug for row in rows for slug in gold_findings(row))
    ranked = [slug for slug, _ in sorted(shown.items(), key=lambda item: (-item[1], item[0]))]
    typical: list[str] = []
    found, everything = 0, sum(shown.values())
    for slug in ranked:
        # Worth naming while its share is above half of the F1 without it: Lipton et al. 2014, 10.1007/978-3-662-44851-9_15.
        if shown[slug] * (len(typical) * len(rows) + everything) <= found * len(rows):
            break
        if excluded_by(slug).isdisjoint(typical):
            typical.append(slug)
            found += shown[slug]
    named = Counter(row["diagnosis"] for row in rows)
    order = [slug for slug, _ in sorted(named.items(), key=lambda item: (-item[1], item[0]))]
    diagnoses: dict[str, str] = {}
    for slug in order:
        diagnoses.setdefault(str(load_ontology().malignancy(slug)), slug)
    rest = [slug for slug in load_concepts() if slug not in shown]
    return Blind((*ranked, *rest), tuple(typical), diagnoses, tuple(order[:MAX_DIFFERENTIAL]))
