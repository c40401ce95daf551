"""Does the server's gate take skin, and refuse what cannot be answered? Prints, for real skin, damaged skin and other
pictures, the share that gets each advice: warned / refused.

Skin: the pictures of the folders given, and phantoms. Damage as in `benchmarks.quality`. Other pictures as in
`benchmarks.strangers`.

Example:
    python -m benchmarks.scope --dermoscopic data/ham10000/images data/isic2017/images --pad data/pad_ufes_20
"""

import argparse
import csv
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.quality import DAMAGES, blurred, brighter, damaged
from benchmarks.strangers import drawn, photographs
from data_prep.images.find import index_images
from data_prep.images.pixels import read_picture
from skin_r1.phantom.findings import FINDINGS
from skin_r1.phantom.render import draw
from skin_r1.serve.intake.quality import CODES, advise

STRONGER = {"blur 4.0 px": blurred(4.0), "blur 6.0 px": blurred(6.0), "luma x 0.08": brighter(0.08)}
Named = tuple[str, Image.Image]


def folder_pictures(folder: Path, count: int, seed: int) -> list[Named]:
    """File names and pictures, drawn at random, in order."""
    names = [files[0] for files in index_images(folder).stems.values()]
    chosen = sorted(random.Random(seed).sample(names, min(count, len(names))))
    return [(name, read_picture(folder / name).image) for name in chosen]


def phantoms(count: int, seed: int) -> list[Named]:
    """Lesions drawn on all six skin types."""
    found = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        present = frozenset(finding for finding in FINDINGS if rng.random() < 0.2)
        found.append((str(number), draw(present, number % 6 + 1, rng).image))
    return found


def print_row(
    name: str, images: Iterable[Image.Image], modality: str, damage: Callable[..., Image.Image] | None
) -> None:
    """One line: number of pictures, share refused, and warned / refused for each advice."""
    counts, total = Counter[tuple[str, str]](), 0
    for image in images:
        image = damaged(image, damage) if damage else image
        found = advise(image, image.size, modality)
        counts.update((advice.code, advice.level) for advice in found)
        counts["any", "refuse"] += any(advice.level == "refuse" for advice in found)
        total += 1
    cells = [
        " / ".join(f"{counts[code, level] / total:.1%}" for level in ("warn", "refuse"))
        if any(counts[code, level] for level in ("warn", "refuse"))
        else ""
        for code in CODES
    ]
    print(f"| {name} | {total} | {counts['any', 'refuse'] / total:.1%} | {' | '.join(cells)} |", flush=True)


def print_head(title: str) -> None:
    """Title and head of a table."""
    print(f"\n{title}\n\n| | n | refused | {' | '.join(CODES)} |\n|---|---:|---:|{'---:|' * len(CODES)}")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--dermoscopic", type=Path, nargs="*", default=[], help="folders of pictures")
    p.add_argument("--pad", type=Path, help="folder of PAD-UFES-20: metadata.csv and images/")
    p.add_argument("--count", type=int, default=10_000, help="untouched pictures of each folder")
    p.add_argument("--damaged", type=int, default=300, help="pictures of each folder to damage")
    p.add_argument("--seed", type=int, default=0)
    options = p.parse_args(argv)
    sets = {
        folder.parent.name: ("dermoscopic", folder_pictures(folder, options.count, options.seed))
        for folder in options.dermoscopic
    }
    types: dict[str, str] = {}
    if options.pad:
        sets[options.pad.name] = ("clinical", folder_pictures(options.pad / "images", options.count, options.seed))
        with (options.pad / "metadata.csv").open() as file:
            types = {row["img_id"]: row["fitspatrick"][:1] or "not stated" for row in csv.DictReader(file)}
    sets["phantoms"] = ("dermoscopic", phantoms(300, options.seed))
    print_head("Skin as it came")
    for name, (modality, images) in sets.items():
        print_row(name, (image for _, image in images), modality, None)
    for skin_type in sorted(set(types.values())):
        chosen = (image for file, image in sets[options.pad.name][1] if types.get(file) == skin_type)
        print_row(f"of these, skin type {skin_type}", chosen, "clinical", None)
    for name, (modality, images) in sets.items():
        print_head(f"Damaged: {name}")
        few = random.Random(options.seed).sample(images, min(options.damaged, len(images)))
        for damage in DAMAGES | STRONGER:
            if damage != "untouched":
                print_row(damage, (image for _, image in few), modality, (DAMAGES | STRONGER)[damage])
    print_head("Not skin")
    others: dict[str, list[Image.Image]] = {}
    for name, image in [*drawn(options.seed), *photographs()]:
        others.setdefault(name.split()[0], []).append(image)
    for name, pictures in others.items():
        print_row(name, pictures, "clinical", None)
    passed = [
        name
        for name, image in [*drawn(options.seed), *photographs()]
        if all(advice.level != "refuse" for advice in advise(image, image.size, "clinical"))
    ]
    print(f"\nNot refused: {', '.join(passed)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
