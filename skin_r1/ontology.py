"""The way from any dataset's label to one node of the tree of diagnoses.

The tree is a file (`knowledge/diagnoses.tsv`, see `skin_r1.taxonomy`), as are the mappings of each dataset's codes and
odd spellings (`knowledge/mappings/*.sssom.tsv`). Lookups are exact after `normalize`; likeness only ever proposes
candidates, because no threshold separates right from wrong pairs: "porokeratosis actinic" is as close to "actinic
keratosis", which it is not, as "naevus sebaceus" is to "nevus sebaceous", which it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from skin_r1.labels import LabelForm, alarms, contradicts, looser_forms, read_label
from skin_r1.likeness import nearest
from skin_r1.taxonomy import LEVELS, MALIGNANCIES, Level, Malignancy, Node, Ontology, load_ontology
from skin_r1.wording import KNOWLEDGE, canonical_word, normalize, read_tsv

__all__ = [
    "LEVELS",
    "MALIGNANCIES",
    "Level",
    "Malignancy",
    "Match",
    "Node",
    "Ontology",
    "Resolution",
    "load_ontology",
    "normalize",
    "resolve",
]

Match = Literal["exact", "synonym", "code", "broader", "none"]


@dataclass(frozen=True)
class Resolution:
    """Where a label leads.

    Attributes:
        label: the label as given.
        diagnosis: slug, or None when nothing committed names the label.
        path: slugs from coarse to fine, ending in `diagnosis`; empty without one.
        malignancy: of `diagnosis`, or None.
        match: `exact` (preferred name or slug), `synonym`, `code` (a dataset's own code), `broader` (the node is wider
            than the label, the label names it with doubt, or it covers several diagnoses), `none`.
        via: the committed text or mapping file that decided, or why nothing did.
        named: for a label that names diagnoses without being one of them ("r/o melanoma", "A vs B"), their slugs.
    """

    label: str
    diagnosis: str | None
    path: tuple[str, ...]
    malignancy: Malignancy | None
    match: Match
    via: str | None = None
    named: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[str, ...]:
        """Without a diagnosis: what the label names, else up to five slugs that look alike; never used by the program."""
        if self.diagnosis is not None or read_label(self.label).kind == "nothing":
            return ()
        return self.named or nearest(normalize(self.label))


# Words that say where or how sure, not what: dropping them leaves the same diagnosis.
_EMPTY = frozenset("skin cutaneous nos unspecified disorder disease the a an of".split())
# Words that narrow a diagnosis without turning it into another one: dropping them leaves a broader node.
_NARROWING = frozenset(
    "nodular superficial pigmented multiple solitary early advanced recurrent acute chronic localized generalized "
    "invasive ulcerated inflamed irritated traumatized giant small large type variant lesion mild moderate "
    "severe familial hereditary idiopathic classic common well moderately poorly differentiated "
    "face facial scalp lip ear nose trunk back hand foot finger nail genital acral oral eyelid leg arm neck".split()
)


_ABBREVIATION = re.compile(r"[A-Z/]{1,6}")
_PRIVATE = frozenset({"derm12345"})  # codes of two letters: elsewhere "pg" is pyoderma gangrenosum
_SORTS = {"inflammatory": "non-neoplastic", "nonneoplastic": "non-neoplastic"}


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
    # Brackets that hold an abbreviation or a filing word add nothing; any other qualifier narrows (see `_wider`).
    bare = re.sub(r"[\[(]([A-Z]{2,6}|disorder|finding|morphologic abnormality)[\])]", " ", label)
    if bare != label:
        yield bare
    if inside := re.fullmatch(r"\s*([^()]+?)\s*\(([^()]+)\)\s*", label):  # "SK (seborrheic keratosis)"
        yield from (one for one, other in (inside.groups(), inside.groups()[::-1]) if _ABBREVIATION.fullmatch(other))
    left, dash, right = label.partition(" - ")
    if dash:
        yield f"{right} {left}"
        yield from (part for part, other in ((right, left), (left, right)) if _ABBREVIATION.fullmatch(other.strip()))
    for each in (label, bare, f"{tail} {head}"):
        words = normalize(each).split()
        while words and words[-1] in _EMPTY:
            words.pop()
        yield " ".join(words[1:] if words and words[0] in _EMPTY else words)
    # File and class names: "Darier_s_Disease", "BasalCellCarcinoma", "herpes-zoster-12".
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"(?<=\w)[ _-]s(?=[ _-])", "", label))
    yield re.sub(r"[ _-]*\d+$", "", spaced)


def _wider(label: str) -> Iterator[str]:
    """Texts that name something wider than the label: its head before a comma or bracket, fewer narrowing words."""
    yield re.split(r"[,;(\[]| - ", label)[0]
    words = [word for word in normalize(label).split() if word not in _EMPTY]
    yield " ".join(word for word in words if word not in _NARROWING)


@cache
def _by_words() -> dict[tuple[str, ...], str]:
    """Sorted words of a name -> slug, where no other node's name has the same words."""
    tree = load_ontology()
    owners: dict[tuple[str, ...], set[str]] = {}
    for text, slug in (*tree.names.items(), *tree.synonyms.items()):
        words = [word for word in text.split() if word not in _EMPTY]
        if len(words) > 1:
            owners.setdefault(tuple(sorted(words)), set()).add(slug)
    return {words: next(iter(slugs)) for words, slugs in owners.items() if len(slugs) == 1}


def _named(label: str) -> str | None:
    """The node that a label names in one of its committed rewritings."""
    tree = load_ontology()
    if found := next((slug for form in _forms(label) if (slug := tree.lookup(form))), None):
        return found
    words = [word for word in normalize(label).split() if word not in _EMPTY]
    if slug := _by_words().get(tuple(sorted(words))):
        return slug
    # "malignant melanoma, superficial spreading": the sort is said twice
    for sort in {"malignant", "benign"} & set(words):
        rest = [word for word in words if word != sort]
        slug = _by_words().get(tuple(sorted(rest))) or tree.lookup(" ".join(rest))
        if slug and tree.malignancy(slug) == sort:
            return slug
    return None


@lru_cache(maxsize=1 << 16)  # datasets repeat their labels
def resolve(label: str, dataset: str | None = None) -> Resolution:
    """Find the node that a dataset's label means.

    The order is: the dataset's own committed table, exact names and synonyms, an ISIC path, harmless rewritings
    (comma inversion, word order, `NOS`), codes on which all tables agree, the label's grammar (doubt, denial, lists; see
    `skin_r1.labels`), then a wider node (`broader`). Never by likeness, and never to a node of another malignancy than
    the words left out speak of.

    Args:
        label: as the dataset writes it: a name, a code or an ISIC path such as `Benign:...:Nevus:Blue nevus`.
        dataset: name of the dataset, if known; `ham10000` and `HAM-10000` are the same.
    """
    tree = load_ontology()
    key = normalize(label)
    own = _mappings().get(_dataset_key(dataset), {}) if dataset else {}
    if key in own:
        return _answer(label, *own[key])
    form = read_label(label)
    if "?" in label and form.kind != "plain":  # `normalize` does not see it
        return _composite(label, form, dataset)
    if key in tree.names:
        return _answer(label, tree.names[key], "exact", key)
    if found := _isic(label):
        return found
    if slug := _named(label):
        return _answer(label, slug, "synonym", key)
    codes = {table[key] for name, table in _mappings().items() if key in table and name not in _PRIVATE}
    if len({slug for slug, _, _ in codes}) == 1:
        return _answer(label, *sorted(codes, key=str)[0])
    if form.kind != "plain":
        return _composite(label, form, dataset)
    for text in (*_forms(label), *_wider(label)):
        words = normalize(text)
        slug = tree.narrower.get(words) or tree.lookup(text)
        if slug and not contradicts(_without(label, words), tree.malignancy(slug)):
            return _answer(label, slug, "broader", words)
    for form in looser_forms(label):
        found = _composite(label, form, dataset)
        if found.diagnosis:
            return found
    return Resolution(label, None, (), None, "none")


def _answer(label: str, slug: str | None, match: Match, via: str) -> Resolution:
    if slug is None:
        return Resolution(label, None, (), None, "none", via)
    tree = load_ontology()
    return Resolution(label, slug, tree.path(slug), tree.malignancy(slug), match, via)


def _isic(label: str) -> Resolution | None:
    """The deepest known node of a colon-joined path; a path that ends on a shelf says no more than the shelf."""
    tree = load_ontology()
    parts = [part.strip() for part in label.split(":")]
    for end in range(len(parts), 0, -1):
        path = ":".join(parts[:end])
        if slug := tree.isic_paths.get(path) or (_named(parts[end - 1]) if end > 1 else None):
            if {parts[0].casefold(), tree.malignancy(slug)} == {"benign", "malignant"}:
                return Resolution(label, None, (), None, "none", "sorted", (slug,))
            whole = end == len(parts) and tree.nodes[slug].level in ("diagnosis", "subtype")
            return _answer(label, slug, "synonym" if whole else "broader", path)
    return None


def _composite(label: str, form: LabelForm, dataset: str | None) -> Resolution:
    """A label that is more than a name; `broader` at best."""
    tree = load_ontology()
    parts = [resolve(part, dataset) for part in form.parts]
    if form.kind == "several" and parts[-1].diagnosis:  # "allergic or irritant contact dermatitis": a shared last word
        last = form.parts[-1].split()
        for at, part in enumerate(parts[:-1]):
            whole = (resolve(f"{part.label} {' '.join(last[k:])}", dataset) for k in range(1, len(last)))
            parts[at] = part if part.diagnosis else next((found for found in whole if found.diagnosis), part)
    slugs = tuple(dict.fromkeys(part.diagnosis for part in parts if part.diagnosis))
    unsure = Resolution(label, None, (), None, "none", form.kind, slugs)
    if form.kind == "hedged" and slugs:
        return _answer(label, slugs[0], "broader", "hedged")
    if form.kind == "headed" and parts[0].diagnosis:
        return unsure if alarms(form.parts[1], parts[0].malignancy) else _answer(label, slugs[0], "broader", "headed")
    if form.kind == "sorted" and parts[1].diagnosis:
        sort = re.sub(r"^pre[- ]", "pre", form.parts[0].casefold())
        agrees = sort == "other" or parts[1].malignancy == _SORTS.get(sort, sort)
        return _answer(label, parts[1].diagnosis, "broader", "sorted") if agrees else unsure
    if form.kind == "several" and len(slugs) and all(part.diagnosis for part in parts):
        common = [shelf for shelf in tree.path(slugs[0]) if all(shelf in tree.path(slug) for slug in slugs)]
        alike = {tree.malignancy(slug) for slug in (*slugs, *common[-1:])}
        if common and len(alike) == 1:
            return _answer(label, common[-1], "broader", "several")
    return unsure


def _without(label: str, words: str) -> str:
    """The words of a label that a shorter form leaves out."""
    kept = set(words.split())
    return " ".join(word for word in re.findall(r"[^\W_]+", label) if canonical_word(word) not in kept)
