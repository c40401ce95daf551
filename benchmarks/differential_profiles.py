"""How alike diagnoses are by the findings that mark them, and how much of it rules deny; for `build_differentials`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skin_r1.distill.differential.graph import RATES, known
from skin_r1.ontology import load_ontology
from skin_r1.vocabulary import expectations, load_concepts

PRIOR_IMAGES = 10  # the counts of a diagnosis are drawn towards the mean over all by so many images
ONE_MARK = 2.0  # nats: keeps two diagnoses of which little is known from being alike
DENIALS = 5.0  # nats of denied marks that make half of a contrast


@dataclass(frozen=True)
class Profiles:
    """What marks the diagnoses: arrays of [diagnoses, findings].

    Attributes:
        mark: share * -ln(mean share over the diagnoses) where the share is above that mean, else 0; in nats. The share is
            the one that the role of the diagnosis' own rule is read as, else the counted one, drawn towards the mean by
            `PRIOR_IMAGES`. Rules of an ancestor would make all kinds of a disease alike, the pooled counts of a family
            would make it look like everything: neither counts here.
        ruled: there is such a rule.
        known: there is a rule or a count.
        denied: the rule says `rare` or `excludes`.
    """

    mark: NDArray[np.float64]
    ruled: NDArray[np.bool_]
    known: NDArray[np.bool_]
    denied: NDArray[np.bool_]


def profiles(slugs: Sequence[str]) -> Profiles:
    """What marks each of some diagnoses."""
    tree, findings = load_ontology(), list(load_concepts())
    shape = (len(slugs), len(findings))
    share, images = np.zeros(shape), np.zeros(shape)
    ruled, denied = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for i, slug in enumerate(slugs):
        for finding, fact in known(slug).items():
            at = i, findings.index(finding)
            if fact.role is not None and fact.rules[0].startswith(f"{slug}/"):
                share[at], ruled[at], denied[at] = RATES[fact.role], True, not fact.favors
            elif fact.share is not None and tree.nodes[slug].level != "family":
                seen = expectations()[slug, finding]
                share[at], images[at] = seen.positives / seen.total, seen.total
    spoken = ruled | (images > 0)
    asked = (spoken | ruled.any(axis=1, keepdims=True)).sum(0)
    mean = np.clip(share.sum(0) / np.maximum(1, asked), 0.01, 0.99)
    drawn = np.where(images > 0, (share * images + PRIOR_IMAGES * mean) / (images + PRIOR_IMAGES), share)
    return Profiles(np.where(spoken & (drawn > mean), drawn * -np.log(mean), 0.0), ruled, spoken, denied)


def likeness(seen: Profiles) -> NDArray[np.float64]:
    """How alike the findings of each two diagnoses are: [diagnoses, diagnoses], symmetric, in [0, 1).

    2 sum(min) / (`ONE_MARK` + sum of both) of their marks (Sorensen's coefficient), over the findings known of both. A
    finding known of only one of them counts against them if the other has rules, for these name what matters.
    """
    asked: NDArray[np.bool_] = np.asarray(seen.known | seen.ruled.any(axis=1, keepdims=True))
    out = np.zeros((len(seen.mark), len(seen.mark)))
    for i, mark in enumerate(seen.mark):
        fair = (seen.known[i] & asked) | (seen.known & asked[i])
        shared, either = np.minimum(mark, seen.mark), mark + seen.mark
        out[i] = 2 * (shared * fair).sum(1) / (ONE_MARK + (either * fair).sum(1))
    return out


def contrast(seen: Profiles) -> NDArray[np.float64]:
    """How much of what marks either of two diagnoses rules deny of the other: [diagnoses, diagnoses], symmetric, in [0, 1).

    Rules call a finding rare where a look-alike shows it. With p and q the sums of the marks denied one way and the other,
    d = (sqrt(p) + sqrt(q))^2 is largest where each denies the other's, and the value is d^2 / (`DENIALS`^2 + d^2).
    """
    one_way = np.sqrt(seen.mark @ seen.denied.T.astype(float))
    both = (one_way + one_way.T) ** 4
    return np.asarray(both / (DENIALS**2 + both))
