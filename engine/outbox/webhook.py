"""An event posted to an address: one request, one answer, within one deadline."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from engine.plant import OutboxSection
from engine.plant.secrets import SecretError
from engine.redact import Redactor

REFUSING = frozenset({400, 413, 415, 422})
"""Answers that say that the event itself is wrong: it would be refused for ever."""
QUOTED = 200
"""Letters of an answer that are kept."""


class Answer(NamedTuple):
    """What became of a request; ``lasting`` where no repetition mends it."""

    delivered: bool
    reason: str = ""
    lasting: bool = False


class Webhook:
    """Where events are posted; the header's value is read anew each time, so that it can be changed."""

    def __init__(self, section: OutboxSection) -> None:
        self._section = section
        self._address = urlsplit(section.url)

    @property
    def name(self) -> str:
        """Return the address's host, which holds no secret."""
        return self._address.hostname or ""

    def post(self, key: str, kind: str, body: bytes) -> Answer:
        """Post an event; whatever goes wrong is an answer, too."""
        try:
            proof = self._proof()
            headers = {"Content-Type": "application/json", "Idempotency-Key": key, "Seamline-Event": kind}
            answer = self._ask(body, headers | proof)
            return answer._replace(reason=Redactor(proof.values()).text(answer.reason))
        except TimeoutError:
            return Answer(False, f"{self.name} did not answer within {self._section.timeout_s:g} s")
        except SecretError as exc:
            return Answer(False, str(exc))
        except (OSError, http.client.HTTPException, ValueError) as exc:
            return Answer(False, f"{self.name} cannot be told: {str(exc) or type(exc).__name__}")

    def _ask(self, body: bytes, headers: dict[str, str]) -> Answer:
        connection = self._connection()
        target = self._address.path or "/"
        target += f"?{self._address.query}" if self._address.query else ""
        with self._deadline(connection):
            connection.request("POST", target, body, headers)
            response = connection.getresponse()
            said = response.read(QUOTED).decode(errors="replace")
        if 200 <= response.status < 300:  # noqa: PLR2004
            return Answer(True)
        words = f"{self.name} answers {response.status} {response.reason}: {said}".rstrip(": ")
        return Answer(False, " ".join(words.split()), response.status in REFUSING)

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        return kind(self.name, self._address.port, timeout=self._section.timeout_s)

    @contextmanager
    def _deadline(self, connection: http.client.HTTPConnection) -> Iterator[None]:
        """End whatever the block does in time: a socket's own timeout begins anew with each byte."""
        late = threading.Event()

        def cut() -> None:
            late.set()
            with suppress(OSError):
                if connection.sock is not None:
                    connection.sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self._section.timeout_s, cut)
        timer.start()
        try:
            yield
        except (OSError, http.client.HTTPException) as exc:
            if late.is_set():
                raise TimeoutError from exc
            raise
        finally:
            timer.cancel()
            connection.close()

    def _proof(self) -> dict[str, str]:
        secret = self._section.value
        return {} if secret is None else {self._section.header: secret.read()}
