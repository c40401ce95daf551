"""What predictions come from: engine, weights, cases and settings, written beside them so that two runs never mix."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from eval.options import Options
from eval.sample import sample
from skin_r1.errors import problem

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def describe(options: Options, split: Any, labels: Mapping[str, str] | None) -> dict[str, Any]:
    """What makes the predictions: everything that they depend on, and nothing that only sets the pace.

    Raises:
        UserError: no such engine or checkpoint, or options that the engine does not have.
    """
    local = options.engine in ("transformers", "vllm")
    if not local:
        check_url(options.engine)
    if options.engine != "transformers":
        refuse_for_chat(options)
    decoding = {name: getattr(options, name) for name in ("temperature", "max_new_tokens", "seed")}
    if options.engine == "transformers":
        decoding["batch_size"] = options.batch_size
    table = sample(split, options.limit)
    return {
        "engine": options.engine,
        "model": str(Path(options.model)) if local else options.model,
        "model_checksum": checkpoint_checksum(Path(options.model)) if local else None,
        "adapter": None if options.adapter is None else str(options.adapter),
        "adapter_checksum": None if options.adapter is None else checkpoint_checksum(options.adapter),
        "corpus_checksum": digest(table["checksum"][:]),
        "split": options.split,
        "limit": options.limit,
        "task": options.task,
        "choices": options.choices if options.task == "choice" else None,
        "probe": None if options.probe is None else f"{options.probe_name}:{options.probe_seed}",
        "samples": options.samples,
        "labels": None if labels is None else list(labels),
        "decoding": decoding,
    }


def refuse_for_chat(options: Options) -> None:
    """Refuse what vLLM and addresses cannot do.

    Raises:
        UserError: an adapter, or scores of labels.
    """
    if options.adapter is not None:
        raise problem(
            "an adapter is loaded by transformers only",
            column="adapter",
            found=options.engine,
            next_step="merge it, or serve it under a name of its own and give that name as --model",
        )
    if options.label_scores != "none":
        raise problem(
            "labels are scored by transformers only: a chat gives log-probabilities of what the model wrote, and vLLM those "
            "of other words only by reading the whole prompt again for each",
            column="label_scores",
            found=options.engine,
            next_step="--engine transformers, or --samples K for scores by self-consistency",
        )


def candidates(options: Options) -> dict[str, str] | None:
    """Diagnosis slug -> name of each label to score, by slug; None for no scores.

    Raises:
        UserError: another task, no such file, or a line of it names no diagnosis.
    """
    from skin_r1.case import load_corpus
    from skin_r1.ontology import load_ontology

    if options.label_scores == "none":
        return None
    if options.task != "diagnosis":
        raise problem(
            "labels are scored for the open diagnosis only",
            column="label_scores",
            found=options.task,
            allowed="diagnosis",
        )
    tree = load_ontology()
    if options.label_scores == "all":
        found = set(load_corpus(options.corpus, "train").unique("diagnosis")) - {None}
        where = options.corpus / "train"
    else:
        where, found = Path(options.label_scores), set()
        if not where.is_file():
            raise problem("no such file of labels", file=where, allowed="all, none, or a file with a diagnosis a line")
        for row, text in enumerate(where.read_text(encoding="utf-8-sig").splitlines(), start=1):
            if text.strip() and (slug := tree.lookup(text)) is None:
                raise problem(
                    "no diagnosis of the ontology", file=where, row=row, found=text, next_step="skin-r1 data resolve"
                )
            found |= {slug} if text.strip() else set()
    if len(found) < 2:
        raise problem("scores need at least two labels to choose from", file=where, found=sorted(found))
    return {slug: tree.name(slug) for slug in sorted(found)}


def is_url(engine: str) -> bool:
    """Whether the engine is an address."""
    return urlsplit(engine).scheme in ("http", "https")


def check_url(url: str) -> None:
    """Refuse what is no address of an API.

    Raises:
        UserError: it is not http(s)://HOST..., or it holds a password, which would end up in files.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise problem(
            "unknown engine",
            column="engine",
            found=url,
            allowed="transformers, vllm, or an address such as http://HOST/v1",
        )
    if parts.username or parts.password or parts.query:
        raise problem(
            "the address holds more than a place", column="engine", allowed="no user, password or query: keys go into the "
            "variable that --api_key_env names"
        )  # fmt: skip


def checkpoint_checksum(folder: Path) -> str | None:
    """SHA-256 over the names and bytes of a checkpoint's weights and configuration; None for a hub id (`org/name`).

    Raises:
        UserError: there is no such folder, or it holds no weights.
    """
    if HUB_ID.fullmatch(str(folder)) and not folder.parent.is_dir():
        return None
    if not folder.is_dir():
        raise problem("no such checkpoint folder", file=folder, allowed="a folder with config.json and *.safetensors")
    files = sorted(
        {*folder.glob("*.safetensors"), *folder.glob("*.bin"), *folder.glob("*.json"), *folder.glob("*.jinja")}
    )
    if not any(file.suffix in (".safetensors", ".bin") for file in files):
        raise problem(
            "the folder holds no weights",
            file=folder,
            allowed="a folder with config.json and *.safetensors",
            next_step="give the folder that `skin-r1 sft` or `skin-r1 grpo` wrote",
        )
    from skin_r1.manifest import sha256_file

    # trainer_state.json, manifest.json and their like may be rewritten without changing the model.
    files = [file for file in files if file.name not in ("trainer_state.json", "manifest.json")]
    return digest([f"{file.name} {sha256_file(file)}" for file in files])


def digest(parts: Sequence[str | None]) -> str:
    """SHA-256 over some texts in their order."""
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()
