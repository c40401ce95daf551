"""Licenses of images: which of them anybody may pass on."""

import re

OPEN = re.compile(r"(cc[ -]?0|cc[ -]by(-sa)?)([ -]\d\.\d)?|public domain|apache-2\.0", re.IGNORECASE)


def is_open(license_name: str) -> bool:
    """Anybody may pass the image on: CC0, CC BY, CC BY-SA, public domain or Apache-2.0.

    Not so NonCommercial, terms per image and agreements: whoever gets the copy may not be allowed to have it.
    """
    return OPEN.fullmatch(license_name.strip()) is not None
