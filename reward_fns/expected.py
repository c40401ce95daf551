"""Grounding without annotation: could a case of the true diagnosis show the findings that the answer asserts?"""

from collections.abc import Mapping, Sequence
from typing import Any

from reward_fns.answers import Answer, Completion, answers
from reward_fns.columns import concepts, diagnoses
from reward_fns.grounding import EXCLUDED_PENALTY, FREE_UNKNOWN, clashes
from skin_r1.plausible import RARE, usual_findings

MOST_NEEDED = 3  # findings that an answer needs for full pay, at most
MANY = 2  # times the expected number of findings; no more of them are paid


def expected_grounding_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    diagnosis: Sequence[str | None],
    annotation: Sequence[str],
    concepts_present: Sequence[Sequence[str] | None] | None = None,
    concepts_absent: Sequence[Sequence[str] | None] | None = None,
    **columns: Any,
) -> list[float | None]:
    """Share of the asserted findings that the case's own evidence allows; for cases that nobody annotated.

    Evidence on a finding is what was measured on the image or named by a critic (`concepts_present`, `concepts_absent` of a
    row that is not annotated) and, where these are silent, how often the true diagnosis shows it: counts of
    `knowledge/expectations.tsv` and `knowledge/measured.tsv` over enough images. A finding is implausible where the upper end
    of the 95 % interval of its share is below 5 %. With G allowed findings (asserted in reasoning and JSON), B refuted or
    implausible ones, or known to be present and denied by the reasoning, U of which nothing is known, beyond the first two,
    X asserted pairs that exclude each other, and n the expected number of findings of the diagnosis, rounded, at least 1:

        reward = max(0, min(G, 2 n) / max(min(n, 3), G + B + U) - 0.25 X)

    so that an answer need not name more than three, and a list of everything that is possible loses.

    The pay of a usual finding does not grow with its frequency: paying P(finding | diagnosis) itself would teach the
    textbook picture instead of this image. It is weak evidence, so give it a small weight.

    Returns:
        One value per completion in [0, 1]. None where the case is annotated, or neither source knows anything of it; 0
        where the text does not parse or asserts no finding in both places.

    Raises:
        UserError: a true diagnosis or an annotated finding is no slug of ours.
    """
    rows = zip(
        answers(completions),
        diagnoses(diagnosis),
        annotation,
        concepts("concepts_present", concepts_present, len(completions)),
        concepts("concepts_absent", concepts_absent, len(completions)),
        strict=True,
    )
    paid: list[float | None] = []
    for answer, truth, kind, present, absent in rows:
        usual = usual_findings(truth) if truth is not None else {}
        if kind == "dense" or not (usual or present or absent):
            paid.append(None)
        else:
            paid.append(_score(answer, usual, frozenset(present), frozenset(absent)) if answer is not None else 0.0)
    return paid


def _score(
    answer: Answer, usual: Mapping[str, tuple[float, float]], present: frozenset[str], absent: frozenset[str]
) -> float:
    def allowed(finding: str) -> bool | None:
        if finding in present or finding in absent:
            return finding in present
        return usual[finding][1] >= RARE if finding in usual else None

    verdicts = {finding: allowed(finding) for finding in answer.asserted}
    good = sum(verdicts[finding] is True for finding in answer.upheld)
    bad = sum(verdict is False for verdict in verdicts.values()) + len(answer.told[1] & present)
    unknown = sum(verdict is None for verdict in verdicts.values()) + answer.strangers
    expected = max(1, round(sum(rate for rate, _ in usual.values())))
    counted = good + bad + max(0, unknown - FREE_UNKNOWN)
    share = min(good, MANY * expected) / max(min(expected, MOST_NEEDED), counted)
    return max(0.0, share - EXCLUDED_PENALTY * clashes(answer.asserted))
