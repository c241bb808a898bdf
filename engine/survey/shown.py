"""What the pictures of a set are: those that cannot be learned from, and those that are there twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.survey.abc import DataSet
from vision.datasets import duplicates
from vision.datasets.picture import SENTENCES, Seen, see


def look_at(found: DataSet, files: Mapping[str, Path]) -> dict[str, Seen]:
    """Return what each picture is, by its name, and note what is no picture and what is there twice."""
    seen = {name: see(file) for name, file in files.items()}
    for name, picture in seen.items():
        if picture.defect:
            found.trap(f"pictures that cannot be learned from: {SENTENCES[picture.defect]}", name)
    whole = {name: picture for name, picture in seen.items() if not picture.defect}
    for names in duplicates.equal({name: picture.sha256 for name, picture in whole.items()}):
        found.trap("pictures that are there twice, byte by byte", " = ".join(names))
    return whole
