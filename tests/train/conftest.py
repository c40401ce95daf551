"""A small corpus, its rationales and an SFT checkpoint, made once through the command line."""

from pathlib import Path

import pytest

from skin_r1.cli import main as skin_r1

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "recipes" / "tiny"
SMALL_SFT = ["--max_steps", "8", "--warmup_steps", "2", "--logging_steps", "2", "--per_device_train_batch_size", "8"]
SMALL_GRPO = [
    "--max_steps",
    "2",
    "--per_device_train_batch_size",
    "16",
    "--num_generations",
    "4",
    "--logging_steps",
    "1",
]
SMALL_GRPO += ["--max_completion_length", "32", "--critic_steps", "0"]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("road") / "corpus"
    sizes = ["--dense", "40", "--sparse", "40", "--validation", "8", "--test", "16"]
    assert (
        skin_r1(["phantom", "--config", str(TINY / "phantom.yaml"), "--out", str(folder), "--seed", "3", *sizes]) == 0
    )
    return folder


@pytest.fixture(scope="session")
def rationales(corpus):
    folder = corpus.parent / "rationales"
    command = ["distill", "--config", str(TINY / "distill.yaml"), "--corpus", str(corpus), "--output_dir", str(folder)]
    assert skin_r1(command) == 0
    return folder


@pytest.fixture(scope="session")
def checkpoint(rationales):
    folder = rationales.parent / "sft"
    command = ["sft", "--config", str(TINY / "sft.yaml"), "--rationales", str(rationales), "--output_dir", str(folder)]
    assert skin_r1([*command, *SMALL_SFT]) == 0
    return folder
