"""Where a plant keeps its state: everything below one folder, ``SEAMLINE_HOME``."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

SOCKET_LIMIT = 100
"""Unix socket paths are limited to 107 bytes."""


class HomeError(Exception):
    """The folder of all state cannot be made; the message names it and the mend."""


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of all state and the places in it."""

    root: Path

    @classmethod
    def default(cls) -> Home:
        """Return ``SEAMLINE_HOME``, or ``~/.seamline``."""
        return cls(Path(os.environ.get("SEAMLINE_HOME", "~/.seamline")).expanduser().resolve())

    @property
    def database(self) -> Path:
        """The embedded PostgreSQL's data."""
        return self.root / "pg"

    @property
    def log(self) -> Path:
        """The durable log, one folder per partition (a partition is named like its shard)."""
        return self.root / "log"

    @property
    def evidence(self) -> Path:
        """Inspected pictures, named by the SHA-256 of their bytes."""
        return self.root / "evidence"

    @property
    def models(self) -> Path:
        """Models registered here, beside those that ship."""
        return self.root / "models"

    @property
    def approvals(self) -> Path:
        """Who signed which model for what, and what was put into use."""
        return self.models / "approvals.jsonl"

    @property
    def approvals_head(self) -> Path:
        """The newest line that was seen there, kept apart, so that a cut is noticed."""
        return self.stations / "approvals.head"

    @property
    def shadows(self) -> Path:
        """The models that look on, by station."""
        return self.models / "shadows.json"

    def drift(self, station: str) -> Path:
        """Return where it stands what a station saw at first."""
        return self.stations / f"{quote(station, safe='')}.drift"

    @property
    def gates(self) -> Path:
        """What models were measured on frozen sets, a record for each thing that one was held against."""
        return self.models / ".gates"

    @property
    def logs(self) -> Path:
        """What the processes say, a file and a few old ones each."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Sockets and process ids of what is running."""
        return self.root / "run"

    @property
    def health(self) -> Path:
        """What every process says of itself, one record each."""
        return self.run / "health"

    @property
    def stations(self) -> Path:
        """The number of each station's last run."""
        return self.root / "stations"

    @property
    def tally(self) -> Path:
        """How far the cameras of each station are, so that a kill leaves no frame without an end."""
        return self.root / "tally"

    def heard(self, shard: str) -> Path:
        """Return where it stands until when a shard's gateway heard its sources."""
        return self.root / "heard" / f"{quote(shard, safe='')}.json"

    @property
    def plant_file(self) -> Path:
        """The plant file in use, or that was in use last."""
        return self.run / "plant.yaml"

    @property
    def appender(self) -> str:
        """The ZeroMQ endpoint of this node's log appender."""
        return self.socket("appender")

    def socket(self, name: str) -> str:
        """Return an ``ipc://`` endpoint; in the temporary folder where the home's path is too long."""
        path = self.run / f"{name}.sock"
        if len(str(path)) > SOCKET_LIMIT:
            digest = hashlib.sha256(str(self.root).encode()).hexdigest()[:16]
            path = Path(tempfile.gettempdir()) / f"seamline-{digest}-{name}.sock"
        return f"ipc://{path}"

    def create(self) -> Home:
        """Make the folders that are not there yet and return self.

        Raises
        ------
        HomeError
            One of them cannot be made.
        """
        try:
            for folder in (self.root, self.log, self.evidence, self.models, self.run):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise HomeError(
                f"The folder {exc.filename} cannot be made: {exc.strerror}; set SEAMLINE_HOME to another."
            ) from exc
        return self
