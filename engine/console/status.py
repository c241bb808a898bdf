"""How the plant is, for machines: what ``/api/status`` answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from engine.console.data import Counts, Progress, StationNow
from engine.console.feeds import Feeds
from engine.console.shell import Pulse, pulse
from engine.plant import Plant


def status(plant: Plant, feeds: Feeds) -> dict[str, Any]:
    """Return the shard's clock and position, how fresh they are, and each station's counts.

    ``ok`` is true while the database answers and the shard commits.
    """
    now = pulse(feeds.progress, datetime.now(UTC), feeds.all)
    stations, counts = feeds.stations.value or {}, feeds.counts.value or {}
    return {
        "plant": plant.name,
        "simulated": plant.simulated,
        "speed": plant.replay.speed if plant.replay else 1.0,
        "ok": not now.stale,
        "database": {"ok": now.away_since is None, "away_since": now.away_since},
        "shard": shard(plant, now, now.progress),
        "stations": {
            item.name: station(stations.get(item.name), counts.get(item.name)) for item in plant.stations
        },
    }


def shard(plant: Plant, now: Pulse, progress: Progress | None) -> dict[str, Any]:
    """Return how far the shard is; nulls while it has not begun."""
    if progress is None:
        return {"id": plant.shard, "clock": None, "position": None, "epoch": None, "age_s": None}
    return {
        "id": plant.shard,
        "clock": progress.clock,
        "position": progress.position,
        "epoch": progress.epoch,
        "age_s": round(now.age, 3),
    }


def station(now: StationNow | None, counts: Counts | None) -> dict[str, Any]:
    """Return a station's counts of today and of its run, and its newest verdict."""
    part = now.parts[0] if now and now.parts else None
    tallies = {name: getattr(counts, name) for name in ("today", "run")} if counts else {}
    return {
        **{
            name: {"good": tally.good, "reject": tally.reject, "review": tally.review}
            for name, tally in tallies.items()
        },
        "last": {"serial": part.serial, "outcome": part.outcome, "ts": part.ts} if part else None,
    }
