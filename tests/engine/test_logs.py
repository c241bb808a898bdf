"""What a process says: JSON lines of one shape, in a file that stays small, never with a secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.logs import OLD_FILES, LogFile, relay

SPEAKS = """
import logging, sys, threading, warnings
import structlog
from engine import logs
logs.begin("speaker", *([logs.LogFile(logs.Path(sys.argv[1]))] if sys.argv[1:] else []))
said = structlog.get_logger()
said.debug("too quiet")
said.info("hello", count=3, dsn="postgresql://ann:s3cret@db/plant")
logging.getLogger("library").warning("tried %s", "password=s3cret")
warnings.warn("s3cret is old")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise ValueError("s3cret")
"""


def speak(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SEAMLINE_DSN": "postgresql://ann:s3cret@db/plant"}
    return subprocess.run(
        [sys.executable, "-c", SPEAKS, *words],
        env=environment, capture_output=True, text=True, check=False, **more,
    )  # fmt: skip


def test_each_event_is_a_json_line_without_a_secret() -> None:
    done = speak()
    assert "s3cret" not in done.stderr + done.stdout
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(event["level"], event["event"].partition(":")[0]) for event in events] == [
        ("info", "hello"),
        ("warning", "tried password=***"),
        ("warning", "<string>"),
        ("critical", "uncaught"),
        ("critical", "uncaught"),
    ]
    assert {event["process"] for event in events} == {"speaker"}
    for event in events:
        assert datetime.now(UTC) - datetime.fromisoformat(event["time"]) < timedelta(minutes=1)
    assert "ZeroDivisionError" in events[3]["exception"]
    assert events[0]["count"] == 3


def test_a_file_holds_the_same(tmp_path: Path) -> None:
    done = speak(str(tmp_path / "logs" / "speaker.log"))
    lines = (tmp_path / "logs" / "speaker.log").read_text().splitlines()
    assert done.stderr == ""
    assert json.loads(lines[0])["event"] == "hello"
    assert len(lines) == 5


def test_on_a_terminal_it_is_for_people(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SPEAKS], stderr=theirs, env=os.environ | {"SEAMLINE_DSN": "password=s3cret"}
    )
    os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 4096):
            said += chunk
    except OSError:  # the terminal's other end is closed
        pass
    os.close(ours)
    assert process.wait() == 1
    assert b"hello" in said
    assert b'"event"' not in said
    assert b"s3cret" not in said


def test_who_cannot_be_heard_works_on(tmp_path: Path) -> None:
    script = (
        "import os, structlog, engine.logs as logs\n"
        "os.close(2)\n"
        "logs.begin('mute', logs.Screen(), logs.LogFile(logs.Path('/dev/full')))\n"
        "structlog.get_logger().error('nobody hears it')\n"
        "print('done')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "done\n"


def test_files_stay_within_their_bound(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "chatty.log", size=2_000)
    for number in range(1_000):
        file({"event": "again", "number": number})
    file.close()
    found = sorted(tmp_path.iterdir())
    assert len(found) == OLD_FILES + 1
    assert all(path.stat().st_size <= 2_000 for path in found)
    assert json.loads((tmp_path / "chatty.log").read_text().splitlines()[-1])["number"] == 999


def test_what_is_no_event_becomes_one() -> None:
    ours = b'{"time": "2026-01-01T00:00:00Z", "level": "info", "process": "child", "event": "hello"}\n'
    lines = [ours, b"[mjpeg @ 0x1] overread 8\n", b"\n", b'{"time": broken\n', b"\xff user=ann\n"]
    heard: list[dict[str, Any]] = []
    relay(lines, "child", heard.append)
    said = ["hello", "[mjpeg @ 0x1] overread 8", '{"time": broken', "\\xff user=***"]
    assert [event["event"] for event in heard] == said
    assert [event.get("stray", False) for event in heard] == [False, True, True, True]
    assert {event["process"] for event in heard} == {"child"}
