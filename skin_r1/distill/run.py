"""`skin-r1 distill`: cases of a corpus -> verified rationales, as parquet for SFT, with a report and a dataset card."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from skin_r1.distill.drafts import chosen, drafts, planned
from skin_r1.distill.recipe import DistillRecipe
from skin_r1.distill.table import parquet, row_of
from skin_r1.distill.tally import Tally
from skin_r1.distill.variety import variety
from skin_r1.errors import UserError, problem
from skin_r1.rules import OWN, load_rules, own_files, read_rules

ABOUT = """Write rationales and keep those that can be verified.

Teachers: compose (deterministic prose from the annotated findings and the rule base), openai (any OpenAI-compatible endpoint
that sees the image: blind first, with the answer as a hint where that failed), vllm (the same with a model on this machine),
answer_only (the label without a rationale, over all labelled cases: the plain alternative).

Example: skin-r1 distill --config recipes/tiny/distill.yaml --corpus runs/demo/corpus --output_dir runs/demo/rationales"""


def main(argv: Sequence[str] | None = None) -> int:
    """Distill; returns 0.

    Raises:
        UserError: the corpus has no case that the teacher can use, the output exists, or nothing passed verification.
    """
    from skin_r1.distill.report.card import write_card
    from skin_r1.distill.report.figures import public_name
    from skin_r1.distill.report.page import write_report
    from skin_r1.manifest import write_manifest
    from skin_r1.recipe import read_recipe
    from skin_r1.whole import whole_folder

    (recipe,) = read_recipe((DistillRecipe,), argv, prog="skin-r1 distill", about=ABOUT)
    if not recipe.output_dir:
        raise problem("no place for the rationales", column="output_dir", next_step="--output_dir runs/rationales")
    _choose_rules(recipe.rules)
    corpus, out = Path(recipe.corpus), Path(recipe.output_dir).resolve()
    cache = out.with_name(out.name + ".cache.sqlite")  # beside the output: a killed run asks nothing twice
    with whole_folder(out, kind="rationales", overwrite=recipe.overwrite, keep=corpus) as folder:
        tally = Tally(public_name(recipe.model or recipe.teacher))
        taken = 0
        for split in _splits(corpus):
            taken += write_split(split, recipe, folder, cache, tally, taken)
        facts = tally.facts()
        if not facts["splits"].get("train", {}).get("kept"):
            raise _nothing_kept(facts, folder, out, recipe)
        facts["ledger"] = _ledger(recipe, cache)
        if recipe.teacher in ("openai", "vllm") or recipe.length == "full":  # the short text is one wording on purpose
            facts |= variety(tally.texts)
        (folder / "facts.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
        config = {**asdict(recipe), "output_dir": None, "overwrite": None}
        write_report(folder, facts)
        write_card(folder, facts, config, _manifest_of(corpus))
        inputs = {"corpus": corpus, **{f"rules {path.name}": path for path in own_files()}}
        write_manifest(folder, kind="rationales", config=config, inputs=inputs, outputs=facts["splits"])
    for split, count in facts["splits"].items():
        print(f"{split}: kept {count['kept']} of {count['asked']}")
    print(f"rejected {facts['reasons']}" if facts["reasons"] else "nothing was rejected")
    print(f"Report:  {out / 'report.html'}")
    return 0


def _choose_rules(files: Sequence[str]) -> None:
    """Let the composer argue with the recipe's rules beside the open base; without any, with those of the environment.

    Raises:
        UserError: a file is wrong, or other rules were read in this process, which every later sentence would rest on.
    """
    for name in files:  # a wrong file is refused before anything is written
        read_rules(Path(name))
    wanted = os.pathsep.join(str(Path(name).resolve()) for name in files)
    if files and os.environ.get(OWN, "") != wanted:
        if load_rules.cache_info().currsize:
            raise problem("other rules were read in this process", column="rules", next_step="start a new process")
        os.environ[OWN] = wanted


def _splits(corpus: Path) -> list[str]:
    """The splits to write about; training cases have to be there, validation cases need not."""
    if not (corpus / "test").is_dir():
        print("no test split: nothing is held out from the rationales", flush=True)
    if (corpus / "validation").is_dir():
        return ["train", "validation"]
    print("no validation split: only training rationales are written", flush=True)
    return ["train"]


def _nothing_kept(facts: Mapping[str, Any], folder: Path, out: Path, recipe: DistillRecipe) -> UserError:
    """The error of a run without a training rationale; what was rejected, and may have been paid for, is kept."""
    rejected = folder / "rejected.jsonl"
    if facts["reasons"]:
        saved = out.with_name(out.name + ".rejected.jsonl")
        shutil.copyfile(rejected, saved)
        return problem(
            "no training rationale was kept", found=facts["reasons"], next_step=f"read the texts in {saved}"
        )
    need = "a diagnosis and an image" + ("" if recipe.teacher == "answer_only" else ", and dense annotation")
    return problem(
        "no training rationale was kept: no case that the teacher can use",
        file=recipe.corpus,
        allowed=f"training cases with {need}",
        next_step=f"skin-r1 data report {recipe.corpus}",
    )


def write_split(split: str, recipe: DistillRecipe, folder: Path, cache: Path, tally: Tally, taken: int) -> int:
    """Write `<split>.parquet` and the rejected texts, each as soon as it is judged; count all in `tally`.

    Args:
        taken: serial numbers that earlier splits used.

    Returns:
        Serial numbers that this split used.
    """
    from skin_r1.distill.verify import fault

    rows = chosen(Path(recipe.corpus), split, recipe)
    held_out = _held_out(recipe) if split == "train" else None

    def judge(row: Mapping[str, Any], text: str, answer: str | None = None) -> str | None:
        alone = recipe.teacher == "answer_only"
        return fault(text, row, answer_only=alone, answer=answer, held_out=held_out)

    full = recipe.teacher == "compose" and recipe.length == "full"
    choice = planned(rows, recipe, taken) if full else None
    if choice is not None:
        tally.left_out.update(choice.left_out)
    written = drafts(rows, recipe, cache, judge, choice)
    with (folder / "rejected.jsonl").open("a", encoding="utf-8") as rejected, parquet(folder, split) as keep:
        total = len(rows) if choice is None else len(choice.chosen)
        for draft in tqdm(written, total=total, desc=f"rationales {split}", unit="case"):
            reason = draft.reason if draft.completion is None else judge(draft.row, draft.completion, draft.answer)
            tally.add(split, draft, reason)
            if reason is None:
                keep(row_of(draft, tally.teacher))
            else:
                known = {"case_id": draft.row["case_id"], "split": split, "kind": draft.kind, "teacher": tally.teacher}
                known |= {"hinted": draft.hinted, "reason": reason, "completion": draft.completion}
                rejected.write(json.dumps(known, ensure_ascii=False) + "\n")
    return 0 if choice is None else len(choice.chosen)


def _held_out(recipe: DistillRecipe) -> Any:
    """The groups of the test split, and the texts of the recipe's files, that no training rationale may come near."""
    from skin_r1.case import load_corpus
    from skin_r1.distill.checks.held_out import hold_out

    texts: list[str] = []
    for name in recipe.held_out_texts:
        if not Path(name).is_file():
            raise problem("there is no such file of test texts", file=name, column="held_out_texts")
        try:
            texts += Path(name).read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise problem("test texts are not UTF-8", file=name, column="held_out_texts", found=str(error)) from error
    test = Path(recipe.corpus) / "test"
    groups = load_corpus(Path(recipe.corpus), "test")["group"] if test.is_dir() else []
    return hold_out(texts, groups)


def _ledger(recipe: DistillRecipe, cache: Path) -> dict[str, Any] | None:
    """What a paid teacher took, over all runs that shared the cache."""
    if recipe.teacher not in ("openai", "vllm"):
        return None
    from skin_r1.distill.teacher.ledger import ledger

    prices = {"price_prompt": recipe.price_prompt, "price_completion": recipe.price_completion}
    spent = ledger(cache, model=recipe.model, **prices)
    print(spent.text())
    return asdict(spent)


def _manifest_of(corpus: Path) -> Mapping[str, Any]:
    path = corpus / "manifest.json"
    known: Mapping[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return known
