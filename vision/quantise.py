"""Quantise an export to INT8, and only if it stays as good as it declares.

Runs in the training environment (``make train-env``). Steps of the numbers follow from pictures of the
training side alone; the gate is measured on the held-out side, by the runtime's own detector.

    python -m vision.quantise --data "$SEAMLINE_DATA/welds-pipe" --model weld-pipe
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from vision import card, letterbox, pictures, registry
from vision.accuracy import Accuracy, pairs_of, summarise
from vision.agreement import COUNTS, lacks
from vision.dataset import read_split
from vision.evaluation import Pair
from vision.export import ExportError, impersonal
from vision.records import Float32
from vision.registry import Model

CALIBRATED_ON = 300
"""Pictures of the training side that the steps follow from."""
MAP50_LOSS = 0.02
"""How much mAP50 an INT8 export may lose against the one that it was made of: the declared gate."""


def calibration(model: Model, data: Path, split: str, number: int = CALIBRATED_ON) -> list[Float32]:
    """Return inputs of the network, of pictures spread evenly over the training side."""
    names = read_split(data, split).train
    chosen = np.linspace(0, len(names) - 1, min(number, len(names))).round().astype(int)
    shown = (pictures.decode((data / "images" / names[index]).read_bytes())[0] for index in chosen)
    blobs = []
    for image in shown:
        if image is not None:
            blob = np.empty((1, 3, model.canvas.height, model.canvas.width), np.float32)
            letterbox.fill(letterbox.onto(image, model.canvas), blob[0])
            blobs.append(blob)
    return blobs


def quantise(model: Model, blobs: list[Float32], into: Path) -> None:
    """Write a model's files with weights and activations in INT8.

    What the head computes of its answers, boxes in pixels and scores, keeps its precision: 256 steps over
    320 pixels are no place.
    """
    import nncf
    import openvino

    network = openvino.Core().read_model(model.folder / "model.xml", model.folder / "model.bin")
    quantised = nncf.quantize(
        network,
        nncf.Dataset(blobs),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(blobs),
        ignored_scope=nncf.IgnoredScope(patterns=head_of(network), validate=False),
    )
    openvino.save_model(quantised, into / "draft.xml", compress_to_fp16=True)
    (into / "model.xml").write_text(
        impersonal(without_notes((into / "draft.xml").read_text(encoding="utf-8"))), encoding="utf-8"
    )
    (into / "draft.bin").rename(into / "model.bin")
    (into / "draft.xml").unlink()


def without_notes(xml: str) -> str:
    """Return a model description without what the quantiser notes of itself: the card tells it."""
    return re.sub(r"<rt_info>(?:(?!</?rt_info>).)*<nncf>.*?</nncf>.*?</rt_info>", "", xml, flags=re.DOTALL)


def head_of(network: Any) -> list[str]:
    """Return patterns of the nodes that decode the answers of the last module."""
    names = (node.get_friendly_name() for node in network.get_ops())
    last = max(int(found[1]) for found in map(re.compile(r"__module\.model\.(\d+)").match, names) if found)
    return [rf"__module\.model\.{last}/.*", rf"__module\.model\.{last}\.dfl.*"]


def check(before: Accuracy, after: Accuracy) -> None:
    """Refuse a quantised model that is worse than it may be.

    Raises
    ------
    ExportError
        It is; nothing is written.
    """
    lost = before.report.map50() - after.report.map50()
    if not lost <= MAP50_LOSS:
        raise ExportError(f"INT8 loses {lost:.4f} of mAP50; {MAP50_LOSS} is allowed, so it is not written.")


def ship(model: Model, data: Path, into: Path, name: str) -> dict[str, Any]:
    """Quantise a model, measure it and write its folder; nothing is written if it does not pass the gate.

    Raises
    ------
    ExportError
        It loses more than `MAP50_LOSS`, or is in ONNX.
    """
    if model.network != registry.FILES[0]:
        raise ExportError(f"{model.name} is in ONNX; quantise its export to OpenVINO.")
    source = json.loads((model.folder / "card.json").read_text(encoding="utf-8"))
    split = source["training"]["split"]
    blobs = calibration(model, data, split)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        quantise(model, blobs, made)
        facts = described(source, made, name, model, len(blobs))
        (made / "card.json").write_text(json.dumps(facts), encoding="utf-8")
        found, found_after = (pairs_of(one, data, split) for one in (model, registry.load(made)))
        before, after = (summarise(side, model.classes) for side in (found, found_after))
        check(before, after)
        trained = source["metrics"]["export"]["map50_trained"]
        facts |= {
            "metrics": numbers(before, after) | {"export": agreement(found, found_after, trained, after)}
        }
        into.mkdir(parents=True, exist_ok=True)
        for file in card.MODEL_FILES:
            shutil.copy(made / file, into / file)
        shutil.copy(model.folder / "LICENSE", into / "LICENSE")
    card.write(into, facts)
    return facts


def described(
    source: dict[str, Any], made: Path, name: str, model: Model, pictures_seen: int
) -> dict[str, Any]:
    """Return the card of a quantised model, but for its numbers."""
    return source | {
        "name": name,
        "weights": "INT8",
        "precision": "INT8",
        "files": {file: card.sha256(made / file) for file in card.MODEL_FILES},
        "quantised": {
            "of": model.name,
            "of_hash": model.hash,
            "by": f"NNCF {version('nncf')}",
            "calibrated_on": pictures_seen,
            "map50_loss_allowed": MAP50_LOSS,
        },
    }


def numbers(before: Accuracy, after: Accuracy) -> dict[str, Any]:
    """Return the numbers of the card: of the quantised model, beside the mAP50 of the one it was made of."""
    told = after.as_dict() | {"map50_before": round(before.report.map50(), 4)}
    instances = dict(zip(after.report.classes, after.report.instances.tolist(), strict=True))
    return told | {"instances": instances, "ap50_before": before.as_dict()["ap50"]}


def agreement(before: list[Pair], after: list[Pair], trained: float, told: Accuracy) -> dict[str, Any]:
    """Return how the findings compare with those before, and the mAP50 with that of the trained model."""
    sides = [(left, right) for (left, _), (right, _) in zip(before, after, strict=True)]
    return {
        "pictures": len(sides),
        "map50_trained": trained,
        "map50_exported": round(told.report.map50(), 4),
        "detections": sum(int((found.scores >= COUNTS).sum()) for side in sides for found in side),
        "disagreeing": sum(lacks(left, right) + lacks(right, left) for left, right in sides),
    }


def main() -> None:
    """Quantise a shipped model beside itself."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the data set that the model was trained on")
    parser.add_argument("--model", default="weld-pipe", help="name of a shipped model")
    parser.add_argument("--name", help="name of the quantised model; left out: the model's with -int8")
    parser.add_argument("--into", type=Path, default=registry.SHIPPED, help="where models lie")
    given = parser.parse_args()
    name = given.name or f"{given.model}-int8"
    model = registry.find(given.model, [given.into])
    try:
        facts = ship(model, given.data, given.into / name, name)
    except ExportError as exc:
        parser.exit(1, f"{exc}\n")
    print(json.dumps(facts["metrics"], indent=2))


if __name__ == "__main__":
    main()
