"""What a proposed rule must pass, and which of several rules on one pair is kept.

Whoever proposes a rule, a language model or `skin_r1.distill.books.lexicon`, the same checks decide: the quote stands in the
passage, it names the finding and the diagnosis, and it says of them what the role says.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from skin_r1.concepts import Mention, concept_name, concept_slug, load_concepts, mentions
from skin_r1.distill.books.passages import Passage, one_line
from skin_r1.mappings import Match
from skin_r1.ontology import load_ontology, resolve
from skin_r1.rules import Role, Rule
from skin_r1.scan import clauses

WORDS = 4, 80
"""Fewest and most words of a quote: fewer prove nothing, more are no one statement."""
_RARE = (
    r"(?<!not )(?<!\bnot so )\b(?:rare|rarely|uncommon|uncommonly|unusual|unusually|seldom|infrequent|infrequently|"
    r"exceptional|exceptionally)\b(?! (?:\w+ )?(?:disease|disorder|condition|tumor|tumour|neoplasm|cancer|variant|form)s?\b)"
)
RARITY = re.compile(_RARE, re.IGNORECASE)
DENIAL = re.compile(
    _RARE + r"|\b(?:absent|absence|exclud\w+|rules? out|ruled out|never|not|no|without|lacks?|lacking|argues? "
    r"against|speaks? against)\b",
    re.IGNORECASE,
)
NOT_RARE = re.compile(r"\bnot (?:so )?(?:uncommon|unusual|infrequent|rare)(?:ly)?\b", re.IGNORECASE)
FAVOR = re.compile(
    r"\b(?:typical(?:ly)?|classic(?:al)?(?:ly)?|characteri[sz]ed by|characteristic(?:ally)?|hallmarks?|pathognomonic|"
    r"usual|usually|always|invariably|most (?:patients|cases|lesions)|almost all|nearly all)\b",
    re.IGNORECASE,
)
_UNLIKE = re.compile(r"\b(?:unlike|in contrast to)\b", re.IGNORECASE)
# "The absence of comedones excludes acne" says that acne has comedones.
_NEEDED = re.compile(r"\b(?:absence of|lack of|without)\b[^.;]*\b(?:exclud\w+|rules? out|argues? against)\b", re.I)
_HISTOLOGY = re.compile(r"\b(?:histo\w*|biops\w*|microscopically|light microscopy|immunofluorescence)\b", re.I)
_CUT = re.compile(
    r"[.;:!?\n]|\b(?:but|whereas|while|although|though|however|unless)\b|"
    r",(?= (?:and )?(?:sometimes|often|occasionally|rarely|usually|typically|commonly|may|can)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Proposal:
    """A rule as somebody proposes it: names and quote unchecked."""

    diagnosis: str
    finding: str
    role: str
    modality: str
    quote: str


@dataclass(frozen=True)
class Named:
    """A diagnosis in a text: characters `start` to `end`."""

    slug: str
    start: int
    end: int


def named_diagnoses(text: str) -> tuple[Named, ...]:
    """The diagnoses that a text names, in order, the longest name at each place; upper shelves ("tumor") are left out.

    A name of up to three letters counts in capitals only, as its letters may spell another word.
    """
    tree, out = load_ontology(), []
    for clause in clauses(text):
        for span in clause.spans:
            slug, start, end = span.diagnosis, clause.starts[span.first], clause.ends[span.last - 1]
            if text[start:end].endswith(" is"):  # "SCC is" a verb, though "SCC IS" is short for in situ
                end -= 3
                slug = tree.lookup(text[start:end])
            said = text[start:end]
            if slug is not None and tree.nodes[slug].level != "group" and (len(said) > 3 or said.isupper()):
                out.append(Named(slug, start, end))
    return tuple(out)


def segment(text: str, at: int) -> str:
    """The part of a sentence around character `at`, between signs or words such as "but" that begin another statement."""
    cuts = [0, *(found.end() for found in _CUT.finditer(text)), len(text) + 1]
    return next(text[a:b] for a, b in zip(cuts, cuts[1:], strict=False) if a <= at < b)


def verify(proposal: Proposal, passage: Passage) -> tuple[Rule, Match] | str:
    """The rule with its quote as the passage prints it, and how the diagnosis resolved; or why it is not kept.

    Returns:
        A reason begins with its kind and a colon: `quote` (not in the passage, or too short or long), `diagnosis`
        (unknown, an upper shelf, or not what the text speaks of), `finding` (unknown, or not named in the quote),
        `polarity` (the quote says the contrary of the role), `modality` (not how this finding is seen).
    """
    if not WORDS[0] <= len(proposal.quote.split()) <= WORDS[1]:
        return f"quote: {len(proposal.quote.split())} words"
    place = _find(proposal.quote, passage.text)
    if place is None:
        return "quote: not in the passage"
    start, end = place
    quote = passage.text[start:end]
    found, tree = resolve(proposal.diagnosis), load_ontology()
    if found.diagnosis is None:
        return f"diagnosis: {proposal.diagnosis!r} is not in the ontology"
    if tree.nodes[found.diagnosis].level == "group":
        return f"diagnosis: {found.diagnosis} is an upper shelf"
    finding = concept_slug(proposal.finding)
    if finding is None:
        return f"finding: {proposal.finding!r} is not in the vocabulary"
    if not any(mention.slug == finding for mention in mentions(quote)):
        return f"finding: the quote does not name {concept_name(finding)}"
    if not _speaks_of(found.diagnosis, quote, passage, start):
        return f"diagnosis: the text does not speak of {tree.name(found.diagnosis)} here"
    role = cast(Role, proposal.role)
    if reason := _polarity(role, finding, quote) or _modality(proposal.modality, finding, quote):
        return reason
    rule = Rule(found.diagnosis, finding, role, proposal.modality, one_line(quote), passage.source, passage.page)
    return rule, found.match


def _speaks_of(slug: str, quote: str, passage: Passage, start: int) -> bool:
    """The quote names the diagnosis; or the heading does; or, where the quote names none, it is the last one named before."""
    own = [named.slug for named in named_diagnoses(quote)]
    if slug in own or slug in [named.slug for named in named_diagnoses(passage.heading)]:
        return True
    before = named_diagnoses(passage.text[:start])
    others = [other for other in own if other not in load_ontology().ancestors(slug)]
    return not others and bool(before) and before[-1].slug == slug


def _polarity(role: Role, finding: str, quote: str) -> str | None:
    """Why the quote cannot give the finding this role, or None."""
    if role == "excludes" and _NEEDED.search(quote):
        return "polarity: what is excluded by the lack of a finding has the finding"
    faults = [_contrary(role, mention, quote) for mention in mentions(quote) if mention.slug == finding]
    return f"polarity: {role}, but the quote {faults[0]}" if all(faults) else None


def _contrary(role: Role, mention: Mention, quote: str) -> str | None:
    """What the quote says of the mentioned finding against this role, or None."""
    around = segment(quote, mention.start)
    often = NOT_RARE.search(around)  # "not uncommon" denies nothing
    if role in ("rare", "excludes"):
        denied = not often and (mention.negated or DENIAL.search(around))
        return None if denied or _UNLIKE.search(quote) else "denies nothing"
    if RARITY.search(around) and not FAVOR.search(around):
        return "calls it rare"
    return "denies the finding" if mention.negated and not often else None


def _modality(modality: str, finding: str, quote: str) -> str | None:
    """Why the finding is not seen that way, or None."""
    own = load_concepts()[finding].modality
    if modality and own and modality not in own:
        return f"modality: {concept_name(finding)} is {' or '.join(own)}, not {modality}"
    around = [segment(quote, mention.start) for mention in mentions(quote) if mention.slug == finding]
    return "modality: histology" if all(_HISTOLOGY.search(part) for part in around) else None


def _find(quote: str, text: str) -> tuple[int, int] | None:
    """Where whole words of the text read as the quote does, but for case, spaces, hyphens, quotes and ligatures."""
    plain, places = _plain(text)
    wanted = _plain(quote)[0].strip(" .,;:'…")
    at = plain.find(wanted) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        if not plain[at - 1 : at].isalnum() and not plain[end : end + 1].isalnum():
            last = places[end - 1] + 1
            return places[at], last + (text[last : last + 1] in (".", "!", "?"))
        at = plain.find(wanted, at + 1)
    return None


_QUOTES = '"“”„«»‘’‚`´'


def _plain(text: str) -> tuple[str, list[int]]:
    """The text's letters as they are compared, and for each the character that it comes from."""
    out: list[str] = []
    places: list[int] = []
    divided = False  # after a hyphen inside a word, spaces are no space
    for at, character in enumerate(text):
        for sign in unicodedata.normalize("NFKC", character).casefold():
            if sign == "\u00ad" or (unicodedata.category(sign) == "Pd" and out and out[-1].isalnum()):
                divided = True
                continue
            if sign.isspace():
                if divided or (out and out[-1] == " "):
                    continue
                sign = " "
            divided = False
            out.append("'" if sign in _QUOTES else "-" if unicodedata.category(sign) == "Pd" else sign)
            places.append(at)
    return "".join(out), places


_DECISIVE: Sequence[Role] = ("supports", "rare", "typical", "excludes")


def merged(rules: Sequence[Rule]) -> tuple[list[Rule], list[tuple[Rule, str]]]:
    """One rule for each diagnosis and finding, in the order of their first mention, and the others with a reason.

    Of equal ones the first is kept (`duplicate`). Where two give the pair different roles (`conflict`), the less decisive
    one is: `supports`, then `rare`, `typical`, `excludes`, as a rule that claims less does less harm where it is wrong.
    """
    kept: dict[tuple[str, str], Rule] = {}
    dropped: list[tuple[Rule, str]] = []
    for rule in rules:
        key = rule.diagnosis, rule.finding
        first = kept.setdefault(key, rule)
        if first is rule:
            continue
        if first.role == rule.role:
            dropped.append((rule, f"duplicate: of {first.quote!r}"))
            continue
        weaker, stronger = sorted((first, rule), key=lambda each: _DECISIVE.index(each.role))
        kept[key] = weaker
        dropped.append((stronger, f"conflict: {stronger.role} here, {weaker.role} by {weaker.quote!r}"))
    return list(kept.values()), dropped
