"""Fixtures that every room's tests share: databases, one fresh for each test."""

import itertools
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psycopg
import pytest
import structlog
from hypothesis import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

import kernels
from engine.store import Embedded, migrate

settings.register_profile("seamline", deadline=None)  # how fast a machine is today is no test
settings.load_profile("seamline")

TIMESCALE = os.environ.get("SEAMLINE_TIMESCALE_DSN", "")
LEVELS = ["plain", "timescale"] if TIMESCALE else ["plain"]
TEMPLATE = f"seamline_template_{os.getpid()}"
"""Every process of the suite has its own."""


def pytest_report_header(config):
    return f"kernels: {kernels.IMPL}; databases: {', '.join(LEVELS)}"


def pytest_sessionfinish(session):
    """Fail a run that may skip nothing (``SEAMLINE_NO_SKIP``) and did."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped") if reporter else []  # one of several processes has none
    if skipped and os.environ.get("SEAMLINE_NO_SKIP"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


class Server:
    """A database server that gives migrated databases away; the template is migrated once."""

    def __init__(self, dsn):
        self._dsn = dsn
        self._numbers = itertools.count(1)
        self._session(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), TEMPLATE)
        self._session(sql.SQL("CREATE DATABASE {}"), TEMPLATE)
        self.level = migrate(make_conninfo(dsn, dbname=TEMPLATE))

    def create(self):
        dsn = make_conninfo(self._dsn, dbname=f"seamline_test_{os.getpid()}_{next(self._numbers)}")
        self.create_as(dsn)
        return dsn

    def create_empty(self):
        """Give a database that no migration has seen."""
        name = f"seamline_test_{os.getpid()}_{next(self._numbers)}"
        self._session(sql.SQL("CREATE DATABASE {}"), name)
        return make_conninfo(self._dsn, dbname=name)

    def owns(self, dsn):
        """Tell whether a database is one of this server."""
        ours, theirs = (psycopg.conninfo.conninfo_to_dict(item) for item in (self._dsn, dsn))
        return {**ours, "dbname": ""} == {**theirs, "dbname": ""}

    def create_as(self, dsn):
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        self._session(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"), name, TEMPLATE)

    def drop(self, dsn):
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        self._session(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), name)

    def close(self):
        self._session(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), TEMPLATE)

    def _session(self, statement, *names):
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(statement.format(*map(sql.Identifier, names)))


@pytest.fixture(autouse=True)
def own_logs():
    """Undo what a process's beginning sets for itself, where a test begins it in the test's own process."""
    hooks, handlers = (sys.excepthook, threading.excepthook), logging.root.handlers[:]
    yield
    sys.excepthook, threading.excepthook = hooks
    logging.root.handlers[:] = handlers
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def database_folder():
    """Give folders that PostgreSQL's own user can reach: each pytest that starts closes pytest's own."""
    made = []

    def make():
        made.append(Path(tempfile.mkdtemp(prefix="seamline-test-")))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def embedded(database_folder):
    """An embedded PostgreSQL for the whole session, whose writer may create databases."""
    server = Embedded(database_folder() / "pg")
    server.start()
    with psycopg.connect(server.dsn("postgres", "postgres"), autocommit=True) as connection:
        connection.execute("ALTER ROLE seamline_writer CREATEDB")
        connection.execute("GRANT pg_signal_backend TO seamline_writer")
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def plain_server(embedded):
    server = Server(embedded.dsn("seamline_writer"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def servers(plain_server):
    """One server per level that is there."""
    found = {"plain": plain_server}
    if TIMESCALE:
        found["timescale"] = Server(TIMESCALE)
    yield found
    if TIMESCALE:
        found["timescale"].close()


@pytest.fixture(params=LEVELS)
def dsn(request, servers):
    """A fresh migrated database, on every level."""
    server = servers[request.param]
    fresh = server.create()
    yield fresh
    server.drop(fresh)


@pytest.fixture
def plain_dsn(plain_server):
    """A fresh migrated database on the embedded server only."""
    fresh = plain_server.create()
    yield fresh
    plain_server.drop(fresh)


@pytest.fixture
def disk_of():
    """Put a file system of one megabyte on a folder, with so many bytes in it already."""
    mounted = []

    def mount(folder, ballast=0):
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "seamline", folder]
        if subprocess.run(command, check=False).returncode:
            pytest.skip("mounting a small file system takes root")
        mounted.append(folder)
        if ballast:
            (folder / "ballast").write_bytes(bytes(ballast))
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)
