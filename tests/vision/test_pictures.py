import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision import pictures
from vision.testing import picture

IMAGE = picture(red=40, side=96)
ENCODED = {suffix: bytes(cv2.imencode(suffix, IMAGE)[1]) for suffix in (".jpg", ".png", ".bmp")}

SUBSAMPLING = (
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)


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


@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.booleans(),
    st.booleans(),
    st.integers(1, 100),
    st.sampled_from(list(SUBSAMPLING)),
    st.integers(0, 99),
)
def test_a_jpeg_has_the_pixels_that_opencv_gives_it(
    down, across, grey, progressive, level, subsampling, seed
):
    shape = (down, across) if grey else (down, across, 3)
    settings = [cv2.IMWRITE_JPEG_QUALITY, level, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, subsampling]
    noise = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    encoded = bytes(cv2.imencode(".jpg", noise, settings)[1])
    image, defect = pictures.decode(encoded)
    assert defect == ""
    np.testing.assert_array_equal(image, cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR))


@pytest.mark.parametrize("start", [0.4, 0.6, 0.9])
def test_a_jpeg_with_a_fault_inside_is_damaged(start):
    whole = ENCODED[".jpg"]
    middle = int(len(whole) * start)
    for faulty in (whole[:middle] + whole[middle + len(whole) // 20 :], whole[:middle] + whole[-2:]):
        assert cv2.imdecode(np.frombuffer(faulty, np.uint8), cv2.IMREAD_COLOR) is not None
        assert pictures.decode(faulty) == (None, pictures.DAMAGED)


def test_a_jpeg_of_an_odd_revision_is_read():
    whole = ENCODED[".jpg"]
    assert whole[6:10] == b"JFIF"
    odd = whole[:11] + b"\x09\x09" + whole[13:]
    image, defect = pictures.decode(odd)
    assert defect == ""
    np.testing.assert_array_equal(image, pictures.decode(whole)[0])
    middle = len(odd) // 2
    assert pictures.decode(odd[:middle] + odd[-2:]) == (None, pictures.DAMAGED)


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
    return png(8, 2, b"", width=60_000, height=60_000)


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


def png(bits, colours, rows, *extra, width=8, height=8):
    """Return a PNG of raw rows, with further chunks before its pixels."""
    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def rows(width):
    return (b"\0" + bytes(range(width))) * 8


def with_frame_header(offset, value):
    """Return the JPEG with one byte of its frame header replaced."""
    body = bytearray(ENCODED[".jpg"])
    body[body.index(b"\xff\xc0") + offset] = value
    return bytes(body)


COLOURS = {
    "16 bit": bytes(cv2.imencode(".png", IMAGE.astype(np.uint16) * 257)[1]),
    "alpha": bytes(cv2.imencode(".png", cv2.cvtColor(IMAGE, cv2.COLOR_BGR2BGRA))[1]),
    "palette": png(8, 3, rows(8), (b"PLTE", bytes(range(24)))),
    "1 bit": png(1, 0, (b"\0" + b"\xaa") * 8),
    "grey alpha": png(8, 4, rows(16)),
    "inks": with_frame_header(9, 4),
    "12 bit": with_frame_header(4, 12),
    "16 colours": ENCODED[".bmp"][:28] + b"\x04" + ENCODED[".bmp"][29:],
}


@pytest.mark.parametrize("kind", COLOURS)
def test_colours_that_a_camera_never_sends_are_not_made_into_others(kind):
    assert pictures.decode(COLOURS[kind]) == (None, pictures.WRONG_COLOURS)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_a_grey_picture_is_plain(suffix):
    image, defect = pictures.decode(bytes(cv2.imencode(suffix, IMAGE[:, :, 0])[1]))
    assert (defect, image.shape) == ("", IMAGE.shape)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_that_a_file_claims_turns_no_pixel(orientation):
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    told = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    body = bytes(cv2.imencode(".jpg", IMAGE[:40])[1])
    turned = body[:2] + b"\xff\xe1" + struct.pack(">H", len(told) + 2) + told + body[2:]
    assert np.array_equal(pictures.decode(turned)[0], pictures.decode(body)[0])


def test_a_picture_of_twenty_thousand_pixels_is_decoded_while_it_fits():
    line = bytes(cv2.imencode(".png", np.zeros((2, 20_000, 3), np.uint8))[1])
    assert pictures.decode(line)[0].shape == (2, 20_000, 3)
    assert pictures.decode(png(8, 2, b"", width=20_000, height=20_000)) == (None, pictures.TOO_LARGE)


def test_a_picture_that_would_take_for_ever_is_not_decoded():
    progressive = bytes(cv2.imencode(".jpg", IMAGE, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1])
    assert pictures.decode(progressive)[1] == ""
    first = progressive.index(b"\xff\xda")
    scan = progressive[first : progressive.index(b"\xff\xda", first + 2)]
    again = progressive[:first] + scan * pictures.MAX_SCANS + progressive[first:]
    assert pictures.decode(again) == (None, pictures.TOO_MANY_SCANS)


BOMB = """
import resource, struct, sys, zlib
import numpy as np, cv2
from vision import pictures
plain = bytes(cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1])
pictures.decode(plain)
deflater = zlib.compressobj(9)
squeezed = b"".join([*(deflater.compress(bytes(1 << 20)) for _ in range(512)), deflater.flush()])
data = b"note" + bytes(2) + squeezed
chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pictures.decode(plain[:33] + chunk + plain[33:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_what_unfolds_beside_the_pixels_takes_no_memory():
    grown = subprocess.run([sys.executable, "-c", BOMB], capture_output=True, text=True, check=True)
    assert int(grown.stdout) < 100_000


def test_a_chunk_that_says_to_be_larger_than_its_file_is_not_decoded():
    whole = ENCODED[".png"]
    at = whole.index(b"IDAT") - 4
    claiming = whole[:at] + struct.pack(">I", 0x5DF90000) + whole[at + 4 :]
    assert pictures.decode(claiming) == (None, pictures.HALF_PICTURE)


@pytest.mark.parametrize(
    ("encoded", "defect"),
    [
        (b"", pictures.EMPTY),
        (b"GIF89a" + bytes(100), pictures.UNKNOWN_FORMAT),
        (b"II*\0" + bytes(100), pictures.UNKNOWN_FORMAT),
        (b"not a picture at all", pictures.UNKNOWN_FORMAT),
        (b"\xff\xd8\xff\xe0\0\x02garbage where a marker should be", pictures.UNREADABLE),
        (b"BM", pictures.HALF_PICTURE),
        (ENCODED[".png"][:40] + bytes(400) + ENCODED[".png"][-12:], pictures.HALF_PICTURE),
        (png(8, 2, rows(24), (b"IDAT", b"nothing that unfolds")), pictures.UNREADABLE),
        (png(8, 2, rows(24), *[(b"tEXt", b"")] * pictures.MAX_CHUNKS), pictures.UNREADABLE),
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
