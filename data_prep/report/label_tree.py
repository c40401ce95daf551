"""The ontology's tree with the cases of a corpus counted in."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from skin_r1.ontology import MALIGNANCIES, load_ontology

NODES = 1500
"""Nodes that are kept; of a larger tree the ones with the fewest cases are left out."""
Splits = tuple[int, ...]


@dataclass(frozen=True)
class Branch:
    """A node of the tree with cases.

    Attributes:
        slug, name: of the diagnosis; a slug that this version of the ontology lacks is its own name.
        malignancy: of the node; None where the tree does not say.
        turns: the malignancy is another one than the parent's.
        own: cases labeled with exactly this node.
        counts: cases of this node and all below it, by split.
        kinds: the same cases by their own malignancy, in the ontology's order, None last; only what there is.
        children: with cases, most first.
        hidden: children with cases that are left out here.
    """

    slug: str
    name: str
    malignancy: str | None
    turns: bool
    own: int
    counts: Splits
    kinds: tuple[tuple[str | None, int], ...]
    children: tuple["Branch", ...] = ()
    hidden: int = 0

    @property
    def total(self) -> int:
        """Cases of all splits."""
        return sum(self.counts)


def label_tree(cases: Mapping[str, Splits], limit: int = NODES) -> tuple[Branch, ...]:
    """Roots of the tree, most cases first; slugs unknown to the ontology stand as roots of their own.

    Args:
        cases: diagnosis -> cases by split.
        limit: nodes to keep.
    """
    tree = load_ontology()

    def malignancy(slug: str | None) -> str | None:
        return tree.malignancy(slug) if slug is not None and slug in tree.nodes else None

    sums: dict[str, list[int]] = {}
    kinds: dict[str, Counter[str | None]] = {}
    depth: dict[str, int] = {}
    for slug, counts in cases.items():
        path = tree.path(slug) if slug in tree.nodes else (slug,)
        for level, node in enumerate(path):
            depth[node] = level
            below = sums.setdefault(node, [0] * len(counts))
            kinds.setdefault(node, Counter())[malignancy(slug)] += sum(counts)
            below[:] = [a + b for a, b in zip(below, counts, strict=True)]
    # a parent has at least its child's cases and less depth, so that what is kept hangs together
    ranked = sorted(sums, key=lambda slug: (-sum(sums[slug]), depth[slug], slug))
    kept = set(ranked[:limit])
    below_of: dict[str | None, list[str]] = {}
    for slug in ranked:
        below_of.setdefault(tree.nodes[slug].parent if slug in tree.nodes else None, []).append(slug)

    def branch(slug: str) -> Branch:
        known = slug in tree.nodes
        parent = tree.nodes[slug].parent if known else None
        children = below_of.get(slug, [])
        shown = tuple(branch(child) for child in children if child in kept)
        return Branch(
            slug,
            tree.name(slug) if known else slug,
            malignancy(slug),
            malignancy(slug) != malignancy(parent),
            sum(cases.get(slug, ())),
            tuple(sums[slug]),
            tuple((kind, kinds[slug][kind]) for kind in (*MALIGNANCIES, None) if kinds[slug][kind]),
            shown,
            len(children) - len(shown),
        )

    return tuple(branch(slug) for slug in below_of.get(None, []) if slug in kept)
