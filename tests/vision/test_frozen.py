from dataclasses import replace

import cv2
import numpy as np
import pytest

from vision import pictures
from vision.cameras import Run
from vision.detect import Detector
from vision.frozen import Repeats, same_pixels
from vision.inspector import Inspector
from vision.judge import Recipe
from vision.quality import Limits
from vision.records import Outcome
from vision.simulate import PartRenderer
from vision.testing import picture, write_model

RENDERER = PartRenderer(seed=1, size=160)


def frames(*shots, camera="cam"):
    """Return frames of one camera: pairs of a part of the line and the serial that it was given."""
    run = Run(camera, "top", "1", lambda: 5)
    return [
        run.frame(pictures.encode_jpeg(RENDERER.render(part, "top").image), serial) for part, serial in shots
    ]


def marks(*shots, allowed=0, apart=True):
    repeats = Repeats(allowed)
    return [repeats.look(frame, apart).repeated for frame in frames(*shots)]


def test_the_picture_of_the_part_before_is_marked_until_another_comes():
    assert marks((1, "a"), (1, "b"), (1, "c"), (2, "d"), (1, "e")) == [False, True, True, False, False]


def test_the_same_part_may_be_shown_twice():
    assert marks((1, "a"), (1, "a"), (1, "a")) == [False, False, False]


def test_frames_that_are_named_after_themselves_may_be_of_one_part():
    assert marks((1, ""), (1, ""), (2, "")) == [False, True, False]
    assert marks((1, ""), (1, ""), (2, ""), apart=False) == [False, False, False]


def test_a_recipe_may_allow_some_repeats():
    assert marks((1, "a"), (1, "b"), (1, "c"), allowed=1) == [False, False, True]


def test_cameras_are_looked_at_apart():
    repeats = Repeats()
    seen = frames((1, "a")) + frames((1, "b"), camera="other")
    assert [repeats.look(frame).repeated for frame in seen] == [False, False]


def test_a_head_that_tells_another_time_hides_nothing():
    image = RENDERER.render(1, "top").image
    jpeg, png = pictures.encode_jpeg(image), pictures.encode_whole(image)
    stamped = jpeg[:2] + b"\xff\xfe\x00\x0612:0" + jpeg[2:]
    assert cv2.imdecode(np.frombuffer(stamped, np.uint8), cv2.IMREAD_COLOR) is not None
    assert same_pixels(stamped, jpeg)
    assert not same_pixels(png, pictures.encode_whole(RENDERER.render(2, "top").image))


@pytest.mark.parametrize("red", [20, 200])
def test_a_frozen_picture_is_for_review_whatever_it_shows(tmp_path, red):
    inspector = Inspector("weld-1", Detector(write_model(tmp_path)), Recipe("demo"))
    frame = Run("cam", "top", "1", lambda: 5).frame(pictures.encode_whole(picture(red)), "b")
    verdict = inspector.inspect([replace(frame, repeated=True)])
    assert verdict.outcome is Outcome.REVIEW
    assert verdict.reason == "View top: the picture is the one of the part before."
    assert (verdict.views[0].rejected, verdict.views[0].findings) == ("frozen", ())


def test_limits_that_are_left_as_they_are_change_no_recipes_hash():
    changed = {
        Recipe("demo", limits=Limits(**change)).hash for change in ({"covered": 0.1}, {"repeats": 1}, {})
    }
    assert len(changed) == 3
