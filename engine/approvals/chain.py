"""The file of approvals: lines that are only ever added, each tied to the one before it."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import IO, NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.approvals import keys
from engine.approvals.entry import FIRST, Deed, Entry, digest
from engine.approvals.errors import ApprovalError
from engine.paths import Home

RESTORE = "put the file back from the newest backup"


Stamp = tuple[int, int, int]
"""What changes whenever the file does: its time, inode and size."""


class Head(NamedTuple):
    """The newest line that was ever seen: its number and its hash."""

    number: int
    hash: str


class Chain:
    """The lines of one home, and the newest that was seen of them, kept elsewhere: so a cut is noticed."""

    def __init__(self, home: Home) -> None:
        self.file = home.approvals
        self._head_file = home.approvals_head

    def read(self) -> tuple[Entry, ...]:
        """Return the entries; none where there is no file.

        Raises
        ------
        ApprovalError
            A line was changed, does not follow, is not signed by whom it names, or lines were cut off.
        """
        head = self._head()  # before the file: whoever adds a line meanwhile adds it to the file first
        try:
            lines = _lines(self.file.read_bytes())
        except FileNotFoundError:
            lines = []
        except OSError as exc:
            raise ApprovalError(f"{self.file} cannot be read: {exc.strerror}.") from exc
        entries = tuple(self._check(lines))
        self._check_head(lines, head)
        return entries

    def append(self, draft: Entry, key: Ed25519PrivateKey) -> Entry:
        """Write an entry, numbered and signed; it is on disk when this returns.

        Raises
        ------
        ApprovalError
            The file cannot be trusted or written, or the key is not that of the person.
        """
        with self._hold() as file:
            entries = self.read()
            entry, known = _signed(draft, entries, key), people(entries)
            if known.get(entry.person, keys.public_of(key)) != keys.public_of(key):
                raise ApprovalError(f"The key is not that of {entry.person}; name the right one with --key.")
            allow(entry, known)
            try:
                file.truncate(sum(len(item.line) + 1 for item in entries))
                os.pwrite(file.fileno(), entry.line + b"\n", os.fstat(file.fileno()).st_size)
                os.fsync(file.fileno())
            except OSError as exc:
                raise ApprovalError(f"{self.file} cannot be written: {exc.strerror}.") from exc
            self._keep_head(Head(entry.number, digest(entry.line)))
        return entry

    def stamp(self) -> Stamp:
        """Return what changes whenever the file does."""
        try:
            found = self.file.stat()
        except OSError:
            return (0, 0, 0)
        return found.st_mtime_ns, found.st_ino, found.st_size

    @contextmanager
    def _hold(self) -> Iterator[IO[bytes]]:
        """Hold the file, so that two people do not write the same line."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.file.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
        except OSError as exc:
            raise ApprovalError(f"{self.file} cannot be written: {exc.strerror}.") from exc

    def _check(self, lines: list[bytes]) -> Iterator[Entry]:
        before, known = FIRST, dict[str, str]()
        for number, line in enumerate(lines, 1):
            try:
                entry = Entry.from_line(line)
                if (entry.number, entry.before) != (number, before):
                    raise ValueError("it does not follow the line before it")
                allow(entry, known)
            except (ValueError, ApprovalError) as exc:
                raise ApprovalError(f"Line {number} of {self.file} was changed ({exc}); {RESTORE}.") from exc
            enter(entry, known)
            before = digest(line)
            yield entry

    def _check_head(self, lines: list[bytes], head: Head) -> None:
        """See that the newest line ever seen is still there."""
        if head.number and (len(lines) < head.number or digest(lines[head.number - 1]) != head.hash):
            raise ApprovalError(f"{self.file} lacks lines that were there (up to {head.number}); {RESTORE}.")
        if len(lines) > head.number:
            self._keep_head(Head(len(lines), digest(lines[-1])))

    def _head(self) -> Head:
        try:
            told = orjson.loads(self._head_file.read_bytes())
            return Head(int(told["number"]), str(told["hash"]))
        except (OSError, ValueError, TypeError, KeyError):
            return Head(0, "")

    def _keep_head(self, head: Head) -> None:
        draft = self._head_file.with_suffix(f".{os.getpid()}.{threading.get_native_id()}")
        with suppress(OSError):  # a full disk: the next look keeps it
            self._head_file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(orjson.dumps(head._asdict()))
            draft.rename(self._head_file)


def _lines(content: bytes) -> list[bytes]:
    """Return the whole lines; the rest of one that was never finished was never said."""
    return content.split(b"\n")[:-1]


def _signed(draft: Entry, entries: tuple[Entry, ...], key: Ed25519PrivateKey) -> Entry:
    before = digest(entries[-1].line) if entries else FIRST
    numbered = replace(draft, number=len(entries) + 1, before=before)
    return replace(numbered, signature=keys.sign(key, numbered.content))


def allow(entry: Entry, known: dict[str, str]) -> None:
    """See that an entry is signed by whom it names, and that he is one of those who may.

    Parameters
    ----------
    known
        Public keys by name, as they were before it.

    Raises
    ------
    ApprovalError
        It is not.
    """
    himself = entry.deed is Deed.ENROL and not known and entry.name == entry.person
    public = entry.key if himself else known.get(entry.person, "")
    if not public:
        raise ApprovalError(f"Nobody enrolled {entry.person}; one who may sign runs: seamline models enrol.")
    if entry.deed is Deed.ENROL and entry.name in known:
        raise ApprovalError(f"{entry.name} is enrolled already")
    if not keys.verify(public, entry.content, entry.signature):
        raise ApprovalError(f"it is not signed by the key of {entry.person}")


def enter(entry: Entry, known: dict[str, str]) -> None:
    """Change who may sign as an entry says."""
    if entry.deed is Deed.ENROL:
        known[entry.name] = entry.key
    if entry.deed is Deed.RETIRE:
        known.pop(entry.name, None)


def people(entries: tuple[Entry, ...]) -> dict[str, str]:
    """Return the public keys of those who may sign, by name."""
    known: dict[str, str] = {}
    for entry in entries:
        enter(entry, known)
    return known
