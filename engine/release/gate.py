"""A station's release at work: it looks for what changed, judges master parts, holds back all others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from engine.paths import Home
from engine.plant import Camera, Judging
from engine.release import files, state
from engine.release.files import Order
from engine.release.masters import MASTER, master_of, wrong
from engine.release.state import Basis, Bypass, State
from engine.release.uptime import boot, uptime
from streams import calendar
from streams.catalog import Calendar
from streams.clock import MINUTE, SECOND
from vision.assembly import Part
from vision.inspector import Inspector
from vision.judge import RELEASE, digest
from vision.records import Decision, Outcome, Verdict

logger = structlog.get_logger(__name__)

NOT_NOTED = "The release cannot be noted: {}; make room on the disk."


class Gate:
    """Keep one station's release; safe to use from several threads.

    Parameters
    ----------
    station
        Its name.
    home
        Where its state is kept.
    recipes
        By part number.
    light
        What lights its parts.
    shifts
        When it is planned to run; None: it has no shifts.
    now
        The plant's clock, microseconds UTC.
    uptime
        Seconds that the PC has been on: a bypass lasts no longer though its clock is set back.
    """

    def __init__(
        self,
        station: str,
        home: Home,
        recipes: Mapping[str, Judging],
        light: str,
        shifts: Calendar | None,
        now: Callable[[], int],
        uptime: Callable[[], float] = uptime,
    ) -> None:
        self._uptime, self._boot = uptime, boot()
        self._home, self._recipes, self._light, self._shifts, self._now = home, recipes, light, shifts, now
        self._lock = threading.Lock()
        found = files.load(home, station)
        self._state = anchored(found, now(), uptime(), self._boot)
        self._cameras = ""
        self._told: dict[int, int] = {}
        self._unwritten = ""
        self._needed = False
        self._number = self._state.basis.part_number if self._state.basis else ""
        if self._state != found or any(recipe.masters for recipe in recipes.values()):
            self._set(self._state)  # a station that cannot note a failure must not judge

    @property
    def state(self) -> State:
        """Return the state now."""
        return self._state

    @property
    def number(self) -> str:
        """Return the part number in production, as the last part told it; empty before the first of all."""
        return self._number

    def trouble(self) -> str:
        """Return why what the station says does not count now; empty when it does."""
        if self._unwritten:
            return self._unwritten
        if bypass := self.bypass():
            return bypassed(bypass)
        return unreleased(self._state.cause) if self._needed and self._state.cause else ""

    def bypass(self) -> Bypass | None:
        """Return the bypass that holds now; it ends by itself."""
        bypass = self._state.bypass
        if bypass is None or self._uptime() >= bypass.ends_s:
            return None
        bypass = bypass.bounded(self._now(), self._uptime())
        return bypass if self._now() < bypass.until else None

    def is_master(self, serial: str) -> bool:
        """Say whether a serial is that of a master part of any recipe: it is shown again and again."""
        return any(master_of(serial, recipe.masters) for recipe in self._recipes.values())

    def look(self, cameras: Sequence[Camera], inspector: Inspector | None) -> None:
        """Take what people ordered, and look whether another shift, model, camera or lamp asks for a release.

        ``inspector`` is that of the part number in production, None where it has none.
        """
        self._cameras = digest({camera.name: camera.model_dump(mode="json") for camera in cameras})
        with self._lock:
            self._obey()
            self._watch(inspector)
            if self._unwritten:
                self._set(self._state)

    def report(self, send: Callable[[bytes], int], acknowledged: int) -> None:
        """Hand events to the log, and forget those that it has; for one thread.

        Parameters
        ----------
        send
            Appends an event and returns its number among the station's entries.
        acknowledged
            Up to which number of these all are on the log's disk.
        """
        for event in self._state.pending:
            if event.number not in self._told:
                self._told[event.number] = send(event.to_json())
        there = [number for number, sent in self._told.items() if sent <= acknowledged]
        if there:
            with self._lock:
                self._set(state.arrived(self._state, max(there)))
            self._told = {number: sent for number, sent in self._told.items() if number not in there}

    def note(self, event: str, reason: str, person: str = "") -> None:
        """Note what happened to the line of the station, on disk and for the log."""
        with self._lock:
            self._set(state.tell(self._state, self._now(), event, reason, person=person))

    def say(self, part: Part, inspector: Inspector, verdict: Verdict, unfit: str = "") -> Verdict:
        """Return what counts of a verdict: a master part counts nowhere, a blocked station says REVIEW.

        So does one whose release cannot be noted, for a restart would forget what happened to it; and so it
        is where the pictures are ``unfit`` to judge by (a sentence says why): then they neither release nor
        block. A verdict tells the newest event when it was judged: those between a pass and a failure are
        suspect, whatever the clocks of cameras say.
        """
        self._number = verdict.part_number
        section = self._recipes.get(verdict.part_number)
        master = master_of(part.serial, section.masters) if section else None
        if unfit:
            return replace(held_back(verdict, unfit), purpose=MASTER if master else "")
        if master:
            return replace(verdict, purpose=MASTER)
        needs = self._needs(verdict.part_number)
        watched = needs or self._state.basis is not None
        if watched and self._state.basis != self._basis(inspector, self._now()):
            with self._lock:
                self._watch(inspector)
        judged_in = self._state  # once: what blocks it meanwhile has a higher number
        verdict = replace(verdict, release=judged_in.number)
        why = unreleased(judged_in.cause) if judged_in.cause and needs else self._unwritten
        return held_back(verdict, why) if why else verdict

    def prove(self, part: Part, inspector: Inspector, verdict: Verdict, passes: bool = True) -> None:
        """Let a master part release the station, or block it, by what `say` left of its verdict.

        No other part does, nor one that was held back because its pictures are unfit. One that cannot pass,
        because the line was told otherwise, may still fail.
        """
        if verdict.purpose != MASTER or verdict.decision.rule == RELEASE:
            return
        section = self._recipes[verdict.part_number]
        master = master_of(part.serial, section.masters)
        assert master
        pairs = [(frame.view, inspector.compare(frame)) for frame in part.frames]
        compared = {view: found for view, found in pairs if found is not None}
        why = wrong(master, verdict, compared, section.tolerance)
        if why or passes:
            self._show(inspector, verdict, section, master.serial, why)

    def _show(self, inspector: Inspector, verdict: Verdict, section: Judging, master: str, why: str) -> None:
        patterns = tuple(item.serial for item in section.masters)
        with self._lock:
            self._watch(inspector)
            shown = state.show(self._state, self._now(), verdict.serial, master, why, patterns)
            if shown.passed != self._state.passed:
                number = verdict.part_number
                at = min(shown.passed[number], verdict.ts)
                shown = replace(shown, passed=shown.passed | {number: at})
            self._set(shown)

    def _watch(self, inspector: Inspector | None) -> None:
        """Block where something changed since the release; a recipe without master parts needs none."""
        now = self._now()
        found = bounded(self._state, now, self._uptime())
        self._needed = inspector is not None and self._needs(inspector.recipe.part_number)
        if inspector:
            watch = state.watch if self._needed else state.watch_free
            found = watch(found, now, self._basis(inspector, now))
        else:
            found = state.lapse(found, now)
        if found is not self._state:
            self._set(found)

    def _needs(self, number: str) -> bool:
        """Say whether master parts release a part number."""
        section = self._recipes.get(number)
        return bool(section and section.masters)

    def _basis(self, inspector: Inspector, now: int) -> Basis:
        """Return what a release would hold for now; between two shifts the one before goes on."""
        known = self._state.basis or Basis()
        span = calendar.containing(self._shifts, now) if self._shifts else None
        versions = inspector.versions
        return Basis(
            inspector.recipe.part_number,
            versions.recipe,
            versions.model,
            self._cameras,
            self._light,
            f"{span.name} {span.start}" if span else known.shift,
        )

    def _obey(self) -> None:
        order = files.take(self._home, self._state.station)
        if order is None:
            return
        if not self._state.done(order.given):
            found = obeyed(self._state, order, self._now())
            self._set(anchored(found, self._now(), self._uptime(), self._boot))
        files.done(self._home, self._state.station, order)

    def _set(self, found: State) -> None:
        self._state = found
        try:
            files.save(self._home, found)
            self._unwritten = ""
        except OSError as exc:
            if not self._unwritten:
                logger.warning("release not noted", station=found.station, error=str(exc))
            self._unwritten = NOT_NOTED.format(exc.strerror)


def obeyed(found: State, order: Order, now: int) -> State:
    """Return the state after an order, which it remembers with what was done."""
    if order.what == "block":
        return state.take(state.block(found, now, order.reason, order.person), order.given, "blocked")
    if order.what == "bypass":
        until = now + int(order.minutes * MINUTE)
        bypass = Bypass(order.person, order.reason, until, 60 * order.minutes)
        return state.take(state.begin_bypass(found, now, bypass), order.given, "bypassed")
    done = "ended" if found.bypass else "nothing"
    return state.take(state.end_bypass(found, now, order.reason, order.person), order.given, done)


def anchored(found: State, now: int, uptime: float, boot: str) -> State:
    """Return the state whose bypass, if one holds, ends by what this start of the PC counts."""
    return replace(found, bypass=found.bypass and found.bypass.anchored(now, uptime, boot))


def bounded(found: State, now: int, uptime: float) -> State:
    """Return the state whose bypass, if one holds, lasts no longer than it was ordered for."""
    bypass = found.bypass and found.bypass.bounded(now, uptime)
    return found if bypass is found.bypass else replace(found, bypass=bypass)


def unreleased(cause: str) -> str:
    """Return that a station is not released, in one sentence."""
    return f"Station not released: {cause}."


def held_back(verdict: Verdict, reason: str) -> Verdict:
    """Return the verdict of a station that may not judge: its findings are kept, the part is reviewed."""
    return replace(verdict, outcome=Outcome.REVIEW, reason=reason, decision=Decision(RELEASE))


def bypassed(bypass: Bypass) -> str:
    """Return why parts are not inspected, in one sentence."""
    until = datetime.fromtimestamp(bypass.until / SECOND, UTC)
    return f"Not inspected: bypass by {bypass.person} until {until:%Y-%m-%d %H:%M:%S} UTC, {bypass.reason}."
