"""Fit a bank from pictures of good parts alone: what they look like, and how far the least usual is off."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision import learned, letterbox, pictures
from vision.anomaly import maps
from vision.anomaly.bank import MOST, Bank, pack
from vision.anomaly.coreset import choose, nearest
from vision.anomaly.network import Scale
from vision.anomaly.scorer import open_lane, read_backbone
from vision.datasets.abc import Note
from vision.datasets.picture import SENTENCES, TURNED, see
from vision.judge import ANOMALY
from vision.records import Float32, Image
from vision.registry import Model, ModelError

BACKBONE = "imagenet-lite0"
SEED = 20261125
ENDINGS = (".bmp", ".jpeg", ".jpg", ".png")
LEAST = 20
"""Good pictures without which no bank is fitted, unless one asks for fewer."""
MOST_PICTURES = 200
"""Pictures that a bank is fitted from at the most: of more, these are taken evenly."""
KEEP = 0.95
"""Share of the good pictures, each held out in turn, that keep the limit."""

UNPROVEN = (
    "defects: none was shown, so nothing is known of how many are found",
    "good parts that differ from all of these: another batch, light or camera makes them anomalies",
    "pictures of the same few parts: their limit is too low, and new good parts are sent to review",
)

Step = Callable[[], object]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture of a good part, its file's name, and the digest of its bytes; none where there is no file."""

    name: str
    image: Image
    digest: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The vectors of a picture's cells, (rows, columns, d)."""

    name: str
    cells: Float32

    @property
    def vectors(self) -> Float32:
        """The cells as rows, (n, d)."""
        return self.cells.reshape(-1, self.cells.shape[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A bank, and how anomalous each good picture is to a bank that has not seen it, worst first."""

    bank: Bank
    held_out: tuple[tuple[str, float], ...]
    side: int
    keep: float
    seed: int
    learned: tuple[bytes, ...] = ()
    """Digests of the pictures; none where one came from no file."""


def read_pictures(
    folder: Path, least: int = LEAST, note: Note = lambda what, where: None
) -> tuple[Picture, ...]:
    """Read the pictures of a folder by name, each content once; of very many an even choice.

    What cannot be learned from is left out, and ``note`` is told why and which.

    Raises
    ------
    ModelError
        Fewer than ``least`` are left.
    """
    files = {hashlib.sha256(file.read_bytes()).digest(): file for file in reversed(picture_files(folder))}
    chosen = sorted(files.values())
    even = np.linspace(0, len(chosen) - 1, min(len(chosen), MOST_PICTURES)).round().astype(int)
    shown = []
    for file in (chosen[index] for index in even):
        defect = see(file).defect
        if defect in ("", TURNED):  # a station turns nothing either
            shown.append(read_picture(file))
        else:
            note(SENTENCES.get(defect, defect), file.name)
    if (usable := len(files) - len(even) + len(shown)) < least:
        raise ModelError(f"{folder} holds {usable} different pictures; put {least} good ones there.")
    return tuple(shown)


def picture_files(folder: Path) -> list[Path]:
    """Return the pictures of a folder in the order of their names.

    Raises
    ------
    ModelError
        There is no such folder.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder} is no folder; name the one that holds the good pictures.")
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in ENDINGS)


def read_picture(file: Path) -> Picture:
    """Read one picture.

    Raises
    ------
    ModelError
        It cannot be read.
    """
    content = file.read_bytes()
    image, defect = pictures.decode(content)
    if image is None:
        raise ModelError(f"{file}: {SENTENCES.get(defect, defect)}; take it out or replace it.")
    return Picture(file.name, image, learned.digest(content))


def embed(shown: Iterable[Picture], backbone: Model, step: Step = lambda: None) -> list[Embedded]:
    """Return the vectors of pictures.

    Raises
    ------
    ModelError
        The model is no backbone.
    """
    lane, found = open_lane(read_backbone(backbone)), []
    for picture in shown:
        fitted = letterbox.fit(picture.image, backbone.input_size)
        window = maps.Window.of(fitted, backbone.input_size)
        found.append(Embedded(picture.name, window.cut(lane.run(fitted)).copy()))
        step()
    return found


def fit(
    shown: Sequence[Picture],
    backbone: Model,
    keep: float = KEEP,
    seed: int = SEED,
    step: Step = lambda: None,
) -> Fitted:
    """Fit a bank; the same pictures, backbone and seed give the same one.

    The limit is what the share ``keep`` of the good pictures keep when each is held out in turn: compared
    with the bank's vectors of all others. Of new good parts like these, about ``1 - keep`` exceed it.
    ``step`` is called after each picture and once more.

    Raises
    ------
    ModelError
        There are less than two pictures, or the model is no backbone.
    """
    if len(shown) < 2:  # noqa: PLR2004
        raise ModelError("A limit needs two good pictures at least; give more.")
    embedded = embed(shown, backbone, step)
    everything = np.concatenate([item.vectors for item in embedded])
    scale = Scale.of(everything)
    everything = scale.apply(everything)
    owner = np.repeat(np.arange(len(embedded)), [len(item.vectors) for item in embedded])
    rows = choose(everything, MOST, seed)
    step()
    held_out = hold_out(embedded, scale, everything[rows], owner[rows])
    limit = float(np.quantile([score for _, score in held_out], keep, method="higher"))
    bank = pack(everything[rows], scale, limit, backbone.name, backbone.hash)
    digests = tuple(picture.digest for picture in shown)
    return Fitted(bank, held_out, backbone.input_size, keep, seed, digests if all(digests) else ())


def hold_out(
    embedded: Sequence[Embedded], scale: Scale, bank: Float32, owner: NDArray[np.intp]
) -> tuple[tuple[str, float], ...]:
    """Return how anomalous each picture is to the bank's vectors of all others, worst first."""
    scores = []
    for index, item in enumerate(embedded):
        distances = nearest(scale.apply(item.vectors), bank[owner != index])
        scores.append((item.name, float(maps.smooth(distances.reshape(item.cells.shape[:2])).max())))
    return tuple(sorted(scores, key=lambda score: -score[1]))


def card(name: str, fitted: Fitted, data: str) -> dict[str, Any]:
    """Return what is to be known of a bank; ``data`` says what the pictures are."""
    bank = fitted.bank
    seen = {learned.KEY: learned.pack(fitted.learned)} if fitted.learned else {}
    return {
        "name": name,
        "task": "anomaly",
        "classes": [ANOMALY],
        "input_size": fitted.side,
        "data": data,
        "pictures": len(fitted.held_out),
        "backbone": bank.backbone,
        "backbone_hash": bank.backbone_hash,
        "vectors": list(bank.vectors.shape),
        "seed": fitted.seed,
        "limit": bank.limit,
        "limit_is": f"kept by {fitted.keep:.0%} of the good pictures, each held out in turn",
        "held_out": {item: round(score, 4) for item, score in fitted.held_out},
        "unproven": list(UNPROVEN),
    } | seen
