"""The index finds what comparing all pairs finds, and does not choke on crowds of similar hashes."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from data_prep.near import BITS, LARGE, MISS, near_pairs, tables_for

Hashes = NDArray[np.uint64]


@pytest.fixture(params=[10**9, 0], ids=["all pairs", "tables"])
def exact(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Both ways. Few rows are compared faster without tables, so the price of that is raised to take them."""
    if not request.param:
        monkeypatch.setattr("data_prep.near.BLOCK_PAIR", np.inf)
    return int(request.param)


def drawn(rng: np.random.Generator, count: int) -> Hashes:
    return rng.integers(0, 2**64, (count, 4), dtype=np.uint64)


def flipped(rng: np.random.Generator, hashes: Hashes, bits: NDArray[np.int64] | int) -> Hashes:
    """Each hash with exactly so many of its bits, at random places, turned over."""
    ranks = rng.random((len(hashes), BITS)).argsort(axis=1).argsort(axis=1)
    return hashes ^ np.packbits(ranks < np.reshape(bits, (-1, 1)), axis=1).view(np.uint64)


def families(rng: np.random.Generator, sizes: list[int], farthest: int) -> Hashes:
    """Per size, that many hashes around an own center, some of them twice; shuffled."""
    centers = np.repeat(drawn(rng, len(sizes)), sizes, axis=0)
    rows = flipped(rng, centers, rng.integers(0, farthest + 1, len(centers)))
    return rng.permutation(np.concatenate([rows, rows[::7]]))


def distances(hashes: Hashes) -> NDArray[np.int64]:
    signs = 1 - 2 * np.unpackbits(hashes.view(np.uint8), axis=1).astype(np.float32)
    return ((BITS - signs @ signs.T) / 2).astype(np.int64)


def brute(hashes: Hashes, limit: int = 32) -> set[tuple[int, int]]:
    """The contract, said without an index: stars of identical rows, near pairs of their first rows."""
    rows = [row.tobytes() for row in hashes]
    first = {row: i for i, row in reversed(list(enumerate(rows)))}
    stars = {(first[row], i) for i, row in enumerate(rows) if first[row] != i}
    near = np.argwhere(np.triu(distances(hashes) <= limit, 1)).tolist()
    return stars | {(i, j) for i, j in near if first[rows[i]] == i and first[rows[j]] == j}


def partition(size: int, pairs: NDArray[np.int64]) -> list[int]:
    """The first row of each row's component."""
    graph = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    labels = connected_components(graph, directed=False)[1]
    return np.unique(labels, return_index=True)[1][labels].tolist()


def as_set(pairs: NDArray[np.int64]) -> set[tuple[int, int]]:
    assert pairs.dtype == np.int64 and pairs.ndim == 2 and (pairs[:, 0] < pairs[:, 1]).all()
    rows = [(int(a), int(b)) for a, b in pairs]
    assert rows == sorted(set(rows))
    return set(rows)


@pytest.mark.parametrize("seed", range(3))
def test_all_pairs_of_small_components(exact: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hashes = families(rng, rng.integers(1, 9, 600).tolist(), 16)
    assert 2500 < len(hashes) < 4000
    expected = brute(hashes)
    assert len(expected) > 4000
    assert as_set(near_pairs(hashes, exact=exact)) == expected


@pytest.mark.parametrize("limit", [0, 1, 7, 20, 48])
def test_other_distances(exact: int, limit: int) -> None:
    rng = np.random.default_rng(limit)
    hashes = families(rng, [4] * 100, limit)
    found, expected = as_set(near_pairs(hashes, limit, exact=exact)), brute(hashes, limit)
    assert found <= expected and len(found) >= 0.99 * len(expected)
    assert exact == 0 or found == expected


@pytest.mark.parametrize("seed", range(4))
def test_components_are_those_of_all_pairs(exact: int, seed: int) -> None:
    """Families wide enough that their rows hold together by chains, some of them large."""
    rng = np.random.default_rng(seed)
    hashes = families(rng, [1] * 300 + [3, 10, 17, 30, 60, 400] * 3, 19)
    found = near_pairs(hashes, exact=exact)
    near = np.argwhere(np.triu(distances(hashes) <= 32, 1))
    assert partition(len(hashes), found) == partition(len(hashes), near)
    assert as_set(found) <= brute(hashes)
    assert len(found) < len(near) / 4  # a large component is a tree


def test_a_large_component_is_a_spanning_tree(exact: int) -> None:
    rng = np.random.default_rng(0)
    small, large = (np.unique(flipped(rng, drawn(rng, 1).repeat(n, axis=0), 4), axis=0) for n in (LARGE, LARGE + 1))
    assert len(small) == LARGE and len(large) == LARGE + 1
    assert len(near_pairs(small, exact=exact)) == LARGE * (LARGE - 1) // 2
    assert len(near_pairs(large, exact=exact)) == LARGE
    assert len(near_pairs(np.concatenate([small, large]), exact=exact)) == LARGE * (LARGE - 1) // 2 + LARGE


def test_identical_rows_make_a_star(exact: int) -> None:
    rng = np.random.default_rng(0)
    a, b = drawn(rng, 2)
    close = flipped(rng, a[None], 32)[0]
    rows = np.stack([b, a, close, a, b, a, close])
    assert as_set(near_pairs(rows, exact=exact)) == {(1, 3), (1, 5), (0, 4), (2, 6), (1, 2)}
    many = np.repeat(drawn(rng, 1), 1000, axis=0)
    assert as_set(near_pairs(many, exact=exact)) == {(0, i) for i in range(1, 1000)}


def test_none_one_and_two_rows(exact: int) -> None:
    rng = np.random.default_rng(0)
    for count in (0, 1, 2):
        found = near_pairs(drawn(rng, count), exact=exact)
        assert found.shape == (0, 2) and found.dtype == np.int64
    one = drawn(rng, 1)
    for distance, expected in ((0, [[0, 1]]), (32, [[0, 1]]), (33, [])):
        assert near_pairs(np.concatenate([one, flipped(rng, one, distance)]), exact=exact).tolist() == expected


def test_what_is_no_hash_is_refused() -> None:
    good = np.zeros((2, 4), dtype=np.uint64)
    for bad in (good[:, :2], good.ravel(), good.astype(np.int64), np.zeros((2, 32), dtype=np.uint8)):
        with pytest.raises(ValueError, match="hashes must be"):
            near_pairs(bad)
    for distance in (-1, BITS):
        with pytest.raises(ValueError, match="max_distance"):
            near_pairs(good, distance)


def test_order_of_rows_does_not_matter(exact: int) -> None:
    rng = np.random.default_rng(0)
    hashes = np.unique(families(rng, [1, 2, 5, 40] * 60, 18), axis=0)
    order = rng.permutation(len(hashes))
    found, shuffled = near_pairs(hashes, exact=exact), order[near_pairs(hashes[order], exact=exact)]
    assert as_set(found) == {(int(min(pair)), int(max(pair))) for pair in shuffled}
    kept = hashes.copy()
    assert (near_pairs(hashes, exact=exact) == found).all() and (hashes == kept).all()


def test_tables_follow_from_the_probability_of_a_miss() -> None:
    for sample in (8, 16, 24):
        together = float(np.prod([(BITS - 32 - i) / (BITS - i) for i in range(sample)]))
        tables = tables_for(sample, 32)
        assert (1 - together) ** tables <= MISS < (1 - together) ** (tables - 1)


def test_planted_pairs_among_fifty_thousand() -> None:
    rng = np.random.default_rng(0)
    planted = np.repeat([32, 28, 24, 8], [4000, 1000, 1000, 1000])
    hashes = drawn(rng, 50_000 - len(planted))
    rows = rng.permutation(len(hashes))[: len(planted)]
    hashes = np.concatenate([hashes, flipped(rng, hashes[rows], planted)])
    start = time.perf_counter()
    found = as_set(near_pairs(hashes))
    assert time.perf_counter() - start < 20
    hit = np.array([(int(a), b) in found for b, a in enumerate(rows, start=50_000 - len(planted))])
    assert hit[planted == 32].mean() >= 0.99
    assert hit[planted < 32].mean() >= 0.999
    assert len(found) == hit.sum()  # random hashes have no other near pairs


@pytest.mark.parametrize("bits", [3, 8, 18], ids=["clones", "blanks", "just near"])
def test_a_crowd_around_one_hash_holds_together(bits: int) -> None:
    """30,000 near-blank images among 10,000 others: hundreds of millions of near pairs, one component."""
    rng = np.random.default_rng(bits)
    crowd = flipped(rng, np.repeat(drawn(rng, 1), 30_000, axis=0), bits)
    hashes = np.concatenate([crowd, drawn(rng, 10_000)])
    start = time.perf_counter()
    found = near_pairs(hashes)
    assert time.perf_counter() - start < 30
    labels = partition(len(hashes), found)
    assert set(labels[:30_000]) == {0} and labels[30_000:] == list(range(30_000, 40_000))
    assert len(found) == 29_999


@pytest.mark.parametrize("seed", range(20))
def test_a_crowd_hides_no_pair(exact: int, seed: int) -> None:
    """Pairs that hang by one link, among a component that becomes large while rows are still compared."""
    rng = np.random.default_rng(seed)
    ones = drawn(rng, 60)
    crowd = flipped(rng, np.repeat(drawn(rng, 1), 60, axis=0), 10)
    hashes = np.concatenate([ones, flipped(rng, ones, 20), crowd])
    found = as_set(near_pairs(hashes, exact=exact))
    assert {(i, 60 + i) for i in range(60)} == {pair for pair in found if pair[0] < 120}
    assert len(found) == 60 + 59


def test_correlated_hashes_that_are_not_near(exact: int) -> None:
    """Rows 30 bits from one center agree on most samples, and yet differ in about 53 bits."""
    rng = np.random.default_rng(0)
    hashes = flipped(rng, np.repeat(drawn(rng, 1), 3000, axis=0), 30)
    hashes[:100] = flipped(rng, hashes[100:200], 20)
    assert as_set(near_pairs(hashes, exact=exact)) == brute(hashes)
