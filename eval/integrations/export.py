"""`skin-r1 eval export`: predictions -> a dataset that `datasets.load_dataset` reads, in a folder and on the Hub."""

import argparse
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skin_r1.errors import problem

EXAMPLES = """\
Examples:
  skin-r1 eval export --predictions runs/eval/p.jsonl --corpus runs/corpus --split test --out runs/eval/dataset
  skin-r1 eval export --predictions p.jsonl --corpus runs/corpus --out DIR --push_to_hub ORG/NAME

Back again: skin-r1 eval import --source DIR --split test --out predictions.jsonl
Nothing leaves this machine without --push_to_hub. Research use only.
"""
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_ENGINES = ("transformers", "vllm", "inspect_ai")


def export(
    predictions: Path, corpus: Path, out: Path, *, split: str = "test", images: bool = False, overwrite: bool = False
) -> int:
    """Write `data/SPLIT.parquet`, README.md and manifest.json.

    Args:
        predictions: JSON lines as `skin-r1 eval run` writes them, of some or all cases of the split.
        corpus, split: the truth.
        out: folder to make.
        images: put those images along whose license is an open one.
        overwrite: replace an earlier export in `out`.

    Returns:
        The number of rows.

    Raises:
        UserError: the predictions do not fit the split, or `out` may not be written.
    """
    from eval.integrations.card import card
    from eval.integrations.dataset import rows_of, to_dataset
    from eval.integrations.headline import headline, record
    from eval.predictions import match, read_predictions
    from eval.writing import read_meta
    from skin_r1.case import load_corpus
    from skin_r1.licenses import is_open
    from skin_r1.manifest import write_manifest
    from skin_r1.whole import whole_folder

    with whole_folder(out, kind="predictions dataset", overwrite=overwrite) as partial:
        whole = load_corpus(corpus, split)
        paired = match(
            read_predictions(predictions), whole["case_id"][:], path=predictions, split=split, allow_missing=True
        )
        asked = [place for place, prediction in enumerate(paired) if prediction is not None]
        said = [prediction for prediction in paired if prediction is not None]
        table = whole.select(asked)
        facts = table.remove_columns("images").to_list()
        dataset = to_dataset(rows_of(facts, said), table if images else None)
        licenses = Counter(row["license"] for row in facts)
        shown = sum(count for name, count in licenses.items() if is_open(name)) if images else None
        text = card(
            split,
            _facts(read_meta(predictions), [each.model for each in said], whole, len(said)),
            headline([record(row, each) for row, each in zip(facts, said, strict=True)]),
            licenses,
            shown,
        )
        (partial / "data").mkdir()
        dataset.to_parquet(partial / "data" / f"{split}.parquet")
        (partial / "README.md").write_text(text, encoding="utf-8")
        write_manifest(
            partial,
            kind="predictions dataset",
            config={"split": split, "images": images},
            inputs={"predictions": predictions, "corpus": corpus},
            outputs={"rows": len(said), "cases_with_images": shown},
        )
    return len(said)


def _facts(meta: Mapping[str, Any], models: Sequence[str | None], whole: Any, rows: int) -> dict[str, Any]:
    """What the card says; neither an address nor a folder of this machine is told to the world."""
    from eval.models.origin import digest

    engine, decoding = meta.get("engine"), meta.get("decoding") or {}
    return {
        "model": ", ".join(sorted({each for each in models if each})) or None,
        "SHA-256 of the weights": meta.get("model_checksum"),
        "SHA-256 of the adapter": meta.get("adapter_checksum"),
        "engine": engine if engine in (None, *_ENGINES) else "an endpoint",
        "decoding": ", ".join(f"{name} {value}" for name, value in decoding.items()) or None,
        "task": meta.get("task") or "diagnosis",
        "probe": meta.get("probe"),
        "cases": f"{rows} of the {len(whole)} of the split",
        "SHA-256 of the corpus (checksums of the split's cases, a line each)": digest(whole["checksum"][:]),
    }


def push(folder: Path, name: str, *, public: bool) -> str:
    """Make the dataset `name` of the Hub what the folder is, without its manifest, which names places of this machine.

    Returns:
        The address.

    Raises:
        UserError: the Hub cannot be reached or refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    api = HfApi()
    try:
        made = api.create_repo(name, repo_type="dataset", private=not public, exist_ok=True)
        api.upload_folder(
            repo_id=name, repo_type="dataset", folder_path=folder, allow_patterns=["README.md", "data/*.parquet"]
        )
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise problem(
            "the dataset could not be pushed",
            column="push_to_hub",
            found=f"{name}: {' '.join(str(error).split())[:300]}",
            next_step=f"hf auth login, and the same command with --overwrite; the dataset itself is whole in {folder}",
        ) from None
    return str(made)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 eval export`."""
    parser = argparse.ArgumentParser(
        prog="skin-r1 eval export",
        description="Write predictions, and what each is worth, as a dataset with a card.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--predictions", type=Path, required=True, metavar="FILE", help="JSON lines of `eval run`")
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="corpus that holds the truth")
    parser.add_argument("--split", default="test", help="train, validation or test (default: test)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--images", action="store_true", help="with the images of open licenses; never others")
    parser.add_argument(
        "--push_to_hub", metavar="ORG/NAME", help="also push the folder to the Hub, as a private dataset"
    )
    parser.add_argument("--public", action="store_true", help="with --push_to_hub: anybody can read it")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier export")
    options = vars(parser.parse_args(argv))
    name, public = options.pop("push_to_hub"), options.pop("public")
    if public and name is None:
        raise problem("nothing is made public without a place to push to", next_step="--push_to_hub ORG/NAME")
    if name is not None and not _HUB_NAME.fullmatch(name):
        raise problem("no name of a dataset", column="push_to_hub", found=name, allowed="ORG/NAME")
    rows = export(**options)
    print(f"{rows} rows in {options['out']}")
    if name is not None:
        print(f"pushed to {push(options['out'], name, public=public)}")
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
