"""For tests: a NATS server of one's own, or a cluster of them, killed and started again as one likes."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from streams.peers.ports import free_port

START_SECONDS = 20.0
PAUSE = 0.02


class Server:
    """A ``nats-server`` with JetStream in a folder, on loopback."""

    def __init__(self, folder: Path, **more: object) -> None:
        self.port = free_port()
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


def cluster(folder: Path, names: Sequence[str]) -> dict[str, Server]:
    """Return servers that keep their streams together, not started yet, each in a folder of its own."""
    ports = {name: free_port() for name in names}
    routes = ", ".join(f"nats://127.0.0.1:{port}" for port in ports.values())
    servers = {}
    for name, port in ports.items():
        (folder / name).mkdir()
        joined = f"{{name: line, listen: '127.0.0.1:{port}', routes: [{routes}]}}"
        servers[name] = Server(folder / name, server_name=name, cluster=joined)
    return servers
