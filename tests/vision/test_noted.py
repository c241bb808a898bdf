"""What Ultralytics notes in an export is read; what it does not note is as if it were not there."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vision import noted
from vision.testing import CLASSES, NOTES, SIDE


def test_notes_of_an_onnx_file_are_texts():
    told = noted.of(NOTES)
    assert (told.classes, told.task, told.sides) == (CLASSES, "detect", (SIDE, SIDE))
    assert (told.end_to_end, told.suppresses, told.by) == (False, False, "Ultralytics 8.4.190")


def test_notes_of_an_export_to_openvino_are_values():
    told = noted.of({"names": {0: "a", 1: "b"}, "imgsz": [64, 32], "end2end": True, "args": {"nms": True}})
    assert (told.classes, told.sides, told.end_to_end, told.suppresses) == (("a", "b"), (64, 32), True, True)


def test_what_is_not_noted_is_not_there():
    told = noted.of({})
    assert (told.classes, told.task, told.sides, told.by) == ((), "", (), "Ultralytics")


@pytest.mark.parametrize(
    "names",
    [
        "{}", "[]", "7", "{0: 'a', 2: 'b'}", "{0: 'a', 1: ' a'}", "{0: ''}", "{0: 'a\\nb'}", "{'0': 'a'}",
        "{0: __import__('os')}", "{", "{0: " * 5000, "-" * 90_000 + "1", "'" + "a" * 200_000 + "'",
    ],
)  # fmt: skip
def test_names_that_are_none_are_no_names(names):
    assert noted.of({"names": names}).classes == ()


@given(st.dictionaries(st.sampled_from([*NOTES, "head"]), st.text() | st.integers() | st.none()))
@example({"args": "1"})
@example({"imgsz": "(1, 2, 3)"})
@example({"names": {0: None}})
@example({"names": "{[]: 1}"})
def test_whatever_is_noted_is_read(notes):
    told = noted.of(notes)
    assert all(name.isprintable() for name in told.classes)
    assert len(told.sides) in (0, 2)
