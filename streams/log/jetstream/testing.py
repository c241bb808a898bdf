"""For tests: a NATS server of one's own, which may be killed and started again."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path

START_SECONDS = 20.0
PAUSE = 0.02


class Server:
    """A ``nats-server`` with JetStream in a folder, on loopback."""

    def __init__(self, folder: Path, **more: object) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        settings = {"host": "127.0.0.1", "port": self.port, "max_payload": "16MB", **more}
        store = json.dumps({"store_dir": str(folder / "store")})
        lines = [f"{name}: {value}" for name, value in settings.items()]
        self._config = folder / "nats.conf"
        self._config.write_text("\n".join([*lines, f"jetstream: {store}"]), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens.

        Raises
        ------
        TimeoutError
            It does not.
        """
        words = ["nats-server", "-c", str(self._config)]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), PAUSE).close()
            except OSError:
                time.sleep(PAUSE)
            else:
                return
        raise TimeoutError("nats-server does not listen; install it with deploy/system-packages.sh test")

    def kill(self) -> None:
        """End it without a word (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
