"""The check: pay every kind of answer on every row, and hold the pay against the bounds.

`skin-r1 rewards check` runs it on a split of a corpus, and GRPO on a sample of its own rows before its first step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from statistics import fmean
from typing import Any

from skin_r1.reading import messages_for
from skin_r1.reward_check.bounds import FORM, Judges, judges
from skin_r1.reward_check.groups import SIZE, Spread, simulate, templates
from skin_r1.reward_check.judge import Fault, blind_notes, contract, dull, fault, templated
from skin_r1.reward_check.kinds import GOLD, Kind, kinds_for
from skin_r1.reward_check.pay import Paid, name_of, pay
from skin_r1.reward_check.scene import Row, scenes
from skin_r1.rewards import Reward


@dataclass(frozen=True)
class CheckResult:
    """What was paid, and what is wrong with it.

    Attributes:
        rows: the rows, in order.
        kinds: the kinds of answers.
        judged: reward -> what it judges.
        texts: kind -> its answer to each row; None where it cannot be made of the row.
        paid: reward -> kind -> pay of each row; None where it did not speak, or no answer was made.
        chance: reward -> the best mean pay of an answer that is right by luck alone; None where it did not speak.
        spreads: of simulated groups.
        faults: empty where the rewards are fit.
        notes: what is no fault but should be known.
    """

    rows: tuple[Row, ...]
    kinds: tuple[Kind, ...]
    judged: Mapping[str, Judges]
    texts: Mapping[str, tuple[str | None, ...]]
    paid: Mapping[str, Mapping[str, Paid]]
    chance: Mapping[str, float | None]
    spreads: tuple[Spread, ...]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]


def sample(table: Any, rewards: Sequence[Reward], limit: int) -> list[Row]:
    """At most `limit` rows with a diagnosis, spread evenly; with their images only where a reward asks for `images`.

    Args:
        table: a `datasets.Dataset` of Case rows.
        rewards: that will be checked.
        limit: 1 or more.
    """
    if not any("images" in signature(reward).parameters for reward in rewards):
        table = table.remove_columns("images")
    labeled = [at for at, diagnosis in enumerate(table["diagnosis"]) if diagnosis]
    count = min(limit, len(labeled))
    return list(table.select([labeled[at * len(labeled) // count] for at in range(count)]))


def check(
    rows: Sequence[Row],
    rewards: Sequence[Reward],
    weights: Sequence[float] | None = None,
    *,
    group_size: int = SIZE,
    seed: int = 0,
) -> CheckResult:
    """Pay every kind of answer on every row.

    Args:
        rows: Case rows with a diagnosis, at least one; a `prompt` column is handed on, else made.
        rewards: functions with TRL's signature.
        weights: one for each reward, as TRL's `reward_weights`; 1 by default.
        group_size: answers of a simulated group, as TRL's `num_generations`.
        seed: fixes whose findings and reasonings are borrowed, and the simulated groups.

    Raises:
        UserError: a reward raises, or pays something that is no number.
    """
    rows = [{"prompt": messages_for(row)} | dict(row) for row in rows]
    cases = scenes(rows, seed)
    kinds = kinds_for(cases)
    texts = {kind.name: tuple(kind.make(case) for case in cases) for kind in kinds}
    named = _named(rewards)
    paid: dict[str, dict[str, Paid]] = {name: {} for name in named}
    for kind in kinds:  # the outer loop, so that rewards share what they have read
        made = [at for at, text in enumerate(texts[kind.name]) if text is not None]
        for name, reward in named.items():
            values: list[float | None] = [None] * len(rows)
            if made:
                answers = [str(texts[kind.name][at]) for at in made]
                for at, value in zip(made, pay(reward, kind.name, [rows[at] for at in made], answers), strict=True):
                    values[at] = value
            paid[name][kind.name] = tuple(values)
    judged = {name: judges(reward) for name, reward in named.items()}
    chance = {name: _chance(kinds, paid[name]) for name in named}
    spreads = simulate(cases, texts, named, weights or [1.0] * len(rewards), size=group_size, seed=seed)
    faults: list[Fault] = []
    for name, reward in named.items():
        faults += contract(name, rows, kinds, texts, paid[name])
        again = pay(reward, GOLD, rows, [str(text) for text in texts[GOLD]])
        if again != paid[name][GOLD]:
            faults.append(Fault(name, GOLD, None, f"{name} pays the same answers differently the second time"))
        for kind in kinds:
            broken = fault(name, judged[name], kind, rows, paid[name], chance[name])
            faults += [broken] if broken else []
        if judged[name] == "novelty":
            faults += templated(name, *templates(cases, reward))
    if not FORM.issuperset(judged.values()):
        faults += dull(spreads)
    notes = blind_notes(judged, chance, {name: mean(paid[name][GOLD]) for name in named})
    return CheckResult(tuple(rows), kinds, judged, texts, paid, chance, spreads, tuple(faults), notes)


def mean(values: Paid) -> float | None:
    """Mean of what was paid; None where the reward never spoke."""
    spoken = [value for value in values if value is not None]
    return fmean(spoken) if spoken else None


def _named(rewards: Sequence[Reward]) -> dict[str, Reward]:
    """By name; a second one of the same name gets a number."""
    out: dict[str, Reward] = {}
    for at, reward in enumerate(rewards):
        name = name_of(reward)
        out[name if name not in out else f"{name} ({at + 1})"] = reward
    return out


def _chance(kinds: Sequence[Kind], paid: Mapping[str, Paid]) -> float | None:
    means = [mean(paid[kind.name]) for kind in kinds if kind.group == "chance"]
    return max((value for value in means if value is not None), default=None)
