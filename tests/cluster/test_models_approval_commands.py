"""From a person's key to a model in use, as people type it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster import training
from engine.approvals.gate import as_measured
from engine.plant import FolderCamera, Plant, RecipeSection, StationSection, save
from vision import learned, pictures, registry
from vision.card import sha256
from vision.judge import Recipe
from vision.testing import picture, write_model, write_onnx

Command = Callable[..., Any]
SOUND, FLAWED = 20, 200
LIMITS = ("--most-escapes=0.4", "--most-overkill=0.4")
COMPARED = {"export": {"map50_trained": 0.8, "map50_exported": 0.8, "detections": 9, "disagreeing": 0}}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep the keys of a test's people in its own folder."""
    monkeypatch.setenv("SEAMLINE_KEYS", str(tmp_path / "keys"))
    return tmp_path / "keys"


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """Give a frozen set of two sound and two flawed parts."""
    for kind, red in (("good", SOUND), ("bad", FLAWED)):
        place = tmp_path / "frozen" / kind
        place.mkdir(parents=True)
        for number in range(2):
            (place / f"{number}.png").write_bytes(pictures.encode_whole(picture(red, seed=number)))
    return tmp_path / "frozen"


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """Give a plant file whose station judges part number 4711 by the model ``tiny``."""
    camera = FolderCamera(kind="folder", name="cam", path=tmp_path)
    section = StationSection(name="weld", cameras=[camera], model="tiny", part_number="4711")
    save(Plant(name="hall", stations=[section]), tmp_path / "hall.yaml")
    return tmp_path / "hall.yaml"


def export(tmp_path: Path, number: int, blind: bool = False) -> Path:
    """Write a version of the tiny model; a blind one calls pores welds."""
    model = write_model(tmp_path / f"export-{number}", "tiny")
    xml = model.folder / "model.xml"
    xml.write_bytes(xml.read_bytes() + b"\n" * number)
    card = registry.read_card(model.folder)
    classes = ["good", "Weld", "Surface_pores"] if blind else card["classes"]
    files = card["files"] | {"model.xml": sha256(xml)}
    told = card | {"files": files, "metrics": COMPARED, "classes": classes}
    (model.folder / "card.json").write_text(json.dumps(told))
    return model.folder


def test_a_model_comes_into_use_and_goes_back(
    seamline: Command, tmp_path: Path, frozen: Path, plant: Path, keys: Path
) -> None:
    hashes = [seamline("models", "register", export(tmp_path, n), "--json").json["hash"] for n in (0, 1)]
    assert seamline("models", "key", "Wang Fang").code == 0
    assert (keys / "Wang Fang.pem").stat().st_mode & 0o777 == 0o600
    refused = seamline("models", "sign", "tiny", "--part-number=4711", "--by=Wang Fang")
    assert refused.code == 2
    assert "was not measured on a frozen set" in refused.words
    at_weld = ("--station=weld", f"--plant={plant}")
    for model in hashes:
        gated = seamline("models", "gate", model, f"--set={frozen}", *at_weld, *LIMITS, "--json").json
        assert (gated["figures"]["escaped"], gated["figures"]["overkill"], gated["failed"]) == (0, 0, "")
        scope = ("--part-number=4711", "--station=weld")
        signed = seamline("models", "sign", model, *scope, "--by=Wang Fang", "--json").json
        assert (signed["person"], signed["gate"]["set"]) == ("Wang Fang", gated["set"])
        assert "Measure it" not in seamline("models", "sign", model, *scope, "--by=Wang Fang").words
    used = [*at_weld, "--by=Wang Fang", "--json"]
    assert seamline("models", "promote", hashes[1][:12], *used).json["hash"] == hashes[1]
    assert "in use already" in seamline("models", "promote", hashes[1], *used).json["error"]
    assert seamline("models", "rollback", *used, "--reason=to see").json["hash"] == hashes[0]
    deeds = [entry["deed"] for entry in seamline("models", "approvals", "--json").json]
    assert deeds == ["enrol", *["sign"] * 4, "promote", "rollback"]
    assert "to see" in seamline("models", "approvals").words


def test_an_export_in_onnx_goes_the_same_way_once_it_was_compared(
    seamline: Command, tmp_path: Path, frozen: Path, plant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seamline("models", "register", export(tmp_path, 0), "--json")
    file = write_onnx(tmp_path / "tiny.onnx")
    model = seamline("models", "register", file, "--json").json["hash"]
    at = ("--station=weld", f"--plant={plant}", "--json")
    assert seamline("models", "shadow", model, *at).json["shadow"] == model
    gate = ("models", "gate", model, f"--set={frozen}", *at)
    assert "--trained" in seamline(*gate).json["error"]
    seamline("models", "key", "Wang Fang")
    assert "--trained" in seamline("models", "sign", model, "--part-number=4711", "--by=Wang Fang").words

    monkeypatch.setattr(training, "find_python", lambda: Path("python"))
    monkeypatch.setattr(training, "run_module", partial(compared, training.run_module))
    data = data_set(tmp_path / "set")
    (tmp_path / "best.pt").write_bytes(b"weights")
    given = (f"--trained={tmp_path / 'best.pt'}", f"--data={data}")
    again = seamline("models", "register", file, *given, "--json").json
    assert again["hash"] == model
    assert seamline(*gate).json["failed"] == ""
    signing = ("models", "sign", model, "--part-number=4711", "--station=weld", "--by=Wang Fang")
    assert seamline(*signing, "--json").code == 0
    used = (*at, "--by=Wang Fang")
    assert seamline("models", "promote", model, *used).json["hash"] == model
    first = registry.find("tiny", [tmp_path / "home" / "models"])
    assert first.hash != model
    pairs = seamline("models", "compare", first.hash, model, f"--pictures={frozen / 'bad'}", "--json").json
    assert pairs["agreement"] == {"NG NG": 2}


def compared(run: Command, python: Path, module: str, arguments: list[str]) -> None:
    """Stand in the training environment's place: the export is as good as what it was made from."""
    if module != "vision.comparing":
        run(python, module, arguments)
        return
    assert "--split=split" in arguments
    folder = Path(arguments[0])
    (folder / "card.json").write_text(json.dumps(registry.read_card(folder) | {"metrics": COMPARED}))


def data_set(place: Path) -> Path:
    """Write a data set of two welds, one on each side."""
    for part in ("images", "labels"):
        (place / part).mkdir(parents=True)
    (place / "classes.txt").write_text("good\nSurface_pores\nWeld\n")
    (place / "splits.csv").write_text("image,weld_group,split\na.png,A,train\nb.png,B,test\n")
    return place


def test_a_model_that_passes_more_defective_parts_fails_and_is_not_signed(
    seamline: Command, tmp_path: Path, frozen: Path, plant: Path
) -> None:
    seamline("models", "register", export(tmp_path, 0), "--json")
    blind = seamline("models", "register", export(tmp_path, 1, blind=True), "--json").json["hash"]
    seamline("models", "key", "Wang Fang")
    gated = seamline("models", "gate", blind, f"--set={frozen}", "--station=weld", f"--plant={plant}")
    assert gated.code == 1
    assert "sound parts" in gated.words or "defective parts" in gated.words
    for asked in ((), LIMITS, ("--most-escapes=0.99", "--most-overkill=0.99")):
        seamline("models", "gate", blind, f"--set={frozen}", "--part-number=4711", *asked)
        ended = seamline("models", "sign", blind, "--part-number=4711", "--by=Wang Fang")
        assert "failed on the set frozen" in ended.words


def test_a_first_model_is_held_against_declared_limits_and_can_fail(
    seamline: Command, tmp_path: Path, frozen: Path
) -> None:
    blind = seamline("models", "register", export(tmp_path, 1, blind=True), "--json").json["hash"]
    gate = ("models", "gate", blind, f"--set={frozen}")
    assert "say what the model is measured for" in seamline(*gate, *LIMITS).words
    assert "declare what it may do" in seamline(*gate, "--part-number=4711", LIMITS[0]).words
    without = ("--part-number=4711", "--most-escapes=1", LIMITS[1])
    assert "A limit of all parts is none" in seamline(*gate, *without).words
    ended = seamline(*gate, "--part-number=4711", *LIMITS, "--json")
    assert ended.code == 1
    assert ended.json["failed"] == "it rejects 2 of 2 sound parts, 40 % may be"
    assert ended.json["learned_from"] == "what it learned from is not known"
    assert ended.json["limits"] == {"most_escapes": 0.4, "most_overkill": 0.4}


def test_who_signs_a_bank_that_nobody_measured_is_told_how_to_measure_it(
    seamline: Command, tmp_path: Path, frozen: Path
) -> None:
    bank = seamline("train", "anomaly", frozen / "good", "--good=2", "--name=sockets", "--json").json["hash"]
    seamline("models", "key", "Wang Fang")
    signing = ("models", "sign", "sockets", "--part-number=4711", "--by=Wang Fang")
    told = f"Measure it: seamline models gate sockets@{bank[:12]} --set FOLDER --part-number 4711;"
    assert told in " ".join(seamline(*signing).words.split())


def test_a_model_that_leaves_all_to_review_is_beyond_the_limit_of_review(
    seamline: Command, tmp_path: Path, frozen: Path
) -> None:
    seamline("models", "register", export(tmp_path, 0), "--json")
    section = StationSection(name="weld", cameras=[], part_number="4711", model="tiny")
    unsure = section.model_copy(update={"review_above": 0.01, "reject_above": 0.99})
    save(Plant(name="p", stations=[unsure]), tmp_path / "p.yaml")
    gate = ("models", "gate", "tiny", f"--set={frozen}", "--station=weld", f"--plant={tmp_path / 'p.yaml'}")
    assert seamline(*gate, *LIMITS, "--json").json["failed"] == ""
    told = seamline(*gate, *LIMITS, "--most-review=0.2", "--json").json
    assert told["failed"] == "it leaves 100.0% of the parts to review, 20 % may be"
    assert told["limits"]["most_review"] == 0.2


def test_what_failed_at_some_bands_is_not_signed_for_others(
    seamline: Command, tmp_path: Path, frozen: Path, home: Path
) -> None:
    model = seamline("models", "register", export(tmp_path, 0), "--json").json["hash"]
    file = tmp_path / "bands.yaml"
    gate = ("models", "gate", model, f"--set={frozen}", "--station=weld", f"--plant={file}", *LIMITS)
    for lower, upper in ((0.01, 0.02), (0.25, 0.5)):
        section = StationSection(name="weld", cameras=[], part_number="4711", model="tiny")
        bands = section.model_copy(update={"review_above": lower, "reject_above": upper})
        save(Plant(name="p", stations=[bands]), file)
        told = seamline(*gate, "--json").json
    assert told["failed"] == ""
    seamline("models", "key", "Wang Fang")
    assert len(list((home / "models" / ".gates").glob("*.json"))) == 2
    ended = seamline("models", "sign", model, "--part-number=4711", "--station=weld", "--by=Wang Fang")
    assert "failed on the set frozen" in ended.words


def judging(file: Path, *bands: tuple[float, float], recipes: Sequence[tuple[float, float]] = ()) -> str:
    """Write a plant that judges 4711 by these bands, at stations or by recipes; return how it is named."""
    told = [{"review_above": review, "reject_above": reject} for review, reject in (*bands, *recipes)]
    sections = [
        StationSection(name=f"w{number}", cameras=[], part_number="4711", model="tiny", **bands)
        for number, bands in enumerate(told[: len(bands)])
    ]
    versions = [
        RecipeSection(name="bracket", version=str(number), part_number="4711", model="tiny", **bands)
        for number, bands in enumerate(told[len(bands) :])
    ]
    save(Plant(name="p", stations=sections, recipes=versions), file)
    return f"--plant={file}"


@pytest.mark.parametrize(
    "plant",
    [
        {"bands": [(0.8, 0.9)]},
        {"bands": [(0.8, 0.9), (0.8, 0.9)]},
        {"bands": [(0.8, 0.9)], "recipes": [(0.25, 0.5)]},
        {"bands": [], "recipes": [(0.8, 0.9)]},
    ],
)
def test_a_part_number_is_measured_as_the_plants_stations_judge_it(
    seamline: Command, tmp_path: Path, frozen: Path, plant: dict[str, Any]
) -> None:
    seamline("models", "register", export(tmp_path, 0), "--json")
    there = judging(tmp_path / "p.yaml", *plant["bands"], recipes=plant.get("recipes", ()))
    gate = ("models", "gate", "tiny", f"--set={frozen}", "--part-number=4711", there, *LIMITS)
    assert seamline(*gate, "--json").json["bands"] == [0.8, 0.9]


def test_stations_that_see_a_part_from_other_sides_measure_it_alike() -> None:
    left = Recipe("4711", views=("left",))
    right = Recipe("4711", views=("right",), mm_per_pixel=(("right", 0.05),), name="r", version="2")
    assert as_measured(left) == as_measured(right)
    assert as_measured(left) != as_measured(replace(left, reject_above=0.9))
    scaled = replace(right, rule_set=left.rules)
    assert as_measured(scaled) != as_measured(replace(scaled, mm_per_pixel=(("right", 0.06),)))


def test_a_part_number_that_stations_judge_differently_is_measured_for_one_of_them(
    seamline: Command, tmp_path: Path, frozen: Path
) -> None:
    seamline("models", "register", export(tmp_path, 0), "--json")
    there = judging(tmp_path / "p.yaml", (0.25, 0.5), (0.8, 0.9))
    gate = ("models", "gate", "tiny", f"--set={frozen}", "--part-number=4711", there, *LIMITS, "--json")
    told = seamline(*gate).json["error"]
    assert "station w0 and station w1 judge part number 4711 differently; name with --station" in told
    assert seamline(*gate, "--station=w1").json["bands"] == [0.8, 0.9]


def test_who_promotes_what_was_measured_with_other_bands_is_told(
    seamline: Command, tmp_path: Path, frozen: Path
) -> None:
    hashes = [seamline("models", "register", export(tmp_path, n), "--json").json["hash"] for n in (0, 1)]
    seamline("models", "key", "Wang Fang")
    there = judging(tmp_path / "p.yaml", (0.25, 0.5))
    for model in hashes:
        seamline("models", "gate", model, f"--set={frozen}", "--part-number=4711", there, *LIMITS)
        seamline("models", "sign", model, "--part-number=4711", "--by=Wang Fang")
    used = ("--station=w0", there, "--by=Wang Fang")
    alike = seamline("models", "promote", hashes[1], *used)
    assert (alike.code, "was measured" in alike.words) == (0, False)
    judging(tmp_path / "p.yaml", (0.8, 0.9))
    assert (
        "It was measured with review_above 0.25 and reject_above 0.5, the station has 0.8 and 0.9: measure it"
        " again with --station w0, and sign it."
    ) in seamline("models", "promote", hashes[0], *used).words


def test_a_set_that_the_model_learned_from_is_refused(
    seamline: Command, tmp_path: Path, frozen: Path
) -> None:
    folder = export(tmp_path, 0)
    card = registry.read_card(folder)
    for name, text in (("knows", learned.pack([learned.digest(b"another")])), ("spoilt", "AAAA")):
        (folder / "card.json").write_text(json.dumps(card | {learned.KEY: text, "name": name}))
        seamline("models", "register", folder)
    gate = ("--part-number=4711", *LIMITS, "--json")
    told = seamline("models", "gate", "knows", f"--set={frozen}", *gate).json
    assert told["learned_from"] == "it learned from none of the set's pictures"
    ended = seamline("models", "gate", "spoilt", f"--set={frozen}", *gate)
    assert "is spoilt: 3 bytes are no digests" in ended.json["error"]
    (frozen / "good" / "0.png").write_bytes(b"another")
    ended = seamline("models", "gate", "knows", f"--set={frozen}", *gate)
    assert ended.code == 2
    assert "learned from 1 of the 4 pictures of the set frozen" in ended.json["error"]


def test_a_set_without_defective_parts_is_refused(seamline: Command, tmp_path: Path, frozen: Path) -> None:
    seamline("models", "register", export(tmp_path, 0), "--json")
    for file in (frozen / "bad").iterdir():
        file.unlink()
    ended = seamline("models", "gate", "tiny", f"--set={frozen}", "--part-number=4711", *LIMITS)
    assert "holds no defective part" in ended.words


def test_another_label_is_another_set(seamline: Command, tmp_path: Path, frozen: Path) -> None:
    seamline("models", "register", export(tmp_path, 0), "--json")
    asked = ("tiny", f"--set={frozen}", "--part-number=4711", *LIMITS)
    first = seamline("models", "gate", *asked, "--json").json["set"]
    assert seamline("models", "gate", *asked, "--json").json["set"] == first
    (frozen / "bad" / "1.png").rename(frozen / "good" / "9.png")
    assert seamline("models", "gate", *asked, "--json").json["set"] != first
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no set" in seamline("models", "gate", "tiny", f"--set={empty}", *asked[2:]).words


def test_pictures_of_one_part_are_gated_together(seamline: Command, tmp_path: Path, frozen: Path) -> None:
    seamline("models", "register", export(tmp_path, 0), "--json")
    asked = ("models", "gate", "tiny", f"--set={frozen}", "--part-number=4711", *LIMITS)
    alone = seamline(*asked, "--json").json
    assert (alone["counted"], alone["figures"]["parts"], alone["figures"]["defective"]) == ("pictures", 4, 2)
    assert "Each picture counts as a part" in seamline(*asked).words
    (frozen / "bad" / "2.png").write_bytes(pictures.encode_whole(picture(SOUND, seed=7)))
    blind = seamline(*asked, "--json").json
    assert blind["figures"]["escaped"] == 1
    (frozen / "splits.csv").write_text("image,part\nbad/1.png,a\nbad/2.png,a\ngood/0.png,b\ngood/1.png,b\n")
    told = seamline(*asked, "--json").json
    assert (told["counted"], told["figures"]["parts"], told["figures"]["escaped"]) == ("parts", 3, 0)
    assert told["figures"]["sound"] == 1
    assert told["set"] != blind["set"]
    assert "3 parts" in seamline(*asked).words


def test_only_who_was_let_in_signs(seamline: Command, tmp_path: Path, frozen: Path) -> None:
    seamline("models", "register", export(tmp_path, 0), "--json")
    seamline("models", "gate", "tiny", f"--set={frozen}", "--part-number=4711", *LIMITS, "--json")
    seamline("models", "key", "Wang Fang")
    made = seamline("models", "key", "Li Wei", "--json").json
    sign = ("models", "sign", "tiny", "--part-number=4711")
    assert "Nobody enrolled Li Wei" in seamline(*sign, "--by=Li Wei").words
    assert seamline("models", "enrol", "Li Wei", made["public_key"], "--by=Wang Fang").code == 0
    assert seamline(*sign, "--by=Li Wei").code == 0
    stolen = seamline(*sign, "--by=Wang Fang", f"--key={made['file']}")
    assert "The key is not that of Wang Fang" in stolen.words
    assert seamline("models", "retire", "Li Wei", "--by=Wang Fang").code == 0
    assert "Nobody enrolled Li Wei" in seamline(*sign, "--by=Li Wei").words
    taken = seamline("models", "withdraw", "tiny", "--part-number=4711", "--by=Wang Fang", "--reason=worse")
    assert taken.code == 0


def test_a_locked_key_asks_for_its_passphrase(
    seamline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.approvals import keys

    seamline("models", "key", "Wang Fang")
    keys.place("Wang Fang").unlink()
    keys.make(keys.place("Wang Fang"), "secret")
    monkeypatch.setenv("SEAMLINE_PASSPHRASE", "wrong")
    assert "its passphrase is another" in seamline("models", "retire", "Li Wei", "--by=Wang Fang").words
    monkeypatch.setenv("SEAMLINE_PASSPHRASE", "secret")
    assert "Li Wei is not enrolled" in seamline("models", "retire", "Li Wei", "--by=Wang Fang").words


def test_a_station_that_is_none_is_said(seamline: Command, tmp_path: Path, plant: Path) -> None:
    seamline("models", "register", export(tmp_path, 0), "--json")
    seamline("models", "key", "Wang Fang")
    used = ("models", "promote", "tiny", "--by=Wang Fang", "--station=other")
    assert "the plant file names weld" in seamline(*used, f"--plant={plant}", "--json").json["error"]
    assert "name its plant file with --plant" in seamline(*used, "--json").json["error"]
