"""The dataset card of a run of distillation: Markdown with the front matter that the Hugging Face Hub reads.

Fields: https://huggingface.co/docs/hub/datasets-cards. What only people can say stands as items that begin with `TODO`.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from skin_r1.distill.report.figures import (
    KINDS,
    REASONS,
    balance,
    cut,
    diagnosis_name,
    gaps,
    ordered,
    public_name,
    share,
    spending,
)
from skin_r1.distill.report.provenance import reference, references
from skin_r1.distill.report.samples import FILES, kept_rows
from skin_r1.rules import load_rules

DIAGNOSES, SOURCES = 30, 15
"""Diagnoses and sources of rules that the card lists."""
SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"),
)  # fmt: skip
"""Upper bounds of the Hub's size categories."""
SETTINGS = (
    "teacher", "model", "length", "order", "seed", "annotation", "limit", "kinds", "copies", "per_diagnosis", "per_kind",
    "rules", "samples", "temperature", "max_tokens",
)  # fmt: skip
"""Settings that the card tells; folders and addresses are nobody else's business."""
ASKED = frozenset({"samples", "temperature", "max_tokens"})
"""Settings that only a teacher with a model has."""
SPECIAL = re.compile(r"([\\`*_<>|\[\]#])")


def write_card(
    folder: Path, facts: Mapping[str, Any], config: Mapping[str, Any], corpus_manifest: Mapping[str, Any]
) -> Path:
    """Write `folder/DATASET_CARD.md`.

    Args:
        folder: holds `train.parquet` and `validation.parquet`; one that kept nothing may be missing.
        facts: counts of the run, as in `facts.json`.
        config: the recipe's keys.
        corpus_manifest: `manifest.json` of the corpus; empty where it has none.

    Returns:
        The card.
    """
    target = folder / "DATASET_CARD.md"
    target.write_text(_card(folder, facts, config, corpus_manifest), encoding="utf-8", errors="replace")
    return target


def _card(folder: Path, facts: Mapping[str, Any], config: Mapping[str, Any], corpus: Mapping[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=False, finalize=_shown, trim_blocks=True,
        lstrip_blocks=True, undefined=StrictUndefined, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"share": share, "cut": cut, "diagnosis": diagnosis_name, "public": public_name}
    rows = kept_rows(folder, ["license", "source"])
    splits = [split for split in FILES if (folder / f"{split}.parquet").is_file()]
    asked, kept = (sum(count[key] for count in facts["splits"].values()) for key in ("asked", "kept"))
    sources = sorted(facts["rules"]["sources"].items(), key=lambda item: (-item[1], item[0]))
    told = (corpus.get("outputs") or {}).get("sources") or ()
    text = environment.get_template("card.md.j2").render(
        facts=facts, splits=splits, asked=asked, kept=kept, settings=_settings(config), kinds=KINDS,
        reasons=[(k, REASONS.get(k, ""), n) for k, n in sorted(facts["reasons"].items(), key=lambda i: (-i[1], i[0]))],
        by_kind=ordered(facts["kinds"], list(KINDS)), checks=REASONS,
        diagnoses=balance(facts["diagnoses"]), most=DIAGNOSES, gaps=gaps(facts), spent=spending(facts.get("ledger")),
        skin_types=ordered(facts["skin_types"], ["1-2", "3-4", "5-6", "unknown"]),
        modalities=ordered(facts["modalities"], []), sources=[(reference(key), n) for key, n in sources[:SOURCES]],
        more_sources=len(sources) - SOURCES, recalled=sum(r.read == "recalled" for r in references().values()),
        references=len(references()), rules=sum(rule.source in references() for rule in load_rules()),
        licenses=Counter((r.get("license"), r.get("source")) for s in splits for r in rows[s]).most_common(),
        datasets=[(str(s.get("title") or s.get("dataset") or ""), str(s.get("license") or "")) for s in told],
        revision=corpus.get("git_revision"), with_teacher=config.get("teacher") in ("openai", "vllm"),
    )  # fmt: skip
    return _front_matter(splits, kept) + re.sub(r"\n{3,}", "\n\n", text)


def _front_matter(splits: list[str], kept: int) -> str:
    """YAML between two lines of dashes."""
    import yaml

    fields: dict[str, Any] = {
        "pretty_name": "Distilled dermatology rationales", "license": "other",
        "license_name": "licenses-of-the-source-images", "task_categories": ["image-text-to-text"], "language": ["en"],
        "tags": ["dermatology", "medical", "skin", "rationales", "synthetic", "research-only"],
        "size_categories": [next((name for top, name in SIZES if kept < top), "n>1T")],
        "configs": [{
            "config_name": "default", "data_files": [{"split": s, "path": f"{s}.parquet"} for s in splits]
        }],
    }  # fmt: skip
    return "---\n" + yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=1000) + "---\n\n"


def _settings(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    asks = config.get("teacher") in ("openai", "vllm")
    out = []
    for key in (key for key in SETTINGS if asks or key not in ASKED):
        values = config.get(key)
        told = [
            str(each) for each in (values if isinstance(values, list | tuple) else [values]) if each not in (None, "")
        ]
        if key == "model":
            told = [public_name(each) for each in told]
        if key == "rules":
            told = [PurePath(each).name for each in told]
        if told:
            out.append((key, ", ".join(told)))
    return out


def _shown(value: Any) -> Any:
    """What `{{ }}` writes: counts with commas, texts without meaning in Markdown or HTML."""
    if isinstance(value, str):
        return SPECIAL.sub(r"\\\1", re.sub(r"\s+", " ", value))
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else value
