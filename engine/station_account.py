"""How a station accounts for frames over its own death: its tally, and what its former runs left open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from engine.station_former import formers
from engine.station_log import StationLog
from engine.station_tally import Tally, Trail
from streams.log.errors import LogError
from vision.cameras import Mark, Run
from vision.ledger import Ledger
from vision.records import Frame

logger = structlog.get_logger(__name__)

FLUSH = 10.0
STEPS = 3
"""Looks until everything is settled: what is pending, what came last, what former runs left."""


class Account:
    """Keep the tally of this run and close those of the runs before.

    Parameters
    ----------
    folder
        Of all tallies.
    number
        Of this run of the station.
    ledger, said
        What is on its way, and what the log was told.
    trail
        The log, as it can be read; None: nothing is kept, and a kill leaves frames without an end.
    views
        View of each camera.
    now
        The plant's clock, microseconds UTC.
    """

    def __init__(
        self,
        folder: Path,
        number: int,
        ledger: Ledger,
        said: StationLog,
        trail: Trail | None,
        views: Mapping[str, str],
        now: Callable[[], int],
    ) -> None:
        self._ledger, self._said, self._trail = ledger, said, trail
        self._views, self._now = views, now
        self._open = formers(folder, said.station) if trail else []
        self._closed = self._open[:0]
        self._wait_for: int | None = None
        self._tally = Tally(folder, said.station, number, trail) if trail else None
        self.marks: dict[str, Mark] = {
            camera: mark for former in self._open for camera, mark in former.marks.items()
        }
        """Where each camera's last run stood."""

    def begin(self, run: Run, opening: int) -> None:
        """Begin a camera's run.

        Raises
        ------
        OSError
            It cannot be noted.
        """
        if self._tally:
            self._tally.begin(run.camera, opening, run.mark)

    def captured(self, run: Run, frame: Frame) -> None:
        """Note a frame that the ledger knows."""
        if self._tally:
            self._tally.captured(frame, run.mark)

    def look(self) -> None:
        """Keep a checkpoint when one is due; close a former run once the log has heard of this one.

        By then the log has whatever the former run could still send.
        """
        if self._tally is None or self._trail is None:
            return
        try:
            self._tally.settle(self._ledger, self._said)
            self._close_former(self._trail)
        except (OSError, LogError) as exc:
            logger.warning("the tally is kept later", station=self._said.station, error=str(exc))

    def close(self) -> None:
        """Settle everything as far as the log takes it; the next run accounts for the rest."""
        for _ in range(STEPS):
            if not self._said.flush(FLUSH):
                return
            self.look()

    def _close_former(self, trail: Trail) -> None:
        if self._wait_for is None:
            self._wait_for = self._said.sent
        if self._said.acknowledged < self._wait_for:
            return
        for former in self._closed:
            former.forget()
        for former in self._open:
            self._said.say(former.losses(trail, self._views, self._now()))
        self._closed, self._open = self._open, []
        self._wait_for = self._said.sent
