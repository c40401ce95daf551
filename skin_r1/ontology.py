"""The tree of diagnoses, and the way from any dataset's label to one node of it.

The tree is a file (`knowledge/diagnoses.tsv`), as are the mappings of each dataset's codes and odd spellings
(`knowledge/mappings/*.sssom.tsv`). Lookups are exact after `normalize`; likeness only ever proposes candidates,
because no threshold separates right from wrong pairs ("porokeratosis actinic" is closer to "actinic keratosis" than
"naevus sebaceous" is to "nevus sebaceus").
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Literal, cast, get_args

from skin_r1.wording import KNOWLEDGE, many, normalize, read_tsv

__all__ = [
    "LEVELS",
    "MALIGNANCIES",
    "Level",
    "Malignancy",
    "Node",
    "Ontology",
    "Resolution",
    "load_ontology",
    "normalize",
    "resolve",
]

Malignancy = Literal["benign", "premalignant", "malignant", "non-neoplastic", "indeterminate"]
Level = Literal["group", "family", "diagnosis", "subtype"]
Match = Literal["exact", "synonym", "code", "broader", "none"]
MALIGNANCIES: tuple[Malignancy, ...] = get_args(Malignancy)
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Node:
    """One diagnosis or one shelf of the tree.

    Attributes:
        slug: unique and stable, `melanoma-in-situ`.
        name: preferred name, lower case except for proper names.
        parent: slug of the one parent, or None at a root.
        level: how fine the node is.
        malignancy: set only where this node decides it; else it is the nearest ancestor's.
        synonyms: other names, each naming this node only.
        xrefs: CURIEs, `DOID:8923`, `ICD11:...` (foundation entity id), `ISIC:<full path>`.
    """

    slug: str
    name: str
    parent: str | None
    level: Level
    malignancy: Malignancy | None
    synonyms: tuple[str, ...] = ()
    xrefs: tuple[str, ...] = ()


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


@dataclass(frozen=True)
class Ontology:
    """The tree; see `load_ontology`."""

    nodes: Mapping[str, Node]
    version: str

    def path(self, slug: str) -> tuple[str, ...]:
        """Slugs from the root to `slug`, both included."""
        return (*self.ancestors(slug)[::-1], slug)

    def ancestors(self, slug: str) -> tuple[str, ...]:
        """Slugs from the parent up to the root."""
        out: list[str] = []
        parent = self.nodes[slug].parent
        while parent is not None:
            if parent in out or parent == slug:
                raise ValueError(f"{slug} is its own ancestor")
            out.append(parent)
            parent = self.nodes[parent].parent
        return tuple(out)

    def children(self, slug: str) -> tuple[str, ...]:
        """Slugs right below `slug`, in the order of the file."""
        return self._children.get(slug, ())

    def name(self, slug: str) -> str:
        """Preferred name."""
        return self.nodes[slug].name

    def malignancy(self, slug: str) -> Malignancy | None:
        """Malignancy of the nearest of self and ancestors that sets one."""
        for each in (slug, *self.ancestors(slug)):
            if (found := self.nodes[each].malignancy) is not None:
                return found
        return None

    def lookup(self, text: str) -> str | None:
        """The slug that `text` names by preferred name, synonym or slug, exact after `normalize`; else None."""
        key = normalize(text)
        return self.names.get(key) or self.synonyms.get(key)

    def hierarchical_credit(self, predicted: str, truth: str) -> float:
        """How near two diagnoses are: 1 equal; 0.5 siblings or parent and child; 0.25 same grandparent; else 0.

        Nodes without a parent have no siblings: two different groups earn nothing.
        """
        if predicted == truth:
            return 1.0
        up_p, up_t = self.ancestors(predicted), self.ancestors(truth)
        if truth in up_p[:1] or predicted in up_t[:1] or (up_p and up_t and up_p[0] == up_t[0]):
            return 0.5
        if len(up_p) > 1 and len(up_t) > 1 and up_p[1] == up_t[1]:
            return 0.25
        return 0.0

    @cached_property
    def names(self) -> dict[str, str]:
        """Normalized preferred name or slug -> slug."""
        out = {normalize(slug): slug for slug in self.nodes}
        out.update((normalize(node.name), slug) for slug, node in self.nodes.items())
        return out

    @cached_property
    def synonyms(self) -> dict[str, str]:
        """Normalized synonym -> slug."""
        return {normalize(text): slug for slug, node in self.nodes.items() for text in node.synonyms}

    @cached_property
    def isic_paths(self) -> dict[str, str]:
        """ISIC diagnosis path -> slug."""
        return {x[5:]: slug for slug, node in self.nodes.items() for x in node.xrefs if x.startswith("ISIC:")}

    @cached_property
    def _children(self) -> dict[str, tuple[str, ...]]:
        out: dict[str, tuple[str, ...]] = {}
        for slug, node in self.nodes.items():
            if node.parent is not None:
                out[node.parent] = (*out.get(node.parent, ()), slug)
        return out


@cache
def load_ontology() -> Ontology:
    """Read `knowledge/diagnoses.tsv` once."""
    file = KNOWLEDGE / "diagnoses.tsv"
    with file.open(encoding="utf-8") as stream:
        version = stream.readline().removeprefix("# version:").strip()
    nodes = {
        row["slug"]: Node(
            slug=row["slug"],
            name=row["name"],
            parent=row["parent"] or None,
            level=cast(Level, row["level"]),
            malignancy=cast(Malignancy, row["malignancy"]) if row["malignancy"] else None,
            synonyms=many(row["synonyms"]),
            xrefs=many(row["xrefs"]),
        )
        for row in read_tsv(file)
    }
    return Ontology(nodes, version)


# Words that say where or how sure, not what: dropping them leaves the same diagnosis.
_EMPTY = frozenset("skin cutaneous nos unspecified disorder disease the a an of".split())
# Words that narrow a diagnosis without turning it into another one: dropping them leaves a broader node.
_NARROWING = frozenset(
    "nodular superficial pigmented multiple solitary early advanced recurrent acute chronic localized generalized "
    "invasive invasion ulcerated inflamed irritated traumatized giant small large type variant lesion mild moderate "
    "severe familial hereditary idiopathic atypical classic common well moderately poorly differentiated "
    "face facial scalp lip ear nose trunk back hand foot finger nail genital acral oral eyelid leg arm neck".split()
)


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
    bare = re.sub(r"[\[(].*?[\])]", " ", label)
    if bare != label:
        yield bare
    left, dash, right = label.partition(" - ")
    if dash:
        yield from (right, left)
    for each in (label, bare, f"{tail} {head}"):
        words = normalize(each).split()
        while words and words[-1] in _EMPTY:
            words.pop()
        yield " ".join(words[1:] if words and words[0] in _EMPTY else words)


def _wider(label: str) -> Iterator[str]:
    """Texts that name something wider than the label: its head before a comma or bracket, fewer narrowing words."""
    yield re.split(r"[,;(\[]", label)[0]
    words = [word for word in normalize(label).split() if word not in _EMPTY]
    yield " ".join(word for word in words if word not in _NARROWING)


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
    if ":" in label:
        parts = [part.strip() for part in label.split(":")]
        for end in range(len(parts), 0, -1):
            slug = tree.isic_paths.get(":".join(parts[:end])) or (tree.lookup(parts[end - 1]) if end > 1 else None)
            if slug:
                return answer(slug, "synonym" if end == len(parts) else "broader", ":".join(parts[:end]))
    for form in _forms(label):
        if slug := tree.lookup(form):
            return answer(slug, "synonym", normalize(form))
    found = {table[key] for name, table in _mappings().items() if key in table}
    if len({slug for slug, _, _ in found}) == 1:
        return answer(*sorted(found, key=str)[0])
    for form in _wider(label):
        if slug := tree.lookup(form):
            return answer(slug, "broader", normalize(form))
    return Resolution(label, None, (), None, "none", None, _candidates(key))


def _candidates(key: str) -> tuple[str, ...]:
    """Up to five slugs whose names look like `key`, most alike first."""
    tree = load_ontology()
    texts = {**tree.synonyms, **tree.names}
    near = get_close_matches(key, texts, n=10, cutoff=0.5)
    return tuple(dict.fromkeys(texts[text] for text in near))[:5]
