"""Train the weld detector: photographs and boxes in, a checkpoint out that follows from a seed.

Runs in the training environment (``make train-env``), never at run time. A run that was interrupted
goes on where it stopped, with the seed that it began with.

    python -m vision.training --data "$SEAMLINE_DATA/welds-pipe" --same-welds --runs runs
    python -m vision.training --rendered 480 --name weld-sim --start runs/weld-pipe/weights/last.pt
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from vision import checkpoints, learned, rendered
from vision.checkpoints import RunTakenError
from vision.dataset import DatasetError, Split, label_file, read_classes, read_split
from vision.datasets.checking import look_over, refuse_leaks
from vision.simulate import CLASSES

SEED = 20260511
FINISHED = "finished"
"""Written at the end of a run: the hash of its weights."""
LEARNED = "learned"
"""Of a run: digests of all pictures that led to its weights."""
NOTES = "notes.json"
"""What was odd about the pictures and boxes of a run, in the folder that it is laid out in."""
IMAGE_SIZE = 320
EPOCHS = 36
BATCH = 16
FIXED_CAMERA = {
    "mosaic": 0.0,
    "scale": 0.1,
    "translate": 0.05,
    "hsv_h": 0.005,
    "hsv_s": 0.3,
    "warmup_epochs": 1.0,
    "batch": 8,
    "nbs": 8,
}
"""Settings for pictures of parts in a fixture before fixed cameras: nothing is far off its place or size.
Few pictures are enough when each batch is a step (``nbs``); the trainer's default waits for 64 pictures."""


class Stage(NamedTuple):
    """One run of the trainer on the way to a checkpoint: epochs, and rendered parts among the pictures."""

    epochs: int
    rendered: int


def lay_out(data: Path, split: Split, into: Path, mended: Mapping[str, str] = MappingProxyType({})) -> Path:
    """Link pictures and boxes into the folders that YOLO trainers expect; return the data file.

    The source folder may be read-only, and trainers write caches beside the labels: so links. Labels that
    had to be ``mended`` are written instead: of a picture with one box beyond its edge trainers drop all.
    """
    for part, names in (("train", split.train), ("test", split.test)):
        for kind in ("images", "labels"):
            (into / kind / part).mkdir(parents=True, exist_ok=True)
        for name in names:
            label = label_file(data, name)
            link(data / "images" / name, into / "images" / part / name)
            target = into / "labels" / part / label.name
            if name in mended:
                target.unlink(missing_ok=True)  # never through a link into the source
                target.write_text(mended[name], encoding="utf-8")
            else:
                link(label, target)
    return rendered.data_file(into, read_classes(data), test="images/test")


def link(source: Path, target: Path) -> None:
    """Point ``target`` at ``source``, once."""
    if source.exists() and not target.is_symlink():
        target.symlink_to(source.resolve())


def train(
    data_file: Path, runs: Path, name: str, stage: Stage, start: Path | None = None, **others: float
) -> Path:
    """Train YOLO11n, from random weights or from a checkpoint of ours; return the last checkpoint.

    The test split is never looked at while training: no early stopping, no best epoch. Whatever kills it,
    the same call goes on from the last whole epoch.

    Raises
    ------
    RunTakenError
        Another process trains this run.
    """
    os.environ.setdefault("YOLO_CONFIG_DIR", str(runs.resolve()))
    run, last = runs / name, runs / name / "weights" / "last.pt"
    with checkpoints.hold(run):
        if (run / FINISHED).exists():
            return last
        from ultralytics import YOLO
        from ultralytics.utils.torch_utils import strip_optimizer

        begun = checkpoints.take_up(last)
        if not begun:
            note_stages(run, stage, start)
            note_learned(run, data_file.parent / "images" / "train", start)
        if not begun or checkpoints.epochs_behind(last) < stage.epochs:
            model = YOLO(last if begun else start or "yolo11n.yaml")
            model.add_callback("on_model_save", lambda trainer: checkpoints.keep(trainer.last))
            wanted = settings(data_file, runs, name, stage.epochs) | others
            model.train(**({"resume": True} if begun else wanted))
        strip_optimizer(last)
        (run / FINISHED).write_text(checkpoints.fingerprint(last), encoding="utf-8")
        checkpoints.let_go(last)
    return last


def note_stages(run: Path, stage: Stage, start: Path | None) -> None:
    """Write down a run's stage behind those that led to where it starts."""
    write_stages(run, (*(read_stages(start) if start else ()), stage))


def write_stages(run: Path, stages: Iterable[Stage]) -> None:
    """Write down the stages of a run, those before it included."""
    run.mkdir(parents=True, exist_ok=True)
    (run / "stages").write_text("".join(f"{item.epochs} {item.rendered}\n" for item in stages))


def read_stages(checkpoint: Path) -> tuple[Stage, ...]:
    """Return the stages that led to a run's checkpoint, the first of them from random weights."""
    lines = (checkpoint.parents[1] / "stages").read_text().splitlines()
    return tuple(Stage(*map(int, line.split())) for line in lines)


def note_learned(run: Path, pictures: Path, start: Path | None) -> None:
    """Write down the pictures of a run, and those of the runs before it; nothing where one did not say."""
    before = read_learned(start) if start else ""
    if before is not None:
        seen = (learned.digest(file.read_bytes()) for file in pictures.glob("*"))
        (run / LEARNED).write_text(learned.pack((*learned.unpack(before), *seen)), encoding="utf-8")


def read_learned(checkpoint: Path) -> str | None:
    """Return what a run's checkpoint learned from, as `vision.learned` packs it; None: nobody knows."""
    file = checkpoint.parents[1] / LEARNED
    return file.read_text(encoding="utf-8") if file.is_file() else None


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


def lay_out_photographs(data: Path, split: str, into: Path, number: int) -> tuple[Path, int]:
    """Lay out a split and ``number`` rendered parts; return file and number.

    Pictures that cannot be learned from are left out; what was odd is noted beside the data file.
    """
    checked = look_over(data, read_split(data, split))
    into.mkdir(parents=True, exist_ok=True)
    (into / NOTES).write_text(json.dumps(checked.notes, indent=2) + "\n", encoding="utf-8")
    file = lay_out(data, checked.split, into, checked.labels)
    return file, rendered.write(rendered.parts_to_train_on(number), into, read_classes(data))


def lay_out_rendered(into: Path, number: int) -> tuple[Path, int]:
    """Lay out ``number`` rendered parts and nothing else; return the data file and their number."""
    kept = rendered.write(rendered.parts_to_train_on(number), into, CLASSES)
    return rendered.data_file(into, CLASSES, test="images/train"), kept


def main() -> None:
    """Train on photographs, on rendered parts or on both, and say where the checkpoint is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="the welds-pipe folder; without it: rendered parts only")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where runs are kept")
    parser.add_argument("--name", default="weld-pipe", help="name of this run")
    parser.add_argument("--split", default="split_unseen_shot", help="column of splits.csv")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--start", type=Path, help="a checkpoint to go on from, in a new run")
    parser.add_argument("--freeze", type=int, default=0, help="leave so many layers as they are: quicker")
    parser.add_argument("--side", type=int, default=IMAGE_SIZE, help="pixels of its square, in steps of 32")
    parser.add_argument("--seed", type=int, default=SEED, help="of a new run")
    parser.add_argument("--rendered", type=int, default=0, help="render so many parts to train on")
    parser.add_argument("--same-welds", action="store_true", help="train though both sides share welds")
    given = parser.parse_args()
    if given.data is None and not given.rendered:
        parser.error("there is nothing to train on; give --data, --rendered or both")
    try:
        print(train_as_asked(given))
    except (DatasetError, RunTakenError) as exc:
        parser.exit(1, f"{exc}\n")


def train_as_asked(given: argparse.Namespace) -> Path:
    """Lay out what the command line names and train on it; return the checkpoint."""
    laid = given.runs / f"{given.name}-data"
    if given.data is None:
        (file, kept), others = lay_out_rendered(laid, given.rendered), FIXED_CAMERA
    else:
        refuse_leaks(given.data, given.split, given.same_welds)
        (file, kept), others = lay_out_photographs(given.data, given.split, laid, given.rendered), {}
    stage = Stage(given.epochs, kept)
    others = {"freeze": given.freeze, "imgsz": given.side, "seed": given.seed, **others}
    return train(file, given.runs, given.name, stage, given.start, **others)


if __name__ == "__main__":
    main()
