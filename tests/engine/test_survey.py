"""What lies in a data folder is counted, and every trap in it is told with its place."""

from __future__ import annotations

import json
import lzma
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.survey import DataSet, SurveyError, survey
from vision.datasets.corners import CLIPPED, SWAPPED
from vision.datasets.welds import UNNAMED


def only(folder: Path) -> DataSet:
    (found,) = survey(folder)
    return found


def photograph(file: Path, level: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(level).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    cv2.imwrite(str(file), cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC))


def written(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def boxes(folder: Path) -> Path:
    for level, name in enumerate("abc"):
        photograph(folder / "images" / f"{name}.png", level)
        written(folder / "labels" / f"{name}.txt", "0 0.5 0.5 1 1\n1 0.5 0.5 0.1 0.1\n")
    written(folder / "classes.txt", "good\npore\n")
    written(folder / "splits.csv", "image,weld_group,split_x\na.png,1,train\nb.png,1,gap\nc.png,2,test\n")
    return folder


def test_photographs_with_boxes_are_counted(tmp_path: Path) -> None:
    found = only(boxes(tmp_path / "set"))
    assert found.counts == {
        "pictures": 3, "boxes of good": 3, "boxes of pore": 3,
        "pairs that look alike": 0, "split_x: train": 1, "split_x: gap": 1, "split_x: test": 1,
    }  # fmt: skip
    assert found.traps == {}


def test_what_is_wrong_with_photographs_is_told(tmp_path: Path) -> None:
    folder = boxes(tmp_path / "set")
    (folder / "images" / "c.png").write_bytes((folder / "images" / "a.png").read_bytes())
    (folder / "images" / "d.png").write_bytes(b"no picture")
    written(folder / "labels" / "a.txt", "7 0.5 0.5 0.1 0.1\n")
    written(folder / "labels" / "b.txt", "0 0.9 0.5 0.5 0.1\n")
    written(folder / "labels" / "e.txt", "")
    written(folder / "splits.csv", "image,weld_group,split_x\na.png,A,train\nc.png,A,test\nz.png,,test\n")
    assert only(folder).traps == {
        "labels of a class that classes.txt lacks": ["a.png"],
        "boxes that reach out of the picture": ["b.png"],
        "pictures without readable labels": ["d.png"],
        "labels without a picture": ["e.txt"],
        "pictures that cannot be learned from: the file is no JPEG, PNG or BMP": ["d.png"],
        "pictures that are there twice, byte by byte": ["a.png = c.png"],
        "rows of splits.csv without a picture": ["z.png"],
        UNNAMED: ["z.png"],
        "the same picture to train on and to test on": ["split_x: a.png = c.png"],
        "pictures that look alike to train on and to test on": ["split_x: a.png ~ c.png"],
        "a weld to train on and to test on": ["split_x: A"],
    }


def test_boxes_in_coco_are_counted_and_straightened(tmp_path: Path) -> None:
    photograph(tmp_path / "set" / "train" / "a.png", 1)
    held = {
        "images": [
            {"id": 1, "file_name": "a.png", "width": 64, "height": 64},
            {"id": 2, "file_name": "b.png"},
        ],
        "annotations": [
            {"image_id": 1, "category_id": 4, "bbox": [40, 40, -20, -20]},
            {"image_id": 1, "category_id": 4, "bbox": [50, 50, 30, 10]},
        ],
        "categories": [{"id": 4, "name": "pore"}],
    }
    written(tmp_path / "set" / "annotations" / "instances_train.json", json.dumps(held))
    found = only(tmp_path)
    assert found.folder == tmp_path / "set"
    assert (found.kind, found.counts) == ("COCO annotations", {"pictures": 2, "boxes of pore": 2})
    assert found.traps == {SWAPPED: ["a.png"], CLIPPED: ["a.png"], "annotations without a picture": ["b.png"]}


def annotation(*corners: int) -> str:
    words = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    box = "".join(f"<{name}>{value}</{name}>" for name, value in words)
    size = "<size><width>100</width><height>80</height></size>"
    return f"<annotation>{size}<object><name>pore</name><bndbox>{box}</bndbox></object></annotation>"


def test_swapped_corners_of_annotations_are_told(tmp_path: Path) -> None:
    for name, corners in {
        "a": (1, 2, 3, 4),
        "b": (9, 2, 3, 4),
        "c": (1, 2, 101, 4),
        "d": (1, 2, 1, 4),
    }.items():
        written(tmp_path / f"{name}.xml", annotation(*corners))
    written(tmp_path / "e.xml", "<annotation>")
    found = only(tmp_path)
    assert found.counts == {"annotations": 5, "boxes of pore": 4}
    assert found.traps == {
        "swapped corners (min above max): order them, do not drop them": ["b.xml"],
        "boxes that reach out of the picture": ["c.xml"],
        "boxes without an extent": ["d.xml"],
        "annotations that cannot be read": ["e.xml"],
    }


def test_twins_of_good_pictures_to_test_on_are_told(tmp_path: Path) -> None:
    for level, place in enumerate(("train/good/a", "train/good/b", "test/good/c", "test/good/d")):
        photograph(tmp_path / f"{place}.png", level)
    (tmp_path / "test/good/c.png").write_bytes((tmp_path / "train/good/a.png").read_bytes())
    shown = cv2.imread(str(tmp_path / "train/good/b.png"))
    assert shown is not None
    cv2.imwrite(str(tmp_path / "test/good/d.png"), cv2.resize(shown, (96, 96)))
    (tmp_path / "test/good/e.png").write_bytes(b"?")
    assert only(tmp_path).traps == {
        "pictures that are there twice, byte by byte": ["train/good/a.png = test/good/c.png"],
        "pictures that look alike to learn from and to test on": [
            "train/good/a.png ~ test/good/c.png",
            "train/good/b.png ~ test/good/d.png",
        ],
        "pictures that cannot be learned from: the file is no JPEG, PNG or BMP": ["test/good/e.png"],
    }


def test_masks_are_matched_by_name(tmp_path: Path) -> None:
    places = ("train/good/a", "test/good/b", "test/bad/c", "test/bad/d", "ground_truth/bad/c_mask")
    for level, place in enumerate(places):
        photograph(tmp_path / f"{place}.png", level)
    photograph(tmp_path / "ground_truth/bad/x.png", 1)
    found = only(tmp_path)
    assert found.counts == {"train/good": 1, "test/good": 1, "test/bad": 2, "masks": 2}
    assert found.traps == {
        "defective pictures without a mask": ["d"],
        "masks without a picture: match by name, not by order": ["x"],
    }


LOG = b"""\
2026-01-01T00:00:00Z|avail|AVAILABLE
2026-05-01T08:00:00Z|load|1.5
2026-05-01T08:00:02Z|load|
2026-05-01T08:00:01Z|load|UNAVAILABLE
* PONG 10000
"""


@pytest.mark.parametrize("name", ["day.txt", "day.txt.xz"])
def test_logs_of_adapters_are_counted_packed_or_not(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(lzma.compress(LOG) if name.endswith("xz") else LOG)
    found = only(tmp_path)
    assert found.counts == {"files": 1, "lines": 5, "without a time": 1, "empty values": 1, "unavailable": 1}
    assert found.traps == {
        "an opening snapshot with stamps of days before": [f"{name}: 1 lines"],
        "lines out of order": [f"{name}: 1 lines"],
        "lines without a time": [f"{name}: 1 lines"],
    }


def test_a_log_that_was_cut_off_is_told(tmp_path: Path) -> None:
    (tmp_path / "day.txt.xz").write_bytes(lzma.compress(LOG)[:40])
    assert only(tmp_path).traps == {"files that cannot be unpacked: fetch them again": ["day.txt.xz"]}


def test_series_are_counted_and_their_holes_told(tmp_path: Path) -> None:
    rows = ["2026-01-01 00:00:00;1;2", "2026-01-01 00:00:02;;2", "2026-01-01 00:00:01;1;2", ";1;2;3"]
    written(tmp_path / "a.csv", "\n".join(["datetime;x;y", *rows]))
    written(tmp_path / "b.csv", "no,times,here\n1,2,3\n")
    found = only(tmp_path)
    assert found.counts == {"files": 1, "rows": 4}
    assert found.traps == {
        "rows without a time": ["a.csv: 1"],
        "rows out of order": ["a.csv: 1"],
        "rows with more or fewer cells than the header": ["a.csv: 1"],
        "empty cells": ["a.csv: 2"],
    }


@pytest.mark.parametrize(
    ("name", "says"),
    [("", "no data in .* that Seamline knows"), ("none", "no folder .*none; name the")],
)
def test_a_folder_without_data_is_one_sentence(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(SurveyError, match=says):
        survey(tmp_path / name)


@pytest.mark.data
def test_the_traps_of_the_real_photographs_are_found() -> None:
    data = os.environ.get("SEAMLINE_DATA")
    if data is None:
        pytest.skip("SEAMLINE_DATA names no folder with the real data")
    found = {item.folder.name: item for item in survey(Path(data) / "welds-pipe")}
    assert found["welds-pipe"].counts["pictures"] == 972
    assert found["welds-pipe"].traps == {
        "pictures that look alike to train on and to test on": [
            "split_unseen_shot: img0613.jpg ~ img1113.jpg",
            "split_unseen_shot: img0617.jpg ~ img1113.jpg",
        ],
        "a weld to train on and to test on": [f"split_unseen_shot: {weld}" for weld in "ABCDE"],
    }
    assert len(found["voc_sample"].traps["swapped corners (min above max): order them, do not drop them"]) > 9
