"""Rendered parts as a trainer's data set: pictures from every view as a camera encodes them, and their boxes.

python -m vision.rendered --into runs/rendered --pictures 900
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vision import pictures
from vision.simulate import CLASSES, VIEWS, PartRenderer, RenderedPart
from vision.simulate.protocol import TRAIN_SEEDS

FLAWED, CROWD = 0.85, 3
"""Share of flawed parts to train on, and kinds of flaws on one: more than a plant makes."""
PER_SEED = 20
"""Pictures of one seed, which is one batch of steel."""


def parts_to_train_on(number: int, seeds: range = TRAIN_SEEDS) -> Iterator[RenderedPart]:
    """Yield pictures of so many parts, each seen from one view in turn."""
    names = list(VIEWS)
    for index in range(number):
        if index % PER_SEED == 0:
            renderer = PartRenderer(seeds[index // PER_SEED], flaw_rate=FLAWED, crowd=CROWD)
        yield renderer.render(index, names[index % len(names)])


def write(found: Iterator[RenderedPart], into: Path, classes: tuple[str, ...]) -> int:
    """Write pictures and boxes to ``into/images/train`` and ``into/labels/train``; return how many.

    Parts with flaws that no class stands for are left out.
    """
    for kind in ("images", "labels"):
        (into / kind / "train").mkdir(parents=True, exist_ok=True)
    kept = [picture for picture in found if {*picture.labels} <= {*classes}]
    for index, picture in enumerate(kept):
        name = f"rendered-{index:05d}"
        (into / "images" / "train" / f"{name}.jpg").write_bytes(pictures.encode_jpeg(picture.image))
        (into / "labels" / "train" / f"{name}.txt").write_text(yolo_lines(picture, classes))
    return len(kept)


def yolo_lines(picture: RenderedPart, classes: tuple[str, ...]) -> str:
    """Return the truth of a rendered part as a YOLO label file."""
    height, width = picture.image.shape[:2]
    boxes = picture.boxes / np.array((width, height, width, height))
    middle, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    rows = zip(picture.labels, np.hstack([middle, sides]).tolist(), strict=True)
    return "".join(
        f"{classes.index(label)} {' '.join(f'{value:.6f}' for value in row)}\n" for label, row in rows
    )


def data_file(into: Path, classes: tuple[str, ...], test: str) -> Path:
    """Write the file that YOLO trainers read; ``test`` is the folder of the side they never look at."""
    names = "".join(f"  {index}: {json.dumps(name)}\n" for index, name in enumerate(classes))
    file = into / "data.yaml"
    file.write_text(f"path: {into.resolve()}\ntrain: images/train\nval: {test}\nnames:\n{names}")
    return file


def main() -> None:
    """Write a data set of rendered parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--into", type=Path, required=True, help="folder to write")
    parser.add_argument("--pictures", type=int, default=900)
    given = parser.parse_args()
    write(parts_to_train_on(given.pictures), given.into, CLASSES)
    print(data_file(given.into, CLASSES, "images/train"))


if __name__ == "__main__":
    main()
