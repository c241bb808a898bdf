"""How anomalies are scored: distances, maps, regions, and the measures of how good that is."""

import numpy as np
import pytest

from vision import letterbox
from vision.anomaly import maps
from vision.anomaly.coreset import CANDIDATES, choose, nearest
from vision.anomaly.evaluation import aupro, auroc
from vision.anomaly.network import CHANNELS, Scale

SIDE = 320


def fitted(height, width):
    return letterbox.fit(np.zeros((height, width, 3), np.uint8), SIDE)


def window(height, width):
    return maps.Window.of(fitted(height, width), SIDE)


def vectors(count, seed=1):
    return np.random.default_rng(seed).normal(5, 2, (count, sum(CHANNELS))).astype(np.float32)


def test_a_coreset_covers_every_group_before_it_repeats_one():
    centres = np.repeat(np.eye(6, dtype=np.float32) * 50, 30, axis=0)
    rows = choose(centres + vectors(180)[:, :6] / 100, 6, seed=3)
    assert sorted(rows // 30) == [0, 1, 2, 3, 4, 5]


def test_the_same_seed_gives_the_same_coreset_and_another_another():
    many = vectors(CANDIDATES + 500)[:, :4].copy()
    assert np.array_equal(choose(many, 9, seed=1), choose(many, 9, seed=1))
    assert not np.array_equal(choose(many, 9, seed=1), choose(many, 9, seed=2))


def test_fewer_vectors_than_wanted_are_all_kept():
    assert sorted(choose(vectors(5), 9, seed=1)) == [0, 1, 2, 3, 4]


def test_scaled_vectors_have_length_one_and_their_own_distance_is_none():
    many = vectors(40)
    scaled = Scale.of(many).apply(many)
    assert np.linalg.norm(scaled, axis=1) == pytest.approx(np.ones(40), abs=1e-5)
    assert nearest(scaled, scaled) == pytest.approx(np.zeros(40), abs=3e-3)
    assert (nearest(scaled[:20], scaled[20:]) > 0.5).all()


def test_a_channel_that_never_changes_does_not_matter():
    many = vectors(40)
    many[:, 7] = 3.0
    assert np.isfinite(Scale.of(many).apply(many)).all()


def test_brightness_and_contrast_of_a_channel_do_not_matter():
    many = vectors(40)
    gain = np.linspace(50, 90, many.shape[1], dtype=np.float32)
    changed = many * gain + 3
    assert Scale.of(changed).apply(changed) == pytest.approx(Scale.of(many).apply(many), abs=2e-3)


@pytest.mark.parametrize(
    ("height", "width", "cells"),
    [
        (320, 320, (0, 40, 0, 40)),
        (160, 320, (10, 30, 0, 40)),
        (1000, 500, (0, 40, 10, 30)),
        (1, 320, (20, 21, 0, 40)),
        (256, 400, (7, 33, 0, 40)),
    ],
)
def test_only_cells_in_the_picture_count(height, width, cells):
    seen = window(height, width)
    assert (seen.top, seen.bottom, seen.left, seen.right) == cells
    assert seen.cut(np.zeros(1600, np.float32)).shape == (cells[1] - cells[0], cells[3] - cells[2])


def test_a_score_is_a_half_at_the_limit_and_never_one():
    assert maps.rate(0.8, 0.8) == 0.5
    assert maps.rate(1.6, 0.8) == pytest.approx(2 / 3)
    assert maps.rate(0.0, 0.8) == 0.0
    assert maps.rate(1e9, 0.8) < 1


def test_regions_above_the_limit_are_findings_with_boxes_of_the_picture():
    shown = np.full((20, 40), 0.5, np.float32)
    shown[2:4, 5:8] = 0.9
    shown[10, 30] = 1.2
    found = maps.findings(shown, 0.8, fitted(500, 1000), window(500, 1000))
    assert [(item.label, item.iso6520) for item in found] == [("anomaly", ""), ("anomaly", "")]
    assert [item.score for item in found] == pytest.approx([1.2 / 2.0, 0.9 / 1.7], abs=1e-5)
    assert found[0].box == (750.0, 250.0, 775.0, 275.0)
    assert found[1].box == (125.0, 50.0, 200.0, 100.0)


def test_at_the_limit_there_is_no_finding():
    assert maps.findings(np.full((20, 40), 0.8, np.float32), 0.8, fitted(500, 1000), window(500, 1000)) == ()


def test_no_more_regions_are_told_than_anybody_reads():
    shown = np.zeros((40, 40), np.float32)
    shown[::4, ::4] = 1.0
    assert len(maps.findings(shown, 0.8, fitted(320, 320), window(320, 320))) == maps.MOST


def test_a_single_cell_counts_less_than_several_together():
    one, four = np.zeros((9, 9), np.float32), np.zeros((9, 9), np.float32)
    one[4, 4] = four[4:6, 4:6] = 1.0
    assert maps.smooth(one).max() < maps.smooth(four).max() < 1


def test_a_pixel_map_has_the_pictures_size_and_lies_where_the_cells_do():
    shown = np.zeros((20, 40), np.float32)
    shown[:, :20] = 1.0
    pixels = maps.pixels(shown, fitted(500, 1000), window(500, 1000))
    assert pixels.shape == (500, 1000)
    assert (pixels[:, :470] == 1).all()
    assert (pixels[:, 530:] == 0).all()


def test_auroc_counts_pairs_and_halves_ties():
    assert auroc([1, 2, 3], [4, 5]) == 1.0
    assert auroc([4, 5], [1, 2, 3]) == 0.0
    assert auroc([1, 1], [1, 1]) == 0.5


def masks():
    whole = np.zeros((60, 60), bool)
    whole[5:10, 5:10] = whole[30:50, 30:50] = True
    return [whole, np.zeros((60, 60), bool)]


def test_a_map_that_is_the_truth_has_full_region_overlap():
    assert aupro([mask.astype(np.float32) for mask in masks()], masks()) == pytest.approx(1.0, abs=0.01)


def test_a_small_region_that_is_missed_costs_as_much_as_a_large_one():
    shown = [mask.astype(np.float32) for mask in masks()]
    shown[0][:20, :20] = 0
    small_missed = aupro(shown, masks())
    shown = [mask.astype(np.float32) for mask in masks()]
    shown[0][30:, 30:] = 0
    assert small_missed == pytest.approx(aupro(shown, masks()), abs=0.01) == pytest.approx(0.5, abs=0.01)


def test_noise_overlaps_no_more_than_it_alarms():
    draw = np.random.default_rng(2)
    noise = [draw.random((60, 60), dtype=np.float32) for _ in range(2)]
    assert aupro(noise, masks()) == pytest.approx(0.15, abs=0.08)
