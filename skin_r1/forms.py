"""Rewritings of a label that keep or widen its meaning, and the node that one of them names.

Inverted forms, brackets, abbreviations, file names and filing words are undone here; what a label says beyond a name
(doubt, denial, lists) is read in `skin_r1.labels`.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from skin_r1.mappings import public_codes
from skin_r1.taxonomy import load_ontology
from skin_r1.wording import ANATOMY, EMPTY, NARROWING, SITES, normalize

_IDLE = (NARROWING, NARROWING | EMPTY, NARROWING | EMPTY | SITES)
# Words whose place in the name matters: "melanoma-like nevus" is no "nevus-like melanoma".
_ORDERED = frozenset("like mimic mimicking simulating with without in from on for arising and or to".split())
# One word that keeps its meaning after any adjective. Not "nevus", "wart" or "acne": a strawberry nevus is a hemangioma, a
# water wart molluscum, inverse acne hidradenitis.
_HEADS = frozenset(
    "melanoma psoriasis urticaria porokeratosis poroma keratoacanthoma morphea hidradenoma hemangioma lipoma "
    "dermatofibroma scabies vasculitis impetigo rosacea vitiligo neurofibroma angiosarcoma".split()
)
# Names that keep their meaning before a Latin adjective. Not "impetigo" (herpetiformis is psoriasis) nor "lupus".
_FIRST = frozenset(
    ("psoriasis", "psoriasis vulgaris", "lichen planus", "rosacea", "urticaria", "vitiligo", "ichthyosis", "porokeratosis",
     "alopecia areata", "herpes zoster", "lupus erythematosus", "seborrheic dermatitis", "acne vulgaris", "tinea capitis",
     "granuloma annulare", "verruca vulgaris", "pityriasis rosea", "pityriasis versicolor", "tinea corporis", "scabies"),
)  # fmt: skip
_LATIN = re.compile(r"(?:us|a|is|um|ans|ens|orum|arum)$")
_ABBREVIATION = re.compile(r"[A-Za-z]?[A-Z][A-Z/]{1,5}")
_TAILS = re.compile(
    r",? (?:(?:of )?(?:other|unspecified)(?: or unspecified)? (?:sites?|parts?|cause|type|degree|location|organism)"
    r"|(?:un)?specified(?: site| cause)?|with(?:out)?(?: other)? complications?"
    r"|not otherwise specified|NOS|NEC|n(?:[ãa]o|o)[- ]especificad[oa]"
    r"|(?:type|grade|level|stage|class|phase|HPV|p16|CD\d+|EBV|ALK)[- ]?(?:\d+|[IVX]+|[A-D]|positive|negative|[+-]))\s*$",
    re.IGNORECASE,
)
_LEADS = re.compile(
    r"^\s*(?:other (?:specified |forms? of |types? of )?|other (?:and|or) unspecified |unspecified |certain "
    r"|ou?tr[ao]s? |(?:acute )?(?:exacerbation|flare) of )",
    re.IGNORECASE,
)
_FILING = re.compile(r"[\[(](?:disorder|finding|morphologic abnormality|diagnosis|morphology)[\])]", re.IGNORECASE)
_MARKS = re.compile(r"^\s*(?:\[[A-Z]{1,2}\]|O/E\s*-)\s*|\s*\*+\s*$")
_CAMEL, _LONE_S = re.compile(r"(?<=[a-z])(?=[A-Z])"), re.compile(r"(?<=\w)[ _-]s(?=[ _-])")
_FILE = re.compile(
    r"(?:^|(?<=[/\\]))[^/\\]*\d[^/\\]*\.(?:jpe?g|png|bmp|tiff?)$|\.(?:jpe?g|png|bmp|tiff?)$", re.IGNORECASE
)
_FOLDERS = re.compile(r"[/\\]|__+|\s>\s")
_NUMBERED = re.compile(r"^\s*(?:\d+\s*[-.)]\s*|[A-Z]{2}-\s*)")
_COUNT = re.compile(r"\s*[ _-]*\d[\d.,]*k?\s*$")
_LETTERS, _CAPITALS = re.compile(r"[A-Za-z]+"), re.compile(r"[A-Z]{2}")
_ODD = re.compile(r"[a-z][A-Z]|\d|[ _-]s[ _-]|^[A-Z]{2}-")
_SLUG = re.compile(r"[a-z]+(?:-[a-z0-9]+){2,}")  # "keloid-and-hypertrophic-scar"
_DASH = re.compile(r"(.+?) - (.+)")
_CUT = re.compile(r"[,;(\[]| - ")
_ASIDE = re.compile(r"\s*\([^()]*\)\s*(?=\w)")
_BRACKETS = re.compile(r"\s*([^()\[\]]+?)\s*[(\[]([^()\[\]]+)[)\]]\s*")


@lru_cache(maxsize=1 << 14)
def named(label: str) -> str | None:
    """The node that a label names outright or in a rewriting that keeps its meaning; None when it names none."""
    label = unfiled(label)
    if slug := load_ontology().lookup(label):
        return slug
    for sign, pattern in (("(", _BRACKETS), ("[", _BRACKETS), (" - ", _DASH)):
        if sign in label and (found := pattern.fullmatch(label)):
            return _two(*found.groups())
    return rewritten(label)


def unfiled(label: str) -> str:
    """The label without the marks of code lists: "[M]Melanoma NOS", "Nevus (disorder)", "Freckles*"."""
    if "-" in label and _SLUG.fullmatch(label):
        return label.replace("-", " ")
    if not ("[" in label or "(" in label or label.endswith("*") or label.startswith("O/E")):
        return label
    return _MARKS.sub("", _FILING.sub(" ", label)).strip()


def _two(left: str, right: str) -> str | None:
    """The node of "SK (seborrheic keratosis)", "BCC (nodular)" or "SLE - systemic lupus erythematosus".

    Two names that do not lie on one path are two diagnoses, and none is chosen.
    """
    tree = load_ontology()
    first, second = rewritten(left), rewritten(right)
    if first and second:
        deeper = max(first, second, key=lambda slug: len(tree.path(slug)))
        return deeper if {first, second} <= set(tree.path(deeper)) else None
    if whole := rewritten(f"{right} {left}") or rewritten(f"{left} {right}"):
        return whole
    for slug, rest in ((first, right), (second, left)):
        codes = {code for code, _, _ in public_codes(normalize(rest))}
        if slug and _ABBREVIATION.fullmatch(rest.strip()) and codes <= {slug}:  # one that we do not know adds nothing
            return slug
    return None


@lru_cache(maxsize=1 << 14)  # the grammar comes back to the same parts
def rewritten(label: str) -> str | None:
    """As `named`, without a look at brackets and dashes."""
    tree = load_ontology()
    for key in form_keys(label):
        if slug := tree.by_key.get(key):
            return slug
    words = _telling(label)
    if (slug := by_words(words)) and not _bare(label, words):
        return slug
    for sort in {"malignant", "benign"} & set(words):  # "malignant melanoma, superficial spreading": said twice
        rest = [word for word in words if word != sort]
        slug = by_words(rest) or tree.lookup(" ".join(rest))
        if slug and tree.malignancy(slug) == sort:
            return slug
    return None


@lru_cache(maxsize=1 << 14)
def kind_of(label: str) -> str | None:
    """The node of which the label names a kind without a node of its own, in any form that keeps the meaning."""
    kinds, words = load_ontology().narrower, _telling(label)
    found = next((kinds[key] for key in form_keys(label) if key in kinds), None)
    return found or (None if _bare(label, words) else _kinds().get(_sorted(words)))


def _bare(label: str, words: list[str]) -> bool:
    """True for a part of the body or a look alone: "mast cell" is no "mast cell disease"."""
    return ANATOMY.issuperset(words) and len(words) == len(normalize(label).split())


@lru_cache(maxsize=1 << 14)
def form_keys(label: str) -> tuple[str, ...]:
    """The normalized forms of a label, the plain one first."""
    words = normalize(label).split()
    head, comma, tail = label.partition(",")
    turned = [*normalize(tail).split(), *normalize(head).split()] if comma else words
    keys = [" ".join(words), " ".join(turned)]
    for each in (words, turned):
        end = len(each)
        while end and each[end - 1] in EMPTY:
            end -= 1
        keys.append(" ".join(each[1 if end and each[0] in EMPTY else 0 : end]))
    if _ODD.search(label):  # "Darier_s_Disease", "BasalCellCarcinoma", "herpes-zoster-12", "3. Psoriasis - 1.25k"
        spaced = _CAMEL.sub(" ", _LONE_S.sub("", label))
        keys.append(normalize(_COUNT.sub("", _NUMBERED.sub("", spaced))))
    if (full := expanded(label)) != label:
        keys.append(normalize(full))
    return tuple(dict.fromkeys(keys))


def expanded(label: str) -> str:
    """The label with each abbreviation that names a node written out: "inflamed SK"; in capitals throughout it has none."""
    if not _CAPITALS.search(label) or (label.isupper() and " " in label):
        return label
    tree = load_ontology()

    def full(match: re.Match[str]) -> str:
        slug = tree.lookup(match[0]) if _ABBREVIATION.fullmatch(match[0]) else None
        return tree.name(slug) if slug else match[0]

    return _LETTERS.sub(full, label)


def stripped(label: str) -> str:
    """The label without words that only say that no more is known: "Other psoriasis", "..., unspecified", "type A"."""
    return _LEADS.sub("", _TAILS.sub("", label)).strip(" ,")


def folders(label: str) -> tuple[str, str] | None:
    """(folders, last folder) of a path such as "train/alm/ISIC_1.jpg" or "DERM__vascular__cherry_angioma", or None."""
    parts = [part.strip() for part in _FOLDERS.split(_FILE.sub("", label)) if part.strip()]
    return (" ".join(parts[:-1]), parts[-1]) if parts and parts != [label.strip()] else None


def wider(label: str) -> Iterator[str]:
    """Texts that name something wider than the label: its head before a comma or bracket, fewer narrowing words."""
    bare = stripped(label)
    yield bare
    yield _CUT.split(bare)[0]
    # "other disorders of skin (dermatofibroma)"
    if ("(" in bare or "[" in bare) and (found := _BRACKETS.fullmatch(bare)) and not rewritten(found[1]):
        yield found[2]
    if bare.find("(") > 0 and (aside := _ASIDE.sub(" ", bare)) != bare:  # "marginal zone (MALT) lymphoma"
        yield aside
    for text in dict.fromkeys((bare, expanded(bare))):
        words = normalize(text).split()
        before = len(words) + (text != bare)
        for idle in _IDLE:
            fewer = [word for word in words if word not in idle]
            if len(fewer) < before:  # else it was tried
                before = len(fewer)
                yield " ".join(fewer)


def narrowing(words: str) -> bool:
    """True when all words only narrow a diagnosis."""
    return NARROWING.issuperset(words.split())


def endings(label: str) -> Iterator[tuple[str, str]]:
    """(adjectives, name): the last words after one to three others, where they mean the same whatever stands before."""
    words = normalize(expanded(label)).split()
    if not _ORDERED & set(words):
        for start in range(1, min(4, len(words))):
            if len(words) - start > 1 or words[start] in _HEADS:
                yield " ".join(words[:start]), " ".join(words[start:])


def beginnings(label: str) -> Iterator[tuple[str, str]]:
    """(Latin adjective, name): a name before one adjective that makes it no other one: "psoriasis annularis"."""
    words = normalize(label).split()
    if len(words) > 1 and (name := " ".join(words[:-1])) in _FIRST and _LATIN.search(words[-1]):
        yield words[-1], name


def by_words(words: list[str]) -> str | None:
    """The node with a name of exactly these words in any order, where there is only one and order means nothing."""
    return None if not _ORDERED.isdisjoint(words) else _unordered().get(_sorted(words))


def _sorted(words: list[str]) -> tuple[str, ...]:
    return tuple(sorted(words))


@cache
def _unordered() -> dict[tuple[str, ...], str]:
    return _by_sorted_words((*load_ontology().names.items(), *load_ontology().synonyms.items()))


@cache
def _kinds() -> dict[tuple[str, ...], str]:
    return _by_sorted_words(load_ontology().narrower.items())


def _by_sorted_words(texts: Iterable[tuple[str, str]]) -> dict[tuple[str, ...], str]:
    owners: dict[tuple[str, ...], set[str]] = {}
    for text, slug in texts:
        words = _telling(text)
        if len(words) > 1 and not _ORDERED & set(words):
            owners.setdefault(_sorted(words), set()).add(slug)
    return {words: next(iter(slugs)) for words, slugs in owners.items() if len(slugs) == 1}


def _telling(text: str) -> list[str]:
    return [word for word in normalize(text).split() if word not in EMPTY]
