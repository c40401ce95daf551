"""Near-duplicates among perceptual hashes, by bit sampling: hashes that agree on a random sample of bits are compared.

Locality-sensitive hashing for the Hamming distance (Indyk and Motwani 1998, doi 10.1145/276698.276876). Every table
samples a few of the 256 bits and puts the hashes that agree in them side by side. Only those are candidates, and every
candidate is checked on all bits, so a reported pair is never wrong. What can happen is that a pair shares no table.
"""

from math import ceil, comb, log, log1p

import numpy as np
from numpy.typing import NDArray

from data_prep.forest import Forest, Index

Hashes = NDArray[np.uint64]  # [n, WORDS], or [WORDS, n] where it is called words

WORDS = 4
BITS = 64 * WORDS
MAX_DISTANCE = 32
"""Bits, of 256, in which the perceptual hashes of near-duplicates may differ.

Pairs among the 7,999 HAM10000 images, of one lesion and of two lesions: 31 and 1 within 16 bits, 88 and 1 within 32. The
common 64-bit hash does not separate: 83 and 226 within 4 bits.
"""
EXACT = 20_000
"""Distinct hashes up to which all pairs are compared (under a second); more go through the tables."""
MISS = 1e-3
"""Probability, over the seed, that a pair at exactly the largest distance shares no table; closer pairs: far less."""
LARGE = 16
"""Distinct hashes in a component beyond which a spanning tree stands for its pairs."""
SAMPLES = range(8, 29)
"""Numbers of bits that a table may sample."""
WARM_UP = 3
"""Tables before the number of bits is chosen."""
DRAWS = 200_000
"""Pairs whose distances are measured for that choice."""
HEAVY = 256
"""Rows with equal samples beyond which they are compared in blocks."""
ROW, PAIR, BLOCK_PAIR = 60.0, 10.0, 2.0
"""Nanoseconds of a row in a table, of a candidate pair and of a pair compared in blocks (one core, about)."""
CELLS = 1 << 17  # pairs compared at a time


def near_pairs(
    hashes: Hashes, max_distance: int = MAX_DISTANCE, *, seed: int = 0, exact: int = EXACT
) -> NDArray[np.int64]:
    """Pairs of rows whose hashes differ in at most `max_distance` bits. Turned or mirrored copies are not found.

    Rows of an identical hash are linked to the first of them (a star). Pairs of different hashes are reported between
    those first rows: all near pairs of a component of up to `LARGE` different hashes, a spanning tree of a larger one.
    So thousands of nearly blank images give thousands of pairs, not millions, and the components are those of all pairs.

    Up to `exact` different hashes all are compared and nothing is missed. Beyond, a pair at `max_distance` shares no
    table with probability at most `MISS` over the seed, whatever the hashes are, because every table samples its bits
    uniformly: a pair at distance d shares a table of k bits with probability C(256-d, k) / C(256, k), and the number of
    tables follows from it (60 tables of 16 bits for 32 of 256). At 24 bits the same tables miss fewer than one pair in
    100,000. A missed pair is still reported if a chain of others makes a component of up to `LARGE` of it. The order of
    the rows changes neither what is found nor what is missed.

    Time grows about as n^1.25 where other pairs are far (`benchmarks/near.py`). Hashes of which very many lie just beyond
    `max_distance` of each other cost more; where tables cannot help, all pairs are compared after all, in n^2.

    Args:
        hashes: shape (n, 4), 256 bits a row.
        max_distance: from 0 to 255.
        seed: of the sampled bits.
        exact: how many different hashes are compared exhaustively.

    Returns:
        shape (pairs, 2), i < j in every row, rows sorted and unique.

    Raises:
        ValueError: the hashes have another shape or type, or the distance is out of range.
    """
    if hashes.ndim != 2 or hashes.shape[1] != WORDS or hashes.dtype != np.uint64:
        raise ValueError(f"hashes must be uint64 of shape (n, {WORDS}), not {hashes.dtype} of shape {hashes.shape}")
    if not 0 <= max_distance < BITS:
        raise ValueError(f"max_distance must be from 0 to {BITS - 1}, not {max_distance}")
    words, first, star = _collapse(hashes)
    forest = Forest(len(first), LARGE)
    if max_distance:
        _search(words, forest, max_distance, np.random.default_rng(seed), exact)
    near = [first[np.stack([a, b])[:, _distance(words, a, b) <= max_distance]] for a, b in forest.pairs()]
    pairs = np.concatenate([*(np.sort(part, axis=0).T for part in near), star])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def tables_for(sample: int, distance: int) -> int:
    """Tables of `sample` bits after which a pair at `distance` is missed with probability at most `MISS`."""
    together = comb(BITS - distance, sample) / comb(BITS, sample)
    return ceil(log(MISS) / log1p(-together)) if together else 1 << 62


def _collapse(hashes: Hashes) -> tuple[Hashes, Index, Index]:
    """Distinct hashes in their own order [WORDS, distinct], the first row of each, and the pairs (first, other row)."""
    order = np.lexsort(hashes.T)  # stable: among equal hashes the first row stays first
    words = hashes.T[:, order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (words[:, 1:] != words[:, :-1]).any(axis=0)
    first = order[new]
    of_row = first[np.cumsum(new) - 1]
    return np.ascontiguousarray(words[:, new]), first, np.stack([of_row[~new], order[~new]], axis=1)


def _search(words: Hashes, forest: Forest, limit: int, rng: np.random.Generator, exact: int) -> None:
    size = words.shape[1]
    if size > exact:
        # a few tables show the large components, whose own pairs cost nothing later
        usual = np.bincount([BITS // 2], minlength=BITS + 1).astype(np.float64)
        _search_tables(words, forest, limit, rng, _choose_sample(usual, size, limit)[0], WARM_UP)
        sample, cost = _choose_sample(_spread(words, forest, limit, rng), size, limit)
        if cost <= BLOCK_PAIR * size**2 / 2:
            _search_tables(words, forest, limit, rng, sample, tables_for(sample, limit))
            return
    _compare_all(words, np.arange(size), forest, limit)


def _search_tables(
    words: Hashes, forest: Forest, limit: int, rng: np.random.Generator, sample: int, tables: int
) -> None:
    width = min(sample + 3, words.shape[1].bit_length())  # no more buckets than the cache holds
    for _ in range(tables):
        bits = np.zeros(BITS, dtype=np.uint8)
        bits[rng.choice(BITS, sample, replace=False)] = 1
        rows, starts = _buckets(words, np.packbits(bits).view(np.uint64), width, forest)
        _compare_buckets(words, rows, starts, forest, limit)
        forest.settle()


def _spread(words: Hashes, forest: Forest, limit: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Share of the pairs of rows at each distance, of those that tables compare in vain; from a sample of pairs."""
    a, b = rng.integers(0, words.shape[1], (2, DRAWS))
    distance = _distance(words, a, b)
    vain = (distance > limit) & ~(forest.large[a] & (forest.label[a] == forest.label[b]))
    return np.bincount(distance[vain], minlength=BITS + 1) / DRAWS


def _choose_sample(spread: NDArray[np.float64], size: int, limit: int) -> tuple[int, float]:
    """Bits to sample with the least expected work, and that work in nanoseconds.

    Many bits leave few candidates but need many tables.
    """
    costs = []
    for sample in SAMPLES:
        together = np.array([comb(BITS - d, sample) / comb(BITS, sample) for d in range(BITS + 1)])
        candidates = float(spread @ together) * size / 2  # per row and table
        costs.append(tables_for(sample, limit) * size * (ROW + PAIR * candidates))
    best = int(np.argmin(costs))
    return SAMPLES[best], costs[best]


def _buckets(words: Hashes, mask: Hashes, width: int, forest: Forest) -> tuple[Index, Index]:
    """All rows, those that share their masked bits side by side, and where each bucket starts and the last one ends.

    A bucket is `width` bits of a hash of the masked ones: rows of other samples may fall in, and only cost time. Inside
    a bucket the rows of one large component are neighbors.
    """
    from scipy.sparse import csr_array

    size = words.shape[1]
    key = np.zeros(size, dtype=np.uint64)
    for word, part in zip(words, mask, strict=True):  # multiply and fold, so that every bit reaches the high ones
        key ^= word & part
        key *= np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(32)
    key >>= np.uint64(64 - width)
    bucket = key.astype(np.int32)
    if forest.changes:
        bucket = bucket[forest.ordered()]
    table = csr_array((np.ones(size, dtype=bool), bucket, np.arange(size + 1)), shape=(size, 1 << width))
    table = table.tocsc()  # a stable counting sort, several times faster than np.sort
    rows = table.indices.astype(np.int64)
    return forest.ordered()[rows] if forest.changes else rows, table.indptr.astype(np.int64)


def _compare_buckets(words: Hashes, rows: Index, starts: Index, forest: Forest, limit: int) -> None:
    """Compare every row with those behind it in its bucket, but not with those of its own large component."""
    sizes = np.diff(starts)
    heavy = np.flatnonzero(sizes > HEAVY)
    for start, stop in zip(starts[heavy], starts[heavy + 1], strict=True):
        _compare_all(words, rows[start:stop], forest, limit)
    stops = starts[1:].copy()
    stops[heavy] = 0  # they are done
    end = np.repeat(stops, sizes)
    after = np.arange(1, len(rows) + 1)
    if forest.changes:
        known = np.where(forest.large[rows], forest.label[rows], -1 - rows)
        change = np.flatnonzero((np.diff(known) != 0) | (np.diff(end) != 0)) + 1
        change = np.concatenate([[0], change, [len(rows)]])
        after = np.repeat(change[1:], np.diff(change))
    near_words = words[:2].take(rows, axis=1)
    left = np.flatnonzero(after < end)
    for chunk in np.split(left, range(CELLS // 4, len(left), CELLS // 4)):
        right = after[chunk]
        while len(chunk):
            half = np.bitwise_count(near_words[0].take(chunk) ^ near_words[0].take(right))
            half += np.bitwise_count(near_words[1].take(chunk) ^ near_words[1].take(right))
            maybe = np.flatnonzero(half <= limit)
            _check(words, rows[chunk[maybe]], rows[right[maybe]], forest, limit)
            right += 1
            live = right < end[chunk]
            chunk, right = chunk[live], right[live]


def _compare_all(words: Hashes, rows: Index, forest: Forest, limit: int) -> None:
    """Compare all pairs of rows in blocks, but not those of the most frequent large component."""
    start, stop, step, seen = 0, len(rows), 1, 0
    own = words.take(rows, axis=1)
    while start < stop:
        if forest.changes > seen:
            rows, seen = rows[start:], forest.changes
            label = np.where(forest.large[rows], forest.label[rows], -1)
            names, counts = np.unique(label, return_counts=True)
            inside = (label >= 0) & (label == names[np.where(names < 0, 0, counts).argmax()])
            rows = np.concatenate([rows[~inside], rows[inside]])  # the last ones meet the others, not each other
            own = words.take(rows, axis=1)
            start, stop = 0, int((~inside).sum())
            continue
        block = slice(start, min(start + step, stop))
        counts_of = [np.bitwise_count(word[block, None] ^ word[None, start:]) for word in own[:2]]
        half = counts_of[0] + counts_of[1]
        maybe = half <= limit
        if np.count_nonzero(maybe) * 8 > maybe.size:  # cheaper here than one by one
            rest = [np.bitwise_count(word[block, None] ^ word[None, start:]) for word in own[2:]]
            maybe = np.add(half, rest[0] + rest[1], dtype=np.int16) <= limit
        i, j = np.divmod(np.flatnonzero(maybe), maybe.shape[1])
        i, j = i[i < j], j[i < j]
        _check(words, rows[start + i], rows[start + j], forest, limit)
        if forest.waiting >= len(rows):
            forest.settle()
        start = block.stop
        step = min(2 * step, CELLS // len(rows) + 1)


def _check(words: Hashes, a: Index, b: Index, forest: Forest, limit: int) -> None:
    if len(a):
        near = _distance(words, a, b) <= limit
        forest.add(a[near], b[near])


def _distance(words: Hashes, a: Index, b: Index) -> NDArray[np.int64]:
    return np.bitwise_count(words[:, a] ^ words[:, b]).sum(axis=0, dtype=np.int64)
