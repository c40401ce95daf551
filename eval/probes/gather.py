"""From predictions files to cases before and under each probe."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.cases import score_case
from eval.predictions import match, read_predictions
from eval.probes.faithfulness import Case
from eval.probes.perturb import perturb, source
from eval.probes.pool import Pool, Unprobed
from eval.sample import sample
from eval.writing import read_meta
from skin_r1.errors import problem


@dataclass(frozen=True)
class Probed:
    """One probe over all cases of the run.

    Attributes:
        cases: in the order of the split.
        skipped: case_id -> why the probe could not be made of it.
    """

    cases: list[Case]
    skipped: dict[str, str]


def gather(
    table: Any, split: str, base: Path, probes: Mapping[str, Path], limit: int | None = None
) -> dict[str, Probed]:
    """Pair the answers to the cases as they are with those under each probe.

    Args:
        table: the whole split; swaps take their images from all of it, also under `limit`.
        split: its name, for messages.
        base: predictions on the cases as they are.
        probes: name -> predictions under the probe. A case may be missing only where the probe cannot be made of it.
        limit: so many cases only, those of `skin-r1 eval run --limit`.

    Raises:
        UserError: the files do not fit the split or one another.
    """
    pool = Pool.of(table)
    part = sample(table, limit)
    rows = part.remove_columns("images").to_list()
    ids = [row["case_id"] for row in rows]
    before = match(read_predictions(base), ids, path=base, split=split)
    scored = [score_case(row, prediction) for row, prediction in zip(rows, before, strict=True)]
    found = {}
    for name, path in probes.items():
        seed = _same_run(base, path, name)
        said = () if path.is_file() and not path.stat().st_size else read_predictions(path)  # empty: all are left out
        after = match(said, ids, path=path, split=split, allow_missing=True)
        cases, skipped = [], {}
        for number, (row, score, prediction) in enumerate(zip(rows, scored, after, strict=True)):
            if prediction is None:
                skipped[row["case_id"]] = _reason(name, part[number], pool, seed, path)
                cases.append(Case(score, None, row))
                continue
            cases.append(Case(score, score_case(row, prediction), row, *source(name, row, pool, seed=seed)))
        found[name] = Probed(cases, skipped)
    return found


def _reason(name: str, row: dict[str, Any], pool: Pool, seed: int, path: Path) -> str:
    """Why a case has no prediction under a probe: because it can have none."""
    try:
        perturb(name, row, pool, seed=seed)
    except Unprobed as why:
        return str(why)
    raise problem(
        "a case has no prediction under a probe that can be made of it",
        file=path,
        column="case_id",
        found=f"nothing for {row['case_id']}",
        next_step=f"finish the run with `skin-r1 eval run --probe {name}`",
    )


def _same_run(base: Path, path: Path, name: str) -> int:
    """The seed of the probe; refuse files that say that another model, corpus or decoding made them.

    Files from elsewhere say nothing of their origin; their seed is 0.
    """
    before, after = read_meta(base), read_meta(path)
    probe, _, seed = str(after.get("probe", name)).partition(":")
    if probe != name:
        raise problem("these predictions are not of this probe", file=path, found=after["probe"], allowed=name)
    for key in sorted({*before, *after} - {"probe"}) if before and after else ():
        if before.get(key) != after.get(key):
            raise problem(
                "the predictions under the probe come from another run than the base",
                file=path,
                column=key,
                found=after.get(key),
                allowed=f"{before.get(key)!r}, as in {base}",
            )
    return int(seed or 0)
