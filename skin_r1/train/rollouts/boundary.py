"""The one boundary to vLLM for training: what TRL 1.16 and vLLM 0.30 get wrong about image prompts, mended here.

Each mend names its upstream issue and the condition under which it goes. docs/upstream.md has a reproduction of each,
docs/rollouts.md says how to use rollouts by vLLM; `skin_r1.train.rollouts.parity` refuses to train where they are wrong.
"""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch
from trl import GRPOTrainer
from trl.trainer.utils import strip_images_from_messages

from skin_r1.errors import problem
from skin_r1.models import vision_token_ids

BAN = -100.0  # the lowest logit bias that vLLM and the OpenAI API allow; e^-100 of the mass is left


def prepare(config: Any, processor: Any, model_config: Any) -> None:
    """Make a GRPO configuration fit for image prompts; call once, before the trainer (and vLLM's engine) is built.

    Args:
        config: a `trl.GRPOConfig`; its `generation_kwargs` are replaced.
        processor: the model's processor.
        model_config: the model's configuration.

    Raises:
        UserError: `use_vllm` is set and vLLM is not installed.
    """
    if config.use_vllm and find_spec("vllm") is None:
        raise problem(
            "use_vllm needs vLLM, which is not installed",
            column="use_vllm",
            found=True,
            next_step="make vllm   (or train with --use_vllm false)",
        )
    banned = vision_token_ids(processor, model_config)
    config.generation_kwargs = sampling_without(banned, config.generation_kwargs, use_vllm=config.use_vllm)
    if config.use_vllm and config.vllm_mode == "colocate":
        keep_weights_loadable_on_cpu()


def sampling_without(banned: Sequence[int], given: dict[str, Any] | None, *, use_vllm: bool) -> dict[str, Any]:
    """Generation keywords that never sample the banned tokens, beside what the recipe gives.

    A sampled image placeholder stops the next forward pass: `Image features and image tokens do not match`. TRL bans one
    such token, and with HF generation only: https://github.com/huggingface/trl/issues/3847. To go when TRL bans
    every vision token in both ways.

    Args:
        banned: token ids.
        given: `generation_kwargs` of the recipe; a ban there is kept beside ours.
        use_vllm: vLLM reads `logit_bias` (id -> bias), HF generation `suppress_tokens` (ids).
    """
    kwargs = dict(given or {})
    if use_vllm:
        kwargs["logit_bias"] = {**kwargs.get("logit_bias", {}), **dict.fromkeys(banned, BAN)}
    else:
        kwargs["suppress_tokens"] = sorted({*kwargs.get("suppress_tokens", ()), *banned})
    return kwargs


def keep_weights_loadable_on_cpu() -> None:
    """On vLLM's CPU backend: plain linear layers, so that weights can be loaded again; also no compilation, a free port.

    After loading, the CPU backend packs every linear weight for its own kernels and drops the original; TRL's weight
    sync then stops with `'Parameter' object has no attribute 'weight_loader'`. The tied output head keeps its weight
    but goes on computing with the packed copy of the old one. Not reported upstream yet (docs/upstream.md). To go when
    `load_weights` works twice on vLLM's CPU backend. Does nothing on a GPU, whose layers are not packed.
    """
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return
    from vllm.model_executor.layers import utils

    def plain(layer: Any, remove_weight: bool) -> None:
        layer.cpu_linear = torch.nn.functional.linear

    utils.dispatch_cpu_unquantized_gemm = plain
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB; the default is half of the machine
    # compiling takes longer than any run that a CPU can do; vLLM reads the variable now, torch read it when imported
    os.environ.setdefault("TORCH_COMPILE_DISABLE", "1")
    torch._dynamo.config.disable = os.environ["TORCH_COMPILE_DISABLE"] == "1"
    if os.environ.get("WORLD_SIZE", "1") == "1":
        os.environ["MASTER_PORT"] = "0"  # accelerate gives every CPU run one and the same; 0: TRL takes a free one


class RolloutTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's GRPO trainer whose vLLM reads the same prompts, and sees with the same vision tower, as the trainer.

    Prompts. In colocate mode TRL 1.16 gives vLLM the ids that the processor has expanded (one placeholder per image
    feature) together with the images, and vLLM expands them again: the prompt is silently corrupted
    (https://github.com/huggingface/trl/issues/6294). Here vLLM gets the prompt as the tokenizer alone renders it, one
    placeholder per image, whatever the family's placeholders look like; it is the fix that trl#6718 proposes. To go
    with the first TRL release that has it. In server mode TRL sends ids and features apart and the expanded ids are
    the right ones.

    Images. TRL empties vLLM's prefix cache after each weight sync but not its cache of image features, which are
    computed by the old vision tower (https://github.com/huggingface/trl/issues/7198). To go when TRL resets it.

    Logs. TRL sends every prompt to all processes for its logs, and keeps it, with the images in it; its own table then
    strips them. Here they are stripped as soon as the rewards have read the prompts. Not reported upstream yet
    (docs/upstream.md). To go when TRL strips them first.
    """

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], Any, dict[str, Any]]:
        prompt_ids, images, fields = super()._tokenize_prompts(prompts)
        if self.use_vllm and self.vllm_mode == "colocate" and images is not None:
            more: Any = self.chat_template_kwargs
            template = {"chat_template": self.chat_template, "tools": self.tools or None, **more}
            short = short_prompt_ids(self.processing_class, prompts, template)
            self._short = dict(zip(map(tuple, prompt_ids), short, strict=True))
        return prompt_ids, images, fields

    def _generate_single_turn(self, prompt_ids: list[list[int]], images: Any, *args: Any, **kwargs: Any) -> Any:
        if (
            self.use_vllm and self.state.global_step != self._last_loaded_step
        ):  # TRL syncs weights inside the call below
            forget_image_features(self.vllm_generation)
        if self.use_vllm and self.vllm_mode == "colocate" and images is not None:
            prompt_ids = [self._short[tuple(ids)] for ids in prompt_ids]
        return super()._generate_single_turn(prompt_ids, images, *args, **kwargs)

    def _calculate_rewards(self, inputs: list[dict[str, Any]], prompts: list[Any], *args: Any) -> torch.Tensor:
        paid: torch.Tensor = super()._calculate_rewards(inputs, prompts, *args)  # [rows of all processes, rewards]
        prompts[:] = map(
            strip_images_from_messages, prompts
        )  # the very list that TRL logs next, and uses for that alone
        return paid


def short_prompt_ids(processor: Any, prompts: Sequence[Any], template: dict[str, Any]) -> list[list[int]]:
    """Token ids of prompts as the tokenizer alone renders them: what vLLM wants beside images.

    Args:
        processor: with a chat template and a tokenizer.
        prompts: conversations with image parts.
        template: more keywords of `apply_chat_template`.
    """
    texts = processor.apply_chat_template(prompts, add_generation_prompt=True, tokenize=False, **template)
    bos = processor.tokenizer.bos_token
    # as the processor does (transformers, processing_utils.py): a template that writes the first token needs no second
    special = [not (bos and text.startswith(bos)) for text in texts]
    return [
        processor.tokenizer(text, add_special_tokens=add)["input_ids"]
        for text, add in zip(texts, special, strict=True)
    ]


def forget_image_features(generation: Any) -> None:
    """Empty vLLM's cache of image features; see `RolloutTrainer`. Server mode needs its development endpoints.

    Args:
        generation: `trl.generation.vllm_generation.VLLMGeneration`.

    Raises:
        UserError: the server has no such endpoint.
    """
    if generation.mode == "colocate":
        generation.llm.llm_engine.reset_encoder_cache()
    elif generation.accelerator.is_main_process:
        client = generation.vllm_client
        answer = client.session.post(f"{client.base_url}/reset_encoder_cache")
        if not answer.ok:
            raise problem(
                "the vLLM server cannot empty its cache of image features, which the old vision tower has made",
                column="vllm_server_base_url",
                found=f"{answer.url}: {answer.status_code} {answer.reason}",
                allowed="a server in development mode",
                next_step="VLLM_SERVER_DEV_MODE=1 vllm serve MODEL ...   (docs/rollouts.md has the whole command)",
            )
