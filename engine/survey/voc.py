"""Annotations in Pascal VOC's XML, whose corners annotators' tools do not always order."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from engine.survey.abc import DataSet

CORNERS = ("xmin", "ymin", "xmax", "ymax")


class Voc:
    """A folder of ``<annotation>`` files."""

    def find(self, folder: Path) -> bool:
        """Return whether the first XML file of a folder is an annotation."""
        first = next(iter(sorted(folder.glob("*.xml"))), None)
        return first is not None and b"<annotation" in first.read_bytes()[:1000]

    def look(self, folder: Path) -> DataSet:
        """Count boxes by class; note swapped corners, empty boxes and boxes beyond the picture."""
        found = DataSet("VOC annotations", folder)
        for file in sorted(folder.glob("*.xml")):
            found.counts["annotations"] += 1
            try:
                _look(found, file.name, ElementTree.parse(file).getroot())
            except (ElementTree.ParseError, TypeError, ValueError):
                found.trap("annotations that cannot be read", file.name)
        return found


def _look(found: DataSet, name: str, root: ElementTree.Element) -> None:
    size = [float(root.findtext(f"size/{side}") or "nan") for side in ("width", "height")]
    for item in root.iter("object"):
        found.counts[f"boxes of {item.findtext('name')}"] += 1
        x0, y0, x1, y1 = (float(item.findtext(f"bndbox/{corner}") or "nan") for corner in CORNERS)
        if x0 > x1 or y0 > y1:
            found.trap("swapped corners (min above max): order them, do not drop them", name)
        if x0 == x1 or y0 == y1:
            found.trap("boxes without an extent", name)
        if min(x0, y0, x1, y1) < 0 or max(x0, x1) > size[0] or max(y0, y1) > size[1]:
            found.trap("boxes that reach out of the picture", name)
