"""How many completions a second all rewards together score on one core.

    OMP_NUM_THREADS=1 python -m benchmarks.reward_speed

Two kinds: `short` are rationales as the embedded model writes them, `whole` are trajectories of about 150 words. Each case
has a group of eight different answers: its own and seven spoilt ones (another case's answer or reasoning, a finding dropped,
added or denied, another diagnosis, a cut text). `first` scores texts never seen before; `again` the same step a second time,
which is what a step costs beyond reading its texts. Times are processor seconds of one process.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import reward_fns
from reward_fns.answers import _read
from skin_r1.claims import claims, sentence_claims
from skin_r1.concepts import concept_name, expectations, load_concepts
from skin_r1.distill.checks.prose import read_sentence
from skin_r1.distill.composer.code import SERIALS
from skin_r1.distill.composer.compose import compose_full
from skin_r1.distill.composer.short import compose_short
from skin_r1.distill.composer.trajectory import possible
from skin_r1.ontology import load_ontology
from skin_r1.rewards import load_rewards

GROUP = 8
COLUMNS = ("case_id", "diagnosis", "malignancy", "differential", "concepts_present", "concepts_absent", "annotation")


def cases(count: int, random: Random) -> list[dict[str, Any]]:
    """Cases with findings drawn from the counts of their diagnosis; every second one is labelled only."""
    ontology = load_ontology()
    usual: dict[str, list[tuple[str, float]]] = {}
    for (slug, finding), seen in expectations().items():
        usual.setdefault(slug, []).append((finding, seen.rate))
    slugs = sorted(slug for slug in usual if ontology.nodes[slug].level in ("diagnosis", "subtype"))
    rows = []
    for number in range(count):
        slug = random.choice(slugs)
        present = [finding for finding, rate in usual[slug] if random.random() < rate][:5] or [usual[slug][0][0]]
        absent = [finding for finding, _ in usual[slug] if finding not in present][:8]
        rows.append(
            {
                "case_id": f"drawn/{number}",
                "modality": "clinical",
                "diagnosis": slug,
                "malignancy": ontology.malignancy(slug),
                "differential": [],
                "concepts_present": present,
                "concepts_absent": absent,
                "history": None,
                "skin_type": None,
                "annotation": "dense",
            }
        )
    return rows


def group(row: Mapping[str, Any], other: Mapping[str, Any], serial: int, random: Random, *, whole: bool) -> list[str]:
    """Eight different answers to one case."""

    def tell(each: Mapping[str, Any], offset: int) -> str:
        kinds = possible(each) if whole else ()
        if not kinds:
            return compose_short(each, seed=serial + offset)
        return compose_full(each, random.choice(kinds), (serial + offset) % SERIALS).completion

    own, strange = tell(row, 0), tell(other, 1)
    added = [*row["concepts_present"], *row["concepts_absent"][:1]]
    name = concept_name(random.choice(list(load_concepts())))
    think, json = own.split("</think>")
    return [
        own,
        strange,
        strange.split("</think>")[0] + "</think>" + json,
        tell({**row, "concepts_present": row["concepts_present"][:-1] or row["concepts_present"]}, 2),
        tell({**row, "concepts_present": added, "concepts_absent": row["concepts_absent"][1:]}, 3),
        f"{think} There is no {name}.</think>{json}",
        tell({**row, "diagnosis": other["diagnosis"], "malignancy": other["malignancy"]}, 4),
        own[: len(own) // 2],
    ]


def scored(
    rewards: Sequence[Any], texts: Sequence[str], columns: Mapping[str, Sequence[Any]], step: int
) -> list[float]:
    """Completions a second, first and again, in steps as GRPO takes them."""
    seconds = [0.0, 0.0]
    for at in range(0, len(texts), step):
        part = {key: values[at : at + step] for key, values in columns.items()}
        messages = [[{"role": "assistant", "content": text}] for text in texts[at : at + step]]
        for turn in (0, 1):
            started = time.process_time()
            for reward in rewards:
                reward(prompts=None, completions=messages, **part)
            seconds[turn] += time.process_time() - started
    return [len(texts) / spent for spent in seconds]


def main() -> None:
    """Print a line a kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8_000, help="completions of each kind")
    parser.add_argument("--step", type=int, default=512, help="completions a step")
    options = parser.parse_args()
    rewards = load_rewards([f"reward_fns.{name}" for name in reward_fns.__all__])
    for kind in ("short", "whole"):
        random = Random(0)
        rows = cases(options.count // GROUP, random)
        serials = random.sample(range(0, SERIALS - GROUP, GROUP), len(rows))
        texts = [
            text
            for row, serial in zip(rows, serials, strict=True)
            for text in group(row, random.choice(rows), serial, random, whole=kind == "whole")
        ]
        columns = {key: [row[key] for row in rows for _ in range(GROUP)] for key in COLUMNS}
        columns["annotation"] = [
            "dense" if number % 2 else "sparse" for number in range(len(rows)) for _ in range(GROUP)
        ]
        warm = {key: [values[0]] * 8 for key, values in columns.items()}
        for reward in rewards:  # vocabularies are read once in a run
            reward(prompts=None, completions=texts[:8], **warm)
        for cache in (_read, claims, sentence_claims, read_sentence):
            cache.cache_clear()
        first, again = scored(rewards, texts, columns, options.step)
        words = sum(len(text.split("</think>")[0].split()) for text in texts) / len(texts)
        print(
            f"{kind}: {len(texts)} completions, {len(set(texts))} different, {words:.0f} words of reasoning, "
            f"{len(rewards)} rewards; first {first:,.0f}/s, again {again:,.0f}/s"
        )


if __name__ == "__main__":
    main()
