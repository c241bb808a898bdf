"""Good pictures to learn from, good and defective ones to test on: the layout of MVTec AD."""

from __future__ import annotations

from pathlib import Path

from engine.survey.abc import DataSet
from engine.survey.shown import look_at
from vision.datasets import duplicates
from vision.datasets.picture import ENDINGS, pictures_below


class GoodPictures:
    """``train/good``, ``test/*`` and masks in ``ground_truth/*``."""

    def find(self, folder: Path) -> bool:
        """Return whether a folder has good pictures to learn from."""
        return (folder / "train" / "good").is_dir()

    def look(self, folder: Path) -> DataSet:
        """Count the pictures; note what is not good among those to learn from, and masks that do not fit."""
        found = DataSet("good pictures and defects with masks", folder)
        for place in sorted([*(folder / "train").iterdir(), *(folder / "test").glob("*")]):
            found.counts[f"{place.parent.name}/{place.name}"] = len(_names(place))
        for place in (folder / "train").iterdir():
            if place.name != "good":
                found.trap("pictures to learn from that are not good", place.name)
        for place in sorted((folder / "test").glob("*")):
            if place.name != "good":
                _masks(found, _names(place), _names(folder / "ground_truth" / place.name))
        _twins(found, folder)
        return found


def _twins(found: DataSet, folder: Path) -> None:
    """Note pictures that are there twice, and those to learn from that look like one to test on."""
    files = [file for side in ("train", "test") for file in pictures_below(folder / side)]
    whole = look_at(found, {file.relative_to(folder).as_posix(): file for file in files})
    alike = list(duplicates.near({name: picture.mark for name, picture in whole.items()}))
    for left, right in duplicates.across(alike, {name: name.partition("/")[0] for name in whole}):
        found.trap("pictures that look alike to learn from and to test on", f"{left} ~ {right}")


def _masks(found: DataSet, pictures: set[str], masks: set[str]) -> None:
    found.counts["masks"] += len(masks)
    bare = {name.removesuffix("_mask") for name in masks}
    for name in sorted(pictures - bare):
        found.trap("defective pictures without a mask", name)
    for name in sorted(bare - pictures):
        found.trap("masks without a picture: match by name, not by order", name)


def _names(folder: Path) -> set[str]:
    files = folder.iterdir() if folder.is_dir() else []
    return {path.stem for path in files if path.suffix.lower() in ENDINGS}
