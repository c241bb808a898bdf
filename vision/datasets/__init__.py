"""Data sets of others: pictures with boxes in the formats that they are kept in, made fit to be trained on.

Each format is a module with a class that `abc.Format` describes: it only reads. What is odd in a picture,
its boxes or a split is found and told once, for all of them, by `importing`.
"""

from __future__ import annotations

from pathlib import Path

from vision.dataset import DatasetError
from vision.datasets.abc import Format
from vision.datasets.coco import Coco
from vision.datasets.importing import Imported, Plan, bring
from vision.datasets.mvtec import Mvtec
from vision.datasets.voc import Voc
from vision.datasets.yolo import Yolo

__all__ = ["FORMATS", "Format", "Imported", "Plan", "bring", "recognise"]

FORMATS: dict[str, Format] = {form.name: form for form in (Mvtec(), Coco(), Voc(), Yolo())}
"""By name, in the order in which a folder is compared with them."""


def recognise(folder: Path, name: str = "") -> Format:
    """Return the format that a folder is kept in, or the one of a name.

    Raises
    ------
    DatasetError
        There is no such folder or format, or the folder is kept in none.
    """
    if not folder.is_dir():
        raise DatasetError(f"There is no folder {folder}; name the folder that holds the pictures.")
    if name and name not in FORMATS:
        raise DatasetError(f"There is no format {name!r}; choose one of {', '.join(FORMATS)}.")
    found = [form for form in FORMATS.values() if name in ("", form.name) and form.find(folder)]
    if not found:
        raise DatasetError(f"{folder} is kept in no format that is known: {name or ', '.join(FORMATS)}.")
    return found[0]
