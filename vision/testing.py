"""What tests of inspection need: a tiny real model, and pictures whose verdict is known.

The model sees one full-size ``Weld`` always, and one ``Surface_pores`` whose score is the mean of the
red channel: so a picture's red level decides its verdict.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from vision.records import Image
from vision.registry import FILES, Model, load

CLASSES = ("good", "Surface_pores", "Weld")
SIDE = 32
WELD_SCORE = 0.9
PORE_BOX = (16.0, 8.0, 8.0, 4.0)
"""Middle and size of the pore in the model's square."""


def picture(red: int, side: int = 64, seed: int = 1) -> Image:
    """Return noise whose red level is ``red`` everywhere: the model's score of a pore is red / 255."""
    image = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    image[:, :, 2] = red
    return image


def write_model(folder: Path, name: str = "tiny") -> Model:
    """Write the tiny model with its card to ``folder / name`` and load it."""
    place = folder / name
    place.mkdir(parents=True)
    ov.save_model(_network(), place / "model.xml", compress_to_fp16=False)
    files = {file: hashlib.sha256((place / file).read_bytes()).hexdigest() for file in FILES}
    card = {
        "name": name,
        "classes": CLASSES,
        "input_size": SIDE,
        "iso6520": {"Surface_pores": "2017"},
        "files": files,
    }
    (place / "card.json").write_text(json.dumps(card))
    return load(place)


def _network() -> ov.Model:
    fixed = np.zeros((1, 4 + len(CLASSES), 2), np.float32)
    fixed[0, :4, 0] = PORE_BOX
    fixed[0, :4, 1] = (SIDE / 2, SIDE / 2, SIDE, SIDE)
    fixed[0, 6, 1] = WELD_SCORE
    moved = np.zeros_like(fixed)
    moved[0, 5, 0] = 1.0
    picture = ops.parameter((1, 3, SIDE, SIDE), np.float32)
    reds = ops.gather(picture, np.array([0]), np.int64(1))
    red = ops.reduce_mean(reds, np.array([1, 2, 3]), keep_dims=False)
    output = ops.add(ops.multiply(red, moved), fixed)
    return ov.Model([output], [picture], "tiny")
