"""The differential graph: which diagnoses are taken for one another, and which findings tell them apart.

The edges are data (`knowledge/differentials.tsv`, made by `benchmarks/build_differentials.py`); what tells two diagnoses
apart is worked out here from the rules and the counts. `docs/differentials.md` explains both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import log

from skin_r1.differentials import check_slug
from skin_r1.ontology import load_ontology
from skin_r1.plausible import LEAST_IMAGES
from skin_r1.rules import Role, Rule, load_rules, rules_of
from skin_r1.vocabulary import expectations, load_concepts

LEAST_STRENGTH = 0.25  # nats: odds shifted by a factor of 1.3; less is not worth a sentence
RATES: Mapping[Role, float] = {"typical": 0.7, "supports": 0.4, "rare": 0.05, "excludes": 0.01}
"""The share of cases that a role is read as: "most" as 0.7, "not all" as 0.4, "seldom" as 0.05, "untenable" as 0.01."""
SILENT = 0.15  # the share where the rules of a diagnosis do not speak of the finding
SILENT_WEIGHT = 0.5  # silence is no statement: half the nats


@dataclass(frozen=True)
class Telling:
    """A finding that tells two diagnoses apart.

    Attributes:
        finding: concept slug.
        favors: slug of the one of the two that seeing it speaks for.
        strength: natural logarithm of the factor by which seeing it shifts the odds; at least `LEAST_STRENGTH`.
        basis: what says so: rule ids (`psoriasis/scale/Bolognia2018`) and counts (`counts:psoriasis 80/120`).
    """

    finding: str
    favors: str
    strength: float
    basis: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """What is known of one finding in one diagnosis: what rules say, and the counted share of images, as an interval."""

    role: Role | None = None
    rate: float = SILENT  # the share that the role is read as, or silence
    rules: tuple[str, ...] = ()
    modalities: frozenset[str] = frozenset()
    share: tuple[float, float] | None = None
    counts: tuple[str, ...] = ()

    @property
    def favors(self) -> bool:
        """True when the rules say that the finding speaks for the diagnosis."""
        return self.role in ("typical", "supports")


NOTHING = Known()


@cache
def telling(a: str, b: str) -> tuple[Telling, ...]:
    """The findings that tell `a` from `b`, strongest first; the same findings from both sides.

    Rules and counts are two estimates of the same odds, so they are not added up. Where they agree the larger one stands,
    where they disagree the smaller one is taken off.

    Raises:
        UserError: no such slug.
    """
    check_slug(a)
    check_slug(b)
    here, there = known(a), known(b)
    order = list(load_concepts())
    found: list[tuple[float, float, int, Telling]] = []
    for finding in here.keys() | there.keys():
        ours, theirs = here.get(finding, NOTHING), there.get(finding, NOTHING)
        ruled = _by_rules(ours, theirs, b) - _by_rules(theirs, ours, a)
        counted = _by_counts(ours, theirs) - _by_counts(theirs, ours)
        agree = ruled * counted >= 0
        net = max(ruled, counted, key=abs) if agree else ruled + counted
        if abs(net) < LEAST_STRENGTH:
            continue
        basis = (*ours.rules, *theirs.rules) if ruled else ()
        # Counts that bound a silent side or an inherited rule are part of the basis too.
        basis += tuple(
            text
            for side in (ours, theirs)
            if counted or (ruled and (side.role is None or side.rate != RATES[side.role]))
            for text in side.counts
        )
        tell = Telling(finding, a if net > 0 else b, round(abs(net), 3), basis)
        found.append((-tell.strength, -abs(ruled + counted), order.index(finding), tell))
    return tuple(tell for *_, tell in sorted(found, key=lambda item: item[:3]))


def _by_rules(ours: Known, theirs: Known, other: str) -> float:
    """Nats by which the rules make the finding speak for us; 0 where they do not."""
    if ours.role is not None and ours.favors:
        if theirs.role is not None:
            return max(0.0, log(ours.rate / theirs.rate))
        if not _heard(other, ours.modalities):
            return 0.0
        return SILENT_WEIGHT * max(0.0, log(ours.rate / theirs.rate))
    if ours.role is None and ours.share and theirs.role is not None and not theirs.favors:
        return SILENT_WEIGHT * max(0.0, log(max(ours.share[0], 1e-6) / theirs.rate))
    return 0.0


def _by_counts(ours: Known, theirs: Known) -> float:
    """Nats by which the counts make the finding speak for us: as far as the two intervals are apart."""
    if not (ours.share and theirs.share) or ours.share[0] <= theirs.share[1]:
        return 0.0
    return log(ours.share[0] / theirs.share[1])


@cache
def _rules() -> Mapping[str, tuple[Rule, ...]]:
    return rules_of(load_rules())


@cache
def _heard(diagnosis: str, modalities: frozenset[str]) -> bool:
    """Whether the rules of a diagnosis speak of such pictures at all; else their silence means nothing."""
    spoken = {rule.modality for slug in load_ontology().path(diagnosis) for rule in _rules().get(slug, ())}
    return bool(spoken) and ("" in spoken or "" in modalities or not modalities.isdisjoint(spoken))


@cache
def known(diagnosis: str) -> Mapping[str, Known]:
    """Finding -> what is known of it. A rule of an ancestor holds where nothing nearer speaks of the finding.

    Nearer are the diagnosis' own rules, a typical finding of its own that excludes this one, and its own counts where
    their interval lies on the other side of `SILENT`. Else the share of an inherited rule, or of silence, is brought into
    the interval of the diagnosis' own counts.
    """
    said: dict[str, tuple[Rule, ...]] = {}
    excluded: set[str] = set()
    concepts = load_concepts()
    for slug in (diagnosis, *load_ontology().ancestors(diagnosis)):
        nearer = dict(said)
        for rule in _rules().get(slug, ()):
            if rule.finding not in nearer and not (rule.favors and rule.finding in excluded):
                said[rule.finding] = (*said.get(rule.finding, ()), rule)
        typical = {finding for finding, rules in said.items() if any(rule.role == "typical" for rule in rules)}
        excluded.update(other for finding in typical for other in concepts[finding].excludes)
    out = {}
    for finding in concepts:
        rules = said.get(finding, ())
        if len({rule.favors for rule in rules}) == 2:  # sources disagree: no statement
            rules = ()
        count = expectations().get((diagnosis, finding))
        if count is not None and count.total < LEAST_IMAGES:
            count = None
        low, high = count.interval() if count else (0.0, 1.0)
        own = any(rule.diagnosis == diagnosis for rule in rules)
        if rules and not own and (high < SILENT if rules[0].favors else low > SILENT):
            rules = ()  # true of the disease as a whole, but counted otherwise in this kind of it
        role = _strongest(rules)
        rate = RATES[role] if role else SILENT
        if rules or count:
            out[finding] = Known(
                role=role,
                rate=rate if own else min(max(rate, low), high),
                rules=tuple(rule.id for rule in rules),
                modalities=frozenset(rule.modality for rule in rules),
                share=(low, high) if count else None,
                counts=(f"counts:{diagnosis} {count.positives}/{count.total}",) if count else (),
            )
    return out


def _strongest(rules: tuple[Rule, ...]) -> Role | None:
    """The role that says most: `typical` before `supports`, `excludes` before `rare`."""
    return max((rule.role for rule in rules), key=lambda role: abs(log(RATES[role] / SILENT)), default=None)
