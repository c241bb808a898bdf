"""What the appender remembers of its producers: the last sequence number kept of each."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from pathlib import Path

SIDECAR = "producers.json"
REMEMBERED = 4096
"""Producers kept in mind; every start of a producer is a new one, the longest silent are forgotten."""


class Sequences:
    """Last sequence numbers, those of entries not yet on disk apart."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._pending: dict[str, int] = {}

    def last(self, producer: str) -> int | None:
        """Return the last number of a producer, None when it was never heard of."""
        return self._pending.get(producer, self._kept.get(producer))

    def note(self, producer: str, sequence: int) -> None:
        """Take note of an entry that is about to be written."""
        if producer:
            self._pending[producer] = sequence

    def keep(self) -> None:
        """Make the pending ones last: their entries are on disk."""
        for producer, sequence in self._pending.items():
            self._kept[producer] = sequence
            self._kept.move_to_end(producer)
        self._pending.clear()
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)

    def drop(self) -> None:
        """Forget the pending ones: their entries were refused."""
        self._pending.clear()

    def save(self, folder: Path, position: int, received: int) -> None:
        """Write what holds after the entry ``position``, stamped ``received``, beside the segments."""
        path, draft = folder / SIDECAR, folder / f"{SIDECAR}.new"
        with draft.open("wb") as file:
            file.write(self.dump(position, received))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)

    def load(self, folder: Path) -> tuple[int, int]:
        """Take over what `save` wrote and return its position and stamp, zeros when there is nothing."""
        try:
            return self.read((folder / SIDECAR).read_bytes())
        except OSError:
            return 0, 0

    def dump(self, position: int, received: int) -> bytes:
        """Return what holds after the entry ``position``, stamped ``received``."""
        return json.dumps({"position": position, "received": received, "producers": self._kept}).encode()

    def read(self, saved: bytes) -> tuple[int, int]:
        """Take over what `dump` gave and return its position and stamp, zeros when it is nothing."""
        try:
            told = json.loads(saved)
            known = OrderedDict((name, int(number)) for name, number in told["producers"].items())
            position, received = int(told["position"]), int(told["received"])
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            return 0, 0
        self._kept = known
        return position, received
