"""The way from any dataset's label to one node of the tree of diagnoses.

The tree is a file (`knowledge/diagnoses.tsv`, see `skin_r1.taxonomy`), as are the mappings of each dataset's codes and
odd spellings (`knowledge/mappings/*.sssom.tsv`). Lookups are exact after `normalize`; likeness only ever proposes
candidates, because no threshold separates right from wrong pairs: "porokeratosis actinic" is as close to "actinic
keratosis", which it is not, as "naevus sebaceus" is to "nevus sebaceous", which it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Literal

from skin_r1.taxonomy import LEVELS, MALIGNANCIES, Level, Malignancy, Node, Ontology, load_ontology
from skin_r1.wording import KNOWLEDGE, normalize, read_tsv

__all__ = [
    "LEVELS",
    "MALIGNANCIES",
    "Level",
    "Malignancy",
    "Match",
    "Node",
    "Ontology",
    "Resolution",
    "load_ontology",
    "normalize",
    "resolve",
]

Match = Literal["exact", "synonym", "code", "broader", "none"]


@dataclass(frozen=True)
class Resolution:
    """Where a label leads.

    Attributes:
        label: the label as given.
        diagnosis: slug, or None when nothing committed names the label.
        path: slugs from coarse to fine, ending in `diagnosis`; empty without one.
        malignancy: of `diagnosis`, or None.
        match: `exact` (preferred name or slug), `synonym`, `code` (a dataset's own code), `broader` (the node is wider
            than the label, or the label covers several diagnoses), `none`.
        via: the committed text or mapping file that decided.
        candidates: up to five slugs that look alike, for a person to judge; never used by the program.
    """

    label: str
    diagnosis: str | None
    path: tuple[str, ...]
    malignancy: Malignancy | None
    match: Match
    via: str | None = None
    candidates: tuple[str, ...] = ()


# Words that say where or how sure, not what: dropping them leaves the same diagnosis.
_EMPTY = frozenset("skin cutaneous nos unspecified disorder disease the a an of".split())
# Words that narrow a diagnosis without turning it into another one: dropping them leaves a broader node.
_NARROWING = frozenset(
    "nodular superficial pigmented multiple solitary early advanced recurrent acute chronic localized generalized "
    "invasive ulcerated inflamed irritated traumatized giant small large type variant lesion mild moderate "
    "severe familial hereditary idiopathic classic common well moderately poorly differentiated "
    "face facial scalp lip ear nose trunk back hand foot finger nail genital acral oral eyelid leg arm neck".split()
)


_ABBREVIATION = re.compile(r"[A-Z/]{1,6}")


@cache
def _mappings() -> dict[str, dict[str, tuple[str | None, Match, str]]]:
    """Dataset key -> label key -> (slug or None, match, file), from the committed SSSOM tables."""
    out: dict[str, dict[str, tuple[str | None, Match, str]]] = {}
    for file in sorted((KNOWLEDGE / "mappings").glob("*.sssom.tsv")):
        table = out.setdefault(_dataset_key(file.name.removesuffix(".sssom.tsv")), {})
        for row in read_tsv(file):
            target = row["object_id"].removeprefix("SKINR1:")
            if target == "sssom:NoTermFound":
                table[normalize(row["subject_label"])] = (None, "none", file.name)
            else:
                match: Match = "code" if row["predicate_id"] == "skos:exactMatch" else "broader"
                table[normalize(row["subject_label"])] = (target, match, file.name)
    return out


def _dataset_key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _forms(label: str) -> Iterator[str]:
    """Committed rewritings of a label that keep its meaning: `nevus, blue`, `SLE - systemic lupus ...`, `... NOS`."""
    yield label
    head, comma, tail = label.partition(",")
    if comma:
        yield f"{tail} {head}"
    # Brackets that hold an abbreviation or a filing word add nothing; any other qualifier narrows (see `_wider`).
    bare = re.sub(r"[\[(]([A-Z]{2,6}|disorder|finding)[\])]", " ", label)
    if bare != label:
        yield bare
    left, dash, right = label.partition(" - ")
    if dash:
        yield f"{right} {left}"
        yield from (part for part, other in ((right, left), (left, right)) if _ABBREVIATION.fullmatch(other.strip()))
    for each in (label, bare, f"{tail} {head}"):
        words = normalize(each).split()
        while words and words[-1] in _EMPTY:
            words.pop()
        yield " ".join(words[1:] if words and words[0] in _EMPTY else words)


def _wider(label: str) -> Iterator[str]:
    """Texts that name something wider than the label: its head before a comma or bracket, fewer narrowing words."""
    yield re.split(r"[,;(\[]| - ", label)[0]
    words = [word for word in normalize(label).split() if word not in _EMPTY]
    yield " ".join(word for word in words if word not in _NARROWING)


def _named(label: str) -> str | None:
    """The node that a label names in one of its committed rewritings."""
    tree = load_ontology()
    return next((slug for form in _forms(label) if (slug := tree.lookup(form))), None)


def resolve(label: str, dataset: str | None = None) -> Resolution:
    """Find the node that a dataset's label means.

    The order is: the dataset's own committed table, exact names and synonyms, an ISIC path, harmless rewritings
    (comma inversion, `NOS`), codes on which all tables agree, then a wider node (`broader`). Never by likeness.

    Args:
        label: as the dataset writes it: a name, a code or an ISIC path such as `Benign:...:Nevus:Blue nevus`.
        dataset: name of the dataset, if known; `ham10000` and `HAM-10000` are the same.
    """
    tree = load_ontology()
    key = normalize(label)

    def answer(slug: str | None, match: Match, via: str) -> Resolution:
        if slug is None:
            return Resolution(label, None, (), None, "none", via, _candidates(key))
        return Resolution(label, slug, tree.path(slug), tree.malignancy(slug), match, via)

    own = _mappings().get(_dataset_key(dataset), {}) if dataset else {}
    if key in own:
        return answer(*own[key])
    if key in tree.names:
        return answer(tree.names[key], "exact", key)
    parts = [part.strip() for part in label.split(":")]
    for end in range(len(parts), 0, -1):
        path = ":".join(parts[:end])
        if slug := tree.isic_paths.get(path) or (_named(parts[end - 1]) if end > 1 else None):
            # An ISIC path that ends on a shelf says no more than the shelf.
            whole = end == len(parts) and tree.nodes[slug].level in ("diagnosis", "subtype")
            return answer(slug, "synonym" if whole else "broader", path)
    if slug := _named(label):
        return answer(slug, "synonym", key)
    found = {table[key] for name, table in _mappings().items() if key in table}
    if len({slug for slug, _, _ in found}) == 1:
        return answer(*sorted(found, key=str)[0])
    for form in (*_forms(label), *_wider(label)):
        if slug := tree.narrower.get(normalize(form)) or tree.lookup(form):
            return answer(slug, "broader", normalize(form))
    return Resolution(label, None, (), None, "none", None, _candidates(key))


def _candidates(key: str) -> tuple[str, ...]:
    """Up to five slugs whose names look like `key`, most alike first."""
    tree = load_ontology()
    texts = {**tree.narrower, **tree.synonyms, **tree.names}
    near = get_close_matches(key, texts, n=10, cutoff=0.5)
    return tuple(dict.fromkeys(texts[text] for text in near))[:5]
