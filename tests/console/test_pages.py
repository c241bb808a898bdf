"""Pages drawn from values, without database or browser."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.console import machines_page, station_page
from engine.console import pages as console_pages
from engine.console.data import Balance, Counts, Finding, MachineNow, Part, Picture, State, StationNow, Tally
from engine.console.feeds import kinds
from engine.console.locale import Locale
from engine.console.pages import pages
from engine.plant import MachineSection, TagSection

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SAY = Locale("en", ZoneInfo("UTC"))


def part(outcome="NG", **changes):
    values = {
        "serial": "S-1", "part_number": "demo", "attempt": 1, "ts": NOON, "outcome": outcome,
        "reason": "crater with score 0.91 in view top.", "model": "a" * 64, "preprocessing": "b" * 64,
        "recipe": "c" * 64, "thumbnail": "d" * 64,
    }  # fmt: skip
    return Part(**values | changes)


def station(*findings, outcome="NG", width=416):
    picture = Picture("cam1", "top", "d" * 64, width, width, findings)
    return StationNow((part(outcome),), (picture,))


@pytest.mark.parametrize("outcome", ["OK", "NG", "REVIEW"])
def test_a_verdict_is_a_word_a_sign_and_a_reason(outcome):
    drawing = station_page.verdict(station(outcome=outcome), "weld-check", SAY)
    assert f">{outcome}</strong>" in drawing
    assert "<svg" in drawing
    assert "Crater with score 0.91 in view top." in drawing
    assert "S-1" in drawing
    assert "12:00:00" in drawing


@pytest.mark.parametrize(
    ("label", "score", "meant"),
    [("crater", 0.6, "defect"), ("crater", 0.3, "doubt"), ("crater", 0.1, "faint"), ("Weld", 0.9, "feature")],
)
def test_findings_are_drawn_by_what_they_mean(a_plant, label, score, meant):
    section = a_plant().stations[0]
    drawing = station_page.pictures(station(Finding(label, score, (10, 20, 30, 60), None)), section, SAY)
    assert f'class="finding finding--{meant}"' in drawing
    assert '<rect x="10" y="20" width="20" height="40"' in drawing
    assert f"{score:.2f}</text>" in drawing


def test_the_reference_of_the_standard_is_a_tooltip(a_plant):
    found = Finding("Surface_pores", 0.9, (1, 2, 3, 4), "2017")
    assert "ISO 6520-1 2017" in station_page.pictures(station(found), a_plant().stations[0], SAY)


def test_a_picture_that_could_not_be_read_says_so(a_plant):
    drawing = station_page.pictures(station(width=0), a_plant().stations[0], SAY)
    assert "could not be read" in drawing
    assert "<img" not in drawing


def test_before_the_first_part(a_plant):
    nothing = StationNow((), ())
    assert "Waiting for the first part" in station_page.verdict(nothing, "weld-check", SAY)
    assert "No picture yet" in station_page.pictures(None, a_plant().stations[0], SAY)
    assert station_page.strip(None, SAY).count("<li") == 0
    assert "–" in station_page.versions(nothing, SAY)
    assert 'data-count="good">0<' in station_page.counts(None, SAY)
    assert "No frame captured yet" in station_page.ledger(None, SAY)


def test_text_from_the_line_cannot_become_markup():
    evil = StationNow((part(serial="<script>", reason="<img onerror=x>"),), ())
    drawing = station_page.verdict(evil, "weld-check", SAY) + station_page.strip(evil, SAY)
    assert "<script>" not in drawing
    assert "<img onerror" not in drawing


def counts(difference=0):
    balance = Balance("cam1", "r", NOON, 10 + difference, 7, 2, 1, 0, difference)
    return Counts(Tally(5, 2, 1), Tally(50, 20, 10), NOON, 300.0, (balance,))


def test_counts_of_today_and_of_the_run():
    drawing = station_page.counts(counts(), SAY)
    assert 'data-count="reject">2<' in drawing
    assert 'data-run="reject">20<' in drawing
    assert "25.0 %" in drawing
    assert ">300<" in drawing


def test_a_ledger_that_closes_and_one_that_does_not():
    assert "The sums close." in station_page.ledger(counts(), SAY)
    assert "3 frames are not accounted for." in station_page.ledger(counts(3), SAY)


def machine(*states):
    return MachineNow(NOON - timedelta(hours=1), NOON, states, None)


def heading(found, say=SAY):
    return machines_page.heading("mill", "machine", found, NOON, say)


def test_a_machine_says_what_it_does_and_since_when():
    drawing = heading(machine(State(NOON - timedelta(minutes=23), None, "run", "ACTIVE", "792")))
    assert 'data-state="run"' in drawing
    assert "since 11:37, 23 min" in drawing
    assert "program 792" in drawing


@pytest.mark.parametrize(
    "found", [None, machine(), machine(State(NOON - timedelta(hours=1), NOON, "run", "", None))]
)
def test_a_machine_of_which_nothing_is_known_now(found):
    before = NOON + timedelta(minutes=1)
    assert 'data-state="no_data"' in machines_page.heading("mill", "machine", found, before, SAY)


def test_a_machine_without_an_account():
    assert "No shift accounted for yet" in machines_page.ratios("machine", machine(), SAY)
    assert machines_page.losses("machine", None, SAY) == ""
    assert "States of the last hours" in machines_page.shift("machine", machine(), None, NOON, SAY)
    assert machines_page.shift("machine", None, None, NOON, SAY) == ""


def test_a_machine_that_never_tells_its_state_has_neither_state_nor_oee():
    assert "data-state" not in machines_page.heading("pump", "rig", machine(), NOON, SAY)
    assert "readings only" in machines_page.heading("pump", "rig", machine(), NOON, SAY)
    assert "does not tell its state" in machines_page.ratios("rig", machine(), SAY)
    assert "timeline" not in machines_page.shift("rig", machine(), None, NOON, SAY)
    assert machines_page.losses("rig", machine(), SAY) == ""


def test_every_module_of_the_folder_is_a_page_with_a_title(a_console):
    served = pages(a_console)
    modules = {path.stem for path in Path(console_pages.__file__).parent.glob("[!_]*.py")}
    assert served.keys() == modules >= {"station", "machines"}
    assert all(SAY(f"title.{name}") for name in served)


def test_machines_are_of_three_kinds(a_plant):
    rig = MachineSection(name="pump", tags=[TagSection(name="flow")])
    plant = a_plant()
    plant = a_plant(machines=[*plant.machines, rig])
    assert kinds(plant) == {"mill": "machine", "pump": "rig", "weld-check": "station"}
