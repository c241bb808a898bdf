"""A data set is looked over before it is trained on: leaks are refused, odd things told."""

import cv2
import numpy as np
import pytest

from vision.dataset import DatasetError, read_split
from vision.datasets.checking import choose_split, look_over, refuse_leaks
from vision.datasets.importing import ALIKE
from vision.datasets.welds import UNNAMED

ROWS = {"a": ("A", "train", "train"), "b": ("A", "test", "train"), "c": ("B", "test", "test")}


def image(seed):
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def data(tmp_path):
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    for seed, name in enumerate(ROWS):
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), image(seed))
        (tmp_path / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.5 0.5")
    lines = [f"{name}.png,{','.join(row)}" for name, row in ROWS.items()]
    (tmp_path / "splits.csv").write_text("\n".join(["image,weld_group,split_shot,split_weld", *lines]))
    return tmp_path


def test_a_split_that_shares_a_weld_is_refused_unless_somebody_knows(data):
    with pytest.raises(DatasetError, match="split_shot has a weld on both sides: A; name a split that"):
        refuse_leaks(data, "split_shot")
    refuse_leaks(data, "split_shot", same_welds=True)
    refuse_leaks(data, "split_weld")


def test_a_picture_on_both_sides_is_refused_whatever_somebody_knows(data):
    (data / "images" / "c.png").write_bytes((data / "images" / "a.png").read_bytes())
    with pytest.raises(DatasetError, match=r"to test on, 1 times: a\.png is c\.png"):
        refuse_leaks(data, "split_shot", same_welds=True)


def test_a_picture_with_a_row_on_each_side_is_refused(data):
    with (data / "splits.csv").open("a") as file:
        file.write("\na.png,B,test,test\n")
    for refuse in (lambda: refuse_leaks(data, "split_weld", same_welds=True), lambda: choose_split(data)):
        with pytest.raises(DatasetError, match=r"names 1 of its pictures twice: a\.png"):
            refuse()


def test_the_first_split_that_keeps_welds_apart_is_taken(data):
    assert choose_split(data) == "split_weld"
    (data / "splits.csv").write_text("image,weld_group,split\na.png,A,train\nb.png,A,test\n")
    with pytest.raises(DatasetError, match="keeps each weld on one side; add one"):
        choose_split(data)


@pytest.mark.parametrize(
    ("rows", "unnamed"),
    [
        ("image,split\na.png,train\nb.png,test\n", ["a.png", "b.png"]),
        ("image,weld_group,split\na.png,A,train\nb.png,,test\n", ["b.png"]),
    ],
)
def test_pictures_of_no_named_weld_are_told_but_not_refused(data, rows, unnamed):
    (data / "splits.csv").write_text(rows)
    column = choose_split(data)
    refuse_leaks(data, column)
    assert look_over(data, read_split(data, column)).notes == {UNNAMED: unnamed}


def test_pictures_that_look_alike_are_told_and_how_they_lie(data):
    for name, source in (("b", 0), ("c", 0)):
        cv2.imwrite(str(data / "images" / f"{name}.png"), cv2.resize(image(source), (80, 80)))
    noted = look_over(data, read_split(data, "split_weld")).notes
    assert noted == {
        ALIKE: ["a.png ~ b.png"],
        f"{ALIKE}, one on each side of the split": ["a.png ~ c.png", "b.png ~ c.png"],
    }


def test_without_a_picture_nothing_can_be_trained(data):
    for name in "ab":
        (data / "images" / f"{name}.png").write_bytes(b"")
    with pytest.raises(
        DatasetError, match="holds no picture that can be trained on: the picture has no bytes"
    ):
        look_over(data, read_split(data, "split_weld"))
