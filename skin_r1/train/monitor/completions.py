"""What the model wrote, step by step: a parquet file per step, and a table in wandb or trackio.

TRL gathers what is needed (`GRPOTrainer._logs`, with the columns of `log_extra`), and its own table is not used: it is
written in place, so that a kill leaves half a file; at every log and without limit; an evaluation overwrites the
training's file of that step; it cannot tell which case a row is; and images are shown of all rows or of none.
"""

import importlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from transformers import TrainerCallback

from skin_r1.errors import problem
from skin_r1.licenses import is_open
from skin_r1.reading import message_text
from skin_r1.train.monitor.groups import family_of
from skin_r1.whole import write_whole

FOLDER = "completions"
TRACKERS = ("wandb", "trackio")


def case_columns(rows: Sequence[Mapping[str, Any]], mode: str, *, images: bool) -> dict[str, list[Any]]:
    """What the table says of each row beside TRL's columns; give each to the trainer's `_log_completion_extra`.

    Args:
        rows: Case rows of this process, one per completion.
        mode: `train` or `eval`.
        images: with an `image` column, PNG bytes of the first image where the row's license is open, else None. What
            may not be shown leaves the row here, before the processes exchange columns.
    """
    columns: dict[str, list[Any]] = {"mode": [mode] * len(rows)}
    columns.update((name, [row.get(name) for row in rows]) for name in ("case_id", "diagnosis"))
    columns["family"] = [family_of(row.get("diagnosis")) for row in rows]
    if images:
        columns["image"] = [_shown(row) for row in rows]
    return columns


def _shown(row: Mapping[str, Any]) -> bytes | None:
    if not row["images"] or not is_open(row["license"]):
        return None
    buffer = io.BytesIO()
    row["images"][0].convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def table_of(logs: Mapping[str, Any], step: int, limit: int) -> pa.Table:
    """The first training rows of TRL's logs: `step, case_id, diagnosis, family, prompt, completion, <rewards>,
    advantage` and, where allowed, `image`. The rows are in the trainer's own shuffled order, answers to a prompt side by
    side.

    Args:
        logs: `GRPOTrainer._logs` of trl 1.16, of one generation batch of all processes.
        step: of the run.
        limit: most rows.
    """
    extra = logs["extra"]
    kept = [index for index, mode in enumerate(extra["mode"]) if mode == "train"][:limit]

    def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
        return pa.array([values[index] for index in kept], kind)

    columns = {"step": pa.array([step] * len(kept), pa.int64())}
    columns.update((name, column(extra[name], pa.string())) for name in ("case_id", "diagnosis", "family"))
    for name in ("prompt", "completion"):
        texts = ["\n\n".join(map(message_text, messages)) for messages in logs[name]]
        columns[name] = column(texts, pa.string())
    for name, values in logs["rewards"].items():
        spoken = [None if value != value else value for value in values]  # NaN: the reward does not apply
        columns[name] = column(spoken, pa.float64())
    columns["advantage"] = column(logs["advantages"], pa.float64())
    if "image" in extra:
        columns["image"] = column(extra["image"], pa.binary())
    return pa.table(columns)


def write(output_dir: Path, step: int, table: pa.Table) -> Path:
    """Write a step's file, whole or not at all; an older one of the same step is replaced."""
    file = output_dir / FOLDER / f"step-{step:07d}.parquet"
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    write_whole(file, buffer.getvalue())
    return file


def read(output_dir: str | Path) -> pa.Table:
    """All completions that a run has written, in the order of its steps.

    Raises:
        UserError: there are none.
    """
    files = _files(Path(output_dir))
    if not files:
        raise problem(
            "this run has written no completions",
            file=Path(output_dir) / FOLDER,
            next_step="completions_every: 10 in the recipe writes them every 10 steps",
        )
    return pa.concat_tables([pq.read_table(file) for file in files], promote_options="default")


def _files(output_dir: Path) -> list[Path]:
    return sorted((output_dir / FOLDER).glob("step-*.parquet"))


class CompletionsTable(TrainerCallback):  # type: ignore[misc]
    """Writes the table every so many steps, on the main process."""

    def __init__(self, logs: Mapping[str, Any], *, every: int, rows: int) -> None:
        """Take what to write.

        Args:
            logs: the trainer's `_logs`, which the trainer fills with `case_columns` among its extra columns.
            every: steps from one table to the next; 0 writes none.
            rows: most rows of a table.
        """
        self.logs, self.every, self.rows = logs, every, rows

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Drop what a killed run wrote after the checkpoint that is resumed: these steps are trained again."""
        if state.is_world_process_zero:
            for file in _files(Path(args.output_dir)):
                if int(file.stem.removeprefix("step-")) > state.global_step:
                    file.unlink()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write the answers of the last generation batch."""
        if not self.every or state.global_step % self.every or not state.is_world_process_zero:
            return
        table = table_of(self.logs, state.global_step, self.rows)
        if not len(table):  # an evaluation has pushed the training's rows out
            return
        write(Path(args.output_dir), state.global_step, table)
        for name in TRACKERS:
            if name in args.report_to:
                show(importlib.import_module(name), table)


def show(tracker: Any, table: pa.Table) -> None:
    """Log the table as `completions`; `tracker` is the module wandb or trackio, whose calls are alike."""
    rows = table.to_pylist()
    for row in rows:
        if row.get("image") is not None:
            row["image"] = tracker.Image(Image.open(io.BytesIO(row["image"])))
    data = [list(row.values()) for row in rows]
    shown = tracker.Table(columns=table.column_names, data=data)
    tracker.log({FOLDER: shown, "train/global_step": rows[0]["step"]})
