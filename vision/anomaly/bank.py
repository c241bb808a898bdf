"""A bank: vectors of good parts and the limit that good parts keep, in one file under one hash."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vision import registry
from vision.anomaly.network import CHANNELS, Scale
from vision.records import Float32
from vision.registry import BANK, ModelError

MOST = 1024
"""Vectors of a bank at the most: 0.6 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """What a station knows of good parts.

    ``vectors`` (n, d) float32, brought to ``scale``, come from the backbone whose files have the hash
    ``backbone_hash``; an anomaly above ``limit`` is a finding.
    """

    vectors: Float32
    scale: Scale
    limit: float
    backbone: str
    backbone_hash: str
    content: bytes = field(repr=False)
    """The file's bytes, as they were written or read."""

    @property
    def hash(self) -> str:
        """What a verdict calls the bank: as of every model, SHA-256 over its file's SHA-256."""
        return sha256(sha256(self.content).encode())


def pack(vectors: Float32, scale: Scale, limit: float, backbone: str, backbone_hash: str) -> Bank:
    """Return a bank with the bytes of its file; the same bank always gives the same bytes."""
    file = io.BytesIO()
    np.savez(
        file,
        vectors=vectors,
        mean=scale.mean,
        spread=scale.spread,
        limit=np.float64(limit),
        backbone=np.array(backbone),
        backbone_hash=np.array(backbone_hash),
    )
    return Bank(vectors, scale, limit, backbone, backbone_hash, file.getvalue())


def read(content: bytes) -> Bank:
    """Return the bank of a file's bytes.

    Raises
    ------
    ValueError
        The bytes are no bank.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as held:
            scale = Scale(held["mean"], held["spread"])
            names = str(held["backbone"]), str(held["backbone_hash"])
            bank = Bank(held["vectors"], scale, float(held["limit"]), *names, content)
    except (KeyError, TypeError, ValueError, EOFError, OSError, zipfile.BadZipFile) as exc:
        raise ValueError(f"the bytes are no bank: {exc}") from exc
    _check(bank)
    return bank


def _check(bank: Bank) -> None:
    arrays = bank.vectors, bank.scale.mean[None], bank.scale.spread[None]
    fit = all(array.dtype == np.float32 and array.shape[1:] == (sum(CHANNELS),) for array in arrays)
    if not (fit and 0 < len(bank.vectors) <= MOST and all(np.isfinite(array).all() for array in arrays)):
        raise ValueError("its vectors are out of bounds")
    if not (0 < bank.limit < np.inf and (bank.scale.spread > 0).all()):
        raise ValueError("its limit or its scale is out of bounds")


def place(name: str, models: Path) -> Path:
    """Return where a new bank of a name shall lie; a bank of that name is replaced, a model never.

    Raises
    ------
    ModelError
        The name is none for a folder, or a model has it.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ModelError(f"{name!r} cannot be a bank's name; use letters, digits, '-', '_' and '.'.")
    for folder in (models / name, registry.SHIPPED / name):
        if folder.exists() and not (folder / BANK).is_file():
            raise ModelError(f"{name!r} is the name of a model; choose another for the bank.")
    return models / name


def find(name: str, places: Sequence[Path] = ()) -> Bank:
    """Load a bank by name from the first of ``places`` that has it.

    Raises
    ------
    ModelError
        No place has it, or its file is not the one that its card vouches for.
    """
    return load(registry.find(name, places).folder)


def load(folder: Path) -> Bank:
    """Read a bank and check it against its card.

    Raises
    ------
    ModelError
        A file is missing, is no bank, or is not the one that the card vouches for.
    """
    model = registry.load(folder)
    try:
        bank = read((folder / BANK).read_bytes())
    except (OSError, ValueError) as exc:
        raise ModelError(f"{folder} holds no bank of good parts: {exc}; fit one by that name.") from exc
    if bank.hash != model.hash:
        raise ModelError(f"The bank in {folder} is not the one that its card vouches for; fit it anew.")
    return bank


def save(bank: Bank, card: dict[str, Any], folder: Path) -> None:
    """Write a bank, then the card that vouches for it: a bank that is half written has no card.

    Another bank of the name stays, as ``name@hash``: stations can go back to it.
    """
    registry.set_aside(folder, bank.hash)
    vouched = card | {"files": {BANK: sha256(bank.content)}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "card.json").unlink(missing_ok=True)
    (folder / BANK).write_bytes(bank.content)
    (folder / "card.json").write_text(json.dumps(vouched, indent=2) + "\n", encoding="utf-8")


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
