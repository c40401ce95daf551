"""The tree of diagnoses: nodes, paths, malignancy and nearness, read from `knowledge/diagnoses.tsv`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal, cast, get_args

from skin_r1.wording import KNOWLEDGE, many, normalize, read_tsv

Malignancy = Literal["benign", "premalignant", "malignant", "non-neoplastic", "indeterminate"]
Level = Literal["group", "family", "diagnosis", "subtype"]
_RANKS = {"indeterminate": 1, "premalignant": 1, "malignant": 2}
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
        xrefs: CURIEs of the same meaning: `DOID:8923`, `MONDO:...`, `ICD11:...` (foundation), `ISIC:<full path>`.
        narrower: terms for kinds of this diagnosis that have no node of their own; they resolve here as `broader`.
    """

    slug: str
    name: str
    parent: str | None
    level: Level
    malignancy: Malignancy | None
    synonyms: tuple[str, ...] = ()
    xrefs: tuple[str, ...] = ()
    narrower: tuple[str, ...] = ()


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
        return self.by_key.get(normalize(text))

    def named_in(self, text: str) -> list[str]:
        """Every node that some of the text's words in a row name, the leftmost and longest first."""
        words = normalize(text).split()
        parts = (" ".join(words[i:j]) for i in range(len(words)) for j in range(len(words), i, -1))
        return [slug for part in parts if (slug := self.by_key.get(part) or self.narrower.get(part))]

    def worse_in(self, text: str, slug: str) -> bool:
        """True when the text names a diagnosis that is worse than `slug`: "... with lentigo maligna" than a nevus."""
        ranks = [_RANKS.get(self.malignancy(each) or "", 0) for each in (slug, *self.named_in(text))]
        return max(ranks) > ranks[0]

    def fuller(self, text: str, words: str, slug: str) -> str:
        """The node of the longest name in `text` that holds all `words`, where it is no kind of `slug`; else `slug`.

        "Juvenile melanoma of nose" is no melanoma, though "melanoma" is left when age and site are dropped.
        """
        own, kept = normalize(text).split(), set(words.split())
        for length in range(len(own), len(kept), -1):
            for part in (own[start : start + length] for start in range(len(own) - length + 1)):
                name = " ".join(part)
                if kept <= set(part) and (found := self.by_key.get(name) or self.narrower.get(name)):
                    return slug if slug in self.path(found) else found
        return slug

    def across(self, text: str, head: str) -> str | None:
        """The node of the longest name in `text` that begins in its first words, `head`, and ends behind them.

        "Giant mucous cyst of oral mucosa" is a mucous cyst of oral mucosa, not what "mucous cyst" alone means.
        """
        words, cut = normalize(text).split(), len(normalize(head).split())

        def found(start: int, end: int) -> str | None:
            name = " ".join(words[start:end])
            return self.by_key.get(name) or self.narrower.get(name)

        first = next((start for start in range(cut) if found(start, cut)), 0)  # where the name in the head begins
        spans = ((start, end) for start in range(first + 1) for end in range(len(words), cut, -1))
        return next((slug for span in spans if (slug := found(*span))), None)

    def hierarchical_credit(self, predicted: str, truth: str) -> float:
        """How near two diagnoses are.

        1 equal; 0.5 same parent, or one is the other's parent; 0.25 they meet one step higher (same grandparent, or
        one is the other's grandparent or its sibling's child); else 0.
        """
        chain_p, chain_t = (self.path(slug)[::-1] for slug in (predicted, truth))
        for steps, credit in ((1, 1.0), (2, 0.5), (3, 0.25)):
            if set(chain_p[:steps]) & set(chain_t[:steps]):
                return credit
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
    def by_key(self) -> dict[str, str]:
        """Normalized preferred name, slug or synonym -> slug; a name wins over a synonym."""
        return {**self.synonyms, **self.names}

    @cached_property
    def narrower(self) -> dict[str, str]:
        """Normalized term for a kind without a node of its own -> slug of the node that covers it."""
        return {normalize(text): slug for slug, node in self.nodes.items() for text in node.narrower}

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every word of a name, synonym or narrower term, normalized."""
        return frozenset(word for text in (*self.by_key, *self.narrower) for word in text.split())

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
    """Read `knowledge/diagnoses.tsv` and `knowledge/xrefs.tsv` once."""
    file = KNOWLEDGE / "diagnoses.tsv"
    xrefs: dict[str, list[str]] = {}
    for row in read_tsv(KNOWLEDGE / "xrefs.tsv"):
        xrefs.setdefault(row["diagnosis"], []).append(row["id"])
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
            xrefs=tuple(xrefs.get(row["slug"], ())),
            narrower=many(row["narrower"]),
        )
        for row in read_tsv(file)
    }
    return Ontology(nodes, version)
