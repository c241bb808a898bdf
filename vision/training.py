"""Train the weld detector: photographs and boxes in, a checkpoint with a fixed seed out.

Runs in the training environment (``make train-env``), never at run time. A run that was interrupted
goes on where it stopped.

    python -m vision.training --data "$SEAMLINE_DATA/welds-pipe" --runs runs
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from vision.dataset import Split, label_file, read_classes, read_split

SEED = 20260511
IMAGE_SIZE = 320
EPOCHS = 36
BATCH = 16


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


def train(data_file: Path, runs: Path, name: str, epochs: int = EPOCHS, start: Path | None = None) -> Path:
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
        note_stages(runs / name, epochs, start)
        YOLO(start or "yolo11n.yaml").train(**settings(data_file, runs, name, epochs))
    (runs / name / "finished").touch()
    return last


def note_stages(run: Path, epochs: int, start: Path | None) -> None:
    """Write down how many epochs were trained before this run, and in it."""
    before = read_stages(start) if start else ()
    run.mkdir(parents=True, exist_ok=True)
    (run / "stages").write_text("".join(f"{number}\n" for number in (*before, epochs)))


def read_stages(checkpoint: Path) -> tuple[int, ...]:
    """Return the epochs of each stage that led to a run's checkpoint, the first from random weights."""
    return tuple(int(line) for line in (checkpoint.parents[1] / "stages").read_text().split())


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
    given = parser.parse_args()
    split = read_split(given.data, "split_unseen_shot")
    data_file = lay_out(given.data, split, given.runs / f"{given.name}-data")
    print(train(data_file, given.runs, given.name, given.epochs, given.start))


if __name__ == "__main__":
    main()
