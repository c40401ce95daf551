"""Names with one slip of the pen: "melenoma", "vitilligo", "psoraisis".

A slip is one vowel for another, a letter doubled or not, or two neighbours that changed places: the consonants stay as they
are. That tells a slip from the name of another disease, which likeness alone does not.
"""

import re
from functools import lru_cache

from skin_r1.ontology import load_ontology, normalize

_SHORTEST = 7  # letters of a name; shorter ones are too near to others
_LONGEST = 60


def slip_of(text: str) -> str | None:
    """The slug of the one name that the text is a slip of, or None.

    >>> slip_of("melenoma"), slip_of("parakeratosis")
    ('melanoma', None)
    """
    key = normalize(text)
    if key in load_ontology().by_key or not _SHORTEST <= len(key) <= _LONGEST:
        return None
    slugs = {slug for name, slug in _by_consonants().get(_consonants(key), ()) if _one_slip(key, name)}
    return next(iter(slugs)) if len(slugs) == 1 else None


def _consonants(key: str) -> str:
    bare = re.sub(r"[aeiouy]", "", key)
    return re.sub(r"(\w)\1+", r"\1", bare)


@lru_cache(maxsize=1)
def _by_consonants() -> dict[str, list[tuple[str, str]]]:
    out: dict[str, list[tuple[str, str]]] = {}
    for name, slug in load_ontology().by_key.items():
        if len(name) >= _SHORTEST:
            out.setdefault(_consonants(name), []).append((name, slug))
    return out


def _one_slip(text: str, name: str) -> bool:
    """True where one letter is wrong, missing or too many, or two neighbours changed places."""
    if abs(len(text) - len(name)) > 1:
        return False
    start = next((at for at, (a, b) in enumerate(zip(text, name, strict=False)) if a != b), min(len(text), len(name)))
    rest, other = text[start:], name[start:]
    return rest[1:] in (other, other[1:]) or rest == other[1:] or rest[:2][::-1] + rest[2:] == other
