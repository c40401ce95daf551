"""What is known of a model and of its evaluation, each fact with the file that it comes from.

Nothing here is composed by hand: a fact that no file holds is not there, and the card and the checklists show its gap.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eval.cases import CaseScore
from eval.groups import UNKNOWN
from eval.metrics import NAMES
from eval.report.forest import HEADLINES
from eval.tables import diagnosis_name

INPUTS = {
    "base": "model",
    "corpus": "corpus",
    "rationales": "rationales",
}  # of a training, fact -> name in its manifest
MOST = 8  # groups that a distribution spells out


class Fact(NamedTuple):
    """A fact.

    Attributes:
        value: in words.
        source: the file that it was read from.
    """

    value: str
    source: str


def read_manifest(folder: str | None) -> dict[str, Any]:
    """The manifest of a folder; empty where there is none or it is not one."""
    if not folder:
        return {}
    try:
        found = json.loads((Path(folder) / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def gather_facts(
    summary: Mapping[str, Any], manifest: Mapping[str, Any], scores: Sequence[CaseScore], licenses: Iterable[str]
) -> dict[str, Fact]:
    """Every fact that the files hold, by key.

    Args:
        summary: content of summary.json.
        manifest: content of manifest.json; it leads to the manifests of the model and of the corpus.
        scores: scored cases.
        licenses: license of each case.
    """
    meta = manifest.get("config", {}).get("predictions_meta", {})
    corpus = read_manifest(manifest.get("inputs", {}).get("corpus", {}).get("path"))
    said: dict[str, tuple[Any, str]] = {
        **_predictions(summary, meta),
        **_training(read_manifest(meta.get("adapter") or meta.get("model"))),
        **_cases(summary, scores, licenses),
        **_results(summary),
        "splits": (
            _sizes(corpus.get("outputs", {}).get("splits") or corpus.get("outputs", {}).get("cases")),
            "the corpus' manifest.json",
        ),
        "corpus_settings": (_plain(corpus.get("config", {})), "the corpus' manifest.json"),
        "revision": (manifest.get("git_revision"), "manifest.json"),
        "versions": (_plain(manifest.get("versions", {})), "manifest.json"),
    }
    return {key: Fact(str(value), source) for key, (value, source) in said.items() if value not in (None, "")}


def _predictions(summary: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    source = "predictions' meta.json"
    decoding = dict(meta.get("decoding") or {})
    how = ""
    if decoding:
        how = "greedy" if decoding.get("temperature") == 0 else f"sampled at temperature {decoding.get('temperature')}"
        how += f", at most {decoding.get('max_new_tokens')} tokens, seed {decoding.get('seed')}"
    return {
        "model": (summary["model"], "predictions"),
        "checksum": (meta.get("model_checksum"), source),
        "adapter": ("none" if "adapter" in meta and not meta["adapter"] else meta.get("adapter_checksum"), source),
        "engine": (meta.get("engine"), source),
        "task": (meta.get("task"), source),
        "decoding": (how, source),
        "reader": (f"{summary['reader']} reader of answers" if summary.get("reader") else None, "summary.json"),
    }


def _training(manifest: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """What the checkpoint's own manifest says of how it was made."""
    source = "the model's manifest.json"
    config, made = manifest.get("config", {}), manifest.get("outputs", {})
    weights = config.get("reward_weights") or []
    rewards = [str(name).removeprefix("reward_fns.") for name in config.get("reward_funcs") or []]
    paid = [f"{name} (weight {w:g})" for name, w in zip(rewards, weights, strict=True)] if weights else rewards
    ways = {"steps": made.get("steps"), "rows": made.get("rows"), "learning rate": config.get("learning_rate")}
    ways["seed"] = config.get("seed")
    seconds = made.get("compute_seconds")
    return {
        "stage": (manifest.get("kind"), source),
        "rewards": (", ".join(paid), source),
        "training": (", ".join(f"{name} {value}" for name, value in ways.items() if value is not None), source),
        **{key: (_input(manifest, name), source) for key, name in INPUTS.items()},
        "architecture": (made.get("wrapped"), source),
        "compute": (None if seconds is None else f"{seconds:g} s on {made.get('processes')} process(es)", source),
        "training_versions": (_plain(manifest.get("versions", {})), source),
    }


def _input(manifest: Mapping[str, Any], name: str) -> str | None:
    """The checksum of what a training was given; it may have been given none."""
    inputs = manifest.get("inputs")
    return None if inputs is None else str(inputs[name]["sha256"]) if name in inputs else "none used"


def _cases(
    summary: Mapping[str, Any], scores: Sequence[CaseScore], licenses: Iterable[str]
) -> dict[str, tuple[Any, str]]:
    source = "the corpus"
    about = {
        key: (_counts(score.about.get(name, UNKNOWN) for score in scores), source)
        for key, name in (
            ("datasets", "dataset"),
            ("modalities", "modality"),
            ("skin_types", "skin_type"),
            ("sexes", "sex"),
            ("ages", "age"),
            ("sites", "site"),
        )
    }
    dense = sum(score.dense for score in scores)
    return {
        **about,
        "cases": (
            f"{summary['cases']} cases of {summary['groups']} groups, {summary['split']} split",
            "summary.json",
        ),
        "diagnoses": (_counts(diagnosis_name(score.diagnosis) or UNKNOWN for score in scores), source),
        "malignancies": (_counts(score.malignancy or UNKNOWN for score in scores), source),
        "annotation": (f"findings annotated in {dense} of {len(scores)} cases", source),
        "licenses": (_counts(licenses), source),
        "missing": (
            f"{summary['missing_predictions']} cases have no prediction and count as failures",
            "summary.json",
        ),
    }


def _results(summary: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    metrics = summary["metrics"]
    shown = [(key, metrics[key]) for key in HEADLINES if key in metrics and metrics[key]["value"] is not None]
    gaps = [
        f"{attribute.replace('_', ' ')}: accuracy {estimate_text(found['accuracy']['gap'])} apart,"
        f" {found['accuracy']['worst']} worst"
        for attribute, found in summary.get("fairness", {}).items()
        if "accuracy" in found
    ]
    scored = metrics.get("score_top_1_accuracy", {}).get("n", 0)
    return {
        "performance": ("; ".join(f"{NAMES[key].title} {estimate_text(each)}" for key, each in shown), "summary.json"),
        "measures": (
            f"{len(metrics)} metrics in this report, 95 % percentile intervals of {summary['bootstrap']} bootstrap "
            f"resamples of whole groups, seed {summary['seed']}",
            "summary.json",
        ),
        "fairness": ("; ".join(gaps), "summary.json"),
        "calibration": (f"label scores of {scored} cases, see Probabilities" if scored else None, "summary.json"),
    }


def estimate_text(found: Mapping[str, Any]) -> str:
    """`0.615 [0.572, 0.658]`, or the number alone where it has no interval."""
    ends = "" if found["low"] is None else f" [{found['low']:.3f}, {found['high']:.3f}]"
    return f"{found['value']:.3f}{ends}"


def _counts(names: Iterable[str]) -> str:
    """How often each is there; nothing where all are unknown, since then nothing is known."""
    counts = Counter(names).most_common()
    if all(name == UNKNOWN for name, _ in counts):
        return ""
    rest = sum(count for _, count in counts[MOST:])
    spelt = [f"{name} {count}" for name, count in counts[:MOST]]
    return ", ".join([*spelt, f"{len(counts) - MOST} others {rest}"] if rest else spelt)


def _sizes(cases: Any) -> str:
    if not isinstance(cases, Mapping):
        return ""
    totals = {split: sum(found.values()) if isinstance(found, Mapping) else found for split, found in cases.items()}
    return ", ".join(f"{split} {total}" for split, total in totals.items())


def _plain(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items() if isinstance(value, str | int | float))
