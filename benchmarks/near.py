"""How long does the search for near-duplicates take, how does that grow, and what does it miss?

    python -m benchmarks.near                        100,000, 300,000 and 1,000,000 hashes, a few minutes
    python -m benchmarks.near --small                30,000, 60,000 and 100,000 hashes
    python -m benchmarks.near --images DIR           start from the pictures under DIR instead of drawn ones
    python -m benchmarks.near --kind crowd           a tenth of the hashes are 0 to 8 bits from a single one

Hashes are made from those of pictures (2,000 drawn lesions, or yours), so that their bits are as correlated as real ones:

far      every hash is one of a picture with 40 to 128 of its bits flipped (the default)
crowd    as `far`, but for a tenth of the hashes, which lie near one, as those of blank images would
random   uniformly random bits, the easy case

Into each set go pairs at every distance from 0 to 32, a fifteenth of the hashes in all. Recall is the share of them that
end up in one component; it is about pairs at that distance, not about all pairs. All sizes are searched once in every
round, so that a busy machine slows all of them; the table has the least seconds of each. The exponent is that of
seconds ~ n^exponent since the smallest size. Peak memory is traced in one more search, and is what the search takes
beyond the hashes that it is given.
"""

import argparse
import math
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from data_prep.images.find import SUFFIXES
from data_prep.images.phash import perceptual_hash
from data_prep.images.pixels import read_picture
from data_prep.near import BITS, MAX_DISTANCE, WORDS, near_pairs
from skin_r1.errors import problem
from skin_r1.phantom.findings import DIAGNOSES, draw_findings
from skin_r1.phantom.render import draw

Hashes = NDArray[np.uint64]  # [n, WORDS]
Index = NDArray[np.int64]
SIZES = (100_000, 300_000, 1_000_000)
SMALL = (30_000, 60_000, 100_000)
FAR = (40, 128)  # bits flipped
CROWD = (0, 8)
SHOWN = (16, 24, 28, 30, 31, 32)
SIDE = 512  # pixels to which a picture is read
CHUNK = 20_000  # hashes flipped at a time


@dataclass(frozen=True)
class Planted:
    """A set of hashes with pairs at known distances.

    Attributes:
        hashes: shape (n, 4).
        pairs: shape (planted, 2), rows.
        distance: shape (planted,), bits.
    """

    hashes: Hashes
    pairs: Index
    distance: Index


def drawn_pictures(count: int, rng: np.random.Generator) -> Iterator[Image.Image]:
    """Phantom lesions of all diagnoses and skin types in turn."""
    for i in range(count):
        yield draw(draw_findings(DIAGNOSES[i % len(DIAGNOSES)], rng), 1 + i % 6, rng).image


def read_pictures(folder: Path) -> Iterator[Image.Image]:
    """The pictures under a folder that can be read.

    Raises:
        UserError: there are none.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    if not files:
        raise problem("no pictures", file=folder, next_step="name a folder with images")
    for path in files:
        try:
            yield read_picture(path, SIDE).image
        except ValueError as error:
            tqdm.write(f"left out {path.name}: {error}")


def flipped(hashes: Hashes, bits: Index, rng: np.random.Generator) -> Hashes:
    """Each hash with exactly so many of its bits, at random places, turned over."""
    out = np.empty_like(hashes)
    for at in range(0, len(hashes), CHUNK):
        part = slice(at, at + CHUNK)
        rank = rng.random((len(out[part]), BITS), dtype=np.float32).argsort(axis=1).argsort(axis=1)
        out[part] = hashes[part] ^ np.packbits(rank < bits[part, None], axis=1).view(np.uint64)
    return out


def make(kind: str, size: int, base: Hashes, rng: np.random.Generator) -> Planted:
    """`size` hashes of a kind, the second of every planted pair at a random row."""
    if kind == "random":
        hashes = rng.integers(0, 2**64, (size, WORDS), dtype=np.uint64)
    else:
        hashes = flipped(base[rng.integers(0, len(base), size)], rng.integers(FAR[0], FAR[1] + 1, size), rng)
    rows = rng.permutation(size)
    if kind == "crowd":
        crowd = rows[: size // 10]
        near = rng.integers(CROWD[0], CROWD[1] + 1, len(crowd))
        hashes[crowd] = flipped(np.repeat(base[:1], len(crowd), axis=0), near, rng)
    distance = np.repeat(np.arange(MAX_DISTANCE + 1), size // 15 // (MAX_DISTANCE + 1))
    pairs = rows[len(rows) - 2 * len(distance) :].reshape(2, -1)
    hashes[pairs[1]] = flipped(hashes[pairs[0]], distance, rng)
    return Planted(hashes, pairs.T, distance)


def recall(planted: Planted, found: Index) -> NDArray[np.float64]:
    """Share of the planted pairs in one component, by distance; shape (MAX_DISTANCE + 1,)."""
    size = len(planted.hashes)
    graph = coo_array((np.ones(len(found), dtype=bool), tuple(found.T)), shape=(size, size))
    label = connected_components(graph, directed=False)[1]
    hit = label[planted.pairs[:, 0]] == label[planted.pairs[:, 1]]
    return np.bincount(planted.distance, hit) / np.bincount(planted.distance)


def seconds(hashes: Hashes, seed: int) -> float:
    """Wall time of one search."""
    start = time.perf_counter()
    near_pairs(hashes, seed=seed)
    return time.perf_counter() - start


def peak(hashes: Hashes, seed: int) -> tuple[Index, float]:
    """What one search finds, and the most memory in MB that it held at a time."""
    tracemalloc.start()
    try:
        return near_pairs(hashes, seed=seed), tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="smaller sets: half a minute")
    parser.add_argument("--kind", choices=("far", "crowd", "random"), default="far")
    parser.add_argument("--images", type=Path, help="folder of pictures to start from")
    parser.add_argument("--rounds", type=int, default=2, help="searches of every size")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)

    rng = np.random.default_rng(options.seed)
    pictures = drawn_pictures(2000, rng) if options.images is None else read_pictures(options.images)
    hashed = b"".join(perceptual_hash(picture) for picture in tqdm(pictures, desc="hashing", unit="img"))
    base = np.frombuffer(hashed, dtype=np.uint64).reshape(-1, WORDS)
    sizes = SMALL if options.small else SIZES
    sets = [make(options.kind, size, base, rng) for size in tqdm(sizes, desc="making sets")]

    near_pairs(sets[0].hashes)  # once for the imports
    least = [math.inf] * len(sets)
    for _ in tqdm(range(options.rounds), desc="searching", unit="round"):
        least = [min(old, seconds(planted.hashes, options.seed)) for old, planted in zip(least, sets, strict=True)]

    print(f"{options.kind} hashes from {len(base)} pictures, seed {options.seed}, least of {options.rounds} rounds")
    columns = " ".join(f"{f'd={d}':>7}" for d in SHOWN)
    print(f"{'hashes':>9} {'seconds':>8} {'exponent':>8} {'peak MB':>8} {'pairs':>8}  recall: d<16 {columns}")
    for size, took, planted in zip(sizes, least, sets, strict=True):
        found, megabytes = peak(planted.hashes, options.seed)
        shares = recall(planted, found)
        grown = f"{math.log(took / least[0]) / math.log(size / sizes[0]):8.2f}" if size > sizes[0] else " " * 8
        columns = " ".join(f"{shares[d]:7.4f}" for d in SHOWN)
        print(f"{size:>9,} {took:8.2f} {grown} {megabytes:8.0f} {len(found):>8,} {shares[:16].mean():13.4f} {columns}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
