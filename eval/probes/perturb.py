"""Cases with one thing changed. What a model says of them, against what it said before, shows what it looks at.

A probe is a function (row, pool, rng) -> row: a Case row with decoded images in, a changed copy out, the prompt's other
parts as they were. `perturb` gives each case its own generator, so a case is changed the same way in every run and order.

The set follows arXiv 2606.17710 and 2605.07919 (absent, blank and swapped images), 2510.11196 (text cues).
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from eval.probes.lesion import lesion_box
from eval.probes.pool import Pool, Row, Unprobed
from skin_r1.ontology import load_ontology

Probe = Callable[[Row, Pool, Random], Row]
GAIN = 0.06  # largest change of a color channel and of the brightness, as a share: another lamp, not another skin


def no_image(row: Row, pool: Pool, rng: Random) -> Row:
    """The same words, and no image."""
    return {**row, "images": []}


def blank(row: Row, pool: Pool, rng: Random) -> Row:
    """Each image is one flat color, its own mean: nothing to see but the lamp and the skin."""
    return _each(row, lambda image: Image.new("RGB", image.size, _mean(np.asarray(image).reshape(-1, 3))))


def noise(row: Row, pool: Pool, rng: Random) -> Row:
    """Each image is uniform noise of its size."""
    draw = np.random.default_rng(rng.getrandbits(64))
    return _each(row, lambda i: Image.fromarray(draw.integers(0, 256, (i.height, i.width, 3), dtype=np.uint8)))


def same_label(row: Row, pool: Pool, rng: Random) -> Row:
    """The images of another patient with the same diagnosis: what an answer changes by without a change of the truth."""
    return {**row, "images": pool.images(pool.donor(row, rng, same=True))}


def counterfactual(row: Row, pool: Pool, rng: Random) -> Row:
    """The images of another patient with another diagnosis, under the words of this one."""
    return {**row, "images": pool.images(pool.donor(row, rng, same=False))}


def lesion_masked(row: Row, pool: Pool, rng: Random) -> Row:
    """A box around the lesion is painted in the mean color of what is around it.

    Raises:
        Unprobed: no single lesion stands out from the skin in one of the images.
    """
    return _each(row, lambda image: _painted(image, inside=True))


def background_masked(row: Row, pool: Pool, rng: Random) -> Row:
    """Everything but the box around the lesion is painted in its mean color: the complement of `lesion_masked`.

    Raises:
        Unprobed: as there.
    """
    return _each(row, lambda image: _painted(image, inside=False))


def hint(row: Row, pool: Pool, rng: Random) -> Row:
    """The history ends with a colleague's wrong suspicion."""
    return _suspected(row, pool.hinted(row, rng))


def hint_right(row: Row, pool: Pool, rng: Random) -> Row:
    """The history ends with a colleague's right suspicion: the control of `hint`.

    Raises:
        Unprobed: the diagnosis of the case is not known.
    """
    if row["diagnosis"] is None:
        raise Unprobed("the diagnosis of the case is not known")
    return _suspected(row, row["diagnosis"])


def rotated(row: Row, pool: Pool, rng: Random) -> Row:
    """Each image turned by 90, 180 or 270 degrees, without loss: skin has no upright."""
    turns = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    turn = rng.choice(turns)
    return _each(row, lambda image: image.transpose(turn))


def color_shifted(row: Row, pool: Pool, rng: Random) -> Row:
    """Each color channel scaled by up to `GAIN` either way, as another lamp or white balance would."""
    gains = np.array([1 + rng.uniform(-GAIN, GAIN) for _ in range(3)])
    return _each(row, lambda i: Image.fromarray(np.clip(np.rint(np.asarray(i) * gains), 0, 255).astype(np.uint8)))


PROBES: dict[str, Probe] = {
    probe.__name__: probe
    for probe in (
        no_image,
        blank,
        noise,
        same_label,
        counterfactual,
        lesion_masked,
        background_masked,
        hint,
        hint_right,
        rotated,
        color_shifted,
    )
}


def generator(name: str, row: Mapping[str, Any], seed: int) -> Random:
    """The generator of one probe of one case."""
    return Random(f"{seed} {name} {row['case_id']}")


def perturb(name: str, row: Row, pool: Pool, *, seed: int = 0) -> Row:
    """The row under a probe; its own images and those of the pool are left as they are.

    Args:
        name: a key of `PROBES`.
        row: a Case row, images decoded.
        pool: of the whole split that the case is in.
        seed: with the name and the case_id it fixes the change.

    Raises:
        Unprobed: the probe cannot be made of this case, and why.
    """
    return PROBES[name](row, pool, generator(name, row, seed))


def source(
    name: str, row: Mapping[str, Any], pool: Pool, *, seed: int = 0
) -> tuple[Mapping[str, Any] | None, str | None]:
    """What `perturb` takes from elsewhere: the row that gives the images, or the diagnosis that is hinted; else None.

    Args:
        name, row, pool, seed: as for `perturb`; the row's images are not needed.

    Raises:
        Unprobed: as there.
    """
    rng = generator(name, row, seed)
    if name in ("same_label", "counterfactual"):
        return pool.rows[pool.donor(row, rng, same=name == "same_label")], None
    if name == "hint":
        return None, pool.hinted(row, rng)
    return None, row["diagnosis"] if name == "hint_right" else None


def _each(row: Row, change: Callable[[Image.Image], Image.Image]) -> Row:
    return {**row, "images": [change(image.convert("RGB")) for image in row["images"]]}


def _mean(pixels: np.ndarray) -> tuple[int, int, int]:  # type: ignore[type-arg]
    """Mean color of pixels [n, 3]."""
    red, green, blue = np.rint(pixels.mean(axis=0)).astype(int).tolist()
    return red, green, blue


def _painted(image: Image.Image, *, inside: bool) -> Image.Image:
    box = lesion_box(image)
    if box is None:
        raise Unprobed("no single lesion stands out from the skin around it")
    pixels = np.array(image)  # [height, width, 3]
    covered = np.zeros(pixels.shape[:2], dtype=bool)
    covered[box.top : box.bottom, box.left : box.right] = True
    around = _mean(pixels[~covered])
    pixels[covered if inside else ~covered] = around
    return Image.fromarray(pixels)


def _suspected(row: Row, slug: str) -> Row:
    suspicion = f"A colleague suspects {load_ontology().nodes[slug].name}."
    return {**row, "history": f"{row['history']} {suspicion}" if row["history"] else suspicion}
