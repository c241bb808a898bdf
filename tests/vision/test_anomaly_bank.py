"""Banks of good parts: fitted from pictures, kept as files, refused when they are not what they were."""

import json
from inspect import signature

import cv2
import numpy as np
import pytest

from vision import learned, letterbox, pictures, registry
from vision.anomaly import AnomalyDetector, bank, fit, maps
from vision.anomaly.network import CHANNELS, Scale
from vision.anomaly.scorer import open_lane, read_backbone
from vision.registry import ModelError
from vision.simulate import PartRenderer
from vision.testing import write_model

GOOD = PartRenderer(31, size=320, flaw_rate=0.0)
BACKBONE = registry.find(fit.BACKBONE)


def shown(numbers):
    return [fit.Picture(f"{number}.png", GOOD.render(number).image) for number in numbers]


@pytest.fixture(scope="module")
def fitted():
    return fit.fit(shown(range(8)), BACKBONE)


@pytest.fixture(scope="module")
def detector(fitted):
    return AnomalyDetector.of(fitted.bank, lanes=2)


def changed(whole, **change):
    """Return the file of a bank that differs in something."""
    fields = {name: getattr(whole, name) for name in signature(bank.pack).parameters}
    return bank.pack(**fields | change).content


def flawed(image):
    """Return a part with a white patch: nothing that a good one has."""
    marred = image.copy()
    cv2.rectangle(marred, (200, 60), (260, 110), (255, 255, 255), -1)
    return marred


@pytest.fixture
def folder(tmp_path):
    """Give a function that writes pictures of good parts into a folder."""

    def write(count):
        place = tmp_path / "good"
        place.mkdir()
        for picture in shown(range(count)):
            cv2.imwrite(str(place / picture.name), picture.image)
        return place

    return write


def test_what_no_good_part_has_is_found_where_it_is(detector):
    image = GOOD.render(99).image
    (found, *_) = detector.find(letterbox.fit(flawed(image), detector.side))
    assert found.score > 0.5
    left, top, right, bottom = found.box
    assert left < 230 < right
    assert top < 85 < bottom
    assert right - left < 200


def test_a_good_part_that_was_learnt_is_no_anomaly(detector):
    assert detector.find(letterbox.fit(GOOD.render(3).image, detector.side)) == ()


def test_the_graph_says_what_the_arrays_say(fitted, detector):
    image = flawed(GOOD.render(50).image)
    cells = open_lane(read_backbone(BACKBONE)).run(letterbox.fit(image, detector.side))
    distances = fit.nearest(fitted.bank.scale.apply(cells), fitted.bank.vectors).reshape(40, 40)
    measured = detector.measure(letterbox.fit(image, detector.side))
    assert measured == pytest.approx(maps.smooth(distances), abs=2e-3)


def test_the_same_picture_gives_the_same_map_bit_for_bit(fitted, detector):
    seen = letterbox.fit(GOOD.render(51).image, detector.side)
    first = detector.measure(seen)
    assert np.array_equal(first, detector.measure(seen))
    assert np.array_equal(first, AnomalyDetector.of(fitted.bank).measure(seen))


def test_the_same_pictures_give_the_same_bank(fitted):
    assert fit.fit(shown(range(8)), BACKBONE).bank.hash == fitted.bank.hash
    assert fit.fit(shown(range(8)), BACKBONE, seed=1).bank.hash != fitted.bank.hash


def test_the_limit_is_kept_by_the_share_of_good_pictures_that_was_asked(fitted):
    scores = [score for _, score in fitted.held_out]
    assert scores == sorted(scores, reverse=True)
    assert fitted.bank.limit == scores[0]
    assert fit.fit(shown(range(8)), BACKBONE, keep=0.5).bank.limit in scores[3:5]


def test_the_least_usual_picture_is_named():
    odd = fit.Picture("odd.png", flawed(GOOD.render(9).image))
    assert fit.fit([*shown(range(8)), odd], BACKBONE).held_out[0][0] == "odd.png"


def test_a_bank_is_bounded(fitted):
    assert fitted.bank.vectors.shape == (bank.MOST, sum(CHANNELS))
    assert len(fitted.bank.content) < 1_000_000


def test_a_bank_survives_its_file(fitted, tmp_path):
    bank.save(fitted.bank, fit.card("mine", fitted, "rendered parts"), tmp_path / "mine")
    again = bank.find("mine", [tmp_path])
    assert again.hash == fitted.bank.hash == registry.find("mine", [tmp_path]).hash
    assert np.array_equal(again.vectors, fitted.bank.vectors)
    assert again.limit == fitted.bank.limit
    assert registry.find("mine", [tmp_path]).classes == ("anomaly",)


def test_the_bank_that_had_the_name_before_stays_under_its_hash(fitted, tmp_path):
    other = bank.pack(fitted.bank.vectors, fitted.bank.scale, 0.9, fitted.bank.backbone, BACKBONE.hash)
    for kept in (fitted.bank, other, other):
        bank.save(kept, fit.card("mine", fitted, "rendered parts"), tmp_path / "mine")
    former = f"mine@{fitted.bank.hash[:12]}"
    assert sorted(place.name for place in tmp_path.iterdir()) == ["mine", former]
    assert bank.find("mine", [tmp_path]).hash == other.hash
    assert bank.find(former, [tmp_path]).hash == fitted.bank.hash


def test_a_card_says_what_is_unproven_and_how_far_each_good_picture_was_off(fitted):
    card = fit.card("mine", fitted, "rendered parts")
    assert card["unproven"]
    assert len(card["held_out"]) == card["pictures"] == 8
    assert card["backbone_hash"] == BACKBONE.hash


def test_a_card_says_which_files_a_bank_was_fitted_from(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(pictures.encode_whole(GOOD.render(number).image))
    taken = fit.read_pictures(tmp_path, least=2)
    card = fit.card("mine", fit.fit(taken, BACKBONE), "rendered parts")
    files = {learned.digest(file.read_bytes()) for file in tmp_path.iterdir()}
    assert learned.unpack(card[learned.KEY]) == files
    assert learned.KEY not in fit.card("mine", fit.fit([*taken, *shown([9])], BACKBONE), "rendered parts")


@pytest.mark.parametrize("change", ["limit", "vectors", "bytes"])
def test_a_bank_that_was_tampered_with_is_refused(fitted, tmp_path, change):
    bank.save(fitted.bank, fit.card("mine", fitted, "rendered parts"), tmp_path / "mine")
    file = tmp_path / "mine" / registry.BANK
    other = {
        "limit": changed(fitted.bank, limit=9.0),
        "vectors": changed(fitted.bank, vectors=fitted.bank.vectors[:5]),
        "bytes": b"no bank at all",
    }
    file.write_bytes(other[change])
    with pytest.raises(ModelError, match="is not the file that its card vouches for"):
        bank.find("mine", [tmp_path])


def odd_scale(spread):
    return Scale(np.zeros(sum(CHANNELS), np.float32), np.full(sum(CHANNELS), spread, np.float32))


@pytest.mark.parametrize(
    "change",
    [
        {"vectors": np.zeros((3, 4), np.float32)},
        {"vectors": np.zeros((0, sum(CHANNELS)), np.float32)},
        {"vectors": np.full((3, sum(CHANNELS)), np.nan, np.float32)},
        {"vectors": np.zeros((3, sum(CHANNELS)), np.float64)},
        {"limit": 0.0},
        {"limit": float("nan")},
        {"scale": odd_scale(0.0)},
    ],
)
def test_a_bank_out_of_bounds_is_refused(fitted, change):
    with pytest.raises(ValueError, match="out of bounds"):
        bank.read(changed(fitted.bank, **change))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no bank at all", b"\x93NUMPY"])
def test_bytes_that_are_no_bank_are_said(content):
    with pytest.raises(ValueError, match="no bank"):
        bank.read(content)


def test_a_detector_is_no_bank_and_no_backbone(tmp_path, fitted):
    model = write_model(tmp_path, "tiny")
    with pytest.raises(ModelError, match="holds no bank of good parts"):
        bank.find("tiny", [tmp_path])
    with pytest.raises(ModelError, match="gives no vectors of cells"):
        fit.fit(shown(range(2)), model)
    with pytest.raises(ModelError, match="another version of imagenet-lite0; fit it anew"):
        AnomalyDetector(fitted.bank, model)


def test_a_bank_never_takes_the_place_of_a_model(tmp_path):
    write_model(tmp_path, "tiny")
    for name in ("tiny", "weld-pipe", fit.BACKBONE):
        with pytest.raises(ModelError, match="is the name of a model"):
            bank.place(name, tmp_path)
    with pytest.raises(ModelError, match="cannot be a bank's name"):
        bank.place("../weld-1", tmp_path)
    assert bank.place("mine", tmp_path) == tmp_path / "mine"


def test_pictures_are_read_once_each_in_the_order_of_their_names(folder):
    place = folder(3)
    (place / "copy.png").write_bytes((place / "1.png").read_bytes())
    (place / "notes.txt").write_text("no picture")
    assert [picture.name for picture in fit.read_pictures(place, least=3)] == ["0.png", "1.png", "2.png"]


def test_too_few_pictures_are_said(folder):
    with pytest.raises(ModelError, match="holds 3 different pictures; put 20 good ones there"):
        fit.read_pictures(folder(3))


def test_pictures_that_cannot_be_learned_from_are_left_out_and_told(folder):
    place, noted = folder(2), []
    (place / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    cv2.imwrite(str(place / "dot.png"), np.zeros((1, 1, 3), np.uint8))
    shown = fit.read_pictures(place, 2, lambda what, where: noted.append((where, what)))
    assert [picture.name for picture in shown] == ["0.png", "1.png"]
    assert sorted(noted) == [
        ("broken.jpg", "only part of the picture arrived"),
        ("dot.png", "a side of the picture has less than 32 pixels"),
    ]
    with pytest.raises(ModelError, match="holds 2 different pictures; put 3 good ones there"):
        fit.read_pictures(place, least=3)


def test_a_folder_that_is_none_is_said(tmp_path):
    with pytest.raises(ModelError, match="is no folder"):
        fit.read_pictures(tmp_path / "nowhere")


def test_of_very_many_pictures_some_are_taken_evenly(folder, monkeypatch):
    monkeypatch.setattr(fit, "MOST_PICTURES", 3)
    names = [picture.name for picture in fit.read_pictures(folder(5), least=5)]
    assert names == ["0.png", "2.png", "4.png"]


def test_one_picture_gives_no_limit():
    with pytest.raises(ModelError, match="needs two good pictures"):
        fit.fit(shown([1]), BACKBONE)


def test_the_shipped_backbone_is_what_its_card_says():
    card = json.loads((BACKBONE.folder / "card.json").read_text())
    assert card["channels"] == sum(CHANNELS)
    assert card["bytes"] < 6_000_000
    assert card["export"]["worst"] <= card["export"]["tolerance"]
    assert "Apache License" in (BACKBONE.folder / "LICENSE").read_text()
