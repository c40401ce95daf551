"""The way from any dataset's label to one node of the tree of diagnoses.

The tree is a file (`knowledge/diagnoses.tsv`, see `skin_r1.taxonomy`), as are the mappings of each dataset's codes and
odd spellings (`knowledge/mappings/*.sssom.tsv`). Lookups are exact after `normalize`; likeness only ever proposes
candidates, because no threshold separates right from wrong pairs: "porokeratosis actinic" is as close to "actinic
keratosis", which it is not, as "naevus sebaceus" is to "nevus sebaceous", which it is.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from skin_r1.forms import beginnings, by_words, endings, folders, kind_of, named, narrowing, stripped, unfiled, wider
from skin_r1.labels import (
    LabelForm,
    alarms,
    contradicts,
    elsewhere,
    headed,
    left_out,
    listed,
    read_label,
    unfit,
    unlike,
)
from skin_r1.likeness import misspelt, nearest
from skin_r1.mappings import Match, dataset_key, mappings, public_codes
from skin_r1.taxonomy import LEVELS, MALIGNANCIES, Level, Malignancy, Node, Ontology, load_ontology
from skin_r1.wording import normalize

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


_SORTS = {"inflammatory": "non-neoplastic", "nonneoplastic": "non-neoplastic"}
LONGEST = 400  # characters of a label
_UNSEEN = frozenset("?=:")  # signs that `normalize` drops
_GRADES = {"premalignant", "malignant"}
_ISIC_ROOTS = ("benign", "malignant", "indeterminate")


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
    key = normalize(label)
    own = mappings().get(dataset_key(dataset), {}) if dataset else {}
    if key in own:
        return _answer(label, *own[key])
    if len(label) > LONGEST:  # a sentence is no label
        return Resolution(label, None, (), None, "none", "too long")
    if found := _isic(label) or _outright(label, key):
        return found
    if (bare := unfiled(label)) != label and bare:
        return replace(resolve(bare, dataset), label=label)
    form = read_label(label)
    asks = form.kind in ("denied", "open", "hedged") and not _UNSEEN.isdisjoint(label)
    if not asks:
        if slug := named(label):
            return _answer(label, slug, "exact" if key in load_ontology().names else "synonym", key)
        if slug := load_ontology().narrower.get(key):
            return _answer(label, slug, "broader", key)
        codes = public_codes(key)
        if len({slug for slug, _, _ in codes}) == 1:
            return _answer(label, *sorted(codes, key=str)[0])
    if form.kind != "plain":
        return _composite(label, form, dataset)
    return (
        _wide(label, key, dataset)
        or _ending(label)
        or _less(label, dataset)
        or Resolution(label, None, (), None, "none")
    )


def _outright(label: str, key: str) -> Resolution | None:
    """The node whose name or synonym the label is, where no sign that `normalize` drops may ask or deny."""
    tree = load_ontology()
    if not _UNSEEN.isdisjoint(label):
        return None
    if slug := tree.by_key.get(key):
        return _answer(label, slug, "exact" if key in tree.names else "synonym", key)
    return _answer(label, tree.narrower[key], "broader", key) if key in tree.narrower else None


def _wide(label: str, key: str, dataset: str | None) -> Resolution | None:
    """A node wider than the label: a kind of it, a list's shelf, its head, or its name without narrowing words."""
    tree = load_ontology()
    if slug := tree.narrower.get(key) or kind_of(label):
        return _answer(label, slug, "broader", key)
    if (several := listed(label)) and all(named(part) or kind_of(part) for part in several.parts):
        return _composite(label, several, dataset)
    for text in wider(label):
        words = normalize(text)
        slug = tree.narrower.get(words) or named(text) or kind_of(text)
        dropped = left_out(label, words) if slug else ""
        again = tree.lookup(dropped) or tree.narrower.get(normalize(dropped))  # "AK (senile keratosis)" says it twice
        if slug and again and slug in tree.path(again):
            return _answer(label, again, "broader", words)
        if slug is None or unfit(dropped, tree.malignancy(slug)) or elsewhere(label, dropped):
            continue
        others = tree.named_in(dropped)  # "BCC (eczema)" is no wide name of either
        known = others or "(" in label or not unlike(dropped)
        if known and all(other in tree.path(slug) or slug in tree.path(other) for other in others):
            slug = tree.fuller(label, words, slug)
            return None if alarms(dropped, tree.malignancy(slug)) else _answer(label, slug, "broader", words)
    forms = (*headed(label), *([several] if several else []))
    return next((found for form in forms if (found := _composite(label, form, dataset)).diagnosis), None)


def _ending(label: str) -> Resolution | None:
    """The node of the label's last words, after adjectives that make it no other one; or before a Latin adjective."""
    tree = load_ontology()
    for dropped, text in (*endings(label), *beginnings(label)):
        slug, last = tree.by_key.get(text) or tree.narrower.get(text), text.split()[-1]
        rivals = {by_words([word, last]) for word in dropped.split()} - {None, slug}  # "blue dermal nevus"
        another = last in ("syndrome", "disease") and not narrowing(dropped)  # Hay-Wells syndrome, not Wells'
        if not slug or rivals or another or tree.named_in(dropped) or unlike(dropped) or elsewhere(label, dropped):
            continue
        slug = tree.fuller(label, text, slug)
        if not unfit(dropped, tree.malignancy(slug)):
            return None if misspelt(label, dropped, slug) else _answer(label, slug, "broader", text)
    return None


def _less(label: str, dataset: str | None) -> Resolution | None:
    """What the label says without its idle tail ("..., type A"), or in its last folder ("train/alm/")."""
    if (bare := stripped(label)) not in ("", label) and (found := resolve(bare, dataset)).diagnosis:
        return replace(found, label=label, match="broader")
    if path := folders(label):
        found, above = resolve(path[1], dataset), path[0]
        named_above = [slug for slug in load_ontology().named_in(above) if slug not in found.path]
        if found.diagnosis and not named_above and not contradicts(above, found.malignancy):
            return replace(found, label=label, match="broader")
    return None


def _answer(label: str, slug: str | None, match: Match, via: str) -> Resolution:
    if slug is None:
        return Resolution(label, None, (), None, "none", via)
    tree = load_ontology()
    return Resolution(label, slug, tree.path(slug), tree.malignancy(slug), match, via)


def _isic(label: str) -> Resolution | None:
    """The deepest known node of a path below an ISIC root; one that ends on a shelf says no more than the shelf."""
    tree = load_ontology()
    parts = [part.strip() for part in re.split(":+", label)] if ":" in label or label in tree.isic_paths else [""]
    if parts[0].casefold() not in _ISIC_ROOTS:
        return None
    for end in range(len(parts), 0, -1):
        path = ":".join(parts[:end])
        if slug := tree.isic_paths.get(path) or (named(parts[end - 1]) if end > 1 else None):
            if {parts[0].casefold(), tree.malignancy(slug)} == {"benign", "malignant"}:
                return Resolution(label, None, (), None, "none", "sorted", (slug,))
            whole = end == len(parts) and tree.nodes[slug].level in ("diagnosis", "subtype")
            return _answer(label, slug, "synonym" if whole else "broader", path)
    return None


def _composite(label: str, form: LabelForm, dataset: str | None) -> Resolution:
    """A label that is more than a name; `broader` at best."""
    tree = load_ontology()
    parts = [resolve(part, dataset) for part in (form.parts[:1] if form.kind == "headed" else form.parts)]
    if form.kind == "several" and parts[-1].diagnosis:  # "allergic or irritant contact dermatitis": a shared last word
        last = form.parts[-1].split()
        for at, part in enumerate(parts[:-1]):
            longer = (resolve(f"{part.label} {' '.join(last[k:])}", dataset) for k in range(1, len(last)))
            parts[at] = part if part.diagnosis else next((found for found in longer if found.diagnosis), part)
    slugs = tuple(dict.fromkeys(part.diagnosis for part in parts if part.diagnosis))
    unsure = Resolution(label, None, (), None, "none", form.kind, slugs)
    first, last_slug = parts[0].diagnosis if parts else None, parts[-1].diagnosis if parts else None
    if form.kind == "hedged" and first:
        return _answer(label, first, "broader", "hedged")
    if form.kind == "headed" and first:
        rest = form.parts[1]
        if (whole := tree.across(label, form.parts[0])) and first not in tree.path(whole):
            return unsure if alarms(label, tree.malignancy(whole)) else _answer(label, whole, "broader", "headed")
        astray = alarms(rest, parts[0].malignancy) or tree.worse_in(rest, first) or elsewhere(label, rest)
        return unsure if astray else _answer(label, first, "broader", "headed")
    if form.kind == "sorted" and last_slug:
        sort = _SORTS.get(form.parts[0].casefold().replace("-", ""), form.parts[0].casefold())
        clash = {sort, parts[-1].malignancy} in ({"benign", "malignant"}, {"non-neoplastic", "malignant"})
        return unsure if clash else _answer(label, last_slug, "broader", "sorted")
    if form.kind == "related" and (first := first or named(f"{form.parts[0]} disease")):
        shelves = [slug for slug in tree.path(first) if tree.nodes[slug].level in ("group", "family")]
        return _answer(label, shelves[-1], "broader", "related")
    if form.kind == "kinds" and last_slug and tree.nodes[last_slug].level in ("group", "family"):
        return _answer(label, last_slug, "broader", "kinds") if _under(slugs, last_slug) else unsure
    if form.kind in ("several", "kinds") and slugs and all(part.diagnosis for part in parts):
        common = [shelf for shelf in tree.path(slugs[0]) if _under(slugs, shelf)]
        alike = {tree.malignancy(slug) for slug in (*slugs, *common[-1:])}
        if common and (len(alike) == 1 or (alike == _GRADES and tree.nodes[common[-1]].level != "group")):
            return _answer(label, common[-1], "broader", "several")
    return unsure


def _under(slugs: tuple[str, ...], shelf: str) -> bool:
    return all(shelf in load_ontology().path(slug) for slug in slugs)
