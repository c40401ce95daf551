"""How hard a case is for a model, from k sampled answers: pass rate, its interval, a band; and which cases GRPO takes.

Bands stand beside `curate.py`, which makes them, because GRPO reads a curation without sampling anything.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean, pstdev
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from skin_r1.errors import problem
from skin_r1.whole import kind_of

BANDS = ("never", "hard", "medium", "easy", "always")
KIND = "curation"
SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("diagnosis", pa.string()),
        ("samples", pa.int32()),
        ("passes", pa.int32()),
        ("pass_rate", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("mean_reward", pa.float64()),
        ("std_reward", pa.float64()),
        ("parse_failures", pa.int32()),
        ("band", pa.string()),
        ("zero_variance", pa.bool_()),
    ]
)
Z95 = 1.959963984540054  # the 97.5th percentile of the standard normal distribution
SAME = 1e-6  # rewards closer than this are equal: TRL computes them in 32 bits


def band_of(passes: int, samples: int) -> str:
    """never: 0 of k; hard: up to 1/4; medium: up to 3/4; easy: below all; always: k of k."""
    if passes == 0:
        return "never"
    if passes == samples:
        return "always"
    return "hard" if 4 * passes <= samples else "medium" if 4 * passes <= 3 * samples else "easy"


def wilson(passes: int, samples: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927; Newcombe 1998, method 3), which stays within [0, 1].

    It is wide where few answers are sampled: 0 of 8 gives 0 to 0.32.
    """
    share, z2 = passes / samples, Z95 * Z95
    center = share + z2 / (2 * samples)
    reach = Z95 * ((share * (1 - share) + z2 / (4 * samples)) / samples) ** 0.5
    scale = 1 + z2 / samples
    # the ends are exact where nothing or everything passed; rounding would leave 1e-17 there
    low = 0.0 if passes == 0 else (center - reach) / scale
    high = 1.0 if passes == samples else (center + reach) / scale
    return low, high


def judged(
    case_id: str, diagnosis: str, rewards: Sequence[float], parse_failures: int, pass_reward: float
) -> dict[str, Any]:
    """One row of `curation.parquet`.

    Args:
        case_id, diagnosis: the case.
        rewards: of its k answers, in [0, 1].
        parse_failures: how many of them could not be read.
        pass_reward: an answer passes with at least this reward.
    """
    passes = sum(reward >= pass_reward for reward in rewards)
    low, high = wilson(passes, len(rewards))
    return {
        "case_id": case_id,
        "diagnosis": diagnosis,
        "samples": len(rewards),
        "passes": passes,
        "pass_rate": passes / len(rewards),
        "low": low,
        "high": high,
        "mean_reward": fmean(rewards),
        "std_reward": pstdev(rewards),
        "parse_failures": parse_failures,
        "band": band_of(passes, len(rewards)),
        "zero_variance": max(rewards) - min(rewards) <= SAME,
    }


def silent_kind(row: Mapping[str, Any]) -> str | None:
    """Why a case teaches nothing: `never` right, `always` right, or all answers with the `same` part of the credit."""
    if not row["zero_variance"]:
        return None
    if row["band"] == "always":
        return "always"
    return "never" if row["mean_reward"] <= SAME else "same"


def summary_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts per band, in all and per diagnosis, and of the cases that teach nothing."""
    counts = Counter(row["band"] for row in rows)
    silent = Counter(silent_kind(row) for row in rows)
    by_diagnosis: dict[str, dict[str, int]] = {}
    for row in rows:
        bands = by_diagnosis.setdefault(row["diagnosis"], dict.fromkeys((*BANDS, "zero_variance"), 0))
        bands[row["band"]] += 1
        bands["zero_variance"] += row["zero_variance"]
    answers = sum(row["samples"] for row in rows)
    return {
        "cases": len(rows),
        "answers": answers,
        "pass_rate": sum(row["passes"] for row in rows) / answers,
        "parse_failures": sum(row["parse_failures"] for row in rows) / answers,
        "bands": {band: counts[band] for band in BANDS},
        "zero_variance": {kind: silent[kind] for kind in ("never", "always", "same")},
        "diagnoses": {name: by_diagnosis[name] for name in sorted(by_diagnosis)},
    }


def histogram(summary: Mapping[str, Any], width: int = 40) -> str:
    """A line per band with a bar whose length is the band's share of the cases, and a line on those that teach nothing."""
    total = summary["cases"]
    lines = [f"{'band':<8}{'cases':>8}{'share':>8}"]
    for band, count in summary["bands"].items():
        lines.append(f"{band:<8}{count:>8}{count / total:>8.1%}  {'#' * round(width * count / total)}".rstrip())
    silent = summary["zero_variance"]
    kinds = ", ".join(f"{kind} {count}" for kind, count in silent.items())
    lines.append(f"all answers paid alike, so nothing to learn: {sum(silent.values())} of {total} ({kinds})")
    lines.append(
        f"pass rate {summary['pass_rate']:.1%}, parse failures {summary['parse_failures']:.1%} of the answers"
    )
    return "\n".join(lines)


@dataclass(frozen=True)
class Choice:
    """Which cases of a curation GRPO trains on.

    Attributes:
        folder: what `skin-r1 curate` wrote.
        corpus: fingerprint of the corpus of the run (`skin_r1.train.run.fingerprint`).
        bands: the wanted ones of `BANDS`.
        keep_zero_variance: share, 0 to 1, of the cases without variance that is kept anyway, of any band: the model
            changes while it trains, and what it always missed it may begin to meet.
        seed: fixes which of them are kept.
    """

    folder: Path
    corpus: str
    bands: tuple[str, ...]
    keep_zero_variance: float = 0.0
    seed: int = 0


def chosen_cases(choice: Choice, case_ids: Sequence[str]) -> set[str]:
    """The ones of these cases to train on.

    Args:
        choice: the curation and what is wanted of it.
        case_ids: the cases that the run would train on without a curation.

    Raises:
        UserError: no finished curation there, one of another corpus, one that lacks a case, or none is left.
    """
    summary = read_summary(choice.folder)
    if summary["corpus"] != choice.corpus:
        raise problem(
            "the curation was made on another corpus",
            file=choice.folder / "curation.json",
            column="corpus",
            found=summary["corpus"],
            allowed=choice.corpus,
            next_step="curate this corpus, or give the corpus that was curated",
        )
    table = choice.folder / "curation.parquet"
    rows = {row["case_id"]: row for row in pq.read_table(table).to_pylist()}
    missing = [case_id for case_id in case_ids if case_id not in rows]
    if missing:
        raise problem(
            f"the curation lacks {len(missing)} of the {len(case_ids)} training cases",
            file=table,
            column="case_id",
            found=f"nothing for {missing[0]}",
            allowed=f"cases of annotation {summary['annotation']!r}, limit {summary['limit']}",
            next_step="set `annotation` as in the curation, or run skin-r1 curate again with this run's annotation "
            "and without a limit; cases that are there are not sampled again",
        )
    wanted = {case_id for case_id in case_ids if rows[case_id]["band"] in choice.bands}
    silent = sorted({case_id for case_id in case_ids if rows[case_id]["zero_variance"]})
    kept = set(Random(choice.seed).sample(silent, round(choice.keep_zero_variance * len(silent))))
    taken = (wanted - set(silent)) | kept
    if not taken:
        raise problem(
            "the curation leaves no case to train on",
            file=choice.folder / "curation.json",
            column="bands",
            found=", ".join(choice.bands),
            allowed=", ".join(f"{band} ({count})" for band, count in summary["bands"].items()),
            next_step="add bands, or raise keep_zero_variance",
        )
    return taken


def read_summary(folder: Path) -> dict[str, Any]:
    """`curation.json` of a finished curation.

    Raises:
        UserError: there is none.
    """
    if kind_of(folder) != KIND:
        unfinished = (folder / "run.json").is_file()
        raise problem(
            "the curation is not finished" if unfinished else "this is no curation",
            file=folder / "manifest.json",
            found=kind_of(folder),
            allowed=f"a folder whose manifest.json says kind {KIND!r}",
            next_step="give the same skin-r1 curate command again: it resumes"
            if unfinished
            else "make one with `skin-r1 curate`",
        )
    summary: dict[str, Any] = json.loads((folder / "curation.json").read_text())
    return summary
