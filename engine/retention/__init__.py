"""What leaves by policy: rows and pictures that are old enough and that nothing newer needs."""

from engine.retention.audit import Removal
from engine.retention.sweeping import sweep

__all__ = ["Removal", "sweep"]
