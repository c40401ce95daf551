"""`skin-r1 distill`: dense cases of a corpus -> verified rationales, as parquet for SFT."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from skin_r1.errors import UserError, problem

TEACHERS = ("compose", "answer_only", "openai")
ABOUT = """Write rationales from annotated findings and keep those that can be verified.

Teachers: compose (deterministic prose from the findings), openai (any OpenAI-compatible endpoint that sees the image),
answer_only (the label without a rationale, over all labelled cases: the plain alternative).

Example: skin-r1 distill --config recipes/tiny/distill.yaml --corpus runs/demo/corpus --output_dir runs/demo/rationales"""


@dataclass
class DistillRecipe:
    """Keys of `recipes/*/distill.yaml`."""

    corpus: str = field(default="", metadata={"help": "folder of cases"})
    output_dir: str = field(default="", metadata={"help": "where the rationales go"})
    teacher: str = field(default="compose", metadata={"help": f"one of {', '.join(TEACHERS)}"})
    length: str = field(default="short", metadata={"help": "short or full (compose)"})
    order: str = field(default="canonical", metadata={"help": "canonical or shuffled findings (compose)"})
    seed: int = field(default=0, metadata={"help": "fixes the wording"})
    limit: int | None = field(default=None, metadata={"help": "at most this many training cases"})
    model: str = field(default="", metadata={"help": "the endpoint's model (openai)"})
    base_url: str = field(default="", metadata={"help": "the endpoint (openai); the key comes from OPENAI_API_KEY"})
    concurrency: int = field(default=8, metadata={"help": "requests at once (openai)"})
    temperature: float = field(default=0.7, metadata={"help": "of the endpoint (openai)"})
    max_tokens: int = field(default=1024, metadata={"help": "longest answer (openai)"})
    overwrite: bool = field(default=False, metadata={"help": "replace the folder"})

    def __post_init__(self) -> None:
        """Check the choices."""
        for name, allowed in (
            ("teacher", TEACHERS),
            ("length", ("short", "full")),
            ("order", ("canonical", "shuffled")),
        ):
            if getattr(self, name) not in allowed:
                raise problem("unknown choice in a recipe", column=name, found=getattr(self, name), allowed=allowed)
        for name, value in (("concurrency", self.concurrency), ("limit", self.limit), ("max_tokens", self.max_tokens)):
            if value is not None and value < 1:
                raise problem(f"{name} counts from 1", column=name, found=value, allowed="1 or more")
        if self.teacher == "openai" and not self.model:
            raise problem("the openai teacher needs a model", column="model", next_step="set model: and base_url:")


def chosen_rows(corpus: Path, split: str, recipe: DistillRecipe) -> Any:
    """Cases to write about: dense ones with a diagnosis; for `answer_only` all labelled ones with an image."""
    from skin_r1.case import load_corpus

    rows = load_corpus(corpus, split)
    table = rows.select_columns(["annotation", "diagnosis", "checksum"])
    kinds = ("sparse", "dense") if recipe.teacher == "answer_only" else ("dense",)
    wanted = [
        index for index, row in enumerate(table) if row["annotation"] in kinds and row["diagnosis"] and row["checksum"]
    ]
    limit = recipe.limit if split == "train" else None
    return rows.select(wanted[:limit])


def completions(rows: Any, recipe: DistillRecipe, cache: Path) -> Iterator[tuple[Mapping[str, Any], str | None, str]]:
    """(row, completion or None, why None) of each case, in order."""
    if recipe.teacher == "openai":
        from skin_r1.distill.teacher import ask_all

        yield from ask_all(rows, recipe, cache)
        return
    from skin_r1.distill.compose import answer_only, compose

    write: Callable[[Mapping[str, Any]], str] = answer_only
    if recipe.teacher == "compose":

        def write(row: Mapping[str, Any]) -> str:
            return compose(row, seed=recipe.seed, length=recipe.length, order=recipe.order)

    for row in rows:
        yield row, write(row), ""


def write_split(split: str, recipe: DistillRecipe, folder: Path, cache: Path) -> Counter[str]:
    """Write `<split>.parquet` and the rejected ones' reasons; counts by kind of reason, `kept` among them."""
    import datasets

    from skin_r1.distill.verify import fault
    from skin_r1.reading import messages_for

    rows = chosen_rows(Path(recipe.corpus), split, recipe)
    rows = rows.cast_column("images", datasets.List(datasets.Image(decode=False)))
    counts: Counter[str] = Counter()
    kept: list[dict[str, Any]] = []
    with (folder / "rejected.jsonl").open("a", encoding="utf-8") as rejected:
        answers = tqdm(completions(rows, recipe, cache), total=len(rows), desc=f"rationales {split}", unit="case")
        for row, completion, why in answers:
            reason = why if completion is None else fault(completion, row, answer_only=recipe.teacher == "answer_only")
            counts["kept" if reason is None else reason.split(":")[0]] += 1
            if reason is not None:
                rejected.write(
                    json.dumps({"case_id": row["case_id"], "reason": reason, "completion": completion}) + "\n"
                )
                continue
            kept.append(
                {
                    "case_id": row["case_id"],
                    "prompt": messages_for(row),
                    "completion": [{"role": "assistant", "content": completion}],
                    "images": row["images"],
                    "teacher": recipe.model or recipe.teacher,
                    "findings": row["concepts_present"],
                }
            )
    if kept:
        features = _features()
        datasets.Dataset.from_list(kept, features=features).to_parquet(str(folder / f"{split}.parquet"))
    return counts


def _features() -> Any:
    from datasets import Features, Image, List, Value

    message = List({"role": Value("string"), "content": Value("string")})
    return Features(
        {
            "case_id": Value("string"),
            "prompt": message,
            "completion": message,
            "images": List(Image()),
            "teacher": Value("string"),
            "findings": List(Value("string")),
        }
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Distill; returns 0.

    Raises:
        UserError: the corpus has no dense case, the output exists, or nothing passed verification.
    """
    from skin_r1.manifest import write_manifest
    from skin_r1.recipe import read_recipe
    from skin_r1.whole import whole_folder

    (recipe,) = read_recipe((DistillRecipe,), argv, prog="skin-r1 distill", about=ABOUT)
    if not recipe.output_dir:
        raise problem("no place for the rationales", column="output_dir", next_step="--output_dir runs/rationales")
    out = Path(recipe.output_dir).resolve()
    cache = out.with_name(out.name + ".cache.sqlite")  # beside the output: a killed run asks nothing twice
    with whole_folder(out, kind="rationales", overwrite=recipe.overwrite, keep=Path(recipe.corpus)) as folder:
        counts = {split: write_split(split, recipe, folder, cache) for split in ("train", "validation")}
        if not counts["train"]["kept"]:
            raise UserError(
                f"no training rationale was kept of {sum(counts['train'].values())} cases: {dict(counts['train'])}\n"
                f"  next:    `skin-r1 data report {recipe.corpus}` shows how many cases are dense"
            )
        write_manifest(
            folder,
            kind="rationales",
            config={**asdict(recipe), "output_dir": None, "overwrite": None},
            inputs={"corpus": Path(recipe.corpus)},
            outputs=counts,
        )
    for split, count in counts.items():
        rejected = {reason: n for reason, n in count.items() if reason != "kept"}
        print(
            f"{split}: kept {count['kept']} of {sum(count.values())}" + (f", rejected {rejected}" if rejected else "")
        )
    return 0
