"""``outbox`` as it is typed, and the relay that a plant with an outbox starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from cluster.supervise import Supervisor
from engine.outbox.ledger import Ledger
from engine.paths import Home
from engine.plant import Plant, save
from engine.store import connect

DEAD = "planning answers 422: no such machine"
PLANT = Plant.model_validate({"name": "hall", "outbox": {"url": "https://planning/events"}})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, home: Path, dsn: str) -> str:
    """Return a database with one event that is dead and one that waits, of the plant that ran last."""
    monkeypatch.setenv("SEAMLINE_DSN", dsn)
    save(PLANT, Home(home).create().plant_file)
    with connect(dsn) as connection:
        for position in (1, 2):
            row = [position, f"alarm_began:mill:{position}", Jsonb({"version": 1})]
            connection.execute(
                "INSERT INTO outbox VALUES (1, 'line-1', %s, %s, 'alarm_began', 'mill', '2026-03-02', %s)",
                row,
            )
        connection.commit()
        ledger = Ledger(connection, "line-1")
        event = ledger.next()
        assert event is not None
        ledger.enter(event, datetime(2026, 3, 2, tzinfo=UTC), "dead", DEAD)
    return dsn


def test_what_was_not_told_is_listed_with_the_reason(told: str, seamline: Callable[..., Any]) -> None:
    ended = seamline("outbox")
    assert "1 events wait, 1 are dead." in ended.words
    assert "no such machine" in ended.words


def test_what_is_dead_is_tried_again_when_asked(told: str, seamline: Callable[..., Any]) -> None:
    found = seamline("outbox", "--again", "--json").json
    assert (found["waiting"], found["dead"], found["again"]) == (2, 0, 1)
    assert [event["outcome"] for event in found["events"]] == ["waiting", "waiting"]
    assert found["events"][0]["error"] == DEAD


def test_a_plant_with_an_outbox_has_a_relay(home: Path) -> None:
    names = Supervisor(PLANT, Home(home)).processes
    without = Supervisor(Plant.model_validate({"name": "hall"}), Home(home)).processes
    assert set(names) - set(without) == {"relay"}
