"""An inspect_ai log -> predictions, so that `skin-r1 eval score` gives all metrics, the groups and the report."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.predictions import Prediction
from skin_r1.errors import problem
from skin_r1.reading import message_text

if TYPE_CHECKING:
    from inspect_ai.model import ModelOutput

FAILURES = {
    "max_tokens": "cut off: longer than max_tokens",
    "model_length": "cut off: longer than the model's context",
    "content_filter": "refused: content_filter",
}


def prediction_of(case_id: str, output: "ModelOutput", task: str, options: Sequence[str], model: str) -> Prediction:
    """The prediction that an output of inspect holds, as `skin-r1 eval run` would have written it.

    inspect takes the reasoning out of the text, be it in think tags or in a field of its own; it is put back.
    """
    content = output.message.content if output.choices else ""
    parts: list[Any] = [] if isinstance(content, str) else content
    reasoning = "\n".join(part.reasoning for part in parts if part.type == "reasoning")
    return Prediction(
        case_id,
        message_text({"content": output.completion, "reasoning": reasoning or None}),
        model,
        task=None if task == "diagnosis" else task,
        options=tuple(options) or None,
        failure=FAILURES.get(str(output.stop_reason)),
    )


def read_log(path: Path) -> tuple[dict[str, Any], Iterator[Prediction]]:
    """What made the answers of a log of the task `skin_r1`, and the answers one by one; a case without any is left out.

    Raises:
        UserError: inspect_ai is not installed, or the log is of another task or of several epochs.
    """
    if find_spec("inspect_ai") is None:
        raise problem("inspect_ai is not installed", next_step="pip install inspect_ai")
    from inspect_ai.log import read_eval_log, read_eval_log_samples

    header = read_eval_log(str(path), header_only=True)
    spec = header.eval
    made = dict(spec.metadata or {})
    if "corpus_checksum" not in made:
        raise problem("the log is of another task", file=path, found=spec.task, allowed="skin_r1")
    if (spec.config.epochs or 1) > 1:
        raise problem(
            "a predictions file holds one answer for each case",
            file=path,
            column="epochs",
            found=spec.config.epochs,
            next_step="run inspect with --epochs 1",
        )
    decoding = header.plan.config.model_dump(exclude_none=True)
    meta = {"engine": "inspect_ai", "model": spec.model, **made, "decoding": decoding}
    samples = read_eval_log_samples(str(path), all_samples_required=False)
    return meta, (
        prediction_of(str(each.id), each.output, made["task"], each.metadata["options"], spec.model)
        for each in samples
        if each.output.choices
    )
