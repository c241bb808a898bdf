import cv2
import numpy as np
import pytest

from vision import letterbox, pictures, quality, reference
from vision.cameras import Run
from vision.canvas import Canvas
from vision.detect import Detector
from vision.inspector import Inspector
from vision.judge import Recipe
from vision.records import Outcome
from vision.simulate import PartRenderer
from vision.simulate.views import VIEWS
from vision.testing import write_model

CANVAS = Canvas.square(320)
LIMIT = quality.Limits().covered


@pytest.fixture(scope="module")
def renderer():
    return PartRenderer(seed=3, size=416)


@pytest.fixture(scope="module")
def references(renderer):
    return {view: reference.read(encoded(renderer.render(0, view).image), CANVAS) for view in VIEWS}


def encoded(image):
    return pictures.encode_whole(image)


def share(image, known):
    return reference.covered(letterbox.onto(image, CANVAS).resized, known)


def glove(image, rng):
    cv2.circle(image, (200, 210), 110, (44, 42, 40), -1)
    return grained(image, rng)


def paper(image, rng):
    image[120:290, 60:230] = (228, 232, 230)
    for line in range(140, 290, 14):
        cv2.putText(image, "order 4711 BR-100", (64, line), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (40, 40, 40), 1)
    return grained(image, rng)


def cable(image, rng):
    cv2.line(image, (0, 80), (415, 330), (30, 30, 160), 70)
    return grained(image, rng)


def fingers(image, rng):
    for finger in range(3):
        cv2.ellipse(image, (150 + 50 * finger, 0), (25, 260), 0, 0, 360, (120, 150, 205), -1)
    return grained(image, rng)


def grained(image, rng):
    """Return the picture with the sensor's noise on what was laid over it, too."""
    return np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("view", VIEWS)
def test_no_part_of_the_line_is_covered_whatever_its_flaws(renderer, references, view):
    shares = [share(renderer.render(index, view).image, references[view]) for index in range(1, 25)]
    assert max(shares) <= LIMIT


@pytest.mark.parametrize("lay", [glove, paper, cable, fingers])
@pytest.mark.parametrize("view", ["top", "left"])
def test_what_lies_over_a_part_is_seen(renderer, references, view, lay):
    rng = np.random.default_rng(5)
    shares = [
        share(lay(renderer.render(index, view).image.copy(), rng), references[view]) for index in (1, 2, 3)
    ]
    assert min(shares) > LIMIT


@pytest.mark.parametrize("gain", [0.7, 1.2])
def test_other_light_covers_nothing(renderer, references, gain):
    image = np.clip(renderer.render(4, "top").image * gain, 0, 255).astype(np.uint8)
    assert share(image, references["top"]) <= LIMIT


@pytest.mark.parametrize(("across", "down"), [(0, 0), (4, 0), (0, -9), (12, 7)])
def test_a_camera_that_moved_is_measured_by_its_shift(renderer, references, across, down):
    moved = np.array([[1, 0, across], [0, 1, down]], np.float32)
    image = cv2.warpAffine(renderer.render(0, "top").image, moved, (416, 416), borderMode=cv2.BORDER_REFLECT)
    assert beside(image, references).shift == pytest.approx(np.hypot(across, down) / 416, abs=0.004)


def test_less_light_and_less_focus_are_told_apart(renderer, references):
    image = renderer.render(0, "top").image
    dark, soft = (image * 0.7).astype(np.uint8), cv2.GaussianBlur(image, (0, 0), 1.2)
    assert beside(dark, references).light == pytest.approx(0.7, abs=0.01)
    assert beside(dark, references).focus == pytest.approx(1.0, abs=0.05)
    assert beside(soft, references).light == pytest.approx(1.0, abs=0.01)
    assert beside(soft, references).focus < 0.3


def beside(image, references):
    resized = letterbox.onto(image, CANVAS).resized
    return reference.compare(image, quality.measure(resized), references["top"])


def test_what_is_no_picture_is_no_reference():
    with pytest.raises(reference.ReferenceUnreadable, match="unknown_format"):
        reference.read(b"%PDF", CANVAS)


def test_a_covered_part_is_for_review_and_says_why(renderer, tmp_path):
    detector = Detector(write_model(tmp_path))
    known = {"top": encoded(renderer.render(0, "top").image)}
    limits = quality.Limits(shrunk=13)  # the tiny model sees that much as one pixel
    recipe = Recipe("demo", reject_above=1.0, review_above=0.99, limits=limits)
    inspector = Inspector("weld-1", detector, recipe, None, known)
    covered = glove(renderer.render(1, "top").image.copy(), np.random.default_rng(1))
    clear, hidden = (
        inspector.inspect([Run("cam", "top", "1", lambda: 5).frame(encoded(image), "p")])
        for image in (renderer.render(1, "top").image, covered)
    )
    assert clear.outcome is Outcome.OK
    assert (hidden.outcome, hidden.reason) == (Outcome.REVIEW, "View top: something covers the part.")
    assert hidden.decision.rule == "quality gate"
    assert hidden.views[0].quality["covered"] > LIMIT
