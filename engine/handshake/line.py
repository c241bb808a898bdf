"""The thread between a station and its PLC, and the answer that goes out from the thread that judged.

Three locks: one for what is known of part, bin and heartbeats, held for moments only, so that no camera waits
for a slow PLC; one for the wire; one for who is answered, held until what that part proves holds for the part
behind it. What is written is what is true once the wire is free: an answer that had to wait for it beyond its
time is NG.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

import structlog

from engine import health
from engine.handshake.abc import FAILURES, Flags, Plc, Signals, Told
from engine.handshake.bin import Bin
from engine.handshake.cycle import Answer, Cycle, Event, Kind, State
from engine.handshake.dial import dial, place_of
from engine.handshake.gathering import CalledPart, Gathering
from engine.handshake.pulse import Pulse
from engine.handshake.reasons import (
    BYPASSED,
    FAILED,
    MIXED,
    NO_PICTURE,
    NOT_READY,
    PLC_AWAY,
    TIME_OUT,
    UNKNOWN_PART,
    UNTOLD_PART,
    Doubt,
)
from engine.identity.naming import Naming, told_of
from engine.plant import Handshake
from engine.plant.secrets import SecretError
from engine.release.events import LINE_RELEASED, LINE_STOPPED
from engine.station_judge import StationJudge
from streams.connectors.polling import Lost
from vision.assembly import Part, Stray
from vision.judge import BYPASS
from vision.records import Decision, Frame, Outcome, Verdict
from vision.unjudged import NO_VERSIONS

logger = structlog.get_logger(__name__)

BACKOFF = (0.1, 2.0)
"""Seconds between attempts to connect, the first and the longest."""
TOLD = (Kind.TRIGGERED_AGAIN, Kind.ACKNOWLEDGED_AGAIN, Kind.UNACKNOWLEDGED, Kind.WITHDRAWN, Kind.STUCK)
"""What a sound PLC program never brings about."""
COUNTED = (Kind.ACKNOWLEDGED, *TOLD[1:])
"""What is counted as it happens; how parts were answered, and why, is counted when the PLC has it."""


class Line:
    """The line's side of one station.

    Parameters
    ----------
    section
        What the plant file says of the PLC.
    views
        Views that a part must have for which there is no recipe.
    part_number
        The station's own, for a part of which the PLC tells none; empty: such a part has no recipe.
    judging, naming
        Who judges the parts, and who says who they are.
    able
        Why the station cannot judge just now; empty when it can. From any thread.
    ripe
        Called when `expire` has something to return at once: a trigger whose picture was there before it.
    note
        Keeps what happened to the line, why, and by whom (`engine.release.Gate.note`); it may take a while.
    now
        The plant's clock, microseconds UTC.
    """

    def __init__(
        self,
        section: Handshake,
        views: Sequence[str],
        part_number: str,
        judging: StationJudge,
        naming: Naming,
        able: Callable[[], str],
        ripe: Callable[[], None],
        note: Callable[[str, str, str], None],
        now: Callable[[], int],
    ) -> None:
        self._note, self._unnoted = note, deque[tuple[str, str, str]]()
        self._section, self._part_number = section, part_number
        self._judging, self._naming, self._now = judging, naming, now
        self._able, self._ripe = able, ripe
        self._state, self._wire, self._answering = threading.Lock(), threading.Lock(), threading.Lock()
        self._cycle = Cycle(section.cycle_s, section.acknowledge_s)
        self._gathering = Gathering(views, section.lead_s)
        self._bin = Bin(section.bin.within_s, section.bin.outcomes) if section.bin else Bin()
        self._bin_turned("")
        beats = section.asks.heartbeat is not None
        self._pulse = Pulse(section.beat_s, section.silence_s if beats else None)
        self._plc: Plc | None = None
        self._there: Signals | None = None
        self._told, self._triggered = Told(), False
        self._counts: Counter[str] = Counter()
        self._last_ms = 0.0
        self._away = f"{place_of(section)} has not answered yet."
        self._misled = ""
        self._stop = threading.Event()
        loops = (self._run, lambda: naming.listen(self._stop), lambda: naming.mend(self._stop))
        self._threads = [threading.Thread(target=loop, name="plc", daemon=True) for loop in loops]

    def start(self) -> None:
        """Begin to speak with the PLC."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Say that no part may come any more, and end."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._keep()

    def add(self, frame: Frame, now: float) -> list[Part | Stray]:
        """Take a picture; return the part that it completes, and what fits nowhere."""
        with self._state:
            found = self._gathering.add(frame, self._cycle.state is State.IDLE, now)
            mixed, self._gathering.mixed = self._gathering.mixed, None
            if mixed:
                self._cycle.spoil(mixed[0], Doubt(MIXED, mixed[1]), now)
        return list(found)

    def expire(self, now: float) -> list[Part | Stray]:
        """Return the part whose time is up, and pictures that belong to none."""
        with self._state:
            return list(self._gathering.expire(now))

    def finish(self) -> list[Part | Stray]:
        """Return everything that still waits."""
        with self._state:
            return list(self._gathering.finish())

    def judge(self, part: Part) -> Verdict:
        """Judge a part that the line asked for, and answer at once."""
        assert isinstance(part, CalledPart)
        try:
            return self._judge(part)
        except Exception:
            self._say(part.number, None, Doubt(FAILED))
            raise

    def parts(self) -> tuple[health.Part, ...]:
        """Return how the handshake is, and what it counted."""
        with self._state:
            counters: dict[str, float] = {
                "cycles": self._cycle.number,
                "ready": self._cycle.ready,
                "trigger": self._triggered,
                "last_cycle_ms": round(self._last_ms, 3),
                "bin_waiting": self._bin.waiting,
                "late_codes": self._naming.late_codes,
                **self._counts,
            }
            trouble = self._away or self._hindrance() or self._misled
        return (health.Part("handshake", self._section.kind, trouble, counters),)

    def _judge(self, part: CalledPart) -> Verdict:
        number = part.told.part_number or self._part_number
        turn = self._judging.turn(number, part.bypass)
        frames = self._naming.prepared(part.frames)
        verdict = turn.look(replace(part, frames=frames)) if frames else self._unseen(number, turn.bypass)
        before = self._answered(part.number)
        refused = before and before.doubt and before.doubt.reason is NOT_READY
        counts = bool(frames) and not refused and turn.looks
        named = self._naming.name(frames, part.serial, part.told, part.called, part.due, counts)
        unknown = Doubt(UNKNOWN_PART if number else UNTOLD_PART, number)
        doubt = named.doubt if turn.known else unknown
        doubt = Doubt(BYPASSED) if turn.bypass else doubt
        known = replace(part, frames=frames, serial=named.serial)
        with self._answering:
            if weighed := bool(frames) and not doubt:
                verdict = turn.weigh(known, replace(verdict, serial=named.serial))
            self._say(part.number, verdict.outcome, doubt)
            said = self._answered(part.number) or self._long_ago()
            if weighed:  # of a master part that the line was told otherwise only a failure counts
                turn.prove(known, verdict, passes=not said.doubt)
        return told_of(verdict, named, said.doubt or doubt, said.outcome)

    def _long_ago(self) -> Answer:
        """Return how a part was answered whose cycle is forgotten."""
        return Answer(Outcome.NG, Doubt(TIME_OUT, f"{self._cycle.cycle_s:g}"), self._cycle.cycle_s)

    def _unseen(self, number: str, bypass: str) -> Verdict:
        """Return what is said of a part of which nothing was seen; nobody looked."""
        where = (self._judging.station, "", number, 0, self._now())
        decision = Decision(BYPASS) if bypass else Decision()
        return Verdict(*where, Outcome.REVIEW, bypass or NO_PICTURE.sentence(), NO_VERSIONS, (), decision)

    def _say(self, number: int, outcome: Outcome | None, doubt: Doubt | None) -> None:
        """Answer the line, in this thread."""
        with self._state:
            now = time.monotonic()
            if doubt or outcome is None:
                self._cycle.spoil(number, doubt or Doubt(FAILED), now)
            else:
                self._cycle.judged(number, outcome, now)
        self._flush()

    def _answered(self, number: int) -> Answer | None:
        with self._state:
            return self._cycle.answered(number)

    def _run(self) -> None:
        """Stay connected until told to stop."""
        pause = BACKOFF[0]
        while not self._stop.is_set():
            try:
                with closing(dial(self._section)) as plc:
                    pause = BACKOFF[0]
                    self._use(plc)
            except (*FAILURES, SecretError) as exc:
                self._note_lost(exc)
            except Exception as exc:  # whatever it is, the line must hear of us again
                logger.exception("handshake failed")
                self._note_lost(exc)
            self._keep()
            if not self._stop.wait(pause):
                pause = min(2 * pause, BACKOFF[1])

    def _use(self, plc: Plc) -> None:
        """Speak over a connection while it lasts; nobody else uses it when it is closed."""
        try:
            self._begin(plc)
            self._stay(plc)
        finally:
            with self._wire:
                self._plc = None

    def _begin(self, plc: Plc) -> None:
        plc.told()
        with self._state:
            self._pulse.forget(time.monotonic())
            self._bin.away()
            self._triggered = True
            self._away = ""
        with self._wire:
            self._plc, self._there = plc, None

    def _stay(self, plc: Plc) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            if self._plc is not plc:
                raise Lost(self._away)
            self._look(plc)
            self._flush()
            self._keep()
            due = max(due + self._section.poll_s, time.monotonic())
            self._stop.wait(due - time.monotonic())
        self._flush()

    def _look(self, plc: Plc) -> None:
        """Take what the PLC says; what it says of a part is read before its trigger counts."""
        with self._wire:
            flags = plc.flags()
            called = flags.trigger and not self._triggered
            told = plc.told() if called or (flags.release and self._bin.stop) else None
        self._triggered = flags.trigger
        with self._state:
            self._take(flags, told, time.monotonic())
            ripe = self._gathering.ripe
        if ripe:
            self._ripe()

    def _take(self, flags: Flags, told: Told | None, now: float) -> None:
        cycle, number = self._cycle, self._cycle.number
        self._pulse.hear(flags.heartbeat, now)
        if self._pulse.silent:
            cycle.spoil(number, Doubt(PLC_AWAY), now)
        stood = self._bin.stop
        self._bin.see(flags.bin, flags.release, now)
        self._bin_turned(stood, (told and told.operator) or self._told.operator)
        cycle.hindered = self._hindrance()
        cycle.see(flags.trigger, flags.acknowledge, now)
        if cycle.number != number:
            self._told = told or Told()
            serial = self._naming.expected(self._told)
            views = self._judging.views(self._told.part_number or self._part_number)
            bypass = self._judging.bypass()
            self._gathering.begin(cycle.number, self._told, serial, cycle.due, now, views, bypass)
            if bypass:
                cycle.spoil(cycle.number, Doubt(BYPASSED), now)
        self._count(cycle.events())

    def _flush(self) -> None:
        """Write what is true now, if the PLC does not have it."""
        with self._wire:
            if (plc := self._plc) is None:
                return
            with self._state:
                begun = time.monotonic()
                said = self._cycle.put(begun)
                signals = self._signals(said)
            try:
                if signals != self._there:
                    plc.write(signals)
            except (
                Exception
            ) as exc:  # whatever it is, the part was judged: its verdict says what became of it
                self._plc = None
                self._note_lost(exc)
                return
            with self._state:
                now = time.monotonic()
                if signals != self._there:
                    self._cycle.wrote(now - begun)
                self._was_put(said, now)
            self._there = signals

    def _was_put(self, said: Answer | None, now: float) -> None:
        cycle = self._cycle
        if said and cycle.was_put(said):
            self._last_ms = 1000 * (now - cycle.began)
            self._counts[f"answers_{said.outcome.lower()}"] += 1
            if said.doubt:
                self._counts[said.doubt.reason.name] += 1
            if self._goes_to_bin(said):
                self._bin.answered(cycle.number, self._told.part_id or str(cycle.number), said.outcome, now)

    def _goes_to_bin(self, said: Answer) -> bool:
        """Say whether the PLC sends a part where its answer belongs; those let by it may send elsewhere."""
        let_by = said.doubt is not None and said.doubt.reason is BYPASSED
        return not let_by or self._section.bin is None or self._section.bin.bypassed

    def _signals(self, said: Answer | None) -> Signals:
        now, cycle, stood = time.monotonic(), self._cycle, self._bin.stop
        self._bin.tick(now)
        self._bin_turned(stood)
        cycle.hindered = self._hindrance()
        self._pulse.beat(not self._unable(), now)
        return Signals(
            ready=cycle.ready,
            busy=cycle.state is State.BUSY,
            answer=said.outcome if said else None,
            stop=bool(self._bin.stop),
            alive=self._pulse.count,
            code=said.doubt.reason.code if said and said.doubt else 0,
            answer_id=self._told.part_id if said else "",
        )

    def _bin_turned(self, stood: str, operator: str = "") -> None:
        """Take note that the bin stops the line, or that a person let it go on."""
        if self._bin.stop and not stood:
            self._unnoted.append((LINE_STOPPED, self._bin.stop, ""))
        elif stood and not self._bin.stop:
            self._unnoted.append((LINE_RELEASED, stood, operator))

    def _keep(self) -> None:
        """Keep what happened to the line, once it was told what to do."""
        while self._unnoted:
            event, reason, operator = self._unnoted.popleft()
            logger.warning(event, reason=reason, operator=operator)
            self._note(event, reason, operator)

    def _unable(self) -> str:
        """Say why the station cannot judge."""
        return "The station stops." if self._stop.is_set() else self._able() or self._naming.trouble

    def _hindrance(self) -> str:
        """Say why no part may be triggered."""
        silent = f"{place_of(self._section)} stands: its heartbeat does not change."
        return self._bin.stop or (silent if self._pulse.silent else "") or self._unable()

    def _count(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.kind in COUNTED:
                self._counts[event.kind] += 1
            if event.kind in TOLD:
                logger.warning("handshake", what=event.kind.value, cycle=event.number)
            if event.kind is Kind.ACKNOWLEDGED:
                self._misled = ""
            elif event.kind in {Kind.UNACKNOWLEDGED, Kind.STUCK}:
                what = "acknowledge the answer" if event.kind is Kind.UNACKNOWLEDGED else "lower its signals"
                self._misled = f"{place_of(self._section)} did not {what} to part {event.number} in time."

    def _note_lost(self, exc: BaseException) -> None:
        """Take note that the PLC cannot be heard: what it waits for is spoiled."""
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        with self._state:
            if not self._away:
                self._counts["connections_lost"] += 1
            if not isinstance(exc, Lost) or reason != self._away:
                self._away = f"{place_of(self._section)} does not answer: {reason.rstrip('.')}."
            self._cycle.away(time.monotonic())
            self._count(self._cycle.events())
