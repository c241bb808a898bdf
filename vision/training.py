"""Train the weld detector: photographs and boxes in, a checkpoint with a fixed seed out.

Runs in the training environment (``make train-env``), never at run time. A run that was interrupted
goes on where it stopped.

    python -m vision.training --data "$SEAMLINE_DATA/welds-pipe" --runs runs
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from vision.dataset import Split, label_file, read_classes, read_split
from vision.simulate import VIEWS, PartRenderer, RenderedPart

SEED = 20260511
IMAGE_SIZE = 320
EPOCHS = 36
BATCH = 16
RENDERED_SEEDS = range(1000, 1010)
"""Seeds of rendered parts for training; no simulated plant uses them."""
RENDERED_FLAWS = 0.7


class Stage(NamedTuple):
    """One run of the trainer on the way to a checkpoint: epochs, and rendered parts among the pictures."""

    epochs: int
    rendered: int


def lay_out(data: Path, split: Split, into: Path) -> Path:
    """Link pictures and boxes into the folders that YOLO trainers expect; return the data file.

    The source folder may be read-only, and trainers write caches beside the labels: so links.
    """
    for part, names in (("train", split.train), ("test", split.test)):
        for kind in ("images", "labels"):
            (into / kind / part).mkdir(parents=True, exist_ok=True)
        for name in names:
            label = label_file(data, name)
            link(data / "images" / name, into / "images" / part / name)
            link(label, into / "labels" / part / label.name)
    file = into / "data.yaml"
    names_yaml = "".join(f"  {index}: {name}\n" for index, name in enumerate(read_classes(data)))
    file.write_text(f"path: {into.resolve()}\ntrain: images/train\nval: images/test\nnames:\n{names_yaml}")
    return file


def link(source: Path, target: Path) -> None:
    """Point ``target`` at ``source``, once."""
    if source.exists() and not target.is_symlink():
        target.symlink_to(source.resolve())


def lay_out_rendered(into: Path, classes: tuple[str, ...], number: int) -> int:
    """Add up to ``number`` rendered parts to the training side, from every view; return how many.

    Parts with flaws that no class stands for are left out.
    """
    kept = 0
    renderers = [PartRenderer(seed, flaw_rate=RENDERED_FLAWS) for seed in RENDERED_SEEDS[:number]]
    for index in range(number):
        renderer = renderers[index % len(renderers)]
        picture = renderer.render(index, list(VIEWS)[index // len(renderers) % len(VIEWS)])
        if {*picture.labels} <= {*classes}:
            name = f"rendered-{index:04d}"
            cv2.imwrite(str(into / "images" / "train" / f"{name}.png"), picture.image)
            (into / "labels" / "train" / f"{name}.txt").write_text(yolo_lines(picture, classes))
            kept += 1
    return kept


def yolo_lines(picture: RenderedPart, classes: tuple[str, ...]) -> str:
    """Return the truth of a rendered part as a YOLO label file."""
    height, width = picture.image.shape[:2]
    boxes = picture.boxes / np.array((width, height, width, height))
    middle, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    rows = zip(picture.labels, np.hstack([middle, sides]).tolist(), strict=True)
    return "".join(
        f"{classes.index(label)} {' '.join(f'{value:.6f}' for value in row)}\n" for label, row in rows
    )


def train(data_file: Path, runs: Path, name: str, stage: Stage, start: Path | None = None) -> Path:
    """Train YOLO11n, from random weights or from a checkpoint of ours; return the last checkpoint.

    The test split is never looked at while training: no early stopping, no best epoch.
    """
    os.environ.setdefault("YOLO_CONFIG_DIR", str(runs.resolve()))
    from ultralytics import YOLO

    last = runs / name / "weights" / "last.pt"
    if (runs / name / "finished").exists():
        return last
    if last.exists():
        YOLO(last).train(resume=True)
    else:
        note_stages(runs / name, stage, start)
        YOLO(start or "yolo11n.yaml").train(**settings(data_file, runs, name, stage.epochs))
    (runs / name / "finished").touch()
    return last


def note_stages(run: Path, stage: Stage, start: Path | None) -> None:
    """Write down a run's stage behind those that led to where it starts."""
    stages = (*(read_stages(start) if start else ()), stage)
    run.mkdir(parents=True, exist_ok=True)
    (run / "stages").write_text("".join(f"{item.epochs} {item.rendered}\n" for item in stages))


def read_stages(checkpoint: Path) -> tuple[Stage, ...]:
    """Return the stages that led to a run's checkpoint, the first of them from random weights."""
    lines = (checkpoint.parents[1] / "stages").read_text().splitlines()
    return tuple(Stage(*map(int, line.split())) for line in lines)


def settings(data_file: Path, runs: Path, name: str, epochs: int) -> dict[str, Any]:
    """Return every training setting that differs from the trainer's defaults."""
    return {
        "data": str(data_file),
        "project": str(runs.resolve()),
        "name": name,
        "exist_ok": True,
        "epochs": epochs,
        "imgsz": IMAGE_SIZE,
        "batch": BATCH,
        "seed": SEED,
        "deterministic": True,
        "device": "cpu",
        "workers": 1,
        "cache": "ram",
        "cos_lr": True,
        "flipud": 0.5,
        "val": False,
        "plots": False,
        "save_period": -1,
    }


def main() -> None:
    """Train on the pictures of unseen-shot training and say where the checkpoint is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the welds-pipe folder")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where runs are kept")
    parser.add_argument("--name", default="weld-pipe", help="name of this run")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--start", type=Path, help="a checkpoint to go on from, in a new run")
    parser.add_argument("--rendered", type=int, default=0, help="render so many parts as further pictures")
    given = parser.parse_args()
    split = read_split(given.data, "split_unseen_shot")
    laid = given.runs / f"{given.name}-data"
    data_file = lay_out(given.data, split, laid)
    rendered = lay_out_rendered(laid, read_classes(given.data), given.rendered)
    stage = Stage(given.epochs, rendered)
    print(train(data_file, given.runs, given.name, stage, given.start))


if __name__ == "__main__":
    main()
