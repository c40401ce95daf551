"""Which diagnoses are taken for one another: the edges of the differential graph (`knowledge/differentials.tsv`).

`benchmarks/build_differentials.py` makes the table, `docs/differentials.md` explains its weights, and
`skin_r1.distill.differential` works out which findings tell the two ends of an edge apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from skin_r1.errors import problem
from skin_r1.ontology import load_ontology
from skin_r1.wording import KNOWLEDGE, many, read_tsv


@dataclass(frozen=True)
class Edge:
    """Two diagnoses that are taken for one another.

    Attributes:
        a: ontology slug; the diagnosis that was asked for.
        b: ontology slug of its look-alike.
        weight: how readily, in (0, 1]; the same from both sides.
        why: the parts of the weight, `tree:siblings`, `findings:0.62`, `listed:41/180`; at least one.
    """

    a: str
    b: str
    weight: float
    why: tuple[str, ...]


def neighbors(diagnosis: str) -> tuple[Edge, ...]:
    """The look-alikes of a diagnosis, most alike first; empty where none is known.

    Raises:
        UserError: no such slug.
    """
    check_slug(diagnosis)
    return _edges().get(diagnosis, ())


def check_slug(diagnosis: str) -> None:
    """Refuse what is no diagnosis of the tree.

    Raises:
        UserError: no such slug.
    """
    if diagnosis not in load_ontology().nodes:
        raise problem(
            "there is no such diagnosis",
            found=diagnosis,
            allowed="a slug of the ontology",
            next_step="skin-r1 data resolve",
        )


@cache
def _edges() -> Mapping[str, tuple[Edge, ...]]:
    path = KNOWLEDGE / "differentials.tsv"
    out: dict[str, list[Edge]] = {}
    for row in read_tsv(path) if path.is_file() else ():  # the table is built from this package's other tables
        for a, b in ((row["a"], row["b"]), (row["b"], row["a"])):
            out.setdefault(a, []).append(Edge(a, b, float(row["weight"]), many(row["why"])))
    return {slug: tuple(sorted(edges, key=lambda edge: (-edge.weight, edge.b))) for slug, edges in out.items()}
