"""Walk a data folder and look at every set in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from engine.survey.abc import DataSet, Kind, SurveyError
from engine.survey.boxes import Boxes
from engine.survey.coco import CocoBoxes
from engine.survey.good import GoodPictures
from engine.survey.shdr import Shdr
from engine.survey.table import Tables
from engine.survey.voc import Voc

KINDS: tuple[Kind, ...] = (Boxes(), Voc(), CocoBoxes(), GoodPictures(), Shdr(), Tables())


def survey(folder: Path, tell: Callable[[int, int], None] = lambda done, total: None) -> list[DataSet]:
    """Return every set below a folder.

    Parameters
    ----------
    tell
        Called with the number of sets looked at, and that of all.

    Raises
    ------
    SurveyError
        There is no such folder, or no set in it.
    """
    found = list(sets(folder))
    if not found:
        raise SurveyError(f"There are no data in {folder} that Seamline knows; docs/commands.md tells which.")
    looked = []
    for kind, place in found:
        looked.append(kind.look(place))
        tell(len(looked), len(found))
    return looked


def sets(folder: Path) -> Iterator[tuple[Kind, Path]]:
    """Yield every set below a folder with its kind, in the order of their names."""
    if not folder.is_dir():
        raise SurveyError(f"There is no folder {folder}; name the folder that holds the data.")
    for place in (folder, *sorted(path for path in folder.rglob("*") if path.is_dir())):
        for kind in KINDS:
            if kind.find(place):
                yield kind, place
