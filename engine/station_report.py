"""How a station is: what it has done so far, and what its health record tells of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from engine import health
from engine.station_drift import Drifted, Key
from engine.station_judge import JUDGING
from vision.ledger import Balance
from vision.records import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class StationStats:
    """What a station has done so far."""

    station: str
    frames: Balance
    cameras: dict[str, Balance]
    """Those that are there now."""
    offsets: dict[str, int]
    """How far the clocks of cameras that stamp their frames are behind, microseconds."""
    verdicts: dict[str, int]
    rate: float
    """Verdicts a second, over the latest ones."""
    last: Verdict | None
    shadow: tuple[int, int]
    """Parts that the model which looks on has inspected, and that passed it by."""
    drift: dict[Key, Drifted]
    """The newest window of everything that is followed."""
    drift_trouble: str
    drift_progress: tuple[dict[Key, int], dict[Key, int]]
    """Frames on the way to a first reference, and on the way to the next window."""
    troubles: dict[str, str]
    """What is wrong now, by camera, ``evidence`` or ``model``; empty when all is well."""
    line: tuple[health.Part, ...] = ()
    """How the PLC that triggers its parts is, where there is one."""


def report(stats: StationStats, log_trouble: str | None) -> health.Report:
    """Return how a station is: each camera with its ledger, its evidence and its way to the log.

    ``log_trouble`` says why entries wait to be appended, if they do.
    """
    verdicts = {f"verdicts_{word.lower()}": stats.verdicts.get(word, 0) for word in Outcome}
    shadow = dict(zip(("inspected", "passed_by"), stats.shadow, strict=True))
    drift = {key.told: told.psi for key, told in stats.drift.items()}
    others = [
        health.Part("evidence", "evidence", stats.troubles.get("evidence", "")),
        health.Part("log", "log", log_trouble or ""),
        health.Part("model", "model", stats.troubles.get("model", "")),
        health.Part("shadow", "shadow", stats.troubles.get("shadow", ""), shadow),
        health.Part("drift", "drift", stats.drift_trouble, drift),
        *progress(stats),
        *(health.Part(what, what, stats.troubles[what]) for what in JUDGING if what in stats.troubles),
    ]
    counters = {**frames_of(stats.frames), **verdicts, "verdicts_per_s": stats.rate}
    cameras = [camera_part(name, stats) for name in stats.cameras]
    return health.Report(counters, (*cameras, *others, *stats.line))


def progress(stats: StationStats) -> tuple[health.Part, ...]:
    """Return how many frames of a first reference there are of all that has none, and of the next windows."""
    kinds = zip(("drift_reference", "drift_window"), stats.drift_progress, strict=True)
    told = {kind: {key.told: frames for key, frames in counts.items()} for kind, counts in kinds}
    return tuple(health.Part(kind, kind, "", counts) for kind, counts in told.items() if counts)


def camera_part(name: str, stats: StationStats) -> health.Part:
    """Return how a camera is, its ledger, and how far its clock is behind where it has one."""
    offset = stats.offsets.get(name)
    clock = {} if offset is None else {"clock_offset_s": offset / 1e6}
    trouble = stats.troubles.get(name, "")
    return health.Part("camera", name, trouble, frames_of(stats.cameras[name]) | clock)


def frames_of(balance: Balance) -> dict[str, float]:
    """Return a ledger's sums as counters: captured is the sum of the other five."""
    return {**asdict(balance), "open": balance.open}
