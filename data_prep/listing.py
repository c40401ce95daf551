"""`skin-r1 data list`: the datasets that can be read."""

import argparse
import json
from collections.abc import Sequence

MASK_WORDS = {"file": "from masks", "black": "from black-masked crops", None: "no"}


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 data list`."""
    p = argparse.ArgumentParser(
        prog="skin-r1 data list",
        description="The datasets that `skin-r1 data build` reads, with their licenses and expected files.",
        epilog="Examples:\n  skin-r1 data list\n  skin-r1 data list --format jsonl\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--format", choices=("table", "jsonl"), default="table")
    options = p.parse_args(argv)
    from data_prep.adapters import ADAPTERS

    for a in ADAPTERS.values():
        facts = {
            "dataset": a.NAME,
            "title": a.TITLE,
            "modality": a.MODALITY,
            "license": a.LICENSE,
            "source": a.SOURCE,
            "files": list(a.FILES),
            "measured findings": MASK_WORDS[a.MASKS],
        }
        if options.format == "jsonl":
            print(json.dumps(facts))
            continue
        print(a.NAME)
        for name, value in list(facts.items())[1:]:
            print(f"  {name:<18} {', '.join(value) if isinstance(value, list) else value}")
    return 0
