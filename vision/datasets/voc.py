"""Pascal VOC: an XML file for each picture, whose corners annotators' tools do not always order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from vision.datasets.abc import TEST, TRAIN, Annotated, Box, class_name, within
from vision.datasets.picture import ENDINGS

CORNERS = ("xmin", "ymin", "xmax", "ymax")
MAX_BYTES = 4 << 20
"""An annotation that is larger is none."""
SIDES = {"train": TRAIN, "val": TEST, "test": TEST}


class Voc:
    """``Annotations/`` beside ``JPEGImages/``, or XML files among their pictures."""

    name = "voc"

    def find(self, folder: Path) -> bool:
        """Return whether the first XML file is an annotation."""
        first = next(iter(_files(folder)), None)
        return first is not None and b"<annotation" in first.read_bytes()[:1000]

    def classes(self, folder: Path) -> tuple[str, ...]:
        """Return none: the format declares none."""
        return ()

    def read(self, folder: Path) -> Iterator[Annotated]:
        """Yield the picture of each annotation."""
        sides = dict(_sides(folder))
        for file in _files(folder):
            yield _read(folder, file, sides.get(file.stem, ""))


def _files(folder: Path) -> list[Path]:
    place = folder / "Annotations"
    return sorted((place if place.is_dir() else folder).glob("*.xml"))


def _sides(folder: Path) -> Iterator[tuple[str, str]]:
    for name, side in SIDES.items():
        file = folder / "ImageSets" / "Main" / f"{name}.txt"
        for stem in file.read_text(encoding="utf-8").split() if file.is_file() else ():
            yield stem, side


def _read(folder: Path, file: Path, side: str) -> Annotated:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        root = ElementTree.parse(file).getroot()
        picture = _picture(folder, file, root.findtext("filename") or "")
        boxes = tuple(_box(item) for item in root.iter("object"))
        width, height = (float(root.findtext(f"size/{side}") or 0) for side in ("width", "height"))
    except (ElementTree.ParseError, ValueError, LookupError):  # the last: an encoding that nobody knows
        return Annotated(file, side=side, trouble="annotations that cannot be read")
    if picture is None:
        return Annotated(file, side=side, trouble="annotations without a picture")
    return Annotated(picture, boxes, (width, height) if width and height else None, side)


def _picture(folder: Path, file: Path, named: str) -> Path | None:
    """Return the picture that an annotation names, or one of the annotation's own name."""
    names = [Path(named.replace("\\", "/")).name, *(f"{file.stem}{ending}" for ending in ENDINGS)]
    places = [folder / "JPEGImages", folder / "images", folder, folder.parent / "images"]
    found = (within(place, name) for name in names if name for place in places)
    return next((picture for picture in found if picture and picture.suffix.lower() in ENDINGS), None)


def _box(item: ElementTree.Element) -> Box:
    x0, y0, x1, y1 = (float(item.findtext(f"bndbox/{corner}") or "nan") for corner in CORNERS)
    return Box(class_name(item.findtext("name") or ""), (x0, y0, x1, y1))
