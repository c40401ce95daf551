"""Which findings a diagnosis is known for: the evidence that is left where a case has a label only."""

from collections.abc import Mapping
from functools import cache

from skin_r1.concepts import excluded_by, expectations, measured_expectations

LEAST_IMAGES = 10  # fewer images of a diagnosis say nothing
RARE = 0.05  # a finding whose share is surely below this is implausible


def usual_findings(diagnosis: str) -> Mapping[str, tuple[float, float]]:
    """Finding -> (P(finding | diagnosis), upper end of its 95 % interval), where enough images were looked at."""
    return _usual().get(diagnosis, {})


@cache
def _usual() -> Mapping[str, Mapping[str, tuple[float, float]]]:
    out: dict[str, dict[str, tuple[float, float]]] = {}
    for table in (measured_expectations(), expectations()):  # what people marked wins
        for (slug, finding), count in table.items():
            if count.total >= LEAST_IMAGES:
                out.setdefault(slug, {})[finding] = count.rate, count.interval()[1]
    return out


@cache
def plausible_findings(diagnosis: str) -> tuple[str, ...]:
    """The findings that the diagnosis shows, likeliest first, none that excludes a likelier one; often empty."""
    chosen: list[str] = []
    for finding, _ in sorted(usual_findings(diagnosis).items(), key=lambda item: (-item[1][0], item[0])):
        if excluded_by(finding).isdisjoint(chosen):
            chosen.append(finding)
    return tuple(chosen)
