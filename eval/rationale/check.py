"""Everything that can be said of one rationale without asking a judge."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.rationale.argument import Step, coverage, order, steps
from eval.rationale.claims import JudgedClaim, judged_claims
from eval.rationale.fit import consistency, differential_quality
from skin_r1.claims import Claim, claims
from skin_r1.readability import Readability, readability

# Characters that nobody sees: within a word they would hide a finding, or a "no".
_HIDDEN = re.compile("[\u00ad\u115f\u1160\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]")


@dataclass(frozen=True)
class RationaleCheck:
    """One rationale against its case. Counts are of different claims; reasoning and answer together.

    Attributes:
        claims: every claim with its place and verdict, repetitions too.
        supported, partial, contradicted, unknown, vague: claims by verdict; they add up to the claims made.
        missing: findings annotated present that nothing was said of.
        present: findings annotated present.
        asserted, hallucinated: findings asserted of which the annotation knows, and those of them that are not there.
        consistency, differential_quality: see `eval.rationale.fit`; None where undefined.
        steps: the steps of the argument and where they first stand.
        coverage: share of the six steps, in [0, 1].
        order: share of the pairs of steps in order, in [0, 1], or None.
        readability: length, reading ease, repetition.
    """

    claims: tuple[JudgedClaim, ...]
    supported: int
    partial: int
    contradicted: int
    unknown: int
    vague: int
    missing: int
    present: int
    asserted: int
    hallucinated: int
    consistency: float | None
    differential_quality: float | None
    steps: Mapping[Step, int]
    coverage: float
    order: float | None
    readability: Readability

    @property
    def made(self) -> int:
        """Claims made, each once."""
        return self.supported + self.partial + self.contradicted + self.unknown + self.vague

    @property
    def precision(self) -> float | None:
        """Share of the asserted findings that are there, of those the annotation knows; None without any."""
        return 1 - self.hallucinated / self.asserted if self.asserted else None


def check_rationale(
    row: Mapping[str, Any],
    text: str,
    findings: Sequence[str | None] = (),
    differential: Sequence[str | None] = (),
    diagnosis: str | None = None,
) -> RationaleCheck:
    """Check a rationale of any model; it need not be well formed. Time grows with the length of the text.

    Args:
        row: a Case row (its images are not needed). Findings of a case that is not densely annotated are unknown.
        text: the reasoning.
        findings, differential: slugs that the answer lists, None for a name outside of our vocabularies.
        diagnosis: slug of the answer, or None.
    """
    dense = row["annotation"] == "dense"
    present = tuple(dict.fromkeys(row["concepts_present"] or ())) if dense else ()
    absent = frozenset(row["concepts_absent"] or ()) if dense else frozenset()
    shown, told = _read(text)
    judged = judged_claims(shown, told, findings, present, absent)
    counted = [claim for claim in judged if claim.counts]
    verdicts = Counter(claim.verdict for claim in counted)
    asserted = [claim for claim in counted if claim.polarity == "asserted" and claim.concept is not None]
    known = [claim for claim in asserted if claim.verdict in ("supported", "contradicted")]
    denied = {claim.concept for claim in counted if claim.polarity == "denied" and claim.concept is not None}
    taken = steps(shown, told, diagnosis)
    return RationaleCheck(
        claims=_restored(judged, text) if len(shown) < len(text) else judged,
        supported=verdicts["supported"],
        partial=verdicts["partial"],
        contradicted=verdicts["contradicted"],
        unknown=verdicts["unknown"],
        vague=verdicts["vague"],
        missing=verdicts["missing"],
        present=len(present),
        asserted=len(known),
        hallucinated=sum(claim.verdict == "contradicted" for claim in known),
        consistency=consistency({claim.concept for claim in asserted if claim.concept}, denied, diagnosis),
        differential_quality=differential_quality(row, differential, diagnosis),
        steps=taken,
        coverage=coverage(taken),
        order=order(taken),
        readability=readability(shown),
    )


def _read(text: str) -> tuple[str, tuple[Claim, ...]]:
    """The text without characters that nobody sees, and what it claims."""
    shown = text if text.isascii() else _HIDDEN.sub("", text)
    return shown, claims(shown)


def _restored(judged: Sequence[JudgedClaim], text: str) -> tuple[JudgedClaim, ...]:
    """The claims with their places in the text as it was given."""
    kept = [at for at, char in enumerate(text) if not _HIDDEN.match(char)]
    return tuple(
        claim if claim.start is None or claim.end is None
        else claim._replace(start=kept[claim.start], end=kept[claim.end - 1] + 1)
        for claim in judged
    )  # fmt: skip
