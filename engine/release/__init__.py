"""The release of a station: it judges only while master parts proved that it sees."""

from engine.release.events import Event
from engine.release.gate import Gate
from engine.release.state import Basis, Bypass, State

__all__ = ["Basis", "Bypass", "Event", "Gate", "State"]
