import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision import pictures
from vision.testing import picture

IMAGE = picture(red=40, side=96)
ENCODED = {suffix: bytes(cv2.imencode(suffix, IMAGE)[1]) for suffix in (".jpg", ".png", ".bmp")}


@pytest.mark.parametrize("suffix", ENCODED)
def test_a_whole_picture_is_decoded(suffix):
    image, defect = pictures.decode(ENCODED[suffix])
    assert defect == ""
    assert image.shape == IMAGE.shape
    assert image.dtype == np.uint8


@pytest.mark.parametrize("suffix", ENCODED)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.999])
def test_half_a_picture_is_never_taken_for_a_whole_one(suffix, share):
    cut = ENCODED[suffix][: int(len(ENCODED[suffix]) * share)]
    assert pictures.decode(cut) == (None, pictures.HALF_PICTURE)


def test_bytes_after_the_end_do_no_harm():
    image, defect = pictures.decode(ENCODED[".jpg"] + bytes(512))
    assert defect == ""
    assert image is not None


def test_an_end_marker_inside_a_preview_does_not_make_a_cut_jpeg_whole():
    preview = b"\xff\xe1" + struct.pack(">H", 8) + b"\xff\xd8\xff\xd9xx"
    whole = ENCODED[".jpg"]
    cut = whole[:2] + preview + whole[2 : len(whole) // 2]
    assert pictures.decode(cut) == (None, pictures.HALF_PICTURE)


def huge_png():
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I4sII", 13, b"IHDR", 60_000, 60_000)
        + bytes(64)
        + b"IEND"
        + bytes(4)
    )


def huge_bmp():
    return b"BM" + struct.pack("<IHHIIii", 54, 0, 0, 54, 40, 60_000, -60_000) + bytes(28)


def huge_jpeg():
    body = ENCODED[".jpg"]
    at = body.index(b"\xff\xc0") + 5
    return body[:at] + struct.pack(">HH", 60_000, 60_000) + body[at + 4 :]


@pytest.mark.parametrize("make", [huge_png, huge_bmp, huge_jpeg])
def test_a_small_file_that_claims_a_huge_picture_is_not_decoded(make):
    assert pictures.decode(make()) == (None, pictures.TOO_LARGE)


def test_too_many_bytes_are_not_looked_at():
    assert pictures.decode(ENCODED[".jpg"] + bytes(pictures.MAX_BYTES)) == (None, pictures.TOO_LARGE)


@pytest.mark.parametrize(
    ("encoded", "defect"),
    [
        (b"", pictures.EMPTY),
        (b"GIF89a" + bytes(100), pictures.UNKNOWN_FORMAT),
        (b"II*\0" + bytes(100), pictures.UNKNOWN_FORMAT),
        (b"not a picture at all", pictures.UNKNOWN_FORMAT),
        (b"\xff\xd8\xff\xe0\0\x02garbage where a marker should be", pictures.UNREADABLE),
        (b"BM", pictures.HALF_PICTURE),
        (ENCODED[".png"][:40] + bytes(400) + ENCODED[".png"][-12:], pictures.UNREADABLE),
    ],
)
def test_what_is_no_picture_says_why(encoded, defect):
    assert pictures.decode(encoded) == (None, defect)


@given(st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM"]))
def test_no_bytes_ever_raise(tail, head):
    image, defect = pictures.decode(head + tail)
    assert (image is None) == bool(defect)


@given(st.integers(2, 2000), st.integers(0, 255))
def test_a_broken_byte_never_raises(position, value):
    for whole in ENCODED.values():
        broken = bytearray(whole)
        broken[position % len(broken)] = value
        pictures.decode(bytes(broken))


def test_encoding_whole_loses_nothing():
    image, _ = pictures.decode(pictures.encode_whole(IMAGE))
    assert np.array_equal(image, IMAGE)


def test_a_camera_encodes_as_jpeg():
    assert pictures.encode_jpeg(IMAGE).startswith(b"\xff\xd8\xff")


def test_what_cannot_be_encoded_is_said():
    with pytest.raises((ValueError, cv2.error)):
        pictures.encode_whole(np.zeros((0, 0, 3), np.uint8))
