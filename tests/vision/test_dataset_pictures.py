"""Pictures that must not be learned from, and those that are there twice."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from vision import pictures
from vision.datasets import duplicates
from vision.datasets.orientation import turned
from vision.datasets.picture import LONGEST, SENTENCES, TINY, TURNED, VAST, see
from vision.simulate import PartRenderer


def exif(orientation, order="<"):
    head = b"II" if order == "<" else b"MM"
    return head + struct.pack(order + "HIHHHIHH", 42, 8, 1, 0x0112, 3, 1, orientation, 0)


def jpeg(image, orientation=None):
    encoded = bytes(cv2.imencode(".jpg", image)[1])
    if orientation is None:
        return encoded
    body = b"Exif\0\0" + exif(orientation, ">")
    return encoded[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + encoded[2:]


def png(width, height, chunks=()):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return (
        b"\x89PNG\r\n\x1a\n" + head + b"".join(chunk(*item) for item in chunks) + pixels + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="module")
def part():
    return PartRenderer(31, size=160).render(1).image


BAD = {
    pictures.EMPTY: lambda part: b"",
    pictures.UNKNOWN_FORMAT: lambda part: b"GIF89a",
    pictures.HALF_PICTURE: lambda part: jpeg(part)[:-800],
    pictures.TOO_LARGE: lambda part: png(20_000, 20_000),
    TINY: lambda part: jpeg(part[:1, :1]),
    VAST: lambda part: png(20_000, 64),
    TURNED: lambda part: jpeg(part, 6),
}


@pytest.mark.parametrize("defect", BAD)
def test_a_picture_that_cannot_be_learned_from_is_known_by_its_reason(tmp_path, part, defect):
    (tmp_path / "x").write_bytes(BAD[defect](part))
    seen = see(tmp_path / "x")
    assert (seen.defect, seen.mark) == (defect, b"")
    assert SENTENCES[defect].startswith(("the picture", "a side", "the file", "only part"))


def test_a_file_that_is_not_there_is_unreadable(tmp_path):
    assert see(tmp_path / "none.jpg").defect == pictures.UNREADABLE


def test_a_good_picture_has_a_size_a_hash_and_a_mark(tmp_path, part):
    (tmp_path / "x.jpg").write_bytes(jpeg(part, 1))
    seen = see(tmp_path / "x.jpg")
    assert (seen.defect, seen.width, seen.height, len(seen.sha256), len(seen.mark)) == ("", 160, 160, 64, 32)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_both_containers_claim_how_they_lie(part, orientation):
    assert turned(jpeg(part, orientation)) == (orientation != 1)
    assert turned(png(40, 40, [(b"eXIf", exif(orientation))])) == (orientation != 1)


@pytest.mark.parametrize("cut", range(8, 40, 3))
def test_metadata_that_end_early_claim_nothing_or_the_truth(part, cut):
    whole = jpeg(part, 3)
    assert turned(whole[:cut]) in (False, True)
    assert not turned(b"\x89PNG\r\n\x1a\n" + b"\xff" * cut)


def variants(image):
    yield cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], 1)
    yield cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    yield cv2.resize(image, None, fx=1.5, fy=1.5)
    yield np.clip(image * 1.15 + 8, 0, 255).astype(np.uint8)
    yield np.clip(image + np.random.default_rng(1).normal(0, 4, image.shape), 0, 255).astype(np.uint8)


def test_near_equal_pictures_are_found_and_other_parts_are_not():
    renderer = PartRenderer(31, size=320)
    marks = {f"{index}": duplicates.mark_of(renderer.render(index).image) for index in range(6)}
    assert list(duplicates.near(marks)) == []
    for index, image in enumerate(variants(renderer.render(2).image)):
        pairs = list(duplicates.near(marks | {f"variant {index}": duplicates.mark_of(image)}))
        assert pairs == [("2", f"variant {index}")]


def test_every_pair_is_found_once_however_many_there_are(monkeypatch):
    monkeypatch.setattr(duplicates, "ROWS", 2)
    rng = np.random.default_rng(2)
    marks = {str(index): rng.bytes(32) for index in range(7)}
    marks |= {"again": marks["1"], "last": marks["6"]}
    assert sorted(duplicates.near(marks)) == [("1", "again"), ("6", "last")]
    assert list(duplicates.near({})) == []


def test_equal_bytes_are_one_group_and_told_across_a_split():
    groups = duplicates.equal({"a": "1", "b": "2", "c": "1", "d": "1"})
    assert groups == [("a", "c", "d")]
    assert duplicates.across(groups, {"a": "train", "c": "test", "d": "train"}) == [("a", "c"), ("c", "d")]
    assert LONGEST < 20_000
