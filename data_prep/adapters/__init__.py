"""The datasets that can be read. A new one is a module with the names of `raw.Adapter`, and a line here."""

from data_prep.adapters import (
    bcn20000,
    ddi,
    derm7pt,
    derm12345,
    dermnet,
    fitzpatrick17k,
    generic,
    ham10000,
    isic2017,
    isic2018,
    isic2019,
    isic2020,
    isic2024,
    isic_archive,
    milk10k,
    pad_ufes_20,
    scin,
    skincap,
)
from data_prep.raw import Adapter
from skin_r1.errors import problem

ADAPTERS: dict[str, Adapter] = {
    a.NAME: a
    for a in (
        pad_ufes_20,
        isic2017,
        isic2018,
        isic2019,
        isic2020,
        isic2024,
        isic_archive,
        ham10000,
        bcn20000,
        fitzpatrick17k,
        ddi,
        skincap,
        scin,
        dermnet,
        derm7pt,
        derm12345,
        milk10k,
        generic,
    )
}


def adapter(name: str) -> Adapter:
    """The adapter of a dataset.

    Raises:
        UserError: no such dataset.
    """
    if name not in ADAPTERS:
        raise problem("unknown dataset", found=name, allowed=ADAPTERS, next_step="skin-r1 data list")
    return ADAPTERS[name]
