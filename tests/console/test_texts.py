import ast
import errno
import os
import re
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import onnx
import pytest

import engine.console
from engine import recipe_versions
from engine.appender import behind
from engine.approvals.ledger import Approvals
from engine.console.data import LOSSES
from engine.console.icons import SHAPES
from engine.console.locale import Locale, number, percent, short
from engine.console.texts import CATALOG, CHINESE, CHINESE_DOUBTS, ENGLISH, HTML_LANGUAGES, LANGUAGES, REASONS
from engine.handshake.reasons import MISDEEDS, Doubt
from engine.handshake.reasons import REASONS as REASONS_OF_LINES
from engine.paths import Home
from engine.plant import StationSection
from engine.recipe import rules_of
from engine.recovery import upheld
from engine.station_models import misfit
from engine.vocabulary import unknown
from streams.catalog import STATES
from vision import adopt, registry
from vision.canvas import Canvas
from vision.detect import Detector
from vision.judge import SENTENCES, Recipe
from vision.records import Outcome
from vision.testing import write_onnx

SHANGHAI = ZoneInfo("Asia/Shanghai")
ENGLISH_READER, CHINESE_READER = Locale("en", SHANGHAI), Locale("zh", SHANGHAI)
HAN = re.compile(r"[\u4e00-\u9fff]")


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def keys_asked_for():
    """Every literal key that the console's modules say."""
    for path in Path(engine.console.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say"
            if called and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


def test_every_key_exists_in_every_language():
    assert CATALOG.keys() == LANGUAGES.keys() == HTML_LANGUAGES.keys()
    assert ENGLISH.keys() == CHINESE.keys()


def test_fields_agree_between_languages():
    assert [key for key in ENGLISH if fields(ENGLISH[key]) != fields(CHINESE[key])] == []


def test_chinese_is_chinese():
    formats = {"anomaly.now"}
    assert [key for key, text in CHINESE.items() if not HAN.search(text) and key not in formats] == []


BEHIND = behind(SimpleNamespace(received=28_800_000_000), 0)
STANDS = upheld(SimpleNamespace(last=0, whole=0), 0)[0].trouble


def test_keys_asked_for_exist():
    assert len(set(keys_asked_for())) > 30
    assert set(keys_asked_for()) <= ENGLISH.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_the_line_can_say_has_a_text_and_a_sign(language):
    names = [f"outcome.{item}" for item in Outcome] + [f"state.{item}" for item in STATES]
    names += [f"loss.{item}" for item in (*LOSSES, "calendar", "effective")]
    assert set(names) <= CATALOG[language].keys()
    assert {*Outcome, *STATES} <= SHAPES.keys()


@pytest.mark.parametrize("reason", REASONS_OF_LINES, ids=lambda reason: reason.name)
def test_every_reason_of_a_line_is_said_in_chinese_and_counted_by_a_name(reason):
    said = str(Doubt(reason, "0.5"))
    assert HAN.search(CHINESE_READER.reason(said))
    assert ENGLISH_READER.reason(said) == said
    assert f"handshake.{reason.name}" in ENGLISH
    assert {f"handshake.{name}" for name in MISDEEDS} <= ENGLISH.keys()


@pytest.mark.parametrize(
    "sentence",
    [
        "The PLC at 10.0.0.5:502 stands: its heartbeat does not change.",
        "The PLC at 10.0.0.5:502 does not answer: Connection refused.",
        "The PLC at 10.0.0.5:502 did not acknowledge the answer to part 7 in time.",
        "The PLC at 10.0.0.5:502 did not lower its signals to part 7 in time.",
        "Reject A-17 was not seen in its bin within 0.5 s; find it and release the line.",
        "A part that was not rejected fell into the bin; find it and release the line.",
        "The scanner at 10.0.0.6:2001 does not answer: the connection ended.",
        "The adapter at 10.0.0.9:7878 is gone: its machine is unplugged or switched off.",
        "The adapter at 10.0.0.9:7878 is gone: it said nothing for 0.5 s.",
        "The adapter at 10.0.0.9:7878 is gone: it missed its heartbeats.",
        "The times of mill-adapter are 28800 s ahead of the plant's; set its clock by a time server, or write"
        " the timezone of its times into the plant file.",
        "The times of boards are 90 s behind the plant's; set its clock by a time server, or write"
        " the timezone of its times into the plant file.",
        "No camera is read yet.",
        "The log /srv/log/line-1 takes no more entries (it holds 9 of 9 bytes) until its archive is written"
        " or there is room on the disk.",
        "The archive /srv/out/line-1 cannot be written: No space left on device.",
        BEHIND,
        STANDS,
    ],
)
def test_troubles_of_a_line_are_said_in_chinese(sentence):
    assert HAN.search(CHINESE_READER.trouble(sentence))
    assert ENGLISH_READER.trouble(sentence) == sentence


@pytest.mark.parametrize(
    ("recorded", "english", "chinese"),
    [
        (
            "Surface_pores with score 0.83 in view front.",
            "Surface pores with score 0.83 in view front.",
            "视角 front 检出表面气孔",
        ),
        (
            "crater with score 0.31 in view top lies in the review band 0.25 to 0.5.",
            "Crater with score 0.31 in view top: in the review band 0.25 to 0.5.",
            "处于复核区间 0.25 至 0.5",
        ),
        (
            "anomaly with score 0.61 in view top lies above the limit of good parts.",
            "Anomaly with score 0.61 in view top: above the limit of good parts.",
            "检出异常，得分 0.61，超出良品界限",
        ),
        ("No defect in 3 views.", "No defect found.", "3 个视角未发现缺陷。"),
        ("View top: the picture is blurred.", "View top: the picture is blurred.", "图像模糊"),
        ("Missing views: left, top.", "Missing views: left, top.", "缺少视角"),
        ("Something new.", "Something new.", "Something new."),
    ],
)
def test_reasons_are_said_in_the_reader_s_language(recorded, english, chinese):
    assert ENGLISH_READER.reason(recorded) == english
    assert chinese in CHINESE_READER.reason(recorded)


def test_every_doubt_of_the_judge_is_translated():
    assert set(SENTENCES.values()) == CHINESE_DOUBTS.keys()
    assert all(set(templates) == set(LANGUAGES) for _, templates in REASONS)


def test_times_are_the_plant_s():
    ts = datetime(2026, 3, 2, 20, 5, 9, tzinfo=UTC)
    assert ENGLISH_READER.date(ts) == "2026-03-03 04:05:09"
    assert ENGLISH_READER.moment(ts, ts + timedelta(hours=1)) == "04:05"
    assert ENGLISH_READER.moment(ts, ts + timedelta(days=1)) == "2026-03-03 04:05"


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0.4, "0 s", "0 秒"),
        (61, "1 min 1 s", "1 分 1 秒"),
        (601, "10 min", "10 分钟"),
        (3 * 3600 + 60, "3 h 1 min", "3 小时 1 分"),
        (50 * 3600, "2 d 2 h", "2 天 2 小时"),
    ],
)
def test_durations(seconds, english, chinese):
    span = timedelta(seconds=seconds)
    assert (ENGLISH_READER.duration(span), CHINESE_READER.duration(span)) == (english, chinese)


def test_unknown_classes_keep_their_name():
    assert CHINESE_READER.label("lack_of_fusion") == "lack of fusion"


def test_numbers():
    assert number(1234567) == "1,234,567"
    assert (percent(0.12345), percent(None), percent(-1e-9)) == ("12.3 %", "–", "0.0 %")
    assert (short("ab" * 32), short("")) == ("abababababab", "–")


def why_it_does_not_run(folder):
    """Everything that is said of a model in ONNX that its card does not describe, or that is none."""
    model = adopt.adopt(write_onnx(folder / "weld.onnx"), folder)
    for changed in ({"classes": ("a", "b", "c")}, {"canvas": Canvas.square(64)}, {"precision": "INT8"}):
        yield trouble_of(replace(model, **changed))
    file = model.folder / "model.onnx"
    onnx.save(onnx.load(file), file, save_as_external_data=True, location="w", size_threshold=0)
    yield trouble_of(model)
    file.write_bytes(b"")
    yield trouble_of(model)


def trouble_of(model):
    with pytest.raises(registry.ModelError) as caught:
        Detector(model)
    return str(caught.value)


def unknown_words(folder):
    """Everything that is said of names that a model does not know."""
    (folder / "rules.yaml").write_text(
        "{name: r, version: '1', entered_by: Li, process: '135', standard: ISO 5817 C, features: [nice],"
        " rules: [{name: a, classes: [carter]}, {name: b, iso6520: ['9']}]}"
    )
    masters = [{"serial": "OK-1", "expect": "OK"}, {"serial": "NG-1", "expect": "NG", "finds": "dent"}]
    told = {"name": "w", "cameras": [], "rules": folder / "rules.yaml", "masters": masters}
    section = StationSection.model_validate(told | {"identity": {"serial": "datamatrix"}})
    found = unknown(section, rules_of(section), registry.find("weld-pipe"), [], Home(folder))
    assert len(found) == 4
    return found


def versions_of_recipes(home, monkeypatch):
    """Everything that is said of a recipe that may not be judged by."""
    before, now = (Recipe("4711", bound, name="strict", version="2") for bound in (0.1, 0.2))
    recipe_versions.note(home, before)
    monkeypatch.setattr(recipe_versions, "write_file", no_room)
    with pytest.raises(recipe_versions.VersionError) as caught:
        recipe_versions.note(Home(home.root / "other"), before)
    return [recipe_versions.altered(home, now), str(caught.value)]


def no_room(file, content):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_why_a_station_may_not_judge_is_said_in_chinese_whoever_says_it(tmp_path, monkeypatch):
    unsigned = Approvals().refusal([("tiny", "a" * 64)], "4711", "weld")
    told = misfit(registry.find("weld-pipe"), registry.find("weld-sim"))
    drifted = "View front: mean has drifted from 120 to 80 (index 2.31); look at lamp, lens and parts,"
    drifted += " or begin a new reference: seamline models drift weld --reset."
    line = f"Line 3 of {tmp_path} was changed (it does not follow the line before it);"
    reasons = [
        unsigned,
        told,
        f"{line} put the file back from the newest backup.",
        f"{tmp_path} lacks lines that were there (up to 7); put the file back from the newest backup.",
        *why_it_does_not_run(tmp_path),
        *unknown_words(tmp_path),
        *versions_of_recipes(Home(tmp_path), monkeypatch),
    ]
    troubles = [*reasons, f"The model in use stays: {told}", drifted]
    assert all(ENGLISH_READER.reason(item) == item for item in reasons)
    assert all(ENGLISH_READER.trouble(item) == item for item in troubles)
    said = [CHINESE_READER.reason(item) for item in reasons]
    said += [CHINESE_READER.trouble(item) for item in troubles]
    assert [item for item in said if not HAN.search(item) or "; " in item or " model " in item] == []
