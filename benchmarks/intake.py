"""How fast is the intake of images? Ours against a plain Pillow loop, in rounds that alternate on the same files.

The plain loop opens, sets upright, converts to RGB, shrinks (Lanczos) and saves a JPEG of quality 95, in one process. Ours
also refuses broken files, hashes twice, judges quality and drops metadata; it runs in this process and in two. Only
the ratios mean something on a machine that others use too: each is taken within a round, then the median and the range
over the rounds are printed.

Examples:
    python -m benchmarks.intake --images data/ham10000/images      (as they are, and enlarged to cameras' sizes)
    python -m benchmarks.intake --steps                           (what each step costs)
    python -m benchmarks.intake --files 200000      (how long it takes to find that many files)
"""

import argparse
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from data_prep.images.find import index_images
from data_prep.images.phash import perceptual_hash
from data_prep.images.pixels import read_picture
from data_prep.images.prepare import Bad, Task, encode, prepare
from data_prep.images.quality import assess
from skin_r1.photo import SIDE, shrink

SIZES = ((600, 450), (1024, 1024), (3000, 2000), (200, 150))
MAX_SIDE = 256


def plain(file: Path) -> int:
    """The loop that anyone would write; the bytes it made."""
    with Image.open(file) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    upright.save(stream, "JPEG", quality=95)
    return len(stream.getvalue())


def ours(file: Path) -> int:
    """`prepare`, as the intake calls it."""
    done = prepare(Task(file.name, file), MAX_SIDE)
    if isinstance(done, Bad):
        raise ValueError(f"{file}: {done.reason}")
    return len(done.encoded)


def drawn(seed: int) -> Image.Image:
    """Noise of many scales: as hard to code as a photograph, where no real picture is given."""
    draw = np.random.default_rng(seed)
    total = np.full((512, 768, 3), 150.0)
    for side, height in ((4, 40.0), (16, 20.0), (64, 10.0), (256, 6.0)):
        field = Image.fromarray(draw.normal(0, height, (side, side)).astype(np.float32))
        total += np.asarray(field.resize((768, 512), Image.Resampling.BICUBIC))[..., None]
    return Image.fromarray(total.clip(0, 255).astype(np.uint8))


def enlarge(sources: Sequence[Path], size: tuple[int, int], count: int, folder: Path) -> list[Path]:
    """Write `count` JPEGs (quality 92) of `size`: real pictures enlarged, with a sensor's noise of 4 gray levels."""
    files = []
    for number in range(count):
        source = Image.open(sources[number % len(sources)]) if sources else drawn(number)
        large = np.asarray(source.convert("RGB").resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
        noise = np.random.default_rng(number).normal(0, 4, (*large.shape[:2], 1))
        files.append(folder / f"{size[0]}x{size[1]}-{number}.jpg")
        Image.fromarray((large + noise).clip(0, 255).astype(np.uint8)).save(files[-1], quality=92)
    return files


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(name: str, files: Sequence[Path], rounds: int, pool: ProcessPoolExecutor) -> None:
    """Print one line of the table."""
    loops: dict[str, Callable[[], object]] = {
        "plain": lambda: [plain(file) for file in files],
        "one": lambda: [ours(file) for file in files],
        "two": lambda: list(pool.map(ours, files, chunksize=max(1, len(files) // 16))),
    }
    for loop in loops.values():
        loop()  # reads the files into memory and brings in the modules
    taken: dict[str, list[float]] = {key: [] for key in loops}
    for number in range(rounds):
        for key in list(loops)[:: 1 if number % 2 == 0 else -1]:
            taken[key].append(seconds(loops[key]))
    cells = [f"{len(files) / statistics.median(taken['plain']):10.0f}"]
    for key in ("one", "two"):
        ratios = sorted(a / b for a, b in zip(taken["plain"], taken[key], strict=True))
        cells.append(f"{statistics.median(ratios):6.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"{name:24} {len(files):6} {cells[0]}   {cells[1]:24} {cells[2]}", flush=True)


def steps(name: str, files: Sequence[Path], rounds: int) -> None:
    """Print what each step of ours costs, milliseconds an image, the best round."""
    pictures = [read_picture(file, SIDE) for file in files]
    seen = [shrink(picture.image, SIDE, picture.size) for picture in pictures]
    work: dict[str, Callable[[], object]] = {
        "plain": lambda: [plain(file) for file in files],
        "ours": lambda: [ours(file) for file in files],
        "read": lambda: [read_picture(file, SIDE) for file in files],
        "shrink": lambda: [shrink(picture.image, SIDE, picture.size) for picture in pictures],
        "encode": lambda: [encode(*pair) for pair in zip(pictures, seen, strict=True)],
        "hash": lambda: [perceptual_hash(image) for image in seen],
        "quality": lambda: [assess(image) for image in seen],
    }
    best = {key: min(seconds(loop) for _ in range(rounds)) for key, loop in work.items()}
    print(
        f"{name:24} " + "  ".join(f"{key} {1e3 * value / len(files):.2f}" for key, value in best.items()), flush=True
    )


def time_index(count: int) -> None:
    """Print how long it takes to find `count` empty files in a thousand folders."""
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(count):
            folder = os.path.join(scratch, f"{number % 1000:03d}")
            if number < 1000:
                os.mkdir(folder)
            os.close(os.open(os.path.join(folder, f"ISIC_{number:07d}.jpg"), os.O_CREAT))
        print(f"{count} files found in {seconds(lambda: index_images(Path(scratch))):.2f} s")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--images", type=Path, nargs="*", default=[], help="folders of real pictures")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--count", type=int, default=200, help="most pictures of each row; of large ones fewer are made")
    p.add_argument("--steps", action="store_true", help="what each step costs, in one process")
    p.add_argument("--files", type=int, help="only time how long it takes to find this many files")
    options = p.parse_args(argv)
    if options.files:
        time_index(options.files)
        return 0
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        rows: list[tuple[str, list[Path]]] = []
        sources: list[Path] = []
        for folder in options.images:
            index = index_images(folder)
            found = [folder / names[0] for names in index.stems.values()][: options.count]
            sources += found[:8]
            rows.append((f"{folder.parent.name}/{folder.name}", found))
        for size in SIZES:
            count = max(8, min(options.count, 30_000_000 // (size[0] * size[1])))
            rows.append((f"{size[0]}x{size[1]}", enlarge(sources, size, count, Path(scratch))))
        if not options.steps:
            print(
                f"{'pictures':24} {'files':>6} {'plain im/s':>10}   {'ours, 1 process / plain':24} ours, 2 processes / plain"
            )
        for name, files in rows:
            if options.steps:
                steps(name, files, options.rounds)
            else:
                compare(name, files, options.rounds, pool)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
