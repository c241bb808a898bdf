import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from vision import network, pictures, registry
from vision.anomaly import AnomalyDetector, fit
from vision.cameras import Run
from vision.detect import Detector
from vision.inspector import Inspector, preprocessing
from vision.judge import Recipe, digest
from vision.quality import Limits
from vision.records import Outcome, Verdict
from vision.testing import SIDE, picture, write_model

RECIPE = Recipe("demo")


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return Detector(write_model(tmp_path_factory.mktemp("models")))


@pytest.fixture
def inspector(detector):
    return Inspector("weld-1", detector, RECIPE)


def frame(encoded, view="front", ts=5):
    return Run("cam", view, "1", lambda: ts).frame(encoded, "part-1")


def shown(red, **more):
    return frame(pictures.encode_whole(picture(red)), **more)


@pytest.mark.parametrize(("red", "outcome"), [(20, Outcome.OK), (100, Outcome.REVIEW), (200, Outcome.NG)])
def test_a_picture_becomes_a_verdict(inspector, red, outcome):
    verdict = inspector.inspect([shown(red)])
    assert verdict.outcome is outcome
    assert (verdict.station, verdict.serial, verdict.part_number, verdict.ts) == (
        "weld-1",
        "part-1",
        "demo",
        5,
    )
    assert verdict.views[0].findings[0].label == "Weld"


def test_the_same_frames_give_the_same_bytes(inspector, detector):
    again = Inspector("weld-1", detector, RECIPE)
    assert inspector.inspect([shown(100)]).to_json() == again.inspect([shown(100)]).to_json()


def test_a_verdict_names_the_bytes_it_rests_on(inspector):
    seen = shown(100)
    assert inspector.inspect([seen]).views[0].frame_hash == hashlib.sha256(seen.encoded).hexdigest()


def test_a_verdict_survives_the_log(inspector):
    verdict = inspector.inspect([shown(200), frame(b"no picture", view="left")], attempt=3)
    assert Verdict.from_json(verdict.to_json()) == verdict
    assert verdict.attempt == 3


def test_the_latest_capture_is_the_verdicts_time(inspector):
    assert inspector.inspect([shown(0, ts=9), shown(0, ts=7)]).ts == 9


BAD = {
    "unknown_format": b"%PDF-1.7 not a picture",
    "half_picture": pictures.encode_jpeg(picture(20))[:900],
    "empty": b"",
    "too_small": pictures.encode_whole(picture(20)[:1, :1]),
    "shrunk_too_far": pictures.encode_whole(picture(20, side=11 * SIDE)),
}


@pytest.mark.parametrize("why", BAD)
def test_a_bad_picture_is_a_part_to_review(inspector, why):
    verdict = inspector.inspect([frame(BAD[why])])
    assert verdict.outcome is Outcome.REVIEW
    assert verdict.views[0].rejected == why
    assert verdict.reason.startswith("View front: ")


def test_a_frame_without_bytes_has_no_evidence(inspector):
    assert inspector.inspect([frame(b"")]).views[0].frame_hash == ""


def test_a_frame_that_came_decoded_is_taken_as_it_is(inspector):
    encoded = pictures.encode_whole(picture(200))
    decoded = replace(frame(encoded), image=picture(200))
    assert inspector.inspect([decoded]) == inspector.inspect([frame(encoded)])


def test_a_frame_that_its_camera_gave_up_is_not_decoded(inspector):
    given_up = replace(shown(20), defect="bad_metadata")
    assert inspector.inspect([given_up]).views[0].rejected == "bad_metadata"


def test_everything_that_a_verdict_depends_on_changes_its_versions(detector, inspector):
    other = Inspector("weld-1", detector, replace(RECIPE, reject_above=0.7)).versions
    assert other.recipe != inspector.versions.recipe
    assert (other.model, other.preprocessing) == (inspector.versions.model, inspector.versions.preprocessing)
    assert preprocessing(320) != preprocessing(640)
    assert preprocessing(320) != preprocessing(320, decodes=False)


def test_the_instructions_that_a_model_is_computed_with_change_its_verdicts_versions(monkeypatch):
    before = preprocessing(320)
    monkeypatch.setenv(network.INSTRUCTIONS, "AVX512_CORE_AMX")
    assert preprocessing(320) != before


def test_a_head_that_is_decoded_here_is_told_from_one_that_its_network_decodes(detector, inspector):
    assert not detector.decodes
    assert inspector.versions.preprocessing == digest(preprocessing(detector.model.input_size, decodes=False))
    model = registry.find("weld-sim")
    decoding = Inspector("weld-1", Detector(model), RECIPE)
    assert decoding.versions.preprocessing == digest(preprocessing(model.input_size, decodes=True))


@pytest.fixture(scope="module")
def anomaly():
    good = [fit.Picture(f"{seed}", picture(20, seed=seed)) for seed in range(6)]
    return AnomalyDetector.of(fit.fit(good, registry.find(fit.BACKBONE)).bank)


def marred():
    image = picture(20)
    image[20:40, 20:40] = (250, 120, 20)
    return frame(pictures.encode_whole(image))


def test_what_no_good_part_has_makes_a_part_to_review(detector, anomaly):
    inspector = Inspector("weld-1", detector, RECIPE, anomaly)
    assert inspector.inspect([shown(20)]).outcome is Outcome.OK
    verdict = inspector.inspect([marred()])
    assert verdict.outcome is Outcome.REVIEW
    assert verdict.reason.startswith("anomaly with score 0.")
    labels = [finding.label for finding in verdict.views[0].findings]
    assert (labels[0], labels[-1]) == ("Weld", "anomaly")
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_a_refused_frame_is_not_compared_with_good_parts(detector, anomaly):
    strict = replace(RECIPE, anomaly_reject_above=0.5, limits=Limits(sharpness=1e9))
    (view,) = Inspector("weld-1", detector, strict, anomaly).inspect([marred()]).views
    assert view.rejected == "blurred"
    assert "anomaly" not in {finding.label for finding in view.findings}


def test_a_bank_alone_is_enough(anomaly):
    inspector = Inspector("weld-1", None, RECIPE, anomaly)
    assert inspector.versions.model == anomaly.hash
    assert inspector.inspect([shown(20)]).outcome is Outcome.OK
    assert {item.label for item in inspector.inspect([marred()]).views[0].findings} == {"anomaly"}


def test_a_verdict_names_the_bank_it_rests_on(inspector, detector, anomaly):
    both = Inspector("weld-1", detector, RECIPE, anomaly).versions
    assert both == Inspector("weld-1", detector, RECIPE, anomaly).versions
    assert len({both.model, anomaly.hash, inspector.versions.model}) == 3
    assert both.preprocessing != inspector.versions.preprocessing
    assert inspector.versions.model == detector.model.hash


def test_an_inspector_without_anything_to_judge_by_is_refused():
    with pytest.raises(ValueError, match="needs a detector or a bank"):
        Inspector("weld-1", None, RECIPE)


@pytest.mark.data
def test_the_shipped_detector_judges_real_photographs_as_its_card_says():
    data = os.environ.get("SEAMLINE_DATA") or pytest.skip("SEAMLINE_DATA is not set")
    model = registry.find("weld-pipe")
    inspector = Inspector("weld-1", Detector(model), RECIPE)
    files = sorted(Path(data, "welds-pipe", "images").glob("*.jpg"))[::40]
    verdicts = [inspector.inspect([frame(file.read_bytes())]) for file in files]
    assert {verdict.views[0].rejected for verdict in verdicts} == {""}
    assert {Outcome.OK, Outcome.NG} <= {verdict.outcome for verdict in verdicts}
    labels = {finding.label for verdict in verdicts for finding in verdict.views[0].findings}
    assert {"Weld", "Surface_pores"} <= labels <= set(model.classes)
    card = json.loads((model.folder / "card.json").read_text())
    assert card["metrics"]["map50_unseen_shot"] > 0.5
