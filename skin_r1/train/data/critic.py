"""The critic: a small network that reads findings, and so holds GRPO to what is seen where nobody annotated.

Label-only rows say nothing about findings, so GRPO alone drifts: findings become a code for the diagnosis. The critic
learns the findings from the annotated training images in a minute, with turned and mirrored copies, and names those of
which it is sure on the label-only ones. These names enter the rows of the run and never the corpus. What it is not sure
of stays unknown, and so does every finding on which its sure answers fail the validation split. A critic that is sure of
little is not used at all: rows of which only an absence or two is known would pay for saying nothing.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from skin_r1.case import load_corpus
from skin_r1.errors import problem

SIDE = 56  # pixels
BATCH, RATE = 32, 4e-3
LEAST = 8  # annotated images with, and as many without a finding, to learn it
SURE = 0.9  # probability above which it is named as present, and below 1 - SURE as absent
LEAST_SURE = 0.7
"""Share of sure answers on the label-only rows below which the critic is silent. Drawn lesions: 0.92, grounding rises.
HAM10000 (findings measured, 420 annotated): 0.22, and grounding F1 fell from 0.60 to 0.28 as the model fell silent."""
WRONG = 0.1  # share of wrong sure answers on the validation split above which a finding is left unknown


@dataclass(frozen=True)
class Criticized:
    """Rows with the critic's findings, and how it did: processor seconds, findings read, sure and right shares."""

    rows: Dataset
    facts: Mapping[str, Any]


def criticize(corpus: Path, rows: Dataset, *, steps: int, seed: int) -> Criticized:
    """Fill `concepts_present` and `concepts_absent` of the label-only rows with what the critic is sure of.

    Args:
        corpus: its annotated training rows teach the critic, its validation rows judge it.
        rows: training rows of the run; annotated ones are left as they are.
        steps: batches of `BATCH` images that the critic sees; 600 take half a minute on one core.
        seed: fixes the critic's weights and what it is shown.

    Raises:
        UserError: fewer than `LEAST` annotated training images show any one finding.
    """
    started = time.process_time()
    dense = _annotated(load_corpus(corpus, "train"))
    findings = _learnable(dense)
    if not findings:
        raise problem(
            "the critic has nothing to learn from",
            file=corpus,
            column="critic_steps",
            found=f"{len(dense)} annotated training images, no finding on {LEAST} of them",
            next_step="set critic_steps: 0, or build the corpus with more annotated rows",
        )
    network = train_critic(_pixels(dense), _labels(dense, findings), steps=steps, seed=seed)
    judged = _judge(network, _annotated(load_corpus(corpus, "validation")), findings)
    kept = [name for name in findings if judged[name]["wrong"] <= WRONG * max(1, judged[name]["sure"])]
    blank = [index for index, kind in enumerate(rows["annotation"]) if kind == "sparse"]
    chances = probabilities(network, _pixels(rows.select(blank)))  # [rows, findings]
    share = float(((chances >= SURE) | (chances <= 1 - SURE)).mean()) if blank else 0.0
    used = share >= LEAST_SURE
    told = "names their findings" if used else f"is sure of too little (at least {LEAST_SURE:.0%}) and stays silent"
    print(f"critic: sure of {share:.0%} of the findings of {len(blank)} label-only rows; it {told}", flush=True)
    present, absent = list(rows["concepts_present"]), list(rows["concepts_absent"])
    for index, own in zip(blank, chances, strict=True) if used else ():
        present[index] = [name for name, p in zip(findings, own, strict=True) if name in kept and p >= SURE]
        absent[index] = [name for name, p in zip(findings, own, strict=True) if name in kept and p <= 1 - SURE]
    rows = rows.remove_columns(["concepts_present", "concepts_absent"])
    rows = rows.add_column("concepts_present", present).add_column("concepts_absent", absent)
    facts = {
        "seconds": round(time.process_time() - started, 1),
        "annotated_images": len(dense),
        "label_only_images": len(blank),
        "findings": kept,
        "left_out": [name for name in findings if name not in kept],
        "sure_share": round(share, 3),
        "used": used,
        "validation": judged,
    }
    return Criticized(rows, facts)


def train_critic(pixels: NDArray[np.uint8], labels: NDArray[np.float32], *, steps: int, seed: int) -> nn.Module:
    """Train the network.

    Args:
        pixels: [images, 3, SIDE, SIDE].
        labels: [images, findings]; 1 present, 0 absent, nan unknown.
        steps: batches of `BATCH` images.
        seed: of weights and draws.

    Returns:
        A network from [n, 3, SIDE, SIDE] in [-0.5, 0.5] to logits [n, findings].
    """
    draw = torch.Generator().manual_seed(seed)
    devices: list[int] = []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        network = _network(labels.shape[1])
        images, targets = _scaled(pixels), torch.from_numpy(labels)
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE / 10, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        for _ in tqdm(range(steps), desc="critic", unit="step", mininterval=2.0):
            chosen = torch.randint(len(images), (BATCH,), generator=draw)
            target = targets[chosen]  # [BATCH, findings]
            loss = nn.functional.binary_cross_entropy_with_logits(
                network(_varied(images[chosen], draw)), target.nan_to_num(), reduction="none"
            )
            known = ~target.isnan()
            optimizer.zero_grad()
            ((loss * known).sum() / known.sum().clamp(min=1)).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def probabilities(network: nn.Module, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """P(finding) of each image, [images, findings]."""
    with torch.inference_mode():
        parts = [torch.sigmoid(network(_scaled(pixels[i : i + 256]))) for i in range(0, len(pixels), 256)]
    return torch.cat(parts).numpy() if parts else np.zeros((0, 0), dtype=np.float32)


def _network(findings: int, width: int = 16) -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((3, width), (width, 2 * width), (2 * width, 4 * width), (4 * width, 4 * width)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Dropout(0.3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16 * width, findings)]
    return nn.Sequential(*layers)


def _varied(images: Tensor, draw: torch.Generator) -> Tensor:
    """Turned and mirrored, a little brighter or darker, a little off in color: the findings stay the same."""
    turned = torch.rot90(images, int(torch.randint(4, (), generator=draw)), (2, 3))
    if float(torch.rand((), generator=draw)) < 0.5:
        turned = turned.flip(3)
    light = 1 + 0.1 * torch.randn(len(images), 1, 1, 1, generator=draw)
    return turned * light + 0.05 * torch.randn(len(images), 3, 1, 1, generator=draw)


def _scaled(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels).float() / 255 - 0.5


def _pixels(rows: Dataset) -> NDArray[np.uint8]:
    """The first image of each row, [rows, 3, SIDE, SIDE]."""
    small = [np.asarray(row["images"][0].convert("RGB").resize((SIDE, SIDE))) for row in rows]
    return np.stack(small).transpose(0, 3, 1, 2).copy() if small else np.zeros((0, 3, SIDE, SIDE), dtype=np.uint8)


def _annotated(rows: Dataset) -> Dataset:
    kinds = zip(rows["annotation"], rows["checksum"], strict=True)
    return rows.select([index for index, (kind, checksum) in enumerate(kinds) if kind == "dense" and checksum])


def _learnable(rows: Dataset) -> list[str]:
    """Findings with at least `LEAST` images that show them and `LEAST` that do not."""
    counts: dict[str, list[int]] = {}
    for at, column in enumerate(("concepts_present", "concepts_absent")):
        for own in rows[column]:
            for name in own:
                counts.setdefault(name, [0, 0])[at] += 1
    return sorted(name for name, both in counts.items() if min(both) >= LEAST)


def _labels(rows: Dataset, findings: Sequence[str]) -> NDArray[np.float32]:
    """[rows, findings]; 1 present, 0 absent, nan unknown."""
    table = np.full((len(rows), len(findings)), np.nan, dtype=np.float32)
    for row, (present, absent) in enumerate(zip(rows["concepts_present"], rows["concepts_absent"], strict=True)):
        for column, name in enumerate(findings):
            if name in present or name in absent:
                table[row, column] = float(name in present)
    return table


def _judge(network: nn.Module, rows: Dataset, findings: Sequence[str]) -> dict[str, dict[str, int]]:
    """Per finding, the sure answers on annotated rows and how many of them are wrong."""
    truth = _labels(rows, findings)
    chances = probabilities(network, _pixels(rows)).reshape(len(rows), len(findings))
    sure = ((chances >= SURE) | (chances <= 1 - SURE)) & ~np.isnan(truth)
    wrong = sure & ((chances > 0.5) != (truth > 0.5))
    return {name: {"sure": int(sure[:, i].sum()), "wrong": int(wrong[:, i].sum())} for i, name in enumerate(findings)}
