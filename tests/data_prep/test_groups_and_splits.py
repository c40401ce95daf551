"""Nothing that belongs together crosses splits, and every split gets its share."""

import random
from collections import Counter, defaultdict

import numpy as np

from data_prep.groups import group_rows
from data_prep.splits import choose_share, split_groups


def test_union_find_joins_through_patient_lesion_and_pixels() -> None:
    patients = [(0, "d:1"), (1, "d:1"), (3, "d:2"), (4, "d:3")]
    lesions = [(0, "d:a"), (1, "d:b"), (2, "d:b"), (2, "e:1"), (3, "e:2")]  # row 2 has an id in two datasets
    names = [(5, "e:photo.jpg"), (6, "e:photo.jpg")]
    pixels = {0: b"p", 1: b"q", 2: b"r", 3: b"r", 4: b"s"}
    done = group_rows(7, patients, lesions, names, pixels, [], np.zeros((0, 4), dtype=np.uint64))
    index, lesion = done.index.tolist(), done.lesion.tolist()
    assert index[0] == index[1] == index[2] == index[3]  # 2 and 3: the same picture of two patients
    assert len({index[0], index[4], index[5]}) == 3 and index[5] == index[6]  # one file, two rows
    assert lesion[1] == lesion[2] == lesion[3] != lesion[0]  # a patient's lesions keep their own diagnoses
    assert done.exact == [(2, 3)] and done.near == []


def test_near_pictures_share_a_group_and_not_a_diagnosis() -> None:
    hashes = np.zeros((3, 4), dtype=np.uint64)
    hashes[1, 0], hashes[2] = 0b1111, np.uint64(0x5555555555555555)
    done = group_rows(5, [], [], [], {1: b"x", 2: b"y", 4: b"z"}, [1, 2, 4], hashes)
    assert done.near == [(1, 2)] and done.exact == []
    assert done.index[1] == done.index[2] != done.index[4] and done.lesion[1] != done.lesion[2]


def test_held_out_groups_are_test_cases_and_shares_are_of_the_rest() -> None:
    groups, strata = _rows(1000)
    held = set(groups[:300])
    dealt = split_groups(groups, strata, validation=0.1, test=0.2, seed=0, held_out=held)
    assert {dealt[group] for group in held} == {"test"}
    rest = Counter(dealt[group] for group in groups if group not in held)
    assert abs(rest["test"] / rest.total() - 0.2) < 0.02 and abs(rest["validation"] / rest.total() - 0.1) < 0.02
    assert set(dealt) == set(groups)


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
