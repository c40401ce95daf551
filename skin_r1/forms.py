"""Rewritings of a label that keep or widen its meaning, and the node that one of them names.

Inverted forms, brackets, abbreviations, file names and filing words are undone here; what a label says beyond a name
(doubt, denial, lists) is read in `skin_r1.labels`.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from skin_r1.mappings import public_codes
from skin_r1.taxonomy import load_ontology
from skin_r1.wording import normalize

# Words that say where or how sure, not what: dropping them leaves the same diagnosis.
_EMPTY = frozenset(
    "skin cutaneous nos unspecified disorder disease the a an of photo picture image case finding".split()
)
# Words that narrow a diagnosis without turning it into another one: dropping them leaves a broader node.
_NARROWING = frozenset(
    "nodular superficial pigmented hypopigmented multiple solitary early advanced recurrent residual acute chronic "
    "localized generalized disseminated invasive microinvasive ulcerated inflamed infected irritated traumatized "
    "giant small large type variant lesion mild moderate severe familial hereditary idiopathic classic common "
    "well moderately poorly differentiated primary eruptive linear infantile childhood juvenile adult totalis "
    "universalis nonbullous face facial scalp lip ear nose trunk truncal back hand foot finger nail subungual genital "
    "acral oral eyelid leg arm neck palmar plantar other specified".split()
)
# Words whose place in the name matters: "melanoma-like nevus" is no "nevus-like melanoma".
_ORDERED = frozenset("like mimic mimicking simulating with without in from on for arising and or to".split())
# One word that keeps its meaning after any adjective. Not "nevus", "wart" or "acne": a strawberry nevus is a hemangioma, a
# water wart molluscum, inverse acne hidradenitis.
_HEADS = frozenset(
    "melanoma psoriasis urticaria porokeratosis poroma keratoacanthoma morphea hidradenoma hemangioma lipoma "
    "dermatofibroma scabies vasculitis impetigo rosacea vitiligo neurofibroma angiosarcoma".split()
)
_ABBREVIATION = re.compile(r"[A-Za-z]?[A-Z][A-Z/]{1,5}")
_TAILS = re.compile(
    r",? (?:(?:of )?(?:other|unspecified)(?: or unspecified)? (?:sites?|parts?|cause|type|degree|location|organism)"
    r"|(?:un)?specified(?: site| cause)?|with(?:out)?(?: other)? complications?)\s*$",
    re.IGNORECASE,
)
_LEADS = re.compile(r"^\s*(?:other specified|other and unspecified|other|unspecified|certain)\s+", re.IGNORECASE)
_FILING = re.compile(r"[\[(](?:disorder|finding|morphologic abnormality|diagnosis)[\])]", re.IGNORECASE)
_CAMEL, _LONE_S = re.compile(r"(?<=[a-z])(?=[A-Z])"), re.compile(r"(?<=\w)[ _-]s(?=[ _-])")
_NUMBERED = re.compile(r"^\s*(?:\d+\s*[-.)]\s*|[A-Z]{2}-\s*)")
_COUNT = re.compile(r"\s*[ _-]*\d[\d.,]*k?\s*$")
_LETTERS = re.compile(r"[A-Za-z]+")
_DASH = re.compile(r"(.+?) - (.+)")
_CUT = re.compile(r"[,;(\[]| - ")
_BRACKETS = re.compile(r"\s*([^()\[\]]+?)\s*[(\[]([^()\[\]]+)[)\]]\s*")


def named(label: str) -> str | None:
    """The node that a label names outright or in a rewriting that keeps its meaning; None when it names none."""
    label = _FILING.sub(" ", label)
    if slug := load_ontology().lookup(label):
        return slug
    for pattern in (_BRACKETS, _DASH):
        if found := pattern.fullmatch(label):
            return _two(*found.groups())
    return rewritten(label)


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
    for form in _forms(label):
        if slug := tree.lookup(form):
            return slug
    words = _telling(label)
    if slug := by_words(words):
        return slug
    for sort in {"malignant", "benign"} & set(words):  # "malignant melanoma, superficial spreading": said twice
        rest = [word for word in words if word != sort]
        slug = by_words(rest) or tree.lookup(" ".join(rest))
        if slug and tree.malignancy(slug) == sort:
            return slug
    return None


def _forms(label: str) -> Iterator[str]:
    yield label
    head, comma, tail = label.partition(",")
    inverted = f"{tail} {head}"
    if comma:
        yield inverted
    for each in (label, inverted):
        words = normalize(each).split()
        while words and words[-1] in _EMPTY:
            words.pop()
        yield " ".join(words[1:] if words and words[0] in _EMPTY else words)
    # File and class names: "Darier_s_Disease", "BasalCellCarcinoma", "herpes-zoster-12", "3. Psoriasis - 1.25k".
    spaced = _CAMEL.sub(" ", _LONE_S.sub("", label))
    yield _COUNT.sub("", _NUMBERED.sub("", spaced))
    yield expanded(label)


def expanded(label: str) -> str:
    """The label with each abbreviation that names a node written out: "inflamed SK"."""
    tree = load_ontology()

    def full(match: re.Match[str]) -> str:
        slug = tree.lookup(match[0]) if _ABBREVIATION.fullmatch(match[0]) else None
        return tree.name(slug) if slug else match[0]

    return _LETTERS.sub(full, label)


def wider(label: str) -> Iterator[str]:
    """Texts that name something wider than the label: its head before a comma or bracket, fewer narrowing words."""
    bare = _LEADS.sub("", _TAILS.sub("", label))
    yield bare
    yield _CUT.split(bare)[0]
    if found := _BRACKETS.fullmatch(bare):  # "other disorders of skin (dermatofibroma)"
        yield found[2]
    for text in (bare, expanded(bare)):
        words = normalize(text).split()
        yield " ".join(word for word in words if word not in _NARROWING)
        yield " ".join(word for word in words if word not in _NARROWING | _EMPTY)


def endings(label: str) -> Iterator[tuple[str, str]]:
    """(adjectives, name): the last words after one to three others, where they mean the same whatever stands before."""
    words = normalize(expanded(label)).split()
    if not _ORDERED & set(words):
        for start in range(1, min(4, len(words))):
            if len(words) - start > 1 or words[start] in _HEADS:
                yield " ".join(words[:start]), " ".join(words[start:])


def by_words(words: list[str]) -> str | None:
    """The node with a name of exactly these words in any order, where there is only one and order means nothing."""
    return None if _ORDERED & set(words) else _unordered().get(tuple(sorted(words)))


@cache
def _unordered() -> dict[tuple[str, ...], str]:
    tree = load_ontology()
    owners: dict[tuple[str, ...], set[str]] = {}
    for text, slug in (*tree.names.items(), *tree.synonyms.items()):
        words = _telling(text)
        if len(words) > 1 and not _ORDERED & set(words):
            owners.setdefault(tuple(sorted(words)), set()).add(slug)
    return {words: next(iter(slugs)) for words, slugs in owners.items() if len(slugs) == 1}


def _telling(text: str) -> list[str]:
    return [word for word in normalize(text).split() if word not in _EMPTY]
