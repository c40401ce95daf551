"""GRPO with rollouts by a real vLLM on the CPU, in a process of its own; writes what happened as JSON for the tests.

A process of its own, because a colocated engine leaves its process group, its environment and its threads behind.
vLLM computes in float32 here (TRL leaves it bfloat16), so that agreement can be asked for to 1e-4.

Usage: python rollouts_in_vllm.py CORPUS CHECKPOINT OUT.json
"""

import functools
import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch
import trl.generation.vllm_generation as trl_vllm
from PIL import ImageOps
from trl import prepare_multimodal_messages

from skin_r1.errors import UserError
from skin_r1.models import Loaded, generate, load, vision_token_ids
from skin_r1.rewards import load_rewards
from skin_r1.train.config import SkinGRPOConfig
from skin_r1.train.data.rows import training_rows
from skin_r1.train.rollouts import boundary
from skin_r1.train.rollouts.parity import check_parity
from skin_r1.train.rollouts.turns import logits_before, turns

REWARDS = ["reward_fns.format_reward", "reward_fns.diagnosis_reward", "reward_fns.grounding_reward"]


def variety(completions, **_):
    """Distinct characters, 60 of them are full marks: varies within a group also where the model says nonsense."""
    return [min(1.0, len(set(completion[0]["content"])) / 60) for completion in completions]


def build(corpus, model_path, out, **more):
    config = SkinGRPOConfig(
        corpus=corpus,
        output_dir=out,
        use_cpu=True,
        bf16=False,
        max_steps=3,
        per_device_train_batch_size=8,
        num_generations=4,
        max_completion_length=24,
        learning_rate=1e-3,
        logging_steps=1,
        save_strategy="no",
        **more,
    )
    model = load(model_path, device="cpu")
    boundary.prepare(config, model.processor, model.model.config)
    rows = training_rows(Path(corpus), "all")
    return boundary.RolloutTrainer(
        model=model.model, args=config, reward_funcs=[variety], train_dataset=rows, processing_class=model.processor
    )


def with_images(rows):
    """Rows with no, one and two adjacent images, of different sizes."""
    plain = [rows[index] for index in range(6)]
    for index, row in enumerate(plain):
        (image,) = row["images"]
        row["images"] = [[], [image], [image, ImageOps.mirror(image).resize((140, 84))]][index % 3]
    return plain


def refused(trainer, rows):
    try:
        return {"passed": asdict(check_parity(trainer, rows))}
    except UserError as error:
        return {"refused": str(error)}


def rollout(trainer, rows):
    """Greedy answers of vLLM and of HF generation, which is asked apart; with what each reward pays for them."""
    loaded = Loaded(trainer.model.eval(), trainer.processing_class, "trained")
    texts = {"hf": generate(loaded, [(row["prompt"], row["images"]) for row in rows], max_new_tokens=24)}
    prompts = [prepare_multimodal_messages(row["prompt"], images=row["images"]) for row in rows]
    answers = turns(trainer, prompts, 24, temperature=0.0)
    texts["vllm"] = trainer.processing_class.batch_decode([a.tokens for a in answers], skip_special_tokens=True)
    columns = {key: [row[key] for row in rows] for key in rows[0] if key not in ("images", "prompt")}
    paid = {}
    for side, said in texts.items():
        completions = [[{"role": "assistant", "content": text}] for text in said]
        asked = [row["prompt"] for row in rows]
        paid[side] = [
            reward(prompts=asked, completions=completions, **columns) for reward in [*load_rewards(REWARDS), variety]
        ]
    return {"texts": texts, "paid": paid}


def tokens_by_vllm(trainer, rows):
    prompts = [prepare_multimodal_messages(row["prompt"], images=row["images"]) for row in rows]
    return [token for turn in turns(trainer, prompts, 24) for token in turn.tokens]


def tokens_by_hf(trainer, rows):
    prompts = [prepare_multimodal_messages(row["prompt"], images=row["images"]) for row in rows]
    completions, _ = trainer._generate_single_turn(*trainer._tokenize_prompts(prompts), 1)
    return [token for tokens in completions for token in tokens]


def eager_for(trainer, token):
    """Change the tied embedding so that the model prefers `token` to all others, whatever it has read."""
    weight = trainer.model.get_input_embeddings().weight
    prompts = [prepare_multimodal_messages(rows[1]["prompt"], images=rows[1]["images"])]
    (ids,), _, fields = trainer._tokenize_prompts(prompts)
    best = logits_before(trainer, ids, [0], fields)[0].argmax()
    with torch.no_grad():
        weight[token] = 2 * weight[best]


corpus, checkpoint, out = sys.argv[1:]
trl_vllm.LLM = functools.partial(trl_vllm.LLM, dtype="float32")
colocate = {"use_vllm": True, "vllm_gpu_memory_utilization": 0.05, "vllm_max_model_length": 256}
trainer = build(corpus, checkpoint, out + ".run", **colocate)
rows = with_images(trainer.train_dataset)
facts = {"images": [len(row["images"]) for row in rows], "start": refused(trainer, rows), **rollout(trainer, rows)}

right = boundary.short_prompt_ids
boundary.short_prompt_ids = lambda processor, prompts, _: trainer_ids(prompts)  # what TRL hands over
trainer_ids = lambda prompts: super(boundary.RolloutTrainer, trainer)._tokenize_prompts(prompts)[0]  # noqa: E731
facts["expanded prompts"] = refused(trainer, rows)
boundary.short_prompt_ids = right

before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
trainer.train()
after = {name: value.clone() for name, value in trainer.model.state_dict().items()}
facts["moved"] = sorted(name for name in before if not torch.equal(before[name], after[name]))
facts["log"] = [entry for entry in trainer.state.log_history if "reward" in entry]
trainer._last_loaded_step = -1
facts["new weights"] = refused(trainer, rows)
trainer._last_loaded_step = trainer.state.global_step  # no sync now: vLLM keeps the new weights
trainer.model.load_state_dict(before)
facts["old weights"] = refused(trainer, rows)

trainer.model.load_state_dict(after)
with torch.no_grad():
    for name, value in trainer.model.named_parameters():
        if "visual" in name:
            value.mul_(1.5)
forget, boundary.forget_image_features = boundary.forget_image_features, lambda generation: None
trainer._last_loaded_step = -1
facts["old image features"] = refused(trainer, rows)
boundary.forget_image_features = forget
trainer._last_loaded_step = -1
facts["new image features"] = refused(trainer, rows)

banned = vision_token_ids(trainer.processing_class, trainer.model.config)
eager_for(trainer, banned[0])
trainer._last_loaded_step = -1
facts["vllm samples"] = len({*tokens_by_vllm(trainer, rows)} & {*banned})
ban = trainer.vllm_generation.generation_kwargs.pop("logit_bias")
facts["vllm samples unbanned"] = len({*tokens_by_vllm(trainer, rows)} & {*banned})
facts["unbanned"] = refused(trainer, rows)
by_hf = build(corpus, checkpoint, out + ".hf")
eager_for(by_hf, banned[0])
facts["hf samples"] = len({*tokens_by_hf(by_hf, rows)} & {*banned})
by_hf.generation_config.suppress_tokens = None
facts["hf samples unbanned"] = len({*tokens_by_hf(by_hf, rows)} & {*banned})
Path(out).write_text(json.dumps(facts, indent=1))
