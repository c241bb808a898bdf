"""The frame of every page: whether it tells the truth about the age of what it shows."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from engine.console import shell
from engine.console.data import Progress
from engine.console.locale import Locale
from engine.console.poller import Feed

CLOCK = datetime(2026, 3, 2, 12, tzinfo=UTC)
WALL = datetime(2026, 5, 1, tzinfo=UTC)
SAY = Locale("en", ZoneInfo("UTC"))


def feed(age=0.2, away=None):
    found = Feed("progress", lambda db: None)
    found.take(None if age is None else Progress(CLOCK, age, 7, 1))
    if away is not None:
        found.miss(psycopg.OperationalError("gone"))
        found.away_since = (WALL - timedelta(seconds=away)).timestamp()
    return found


def banners(plant, **state):
    return shell.banners(plant, shell.pulse(feed(**state), WALL), SAY)


def test_all_is_well(a_plant):
    assert banners(a_plant()) == ""
    assert ">live<" in shell.time_line(a_plant(), shell.pulse(feed(), WALL), SAY)


def test_old_data_is_announced_with_its_age(a_plant):
    drawing = banners(a_plant(), age=12)
    assert 'data-banner="stale"' in drawing
    assert "No new data for 12 s" in drawing
    assert "as of 2026-03-02 12:00:00" in drawing


@pytest.mark.parametrize(("age", "told"), [(4.5, False), (5.5, True)])
def test_five_seconds_are_the_limit(a_plant, age, told):
    assert bool(banners(a_plant(), age=age)) is told


def test_a_database_that_is_away_is_announced_with_its_beginning(a_plant):
    drawing = banners(a_plant(), away=75)
    assert 'data-banner="away"' in drawing
    assert "away since 23:58:45 (1 min 15 s)" in drawing


def test_a_page_that_misses_other_data_says_so_too(a_plant):
    anomalies = Feed("anomalies", lambda db: None)
    anomalies.miss(psycopg.OperationalError("too slow"))
    found = shell.pulse(feed(), WALL, (anomalies,))
    assert 'data-banner="away"' in shell.banners(a_plant(), found, SAY)


def test_a_shard_that_has_not_begun(a_plant):
    assert 'data-banner="waiting"' in banners(a_plant(), age=None)
    assert 'data-banner="away"' in banners(a_plant(), age=None, away=3)


def test_a_simulated_plant_says_so(a_plant):
    assert "proves nothing about real welds" in banners(a_plant(simulated=True))


def test_a_replay_says_its_speed(a_plant):
    line = shell.time_line(a_plant(), shell.pulse(feed(), WALL), SAY)
    assert "replay, 60×" in line
    assert "replay" not in shell.time_line(a_plant(replay=None), shell.pulse(feed(), WALL), SAY)


def test_data_that_is_neither_live_nor_stale_tells_its_age(a_plant):
    line = shell.time_line(a_plant(), shell.pulse(feed(age=3.5), WALL), SAY)
    assert "data as of 12:00:00, 3 s ago" in line


def test_the_head_keeps_language_and_query(a_plant):
    pages, query = ("station", "machines"), {"station": "weld check"}
    drawing = shell.head(a_plant(), pages, "station", query, Locale("zh", ZoneInfo("UTC")))
    assert 'href="/machines?lang=zh"' in drawing
    assert 'href="/station?lang=en&amp;station=weld+check"' in drawing
