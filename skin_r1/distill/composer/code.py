"""Serial numbers that make texts differ: a Reed-Solomon code over the choices of wording.

A rationale has 13 symbols, each the number of a wording from 0 to 12. They are the values at 0..12 of a polynomial over
GF(13) whose six coefficients are the digits of the rationale's serial number in base 13. Two polynomials of degree 5 or less
agree in at most 5 places, so two serial numbers choose the same wording in at most 5 of the 13 (Reed and Solomon, J SIAM
1960;8:300-304). Where the places weigh about the same, two rationales share well under half of their text, even
about one case.
"""

from collections.abc import Sequence

from skin_r1.errors import problem

FIELD = 13
DIGITS = 6
SERIALS: int = FIELD**DIGITS
"""How many rationales a run may hold: 4,826,809."""
GRAM = 8  # words

_POWERS: tuple[tuple[int, ...], ...] = tuple(
    tuple(int(x**power % FIELD) for power in range(DIGITS)) for x in range(FIELD)
)


def digits(serial: int) -> tuple[int, ...]:
    """The six digits in base 13, lowest first.

    Raises:
        UserError: the serial number is not in [0, `SERIALS`).
    """
    if not 0 <= serial < SERIALS:
        raise problem("a run holds no more rationales", found=serial, allowed=f"0 to {SERIALS - 1}")
    out = []
    for _ in range(DIGITS):
        serial, digit = divmod(serial, FIELD)
        out.append(digit)
    return tuple(out)


def symbols(own: Sequence[int]) -> tuple[int, ...]:
    """The 13 symbols of a serial number's digits, each in [0, 13); two serial numbers agree in at most 5 places."""
    a, b, c, d, e, f = own
    return tuple([(a + x1 * b + x2 * c + x3 * d + x4 * e + x5 * f) % FIELD for _, x1, x2, x3, x4, x5 in _POWERS])


def shuffled(number: int, seed: int) -> int:
    """The serial number of the run's `number`-th rationale: a permutation of [0, `SERIALS`) for each seed."""
    factor = 2_654_435_761 + FIELD * (seed % SERIALS)  # prime to 13, so that no two numbers meet
    return (number * factor + 1_013_904_223 * seed) % SERIALS


def grams(text: str) -> frozenset[tuple[str, ...]]:
    """Every 8 words in a row, in lower case and without punctuation at their ends."""
    words = [word.strip(".,;:?!()").lower() for word in text.split()]
    return frozenset(tuple(words[at : at + GRAM]) for at in range(len(words) - GRAM + 1))


def overlap(one: str, other: str) -> float:
    """Shared 8-grams as a share of those of the shorter text, in [0, 1]; 0 where a text has none."""
    a, b = grams(one), grams(other)
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0


def partners(serial: int, places: Sequence[int]) -> tuple[int, ...]:
    """The 12 serial numbers that agree with `serial` in exactly these five places: the worst there are, for tests."""
    poly = [1]
    for root in places:  # multiply by (x - root)
        poly = [(low - root * high) % FIELD for low, high in zip([0, *poly], [*poly, 0], strict=True)]
    own = digits(serial)
    return tuple(
        sum((digit + times * more) % FIELD * FIELD**at for at, (digit, more) in enumerate(zip(own, poly, strict=True)))
        for times in range(1, FIELD)
    )
