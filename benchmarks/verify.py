"""How well does the verifier of rationales judge? Two exams written by hand, and texts of real models.

`tests/distill/adversarial_a.jsonl` and `adversarial_b.jsonl` hold rationales with one flaw each, and good ones that look
flawed, written by people who had not read the verifier. Set A was used to mend it; set B was first run when it was finished.
With `--texts`, a file of `{id, diagnosis, cot_text}` lines (optionally .gz) is read as prose without annotation: what share
would be kept, and why the rest is not.

Example: python -m benchmarks.verify --texts ../shared/data/rationales/dermbench_part.jsonl.gz --show 3
"""

import argparse
import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

from skin_r1.distill.checks.held_out import hold_out
from skin_r1.distill.verify import fault, prose_fault
from skin_r1.ontology import load_ontology, resolve

EXAMS = tuple(Path("tests/distill").glob("adversarial_*.jsonl"))


def judged(exam: Path) -> list[tuple[dict[str, Any], str | None]]:
    """(line, reason or None) of each rationale of an exam."""
    lines = [json.loads(line) for line in exam.read_text(encoding="utf-8").splitlines()]
    answers = []
    for line in lines:
        held_out = hold_out(line["held_out"]) if line.get("held_out") else None
        answers.append((line, fault(line["completion"], {"group": None, **line["case"]}, held_out=held_out)))
    return answers


def recall_and_precision(answers: list[tuple[dict[str, Any], str | None]]) -> tuple[float, float]:
    """Share of bad rationales that are rejected, and share of rejected ones that are bad."""
    bad = [reason for line, reason in answers if line["expect"] != "keep"]
    good = [reason for line, reason in answers if line["expect"] == "keep"]
    caught, wronged = sum(r is not None for r in bad), sum(r is not None for r in good)
    return caught / len(bad), caught / (caught + wronged)


def print_exam(exam: Path) -> None:
    """One line per reason, then the whole."""
    answers = judged(exam)
    print(f"\n{exam}: {len(answers)} rationales")
    for expect in sorted({line["expect"] for line, _ in answers}):
        own = [reason for line, reason in answers if line["expect"] == expect]
        right = sum((reason is None) == (expect == "keep") for reason in own)
        print(f"  {expect:<14}{right:>4} of {len(own):<4} {'kept' if expect == 'keep' else 'rejected'}")
    recall, precision = recall_and_precision(answers)
    print(f"  recall of rejection {recall:.3f}, precision {precision:.3f}")


def print_texts(path: Path, show: int) -> None:
    """Shares of kept and rejected texts, with examples."""
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as stream:
        lines = [json.loads(line) for line in stream]
    found: dict[str, list[tuple[str, str, str]]] = {}
    for line in lines:
        slug = resolve(line["diagnosis"], "dermnet").diagnosis
        text = line["cot_text"].replace("<think>", "").replace("</think>", "").replace("*", "")
        row = {"concepts_present": [], "concepts_absent": [], "history": None, "modality": "clinical", "group": None}
        reason = prose_fault(text, row, slug, load_ontology().malignancy(slug) if slug else None)
        kind, _, what = (reason or "kept").partition(": ")
        found.setdefault(kind, []).append((line["id"], what, text))
    print(f"\n{path}: {len(lines)} texts")
    for kind, own in sorted(found.items(), key=lambda item: -len(item[1])):
        print(f"  {kind:<14}{len(own):>5} {len(own) / len(lines):>7.1%}")
        for name, what, text in Random(0).sample(own, min(show, len(own))):
            quoted = what.split("'")[1] if what.count("'") > 1 else ""
            at = max(0, text.find(quoted) - 120) if quoted else 0
            print(f"      {name}: {what}\n        ... {' '.join(text[at : at + 260].split())} ...")


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, help="real texts, JSON lines")
    parser.add_argument("--show", type=int, default=0, help="examples of each reason")
    options = parser.parse_args()
    for exam in sorted(EXAMS):
        print_exam(exam)
    if options.texts:
        print_texts(options.texts, options.show)


if __name__ == "__main__":
    main()
