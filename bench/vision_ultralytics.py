"""Ultralytics' side of `bench.vision`: its predict loop in a process of its own environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Literal

import numpy as np

from bench.vision_rounds import Bench, Round
from vision.network import INSTRUCTIONS
from vision.records import Verdict

SAME_PIXELS = 1.0
SAME_SCORE = 0.01
TRAINING_PYTHON = Path(".venv-train/bin/python")


class Peer:
    """Ultralytics in its own environment, pinned to a precision or as it ships.

    ``computes`` is the precision that OpenVINO came to: it may have none of the kind on this processor.
    """

    def __init__(self, bench: Bench, root: Path, pin: Literal["f32", "f16", "shipped"] = "f32") -> None:
        folder = root / f"pictures-{pin}"
        folder.mkdir()
        for index, encoded in enumerate(bench.encoded):
            (folder / f"{index:06d}.jpg").write_bytes(encoded)
        self._command: list[str] = [
            str(TRAINING_PYTHON),
            "-m",
            "bench.vision_peer",
            str(bench.model.folder),
            str(folder),
            pin,
        ]
        environment = {**os.environ, "YOLO_CONFIG_DIR": str(root), "YOLO_OFFLINE": "true"}
        environment.pop(INSTRUCTIONS, None)
        self._process = subprocess.Popen(
            self._command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.rounds: list[Round] = []
        self.computes = self._line(b"computes ").decode().strip()
        self.answers: list[list[list[float]]] = json.loads(self._line(b"ready "))

    def _line(self, start: bytes) -> bytes:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(start):
                return line.removeprefix(start)
        raise RuntimeError(f"Ultralytics ended early; run it by hand: {' '.join(self._command)}")

    def round(self) -> None:
        """Predict every picture once."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()
        told = json.loads(self._line(b"{").join([b"{", b""]))
        self.rounds.append(Round(told["pictures"] / told["seconds"]))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def same_answer(verdict: Verdict, rows: list[list[float]], classes: tuple[str, ...]) -> bool:
    """Say whether both sides found the same in a picture."""
    ours = sorted((item.label, (*item.box, item.score)) for item in verdict.views[0].findings)
    theirs = sorted((classes[int(row[5])], tuple(row[:5])) for row in rows)
    tolerance = np.array([SAME_PIXELS] * 4 + [SAME_SCORE])
    return [label for label, _ in ours] == [label for label, _ in theirs] and all(
        bool(np.all(np.abs(np.subtract(left, right)) <= tolerance))
        for (_, left), (_, right) in zip(ours, theirs, strict=True)
    )


def same_answers(bench: Bench, verdicts: list[Verdict], answers: list[list[list[float]]]) -> float:
    """Return the share of verdicts that find what Ultralytics finds in the same picture."""
    same = [same_answer(verdict, answers[int(verdict.serial)], bench.model.classes) for verdict in verdicts]
    return round(sum(same) / len(same), 4)
