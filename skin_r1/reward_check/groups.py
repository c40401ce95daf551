"""Groups as GRPO will see them: how often would every answer of a group be paid alike, and teach nothing?

The groups are drawn from the kinds of answers, in three mixtures that stand for a model early, midway and late in training.
They say what the rewards can tell apart, not what your model will say; `skin-r1 curate` samples the model itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

from skin_r1.ontology import load_ontology
from skin_r1.reward_check.pay import Paid, pay
from skin_r1.reward_check.scene import Row, Scene
from skin_r1.reward_check.wrong import rival
from skin_r1.rewards import Reward

SIZE = 8  # answers of a group
MOST_GROUPS = 100
ALIKE = 1e-8  # spread below which TRL calls a group's rewards equal (torch.isclose to 0)
MIXTURES: Mapping[str, Mapping[str, float]] = {
    "early": {
        "cut short": 0.25, "no reasoning": 0.1, "another case": 0.3, "other family": 0.15, "prose silent": 0.1,
        "gibberish": 0.05, "gold": 0.05,
    },
    "midway": {
        "gold": 0.2, "one missed": 0.15, "one absent": 0.1, "sibling": 0.15, "other family": 0.1, "opposite": 0.1,
        "flipped": 0.05, "other findings": 0.1, "other prose": 0.05,
    },
    "late": {"gold": 0.6, "reworded": 0.15, "one missed": 0.1, "one absent": 0.05, "sibling": 0.1},
}  # fmt: skip
"""Share of each kind among the answers; a kind that cannot be made of a row leaves its share to the others."""


@dataclass(frozen=True)
class Spread:
    """How the answers of simulated groups differ in pay.

    Attributes:
        mixture: key of `MIXTURES`.
        reward: its name, or `SUM` for the weighted sum that the advantage is made of, divided by the sum of the weights.
        groups: in how many of them it spoke.
        alike: share of these that were paid alike, in [0, 1].
        mean: mean pay.
        spread: mean over groups of the standard deviation of the pay.
    """

    mixture: str
    reward: str
    groups: int
    alike: float
    mean: float
    spread: float


SUM = "weighted sum"


def simulate(
    sample: Sequence[Scene],
    texts: Mapping[str, Sequence[str | None]],
    rewards: Mapping[str, Reward],
    weights: Sequence[float],
    *,
    size: int = SIZE,
    seed: int = 0,
) -> tuple[Spread, ...]:
    """Pay simulated groups.

    Args:
        sample: the rows.
        texts: kind -> its answer to each row.
        rewards: by name.
        weights: one for each reward, as TRL's `reward_weights`; rewards that do not speak count 0.
        size: answers of a group.
        seed: fixes the draws.
    """
    step = -(-len(sample) // MOST_GROUPS)
    chosen = range(0, len(sample), step)
    out = []
    for mixture, shares in MIXTURES.items():
        random = Random(f"{seed}/{mixture}")
        rows: list[Row] = []
        answers: list[str] = []
        for at in chosen:
            made = [kind for kind in shares if texts[kind][at] is not None]
            drawn = random.choices(made, [shares[kind] for kind in made], k=size)
            rows += [sample[at].row] * size
            answers += [str(texts[kind][at]) for kind in drawn]
        paid = {name: pay(reward, f"{mixture} group", rows, answers) for name, reward in rewards.items()}
        columns = zip(*paid.values(), strict=True)
        paid[SUM] = tuple(_weighted(column, weights) for column in columns)
        out += [_spread(mixture, name, values, size) for name, values in paid.items()]
    return tuple(out)


def _weighted(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """The weighted sum, divided by the sum of the weights; None where no reward spoke."""
    if all(value is None for value in values):
        return None
    total = sum(weight * (value or 0.0) for weight, value in zip(weights, values, strict=True))
    return total / (sum(map(abs, weights)) or 1.0)


def _spread(mixture: str, name: str, values: Paid, size: int) -> Spread:
    groups = [[v for v in values[at : at + size] if v is not None] for at in range(0, len(values), size)]
    spreads = [_deviation(group) for group in groups if group]
    if not spreads:
        return Spread(mixture, name, 0, 0.0, 0.0, 0.0)
    alike = sum(spread < ALIKE for spread in spreads) / len(spreads)
    mean = fmean(value for group in groups for value in group)
    return Spread(mixture, name, len(spreads), alike, mean, fmean(spreads))


def _deviation(group: Sequence[float]) -> float:
    middle = fmean(group)
    return fmean((value - middle) ** 2 for value in group) ** 0.5


def templates(sample: Sequence[Scene], reward: Reward) -> tuple[float, float]:
    """Mean pay in groups whose two answers differ: each with its own reasoning, and all with one reasoning.

    A reward of novelty has to pay the first more than the second.
    """
    rows: list[Row] = []
    own: list[str] = []
    same: list[str] = []
    for scene in sample[:MOST_GROUPS]:
        slug = rival(scene)
        tree = load_ontology()
        graded = {"malignancy": str(tree.malignancy(slug))}
        own += [scene.honest(), scene.honest(diagnosis=slug, findings=(), others=(), **graded)]
        same += [scene.honest(), scene.split(diagnosis=tree.name(slug), findings=(), others=(), **graded)]
        rows += [scene.row] * 2
    return tuple(fmean(v or 0.0 for v in pay(reward, "a group", rows, texts)) for texts in (own, same))  # type: ignore[return-value]
