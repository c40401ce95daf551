"""Cases that are a disc of one color on skin, and readers of them: one sees the disc, one reads the words, one sees noise."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from squares import write_split

from eval.predictions import Prediction
from eval.probes.perturb import PROBES, perturb
from eval.probes.pool import Pool, Unprobed
from eval.writing import append, start
from skin_r1.case import Case, load_corpus
from skin_r1.concepts import concept_name
from skin_r1.ontology import load_ontology
from skin_r1.reading import messages_for, render

SKIN = (228, 188, 160)
COLORS = {
    "melanoma": (45, 30, 30),
    "melanocytic-nevus": (140, 95, 60),
    "basal-cell-carcinoma": (205, 90, 110),
    "blue-nevus": (70, 80, 130),
}
SHOWS = {
    "melanoma": ("irregular-border", "blue-whitish-veil"),
    "melanocytic-nevus": ("typical-pigment-network",),
    "basal-cell-carcinoma": ("arborizing-vessels", "ulcer"),
    "blue-nevus": ("symmetric-shape",),
}
SITES = dict(zip(COLORS, ("back", "arm", "nose", "foot"), strict=True))
CONCEPTS = sorted(slug for slugs in SHOWS.values() for slug in slugs)


def case(number: int, split: str) -> Case:
    rng = np.random.default_rng([number, split == "train"])
    diagnosis = list(COLORS)[number % len(COLORS)]
    color = tuple(int(c + rng.integers(-8, 9)) for c in COLORS[diagnosis])
    image = Image.fromarray((np.array(SKIN) + rng.integers(-3, 4, (48, 64, 3))).astype(np.uint8))
    left, top = 14 + int(rng.integers(0, 8)), 10 + int(rng.integers(0, 6))
    ImageDraw.Draw(image).ellipse((left, top, left + 26, top + 24), fill=color)
    stream = BytesIO()
    image.save(stream, "PNG")
    hinting = SITES[diagnosis] if number % 5 else "leg"  # the words alone give most of the answer away
    return Case(
        case_id=f"discs/{split}-{number}",
        dataset="discs",
        modality="dermoscopic",
        diagnosis_raw=diagnosis,
        diagnosis=diagnosis,
        malignancy=load_ontology().malignancy(diagnosis),
        group=f"{split}-{number // 8}-{number % 4}" if number < 16 else f"{split}-{number}",
        source="made by a test",
        license="CC0-1.0",
        split=split,  # type: ignore[arg-type]
        images=[{"bytes": stream.getvalue(), "path": "disc.png"}],
        history=f"Site: {hinting}.",
        annotation="dense",
        concept_source="annotated",
        concepts_present=list(SHOWS[diagnosis]),
        concepts_absent=[slug for slug in CONCEPTS if slug not in SHOWS[diagnosis]],
        checksum=f"{split}-{number}",
    )


def write_discs(corpus: Path, test: int = 48) -> Path:
    write_split(corpus, "train", [case(number, "train") for number in range(40)])
    write_split(corpus, "test", [case(number, "test") for number in range(test)])
    return corpus


def say(diagnosis: str) -> str:
    node = load_ontology().nodes[diagnosis]
    findings = [concept_name(slug) for slug in SHOWS.get(diagnosis, ())]
    return render("seen", findings, [], node.name, load_ontology().malignancy(diagnosis))


class ColorReader:
    """Sees: the nearest mean color of the darkest fifth of the image's pixels. Without an image, the commonest diagnosis."""

    def __init__(self, train: Any) -> None:
        self.commonest = Counter(train["diagnosis"]).most_common(1)[0][0]
        seen = [(row["diagnosis"], self._color(row["images"][0])) for row in train]
        self.means = {slug: np.mean([c for d, c in seen if d == slug], axis=0) for slug in {d for d, _ in seen}}

    @staticmethod
    def _color(image: Image.Image) -> np.ndarray:
        pixels = np.asarray(image.convert("RGB"), dtype=float).reshape(-1, 3)
        return pixels[np.argsort(pixels.sum(axis=1))[: len(pixels) // 8]].mean(axis=0)

    def answer(self, row: dict[str, Any]) -> tuple[str, dict[str, float]]:
        if not row["images"]:
            return say(self.commonest), {slug: math.log(1 / len(self.means)) for slug in self.means}
        color = self._color(row["images"][0])
        scores = {slug: -float(np.linalg.norm(color - mean)) / 20 for slug, mean in self.means.items()}
        total = math.log(math.fsum(math.exp(score) for score in scores.values()))
        return say(max(scores, key=scores.__getitem__)), {slug: score - total for slug, score in scores.items()}


class TextReader:
    """Blind: naive Bayes on the words of the prompt, and no look at the image."""

    def __init__(self, train: Any) -> None:
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.naive_bayes import MultinomialNB
        from sklearn.pipeline import make_pipeline

        self.model = make_pipeline(CountVectorizer(), MultinomialNB(alpha=0.1))
        self.model.fit([messages_for(row)[0]["content"] for row in train], train["diagnosis"][:])

    def answer(self, row: dict[str, Any]) -> tuple[str, dict[str, float]]:
        text = [messages_for(row)[0]["content"]]
        scores = dict(zip(self.model.classes_, self.model.predict_log_proba(text)[0].tolist(), strict=True))
        return say(self.model.predict(text)[0]), {slug: min(0.0, score) for slug, score in scores.items()}


class NoiseReader:
    """Sees every pixel and understands none: the diagnosis is a hash of the image."""

    def __init__(self, train: Any) -> None:
        self.names = sorted(set(train["diagnosis"]))

    def answer(self, row: dict[str, Any]) -> tuple[str, dict[str, float]]:
        seen = b"".join(image.convert("RGB").tobytes() for image in row["images"])
        return say(self.names[hashlib.sha256(seen).digest()[0] % len(self.names)]), {}


def let_read(readers: Sequence[type], corpus: Path, out: Path) -> dict[type, dict[str, Path]]:
    """Predictions of readers, fitted on the train split, on the test cases as they are and under every probe."""
    train, table = load_corpus(corpus, "train"), load_corpus(corpus, "test")
    fitted = {reader: reader(train) for reader in readers}
    pool, files = Pool.of(table), {reader: {} for reader in readers}
    for name in ("base", *PROBES):
        rows = list(table)
        if name != "base":
            rows = [changed for row in rows if (changed := _changed(name, row, pool))]
        for reader in readers:
            path = files[reader][name] = out / reader.__name__ / f"{name}.jsonl"
            start(path, {"reader": reader.__name__, "probe": None if name == "base" else f"{name}:0"})
            said = [(row["case_id"], *fitted[reader].answer(row)) for row in rows]
            append(path, [Prediction(i, text, model=reader.__name__, label_scores=s or None) for i, text, s in said])
    return files


def _changed(name: str, row: dict[str, Any], pool: Pool) -> dict[str, Any] | None:
    try:
        return perturb(name, row, pool)
    except Unprobed:
        return None


def answer_of(completion: str) -> dict[str, Any]:
    """The JSON of a completion, read without the reader under test."""
    found: dict[str, Any] = json.loads(completion.partition("</think>")[2])
    return found
