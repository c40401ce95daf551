"""The answers of a checklist, each bound to the name that it follows: "ulcer: no", "scale (present)", "plaque +"."""

import re

_YES = frozenset(("yes", "present", "positive", "true"))
_NO = frozenset(("no", "absent", "none", "negative", "false"))
_TICK = re.compile(
    rf"(?:[ \t*_]*(?:[:=(\u2013\u2014]|-+>?)[ \t*_]*({'|'.join(sorted(_YES | _NO))})"
    r"|[ \t]+(yes|no)|[ \t]*\(?[ \t]*(?:(\++)|[-\u2013\u2212]))[ \t*_]*(?=[,;.)\n]|$)",
    re.IGNORECASE,
)


def tick(text: str, end: int) -> bool | None:
    """The answer right behind the name that ends at character `end`; None where there is none.

    >>> tick("Plaque: yes, scale (no).", 6), tick("Plaque: yes, scale (no).", 18), tick("Surface: no scale.", 7)
    (True, False, None)
    """
    found = _TICK.match(text, end)
    if found is None:
        return None
    word = found[1] or found[2]
    return word.lower() in _YES if word else found[3] is not None
