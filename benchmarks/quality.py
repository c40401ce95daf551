"""Do the flags of image quality follow the damage? Prints, per folder and damage, the share of images with each flag.

Damage is done to the original picture: Gaussian blur (standard deviation in pixels of a picture whose longer side is
256), luma times a factor, contrast times a factor, size times a factor. A painted background stays black.

Examples:
    python -m benchmarks.quality --images data/ham10000/images data/pad_ufes_20/images data/isic2017/images
    python -m benchmarks.quality --images data/isic2017/images --score ruler --sheet ruler.png    (highest first)
    python -m benchmarks.quality --images data/isic2017/images --picture docs/img/quality.jpg     (one of each damage)
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from data_prep.images.find import index_images
from data_prep.images.pixels import read_picture
from data_prep.images.quality import FLAGS, assess, flags
from skin_r1.photo import BACKGROUND, SIDE, shrink

Damage = Callable[[Image.Image], Image.Image]


def blurred(pixels: float) -> Damage:
    """Gaussian blur, in pixels of a picture of 256."""
    return lambda image: image.filter(ImageFilter.GaussianBlur(pixels * max(image.size) / 256))


def brighter(factor: float) -> Damage:
    """All channels times a factor, clipped."""
    return lambda image: image.point(lambda value: min(255, round(value * factor)))


def flatter(factor: float) -> Damage:
    """All channels drawn to the middle."""
    return lambda image: image.point(lambda value: round(128 + (value - 128) * factor))


def smaller(factor: float) -> Damage:
    """Both sides times a factor."""
    return lambda image: image.resize(
        (round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS
    )


DAMAGES: dict[str, Damage] = {
    "untouched": lambda image: image,
    **{f"blur {value} px": blurred(value) for value in (1.0, 1.5, 2.0, 3.0)},
    **{f"luma x {value}": brighter(value) for value in (0.5, 0.35, 0.25, 0.15, 1.25, 1.5, 2.0)},
    **{f"contrast x {value}": flatter(value) for value in (0.5, 0.25, 0.12)},
    **{f"size x {value}": smaller(value) for value in (0.75, 0.5, 0.25)},
}


def damaged(image: Image.Image, damage: Damage) -> Image.Image:
    """Damage a picture, but not the background painted around a crop."""
    done = damage(image)
    if done.size != image.size:
        return done
    painted = image.convert("L").point(lambda value: 255 if value <= BACKGROUND else 0)
    return Image.composite(Image.new("RGB", image.size), done, painted) if painted.getbbox() else done


def sample(folder: Path, count: int, seed: int) -> list[tuple[str, Image.Image]]:
    """Names and pictures, drawn at random, in order."""
    names = [files[0] for files in index_images(folder).stems.values()]
    chosen = sorted(random.Random(seed).sample(names, min(count, len(names))))
    return [(name, read_picture(folder / name).image) for name in chosen]


def print_rates(folder: Path, images: Sequence[tuple[str, Image.Image]]) -> None:
    """Print one table."""
    reduced = [shrink(image, SIDE) for _, image in images]
    start = time.perf_counter()
    for image in reduced:
        assess(image)
    each = 1e3 * (time.perf_counter() - start) / len(images)
    print(f"\n{folder.parent.name}: {len(images)} images, {each:.2f} ms each\n")
    print(f"| Damage | {' | '.join(FLAGS)} |\n|---|{'---:|' * len(FLAGS)}")
    for name, damage in DAMAGES.items():
        counts = Counter(flag for _, image in images for flag in flags(assess(damaged(image, damage))))
        print(f"| {name} | {' | '.join(f'{counts[flag] / len(images):.1%}' for flag in FLAGS)} |")


def write_sheet(pictures: Sequence[tuple[str, Image.Image]], out: Path, columns: int, cell: int) -> None:
    """Write captioned pictures side by side."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * cell, rows * (cell + 14)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (caption, image) in enumerate(pictures):
        x, y = number % columns * cell, number // columns * (cell + 14)
        draw.text((x + 2, y), caption, fill="black")
        sheet.paste(shrink(image, cell - 4), (x + 2, y + 13))
    sheet.save(out, quality=80)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables, or write a sheet."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--images", type=Path, nargs="+", required=True, help="folders of pictures")
    p.add_argument("--count", type=int, default=500, help="pictures of each folder, drawn at random")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--score", choices=("hair", "ruler", "marker", "sharpness", "vignette"), default="ruler")
    p.add_argument("--sheet", type=Path, help="write the pictures with the highest score")
    p.add_argument("--top", type=int, default=60)
    p.add_argument("--picture", type=Path, help="write one picture under each damage, with its flags")
    options = p.parse_args(argv)
    for folder in options.images:
        images = sample(folder, options.count, options.seed)
        if options.sheet:
            scored = [(getattr(assess(image), options.score) or 0.0, name, image) for name, image in images]
            scored.sort(key=lambda item: (-item[0], item[1]))
            write_sheet([(f"{score:.3f}", image) for score, _, image in scored[: options.top]], options.sheet, 10, 150)
        elif options.picture:
            shown = [(name, damaged(image, damage)) for image in [images[0][1]] for name, damage in DAMAGES.items()]
            captions = [f"{name}: {', '.join(flags(assess(image))) or '-'}" for name, image in shown]
            write_sheet(list(zip(captions, (image for _, image in shown), strict=True)), options.picture, 6, 170)
            print(f"{images[0][0]} -> {options.picture}")
        else:
            print_rates(folder, images)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
