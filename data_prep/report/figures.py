"""How numbers and texts are written, in the report and in the dataset card."""

import re

from skin_r1.ontology import load_ontology


def number(count: int | None) -> str:
    """`12,345`; a dash where nothing is known."""
    return "–" if count is None else f"{count:,}"


def share(part: int, whole: int) -> str:
    """Percent with one decimal and a space that does not break; never 0 or 100 where it is not."""
    if not whole or part in (0, whole):
        return "100\u00a0%" if whole and part else "0\u00a0%"
    return f"{min(max(100 * part / whole, 0.1), 99.9):.1f}\u00a0%"


def cut(text: str, length: int = 160) -> str:
    """The start of a long text."""
    return text if len(text) <= length else text[: length - 1] + "…"


def links(text: str) -> list[tuple[str, str | None]]:
    """Words of a text with their address, where a word is one of the web."""
    return [(cut(word, 80), word if re.match(r"https?://\w", word) else None) for word in text.split()]


def diagnosis_name(slug: str | None) -> str:
    """Preferred name of a diagnosis; the slug itself where this version of the ontology lacks it."""
    tree = load_ontology()
    return "no diagnosis" if slug is None else tree.name(slug) if slug in tree.nodes else slug
