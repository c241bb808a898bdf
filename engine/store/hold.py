"""Who may remove and who needs that nothing is removed: backups side by side, retention alone."""

from __future__ import annotations

from engine.store.errors import StoreBusy
from engine.store.levels import Connection

HOLD_LOCK = 0x5EA5
"""Advisory lock of a session: retention takes it alone, backups share it."""


def hold(connection: Connection, shared: bool = False) -> None:
    """Keep others from removing, and with ``shared`` false from backing up too, until this session ends.

    Raises
    ------
    StoreBusy
        One of them is at work.
    """
    function = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
    if connection.execute(f"SELECT {function}(%s)", [HOLD_LOCK]).fetchone() != (True,):
        raise StoreBusy("A backup or retention is under way; try again when it has ended.")
