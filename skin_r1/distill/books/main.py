"""`skin-r1 distill rules`: a user's own books -> verified diagnostic rules."""

import argparse
import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from skin_r1.distill.books.passages import Passage
from skin_r1.distill.books.proof import Proposal
from skin_r1.errors import UserError, problem
from skin_r1.rules import COLUMNS, Rule

TEACHERS = ("lexicon", "openai")
EXAMPLES = """\
Examples:
  skin-r1 distill rules --source textbook.pdf --out runs/rules
  skin-r1 distill rules --source books/ --source notes.md --out runs/rules --overwrite
  skin-r1 distill rules --source books/ --out runs/rules --teacher openai --model MODEL --base_url http://localhost:8000/v1

Reads .pdf, .md, .html and .txt. Writes rules.tsv (diagnosis, finding, role, modality, quote, source, page), rejected.jsonl
with a reason a line, and manifest.json. The passages are sent to nobody unless --teacher openai is given; the key comes
from OPENAI_API_KEY. Check that your licence of the book allows what you do with it.
"""


@dataclass(frozen=True)
class TeacherSettings:
    """How the endpoint is asked; see `skin_r1.distill.teacher.question.Settings`."""

    model: str
    base_url: str
    concurrency: int
    temperature: float = 0.0
    max_tokens: int = 2048
    seed: int = 0


def answers(
    passages: Sequence[Passage], settings: TeacherSettings, cache: Path
) -> Iterator[tuple[Passage, str | None]]:
    """(passage, answer or None where the teacher failed), in the order of the passages.

    Raises:
        UserError: the endpoint refuses the key, does not know the model, or keeps failing.
    """
    from tqdm import tqdm

    from skin_r1.distill.books.extract import messages_about
    from skin_r1.distill.teacher.endpoint import Request, ask

    requests = (Request(id=str(at), messages=messages_about(passage)) for at, passage in enumerate(passages))
    replies: dict[int, str | None] = {}
    for reply in tqdm(ask(requests, settings, cache), total=len(passages), desc="passages", unit="passage"):
        replies[int(reply.id)] = reply.text
        if reply.text is None:
            print(f"passage {reply.id}: {reply.reason}", flush=True)
    return ((passage, replies[at]) for at, passage in enumerate(passages))


def proposed(
    passages: Sequence[Passage], settings: TeacherSettings | None, cache: Path
) -> Iterator[tuple[Passage, Proposal | str]]:
    """What the teacher, or without settings the lexicon, proposes of each passage."""
    if settings is None:
        from skin_r1.distill.books.lexicon import proposals

        for passage in passages:
            yield from ((passage, each) for each in proposals(passage))
        return
    from skin_r1.distill.books.extract import read_answer

    for passage, answer in answers(passages, settings, cache):
        found = ["teacher: no answer"] if answer is None else read_answer(answer)
        yield from ((passage, each) for each in found)


def write_rules(rules: Iterable[Rule], file: Path) -> None:
    """Write rules in the format that `skin_r1.rules.read_rules` reads."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, COLUMNS, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(rule) for rule in rules)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 distill rules`; returns 0.

    Raises:
        UserError: a source cannot be read, the output may not be replaced, or no rule was kept.
    """
    from tqdm import tqdm

    from skin_r1.distill.books.extract import extract, worth_asking
    from skin_r1.distill.books.sources import read_passages, source_files
    from skin_r1.manifest import write_manifest
    from skin_r1.whole import check_replaceable, whole_folder

    options = _options(argv)
    settings = None
    if options.teacher == "openai":
        settings = TeacherSettings(options.model, options.base_url, options.concurrency)
    out: Path = options.out.absolute()
    for path in options.source:
        check_replaceable(out, "rules", overwrite=options.overwrite, keep=path)
    files = source_files(options.source)
    passages: list[Passage] = []
    for source, file in tqdm(files.items(), desc="reading", unit="file"):
        passages += read_passages(file, source)
    asked = [passage for passage in passages if worth_asking(passage)]
    cache = out.with_name(out.name + ".cache.sqlite")  # beside the output: a killed run asks nothing twice
    with whole_folder(out, kind="rules", overwrite=options.overwrite) as folder:
        found = extract(proposed(asked, settings, cache))
        counts: dict[str, Any] = {
            "passages": len(passages),
            "asked": len(asked),
            "skipped": len(passages) - len(asked),
            "proposed": found.proposed,
            "reasons": dict(sorted(found.reasons.items())),
            "matches": dict(sorted(found.matches.items())),
        }
        if not found.kept:
            raise UserError(
                f"no rule was kept: {counts}\n"
                "  next:    `skin-r1 distill rules --help`; the lexicon needs sentences with a diagnosis, a finding and a "
                "word such as `typically`; --teacher openai reads more"
            )
        write_rules(found.kept, folder / "rules.tsv")
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in found.rejected)
        (folder / "rejected.jsonl").write_text("".join(lines), encoding="utf-8")
        config = {"teacher": options.teacher, **(asdict(settings) if settings else {})}
        write_manifest(folder, kind="rules", config=config, inputs=files, outputs=counts)
    _report(counts, found.rejected, len(files), out)
    return 0


def _report(counts: dict[str, Any], rejected: Sequence[dict[str, Any]], files: int, out: Path) -> None:
    reasons = {reason: count for reason, count in counts["reasons"].items() if reason != "kept"}
    print(f"{counts['passages']} passages of {files} files: {counts['asked']} asked, {counts['skipped']} name no pair")
    print(f"{counts['proposed']} rules proposed, {counts['reasons']['kept']} kept")
    print(f"diagnoses resolved: {_listed(counts['matches'])}; rejected: {_listed(reasons)}")
    for record in rejected:
        if record["reason"].startswith("conflict"):
            print(f"  {record['diagnosis']}, {record['finding']}: {record['reason']}")
    print(f"wrote {out / 'rules.tsv'}")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    p = argparse.ArgumentParser(
        prog="skin-r1 distill rules",
        description="Read diagnostic rules out of your own books; every rule is checked against the sentence it quotes.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--source", type=Path, action="append", required=True, metavar="PATH", help="file or folder; repeat"
    )
    p.add_argument("--out", type=Path, required=True, help="folder to make")
    p.add_argument("--teacher", choices=TEACHERS, default="lexicon", help="lexicon: cue words, no model (default)")
    p.add_argument("--model", default="", help="the endpoint's model (openai)")
    p.add_argument("--base_url", default="", help="the endpoint (openai)")
    p.add_argument("--concurrency", type=int, default=8, help="requests at once (openai)")
    p.add_argument("--overwrite", action="store_true", help="replace a folder of rules")
    options = p.parse_args(argv)
    if options.concurrency < 1:
        raise problem(
            "concurrency counts from 1", column="concurrency", found=options.concurrency, allowed="1 or more"
        )
    if options.teacher == "openai" and not options.model:
        raise problem("the openai teacher needs a model", column="model", next_step="add --model NAME --base_url URL")
    return options
