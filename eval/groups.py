"""The groups of patients that figures are shown by: skin type, sex, age, site, modality and dataset.

Sex, age and site stand in the history that the adapters compose (`skin_r1.history`); they are read back from
there. Unknown is a group of its own, since leaving it out would hide most of the cases of many datasets.
"""

import re
from collections.abc import Mapping
from typing import Any

ATTRIBUTES = {
    "skin_type": "Skin type (Fitzpatrick)",
    "sex": "Sex",
    "age": "Age",
    "site": "Site",
    "modality": "Modality",
    "dataset": "Dataset",
}
UNKNOWN = "unknown"
_LEAD = re.compile(
    r"(?:(?P<who>woman|man|patient)(?: aged (?P<age>[^,.]+))?(?=[,.]))?(?:,? ?site: (?P<site>[^.]+))?\.", re.IGNORECASE
)
_SKIN_TYPES = ("I-II", "III-IV", "V-VI")
_SEX = {"woman": "female", "man": "male"}


def attributes(row: Mapping[str, Any]) -> dict[str, str]:
    """The group of a Case row in each of `ATTRIBUTES`; `UNKNOWN` where the row does not say.

    Skin types are banded as I-II, III-IV and V-VI (Daneshjou et al., Sci. Adv. 8 (2022) eabq6147), ages as the history has
    them: decades, "under 10", "80 or older".
    """
    lead = _LEAD.match(row["history"] or "")
    who, age, site = (lead["who"], lead["age"], lead["site"]) if lead else (None, None, None)
    skin_type = row["skin_type"]
    found = {
        "skin_type": None if skin_type is None else _SKIN_TYPES[(skin_type - 1) // 2],
        "sex": _SEX.get(who.lower()) if who else None,
        "age": age,
        "site": site.lower() if site else None,
        "modality": row["modality"],
        "dataset": row["dataset"],
    }
    return {name: value or UNKNOWN for name, value in found.items()}
