"""A station's side towards the line: who names its parts, who speaks with its PLC, and why none may come."""

from __future__ import annotations

from collections.abc import Callable

from engine.handshake.line import Line
from engine.identity.naming import Naming
from engine.paths import Home
from engine.plant import IdentitySection, StationSection
from engine.station_cameras import Cameras
from engine.station_models import Models
from vision.refusal import Refusal


def meet(
    section: StationSection,
    home: Home,
    models: Models,
    cameras: Cameras,
    trouble: Callable[[], str],
    now: Callable[[], int],
) -> tuple[Naming | None, Line | None]:
    """Return who names the parts and who speaks with the PLC, where the plant file asks for them.

    ``trouble`` says why the station cannot judge, besides cameras and models.

    Raises
    ------
    BookError
        The book of serials cannot be used.
    """
    if not (section.identity or section.handshake):
        return None, None
    naming = Naming(section.identity or IdentitySection(), section.name, home)
    if not section.handshake:
        return naming, None

    def unable() -> str:
        return trouble() or refused(section, models) or blind(cameras)

    told = section.handshake, section, models.inspectors, naming
    return naming, Line(*told, unable, cameras.changed.set, now)


def refused(section: StationSection, models: Models) -> str:
    """Say why nobody may judge the station's parts; empty when somebody may."""
    judge = models.inspectors.of(section.part_number)
    return judge.reason if isinstance(judge, Refusal) else ""


def blind(cameras: Cameras) -> str:
    """Say which camera does not see; empty when all do."""
    closed = cameras.closed()
    if not closed:
        return ""
    return cameras.troubles.get(closed[0]) or f"Camera {closed[0]} is not open yet."
