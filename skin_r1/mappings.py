"""The committed tables of datasets' own codes and odd spellings: `knowledge/mappings/*.sssom.tsv`."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Literal

from skin_r1.wording import KNOWLEDGE, normalize, read_tsv

Match = Literal["exact", "synonym", "code", "broader", "none"]
NARROW = "skos:narrowMatch"
PRIVATE = frozenset({"derm12345"})  # its codes of two letters: elsewhere "pg" is pyoderma gangrenosum


@cache
def mappings() -> Mapping[str, Mapping[str, tuple[str | None, Match, str]]]:
    """Dataset key -> normalized label -> (slug, or None for a label that means nothing; match; file)."""
    out: dict[str, dict[str, tuple[str | None, Match, str]]] = {}
    for file in sorted((KNOWLEDGE / "mappings").glob("*.sssom.tsv")):
        table = out.setdefault(dataset_key(file.name.removesuffix(".sssom.tsv")), {})
        for row in read_tsv(file):
            target = row["object_id"].removeprefix("SKINR1:")
            if row["predicate_id"] == NARROW:
                continue
            if target == "sssom:NoTermFound":
                table[normalize(row["subject_label"])] = (None, "none", file.name)
            else:
                match: Match = "code" if row["predicate_id"] == "skos:exactMatch" else "broader"
                table[normalize(row["subject_label"])] = (target, match, file.name)
    return out


@cache
def also_covers(dataset: str, label: str) -> tuple[str, ...]:
    """Slugs that a dataset counts under a label besides the one that it means, where the tree has them elsewhere.

    ISIC 2019 and PAD-UFES-20 count Bowen disease as squamous cell carcinoma (`skos:narrowMatch` in their tables).
    """
    file = KNOWLEDGE / "mappings" / f"{dataset}.sssom.tsv"
    rows = read_tsv(file) if file.exists() else ()
    own = [
        row for row in rows if row["predicate_id"] == NARROW and normalize(row["subject_label"]) == normalize(label)
    ]
    return tuple(row["object_id"].removeprefix("SKINR1:") for row in own)


def dataset_key(name: str) -> str:
    """`ham10000` for `HAM-10000`."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def public_codes(key: str) -> set[tuple[str | None, Match, str]]:
    """What the tables say of a normalized label when the dataset is not known."""
    return _public().get(key, set())


@cache
def _public() -> dict[str, set[tuple[str | None, Match, str]]]:
    out: dict[str, set[tuple[str | None, Match, str]]] = {}
    for name, table in mappings().items():
        for key, meant in table.items():
            if name not in PRIVATE or len(key) > 2:
                out.setdefault(key, set()).add(meant)
    return out
