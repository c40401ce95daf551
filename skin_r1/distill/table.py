"""The table of rationales: its columns, and a file that is written as the rationales come."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skin_r1.distill.drafts import Draft

ROWS = 256  # in a row group of the parquet file: what is held in memory at a time


def row_of(draft: Draft, teacher: str) -> dict[str, Any]:
    """A kept draft as a row of `features`."""
    from skin_r1.reading import messages_for

    row = draft.row
    return {
        "case_id": row["case_id"],
        "prompt": messages_for(row),
        "completion": [{"role": "assistant", "content": draft.completion}],
        "images": row["images"],
        "teacher": teacher,
        "findings": row["concepts_present"],
        "kind": draft.kind,
        "hinted": draft.hinted,
        "sentences": [
            {"text": each.text, "findings": list(each.findings), "basis": list(each.basis)} for each in draft.sentences
        ],
        **{name: row[name] for name in ("diagnosis", "malignancy", "modality", "skin_type", "source", "license")},
    }


def features() -> Any:
    """Columns of the rationales."""
    from datasets import Features, Image, List, Value

    text, message = Value("string"), List({"role": Value("string"), "content": Value("string")})
    return Features(
        {
            "case_id": text,
            "prompt": message,
            "completion": message,
            "images": List(Image()),
            "teacher": text,
            "findings": List(text),
            "kind": text,
            "hinted": Value("bool"),
            "sentences": List({"text": text, "findings": List(text), "basis": List(text)}),
            "diagnosis": text,
            "malignancy": text,
            "modality": text,
            "skin_type": Value("int64"),
            "source": text,
            "license": text,
        }
    )


@contextmanager
def parquet(folder: Path, split: str) -> Iterator[Any]:
    """A function that takes rows and writes them to `<split>.parquet`, `ROWS` at a time; no file without rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = features()
    schema = columns.arrow_schema
    waiting: list[dict[str, Any]] = []
    writer: Any = None

    def flush() -> None:
        nonlocal writer
        if writer is None:
            writer = pq.ParquetWriter(folder / f"{split}.parquet", schema)
        encoded = [columns.encode_example(row) for row in waiting]
        writer.write_table(pa.Table.from_pylist(encoded, schema=schema))
        waiting.clear()

    def keep(row: dict[str, Any]) -> None:
        waiting.append(row)
        if len(waiting) == ROWS:
            flush()

    try:
        yield keep
        if waiting:
            flush()
    finally:
        if writer is not None:
            writer.close()
