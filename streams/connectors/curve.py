"""CURVE: whose keys may speak to a ZeroMQ endpoint, everything encrypted (RFC 26, asked by ZAP, RFC 27)."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import zmq
from zmq.utils import z85

KEY = re.compile(r"[0-9a-zA-Z.:+=^!/*?&<>()\[\]{}@%$#-]{40}")
"""A key as people write it (Z85)."""
OTHERS = 0o077
ZAP = "inproc://zeromq.zap.01"
ZAP_FRAMES = 7
REMEMBERED = 1000
"""Strange keys told one by one; those beyond are counted only."""


class KeyFileError(Exception):
    """A file of a secret key cannot be used; the message says what to do."""


class Stranger(NamedTuple):
    """Somebody who knocked with a key that is not allowed, or with none."""

    address: str
    key: str


@dataclass(frozen=True)
class ServerKeys:
    """The secret key of an endpoint, and whom it lets in: their names by their public keys."""

    secret: bytes
    clients: Mapping[str, str]

    def apply(self, socket: zmq.Socket[bytes]) -> None:
        """Let the socket speak CURVE only; before it is bound, and beside a `Doorman`."""
        socket.curve_secretkey = self.secret
        socket.curve_server = True


@dataclass(frozen=True)
class ClientKeys:
    """A sender's secret key, and the public key of the endpoint that it speaks to."""

    secret: bytes
    server: bytes

    def apply(self, socket: zmq.Socket[bytes]) -> None:
        """Let the socket speak CURVE only; before it connects."""
        socket.curve_secretkey = self.secret
        socket.curve_publickey = zmq.curve_public(self.secret)
        socket.curve_serverkey = self.server


@dataclass
class Doorman:
    """Answer the context's question whether a key may come in.

    One for a context; the sockets that it guards are bound after it was made.
    """

    socket: zmq.Socket[bytes]
    clients: Mapping[str, str]
    refused: Counter[Stranger] = field(default_factory=Counter)
    """How often each stranger knocked."""

    def __post_init__(self) -> None:
        self.socket.bind(ZAP)

    def attend(self) -> Iterator[Stranger]:
        """Answer all that wait; yield strangers who come for the first time."""
        while self.socket.poll(0, zmq.POLLIN):
            frames = self.socket.recv_multipart()
            answer, stranger = judge(frames, self.clients)
            self.socket.send_multipart(answer)
            if stranger is not None and (stranger in self.refused or len(self.refused) < REMEMBERED):
                self.refused[stranger] += 1
                if self.refused[stranger] == 1:
                    yield stranger


def judge(frames: Sequence[bytes], clients: Mapping[str, str]) -> tuple[list[bytes], Stranger | None]:
    """Return the answer to one question, and who is sent away."""
    version, request, _, address, *_ = [*frames, b"", b"", b"", b""]
    key = z85.encode(frames[-1]).decode() if len(frames) == ZAP_FRAMES and len(frames[-1]) == 32 else ""  # noqa: PLR2004
    if key in clients:
        return [version, request, b"200", b"OK", clients[key].encode(), b""], None
    answer = [version, request, b"400", b"unknown key", b"", b""]
    return answer, Stranger(address.decode(errors="replace"), key)


def read_secret(path: Path) -> bytes:
    """Return the secret key of a file that nobody else may read.

    Raises
    ------
    KeyFileError
        It cannot be read, everybody can read it, or it holds no key.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as exc:
        raise KeyFileError(f"The key file {path} cannot be read: {exc.strerror}.") from exc
    if mode & OTHERS:
        raise KeyFileError(f"Others may read the key file {path}; run: chmod 600 {path}")
    if not KEY.fullmatch(text):
        raise KeyFileError(f"{path} holds no key; make one with: seamline connect keys {path}")
    return text.encode()


def write_secret(path: Path) -> str:
    """Make a pair of keys, keep the secret one in a new file of mode 0600 and return the public one.

    Raises
    ------
    KeyFileError
        The file is there already, or cannot be written.
    """
    public, secret = zmq.curve_keypair()
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{secret.decode()}\n")
    except FileExistsError as exc:
        raise KeyFileError(f"{path} is there already; name a new file, or remove it.") from exc
    except OSError as exc:
        raise KeyFileError(f"The key file {path} cannot be written: {exc.strerror}.") from exc
    return public.decode()
