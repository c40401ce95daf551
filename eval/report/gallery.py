"""The worst and the best cases: image, answer, and the rationale with its claims marked by verdict."""

import base64
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from eval.cases import CaseScore
from eval.predictions import Prediction
from eval.rationale.claims import JudgedClaim
from eval.report.charts import family
from eval.tables import check_of, diagnosis_name
from skin_r1.concepts import load_concepts
from skin_r1.licenses import is_open

WORST, BEST = 18, 12
ALIKE = 3  # cards of one true and one said diagnosis, or of one reason for no answer: more of them teach nothing
MAX_FAMILIES = 12
LONGEST = 4000  # characters of a completion that could not be read
THUMBNAIL = 260  # pixels, longest side
VERDICTS = {
    "supported": "supported",
    "partial": "partly right",
    "contradicted": "hallucinated",
    "unknown": "not annotated",
    "vague": "vague",
}


class Piece(NamedTuple):
    """A stretch of a rationale.

    Attributes:
        text: its words.
        verdict: a key of `VERDICTS`, or "" between claims.
        tip: what is claimed and what the annotation says, or "".
    """

    text: str
    verdict: str
    tip: str


def severity(score: CaseScore) -> float:
    """How bad an answer is: a malignancy not called, then a far diagnosis, then invented and missed findings."""
    called = score.predicted_malignancy == "malignant"
    passed_over = 3.0 if score.malignancy == "malignant" and not called else 0.0
    far = 2.0 * (1 - score.credit) if score.credit is not None else 0.0
    return passed_over + far + min(1.0, 0.25 * len(score.contradicted)) + min(0.5, 0.1 * len(score.missed))


def worst(scores: Sequence[CaseScore]) -> list[int]:
    """Indices of the worst cases, worst first."""
    bad = [i for i, score in enumerate(scores) if severity(score) >= 1]
    return _varied(scores, sorted(bad, key=lambda i: (-severity(scores[i]), scores[i].case_id)))[:WORST]


def best(scores: Sequence[CaseScore]) -> list[int]:
    """Indices of right answers, those with the most supported and the fewest missed findings first."""
    good = [i for i, score in enumerate(scores) if score.correct and severity(score) < 1]
    order = sorted(good, key=lambda i: (severity(scores[i]), -len(scores[i].supported), scores[i].case_id))
    return _varied(scores, order)[:BEST]


def _varied(scores: Sequence[CaseScore], order: Sequence[int]) -> list[int]:
    """The cases in order, without the many that are alike."""
    seen: Counter[Any] = Counter()
    kept = []
    for i in order:
        # Those that could not be read look all alike, whatever the truth.
        kind = "unread" if scores[i].failure else (scores[i].diagnosis, scores[i].predicted)
        seen[kind] += 1
        if seen[kind] <= ALIKE:
            kept.append(i)
    return kept


def concept_name(slug: str) -> str:
    """The name of a concept; the slug itself where it is none of ours."""
    found = load_concepts().get(slug)
    return found.name if found else slug


def pieces(text: str, claims: Sequence[JudgedClaim]) -> Iterator[Piece]:
    """The rationale cut at its claims; joined they are the text again. Of claims that overlap the first one is marked."""
    at = 0
    for claim in sorted((c for c in claims if c.start is not None and c.end is not None), key=lambda c: c[1:3]):
        start, end = int(claim.start or 0), int(claim.end or 0)
        if start < at or end > len(text):
            continue
        if start > at:
            yield Piece(text[at:start], "", "")
        what = f"{concept_name(claim.concept)}, {claim.polarity}: " if claim.concept else ""
        yield Piece(text[start:end], claim.verdict, what + VERDICTS[claim.verdict])
        at = end
    if at < len(text):
        yield Piece(text[at:], "", "")


def card(score: CaseScore, prediction: Prediction | None, row: Mapping[str, Any], shelf: str) -> dict[str, Any]:
    """What the page shows of one case.

    Args:
        score, prediction: the case.
        row: its Case row; its image is shown only where its license lets anybody pass it on.
        shelf: `worst` or `best`.
    """
    claims = score.rationale.claims if score.rationale else ()
    shown = is_open(row["license"])
    kinds = [shelf]
    if score.diagnosis is not None:
        kinds.append("right" if score.correct else "wrong")
    if score.malignancy == "malignant" and score.predicted_malignancy not in ("malignant", "premalignant"):
        kinds.append("missed-malignancy")
    if score.contradicted or any(c.verdict == "contradicted" and c.polarity != "denied" for c in claims):
        kinds.append("hallucinated")
    named = [diagnosis_name(slug) or "a name unknown to the ontology" for slug in score.differential]
    return {
        "score": score,
        "kinds": kinds,
        "family": None if score.diagnosis is None else family(score.diagnosis),
        "thumbnail": _thumbnail(row["images"]) if shown else None,
        "no_image": "no image" if shown else f"image not shown: license {row['license']}",
        "truth": diagnosis_name(score.diagnosis) or row["diagnosis_raw"] or "unknown",
        "pieces": list(pieces(score.reasoning, claims)),
        "completion": prediction.completion[:LONGEST] if prediction else "",
        "differential": named,
        **{name: [concept_name(slug) for slug in slugs] for name, slugs in check_of(score)._asdict().items()},
    }


def shelf_families(cards: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The families of the cards, most frequent first and at most 12: slug and name."""
    counts = Counter(card["family"] for card in cards if card["family"] is not None)
    order = sorted(counts, key=lambda slug: (-counts[slug], slug))[:MAX_FAMILIES]
    return [(slug, diagnosis_name(slug) or slug) for slug in order]


def _thumbnail(images: Sequence[Any]) -> str | None:
    """The first image as a small JPEG data URI, or None without an image that can be read."""
    if not images:
        return None
    try:
        small = images[0].convert("RGB")
    except OSError:
        return None
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
