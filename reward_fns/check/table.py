"""The result of a check as text of at most 120 columns."""

from collections.abc import Sequence

from skin_r1.reward_check.check import CheckResult, mean
from skin_r1.reward_check.groups import MIXTURES, SUM

FIRST, CELL, BLOCK = 20, 10, 10  # characters of the first column and of the others; rewards side by side
SYLLABLES = 6  # letters of a long name's first line: consis-tency, differ-ential, malign-ancy
GROUPS = {
    "right": "right",
    "wrong": "right but for one thing",
    "hack": "written for the reward",
    "unreadable": "not one answer",
    "chance": "right by luck alone",
}
"""Groups of kinds, in the order shown, and their headings."""


def show(result: CheckResult) -> str:
    """Mean pay of each kind of answer; `!` marks a fault, `-` where a reward never spoke."""
    names = list(result.paid)
    blocks = [names[at : at + BLOCK] for at in range(0, len(names), BLOCK)]
    return "\n\n".join("\n".join(_block(result, block)) for block in blocks) + "\n" + _sums(result)


def short(name: str) -> tuple[str, str]:
    """A reward's name in two lines, without the `_reward` that all have."""
    above, _, below = name.removesuffix("_reward").rpartition("_")
    if not above and len(below) >= CELL:
        above, below = f"{below[:SYLLABLES]}-", below[SYLLABLES:]
    return above, below


def _block(result: CheckResult, names: Sequence[str]) -> list[str]:
    broken = {(fault.reward, fault.kind) for fault in result.faults}
    heads = [short(name) for name in names]
    lines = [_line("", [above for above, _ in heads]), _line("mean pay", [below for _, below in heads])]
    for group, heading in GROUPS.items():
        lines.append(heading)
        for kind in result.kinds:
            if kind.group == group:
                cells = [_number(mean(result.paid[name][kind.name]), (name, kind.name) in broken) for name in names]
                lines.append(_line(f" {kind.name}", cells))
    lines.append(_line("chance, the best", [_number(result.chance[name], False) for name in names]))
    lines.append("simulated groups that are paid alike")
    alike = {(each.mixture, each.reward): each for each in result.spreads}
    for mixture in MIXTURES:
        each = [alike[mixture, name] for name in names]
        lines.append(_line(f" {mixture}", [f"{one.alike:.0%} " if one.groups else "- " for one in each]))
    return lines


def _sums(result: CheckResult) -> str:
    told = [f"{each.mixture} {each.alike:.0%}" for each in result.spreads if each.reward == SUM]
    return f"by the weighted sum: {', '.join(told)}"


def _line(first: str, cells: Sequence[str]) -> str:
    return (first[: FIRST - 1].ljust(FIRST) + "".join(cell[: CELL - 1].rjust(CELL) for cell in cells)).rstrip()


def _number(value: float | None, broken: bool) -> str:
    return ("-" if value is None else f"{value:.3f}") + ("!" if broken else " ")
