"""Rendered parts: the same part in every view, flaws where the truth says, nothing by chance."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

from vision.simulate import CLASSES, FLAWS, VIEWS, Flaw, Part, PartRenderer, draw_part, protocol
from vision.simulate.render import rise
from vision.simulate.surface import near
from vision.simulate.views import project

SIZE = 208


@pytest.fixture(scope="module")
def renderer():
    return PartRenderer(seed=5, size=SIZE, flaw_rate=1.0)


def part(*flaws):
    """A part whose bead runs straight through the middle."""
    return Part((0.5,) * 9, (0.15,) * 9, 0.05, 0.8, 1.0, (0, 0), flaws)


class Bench(PartRenderer):
    """A renderer of one given part."""

    def __init__(self, given, size=SIZE):
        super().__init__(seed=1, size=size)
        self.given = given

    def part(self, index):
        return self.given


def look(*flaws, view="top"):
    return Bench(part(*flaws)).render(0, view)


def test_a_picture_is_what_a_camera_gives(renderer):
    picture = renderer.render(0, "front")
    assert picture.image.shape == (SIZE, SIZE, 3)
    assert picture.image.dtype == np.uint8
    assert picture.boxes.shape == (len(picture.labels), 4)


def test_the_same_seed_renders_the_same_picture(renderer):
    again = PartRenderer(seed=5, size=SIZE, flaw_rate=1.0)
    assert np.array_equal(renderer.render(3, "left").image, again.render(3, "left").image)
    assert not np.array_equal(renderer.render(3, "left").image, renderer.render(4, "left").image)
    other = PartRenderer(seed=6, size=SIZE, flaw_rate=1.0)
    assert not np.array_equal(renderer.render(3, "left").image, other.render(3, "left").image)


def test_parts_are_rendered_in_any_order(renderer):
    ahead = renderer.render(9, "top").image
    renderer.render(2, "top")
    assert np.array_equal(renderer.render(9, "top").image, ahead)


def test_cameras_of_one_part_render_at_the_same_time(renderer):
    alone = {view: renderer.render(7, view).image for view in VIEWS}
    together = PartRenderer(seed=5, size=SIZE, flaw_rate=1.0)
    with ThreadPoolExecutor(len(VIEWS)) as cameras:
        seen = dict(zip(VIEWS, cameras.map(lambda view: together.render(7, view).image, VIEWS), strict=True))
    assert all(np.array_equal(seen[view], alone[view]) for view in VIEWS)


def test_views_show_the_same_part_differently(renderer):
    seen = {view: renderer.render(1, view) for view in VIEWS}
    assert len({picture.labels for picture in seen.values()}) == 1
    assert len({picture.image.tobytes() for picture in seen.values()}) == len(VIEWS)


def test_an_unknown_view_is_refused(renderer):
    with pytest.raises(ValueError, match="choose one of top, front"):
        renderer.render(0, "below")


def test_flaws_come_as_often_as_asked():
    flawed = sum(not draw_part(1, index, 0.3).sound for index in range(600))
    assert 0.24 < flawed / 600 < 0.36
    assert all(draw_part(1, index, 0.0).sound for index in range(50))


def test_every_kind_of_flaw_occurs():
    found = {flaw.label for index in range(200) for flaw in draw_part(2, index, 1.0).flaws}
    assert found == set(FLAWS)


def test_nobody_is_trained_on_parts_that_prove_or_choose():
    sides = (protocol.TRAIN_SEEDS, protocol.VALIDATION_SEEDS, protocol.HELD_OUT_SEEDS)
    assert len(set().union(*sides)) == sum(len(side) for side in sides)
    assert all(seed >= 1000 for side in sides for seed in side)


def test_the_shares_of_the_kinds_make_a_whole():
    assert sum(kind.share for kind in protocol.KINDS.values()) == pytest.approx(1)
    assert {*FLAWS} < {*CLASSES}
    assert {*protocol.DEPTHS} < {*FLAWS}


def test_marks_are_no_flaws():
    marked = next(
        found for found in (draw_part(3, index, 0.0) for index in range(20)) if len(found.marks) > 1
    )
    assert marked.sound
    picture, bare = Bench(marked).render(0), Bench(replace(marked, marks=())).render(0)
    assert picture.sound
    assert not np.array_equal(picture.image, bare.image)


def test_a_part_names_its_kinds_of_flaws_once():
    pore, crater = Flaw("Surface_pores", 0.5, 0.3, 0.02, 0.02), Flaw("crater", 0.5, 0.6, 0.08, 0.08)
    assert part(pore, crater, pore).kinds == ("Surface_pores", "crater")


@pytest.mark.parametrize("label", FLAWS)
def test_the_weakest_flaw_is_seen_in_one_of_three_views(label):
    drawn = (draw_part(protocol.TRAIN_SEEDS[0], index, 1.0) for index in range(120))
    flawed = [found for found in drawn if found.kinds == (label,)][:6]
    assert flawed
    assert min(visible(found) for found in flawed) > 15


def visible(flawed):
    """Return by how many levels a part's least visible flaw changes its box, where it does so most."""
    return min(
        max(contrast(flawed, flaw, view) for view in ("top", "left", "right")) for flaw in flawed.flaws
    )


def contrast(flawed, flaw, view):
    weakest = flaw.strength if flaw.label == "Not_fully_soldered" else protocol.STRENGTH[0]
    picture = Bench(replace(flawed, flaws=(replace(flaw, strength=weakest),))).render(0, view)
    if picture.sound:
        return 0
    sound = Bench(replace(flawed, flaws=())).render(0, view)
    x0, y0, x1, y1 = picture.boxes[1].round().astype(int)
    return np.abs(picture.image.astype(int) - sound.image.astype(int)).max(axis=2)[y0:y1, x0:x1].mean()


def test_what_stands_high_is_seen_aside_from_a_slanting_view():
    low, high = Flaw("Surface_pores", 0.2, 0.5, 0.02, 0.02), Flaw("Surface_pores", 0.5, 0.5, 0.02, 0.02)
    assert rise(part(), low) == 0
    assert rise(part(), high) == pytest.approx(0.045)
    dent = np.array([find_darkest(look(high, view=view)) for view in ("left", "right")])
    boxes = np.array([look(high, view=view).boxes[1] for view in ("left", "right")])
    assert (np.abs(dent - (boxes[:, :2] + boxes[:, 2:]) / 2) < 0.02 * SIZE).all()


def find_darkest(picture):
    """Return x and y of the darkest spot of about the size of a pore."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture.image, cv2.COLOR_BGR2GRAY), (0, 0), 2)
    return np.array(np.unravel_index(grey.argmin(), grey.shape)[::-1])


def test_a_sound_part_shows_a_good_bead_only():
    picture = look()
    assert picture.labels == ("good",)
    assert picture.sound
    assert picture.boxes[0] == pytest.approx([0.34 * SIZE, 0, 0.66 * SIZE, SIZE], abs=3)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("label", FLAWS)
def test_a_flaw_changes_the_picture_where_the_truth_says(label, view):
    half = (0.15, 0.12) if label in ("wrong_size", "Not_fully_soldered") else (0.03, 0.03)
    flaw = Flaw(label, 0.5, 0.45, *half)
    sound, flawed = look(view=view), look(flaw, view=view)
    misshapen = label in ("wrong_size", "Not_fully_soldered", "crater")
    assert flawed.labels == ("Weld" if misshapen else "good", label)
    assert not flawed.sound
    changed = np.abs(flawed.image.astype(int) - sound.image.astype(int)).max(axis=2)
    x0, y0, x1, y1 = flawed.boxes[1].round().astype(int)
    inside = changed[y0:y1, x0:x1].mean()
    margin = round(0.06 * SIZE)
    changed[max(0, y0 - margin) : y1 + margin, max(0, x0 - margin) : x1 + margin] = 0
    assert inside > 8
    assert changed.mean() < inside / 10


def test_a_flaw_too_small_to_see_is_not_in_the_truth():
    assert look(Flaw("Surface_pores", 0.5, 0.5, 0.002, 0.002)).labels == ("good",)


def test_a_flaw_at_the_edge_is_cut_there():
    picture = look(Flaw("spatter", 0.99, 0.5, 0.03, 0.03))
    assert picture.boxes[1][2] == SIZE


def test_project_follows_the_perspective():
    square = np.array([(50, 50), (150, 50), (150, 150), (50, 150)], np.float32)
    doubled = np.diag([2.0, 2.0, 1.0])
    assert project(square, doubled, 400).tolist() == [100, 100, 300, 300]
    assert project(square, doubled, 200).tolist() == [100, 100, 200, 200]


def test_near_measures_in_outlines():
    (rows, columns), distance = near(Flaw("crater", 0.5, 0.25, 0.1, 0.05), 100, reach=2.0)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (15, 35, 30, 70)
    assert distance[10, 30] == pytest.approx(1.05, abs=0.06)
    assert distance.min() < 0.15


def test_pictures_are_neither_dark_nor_glaring(renderer):
    for index, view in enumerate(VIEWS):
        grey = cv2.cvtColor(renderer.render(index, view).image, cv2.COLOR_BGR2GRAY)
        assert 50 < grey.mean() < 200
        assert (grey == 255).mean() < 0.1
        assert cv2.Laplacian(grey, cv2.CV_64F).var() > 100
