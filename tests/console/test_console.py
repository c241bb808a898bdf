"""The running console, as other programs see it."""

import hashlib

import cv2
import numpy as np
import pytest

from engine.console.__main__ import main
from engine.console.app import STATIC


def picture(width=416, height=416):
    shade = np.linspace(60, 200, width, dtype=np.uint8)
    return cv2.imencode(".jpg", np.repeat(np.tile(shade, (height, 1))[:, :, None], 3, axis=2))[1].tobytes()


def stations(found):
    return [station["today"] for station in found["stations"].values() if "today" in station]


def test_the_status_counts_a_station_s_parts(console, shown):
    shown.part("A", "OK")
    shown.part("B", "NG")
    shown.commit()
    console.wait_until(lambda status: {"good": 1, "reject": 1, "review": 0} in stations(status))
    console.wait_until(lambda status: status["stations"]["weld-check"]["last"])
    found = console.status()
    assert found["ok"]
    assert found["simulated"]
    assert found["shard"]["position"] > 0
    assert found["shard"]["clock"].startswith("2026-03-02T12:00:00")
    assert found["stations"]["weld-check"]["today"] == {"good": 1, "reject": 1, "review": 0}
    assert found["stations"]["weld-check"]["last"]["outcome"] in ("OK", "NG")


def test_evidence_is_the_exact_bytes_inspected(console, shown):
    content = picture()
    shown.part("A", "OK", picture=content)
    code, headers, body = console.get(f"/evidence/{hashlib.sha256(content).hexdigest()}")
    assert (code, body) == (200, content)
    assert headers["content-type"] == "image/jpeg"
    assert "immutable" in headers["cache-control"]


def test_a_small_copy_is_small(console, shown):
    content = picture(1920, 1080)
    shown.part("A", "OK", picture=content)
    code, _, body = console.get(f"/evidence/{hashlib.sha256(content).hexdigest()}/small")
    assert code == 200
    assert cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR).shape == (90, 160, 3)


@pytest.mark.parametrize("name", ["x", "..%2f..%2fplant.yaml", "A" * 64, "0" * 63, "0" * 64])
def test_what_is_no_evidence_is_not_found(console, name):
    assert console.get(f"/evidence/{name}")[0] == 404


def test_bytes_that_are_no_picture_have_no_small_copy(console, shown):
    shown.part("A", "REVIEW", picture=b"half a picture")
    digest = hashlib.sha256(b"half a picture").hexdigest()
    assert console.get(f"/evidence/{digest}/small")[0] == 415


def test_the_first_page_is_the_station(console):
    code, _, body = console.get("/?lang=zh")
    assert code == 200
    assert 'lang="zh-CN"' in body.decode()


def test_an_unknown_language_is_english(console):
    assert 'lang="en-US"' in console.get("/machines?lang=fr")[2].decode()


def test_a_serial_that_is_looked_for_has_an_address(console):
    code, _, body = console.get("/part?serial=%20P1%2F7%20&lang=zh")
    assert code == 200
    assert 'lang="zh-CN"' in body.decode()
    assert "P1/7" in body.decode()


def test_nothing_comes_from_the_network(console):
    static = [f"/static/{path.name}" for path in STATIC.glob("*.*")]
    for page in ("/station", "/machines", "/cluster", "/part/P1", *static):
        body = console.get(page)[2].decode()
        assert "https://" not in body, page
        assert "//fonts" not in body


def test_a_plant_file_that_is_not_there_is_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path / "none.yaml")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be read" in said
