"""A station judges each part by the recipe of its part number, and by nobody else's."""

import errno
import os
import threading
from pathlib import Path
from typing import get_args

import pytest

from engine import recipe_versions
from engine.approvals.testing import vouch
from engine.inspectors import Inspectors, load_inspector
from engine.paths import Home
from engine.plant import GenicamCamera, Plant, PlantError, RecipeSection, VideoCamera, ZmqCamera, load
from engine.plant.stations import UsbControl
from engine.recipe import check, exposed, recipe_of, sections_of
from engine.release import Gate
from engine.station import Station
from engine.station_judge import StationJudge
from engine.station_models import Models
from engine.station_report import report
from engine.station_shadow import Shadow
from streams.log.abc import Kind
from streams.testing import KeptEntries
from vision import pictures
from vision.assembly import Part
from vision.cameras import Run, controls
from vision.judge import Recipe
from vision.records import Outcome, Verdict
from vision.testing import picture, write_model

OK, REVIEW, NG = 20, 100, 200
STRICT = {"name": "strict", "version": "2", "part_number": "A-1", "model": "tiny", "reject_above": 0.3}
MILD = {
    "name": "mild",
    "version": "1",
    "part_number": "B-2",
    "model": "tiny",
    "review_above": 0.6,
    "reject_above": 0.9,
}


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home").create()
    model = write_model(home.models)
    for number in ("A-1", "B-2"):
        vouch(home, model, number)
    return home


def plant_of(part_number="A-1", recipes=("strict", "mild"), **settings):
    camera = {"kind": "zeromq", "name": "cam", "endpoint": "ipc:///nowhere"}
    station = {"name": "weld-1", "cameras": [camera], "recipes": list(recipes), "part_number": part_number}
    return Plant.model_validate({"name": "p", "recipes": [STRICT, MILD], "stations": [station | settings]})


def judge_of(home, plant):
    (section,) = plant.stations
    gate = Gate("weld-1", home, {}, "", None, lambda: 0)
    recipes = sections_of(section, plant)
    inspectors = Inspectors(load_inspector("weld-1", recipe, home) for recipe in recipes)
    return StationJudge("weld-1", inspectors, gate)


def inspect(home, plant, red=REVIEW, number=None):
    (section,) = plant.stations
    judge = judge_of(home, plant)
    frame = Run("cam", "front", "1", lambda: 5).frame(pictures.encode_whole(picture(red)), "p1")
    return judge, next(judge.turn(number or section.part_number)([Part("p1", 1, (frame,))]))


@pytest.mark.parametrize(
    ("number", "outcome", "recipe"), [("A-1", Outcome.NG, "strict 2"), ("B-2", Outcome.OK, "mild 1")]
)
def test_the_part_number_selects_the_recipe(home, number, outcome, recipe):
    plant = plant_of(number)
    _, verdict = inspect(home, plant)
    assert (verdict.outcome, verdict.recipe, verdict.part_number) == (outcome, recipe, number)
    assert (
        verdict.versions.recipe == recipe_of(sections_of(plant.stations[0], plant)[recipe == "mild 1"]).hash
    )


def test_an_unknown_part_number_is_never_judged_by_anothers_recipe(home):
    judge, verdict = inspect(home, plant_of("C-3"), red=OK)
    assert (verdict.outcome, verdict.part_number) == (Outcome.REVIEW, "C-3")
    assert verdict.reason == judge.troubles["recipe"] == "No recipe for part number C-3 at this station."
    assert (verdict.decision.rule, verdict.versions.model, verdict.recipe) == ("recipe", "", "")
    (view,) = verdict.views
    assert (view.rejected, view.width, len(view.frame_hash), view.findings) == ("no_recipe", 64, 64, ())


def test_the_trouble_ends_with_the_next_part_that_has_a_recipe(home):
    plant = plant_of()
    judge = judge_of(home, plant)
    frame = Run("cam", "front", "1", lambda: 5).frame(pictures.encode_whole(picture(OK)), "p1")
    part = Part("p1", 1, (frame,))
    assert next(judge.turn("C-3")([part])).outcome is Outcome.REVIEW
    assert next(judge.turn("A-1")([part])).outcome is Outcome.OK
    assert judge.troubles == {}


@pytest.fixture
def judged(home):
    """Give a function that starts a station anew with a changed recipe strict, and returns its verdict."""

    def judge(**changes):
        recipe = STRICT | changes
        told = {"name": "weld-1", "cameras": cameras("zeromq"), "recipes": ["strict"]}
        told["part_number"] = recipe["part_number"]
        plant = Plant.model_validate({"name": "p", "recipes": [recipe], "stations": [told]})
        producer = KeptEntries()
        judge.stats = run(Station(plant.stations[0], plant, home, producer, shots(("p1", REVIEW))))
        return verdicts(producer)[0]

    return judge


def test_a_version_of_a_recipe_says_for_ever_what_it_said_when_it_was_first_judged_by(judged):
    assert judged().outcome is Outcome.NG
    verdict = judged(reject_above=0.9)
    assert (verdict.outcome, verdict.decision.rule, verdict.versions.model) == (Outcome.REVIEW, "recipe", "")
    assert verdict.reason == (
        "Recipe strict 2 is not what parts were judged by under this version, or its rule set or a reference"
        " is not: raise the version, or put back what was there."
    )
    assert verdict.views[0].rejected == "no_recipe"
    assert [part.trouble for part in report(judged.stats, None).parts if part.trouble] == [verdict.reason]
    assert judged(reject_above=0.9, version="3").outcome is Outcome.REVIEW
    assert judged(reject_above=0.9, version="3").decision.rule == "score"
    assert judged().outcome is Outcome.NG, "what was there was put back"


def test_a_version_that_no_part_was_judged_by_may_still_be_changed(judged):
    assert judged(version="3", part_number="C-3").reason.startswith("Nobody signed the model tiny")
    assert judged(version="3").outcome is Outcome.NG


def test_a_version_that_cannot_be_noted_or_read_is_not_judged_by(home, judged, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(recipe_versions, "write_file", no_room)
        assert judged().reason == (
            "Recipe strict 2 cannot be noted: No space left on device; make room on the disk."
        )
    assert judged().outcome is Outcome.NG
    (file,) = home.stations.glob("*.recipe")
    file.write_bytes(b"{")
    assert judged().reason.startswith("Recipe strict 2 is not what parts were judged by")


def no_room(file, content):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Shots:
    """A camera that shows pairs of serial and red level."""

    live = True

    def __init__(self, run, shots):
        self._run, self._shots = run, iter(shots)

    def read(self):
        serial, red = next(self._shots, (None, 0))
        return None if serial is None else self._run.frame(pictures.encode_whole(picture(red)), serial)

    def close(self):
        pass


def shots(*pairs):
    return lambda section, run, number, stop: Shots(run, pairs)


def run(station):
    station.run(threading.Event())
    return station.stats()


def verdicts(producer):
    return [Verdict.from_json(payload) for payload in producer.of(Kind.VERDICT)]


def test_a_station_without_the_recipe_reviews_every_part_and_says_so(home):
    plant, producer = plant_of("C-3"), KeptEntries()
    station = Station(plant.stations[0], plant, home, producer, shots(("p1", OK), ("p2", NG)))
    stats = run(station)
    assert [verdict.outcome for verdict in verdicts(producer)] == ["REVIEW", "REVIEW"]
    assert (stats.frames.inspected, stats.frames.dropped, stats.frames.open) == (0, 2, 0)
    troubles = {part.kind: part.trouble for part in report(stats, None).parts if part.trouble}
    assert troubles == {"recipe": "No recipe for part number C-3 at this station."}


def test_a_camera_that_freezes_makes_its_parts_review(home):
    plant, producer = plant_of(), KeptEntries()
    run(Station(plant.stations[0], plant, home, producer, shots(("p1", OK), ("p2", OK), ("p3", OK + 1))))
    assert [(verdict.outcome.value, verdict.views[0].rejected) for verdict in verdicts(producer)] == [
        ("OK", ""),
        ("REVIEW", "frozen"),
        ("OK", ""),
    ]


def cameras(*kinds):
    more = {
        "genicam": {"producer": "x.cti"},
        "rtsp": {"address": "rtsp://x"},
        "video": {"path": "0"},
        "zeromq": {"endpoint": "ipc:///x"},
    }
    return [{"kind": kind, "name": "cam", **more[kind]} for kind in kinds]


@pytest.mark.parametrize(
    ("kind", "settings", "outcomes"),
    [
        ("genicam", {}, ["OK", "REVIEW", "OK"]),
        ("zeromq", {}, ["OK", "REVIEW", "OK"]),
        ("video", {}, ["OK", "REVIEW", "OK"]),
        ("rtsp", {}, ["OK", "OK", "OK"]),
        ("rtsp", {"identity": {"serial": "station"}}, ["OK", "REVIEW", "OK"]),
    ],
)
def test_a_camera_that_tells_no_serial_is_seen_to_freeze(home, kind, settings, outcomes):
    plant, producer = plant_of(cameras=cameras(kind), **settings), KeptEntries()
    run(Station(plant.stations[0], plant, home, producer, shots(("", OK), ("", OK), ("", OK + 1))))
    assert [verdict.outcome.value for verdict in verdicts(producer)] == outcomes


def test_a_candidate_that_looks_on_sees_which_picture_froze(home, monkeypatch):
    seen = []
    monkeypatch.setattr(Shadow, "offer", lambda self, part, number: seen.append(part.frames[0].repeated))
    plant = plant_of()
    run(Station(plant.stations[0], plant, home, KeptEntries(), shots(("p1", OK), ("p2", OK))))
    assert seen == [False, True]


def test_recipes_of_one_model_share_it(home):
    plant = plant_of()
    inspectors = Models("weld-1", sections_of(plant.stations[0], plant), home).inspectors
    assert inspectors.of("A-1")._detector is inspectors.of("B-2")._detector


def test_a_recipe_sets_what_its_cameras_can_be_told():
    camera = GenicamCamera(
        kind="genicam", name="cam", producer=Path("x.cti"), settings={"Gain": 1, "ExposureTime": 9}
    )
    other = ZmqCamera(kind="zeromq", name="other", endpoint="ipc:///x")
    usb = VideoCamera(kind="video", name="usb", path="/dev/video0", settings={"gain": 3})
    (recipe,) = Plant.model_validate(
        {
            "name": "p",
            "recipes": [
                STRICT
                | {
                    "exposure": {
                        "cam": {"ExposureTime": 4000.0},
                        "other": {"X": 1},
                        "usb": {"exposure_ms": 4.0},
                    }
                }
            ],
        }
    ).recipes
    told, same, by_hand = exposed([camera, other, usb], recipe)
    assert told.settings == {"Gain": 1, "ExposureTime": 4000.0}
    assert same is other
    assert by_hand.settings == {"gain": 3, "exposure_ms": 4.0}


MASTERS = [{"serial": "OK-1", "expect": "OK"}, {"serial": "NG-1", "expect": "NG"}]


def recipe(**changes):
    return recipe_of(RecipeSection.model_validate(STRICT | changes))


def test_whatever_a_recipe_says_is_in_its_hash():
    exposures = [{"Gain": 1, "ExposureTime": 4000}, {"ExposureTime": 4000, "Gain": 1}, {"Gain": 2}]
    said = [
        *({"exposure": {"cam": told}} for told in exposures),
        *({"masters": masters} for masters in (MASTERS, MASTERS[::-1])),
        {"tolerance": {"light": 0.9}},
        {},
    ]
    assert len({recipe(**changes).hash for changes in said}) == len(said)


def test_a_recipe_that_names_no_conditions_keeps_the_hash_that_verdicts_of_before_have():
    bare = Recipe("A-1", reject_above=0.3, name="strict", version="2")
    assert recipe(exposure={}, masters=[], tolerance={"shift": 0.01}).hash == bare.hash


USB = {"kind": "video", "name": "cam", "path": "/dev/video0"}


@pytest.mark.parametrize(
    ("camera", "strict", "mild", "says"),
    [
        (
            {"kind": "zeromq", "name": "cam", "endpoint": "ipc:///x"},
            {"gain": 1},
            {"gain": 1},
            "a zeromq camera takes no exposure of a recipe; set it at the camera",
        ),
        (
            USB,
            {"white_balance_k": "auto"},
            {"white_balance_k": 1},
            "strict tells a USB camera white_balance_k: auto",
        ),
        (
            USB,
            {"exposure": 1},
            {"exposure": 1},
            "strict tells a USB camera exposure: 1; say a number for exposure_ms",
        ),
        (
            USB,
            {"exposure_ms": 4},
            {},
            "mild leaves exposure_ms as another recipe sets it; name it there, too",
        ),
    ],
)
def test_what_recipes_cannot_have_of_a_camera_is_refused(camera, strict, mild, says):
    recipes = [STRICT | {"exposure": {"cam": strict}}, MILD | {"exposure": {"cam": mild}}]
    station = {"name": "weld-1", "recipes": ["strict", "mild"], "cameras": [camera]}
    with pytest.raises(ValueError, match=says):
        Plant.model_validate({"name": "p", "recipes": recipes, "stations": [station]})


def test_a_plant_file_names_the_controls_that_there_are():
    assert set(get_args(UsbControl)) == set(controls.CONTROLS)


def test_recipes_may_leave_what_the_camera_has_of_its_own():
    recipes = [STRICT | {"exposure": {"cam": {"exposure_ms": 4}}}, MILD]
    station = {
        "name": "weld-1",
        "recipes": ["strict", "mild"],
        "cameras": [USB | {"settings": {"exposure_ms": 9}}],
    }
    assert Plant.model_validate({"name": "p", "recipes": recipes, "stations": [station]}).stations


@pytest.mark.parametrize(
    ("recipes", "says"),
    [
        ("[strikt]", "strikt is no recipe; did you mean strict?"),
        ("[strict, twin]", "part number A-1 has a recipe at this station already; keep one."),
    ],
)
def test_recipes_that_do_not_fit_are_told_with_their_place(tmp_path, recipes, says):
    text = (
        "name: p\n"
        "recipes:\n"
        "  - {name: strict, version: '1', part_number: A-1}\n"
        "  - {name: twin, version: '1', part_number: A-1}\n"
        f"stations: [{{name: w, cameras: [], recipes: {recipes}}}]\n"
    )
    file = tmp_path / "plant.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PlantError, match=says):
        load(file)


def test_master_parts_need_a_reference_in_every_view(tmp_path):
    (tmp_path / "top.png").touch()
    plain = plant_of().model_dump()
    plain["recipes"][0] |= {"views": ["top", "side"], "references": {"top": tmp_path / "top.png"}}
    check(Plant.model_validate(plain))
    plain["recipes"][0] |= {"masters": MASTERS}
    with pytest.raises(PlantError) as caught:
        check(Plant.model_validate(plain))
    assert str(caught.value) == (
        "Recipe strict has nothing to compare light, focus and position of its master parts with in view"
        " side; add references there, pictures of a good part in its fixture, and leave out masters until you"
        " have them."
    )
    plain["recipes"][0]["references"]["side"] = tmp_path / "top.png"
    check(Plant.model_validate(plain))


def test_a_reference_that_is_not_there_is_one_sentence(tmp_path):
    plant = plant_of(references={"top": str(tmp_path / "none.png")})
    with pytest.raises(PlantError, match=r"The reference picture .*none\.png cannot be read: No such file"):
        check(plant)
