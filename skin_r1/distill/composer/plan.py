"""Which trajectories a run writes: capped per diagnosis and kind, dealt in turn over skin types and modalities."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from skin_r1.distill.composer.code import SERIALS, shuffled
from skin_r1.distill.composer.trajectory import KINDS
from skin_r1.errors import problem

WEIGHTS: Mapping[str, float] = dict.fromkeys(KINDS, 1.0)


@dataclass(frozen=True)
class Columns:
    """What the plan needs to know of the cases, one entry each.

    Attributes:
        possible: the kinds that the case can carry (`skin_r1.distill.composer.trajectory.possible`).
        skin_type: Fitzpatrick type 1-6, or None.
    """

    diagnosis: Sequence[str | None]
    possible: Sequence[Sequence[str]]
    skin_type: Sequence[int | None]
    modality: Sequence[str]


@dataclass(frozen=True, slots=True)
class Planned:
    """One rationale to write: the case's index, the kind, and the serial number that fixes its wording."""

    index: int
    kind: str
    serial: int


@dataclass(frozen=True)
class Plan:
    """The rationales to write, and why others are left out.

    Attributes:
        chosen: balanced from the first to the last, so that any beginning of it is balanced too.
        left_out: reason -> trajectories that were asked for (`copies` a case) and are not in the plan.
    """

    chosen: tuple[Planned, ...]
    left_out: Mapping[str, int]


def plan(
    rows: Columns,
    *,
    kinds: Mapping[str, float] = WEIGHTS,
    per_diagnosis: int | None = None,
    per_kind: int | None = None,
    copies: int = 1,
    seed: int = 0,
    first: int = 0,
) -> Plan:
    """Choose trajectories.

    The cases are dealt in turn: first one of each diagnosis, band of skin types (1-2, 3-4, 5-6, unknown) and modality, then a
    second one of each, and so on, so that caps cut the common before the rare. A case gets `copies` trajectories of different
    kinds; each time the kind that is farthest behind its weight.

    Args:
        rows: the cases, as columns.
        kinds: kind -> weight, 0 or more; a kind that is not named is not written.
        per_diagnosis, per_kind: most trajectories of a diagnosis and of a kind; None for no cap.
        copies: trajectories of a case.
        seed: fixes the order of the cases and the serial numbers.
        first: serial numbers that other splits of the run have taken; no two rationales of a run share one.

    Raises:
        UserError: an unknown kind, a weight below 0, or more rationales than there are serial numbers.
    """
    weights = _checked(kinds)
    order = deal(rows, seed)
    chosen: list[Planned] = []
    left_out: Counter[str] = Counter()
    of_kind = dict.fromkeys(weights, 0)
    behind = dict.fromkeys(weights, 0.0)  # how far each kind has come, in its own weights
    of_diagnosis = dict.fromkeys(rows.diagnosis, 0)
    most = len(order) * copies if per_diagnosis is None else per_diagnosis
    wanted = {able: [kind for kind in able if kind in weights] for able in {tuple(each) for each in rows.possible}}
    taken: dict[int, tuple[str, ...]] = {}
    for _ in range(copies):
        for index in order:
            diagnosis = rows.diagnosis[index]
            able = wanted[tuple(rows.possible[index])]
            if used := taken.get(index, ()):
                able = [kind for kind in able if kind not in used]
            if diagnosis is None or not able:
                left_out["no further kind that the case can carry" if used else "no kind that the case can carry"] += 1
                continue
            if of_diagnosis[diagnosis] >= most:
                left_out["cap of the diagnosis"] += 1
                continue
            if per_kind is not None:
                able = [kind for kind in able if of_kind[kind] < per_kind]
                if not able:
                    left_out["cap of the kind"] += 1
                    continue
            kind = min(able, key=behind.__getitem__) if len(able) > 1 else able[0]
            of_kind[kind] += 1
            behind[kind] = of_kind[kind] / weights[kind]
            of_diagnosis[diagnosis] += 1
            if copies > 1:
                taken[index] = (*used, kind)
            chosen.append(Planned(index, kind, shuffled(first + len(chosen), seed)))
    if first + len(chosen) > SERIALS:
        raise problem("a run holds no more rationales", found=first + len(chosen), allowed=f"at most {SERIALS}")
    return Plan(tuple(chosen), dict(left_out))


def band(skin_type: int | None) -> str:
    """The band of a Fitzpatrick type that figures are balanced over."""
    return "unknown" if skin_type is None else ("1-2", "3-4", "5-6")[(skin_type - 1) // 2]


def deal(rows: Columns, seed: int) -> list[int]:
    """Every case once: one of each diagnosis, band and modality in turn; which one is drawn by the seed."""
    count = len(rows.diagnosis)
    drawn = list(range(count))
    Random(seed).shuffle(drawn)
    bands = {each: band(each) for each in (None, 1, 2, 3, 4, 5, 6)}
    dealt: dict[tuple[str | None, str, str], int] = {}
    turn = [0] * count
    for index in drawn:
        cell = rows.diagnosis[index], bands[rows.skin_type[index]], rows.modality[index]
        turn[index] = dealt[cell] = dealt.get(cell, 0) + 1
    return sorted(drawn, key=turn.__getitem__)


def _checked(kinds: Mapping[str, float]) -> Mapping[str, float]:
    for kind, weight in kinds.items():
        if kind not in KINDS:
            raise problem("unknown kind of trajectory", found=kind, allowed=KINDS)
        if not weight >= 0:
            raise problem("a weight below 0", column=kind, found=weight, allowed="0 or more")
    return {kind: weight for kind, weight in kinds.items() if weight}
