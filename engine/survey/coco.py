"""Annotations in COCO's JSON, one file for many pictures."""

from __future__ import annotations

from pathlib import Path

from engine.survey.abc import DataSet
from vision.dataset import DatasetError
from vision.datasets.coco import Coco, begins_right
from vision.datasets.corners import straighten
from vision.datasets.picture import SENTENCES, see


class CocoBoxes:
    """A folder whose JSON files hold pictures and boxes; one called ``annotations`` speaks for its parent."""

    def find(self, folder: Path) -> bool:
        """Return whether a folder itself holds such a file."""
        return any(begins_right(file) for file in folder.glob("*.json"))

    def look(self, folder: Path) -> DataSet:
        """Count boxes by class; note what an import would leave out or mend."""
        place = folder.parent if folder.name == "annotations" else folder
        found, form = DataSet("COCO annotations", place), Coco()
        try:
            for item in form.read(place):
                found.counts["pictures"] += 1
                found.counts.update(f"boxes of {box.label}" for box in item.boxes)
                seen = None if item.trouble else see(item.picture)
                if seen is None or seen.defect:
                    found.trap(item.trouble if seen is None else SENTENCES[seen.defect], item.picture.name)
                    continue
                size, pixel = item.size or (seen.width, seen.height), (1 / seen.width, 1 / seen.height)
                straighten([box.corners for box in item.boxes], size, pixel, found.trap, item.picture.name)
        except DatasetError as exc:
            found.trap("files that cannot be read", str(exc))
        return found
