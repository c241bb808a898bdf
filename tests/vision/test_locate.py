import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision import locate
from vision.measure import lies_on, measure
from vision.records import Finding
from vision.simulate import PartRenderer
from vision.testing import picture

RENDERER = PartRenderer(seed=1, size=416)
SIZE = (416, 416)


def overlap(left, right):
    """Return how much two boxes have in common, as a share of both together."""
    width = min(left[2], right[2]) - max(left[0], right[0])
    height = min(left[3], right[3]) - max(left[1], right[1])
    common = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (left, right)]
    return common / (sum(areas) - common)


@pytest.mark.parametrize("view", ["top", "front"])
@pytest.mark.parametrize("index", range(6))
def test_the_bead_of_a_rendered_part_is_found_without_a_detector(view, index):
    part = RENDERER.render(index, view)
    found = locate.by_picture(part.image, SIZE)
    assert overlap(found, part.boxes[0].tolist()) > 0.75


@pytest.mark.parametrize(("view", "least"), [("left", 0.3), ("right", 0.3)])
def test_from_the_side_its_edge_is_found(view, least):
    part = RENDERER.render(3, view)
    assert overlap(locate.by_picture(part.image, SIZE), part.boxes[0].tolist()) > least


def test_a_box_is_one_of_the_frame_not_of_the_small_picture():
    image = RENDERER.render(0, "top").image
    small, large = (locate.by_picture(image, size) for size in (SIZE, (832, 1664)))
    assert large == pytest.approx((2 * small[0], 0, 2 * small[2], 1664))


@pytest.mark.parametrize(
    "image", [picture(20, side=200), np.full((200, 200, 3), 90, np.uint8)], ids=["noise", "flat"]
)
def test_where_nothing_stands_out_there_is_no_seam(image):
    assert locate.by_picture(image, (200, 200)) is None


def test_the_detectors_surest_feature_is_the_seam():
    seam, doubt, pore = (
        Finding("Weld", 0.9, (10, 0, 50, 100)),
        Finding("Weld", 0.4, (0, 0, 5, 5)),
        Finding("pore", 0.99, (0, 0, 1, 1)),
    )
    assert locate.by_findings((doubt, seam, pore), ("Weld", "good")) == seam.box
    assert locate.by_findings((pore,), ("Weld",)) is None


def test_a_finding_tells_whether_it_lies_on_the_seam():
    beside = measure(Finding("spatter", 0.9, (60, 40, 70, 50)), (10, 0, 50, 100), None)
    assert (beside.on_seam, beside.length_mm) == (False, None)
    assert measure(Finding("pore", 0.9, (20, 40, 30, 50)), (10, 0, 50, 100), None).on_seam
    assert measure(Finding("pore", 0.9, (20, 40, 30, 50)), None, None).on_seam is None


sides = st.floats(0, 400, allow_nan=False)


@given(sides, sides, sides, sides, st.floats(0.01, 1))
def test_sizes_grow_with_the_box_and_do_not_depend_on_its_place(x, y, across, down, scale):
    finding = measure(Finding("pore", 0.9, (x, y, x + across, y + down)), None, scale)
    larger = measure(Finding("pore", 0.9, (x, y, x + across + 1, y + down + 1)), None, scale)
    moved = measure(Finding("pore", 0.9, (x + 8, y + 8, x + 8 + across, y + 8 + down)), None, scale)
    assert larger.length_mm >= finding.length_mm
    assert larger.area_mm2 >= finding.area_mm2
    assert moved.length_mm == pytest.approx(finding.length_mm, abs=1e-3)
    assert lies_on(finding.box, (x - 1, y - 1, x + across + 1, y + down + 1))
