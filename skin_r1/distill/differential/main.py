"""`skin-r1 distill graph`: the look-alikes of a diagnosis, what tells two diagnoses apart, and the graph of a family."""

import argparse
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from skin_r1.differentials import Edge, neighbors
from skin_r1.distill.differential.graph import Telling, telling
from skin_r1.errors import problem
from skin_r1.ontology import load_ontology, resolve
from skin_r1.rules import load_rules
from skin_r1.vocabulary import concept_name

EXAMPLES = """\
Examples:
  skin-r1 distill graph psoriasis
  skin-r1 distill graph psoriasis --against "lichen planus"
  skin-r1 distill graph --family "papulosquamous disease" --format svg --out papulosquamous.svg
  skin-r1 distill graph melanoma --format dot | dot -Tpdf > melanoma.pdf

Names, synonyms and slugs of the ontology all do.
"""
FORMATS = ("text", "jsonl", "dot", "svg")


def node_of(text: str) -> str:
    """The slug that a name means.

    Raises:
        UserError: nothing committed names it; the message names what looks alike.
    """
    found = resolve(text)
    if found.diagnosis is None:
        near = ", ".join(found.candidates) or "nothing looks like it"
        raise problem("no diagnosis has this name", found=text, allowed=f"a name of the ontology; near: {near}")
    return found.diagnosis


def around(diagnosis: str, limit: int) -> list[Edge]:
    """The strongest edges of a diagnosis, and those among the neighbors that they lead to."""
    own = neighbors(diagnosis)[:limit]
    near = {edge.b for edge in own}
    return [*own, *(edge for slug in sorted(near) for edge in neighbors(slug) if edge.b in near and slug < edge.b)]


def family_edges(family: str, limit: int) -> list[Edge]:
    """The strongest edges with an end below a family (or any node), each once."""
    tree = load_ontology()
    members = {slug for slug in tree.nodes if family in tree.path(slug)}
    found = {tuple(sorted((edge.a, edge.b))): edge for slug in sorted(members) for edge in neighbors(slug)}
    return sorted(found.values(), key=lambda edge: (-edge.weight, edge.a, edge.b))[:limit]


def told(edge: Edge, most: int = 4) -> str:
    """In words: what speaks for either end, with the nats."""
    parts = []
    for slug in (edge.a, edge.b):
        tells = [tell for tell in telling(edge.a, edge.b) if tell.favors == slug][:most]
        if tells:
            findings = ", ".join(f"{concept_name(tell.finding)} {tell.strength:.1f}" for tell in tells)
            parts.append(f"      for {load_ontology().name(slug)}: {findings}")
    return "\n".join(parts) or "      nothing that we know tells them apart"


def listing(edges: Iterable[Edge]) -> str:
    """A table of edges that all begin at the same diagnosis."""
    tree = load_ontology()
    lines = [f"{'weight':>6}  {'look-alike':<44} why"]
    for edge in edges:
        lines += [f"{edge.weight:>6.2f}  {tree.name(edge.b):<44} {', '.join(edge.why)}", told(edge)]
    return "\n".join(lines)


def comparison(a: str, b: str) -> str:
    """Everything that tells two diagnoses apart, with what says so."""
    tree = load_ontology()
    quotes = {rule.id: rule.quote for rule in load_rules()}
    edge = next((edge for edge in neighbors(a) if edge.b == b), None)
    weight = f"weight {edge.weight:.2f}: {', '.join(edge.why)}" if edge else "not among each other's look-alikes"
    lines = [f"{tree.name(a)} or {tree.name(b)}: {weight}"]
    for tell in telling(a, b):
        odds = math.exp(tell.strength)
        lines.append(
            f"\n{concept_name(tell.finding)}: for {tree.name(tell.favors)}, {tell.strength:.2f} nats (odds x {odds:.1f})"
        )
        lines += [f"    {each}" + (f": {quotes[each]}" if each in quotes else "") for each in tell.basis]
    if len(lines) == 1:
        lines.append("nothing that we know tells them apart")
    return "\n".join(lines)


def dot(edges: Sequence[Edge]) -> str:
    """The edges in Graphviz's language."""
    tree = load_ontology()
    nodes = sorted({slug for edge in edges for slug in (edge.a, edge.b)})
    lines = ["graph differentials {", "  overlap=false; splines=true; node [shape=box style=rounded];"]
    lines += [f'  "{slug}" [label="{tree.name(slug)}"];' for slug in nodes]
    for edge in edges:
        tell = next(iter(telling(edge.a, edge.b)), None)
        label = f' label="{concept_name(tell.finding)}"' if tell else ""
        lines.append(f'  "{edge.a}" -- "{edge.b}" [weight={edge.weight} penwidth={1 + 5 * edge.weight:.1f}{label}];')
    return "\n".join([*lines, "}"])


def as_line(edge: Edge, tells: Sequence[Telling]) -> str:
    """One JSON line: the edge and what tells its ends apart."""
    return json.dumps({**asdict(edge), "tells": [asdict(tell) for tell in tells]})


def answer(options: argparse.Namespace) -> str:
    """The text of the whole answer."""
    family = node_of(options.family) if options.family else None
    slug = node_of(options.diagnosis) if options.diagnosis else None
    if slug and options.against:
        other = node_of(options.against)
        if options.format == "text":
            return comparison(slug, other)
        if options.format == "jsonl":
            return "\n".join(json.dumps(asdict(tell)) for tell in telling(slug, other))
        raise problem("a comparison has no drawing", found=options.format, allowed=("text", "jsonl"))
    edges = list(neighbors(slug)[: options.limit]) if slug else family_edges(family or "", options.limit)
    name = load_ontology().name(slug or family or "")
    if not edges:
        raise problem(f"no look-alike of {name} is known", next_step="name a diagnosis below or above it")
    if options.format == "jsonl":
        return "\n".join(as_line(edge, telling(edge.a, edge.b)) for edge in edges)
    if options.format == "text":
        heads = dict.fromkeys(edge.a for edge in edges)
        return "\n\n".join(
            f"{load_ontology().name(head)}\n{listing(e for e in edges if e.a == head)}" for head in heads
        )
    if slug:
        edges = around(slug, options.limit)
    if options.format == "dot":
        return dot(edges)
    from skin_r1.distill.differential.draw import svg

    tree = load_ontology()
    ends = {end for edge in edges for end in (edge.a, edge.b)}
    return svg(edges, [end for end in sorted(ends) if end == slug or (family and family in tree.path(end))])


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 distill graph`."""
    p = argparse.ArgumentParser(
        prog="skin-r1 distill graph",
        description="Which diagnoses are taken for one another, and by which findings they are told apart.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("diagnosis", nargs="?", metavar="DIAGNOSIS", help="list its look-alikes")
    p.add_argument("--against", metavar="OTHER", help="all that tells DIAGNOSIS from this one")
    p.add_argument("--family", help="the graph of a family and its look-alikes, instead of a DIAGNOSIS")
    p.add_argument("--limit", type=int, default=10, help="strongest edges to show (default 10)")
    p.add_argument("--format", choices=FORMATS, default="text")
    p.add_argument("--out", type=Path, help="write to this file instead of the screen")
    options = p.parse_args(argv)
    if bool(options.diagnosis) == bool(options.family):
        raise problem("name either a DIAGNOSIS or --family", next_step="skin-r1 distill graph psoriasis")
    if options.against and not options.diagnosis:
        raise problem("--against needs a DIAGNOSIS", next_step="skin-r1 distill graph psoriasis --against eczema")
    if options.limit < 1:
        raise problem("--limit is too small", found=options.limit, allowed="1 or more")
    text = answer(options).rstrip("\n")
    if options.out:
        if not options.out.parent.is_dir():
            raise problem("there is no such folder", file=options.out.parent, next_step="make it, or change --out")
        options.out.write_text(text + "\n", encoding="utf-8")
        print(f"wrote {options.out}")
    else:
        print(text)
    return 0
