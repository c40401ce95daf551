"""The perceptual hash: 256 bits that a rescaled or recompressed copy of a picture nearly shares.

The same hash as `imagehash.phash(image, hash_size=16)`: luma, Lanczos to 64 x 64, type II cosine transform, the 16 x 16
lowest frequencies, one bit each for above their median. Both steps are linear, so they are one matrix on each side of
the picture. Left out is the rounding to whole gray levels between them, which moves a bit or two.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HASH_SIDE: Final = 16
FINE: Final = 4 * HASH_SIDE
"""Side of the picture that is transformed."""
DIGITS: Final = 3
"""Decimals that are kept: differences below are rounding, which must not decide a bit of a flat picture."""


def perceptual_hash(image: Image.Image) -> bytes:
    """Hash a picture; 32 bytes, row by row from the lowest frequency, most significant bit first."""
    gray = np.asarray(image.convert("L"), dtype=np.float64)
    low = np.round(_to_frequencies(gray.shape[0]) @ gray @ _to_frequencies(gray.shape[1]).T, DIGITS)
    return np.packbits(low > np.median(low)).tobytes()


@lru_cache(maxsize=1024)
def _to_frequencies(length: int) -> NDArray[np.float64]:
    """Lanczos resampling of `length` samples to `FINE`, then their lowest frequencies; shape (HASH_SIDE, length).

    The window is three samples of the coarser grid to each side (Turkowski, Graphics Gems I, 1990), cut at the ends
    and scaled to sum 1.
    """
    step = length / FINE
    wide = max(step, 1.0)
    centers = (np.arange(FINE) + 0.5) * step
    first = np.maximum((centers - 3 * wide + 0.5).astype(np.int64), 0)[:, None]
    last = np.minimum((centers + 3 * wide + 0.5).astype(np.int64), length)[:, None]
    sample = np.arange(length)[None]
    away = (sample + 0.5 - centers[:, None]) / wide
    weight = np.where((sample >= first) & (sample < last) & (np.abs(away) < 3), np.sinc(away) * np.sinc(away / 3), 0.0)
    resample = weight / weight.sum(axis=1, keepdims=True)
    turns = np.arange(HASH_SIDE)[:, None] * (np.arange(FINE) + 0.5) * np.pi / FINE
    return np.ascontiguousarray(2 * np.cos(turns) @ resample)
