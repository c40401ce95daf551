"""Rollouts by vLLM must come from the model that is trained: the check that runs before the first step.

vLLM is a second implementation of model and processor. Where the two differ, GRPO goes on without an error and learns
from answers to another prompt, so the differences are measured on rows of the run's own corpus, whatever the versions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from accelerate.utils import gather_object
from trl import prepare_multimodal_messages

from skin_r1.errors import UserError, problem
from skin_r1.models import vision_token_ids
from skin_r1.train.rollouts.boundary import BAN
from skin_r1.train.rollouts.turns import Turn, logits_before, turns, without, working_dtype


@dataclass(frozen=True)
class Bounds:
    """How far two right implementations may be apart, in natural log-probability of one token.

    Attributes:
        mean: of the absolute gap over all sampled tokens.
        largest: of the absolute gap over all sampled tokens.
        tie: two tokens whose log-probabilities under the trained model differ by less count as equally good, so that
            either may be the greedy one.
    """

    mean: float
    largest: float
    tie: float


# float32: 5e-7 and 4e-6 were measured. bfloat16 keeps 8 bits of a logit, so an entry near 16 is known to 0.06: 0.01 and
# 0.03 were measured on a fresh tiny model, 0.06 and 0.23 on a trained one; a prompt of wrong length gives 0.8 and 2.4.
BOUNDS = {
    torch.float32: Bounds(mean=1e-4, largest=2e-3, tie=1e-3),
    torch.bfloat16: Bounds(mean=0.15, largest=1.5, tie=0.25),
    torch.float16: Bounds(mean=0.05, largest=0.5, tie=0.05),
}


@dataclass(frozen=True)
class Parity:
    """What the check measured; `dataclasses.asdict` of it belongs into the run's manifest.

    Attributes:
        mode: `colocate` or `server`.
        dtype: of the coarser side, as torch names it; it chooses the bounds.
        rows: rows compared.
        prompt_tokens: tokens of their prompts, image tokens included; all equal.
        greedy_tokens: tokens of vLLM's greedy answers, each of which is the trained model's best or ties with it.
        greedy_ties: how many of them are ties.
        sampled_tokens: tokens of vLLM's sampled answers.
        gap_mean: mean |log p(vLLM) - log p(trained model)| of the sampled tokens, vision tokens banned on both sides.
        gap_largest: the largest of these.
        banned_mass: mean probability that the trained model, unbanned, gives to the banned tokens. TRL's importance
            ratio is too small by this share, token by token.
    """

    mode: str
    dtype: str
    rows: int
    prompt_tokens: int
    greedy_tokens: int
    greedy_ties: int
    sampled_tokens: int
    gap_mean: float
    gap_largest: float
    banned_mass: float


def check_parity(trainer: Any, rows: Any, *, count: int = 8, max_tokens: int = 64) -> Parity:
    """Compare vLLM's rollouts with the model that is trained; call after the trainer is built, on every process.

    The rollouts take the trainer's own way (tokenisation, weight sync, generation). The trained model is asked by one
    forward pass per answer over vLLM's tokens, so its greedy choice is judged at every token, also after a tie. In
    server mode vLLM echoes the prompt that it is given; a wrong one shows in the log-probabilities there.

    Args:
        trainer: a `RolloutTrainer` with `use_vllm`.
        rows: its training rows, with `case_id`, `prompt` and `images`.
        count: rows to compare, evenly spaced.
        max_tokens: longest answer.

    Raises:
        UserError: another prompt, a vision token sampled or not banned, a greedy token or a log-probability apart.
    """
    spread = min(count, len(rows))
    picked = [rows[index * len(rows) // spread] for index in range(spread)]
    prompts = [prepare_multimodal_messages(row["prompt"], images=row["images"]) for row in picked]
    banned = vision_token_ids(trainer.processing_class, trainer.model.config)
    dtype = working_dtype(trainer)
    sampled = turns(trainer, prompts, max_tokens)
    greedy = turns(trainer, prompts, max_tokens, temperature=0.0)
    faults: list[Exception] = []
    # Gathered once for all rows: processes exchange nothing in the block, so that one may leave it before the others.
    with trainer._dist.gather_params(list(trainer.model.parameters())):
        try:
            parity = _compare(trainer, picked, prompts, sampled, greedy, banned, dtype)
        except Exception as error:  # of any kind: one process that stopped alone would leave the others waiting
            faults.append(error)
    told = gather_object([str(fault) for fault in faults])  # as text: not every exception can be sent
    if faults:
        raise faults[0]
    if told:
        raise UserError(told[0])
    return parity


def _compare(
    trainer: Any,
    rows: Sequence[Mapping[str, Any]],
    prompts: Sequence[Any],
    sampled: Sequence[Turn],
    greedy: Sequence[Turn],
    banned: list[int],
    dtype: torch.dtype,
) -> Parity:
    bounds, temperature = BOUNDS[dtype], trainer.vllm_generation.temperature
    bias = trainer.vllm_generation.generation_kwargs.get("logit_bias", {})
    for identifier in banned:
        if bias.get(identifier, 0.0) > BAN:
            raise _refusal("a vision token is not banned from sampling", f"token {identifier}", "a logit bias of -100")
    gaps, masses, ties, prompt_tokens = [], [], 0, 0
    for row, prompt, drawn, best in zip(rows, prompts, sampled, greedy, strict=True):
        case = f"case {row['case_id']}"
        (ids,), _, fields = trainer._tokenize_prompts([prompt])
        _check_prompt(case, list(ids), drawn.prompt)
        prompt_tokens += len(ids)
        for token in {*drawn.tokens, *best.tokens} & {*banned}:
            raise _refusal("vLLM sampled a vision token", f"{case}: token {token}", "text tokens")
        logits, mass = without(
            banned, logits_before(trainer, ids, drawn.tokens, fields)
        )  # [tokens, vocabulary], [tokens]
        ours = (logits / temperature).log_softmax(-1)[range(len(drawn.tokens)), drawn.tokens]  # [tokens]
        gaps.append((ours - torch.tensor(drawn.log_probs)).abs())
        masses.append(mass)
        logits, _ = without(banned, logits_before(trainer, ids, best.tokens, fields))
        lost = logits.max(-1).values - logits[range(len(best.tokens)), best.tokens]  # [tokens], 0 for the best
        ties += int((lost > 0).sum())
        if not bool((lost <= bounds.tie).all()):
            place = int((lost > bounds.tie).int().argmax())
            said = trainer.processing_class.tokenizer.decode(best.tokens[: place + 1])
            found = f"{case}: token {place + 1} of {said!r} is {float(lost[place]):.3g} below the trained model's best"
            raise _refusal("greedy answers of vLLM and the trained model differ", found, f"at most {bounds.tie}")
        if not float(gaps[-1].max()) <= bounds.largest:  # NaN must fail too
            found = f"{case}: {float(gaps[-1].max()):.3g} at one token, {float(gaps[-1].mean()):.3g} on average"
            raise _refusal(_GAP, found, f"at most {bounds.largest} at a token ({dtype})")
    gap = torch.cat(gaps)
    if not float(gap.mean()) <= bounds.mean:
        raise _refusal(_GAP, f"{float(gap.mean()):.3g} on average", f"at most {bounds.mean} on average ({dtype})")
    return Parity(
        mode=trainer.vllm_generation.mode,
        dtype=str(dtype).removeprefix("torch."),
        rows=len(rows),
        prompt_tokens=prompt_tokens,
        greedy_tokens=sum(len(turn.tokens) for turn in greedy),
        greedy_ties=ties,
        sampled_tokens=len(gap),
        gap_mean=float(gap.mean()),
        gap_largest=float(gap.max()),
        banned_mass=float(torch.cat(masses).mean()),
    )


_GAP = "vLLM and the trained model give its answers other log-probabilities"


def _refusal(what: str, found: str, allowed: str) -> UserError:
    import vllm

    return problem(
        f"{what}; training on such rollouts would learn from another model's answers",
        column="use_vllm",
        found=found,
        allowed=allowed,
        next_step=f"train with --use_vllm false, or see docs/rollouts.md (trl {version('trl')}, vllm {vllm.__version__}, "
        f"transformers {version('transformers')})",
    )


def _check_prompt(case: str, ours: list[int], theirs: list[int]) -> None:
    if ours == theirs:
        return
    same = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    raise _refusal(
        "vLLM reads another prompt than the trained model",
        f"{case}: {len(theirs)} tokens, the first other one at {same}",
        f"the {len(ours)} tokens of training",
    )
