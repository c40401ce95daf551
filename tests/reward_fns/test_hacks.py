"""No hack earns more than its honest worth.

`hacks.jsonl` has one hack, or one honest answer (`least`), a line: what the trick is, the case that it answers, what it says,
and the most that each reward may pay it: one number for all rewards, or a number for those that the trick is after. The
worths were written down before any of the rows was paid.
"""

import gc
import time
from functools import _lru_cache_wrapper
from itertools import product
from pathlib import Path

import pytest

import reward_fns
from skin_r1.reading import render
from tests.reward_fns.hacked import CASES, completions, rows

TABLE = rows(Path(__file__).with_name("hacks.jsonl"))
SLOWEST = 0.5  # processor seconds for all ten rewards of one completion: a guard against runaway readers, no benchmark
SHORT = {name.removesuffix("_reward"): getattr(reward_fns, name) for name in reward_fns.__all__}


def paid(row, fresh="seen"):
    """What each reward pays, as a text and as TRL's list of messages."""
    said, columns = completions(row, fresh)
    many = {key: [value] * len(said) for key, value in columns.items()}
    out = {name: reward(completions=said, **many)[0] for name, reward in SHORT.items()}
    if isinstance(said[0], str):
        chats = [[{"role": "assistant", "content": each}] for each in said]
        assert out == {name: reward(completions=chats, **many)[0] for name, reward in SHORT.items()}
    return out


def test_the_table_is_large_and_looks_at_every_reward():
    assert len(TABLE) >= 150 and len({row["id"] for row in TABLE}) == len(TABLE)
    for name in SHORT:
        attacked = [
            row for row in TABLE if "least" not in row and isinstance(row["most"], dict) and name in row["most"]
        ]
        assert name == "format" or len(attacked) >= 10, name
        assert any(row.get("least", {}).get(name) for row in TABLE), f"no honest answer is paid by {name}"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["id"])
def test_it_earns_what_it_deserves(row):
    most, least = row["most"], row.get("least", {})
    for name, value in paid(row).items():
        if value is None:
            continue
        assert 0.0 <= value <= 1.0
        assert value <= (most.get(name, 1) if isinstance(most, dict) else most) + 0.01, (
            f"{name} overpays: {row['trick']}"
        )
        assert value >= least.get(name, 0) - 0.01, f"{name} underpays: {row['trick']}"


@pytest.mark.parametrize("row", [row for row in TABLE if "huge" in str(row)], ids=lambda row: row["id"])
def test_nothing_is_slow_to_read(row):
    best = SLOWEST + 1
    for fresh in ("warm", "once", "twice", "thrice"):
        start = time.process_time()
        paid(row, fresh)
        best = min(best, (time.process_time() - start))
    assert best <= SLOWEST


def test_noise_fills_no_cache_without_an_end():
    columns = {key: [value] for key, value in CASES["psoriasis"][0].items()}
    noise = ["".join(letters) for letters in product("bdfgklmnprst", "aeiou", "kmrst", "aeo", "x")]

    def sizes(words):
        for word in words:
            said = render(f"Some {word} scale is seen, so {word}s.", [word], [word], f"{word} disease", "benign")
            for reward in SHORT.values():
                reward(completions=[said], **columns)
        caches = (each for each in gc.get_objects() if isinstance(each, _lru_cache_wrapper))
        endless = (each for each in caches if each.__module__.startswith(("skin_r1", "reward_fns")))
        return {each.__name__: each.cache_info().currsize for each in endless if each.cache_info().maxsize is None}

    before = sizes(noise[:300])
    grown = {name for name, size in sizes(noise[300:900]).items() if size > before.get(name, 0)}
    assert not grown, grown  # a word each
