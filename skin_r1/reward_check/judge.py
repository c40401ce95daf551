"""Hold what a reward pays against the bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from skin_r1.reward_check.bounds import BOUNDS, FORM, MARGIN, SLACK, Bound, Judges, answers_for, full_pay
from skin_r1.reward_check.groups import SUM, Spread
from skin_r1.reward_check.kinds import GOLD, Kind
from skin_r1.reward_check.pay import Paid
from skin_r1.reward_check.scene import HARMFUL, Row

EXACT = 1e-6
ERRORS = 3.0  # standard errors of a mean by which it may pass its bound: one sample in a thousand does so by chance
DULL = 0.5  # share of the simulated groups midway that may be paid alike before there is too little to learn from


@dataclass(frozen=True)
class Fault:
    """What is wrong with a reward.

    Attributes:
        reward: its name.
        kind: of the answers, or "groups".
        case_id: the worst row, or None where the fault is one of the average.
        what: one sentence.
    """

    reward: str
    kind: str
    case_id: str | None
    what: str

    def __str__(self) -> str:
        return self.what


def contract(
    name: str,
    rows: Sequence[Row],
    kinds: Sequence[Kind],
    texts: Mapping[str, Sequence[str | None]],
    paid: Mapping[str, Paid],
) -> list[Fault]:
    """Pay outside of [0, 1], None for an answer where the gold answer is paid, and gold answers that are never paid."""
    faults: dict[str, Fault] = {}
    for kind in kinds:
        rest = zip(rows, texts[kind.name], paid[kind.name], paid[GOLD], strict=True)
        for row, text, value, gold in rest:
            case = str(row["case_id"])
            if value is not None and not 0.0 <= value <= 1.0:
                what = f"{name} pays {kind.name!r} {value:.3f} on {case}: outside of [0, 1]"
                faults.setdefault("range", Fault(name, kind.name, case, what))
            if text is not None and value is None and gold is not None:
                what = f"{name} leaves out {kind.name!r} on {case}, whose gold answer it pays: None is for rows, not answers"
                faults.setdefault("none", Fault(name, kind.name, case, what))
    golds = [value for value in paid[GOLD] if value is not None]
    if golds and max(golds) <= EXACT:
        faults["gold"] = Fault(name, GOLD, str(rows[0]["case_id"]), f"{name} pays the gold answer nothing on any row")
    return list(faults.values())


def fault(
    name: str, what: Judges, kind: Kind, rows: Sequence[Row], paid: Mapping[str, Paid], chance: float | None
) -> Fault | None:
    """The first bound that the pay of a kind breaks."""
    golds = paid[GOLD]
    spoken = [
        (row, value, gold)
        for row, value, gold in zip(rows, paid[kind.name], golds, strict=True)
        if value is not None and gold is not None
    ]
    if kind.name == GOLD:
        low = [(value, row) for row, value, _ in spoken if value < 1 - EXACT and full_pay(what, row)]
        return _worst(name, kind, [(1 - value, value, row) for value, row in low], "1 is right")
    if kind.group == "unreadable":
        over = [(value, value, row) for row, value, _ in spoken if value > EXACT]
        return _worst(name, kind, over, "0 is right")
    bound = BOUNDS[what].get(kind.name)
    if bound is not None:
        held = [each for each in spoken if answers_for(what, each[0])]
        found = _broken(name, what, kind, bound, held, chance)
        if found:
            return found
    if spoken and kind.group != "chance" and what != "novelty":  # whatever it judges, nothing beats the truth
        average, gold = fmean(value for _, value, _ in spoken), fmean(gold for _, _, gold in spoken)
        fair = all(full_pay(what, row) for row, _, _ in spoken) or what == "anything"
        if average > gold + SLACK and fair:
            return Fault(name, kind.name, None, f"{name} pays {kind.name!r} {average:.3f} on average, gold {gold:.3f}")
    return None


def _broken(
    name: str, what: Judges, kind: Kind, bound: Bound, held: Sequence[tuple[Row, float, float]], chance: float | None
) -> Fault | None:
    if not held:
        return None
    if bound.how in ("mean", "chance"):
        average, gold = fmean(value for _, value, _ in held), fmean(gold for _, _, gold in held)
        luck = chance if bound.how == "chance" else None
        most = gold - MARGIN if bound.how == "mean" else min(bound.value, 1.0 if luck is None else luck + SLACK)
        excess = [value - paid if bound.how == "mean" else value for _, value, paid in held]
        most += ERRORS * _standard_error(excess)
        most = min(most, gold - EXACT) if bound.how == "mean" else most
        if average <= most:
            return None
        why = f"gold is {gold:.3f}" if luck is None else f"chance is {luck:.3f}"
        told = f"{name} pays {kind.name!r} {average:.3f} on average; at most {most:.3f} is right: {why}"
        return Fault(name, kind.name, None, told)
    over: list[tuple[float, float, Row]] = []
    for row, value, gold in held:
        if bound.how == "gold":
            over += [(gold - value, value, row)] if value < gold - EXACT else []
        elif bound.how == "less":
            over += [(value - gold, value, row)] if value > gold - EXACT and full_pay(what, row) else []
        else:
            harmful = row["malignancy"] in HARMFUL
            most = bound.missed if harmful and bound.missed is not None else bound.value
            over += [(value - most, value, row)] if value > most + EXACT else []
    says = {"gold": "it says the same as gold", "less": "less than gold is right"}
    return _worst(name, kind, over, says.get(bound.how, f"at most {bound.value:g} is right"))


def _standard_error(values: Sequence[float]) -> float:
    """Of the mean of a sample; 0 for one row, whose spread is unknown."""
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0


def _worst(name: str, kind: Kind, over: Sequence[tuple[float, float, Row]], right: str) -> Fault | None:
    """A fault that names the row with the largest excess; `over` holds excess, pay and row."""
    if not over:
        return None
    _, value, row = max(over, key=lambda each: each[0])
    more = f" and {len(over) - 1} more rows" if len(over) > 1 else ""
    return Fault(
        name,
        kind.name,
        str(row["case_id"]),
        f"{name} pays {kind.name!r} {value:.3f} on {row['case_id']}{more}: {right}",
    )


def templated(name: str, own: float, same: float) -> list[Fault]:
    """The fault of a reward of novelty that pays one reasoning for all as well as reasonings of their own."""
    if same <= own - MARGIN:
        return []
    return [
        Fault(
            name,
            "groups",
            None,
            f"{name} pays groups of different answers {own:.3f} on average, and {same:.3f} where all share one reasoning",
        )
    ]


def dull(spreads: Sequence[Spread]) -> list[Fault]:
    """The fault of rewards that together pay too many simulated groups alike."""
    return [
        Fault(SUM, "groups", None, f"midway in training {each.alike:.0%} of the groups would be paid alike in sum")
        for each in spreads
        if (each.mixture, each.reward) == ("midway", SUM) and each.alike > DULL
    ]


def blind_notes(
    judged: Mapping[str, Judges], chance: Mapping[str, float | None], gold: Mapping[str, float | None]
) -> tuple[str, ...]:
    """Rewards of the truth that are earned in full without looking at any image."""
    return tuple(
        f"{name} pays an answer that is right by luck {luck:.3f}, the gold answer {full:.3f}: give it a small weight"
        for name, what in judged.items()
        if what not in FORM
        and (luck := chance[name]) is not None
        and (full := gold[name]) is not None
        and luck > full - MARGIN
    )
