"""From a file to upright sRGB pixels, no more of them than needed, or to the reason why not.

What is decided here, where formats leave room:

- A JPEG that is larger than asked for is decoded at 1/2, 1/4 or 1/8 of its size, straight from its cosine
  coefficients, but never below the size asked for (its right and lower edge may move by a
  pixel of that size). All of its coded data are still read, so a cut file is found.
- Transparent pixels are laid on white. 16-bit gray keeps its upper 8 bits. Floating point and 32 bits are refused:
  they have no agreed range.
- Of an animation or of several pages, the first picture.
- An embedded ICC profile that is not sRGB (a phone's Display P3, Adobe RGB, CMYK of a press) is applied; one that
  cannot be read is ignored.
- A JPEG whose coded data are damaged but whole in length cannot be told: neither Pillow nor the format has a checksum.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from data_prep.images.coded import PNG_START, coded_jpeg, coded_png
from skin_r1.srgb import to_srgb

FORMATS: Final = ("JPEG", "PNG", "BMP", "DIB", "TIFF", "WEBP", "GIF")
"""What a file may hold whatever its suffix says (JPEG brings MPO): a PostScript file named .jpg starts no interpreter."""
ORIENTATION: Final = 0x0112
UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""EXIF orientation -> what sets the picture upright (Exif 2.32, tag 0x0112)."""
SIDEWAYS: Final = (UPRIGHT[5], UPRIGHT[6], UPRIGHT[7], UPRIGHT[8])
JPEGS: Final = ("JPEG", "MPO")
MAX_OVERHEAD: Final = 4096
"""Bytes beyond those of its plain pixels that a coded picture may have to be stored as it is."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture.

    Attributes:
        image: sRGB, upright, perhaps reduced.
        size: width and height of the original, upright, pixels.
        kind: "PNG", or "JPEG" for all others: in what it is stored.
        digest: SHA-256 (hex) of what the picture is, whatever its metadata say: the coded picture of a JPEG, size and
            RGB pixels of all others. A JPEG and its PNG copy differ here; their perceptual hashes do not.
        coded: a file of the original pixels without metadata, of `kind`, where `image` is exactly what it decodes to.
    """

    image: Image.Image
    size: tuple[int, int]
    kind: str
    digest: str
    coded: bytes | None


def read_picture(path: Path, side: int | None = None) -> Picture:
    """Decode a file in full.

    Args:
        path: the file.
        side: a JPEG whose longest side is at least twice as long is decoded smaller, but not below it.

    Raises:
        ValueError: with the reason in plain words.
        OSError: the file cannot be opened.
    """
    raw = path.read_bytes()
    if not raw:
        raise ValueError("zero bytes")
    coded = coded_png(raw) if raw.startswith(PNG_START) else coded_jpeg(raw)
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            full = image.size
            if side is not None and image.format in JPEGS and max(full) >= 2 * side:
                scale = side / max(full)
                image.draft(None, (max(1, round(full[0] * scale)), max(1, round(full[1] * scale))))
            drafted = image.size != full
            image.load()
    except UnidentifiedImageError:
        raise ValueError("not an image, or its beginning is corrupt") from None
    except Image.DecompressionBombError as error:
        raise ValueError(f"too large: {error}") from None
    except MemoryError:
        raise
    except Exception as error:  # decoders raise whatever a broken file leads them to, struct.error to KeyError
        raise ValueError(f"corrupt or truncated: {error}") from None
    # Pillow sets a TIFF upright by itself, and then its size is known after loading only
    return _picture(image, full if drafted else image.size, coded, drafted)


def _picture(image: ImageFile.ImageFile, size: tuple[int, int], coded: bytes | None, drafted: bool) -> Picture:
    turn = UPRIGHT.get(_orientation(image))
    plain = _opaque(image)
    if turn is not None:
        plain = plain.transpose(turn)
        size = size[::-1] if turn in SIDEWAYS else size
    profile = image.info.get("icc_profile")
    upright = to_srgb(plain, profile) if profile else plain
    if coded is not None and image.format in JPEGS:
        content = b"%d" % (turn or 0) + coded
    else:
        rgb = plain if plain.mode == "CMYK" else plain.convert("RGB")
        content = repr(size).encode() + rgb.tobytes()
    # of a PNG: 8 bits a channel, RGB
    as_is = image.mode == "RGB" and upright is image and not drafted
    as_is = as_is and (image.format in JPEGS or (coded or b"")[24:26] == b"\x08\x02")
    if coded is None or len(coded) > 3 * size[0] * size[1] + MAX_OVERHEAD:
        as_is = False
    return Picture(
        image=upright if upright.mode == "RGB" else upright.convert("RGB"),
        size=size,
        kind="PNG" if image.format == "PNG" else "JPEG",
        digest=hashlib.sha256(content).hexdigest(),
        coded=coded if as_is else None,
    )


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # broken EXIF is metadata, and metadata are dropped
        return 1


def _opaque(image: Image.Image) -> Image.Image:
    """8 bits a channel, without transparency; the image itself where it is so already."""
    if image.mode in ("RGB", "L", "CMYK") and not image.has_transparency_data:
        return image
    if image.mode == "F":
        raise ValueError("floating point pixels: no agreed range of values")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError("pixels of more than 16 bits: no agreed range of values")
        return Image.fromarray((values >> 8 if values.max() > 0xFF else values).astype(np.uint8))
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        if layered.getchannel("A").getextrema()[0] == 255:
            return layered.convert("RGB")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), layered).convert("RGB")
    return image.convert("RGB")
