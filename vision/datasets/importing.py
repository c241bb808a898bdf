"""Bring pictures and boxes of another format into the form that is trained on, and tell all that was odd.

What comes out is a folder with ``images/``, ``labels/``, ``classes.txt`` and ``splits.csv``; it is there
whole or not at all. The same source gives the same folder, byte for byte.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vision.dataset import DatasetError
from vision.datasets import duplicates, welds
from vision.datasets.abc import TEST, TRAIN, Annotated, Format, Note
from vision.datasets.corners import straighten, yolo_line
from vision.datasets.picture import SENTENCES, Seen, see

SEED = 20261125
SHARE = 0.2
"""Share of the pictures that are held out where the source parts nothing."""
SHOWN = 3
SPLIT = "split"
"""Column of ``splits.csv`` that an import writes."""
SAME_BYTES = "pictures that are there twice, left out the second time"
ALIKE = "pairs of pictures that look alike"
RATIO = 0.02
"""How far the proportions of a picture may be from those that its boxes are told in."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import needs to know besides the source."""

    classes: tuple[str, ...] = ()
    """The classes to train, in their order; none: those of the source."""
    groups: Path | None = None
    """A CSV file that names the weld of each picture."""
    group_by: str = ""
    """A regular expression over file names, instead; its first group is the weld."""
    share: float = SHARE
    seed: int = SEED


@dataclass
class Imported:
    """What came of an import."""

    format: str
    folder: Path
    classes: tuple[str, ...] = ()
    pictures: Counter[str] = field(default_factory=Counter)
    """By side."""
    boxes: Counter[str] = field(default_factory=Counter)
    """By class."""
    notes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By what was odd: where."""

    def note(self, what: str, where: str) -> None:
        """Note something odd."""
        self.notes[what].append(where)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, with the first few places of each note."""
        notes = {what: {"count": len(where), "first": where[:SHOWN]} for what, where in self.notes.items()}
        return {
            "format": self.format,
            "folder": str(self.folder),
            "classes": list(self.classes),
            "pictures": dict(self.pictures),
            "boxes": dict(self.boxes),
            "notes": notes,
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture that can be learned from, by the name that it will have."""

    name: str
    source: Annotated
    seen: Seen


def bring(
    form: Format,
    source: Path,
    into: Path,
    plan: Plan,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Import a source.

    Raises
    ------
    DatasetError
        It holds classes that were not asked for, nothing that can be learned from, a split that has a weld
        on both sides, or no split and no word about which pictures show the same weld; or ``into`` is taken.
    """
    if into.exists():
        raise DatasetError(f"{into} is there already; name a new folder.")
    told = Imported(form.name, into)
    items = list(form.read(source))
    told.classes = choose_classes(items, plan.classes or form.classes(source))
    kept = choose_pictures(items, source, told, tell)
    sides, groups = part(kept, plan)
    note_alike({item.name: item.seen.mark for item in kept}, sides, told.note)
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=".") as aside:
        draft = Path(aside) / into.name
        write(kept, draft, told, sides, groups)
        draft.rename(into)
    return told


def choose_classes(items: Sequence[Annotated], known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the classes: those that are known, or where none are, all that occur by their names.

    Raises
    ------
    DatasetError
        A box has another class, or there is none at all.
    """
    found = Counter(box.label for item in items for box in item.boxes)
    if strange := sorted(set(found) - set(known)) if known else []:
        told = ", ".join(f"{label!r} ({found[label]})" for label in strange)
        raise DatasetError(
            f"There are boxes of classes that are not among {', '.join(known)}: {told};"
            " name all classes, or mend the labels."
        )
    if not (known or found):
        raise DatasetError("There is no box and no class; name the classes.")
    return known or tuple(sorted(found))


def choose_pictures(
    items: Sequence[Annotated], source: Path, told: Imported, tell: Callable[[int, int], None]
) -> list[Kept]:
    """Return the pictures that can be learned from, each content once, those to train on first.

    Raises
    ------
    DatasetError
        There is none.
    """
    kept: list[Kept] = []
    names: set[str] = set()
    contents: dict[str, str] = {}
    for done, item in enumerate(sorted(items, key=lambda item: item.side != TRAIN)):
        where = place_of(item.picture, source)
        seen = Seen("") if item.trouble else see(item.picture)
        if reason := item.trouble or SENTENCES.get(seen.defect, seen.defect) or doubt(item, seen):
            told.note(reason, where)
        elif first := contents.get(seen.sha256):
            told.note(SAME_BYTES, f"{where} = {first}")
        else:
            contents[seen.sha256] = where
            kept.append(Kept(free_name(where, names), item, seen))
        tell(done + 1, len(items))
    if not kept:
        raise DatasetError(
            f"{source} holds no picture that can be learned from; its notes: {dict(told.notes)}."
        )
    return kept


def note_alike(marks: Mapping[str, bytes], sides: Mapping[str, str], note: Note) -> None:
    """Note pictures that look alike, and apart from them those that lie on two sides of a split."""
    pairs = list(duplicates.near(marks))
    apart = set(duplicates.across(pairs, sides))
    for pair in pairs:
        note(f"{ALIKE}, one on each side of the split" if pair in apart else ALIKE, " ~ ".join(pair))


def place_of(picture: Path, source: Path) -> str:
    """Return a picture's place below its source."""
    return picture.relative_to(source).as_posix() if picture.is_relative_to(source) else picture.name


def doubt(item: Annotated, seen: Seen) -> str:
    """Return why boxes do not fit a picture; empty where they do."""
    if item.size is None or item.size == (1.0, 1.0):
        return ""
    width, height = item.size
    if abs(width * seen.height / (height * seen.width) - 1) > RATIO:
        return "pictures whose proportions are not those that their boxes are told in"
    return ""


def free_name(where: str, taken: set[str]) -> str:
    """Return a name for a picture whose stem no other has, for labels go by the stem."""
    plain = Path(where)
    stems = (plain.stem, "-".join(plain.with_suffix("").parts), f"{'-'.join(plain.parts)}-{len(taken)}")
    stem = next(stem for stem in stems if stem.lower() not in taken)
    taken.add(stem.lower())
    return stem + plain.suffix.lower()


def part(kept: Sequence[Kept], plan: Plan) -> tuple[dict[str, str], dict[str, str]]:
    """Return the side of each picture and, where it is known, its weld.

    Raises
    ------
    DatasetError
        A weld is on both sides, or nobody says how to part them.
    """
    groups = groups_of(kept, plan)
    sides = {item.name: item.source.side for item in kept}
    if {*sides.values()} == {TRAIN, TEST}:
        if both := welds.shared(sides, groups):
            raise DatasetError(
                f"The split has {count_of(both)} on both sides: {', '.join(both[:SHOWN])}; part it by weld."
            )
        return sides, groups
    if not groups:
        raise DatasetError(
            "Nothing parts these pictures; say which show the same weld, so that whole welds can be held out."
        )
    return welds.hold_out(groups, plan.share, plan.seed), groups


def count_of(both: Sequence[str]) -> str:
    """Return in words how many welds there are."""
    return "a weld" if len(both) == 1 else f"{len(both)} welds"


def groups_of(kept: Sequence[Kept], plan: Plan) -> dict[str, str]:
    """Return the weld of each picture, nothing where nobody says.

    Raises
    ------
    DatasetError
        The file of groups does not name a picture.
    """
    if plan.group_by:
        found = welds.group_by((item.source.picture.name for item in kept), plan.group_by)
    elif plan.groups:
        found = welds.read_groups(plan.groups)
    else:
        return {}
    missing = [item.source.picture.name for item in kept if item.source.picture.name not in found]
    if missing:
        raise DatasetError(f"{plan.groups} lacks {len(missing)} pictures, {missing[0]} among them.")
    return {item.name: found[item.source.picture.name] for item in kept}


def write(
    kept: Sequence[Kept], into: Path, told: Imported, sides: Mapping[str, str], groups: Mapping[str, str]
) -> None:
    """Write the folder that is trained on."""
    for kind in ("images", "labels"):
        (into / kind).mkdir(parents=True)
    for item in kept:
        shutil.copyfile(item.source.picture, into / "images" / item.name)
        label = into / "labels" / f"{Path(item.name).stem}.txt"
        label.write_text(yolo_lines(item, told), encoding="utf-8")
        told.pictures[sides[item.name]] += 1
    (into / "classes.txt").write_text("".join(f"{name}\n" for name in told.classes), encoding="utf-8")
    with (into / "splits.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["image", *([welds.COLUMN] if groups else []), SPLIT])
        for name in sorted(sides):
            rows.writerow([name, *([groups[name]] if groups else []), sides[name]])
    if not told.pictures[TRAIN] or not told.pictures[TEST]:
        raise DatasetError("One side of the split is empty; put pictures to train on and to test on there.")


def yolo_lines(item: Kept, told: Imported) -> str:
    """Return a picture's boxes as lines of a label file, straightened."""
    size = item.source.size or (float(item.seen.width), float(item.seen.height))
    pixel = 1 / item.seen.width, 1 / item.seen.height
    corners = [box.corners for box in item.source.boxes]
    boxes, which = straighten(corners, size, pixel, told.note, item.name)
    labels = [item.source.boxes[index].label for index in which.tolist()]
    told.boxes.update(labels)
    rows = zip(labels, boxes.tolist(), strict=True)
    return "".join(yolo_line(told.classes.index(label), *corners) for label, corners in rows)
