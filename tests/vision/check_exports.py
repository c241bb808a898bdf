"""Does a station find in the trainer's exports what the trainer finds? ``make train-check``, never the suite.

Nothing stands for the trainer here. It needs the training environment, exports each family and asks both.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cluster.training import ROOT, find_python

SCRIPT = ROOT / "tests" / "vision" / "trainers_exports.py"
WAIT = 300.0
DISAGREEING = 0.02
"""Share of findings that the other may lack: of two near equal boxes either may be kept."""

EXPORTS = [
    ("yolo11n", {}, "boxes", DISAGREEING),
    ("yolo11n", {"dynamic": True}, "boxes", DISAGREEING),
    ("yolo11n", {"nms": True}, "suppressed", DISAGREEING),
    ("yolo11n", {"imgsz": [256, 320]}, "boxes", DISAGREEING),
    ("yolov10n", {"nms": False}, "findings", DISAGREEING),
    ("yolo26n", {"nms": False}, "findings", DISAGREEING),
    ("yolo11n-seg", {}, "boxes", DISAGREEING),
    ("yolo11n-pose", {"nms": True}, "suppressed", DISAGREEING),
    (
        "yolo11n-obb",
        {},
        "boxes",
        0.25,
    ),  # a station suppresses by the upright boxes, the trainer by turned ones
    ("yolo26n-obb", {"nms": False}, "findings", DISAGREEING),
    ("rtdetr-l", {}, "queries", DISAGREEING),
    ("rtdetr-resnet50", {"dynamic": True}, "queries", DISAGREEING),
]


@pytest.mark.parametrize(("family", "options", "head", "may_lack"), EXPORTS)
def test_a_station_finds_what_the_trainer_finds(
    tmp_path: Path, family: str, options: dict[str, Any], head: str, may_lack: float
) -> None:
    command = [str(find_python()), str(SCRIPT), family, str(tmp_path), json.dumps(options)]
    alone = os.environ | {"YOLO_OFFLINE": "1", "YOLO_CONFIG_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=alone, capture_output=True, text=True, timeout=WAIT, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["head"] == head
    assert told["found"] > 50
    assert told["lost"] <= may_lack * told["found"], told
