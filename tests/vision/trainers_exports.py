"""Let the trainer export networks of its families, and say what it and a station find in the same pictures.

Runs in the training environment, where `check_exports` starts it. The networks know nothing: their weights
are noise, so that there is something to find, and to suppress.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics import RTDETR, YOLO

from vision import adopt
from vision.agreement import lacks
from vision.detect import Detector
from vision.records import Findings, Image
from vision.simulate import PartRenderer

SIDE, PICTURES = 320, 4
FLOOR = 0.3
"""Above what an export with ``nms=True`` would keep by itself."""
BIAS = -9.0


def noise(family: str) -> Any:
    """Return a network of a family with weights of noise, which finds dozens of things in a rendered part."""
    torch.manual_seed(5)
    made = opened(family, f"{family}.yaml")
    settle(made.model)
    head = made.model.model[-1]
    for name in ("cv3", "one2one_cv3", "dec_score_head", "enc_score_head"):
        for branch in last_layers(getattr(head, name, ())):
            torch.nn.init.normal_(branch.weight, 0, 0.5)
            torch.nn.init.constant_(branch.bias, BIAS)
    return made


def opened(family: str, file: str | Path) -> Any:
    """Return what the trainer makes of a file: a network's description, or its weights."""
    return (RTDETR if "rtdetr" in family else YOLO)(file)


def settle(network: Any) -> None:
    """Let normalisation see pictures, so that noise is not nothing behind the last layer."""
    planes = np.stack([image[..., ::-1].transpose(2, 0, 1) for image in pictures()]) / np.float32(255)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        network.train()(torch.from_numpy(planes.astype(np.float32)))
    network.eval()


def last_layers(branches: Any) -> list[Any]:
    """Return the layers that give the scores."""
    each = [branches] if isinstance(branches, torch.nn.Linear) else branches
    return [branch[-1] if isinstance(branch, torch.nn.Sequential) else branch for branch in each]


def told(result: Any, classes: tuple[str, ...]) -> Findings:
    """Return what the trainer's own predictor says, turned boxes as the upright ones around them."""
    found = result.obb if result.obb is not None else result.boxes
    rows = (found.xyxy, found.cls, found.conf)
    boxes, labels, scores = (part.cpu().numpy() for part in rows)
    height, width = result.orig_shape
    inside = np.clip(boxes, 0, (width, height, width, height))
    return Findings(classes, inside.astype(np.float32), labels.astype(np.int32), scores.astype(np.float32))


def pictures(height: int = SIDE) -> list[Image]:
    """Return rendered parts of a height."""
    renderer = PartRenderer(seed=8, size=SIDE)
    return [np.ascontiguousarray(renderer.render(index).image[:height]) for index in range(PICTURES)]


def compare(family: str, into: Path, **options: Any) -> dict[str, Any]:
    """Export a network; return how many findings trainer and station have, and how many have no equal."""
    checkpoint = into / f"{family}.pt"
    noise(family).save(checkpoint)
    sides = options.setdefault("imgsz", SIDE)
    made = opened(family, checkpoint).export(format="openvino", verbose=False, **options)
    model = adopt.adopt(Path(made), into, "m")
    detector, asked = Detector(model), opened(family, checkpoint)
    how = {"conf": FLOOR, "iou": 0.7, "max_det": 300} | ({"nms": False} if model.head.end_to_end else {})
    found = lost = 0
    for image in pictures(SIDE // 2 if model.canvas.stretched else model.canvas.height):
        (result,) = asked.predict(image, imgsz=sides, verbose=False, **how)
        theirs, ours = told(result, model.classes), detector.detect(image, FLOOR)
        found += len(theirs.scores) + len(ours.scores)
        lost += lacks(theirs, ours) + lacks(ours, theirs)
    return {"head": model.head.kind, "found": found, "lost": lost}


if __name__ == "__main__":
    print(json.dumps(compare(sys.argv[1], Path(sys.argv[2]), **json.loads(sys.argv[3]))))
