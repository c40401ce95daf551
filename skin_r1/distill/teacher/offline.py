"""The same questions to a model on this machine: vLLM without a server, in batches, with the same cache of answers."""

import itertools
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from skin_r1.distill.teacher.attempt import Outcome
from skin_r1.distill.teacher.cache import AnswerCache, Attempt, request_key
from skin_r1.distill.teacher.question import Reply, Request, Settings, body_of
from skin_r1.errors import problem

Keyed = tuple[str, dict[str, Any], list[str]]  # key, body, ids of the requests that ask the same


def ask(
    requests: Iterable[Request],
    settings: Settings,
    cache_path: Path,
    *,
    batch: int = 256,
    max_model_len: int = 8192,
    **engine: Any,
) -> Iterator[Reply]:
    """Ask everything once; what the cache answers is not asked, and where it answers all no model is loaded.

    Args:
        requests: taken a batch ahead, in another thread: images are encoded while the model writes.
        settings: `model` is a folder or a hub id, `concurrency` the sequences that vLLM runs at once; `base_url` is
            not used.
        cache_path: as for an endpoint; answers are on disk after each batch, before they are yielded.
        batch: requests given to vLLM together; a killed run loses at most one batch.
        max_model_len: prompt and answer together, in tokens.
        engine: more arguments of `vllm.LLM`.

    Yields:
        One reply for each request. `teacher: cut off` and `teacher: bad request` are counted like an endpoint's.

    Raises:
        UserError: vLLM is not installed.
    """
    cache = AnswerCache(cache_path)
    llm: Any = None
    source = iter(requests)
    with ThreadPoolExecutor(1) as ahead:
        try:
            taken = ahead.submit(_take, source, settings, batch)
            while keyed := taken.result():
                taken = ahead.submit(_take, source, settings, batch)
                known = [(key, ids, text) for key, _, ids in keyed if (text := cache.get(key)) is not None]
                yield from (Reply(id, text, "", cached=True) for _, ids, text in known for id in ids)
                answered = {key for key, _, _ in known}
                fresh = [item for item in keyed if item[0] not in answered]
                if not fresh:
                    continue
                if llm is None:
                    llm = load(settings, max_model_len, **engine)
                at, began = time.time(), time.monotonic()
                outcomes = _generate(llm, [body for _, body, _ in fresh])
                seconds = time.monotonic() - began
                cache.record(
                    *(
                        (_attempt(key, settings.model, at, seconds, outcome), outcome.text)
                        for (key, _, _), outcome in zip(fresh, outcomes, strict=True)
                    )
                )
                for (_, _, (first, *others)), outcome in zip(fresh, outcomes, strict=True):
                    reason = "" if outcome.text is not None else f"teacher: {outcome.kind}: {outcome.detail}"
                    partial = outcome.partial
                    yield Reply(first, outcome.text, reason, cached=False, partial=partial)
                    yield from (Reply(other, outcome.text, reason, cached=True, partial=partial) for other in others)
        finally:
            cache.close()


def _take(source: Iterator[Request], settings: Settings, batch: int) -> list[Keyed]:
    """The next requests, those that ask the same as one."""
    found: dict[str, Keyed] = {}
    for request in itertools.islice(source, batch):
        body = body_of(request, settings)
        found.setdefault(key := request_key(body), (key, body, []))[2].append(request.id)
    return list(found.values())


def load(settings: Settings, max_model_len: int, **engine: Any) -> Any:
    """A `vllm.LLM`; on a CPU in float32, without compilation and in this process, as `engines.vllm` measured it.

    Raises:
        UserError: vLLM is not installed.
    """
    if find_spec("vllm") is None:
        raise problem("vLLM is not installed", next_step="make vllm   (or ask an endpoint: --teacher openai)")
    import torch

    from skin_r1.serve.engines.vllm import environment
    from skin_r1.serve.engines.weights import split_adapter

    model, adapter = split_adapter(settings.model, None)
    if adapter is not None:
        raise problem(
            "vLLM offline teaches from whole models", found=adapter, next_step="merge the adapter, or serve it"
        )
    cpu = torch.version.cuda is None or not torch.cuda.is_available()
    ours = environment("", cpu)
    ours.pop("VLLM_API_KEY")
    os.environ.update(ours)  # vLLM reads them at its import, and its processes inherit them
    if cpu:
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        engine = {"dtype": "float32", "enforce_eager": True, **engine}
    from vllm import LLM

    limits = {"image": 4, "video": 0}
    engine = {"limit_mm_per_prompt": limits, "max_num_seqs": settings.concurrency, "seed": settings.seed, **engine}
    try:
        return LLM(model=model, max_model_len=max_model_len, **engine)
    except (OSError, ValueError) as error:  # no such folder, no such model, or one that vLLM does not know
        raise problem(
            "vLLM cannot load the model", column="model", found=settings.model, next_step=str(error)[:300]
        ) from error


def _generate(llm: Any, bodies: list[dict[str, Any]]) -> list[Outcome]:
    """Outcomes in the order of the bodies. One that vLLM refuses fails its whole batch: then each is asked alone."""
    from vllm import SamplingParams
    from vllm.exceptions import VLLMClientError

    parameters = [
        SamplingParams(temperature=body["temperature"], max_tokens=body["max_tokens"], seed=body["seed"])
        for body in bodies
    ]
    try:
        outputs = llm.chat([body["messages"] for body in bodies], parameters, use_tqdm=False)
    except (VLLMClientError, ValueError) as error:
        if len(bodies) == 1:
            return [Outcome("bad request", detail=str(error)[:300])]
        return [outcome for body in bodies for outcome in _generate(llm, [body])]
    return [_outcome(output) for output in outputs]


def _outcome(output: Any) -> Outcome:
    said = output.outputs[0]
    tokens = len(output.prompt_token_ids or ()), len(said.token_ids)
    if said.finish_reason == "length":
        return Outcome("cut off", None, "longer than max_tokens", 0, None, *tokens, partial=said.text)
    if not said.text.strip():
        return Outcome("empty", None, "no text", 0, None, *tokens)
    return Outcome("answered", said.text, "", 0, None, *tokens)


def _attempt(key: str, model: str, at: float, seconds: float, outcome: Outcome) -> Attempt:
    """Time and seconds are those of its batch."""
    return Attempt(key, model, at, seconds, outcome.kind, 0, outcome.prompt_tokens, outcome.completion_tokens)
