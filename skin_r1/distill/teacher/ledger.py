"""What asking a teacher took: tokens, time, money and failures, summed over the attempts in a cache."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from skin_r1.distill.teacher.cache import AnswerCache, Attempt
from skin_r1.errors import problem


@dataclass(frozen=True)
class Ledger:
    """Sums over all runs that shared the cache.

    Attributes:
        requests: different requests that were sent.
        answered: those of them that have an answer.
        attempts: how many times something was sent, by outcome.
        prompt_tokens, completion_tokens: as the endpoint counted them, failed attempts included.
        cost: in the currency of the prices.
        busy_seconds: time in which at least one request was under way; pauses between runs do not count.
        mean_in_flight: requests under way at once, averaged over `busy_seconds`; 0 where nothing was sent.
        last_status: of those requests that have no answer, how many by the HTTP status of their last failure (0: none).
        first, last: when the first request was sent and the last reply came, in seconds since 1970; None without any.
    """

    requests: int
    answered: int
    attempts: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    cost: float
    busy_seconds: float
    mean_in_flight: float
    last_status: dict[int, int] = field(default_factory=dict)
    first: float | None = None
    last: float | None = None

    @property
    def answers_per_second(self) -> float:
        """Over the busy time; 0 where nothing was sent."""
        return self.answered / self.busy_seconds if self.busy_seconds else 0.0

    @property
    def tokens_per_second(self) -> float:
        """Completion tokens over the busy time; 0 where nothing was sent."""
        return self.completion_tokens / self.busy_seconds if self.busy_seconds else 0.0

    def text(self, who: str = "teacher") -> str:
        """One line for people; `who` was asked."""
        failed = ", ".join(f"{count} {kind}" for kind, count in self.attempts.items() if kind != "answered")
        return (
            f"{who}: {self.answered} of {self.requests} requests answered in {sum(self.attempts.values())} attempts"
            f"{f' ({failed})' if failed else ''}; {self.prompt_tokens} prompt and {self.completion_tokens} completion "
            f"tokens, cost {self.cost:.2f}; {self.answers_per_second:.2f} answers a second, "
            f"{self.mean_in_flight:.1f} requests under way on average"
        )


def ledger(
    cache_path: Path, *, price_prompt: float = 0.0, price_completion: float = 0.0, model: str | None = None
) -> Ledger:
    """Sum up a cache.

    Args:
        cache_path: as given to `ask`.
        price_prompt, price_completion: currency per million tokens.
        model: only attempts at this one, because prices differ; None for all.

    Raises:
        UserError: there is no such file.
    """
    if not cache_path.is_file():
        raise problem("no cache of a teacher's answers", file=cache_path, next_step="give the path that `ask` wrote")
    cache = AnswerCache(cache_path)
    try:
        attempts = [a for a in cache.attempts() if model in (None, a.model)]
    finally:
        cache.close()
    answered = {a.key for a in attempts if a.outcome == "answered"}
    last = {a.key: a.status for a in attempts if a.key not in answered}  # in order of time: the last one stays
    prompt = sum(a.prompt_tokens for a in attempts)
    completion = sum(a.completion_tokens for a in attempts)
    busy = busy_seconds(attempts)
    return Ledger(
        requests=len({a.key for a in attempts}),
        answered=len(answered),
        attempts=dict(sorted(Counter(a.outcome for a in attempts).items())),
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost=(prompt * price_prompt + completion * price_completion) / 1e6,
        busy_seconds=busy,
        mean_in_flight=sum(a.seconds for a in attempts) / busy if busy else 0.0,
        last_status=dict(sorted(Counter(last.values()).items())),
        first=min((a.at for a in attempts), default=None),
        last=max((a.at + a.seconds for a in attempts), default=None),
    )


def busy_seconds(attempts: Iterable[Attempt]) -> float:
    """Length of the union of the attempts' times."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted((a.at, a.at + a.seconds) for a in attempts):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total
