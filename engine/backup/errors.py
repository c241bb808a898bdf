"""What can go wrong with a backup."""

from __future__ import annotations


class BackupError(Exception):
    """The backup cannot be made, or not be restored; the message says what to do."""
