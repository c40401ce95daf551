"""Colors as a screen shows them: an embedded ICC profile applied, and dropped."""

import io
from functools import lru_cache
from typing import Any

from PIL import Image, ImageCms


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Apply an ICC profile (a phone's Display P3, Adobe RGB, CMYK of a press).

    Returns:
        An RGB picture, or the image itself where its profile is sRGB already, does not fit its mode or cannot be read.
    """
    transform = _transform(profile, image.mode) if profile else None
    return image if transform is None else ImageCms.applyTransform(image, transform) or image


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> Any:
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(given).lower()
        if "srgb" in name and "linear" not in name:
            return None
        return ImageCms.buildTransform(given, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
