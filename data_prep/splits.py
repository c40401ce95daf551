"""Leak-free splits: whole groups are dealt out, class by class, so that each split gets its share of every class.

scikit-learn's `StratifiedGroupKFold` does this for equal folds only, and refuses a set in which every class has fewer
members than folds; small samples and rare diagnoses are the rule here, so the dealing is written out.
"""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set

from skin_r1.case import SPLITS, Split


def split_groups(
    groups: Sequence[str],
    strata: Sequence[tuple[str, str]],
    *,
    validation: float,
    test: float,
    seed: int,
    held_out: Set[str] = frozenset(),
) -> dict[str, Split]:
    """Deal groups to splits.

    Within a stratum, groups come in an order drawn by `seed`, and each goes to the split that lacks most. (Large ones
    first would pack better, but lesions with many images, the followed-up ones, would all be training cases.) What a
    stratum leaves over or short is carried to the next, so that twenty classes of one image each do not all go to the
    training split.

    Args:
        groups: group per row.
        strata: per row, diagnosis and skin type (`""` where unknown); a group counts as its rarest diagnosis.
        validation, test: shares of the rows, each in [0, 1).
        held_out: groups that are test cases whatever the shares; the shares are of the other rows.
        seed: the same seed, rows and shares give the same splits, whatever the order of the rows.

    Returns:
        group -> split. With three groups or more, no split with a share is empty.
    """
    sizes = Counter(group for group in groups if group not in held_out)
    diagnoses = Counter(diagnosis for diagnosis, _ in strata)
    stratum: dict[str, tuple[str, str]] = {}
    for group, own in zip(groups, strata, strict=True):
        if group not in held_out and (
            group not in stratum or _rank(own, diagnoses) < _rank(stratum[group], diagnoses)
        ):
            stratum[group] = own
    members_of: dict[tuple[str, str], list[str]] = defaultdict(list)
    for group, own in stratum.items():
        members_of[own].append(group)
    shares: Mapping[Split, float] = {"train": 1 - validation - test, "validation": validation, "test": test}
    lacking = dict.fromkeys(SPLITS, 0.0)
    dealt: dict[str, Split] = {}
    for own in sorted(members_of, key=lambda s: _rank(s, diagnoses)):
        members = sorted(members_of[own])
        random.Random(f"{seed}:{own}").shuffle(members)
        total = sum(sizes[g] for g in members)
        for split in SPLITS:
            lacking[split] += shares[split] * total
        for group in members:
            chosen = max(SPLITS, key=lambda s: (lacking[s], shares[s]))
            dealt[group] = chosen
            lacking[chosen] -= sizes[group]
    return _fill_empty(dealt, sizes, shares) | {group: "test" for group in held_out}


def _rank(stratum: tuple[str, str], diagnoses: Mapping[str, int]) -> tuple[int, tuple[str, str]]:
    """Rare diagnoses first."""
    return diagnoses[stratum[0]], stratum


def choose_share(groups: Mapping[str, str], share: float, seed: int) -> set[str]:
    """A share of the groups, spread evenly over the classes and fixed by `seed`.

    Args:
        groups: group -> its class.
        share: in [0, 1].
    """
    order = sorted(groups, key=lambda g: (groups[g], hashlib.sha256(f"{seed}:{g}".encode()).digest()))
    return {g for i, g in enumerate(order) if int((i + 1) * share + 1e-9) > int(i * share + 1e-9)}


def _fill_empty(dealt: dict[str, Split], sizes: Mapping[str, int], shares: Mapping[Split, float]) -> dict[str, Split]:
    """Move the smallest group of the split with most groups into a split that has a share and got nothing."""
    for split in SPLITS:
        if shares[split] > 0 and split not in dealt.values():
            largest = Counter(dealt.values()).most_common(1)[0] if dealt else ("train", 0)
            if largest[1] > 1:
                dealt[min((g for g, s in dealt.items() if s == largest[0]), key=lambda g: (sizes[g], g))] = split
    return dealt
