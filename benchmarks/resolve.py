"""How well and how fast are labels resolved? Prints a table over labels as found in the wild, then labels a second.

`wild_labels.tsv` holds labels of public data sets, code lists and pathology shorthand with the nodes that may be right for
each. They have been used to mend the resolver, so they say what still fails, not how unseen labels would fare.
`heldout_labels.tsv` holds labels of other vocabularies, judged before the resolver saw them; its head says how they fared at
their first run and what was mended since.

Example: python -m benchmarks.resolve
"""

import time
from collections import Counter
from pathlib import Path

from skin_r1.forms import form_keys, kind_of, named, rewritten
from skin_r1.ontology import load_ontology, resolve
from skin_r1.wording import normalize, read_tsv

LABELS = Path(__file__).with_name("wild_labels.tsv")
HELD_OUT = Path(__file__).with_name("heldout_labels.tsv")
OUTCOMES = ("right", "none meant", "unresolved", "wrong", "flipped")
OPPOSITE = ({"benign", "malignant"}, {"non-neoplastic", "malignant"})


def outcome(label: str, accepted: str) -> str:
    """One of `OUTCOMES`.

    Args:
        label: as found.
        accepted: nodes that may be right, joined by `|`; an ancestor that is a diagnosis or a shelf is right too, `none`
            accepts that nothing is named.
    """
    tree, found = load_ontology(), resolve(label)
    nodes = [slug for slug in accepted.split("|") if slug != "none"]
    if found.diagnosis is None:
        return "none meant" if "none" in accepted.split("|") else "unresolved"
    if any(found.diagnosis in tree.path(slug) for slug in nodes):
        return "right"
    flips = [{found.malignancy, tree.malignancy(slug)} in OPPOSITE for slug in nodes]
    return "flipped" if flips and all(flips) else "wrong"


def table(file: Path = LABELS) -> dict[str, Counter[str]]:
    """Outcomes per vocabulary, after the number of its batch where the file has batches."""
    counts: dict[str, Counter[str]] = {}
    for row in read_tsv(file):
        name = f"{row['batch']} {row['vocabulary']}" if "batch" in row else row["vocabulary"]
        counts.setdefault(name, Counter())[outcome(row["label"], row["accepted"])] += 1
    return counts


def sums(counts: dict[str, Counter[str]]) -> dict[str, Counter[str]]:
    """The same with a row per batch, if there are any, and one for all."""
    out = dict(counts)
    for batch in sorted({name[0] for name in counts if name[0].isdigit()}):
        own = (count for name, count in counts.items() if name.startswith(f"{batch} "))
        out[f"batch {batch}"] = sum(own, Counter[str]())
    return {**out, "all": sum(counts.values(), Counter[str]())}


def show(counts: dict[str, Counter[str]]) -> None:
    """Print a line per vocabulary."""
    print(f"{'vocabulary':<18}" + "".join(f"{name:>12}" for name in OUTCOMES) + f"{'resolved or none meant':>26}")
    for name, own in counts.items():
        share = (own["right"] + own["none meant"]) / own.total()
        print(f"{name:<18}" + "".join(f"{own[each]:>12}" for each in OUTCOMES) + f"{share:>26.1%}")


def speed(seconds: float = 3.0) -> tuple[float, float]:
    """Labels a second on one core: never seen before (no cache is kept), and the same ones again."""
    labels = [row["label"] for row in read_tsv(LABELS)]
    resolve("warm-up")
    rates = []
    for again in (False, True):
        done, started = 0, time.perf_counter()
        while (spent := time.perf_counter() - started) < seconds:
            if not again:
                for cached in (resolve, normalize, named, rewritten, kind_of, form_keys):
                    cached.cache_clear()
            for label in labels:
                resolve(label)
            done += len(labels)
        rates.append(done / spent)
    return rates[0], rates[1]


def main() -> None:
    """Print the tables and the speed."""
    for file in (LABELS, HELD_OUT):
        print(file.name)
        show(sums(table(file)))
        print()
    distinct, repeated = speed()
    print(f"labels a second on one core: {distinct:,.0f} distinct, {repeated:,.0f} repeated")


if __name__ == "__main__":
    main()
