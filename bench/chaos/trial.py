"""One trial: a plant at work, those who send to it, what befell it, and whether all is right at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg

from bench.chaos import disk
from bench.chaos.compare import balance, committed, counts, differences, epoch, landed, logged, unreadable
from bench.chaos.disturb import Absence, Disturber, Tell
from bench.chaos.feed import Device, Feed
from bench.chaos.plant import MILL, SOURCE
from bench.chaos.processes import PATIENCE, Processes
from engine.paths import Home
from engine.plant import Plant
from engine.replay import replay_log
from engine.store import Embedded
from streams.log.producer import ZmqProducer
from streams.log.tail import last_entry

END_PATIENCE = 4 * PATIENCE
"""After the last disturbance everything that still waits is committed in this time."""


class Trial:
    """A running plant, a station that sends to its appender and a device that sends to its gateway."""

    def __init__(self, home: Home, plant: Plant) -> None:
        self._plant = plant
        self._log, self._aside = home.log / plant.shard, home.root / "aside" / plant.shard
        self._processes = Processes(home, plant)
        self._producer = ZmqProducer(home.appender, plant.shard, "chaos")
        self._feed = Feed(self._producer, plant.clock())
        self._device = Device(home.socket(SOURCE), plant.clock())
        self._disturber = Disturber(self._processes, plant.shard, self._log, self._aside)

    def close(self) -> None:
        """End everything."""
        self._feed.stop()
        self._device.close()
        self._producer.close()
        self._processes.stop()

    def disturb(self, kills: int, absence: Absence, full_disk: bool, seed: int, tell: Tell) -> None:
        """Let everything befall the plant."""
        self._disturber.run(kills, absence, full_disk, seed, tell)

    def settle(self) -> dict[str, Any]:
        """Let everybody finish, replay the log undisturbed, compare."""
        last = self._finish()
        log = disk.whole(self._log, self._aside)
        dsn, reference = self._processes.dsn, _fresh(self._processes.database)
        replay_log(self._plant, log, reference)
        different = differences(dsn, reference)
        return {
            **self._told(),
            **self._balance(log),
            "differs": sum(table["rows"] for table in different.values()),
            "differences": different,
            "entries": last,
            "rows": counts(dsn),
            "reference_rows": counts(reference),
            "restored": self._processes.restored(),
            "epochs": epoch(dsn, self._plant.shard),
        }

    def _finish(self) -> int:
        """Return the last position, which is committed."""
        processes, shard = self._processes, self._plant.shard
        processes.wait_for(lambda: committed(processes.dsn, shard) > 0)
        self._feed.stop()
        self._device.stop()
        processes.wait_for(lambda: self._feed.done() and self._device.done(), END_PATIENCE)
        processes.end("gateway")
        processes.end("appender")
        entry = last_entry(self._log)
        last = 0 if entry is None else entry.position
        processes.wait_for(lambda: committed(processes.dsn, shard) == last, END_PATIENCE)
        processes.end("shard")
        return last

    def _told(self) -> dict[str, Any]:
        done = self._disturber.done
        return {"kills": done.kills_of.total(), **asdict(done), "kills_of": dict(done.kills_of)}

    def _balance(self, log: Path) -> dict[str, Any]:
        """Return what was lost and doubled of all that was acknowledged: entries, readings, refusals."""
        kept = logged(log, self._producer.producer)
        dsn, device = self._processes.dsn, self._device
        balances = [
            balance(Counter(self._feed.sent), Counter(kept)),
            balance(device.readings, landed(dsn, MILL)),
            balance(device.unreadable, unreadable(dsn, SOURCE)),
        ]
        return {
            "acknowledged": len(self._feed.sent) + device.readings.total() + device.unreadable.total(),
            "repeated": device.repeated,
            "lost": sum(item.lost for item in balances),
            "duplicated": sum(item.duplicated for item in balances),
            "log_is_what_was_sent": kept == self._feed.sent,
        }


def _fresh(database: Embedded) -> str:
    with psycopg.connect(database.dsn("postgres", "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE reference OWNER seamline_writer")
    return database.dsn("seamline_writer", "reference")
