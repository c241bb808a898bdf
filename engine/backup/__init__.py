"""A running plant in one folder or file, and back again: database, log, models, run numbers, evidence."""

from engine.backup.errors import BackupError
from engine.backup.restore import Restored, restore
from engine.backup.save import Saved, back_up

__all__ = ["BackupError", "Restored", "Saved", "back_up", "restore"]
