"""Names that look alike, for a person to judge: never a decision of the program.

Letter triples are indexed once, so that a label is compared with the few names that share some, not with all.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from skin_r1.taxonomy import load_ontology
from skin_r1.wording import normalize

LEAST = 0.3  # share of triples in common below which two names do not look alike


def nearest(key: str, limit: int = 5) -> tuple[str, ...]:
    """Slugs whose names share most letter triples with `key` (Dice coefficient), most alike first.

    Args:
        key: a label after `wording.normalize`.
        limit: at most so many.
    """
    postings, sizes, slugs = _index()
    triples = _triples(key)
    shared = [postings[triple] for triple in triples if triple in postings]
    if not shared:
        return ()
    dice = 2.0 * np.bincount(np.concatenate(shared), minlength=len(sizes)) / (sizes + len(triples))  # [names]
    best = np.argsort(-dice, kind="stable")[: 4 * limit]
    return tuple(dict.fromkeys(slugs[i] for i in best if dice[i] >= LEAST))[:limit]


def likeness(label: str, slug: str) -> float:
    """Largest Dice coefficient between the label's triples and those of one of the node's names, in [0, 1]."""
    node, own = load_ontology().nodes[slug], _triples(normalize(label))
    texts = (slug, node.name, *node.synonyms, *node.narrower)
    return max(2 * len(own & other) / (len(own) + len(other)) for other in map(_triples, map(normalize, texts)))


def misspelt(label: str, dropped: str, slug: str) -> bool:
    """True when a word left out is in no name and the whole label looks like a name of another malignancy.

    Likeness may only forbid: "juvenila melanoma" is no melanoma, as "juvenile melanoma" is a Spitz nevus.
    """
    tree = load_ontology()
    if all(word in tree.vocabulary for word in normalize(dropped).split()):
        return False
    key = normalize(label)
    return any(
        tree.malignancy(other) != tree.malignancy(slug) and likeness(key, other) > 0.7 for other in nearest(key)
    )


def _triples(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


@cache
def _index() -> tuple[dict[str, NDArray[np.int64]], NDArray[np.float64], tuple[str, ...]]:
    """Triple -> rows of the names that hold it; number of triples per name; slug per name."""
    tree = load_ontology()
    texts = {**tree.narrower, **tree.synonyms, **tree.names}
    lists: dict[str, list[int]] = {}
    sizes = []
    for row, text in enumerate(texts):
        own = _triples(text)
        sizes.append(len(own))
        for triple in own:
            lists.setdefault(triple, []).append(row)
    postings = {triple: np.array(rows, dtype=np.int64) for triple, rows in lists.items()}
    return postings, np.array(sizes, dtype=np.float64), tuple(texts.values())
