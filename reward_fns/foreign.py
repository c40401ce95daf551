"""Is a sentence in another language? The reader knows English denials only, and believes nothing that it cannot read."""

from collections.abc import Iterable

# Words of the commonest languages that are no English ones; names of diseases and of looks hold one at most.
_COMMON = frozenset(
    "der das und ist sind zu sehen mit ein eine einen auch aber oder wird hat les une est sont avec dans sur elle ni "
    "ne il pas ou el los las una hay con pero se observa gli sono che si vede della een het niet zijn zien er uma com "
    "sao som och inte jest sie noch ven hen shi bu ada ini itu olan var bir ve et de di ed sans".split()
)
# One of these is enough: it denies.
_NO = frozenset(
    "nicht fehlen fehlt assenza manque manquent falta faltan ausencia kein keine keinen keiner keinem keinerlei weder "
    "ohne nirgends aucun aucune rien nulle ningun ninguna ninguno nada nessun nessuna nessuno alcun alcuna niente "
    "senza sem nenhum nenhuma geen niet zonder ikke ingen inget inga utan brak nie bez nema nincs nulla nullum nullus "
    "absunt yok degil tidak bukan tiada hakuna walang khong mei meiyou meishi nai nashi".split()
)
FOREIGN = _COMMON | _NO
"""A sentence without any of these is read as English."""


def in_another_language(words: Iterable[str]) -> bool:
    """True for words, in lower case, among which one denies in another language, or two stand for one.

    >>> in_another_language("weder plaque noch scale".split()), in_another_language("a plaque en cocarde".split())
    (True, False)
    """
    found = FOREIGN.intersection(words)
    return len(found) > 1 or not _NO.isdisjoint(found)
