"""A case as a question to a teacher: blind (what the student sees) or hinted (with findings and diagnosis)."""

import base64
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from PIL import Image, ImageOps

from skin_r1.concepts import concept_name, load_concepts
from skin_r1.distill.instructions import CLOSED, HINT
from skin_r1.distill.teacher.endpoint import ask as ask_endpoint
from skin_r1.distill.teacher.question import Reply, Request, Settings
from skin_r1.errors import problem
from skin_r1.ontology import load_ontology
from skin_r1.reading import messages_for

MAX_SIDE = (
    2048  # pixels; what is larger, large teachers scale down themselves before they look (OpenAI's vision guide)
)


class Ask(Protocol):
    """`teacher.ask` or `offline.ask`."""

    def __call__(  # noqa: D102
        self, requests: Iterable[Request], settings: Settings, cache_path: Path
    ) -> Iterator[Reply]: ...


Judge = Callable[[Mapping[str, Any], str], str | None]


@dataclass(frozen=True)
class Taught:
    """What the teacher wrote about a row.

    Attributes:
        row_index: of `rows`.
        text: the completion; None where the teacher gave none.
        reason: "" for an accepted text; else why it is not: the judge's reason, or `teacher: ...`.
        hinted: the teacher was told findings and diagnosis.
    """

    row_index: int
    text: str | None
    reason: str
    hinted: bool


def blind(row: Mapping[str, Any], *, id: str = "", seed: int | None = None) -> Request:
    """Only what is open: the image, its modality, the history, and the names that findings of this modality have."""
    return _request(row, CLOSED.format(names=", ".join(names_for(row["modality"]))), id, seed)


def hinted(row: Mapping[str, Any], seed: int | None = None, *, id: str = "") -> Request:
    """The image with the annotated findings and the diagnosis, for what the teacher does not get right blind."""
    names = [concept_name(slug) for slug in row["concepts_present"]]
    absent = [concept_name(slug) for slug in row["concepts_absent"]]
    hint = HINT.format(
        findings=", ".join(names) or "none",
        absent=f"They did not find: {', '.join(absent)}. " if absent else "",
        diagnosis=load_ontology().name(row["diagnosis"]),
        malignancy=row["malignancy"],
    )
    return _request(row, hint, id, seed)


def names_for(modality: str) -> list[str]:
    """Preferred names of the findings that an image of this modality can show, in the vocabulary's order."""
    return [
        concept.name
        for concept in load_concepts().values()
        if concept.vocabulary != ("symptom",) and (not concept.modality or modality in concept.modality)
    ]


def teach(
    rows: Sequence[Mapping[str, Any]],
    settings: Settings,
    cache_path: Path,
    judge: Judge,
    *,
    samples: int = 1,
    ask: Ask = ask_endpoint,
) -> Iterator[Taught]:
    """Ask about every row blind; only where the judge rejects all that was said, ask again with the hint.

    Args:
        rows: Case rows with images as `{"bytes": ...}`; read in two threads, one row at a time.
        settings: of the teacher.
        cache_path: answers and attempts; a run that was stopped goes on from there.
        judge: `judge(row, text)` gives the reason to reject a text, or None. It decides alone: whether a finding that
            nobody annotated may be claimed is its question.
        samples: blind tries for each row, with the seeds `seed`, `seed + 1`, ...; a row stops at the first that is
            accepted.
        ask: who asks; the endpoint unless told otherwise.

    Yields:
        One for each row, in the order in which they are settled. A hinted text is judged too. A row whose last blind
        try got no answer is not hinted: its reason says what failed, and the next run asks it again.
    """
    pending: Sequence[int] = range(len(rows))
    for turn in range(samples + 1):
        with_hint = turn == samples
        rejected: list[int] = []

        def questions(
            indices: Sequence[int] = pending, turn: int = turn, with_hint: bool = with_hint
        ) -> Iterator[Request]:
            for index in indices:
                if with_hint:
                    yield hinted(rows[index], settings.seed, id=str(index))
                else:
                    yield blind(rows[index], id=str(index), seed=settings.seed + turn)

        for reply in ask(questions(), settings, cache_path):
            index = int(reply.id)
            reason = reply.reason if reply.text is None else judge(rows[index], reply.text)
            last = with_hint or (turn == samples - 1 and reply.text is None)
            if reason and not last:
                rejected.append(index)
            else:
                yield Taught(index, reply.text, reason or "", with_hint)
        pending = sorted(rejected)


def _request(row: Mapping[str, Any], more: str, id: str, seed: int | None) -> Request:
    pictures = [{"type": "image_url", "image_url": {"url": data_url(image["bytes"])}} for image in row["images"]]
    text = messages_for(row)[0]["content"] + more
    return Request(id, [{"role": "user", "content": [*pictures, {"type": "text", "text": text}]}], seed)


def data_url(content: bytes) -> str:
    """Pixels only: a PNG encoded anew carries no metadata of the original file; turned upright, at most `MAX_SIDE`."""
    try:
        with Image.open(io.BytesIO(content)) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError) as error:
        raise problem(
            "an image of the corpus cannot be read", found=str(error), next_step="skin-r1 data validate CORPUS"
        ) from error
    image.info.clear()
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)  # lossless like the others, and several times as fast
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
