"""The log appender of a node: one process that owns the shard's partition and everyone hands entries to.

Run it as ``python -m engine.appender PLANT.yaml``.
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from engine import health, logs
from engine.keys import server_keys
from engine.line_log import limit_bytes, open_appender
from engine.paths import Home
from engine.plant import Plant, PlantError, load
from engine.plant.secrets import SecretError
from engine.signals import stop_on_signals
from streams.clock import SECOND, Clock
from streams.connectors.curve import KeyFileError, Stranger
from streams.log.abc import Appender
from streams.log.errors import LogError
from streams.log.losses import Loss
from streams.log.marks import CONSUMED, Mark
from streams.log.remote_server import RemoteServer
from streams.log.server import LogServer

log = structlog.get_logger("appender")


def run_appender(plant: Plant, home: Home, stop: threading.Event) -> None:
    """Keep the log of the plant's shard until told to stop.

    Raises
    ------
    LogError
        The log cannot be opened or its disk fails.
    """
    home.create()
    losses, folder = Losses(), home.log / plant.shard
    writer = open_appender(plant, home, losses.tell, losses.tell_unarchived)
    try:
        files = folder if plant.log.jetstream is None else None
        account = Account(plant.shard, files, writer, limit_bytes(plant), losses, plant.clock())
        publisher = health.Publisher(home.health, "appender", plant.shard, account.report)
        with (
            LogServer(home.appender, plant.shard, writer, account.tell) as server,
            publisher,
            serving(plant, folder, stop),
        ):
            log.info("appender.ready", partition=plant.shard, position=writer.position)
            server.run(stop)
    finally:
        writer.close()
    log.info("appender.stopped", position=writer.position)


@contextmanager
def serving(plant: Plant, folder: Path, ended: threading.Event) -> Iterator[None]:
    """Serve the log to other nodes, in a thread, if the plant file says so.

    What ends that thread before its time sets ``ended`` and is raised at the end of the block.

    Raises
    ------
    KeyFileError
        The secret key cannot be used.
    LogError
        The endpoint cannot be listened on.
    """
    if (section := plant.log.serve) is None:
        yield
        return
    keys = None if section.curve is None else server_keys(section.curve)
    stop, failure = threading.Event(), list[Exception]()
    with RemoteServer(section.endpoint, plant.shard, folder, keys, _refused) as server:
        work = (server, stop, ended, failure)
        thread = threading.Thread(target=_serve, args=work, name="remote readers", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
    if failure:
        raise failure[0]


def _serve(
    server: RemoteServer, stop: threading.Event, ended: threading.Event, failure: list[Exception]
) -> None:
    """Answer readers; the appender ends with this, and is started anew."""
    try:
        server.run(stop)
    except Exception as exc:  # raised where the appender ends
        log.error("appender.serves_no_more", reason=str(exc))
        failure.append(exc)
        ended.set()


def _refused(stranger: Stranger) -> None:
    log.warning("appender.unknown_key", address=stranger.address, key=stranger.key)


def behind(writer: Appender, now: int) -> str:
    """Say in one sentence that the plant's clock is behind the log's newest stamp, if it is."""
    ahead = (writer.received - now) // SECOND
    if ahead < 1:
        return ""
    return (
        f"The log's time is {ahead} s ahead of this computer's clock, and goes at half its pace until that"
        " has come up; see to the clock, then begin a new log if readings are refused (docs/operating.md)."
    )


@dataclass
class Losses:
    """What a full log has dropped since the appender was started; readings of it no archive has."""

    entries: int = 0
    readings: int = 0
    unarchived: int = 0

    def tell(self, loss: Loss) -> None:
        """Hear of a loss that is on record now."""
        self.entries += loss.entries
        self.readings += loss.readings
        log.error("appender.dropped", reason="the log is full", **asdict(loss))

    def tell_unarchived(self, loss: Loss) -> None:
        """Hear of readings that went before an archive had them."""
        self.unarchived += loss.readings
        log.error("appender.unarchived", reason="the log is full", **asdict(loss))


@dataclass
class Account:
    """What an appender says of its log.

    ``bytes`` of ``limit_bytes`` are used. Of files, entries up to ``consumed`` may go when room is needed,
    ``disk_free_bytes`` are left on their disk, and what a full log dropped since the start is counted, also
    what it dropped before an archive had it.
    """

    partition: str
    files: Path | None
    writer: Appender
    limit: int
    losses: Losses
    clock: Clock
    trouble: str = ""

    def tell(self, trouble: str | None) -> None:
        """Hear that entries begin to be refused, or are taken again."""
        self.trouble = trouble or ""
        if trouble is None:
            log.info("appender.accepts_again")
        else:
            log.error("appender.refuses", reason=trouble)

    def report(self) -> health.Report:
        """Return how the log is."""
        counters = {
            "position": self.writer.position,
            "bytes": self.writer.size,
            "limit_bytes": self.limit,
            **(self._of_files(self.files) if self.files is not None else {}),
        }
        time = health.Part("clock", self.partition, behind(self.writer, self.clock.now()))
        return health.Report(counters, (health.Part("log", self.partition, self.trouble), time))

    def _of_files(self, folder: Path) -> dict[str, int]:
        with closing(Mark(folder / CONSUMED)) as mark:
            consumed = mark.read()
        return {
            "consumed": consumed,
            "disk_free_bytes": shutil.disk_usage(folder).free,
            "dropped_entries": self.losses.entries,
            "dropped_readings": self.losses.readings,
            "unarchived_readings": self.losses.unarchived,
        }


def main() -> int:
    """Run the appender of a plant file."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        print("Usage: python -m engine.appender PLANT.yaml", file=sys.stderr)
        return 2
    logs.begin("appender")
    try:
        run_appender(load(Path(sys.argv[1])), Home.default(), stop_on_signals())
    except (PlantError, LogError, KeyFileError, SecretError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
