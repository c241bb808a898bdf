"""What lands of models and people: shadow verdicts, approvals, drift; the queue, decisions, labels."""

import hashlib
from dataclasses import replace

import numpy as np
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from engine import review, review_export
from engine.approvals.testing import person, sign
from engine.parts import PartRows
from engine.paths import Home
from engine.plant import Plant
from engine.review import Decision, ReviewError
from engine.station_drift import Drifted
from engine.store import connect
from engine.store.master import bands_of, register
from engine.writer import Writer
from streams.abc import Output
from streams.log.abc import Entry, Kind
from vision import dataset, evidence, pictures
from vision.card import sha256
from vision.datasets import checking
from vision.records import Finding, Outcome, Verdict, Versions, View
from vision.testing import CLASSES, picture, write_model

T0 = 1_700_000_000_000_000
PLANT = Plant.model_validate(
    {
        "name": "shop",
        "machines": [{"name": "robot", "tags": []}],
        "stations": [{"name": "gate", "cameras": [], "judges": "robot"}],
    }
)
PICTURE = pictures.encode_whole(picture(100))
PORE = (8.0, 16.0, 24.0, 48.0)


def verdict(serial, outcome="OK", score=None, anomaly=None, model="m" * 64, at=0, frame=""):
    found = [Finding("Weld", 0.9, (0.0, 0.0, 64.0, 64.0))]
    found += [Finding("Surface_pores", score, PORE, "2017")] if score is not None else []
    found += [Finding("anomaly", anomaly, PORE)] if anomaly is not None else []
    seen = View("c1", "front", "r1", 1 + at, T0 + at, frame, 64, 64, {"mean": 100.0}, tuple(found))
    versions = Versions(model, "p", "r")
    return Verdict("gate", serial, "demo", 1, T0 + at, Outcome(outcome), "why", versions, (seen,))


@pytest.fixture
def line(dsn):
    """Give a function that lands entries as the line's flow does."""
    with connect(dsn) as connection:
        register(connection, PLANT)
    parts, position = PartRows(PLANT), 0

    def land(*entries):
        nonlocal position
        writer = Writer(dsn, PLANT.shard, PLANT.tenant)
        for kind, payload in entries:
            position += 1
            rows, _ = parts(Entry(position, kind, T0 + 10, "gate/1", payload))
            writer.write([Output(position, T0 + 10, rows)])
        assert writer.flush(20.0)
        writer.close(5.0)

    land.dsn = dsn
    return land


def judged(line, *verdicts):
    line(*((Kind.VERDICT, item.to_json()) for item in verdicts))


def rows(dsn, query, *values):
    with connect(dsn) as connection:
        return connection.execute(query, values).fetchall()


def test_what_a_model_says_that_looks_on_counts_for_nothing(line):
    live = [verdict(name, outcome, at=at) for at, (name, outcome) in enumerate([("a", "OK"), ("b", "NG")])]
    judged(line, *live)
    others = [replace(item, versions=Versions("s" * 64, "p", "r"), outcome=Outcome.NG) for item in live]
    _, counts = PartRows(PLANT)(Entry(1, Kind.SHADOW, T0 + 10, "gate/1", others[0].to_json()))
    assert len(counts) == 0
    line(*((Kind.SHADOW, item.to_json()) for item in others))
    assert rows(line.dsn, "SELECT count(*) FROM verdicts") == [(2,)]
    assert rows(line.dsn, "SELECT serial, outcome, score FROM shadow_verdicts ORDER BY 1") == [
        ("a", "NG", None),
        ("b", "NG", None),
    ]
    told = review.shadow_agreement(line.dsn, 1, "gate")
    assert [(item["outcome"], item["shadow_outcome"], item["parts"]) for item in told] == [
        ("NG", "NG", 1),
        ("OK", "NG", 1),
    ]
    assert review.shadow_agreement(line.dsn, 1, "other") == review.shadow_agreement(line.dsn, 2) == []


@pytest.mark.parametrize("kind", [Kind.SHADOW, Kind.APPROVAL, Kind.DRIFT])
@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"null", b'{"station": 3}', b"\xff"])
def test_what_tells_nothing_of_models_is_refused(kind, payload):
    with pytest.raises(ValueError):
        PartRows(PLANT)(Entry(1, kind, T0 + 10, "gate/1", payload))


def test_a_strange_station_or_time_is_refused():
    strange = replace(verdict("a"), station="elsewhere")
    late = Drifted("gate", "demo", "front", "mean", T0 - 90_000_000_000, 500, 0.1, 1.0, 1.0)
    for kind, payload, says in (
        (Kind.SHADOW, strange.to_json(), "no station"),
        (Kind.DRIFT, late.to_json(), "out_of_range"),
    ):
        with pytest.raises(ValueError, match=says):
            PartRows(PLANT)(Entry(1, kind, T0 + 10, "gate/1", payload))


def test_approvals_and_drift_are_read_by_quality(line, tmp_path):
    home = Home(tmp_path / "home").create()
    entry = sign(home, person(home), write_model(home.models), "4711")
    line((Kind.APPROVAL, entry.line), (Kind.APPROVAL, entry.line))
    found = rows(line.dsn, "SELECT number, deed, person, name, part_number FROM quality.model_approvals")
    assert found == [(2, "sign", "Wang Fang", "tiny", "4711")]
    for psi in (0.1, 0.4):
        told = Drifted("gate", "demo", "front", "mean", T0 + int(psi * 10), 500, psi, 80.0, 120.0)
        line((Kind.DRIFT, told.to_json()))
    assert rows(line.dsn, "SELECT psi, mean, reference FROM quality.drift") == [(0.4, 80.0, 120.0)]


def test_the_most_instructive_part_comes_first_and_leaves_when_it_is_decided(line):
    judged(
        line,
        verdict("sure", "NG", score=0.99, at=1),
        verdict("sound", at=2),
        verdict("edge", "REVIEW", score=0.3, at=3),
        verdict("middle", "REVIEW", score=0.375, at=4),
        verdict("strange", "REVIEW", anomaly=0.9, at=5),
        verdict("near", "NG", score=0.5, at=6),
        verdict("refused", "REVIEW", at=7),
    )
    found = review.queue(line.dsn, 1)
    assert [item["serial"] for item in found] == ["middle", "strange", "edge", "near", "refused"]
    assert [round(item["uncertainty"], 2) for item in found] == [1.0, 0.0, 0.7, 0.5, 0.0]
    assert round(found[1]["novelty"], 2) == 0.8
    review.decide(line.dsn, 1, Decision("middle", "NG", "Li Wei", "a pore", "Surface_pores"))
    assert "middle" not in [item["serial"] for item in review.queue(line.dsn, 1)]
    assert review.queue(line.dsn, 2) == review.queue(line.dsn, 1, "other") == []
    assert len(review.queue(line.dsn, 1, limit=2)) == 2


STRICT = {"name": "strict", "version": "1", "part_number": "S", "review_above": 0.6, "reject_above": 0.9}
MILD = {"name": "mild", "version": "1", "part_number": "M", "review_above": 0.2, "reject_above": 0.4}
RULES = """
name: seams
version: "1"
entered_by: Li Wei
process: '135'
standard: ISO 5817 C
rules: [{name: pores, classes: [Surface_pores], review_above: 0.7, reject_above: 0.8}]
"""


def of_part_number(item, number, *told):
    """Return a verdict on a part of some number, its findings judged: label, score, rule, level."""
    found = [Finding(label, score, PORE, rule=rule, judged=level) for label, score, rule, level in told]
    seen = replace(item.views[0], findings=tuple(found))
    return replace(item, part_number=number, views=(seen,))


def test_uncertainty_follows_the_bands_of_the_parts_own_recipe_and_rule(line, tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    ruled = MILD | {"name": "ruled", "part_number": "R", "rules": str(tmp_path / "rules.yaml")}
    recipes = [STRICT, MILD, ruled]
    station = {"name": "gate", "cameras": [], "judges": "robot", "part_number": "S"}
    station["recipes"] = [recipe["name"] for recipe in recipes]
    told = PLANT.model_dump() | {"recipes": recipes, "stations": [station]}
    with connect(line.dsn) as connection:
        register(connection, Plant.model_validate(told))
    crater, pores = ("crater", 0.31, "score", "review"), ("Surface_pores", 0.75, "pores", "review")
    judged(
        line,
        of_part_number(verdict("strict", "REVIEW", at=1), "S", ("crater", 0.74, "score", "review")),
        of_part_number(verdict("faint", "OK", at=2), "S", ("crater", 0.38, "score", "faint")),
        of_part_number(verdict("mild", "REVIEW", at=3), "M", crater),
        of_part_number(verdict("sure", "NG", at=4), "M", ("crater", 0.75, "score", "reject"), crater),
        of_part_number(verdict("ruled", "REVIEW", at=5), "R", pores, ("good", 0.9, "", "feature")),
        of_part_number(verdict("other", "REVIEW", at=6), "R", ("crater", 0.22, "score", "review")),
    )
    found = {item["serial"]: item for item in review.queue(line.dsn, 1)}
    assert {name: round(item["uncertainty"], 2) for name, item in found.items()} == {
        "ruled": 1.0,
        "strict": 0.97,
        "mild": 0.95,
        "other": 0.6,
    }
    assert list(found) == ["ruled", "strict", "mild", "other"]
    assert found["ruled"]["score"] == 0.75


def test_a_rule_set_that_is_not_here_leaves_the_bands_of_its_recipe(line):
    section = {"name": "gate", "cameras": [], "rules": "/nowhere/rules.yaml", "review_above": 0.3}
    plant = Plant.model_validate(PLANT.model_dump() | {"stations": [section | {"judges": "robot"}]})
    assert bands_of(plant.stations[0], plant) == {"demo": {"score": [0.3, 0.5]}}


def test_a_decision_has_a_name_and_a_reason_and_is_never_changed(line):
    judged(line, verdict("a", "REVIEW", score=0.3))
    for wrong in ({"person": " "}, {"reason": ""}):
        with pytest.raises(ReviewError, match="say it"):
            review.decide(line.dsn, 1, replace(Decision("a", "OK", "Li Wei", "clean"), **wrong))
    with pytest.raises(ReviewError, match="No verdict was given on b"):
        review.decide(line.dsn, 1, Decision("b", "OK", "Li Wei", "clean"))
    review.decide(line.dsn, 1, Decision("a", "OK", "Li Wei", "clean"))
    review.decide(line.dsn, 1, Decision("a", "NG", "Wang Fang", "a pore after all"))
    assert rows(line.dsn, "SELECT decision, person FROM quality.reviews") == [("NG", "Wang Fang")]
    assert rows(line.dsn, "SELECT count(*) FROM reviews") == [(2,)]
    for statement in ("UPDATE reviews SET decision = 'OK'", "DELETE FROM reviews"):
        with pytest.raises(psycopg.errors.RaiseException, match="decide again"):
            rows(line.dsn, statement)


@pytest.fixture
def clerk(embedded):
    """A role that may write decisions, as an administrator makes it."""
    name = sql.Identifier("clerk")
    with psycopg.connect(embedded.dsn("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        yield "clerk"
        connection.execute(sql.SQL("DROP ROLE {}").format(name))


def test_a_clerk_sees_and_adds_decisions_of_the_own_tenant_alone(plain_dsn, clerk):
    columns = "tenant_id, station, serial, attempt, ts, decision, label, boxes, reason, person"
    values = "%s, 'gate', 'a', 1, now(), 'OK', '', '[]', 'clean', 'Li Wei'"
    statement = f"INSERT INTO reviews ({columns}) VALUES ({values})"
    with connect(plain_dsn) as connection:
        for tenant in (1, 2):
            connection.execute("INSERT INTO tenants VALUES (%s, 'shop')", [tenant])
            connection.execute(statement, [tenant])
        connection.execute("INSERT INTO tenant_users VALUES (%s, 2)", [clerk])
        connection.execute(sql.SQL("GRANT SELECT ON tenant_users TO {}").format(sql.Identifier(clerk)))
        connection.execute(sql.SQL("GRANT SELECT, INSERT ON reviews TO {}").format(sql.Identifier(clerk)))
    with connect(make_conninfo(plain_dsn, user=clerk)) as connection:
        assert connection.execute("SELECT DISTINCT tenant_id FROM reviews").fetchall() == [(2,)]
        connection.execute(statement, [2])
        assert connection.execute("SELECT count(*) FROM reviews WHERE role = 'clerk'").fetchone() == (1,)
        connection.commit()
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(statement, [1])
    with connect(plain_dsn) as connection:
        for table in ("tenant_users", "reviews"):
            revoke = sql.SQL("REVOKE ALL ON {} FROM {}")
            connection.execute(revoke.format(sql.Identifier(table), sql.Identifier(clerk)))


def test_decided_parts_become_a_data_set(line, tmp_path):
    place = tmp_path / "picture.png"
    place.write_bytes(PICTURE)
    frame = sha256(place)
    with evidence.EvidenceStore(tmp_path / "evidence", "weld") as store:
        store.keep({frame: PICTURE})
    judged(
        line,
        verdict("found", "REVIEW", score=0.3, at=1, frame=frame),
        verdict("drawn", "REVIEW", at=2, frame=frame),
        verdict("unsaid", "REVIEW", score=0.3, at=3, frame=frame),
        verdict("gone", "REVIEW", score=0.3, at=4, frame="0" * 64),
    )
    box = ({"frame_hash": frame, "label": "Surface_pores", "box": [0, 0, 32, 64]},)
    for decision in (
        Decision("found", "NG", "Li Wei", "a pore", "Surface_pores"),
        Decision("drawn", "OK", "Li Wei", "clean"),
        Decision("drawn", "NG", "Li Wei", "a pore", "Surface_pores", box),
        Decision("unsaid", "NG", "Li Wei", "bad somehow"),
        Decision("gone", "OK", "Li Wei", "clean"),
    ):
        review.decide(line.dsn, 1, decision)
    told = review_export.export(line.dsn, 1, tmp_path / "evidence", tmp_path / "set", CLASSES)
    assert (told.parts, told.unlabelled, told.gone) == (3, 1, 1)
    dataset.check_folder(tmp_path / "set")
    assert dataset.read_classes(tmp_path / "set") == CLASSES
    split = dataset.read_split(tmp_path / "set", review_export.SPLIT)
    (name,) = (*split.train, *split.test)
    checking.refuse_leaks(tmp_path / "set", review_export.SPLIT)
    assert (tmp_path / "set" / "images" / name).read_bytes() == PICTURE
    truth = dataset.read_truth(dataset.label_file(tmp_path / "set", name), 64, 64)
    assert [CLASSES[label] for label in truth.labels] == ["Weld", "Surface_pores"]
    assert np.allclose(truth.boxes[0], (0, 0, 64, 64))
    assert told.boxes >= 4


def test_a_decision_teaches_by_the_pictures_of_its_own_attempt(line, tmp_path):
    """The flawed picture of the attempt before is no picture of a good part."""
    bad, good = PICTURE, pictures.encode_whole(picture(20))
    hashes = [hashlib.sha256(content).hexdigest() for content in (bad, good)]
    with evidence.EvidenceStore(tmp_path / "evidence", "weld") as store:
        store.keep(dict(zip(hashes, (bad, good), strict=True)))
    flawed = verdict("again", "NG", score=0.9, at=1, frame=hashes[0])
    reworked = verdict("again", "OK", at=20_000_000, frame=hashes[1])
    judged(line, flawed, replace(reworked, attempt=2))
    review.decide(line.dsn, 1, Decision("again", "OK", "Li Wei", "reworked, clean"))
    told = review_export.export(line.dsn, 1, tmp_path / "evidence", tmp_path / "set", CLASSES)
    assert (told.parts, told.pictures) == (1, 1)
    (image,) = (tmp_path / "set" / "images").iterdir()
    assert image.read_bytes() == good


@pytest.mark.parametrize(
    ("part", "found", "expected"),
    [
        ({"decision": "OK", "label": "", "boxes": []}, ["Weld", "Surface_pores"], ["Weld"]),
        ({"decision": "NG", "label": "Surface_pores", "boxes": []}, ["Surface_pores"], ["Surface_pores"]),
        ({"decision": "NG", "label": "", "boxes": []}, ["Surface_pores"], None),
        ({"decision": "NG", "label": "dent", "boxes": []}, ["Surface_pores"], None),
        ({"decision": "NG", "label": "Weld", "boxes": []}, ["Weld"], None),
    ],
)
def test_a_reject_teaches_only_where_somebody_said_where(part, found, expected):
    boxes = [{"frame_hash": "f", "label": label, "box": [0, 0, 1, 1]} for label in found]
    told = review_export.labels(part, boxes, CLASSES)
    assert told == expected if expected is None else [item["label"] for item in told["f"]] == expected
