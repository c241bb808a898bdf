"""Evidence: the exact bytes inspected, on disk and found by their SHA-256 before anyone hears a verdict.

Each station appends its pictures to packs of its own, a moment's pictures together, and notes where they lie.
An archive holds a file for each.
"""

from vision.evidence.disk import sync_folders, write_file
from vision.evidence.shelf import FRESH, Shelf, path, read
from vision.evidence.store import EvidenceStore

__all__ = ["FRESH", "EvidenceStore", "Shelf", "path", "read", "sync_folders", "write_file"]
