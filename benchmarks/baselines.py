"""Plain classifiers to stand beside a model: trained on the train split, scored on another by the same `eval score`.

    python -m benchmarks.baselines --corpus CORPUS --out runs/baselines

majority            always the most frequent training diagnosis
color_histogram     logistic regression on a joint color histogram
small_cnn           four convolution blocks on 56 x 56 pixels, trained from scratch

Each writes predictions.jsonl in the format of `eval run`, without findings and without reasons: they only name a
diagnosis, and the malignancy that the ontology gives it. Logistic regression and CNN can weigh classes by the inverse
of their frequency (`--class_weight balanced`), which trades accuracy for balanced accuracy.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from eval.predictions import Prediction
from eval.run import check_images
from eval.score import score_predictions
from eval.writing import append, start
from skin_r1.case import load_corpus
from skin_r1.errors import problem
from skin_r1.manifest import write_manifest
from skin_r1.ontology import load_ontology
from skin_r1.reading import render
from skin_r1.whole import whole_folder

Pixels = NDArray[np.uint8]  # [cases, SIDE, SIDE, 3]
Labels = NDArray[np.intp]  # [cases]
SIDE = 56
BINS = 8  # per color channel


def load_pixels(table: Any, name: str) -> Pixels:
    """First image of every case, resized; [cases, SIDE, SIDE, 3]."""
    rows = tqdm(table, desc=f"images of {name}", unit="case")
    return np.stack([np.asarray(row["images"][0].convert("RGB").resize((SIDE, SIDE))) for row in rows])


def majority(train: Pixels, labels: Labels, test: Pixels, *, classes: int, **_: Any) -> Labels:
    """The most frequent class for everybody."""
    return np.full(len(test), np.bincount(labels, minlength=classes).argmax())


def color_histogram(
    train: Pixels, labels: Labels, test: Pixels, *, weights: str | None, seed: int, **_: Any
) -> Labels:
    """Logistic regression on square roots (Hellinger) of joint color histograms, and channel means and deviations."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, max_iter=500, class_weight=weights, random_state=seed)
    )
    said: Labels = model.fit(_colors(train), labels).predict(_colors(test))
    return said


def _colors(pixels: Pixels) -> NDArray[np.float64]:
    """[cases, BINS**3 + 6]."""
    flat = pixels.reshape(len(pixels), -1, 3)
    binned = flat.astype(np.intp) * BINS // 256
    joint = (binned[..., 0] * BINS + binned[..., 1]) * BINS + binned[..., 2]  # [cases, pixels]
    counts = np.stack([np.bincount(row, minlength=BINS**3) for row in joint])
    return np.concatenate([np.sqrt(counts / joint.shape[1]), flat.mean(axis=1) / 255, flat.std(axis=1) / 255], axis=1)


def small_cnn(
    train: Pixels, labels: Labels, test: Pixels, *, classes: int, weights: str | None, seed: int, epochs: int
) -> Labels:
    """Four blocks of convolution, batch norm, ReLU and pooling; flips and quarter turns; the last epoch counts."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    blocks: list[nn.Module] = []
    for width_in, width in ((3, 32), (32, 64), (64, 128), (128, 128)):
        blocks += [
            nn.Conv2d(width_in, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    net = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, classes)).to(
        device
    )
    pixels, answers = torch.from_numpy(train).permute(0, 3, 1, 2), torch.from_numpy(labels)
    counts = np.bincount(labels, minlength=classes)
    scale = torch.tensor(len(labels) / (classes * np.maximum(counts, 1)), dtype=torch.float32, device=device)
    loss_of = nn.CrossEntropyLoss(weight=scale if weights == "balanced" else None)
    batch = min(64, len(labels))
    steps = epochs * (len(labels) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)

    def ready(chosen: torch.Tensor) -> torch.Tensor:
        return chosen.to(device).float() / 127.5 - 1

    net.train()
    with tqdm(total=steps, desc="small_cnn", unit="step") as bar:
        for _ in range(epochs):
            order = torch.randperm(len(labels))
            for first in range(0, len(labels) - batch + 1, batch):
                index = order[first : first + batch]
                view = torch.rot90(ready(pixels[index]), int(torch.randint(4, ())), (2, 3))
                view = view.flip(3) if torch.rand(()) < 0.5 else view
                loss = loss_of(net(view), answers[index].to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                bar.update()
    net.eval()
    with torch.inference_mode():
        views = torch.from_numpy(test).permute(0, 3, 1, 2)
        return np.concatenate([net(ready(chunk)).argmax(dim=1).cpu().numpy() for chunk in torch.split(views, 256)])


BASELINES: dict[str, Callable[..., Labels]] = {
    "majority": majority,
    "color_histogram": color_histogram,
    "small_cnn": small_cnn,
}


def run_baselines(
    corpus: Path,
    out: Path,
    *,
    split: str = "test",
    class_weight: str | None = None,
    epochs: int = 12,
    seed: int = 0,
    bootstrap: int = 2000,
    limit: int | None = None,
    overwrite: bool = False,
    only: Sequence[str] = tuple(BASELINES),
) -> dict[str, Any]:
    """Train and score the baselines.

    Args:
        corpus: a corpus with a train split.
        out: folder to make: `NAME/predictions.jsonl`, `NAME/scores/` for each baseline, and summary.json.
        split: where to score.
        class_weight: None, or "balanced" to weigh classes by the inverse of their frequency.
        epochs: of the CNN.
        seed, bootstrap: of the training and of the intervals.
        limit: train on the first cases only.
        overwrite: replace `out`.
        only: names of the baselines to run.

    Returns:
        baseline -> the summary of its `eval score`.

    Raises:
        UserError: the train split has no labelled images, or `out` exists.
    """
    with whole_folder(out, kind="baselines", overwrite=overwrite) as partial:
        train, test = load_corpus(corpus, "train"), load_corpus(corpus, split)
        check_images(train, corpus, "train")
        check_images(test, corpus, split)
        names = train["diagnosis"][:]
        held = [i for i, name in enumerate(names) if name is not None][:limit]
        if not held:
            raise problem("no case of the train split has a diagnosis", file=corpus / "train", column="diagnosis")
        train = train.select(held)
        names = train["diagnosis"][:]
        classes = sorted(set(names))
        labels = np.array([classes.index(name) for name in names])
        pixels = load_pixels(train, "train"), load_pixels(test, split)
        malignancy = _malignancies(train)
        summaries: dict[str, Any] = {}
        for name in only:
            if len(classes) == 1:
                said = majority(pixels[0], labels, pixels[1], classes=1)  # nothing to tell apart
            else:
                said = BASELINES[name](
                    pixels[0], labels, pixels[1], classes=len(classes), weights=class_weight, seed=seed, epochs=epochs
                )
            path = partial / name / "predictions.jsonl"
            start(path, {"model": name, "class_weight": class_weight, "epochs": epochs, "seed": seed})
            tree = load_ontology()
            slugs = [classes[i] for i in said]
            append(
                path,
                [
                    Prediction(
                        case_id,
                        render("A baseline gives no reasons.", [], [], tree.name(slug), malignancy[slug]),
                        model=name,
                    )
                    for case_id, slug in zip(test["case_id"][:], slugs, strict=True)
                ],
            )
            summaries[name] = score_predictions(
                path, corpus, partial / name / "scores", split=split, seed=seed, bootstrap=bootstrap
            )
        (partial / "summary.json").write_text(json.dumps(summaries, indent=2) + "\n")
        write_manifest(
            partial,
            kind="baselines",
            config={"split": split, "class_weight": class_weight, "epochs": epochs, "seed": seed, "limit": limit},
            inputs={"corpus": corpus},
            outputs={"train_cases": len(names), "classes": classes},
        )
    return summaries


def _malignancies(train: Any) -> dict[str, str]:
    """What to say of each diagnosis: what its training cases mostly are."""
    counts: dict[str, Counter[str]] = {}
    for diagnosis, malignancy in zip(train["diagnosis"][:], train["malignancy"][:], strict=True):
        counts.setdefault(diagnosis, Counter())[malignancy or "indeterminate"] += 1
    return {diagnosis: counter.most_common(1)[0][0] for diagnosis, counter in counts.items()}


def table(summaries: dict[str, Any]) -> str:
    """Accuracy, balanced accuracy and macro-F1 of each baseline as a Markdown table."""
    shown = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1"}
    lines = ["| baseline | " + " | ".join(shown.values()) + " | n |", "|---|" + "---|" * (len(shown) + 1)]
    for name, summary in summaries.items():
        cells = []
        for key in shown:
            found = summary["metrics"][key]
            span = "" if found["low"] is None else f" [{found['low']:.3f}, {found['high']:.3f}]"
            cells.append("n/a" if found["value"] is None else f"{found['value']:.3f}{span}")
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {summary['metrics']['accuracy']['n']} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `python -m benchmarks.baselines`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.baselines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="corpus with a train split")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--split", default="test", help="where to score (default: test)")
    parser.add_argument("--class_weight", choices=["none", "balanced"], default="none", help="default: none")
    parser.add_argument("--epochs", type=int, default=12, help="of the CNN (default: 12)")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--bootstrap", type=int, default=2000, metavar="N", help="resamples (default: 2000)")
    parser.add_argument("--limit", type=int, metavar="N", help="train on the first N labelled cases only")
    parser.add_argument("--only", nargs="+", choices=list(BASELINES), default=list(BASELINES), help="default: all")
    parser.add_argument("--overwrite", action="store_true", help="replace the folder")
    options = parser.parse_args(argv)
    for name in ("epochs", "bootstrap", "limit"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise problem(f"--{name} counts from 1", found=value, allowed="a positive number")
    options.class_weight = None if options.class_weight == "none" else options.class_weight
    print(table(run_baselines(**vars(options))))
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
