"""Questions to an MTConnect agent over HTTP, and its answers, whole or as a stream of parts."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import cast
from urllib.parse import urlsplit

from streams.connectors.timed import TimedSocket, TimedTls
from streams.connectors.tls import Tls, TlsError

LARGEST = 1 << 24
"""Bytes of a document that are read; a larger one is refused."""
LARGEST_HEAD = 1 << 14
CHUNK = 1 << 16
BOUNDARY = re.compile(r"multipart/x-mixed-replace.*boundary=\"?([^\";\s]{1,100})", re.IGNORECASE)
LENGTH = re.compile(rb"content-length:\s*(\d{1,9})\s*(?:\r\n|$)", re.IGNORECASE)
REFUSED = 400
"""From here on an answer's status is an error; where there is a document, that one tells it better."""


Answer = tuple[http.client.HTTPResponse, TimedSocket]
"""An answer whose head is there, and what the rest of it comes through."""


class AgentError(Exception):
    """The agent cannot be asked; the message says why in one sentence."""


class TooLong(Exception):
    """A document is longer than it may be; ``args`` is how it begins."""


class Parts:
    """Cut a stream of parts into documents."""

    def __init__(self, boundary: bytes) -> None:
        self._boundary = b"--" + boundary
        self._rest = bytearray()
        self._seen = 0
        """Bytes of the rest that hold no end of a document, as was found already."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the documents that a chunk completes.

        Raises
        ------
        TooLong
            One is longer than `LARGEST`.
        """
        self._rest += chunk
        documents = []
        while (document := self._next()) is not None:
            documents.append(document)
        if len(self._rest) > LARGEST + LARGEST_HEAD:
            raise TooLong(bytes(self._rest[:CHUNK]))
        return documents

    def _next(self) -> bytes | None:
        if (begin := self._head_end()) < 0:
            return None
        if told := LENGTH.search(self._rest[:begin]):
            end = begin + int(told[1])
        else:
            end = self._rest.find(b"\r\n" + self._boundary, max(begin, self._seen))
            self._seen = max(0, len(self._rest) - len(self._boundary) - 1)
        if end - begin > LARGEST:
            raise TooLong(bytes(self._rest[begin : begin + CHUNK]))
        if end < 0 or end > len(self._rest):
            return None
        document = bytes(self._rest[begin:end])
        del self._rest[:end]
        self._seen = 0
        return document

    def _head_end(self) -> int:
        """Return where the next document begins, -1 where its head is not there; what precedes it goes."""
        at = self._rest.find(self._boundary)
        before = at if at >= 0 else max(0, len(self._rest) - len(self._boundary))
        del self._rest[:before]
        end = self._rest.find(b"\r\n\r\n") if at >= 0 else -1
        if end < 0 and len(self._rest) > LARGEST_HEAD:
            raise TooLong(bytes(self._rest[:CHUNK]))
        return -1 if end < 0 else end + 4


class Agent:
    """An agent at an address like ``http://10.0.0.9:5000`` or, of one device, ``http://10.0.0.9:5000/mill``."""

    def __init__(self, url: str, tls: Tls | None = None) -> None:
        self._url = url.rstrip("/")
        self._parts = urlsplit(self._url)
        self._tls = tls or Tls()

    def __str__(self) -> str:
        return f"The agent at {self._url}"

    def ask(self, question: str, patience: float) -> bytes:
        """Return the document that answers, an error perhaps.

        Raises
        ------
        AgentError
            The agent does not answer within ``patience``.
        TooLong
            The document is longer than `LARGEST`.
        """
        with self._answer(question, patience) as (answer, link):
            link.give(patience)
            return _whole(answer)

    def listen(self, question: str, patience: float) -> Generator[bytes, None, None]:
        """Yield documents as the agent sends them; one alone where it does not stream.

        Raises
        ------
        AgentError
            The agent does not answer, or sends no whole document for longer than ``patience``.
        TooLong
            A document is longer than `LARGEST`.
        """
        with self._answer(question, patience) as (answer, link):
            link.give(patience)
            streams = BOUNDARY.match(answer.headers.get("Content-Type", ""))
            if not streams:
                yield _whole(answer)
                return
            parts = Parts(streams[1].removeprefix("--").encode())
            while chunk := answer.read1(CHUNK):
                if documents := parts.feed(chunk):
                    yield from documents
                    link.give(patience)
        raise AgentError(f"{self} ended the stream.")

    @contextmanager
    def _answer(self, question: str, patience: float) -> Iterator[Answer]:
        """Ask, and open the answer: its head, and later each document, must be there within ``patience``."""
        asked = self._connection(patience)
        link: TimedSocket | None = None
        try:
            link = _connected(asked)
            link.give(patience)
            asked.request("GET", f"{self._parts.path}/{question}", headers={"Accept": "text/xml, */*"})
            with asked.getresponse() as answer:
                if answer.status >= REFUSED and "xml" not in answer.headers.get("Content-Type", ""):
                    raise AgentError(f"{self} refuses {question}: {answer.status} {answer.reason}.")
                yield answer, link
        except TimeoutError as exc:
            if link is not None and link.heard:
                raise AgentError(f"{self} sent no whole document for {patience:g} s.") from exc
            raise AgentError(f"{self} was silent for {patience:g} s.") from exc
        except ssl.SSLCertVerificationError as exc:
            raise AgentError(f"{self} is not who it should be: {exc.verify_message}.") from exc
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise AgentError(f"{self} does not answer: {exc or type(exc).__name__}.") from exc
        finally:
            asked.close()

    def _connection(self, patience: float) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=patience, context=self._context())
        return _Plain(host, port, timeout=patience)

    def _context(self) -> ssl.SSLContext:
        try:
            context = self._tls.context()
        except TlsError as exc:
            raise AgentError(str(exc)) from exc
        context.sslsocket_class = TimedTls
        return context


class _Plain(http.client.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = TimedSocket.of(self.sock)


def _connected(asked: http.client.HTTPConnection) -> TimedSocket:
    """Connect, and return what is heard through: an answer may outlive the connection that it came by."""
    asked.connect()
    return cast("TimedSocket", asked.sock)


def _whole(answer: http.client.HTTPResponse) -> bytes:
    document = bytearray()
    while chunk := answer.read1(CHUNK):
        document += chunk
        if len(document) > LARGEST:
            raise TooLong(bytes(document[:CHUNK]))
    return bytes(document)
