"""Answers that are nothing but a code of the International Classification of Diseases, of ICD-10, ICD-10-CM or ICD-11.

`icd.tsv` holds the codes that mean one diagnosis of ours; a longer code means what its longest known beginning means. Codes
that gather several diagnoses ("C44.9", "D23") stand in no row.
"""

import re
from functools import lru_cache
from pathlib import Path

from skin_r1.taxonomy import read_tsv

TABLE = Path(__file__).with_name("icd.tsv")
_CODE = re.compile(
    r"\W*(?:(?:the|final|diagnos(?:is|tic|tics)|answer|code[sd]?|is|as|dx|icd|cm|10|11|version)\b[\W_]*)*"
    r"(?P<code>[A-TV-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,4})?|"
    r"[1-9E][A-HJ-NP-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,2})?)[\W_]*(?:(?:icd|cm|10|11)\b[\W_]*)*",
    re.IGNORECASE,
)
_SHORTEST = 3


def read_code(text: str) -> str | None:
    """The slug that a code means; None where the text says more than a code, or the code is none of ours.

    >>> read_code("ICD-10: L40.0"), read_code("C44.311"), read_code("L98.9")
    ('psoriasis', 'basal-cell-carcinoma', None)
    """
    found = _CODE.fullmatch(text) if len(text) < 60 else None
    if found is None:
        return None
    code = found["code"].upper().replace(".", "")
    beginnings = (code[:end] for end in range(len(code), _SHORTEST - 1, -1))
    return next((slug for start in beginnings if (slug := _codes().get(start))), None)


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    return {row["code"].replace(".", ""): row["diagnosis"] for row in read_tsv(TABLE)}
