"""Nothing that belongs together crosses splits, and every split gets its share."""

import random
from collections import Counter, defaultdict

import numpy as np

from data_prep.groups import group_rows, near_pairs
from data_prep.splits import choose_share, split_groups


def test_union_find_joins_through_patient_lesion_and_pixels() -> None:
    keys = [["patient:1", "lesion:a"], ["patient:1", "lesion:b"], ["lesion:b"], ["patient:2"], ["patient:3"], []]
    pixels = ["p", "q", "r", "r", "s", None]
    done = group_rows(keys, pixels, [None] * 6)
    index = done.index.tolist()
    assert index[0] == index[1] == index[2] == index[3]  # 2 and 3: the same picture of two patients
    assert len({index[0], index[4], index[5]}) == 3
    assert done.exact == [(2, 3)] and done.near == []


def test_near_pairs_against_the_plain_loop() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2, (40, 256), dtype=np.uint8)
    near = base[:20] ^ (rng.random((20, 256)) < 0.08)
    bits = np.concatenate([base, near]).astype(np.uint8)
    hashes = [np.packbits(row).tobytes() for row in bits]
    slow = [(i, j) for i in range(60) for j in range(i + 1, 60) if int((bits[i] ^ bits[j]).sum()) <= 32]
    assert near_pairs(hashes) == slow and len(slow) >= 18
    assert near_pairs([None, hashes[0], None, hashes[0]]) == [(1, 3)]


def _rows(count: int = 3000) -> tuple[list[str], list[tuple[str, str]]]:
    rng = random.Random(1)
    groups, strata = [], []
    for g in range(count):
        label = rng.choices(["nv", "mel", "df"], [80, 15, 5])[0]
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            groups.append(f"g{g}")
            strata.append((label, rng.choice(["", "2", "3"])))
    return groups, strata


def test_shares_hold_in_every_class_and_for_every_group_size() -> None:
    groups, strata = _rows()
    dealt = split_groups(groups, strata, validation=0.1, test=0.2, seed=0)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, (label, _) in zip(groups, strata, strict=True):
        counts[label][dealt[group]] += 1
    for label, found in counts.items():
        total = found.total()
        assert abs(found["test"] / total - 0.2) < 0.03, label
        assert abs(found["validation"] / total - 0.1) < 0.03, label
    sizes = Counter(groups)
    large = Counter(dealt[g] for g, n in sizes.items() if n == 5)
    assert 0.12 < large["test"] / large.total() < 0.28  # lesions with many images are not all training cases


def test_same_seed_same_splits_whatever_the_order() -> None:
    groups, strata = _rows(200)
    first = split_groups(groups, strata, validation=0.1, test=0.2, seed=3)
    order = list(range(len(groups)))
    random.Random(0).shuffle(order)
    again = split_groups([groups[i] for i in order], [strata[i] for i in order], validation=0.1, test=0.2, seed=3)
    assert first == again
    assert first != split_groups(groups, strata, validation=0.1, test=0.2, seed=4)


def test_rare_classes_and_small_sets() -> None:
    singles = [f"g{i}" for i in range(20)]
    dealt = split_groups(singles, [(f"class {i}", "") for i in range(20)], validation=0.1, test=0.2, seed=0)
    assert Counter(dealt.values()) == {"train": 14, "validation": 2, "test": 4}
    three = split_groups(["a", "b", "c"], [("x", "")] * 3, validation=0.1, test=0.2, seed=0)
    assert set(three.values()) == {"train", "validation", "test"}
    assert split_groups(["a"], [("x", "")], validation=0.1, test=0.2, seed=0) == {"a": "train"}


def test_choose_share() -> None:
    classes = {f"g{i}": ("nv" if i % 4 else "mel") for i in range(400)}
    chosen = choose_share(classes, 0.1, 0)
    assert len(chosen) == 40 and chosen == choose_share(dict(reversed(classes.items())), 0.1, 0)
    assert Counter(classes[g] for g in chosen) == {"nv": 30, "mel": 10}
    assert choose_share(classes, 0.0, 0) == set() and choose_share(classes, 1.0, 0) == set(classes)
    assert chosen != choose_share(classes, 0.1, 1)
