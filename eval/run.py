"""`skin-r1 eval run`: a model reads every case of a split and says what it sees -> predictions.jsonl."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.models.origin import candidates, describe, is_url
from eval.models.questions import LEFT_OUT, Answer, Questions
from eval.options import Options, read_options
from eval.sample import sample
from eval.tasks import applies
from skin_r1.errors import problem


@dataclass(frozen=True)
class Tally:
    """What a run did.

    Attributes:
        made: predictions written now.
        failed: reason's kind -> cases that have no answer and can be asked again.
        left_out: cases that the probe cannot change.
    """

    made: int
    failed: Mapping[str, int]
    left_out: int


def run_predictions(options: Options) -> Tally:
    """Let a model answer every case that the task suits; append to `out` as answers come, and resume.

    What a kill leaves is completed to what an uninterrupted run would have written: batches and questions have seeds of
    their own, answers of endpoints are kept in a file, and at the end the lines stand in the order of the split.

    Raises:
        UserError: no such model, no images, or `out` belongs to another run.
    """
    from tqdm import tqdm

    from eval.predictions import Prediction
    from eval.writing import append, read_meta, resume, start

    questions, split = read_questions(options)
    ids: list[str] = questions.table["case_id"][:]
    labels = candidates(options)
    meta = describe(options, split, labels)
    cache = options.cache or options.out.with_name(options.out.name + ".answers.sqlite")
    kept = set() if options.overwrite else resume(options.out, meta)
    if options.cache is None and (options.overwrite or read_meta(options.out) != meta):
        for end in ("", "-wal", "-shm"):  # answers to the same questions, by what may be another model
            cache.with_name(cache.name + end).unlink(missing_ok=True)
    done = {place for place, case_id in enumerate(ids) if case_id in kept}
    if len(done) == len(ids):
        finish(options.out, ids, {})
        return Tally(0, {}, 0)

    stream = _answers(options, questions, done, labels, cache)
    if not done:
        start(options.out, meta)
    parts = [Path(options.model).name, *([] if options.adapter is None else [options.adapter.name])]
    name = options.model if is_url(options.engine) else "/".join(parts)
    missing: dict[str, str] = {}
    made = 0
    try:
        with tqdm(total=len(ids), initial=len(done), desc="eval run", unit="case") as bar:
            for batch in stream:
                missing |= {ids[answer.place]: answer.failure for answer in batch if answer.text is None}
                fresh = [_line(answer, ids, name, options, questions) for answer in batch if answer.text is not None]
                append(options.out, (Prediction(**line) for line in fresh))
                made += len(fresh)
                bar.update(len(fresh))
                bar.set_postfix(unanswered=len(missing), refresh=False)
    finally:
        finish(options.out, ids, missing)
    kinds = [reason.partition(":")[0] for reason in missing.values()]
    return Tally(made, {kind: kinds.count(kind) for kind in kinds if kind != LEFT_OUT}, kinds.count(LEFT_OUT))


def _answers(
    options: Options, questions: Questions, done: set[int], labels: Mapping[str, str] | None, cache: Path
) -> Iterator[list[Answer]]:
    if options.engine == "transformers":
        from eval.models.checkpoint import Decoding, answers

        decoding = Decoding(
            options.temperature, options.max_new_tokens, options.seed, options.batch_size, options.samples
        )
        return answers(questions, done, decoding, Path(options.model), options.adapter, labels)
    from eval.models import chat

    url = options.engine if is_url(options.engine) else ""
    ask = (
        chat.ask_endpoint(options.api_key_env, options.timeout, options.attempts)
        if url
        else chat.ask_vllm(options.max_model_len)
    )
    settings = chat.Chat(
        options.model, url, options.concurrency, options.temperature, options.max_new_tokens, options.seed
    )
    # In random order: many failures in a row then speak of the endpoint, not of one data set with large images.
    todo = random.Random(options.seed).sample(sorted(set(range(len(questions))) - done), len(questions) - len(done))
    return chat.answers(questions, todo, ask, settings, cache, options.samples)


def _line(answer: Answer, ids: Sequence[str], name: str, options: Options, questions: Questions) -> dict[str, Any]:
    """Attributes of a Prediction; what says nothing is left out."""
    line = {
        "model": name,
        "task": None if options.task == "diagnosis" else options.task,
        "options": questions.options(answer.place),
        "samples": answer.samples,
        "label_scores": answer.label_scores,
        "label_means": answer.label_means,
        "failure": answer.failure,
    }
    return {
        "case_id": ids[answer.place],
        "completion": answer.text,
        **{key: value for key, value in line.items() if value},
    }


def read_questions(options: Options) -> tuple[Questions, Any]:
    """The questions of a run, and the whole split.

    Raises:
        UserError: no such corpus, split or probe, a case without an image, or no case that the task suits.
    """
    from skin_r1.case import load_corpus

    split = load_corpus(options.corpus, options.split)
    table = sample(split, options.limit)
    check_images(table, options.corpus, options.split)
    facts = table.remove_columns("images").to_list()
    suited = [place for place, row in enumerate(facts) if applies(options.task, row)]
    if not suited:
        raise problem(
            f"no case can be asked the task {options.task}: its truth is not known of any",
            file=options.corpus / options.split,
            column="task",
        )
    if len(suited) < len(facts):
        table, facts = table.select(suited), [facts[place] for place in suited]
    change = None
    if options.probe_name is not None:
        from eval.probes.perturb import PROBES, perturb
        from eval.probes.pool import Pool

        if options.probe_name not in PROBES:
            raise problem("unknown probe", column="probe", found=options.probe_name, allowed=PROBES)
        name, seed, pool = options.probe_name, options.probe_seed, Pool.of(split)

        def change(row: dict[str, Any]) -> dict[str, Any]:
            return perturb(name, row, pool, seed=seed)

    return Questions(table, facts, options.task, options.choices, options.seed, change), split


def check_images(table: Any, corpus: Path, split: str) -> None:
    """Refuse a split in which a case has no image.

    Raises:
        UserError: how many such cases there are, and the first.
    """
    from pyarrow.compute import list_value_length

    # Lengths only: nothing is decoded or copied.
    counts = list_value_length(table.select_columns(["images"]).with_format("arrow")[:]["images"]).to_pylist()
    empty = [i for i, count in enumerate(counts) if not count]
    if empty:
        raise problem(
            f"{len(empty)} of {len(counts)} cases have no image to read",
            file=corpus / split,
            column="images",
            found=f"none in {table[empty[0]]['case_id']}",
            next_step="build the corpus with the dataset's image files in place",
        )


def finish(out: Path, ids: Sequence[str], missing: Mapping[str, str]) -> None:
    """Put the lines in the order of the split, and the reasons of what has none beside them."""
    from skin_r1.whole import write_whole

    reasons = out.with_name(out.name + ".unanswered.jsonl")
    if missing:
        order = (case_id for case_id in ids if case_id in missing)
        lines = (json.dumps({"case_id": each, "reason": missing[each]}, ensure_ascii=False) for each in order)
        write_whole(reasons, "\n".join(lines) + "\n")
    else:
        reasons.unlink(missing_ok=True)
    if not out.exists():
        return
    lines_of = {json.loads(line)["case_id"]: line for line in out.read_bytes().splitlines(keepends=True)}
    ordered = [lines_of[case_id] for case_id in ids if case_id in lines_of]
    if ordered != list(lines_of.values()):
        write_whole(out, b"".join(ordered))


def show(options: Options) -> None:
    """Print the first question as it would be asked."""
    questions, _ = read_questions(options)
    question = questions.ask(0)
    print(f"{len(questions)} cases; the first is {questions.facts[0]['case_id']}")
    if isinstance(question, Answer):
        print(question.failure)
        return
    print("images: " + (", ".join(f"{image.width} x {image.height}" for image in question.images) or "none"))
    print(f"options: {', '.join(question.options) or 'none'}\n")
    print("\n".join(message["content"] for message in question.messages))


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 eval run`."""
    import sys

    options = read_options(sys.argv[1:] if argv is None else argv)
    if options.dry_run:
        show(options)
        return 0
    tally = run_predictions(options)
    print(f"{tally.made} new predictions in {options.out}")
    reasons = f"see {options.out}.unanswered.jsonl"
    if tally.left_out:
        print(f"{tally.left_out} cases left out: the probe cannot change them; {reasons}")
    if tally.failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in tally.failed.items())
        print(f"incomplete: {sum(tally.failed.values())} cases have no answer ({kinds}); {reasons}", file=sys.stderr)
        print("next: mend what can be mended and give the same command again", file=sys.stderr)
        return 1
    where = f"--corpus {options.corpus} --split {options.split}" + (
        f" --limit {options.limit}" if options.limit else ""
    )
    print(f"next: skin-r1 eval score --predictions {options.out} {where} --out DIR")
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
