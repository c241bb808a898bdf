"""A station's side towards the line: who names its parts, who speaks with its PLC, and why none may come."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.handshake.line import Line
from engine.identity.naming import Naming
from engine.paths import Home
from engine.plant import IdentitySection, StationSection
from engine.release import Gate
from engine.station_cameras import Cameras
from engine.station_judge import StationJudge


def name_parts(section: StationSection, home: Home, gate: Gate) -> Naming | None:
    """Return who names the parts, where the plant file asks for it.

    Raises
    ------
    BookError
        The book of serials cannot be used.
    """
    if not (section.identity or section.handshake):
        return None
    return Naming(section.identity or IdentitySection(), section.name, home, gate.is_master)


def meet(
    section: StationSection,
    views: Sequence[str],
    judging: StationJudge,
    naming: Naming | None,
    cameras: Cameras,
    trouble: Callable[[], str],
    ripe: Callable[[], None],
    note: Callable[[str, str, str], None],
    now: Callable[[], int],
) -> Line | None:
    """Return who speaks with the PLC, where the plant file names one.

    ``trouble`` says why the station cannot judge, besides cameras and models; a bypass needs neither.
    ``ripe`` is called when a part need not wait any more, ``note`` keeps what happens to the line.
    """
    if not section.handshake or not naming:
        return None

    def unable() -> str:
        return trouble() or ("" if judging.bypass() else unseeing())

    def unseeing() -> str:
        return judging.refusal(section.part_number) or blind(cameras)

    chosen = section.handshake.asks.part_number and len(section.recipes) > 1
    own = "" if chosen else section.part_number  # where the PLC chooses the recipe, silence chooses none
    told = section.handshake, views, own, judging, naming
    return Line(*told, unable, ripe, note, now)


def blind(cameras: Cameras) -> str:
    """Say which camera does not see; empty when all do."""
    if not cameras.names:
        return "No camera is read yet."
    closed = cameras.closed()
    if not closed:
        return ""
    return cameras.troubles.get(closed[0]) or f"Camera {closed[0]} is not open yet."
