"""Say who a part is when it has been looked at, and whether it may be inspected at all."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.handshake.abc import Told
from engine.handshake.reasons import BOOK, BYPASSED, MIXED, NO_PICTURE, NO_SERIAL, REPEATED, Doubt
from engine.identity.book import Book, BookError
from engine.identity.scanner import LONGEST, Scanner
from engine.paths import Home
from engine.plant import IdentitySection
from engine.station_judge import Turn
from vision import datamatrix, pictures
from vision.assembly import Part, remember
from vision.judge import BYPASS
from vision.records import Frame, Identity, Outcome, Verdict

DIGITS = 6
RETRY = 2.0
"""Seconds between attempts to write a book that could not be written."""
NOTHING = Told()


@dataclass(frozen=True, slots=True)
class Named:
    """Who a part is; a doubt says why it cannot be passed."""

    serial: str
    attempt: int
    """How often it has been inspected, this time included; 0 when this time counts as none."""
    identity: Identity
    doubt: Doubt | None = None


class Naming:
    """Name the parts of one station.

    Parameters
    ----------
    section
        What the plant file says.
    is_master
        Tells whether a serial is that of a master part, which comes as often as it is shown.

    Raises
    ------
    BookError
        The book of serials cannot be used.
    """

    def __init__(
        self,
        section: IdentitySection,
        station: str,
        home: Home,
        is_master: Callable[[str], bool] = lambda serial: False,
    ) -> None:
        self._is_master = is_master
        self._section, self._station = section, station
        self._prefix = section.prefix or f"{station}-"
        wanted = section.refuses_repeats or section.serial == "station"
        self._book = Book(home.stations, station) if wanted else None
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()
        scanner = section.scanner
        self._scanner = (
            Scanner(scanner.host, scanner.port, scanner.within_s, scanner.late) if scanner else None
        )
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Return why no part can be named just now; empty when all is well."""
        return self._trouble or (self._scanner.trouble if self._scanner else "")

    @property
    def late_codes(self) -> int:
        """Return how many codes were of no part since they came between two."""
        return self._scanner.dropped if self._scanner else 0

    def listen(self, stop: threading.Event) -> None:
        """Listen to the scanner, if there is one, until told to stop."""
        if self._scanner:
            self._scanner.run(stop)

    def mend(self, stop: threading.Event) -> None:
        """See whether a book that could not be written can be written again, until told to stop."""
        while self._book and not stop.wait(RETRY):
            if self._trouble:
                self._try(self._book)

    def _try(self, book: Book) -> None:
        try:
            book.probe()
            self._trouble = ""
        except BookError as exc:
            self._trouble = str(exc)

    def close(self) -> None:
        """Close the book."""
        if self._book:
            self._book.close()

    def expected(self, told: Told) -> str:
        """Return the serial that the line said before there was a picture; empty when it did not."""
        return told.serial if self._section.serial == "plc" else ""

    def prepared(self, frames: Sequence[Frame]) -> tuple[Frame, ...]:
        """Return the frames, decoded where a code is read from them: the inspection need not decode again."""
        wanted = self._section.serial == "datamatrix"
        return tuple(decoded(frame) if wanted and self._shows(frame) else frame for frame in frames)

    def applied(self, turn: Turn, part: Part) -> Verdict:
        """Return what is said of a part that no line asked for, with its name."""
        known = replace(part, frames=self.prepared(part.frames))
        verdict = turn.look(known)
        named = self.name(known.frames, part.serial, counts=turn.looks)
        if not named.doubt:
            known = replace(known, serial=named.serial)
            verdict = turn.count(known, replace(verdict, serial=named.serial))
        return told_of(verdict, named, named.doubt)

    def name(
        self,
        frames: Sequence[Frame],
        serial: str,
        told: Told = NOTHING,
        called: float = 0.0,
        due: float = 0.0,
        counts: bool = True,
    ) -> Named:
        """Say who a part is.

        Parameters
        ----------
        frames
            As `prepared` returned them.
        serial
            What its pictures or the PLC called it.
        called, due
            When the line called it, and until when a scanner's code is waited for, monotonic seconds.
        counts
            Whether this is an inspection at all; else the book is not asked.
        """
        said = Identity(self._section.serial, told.order, told.fixture, told.operator)
        identity = Identity.first(said, *(frame.identity for frame in frames))
        fallback = frames[0].serial if frames else f"{self._station}-{time.time_ns() // 1000}"
        try:
            found, doubt = bounded(*self._serial(frames, serial, told, (called, due)))
            if doubt or not counts:
                return Named(found or fallback, 0, identity, doubt)
            return self._admitted(found, identity)
        except BookError as exc:
            self._trouble = str(exc)
            return Named(
                bounded(told.serial or serial, None)[0] or fallback,
                0,
                identity,
                Doubt(BOOK, str(exc).rstrip(".")),
            )

    def _admitted(self, serial: str, identity: Identity) -> Named:
        once = self._book if self._section.refuses_repeats and not self._is_master(serial) else None
        attempt = once.admit(serial) if once else self._count(serial)
        self._trouble = ""
        return Named(serial, attempt, identity, None if attempt else Doubt(REPEATED, serial))

    def _count(self, serial: str) -> int:
        with self._lock:
            remember(self._seen, serial, self._seen.get(serial, 0) + 1)
            return self._seen[serial]

    def _serial(
        self, frames: Sequence[Frame], serial: str, told: Told, time: tuple[float, float]
    ) -> tuple[str, Doubt | None]:
        match self._section.serial:
            case "camera":
                return serial, None if serial else Doubt(NO_SERIAL, "no picture of it came")
            case "plc":
                return told.serial, None if told.serial else Doubt(NO_SERIAL, "the PLC told none")
            case "station":
                return self._made(), None
            case "scanner":
                codes = self._scanner.take(*time) if self._scanner else []
                return one_of(codes, "no code was scanned")
        seen_in = self._section.view or "any view"
        return one_of(self._codes(frames), f"no Data Matrix can be read in {seen_in}")

    def _made(self) -> str:
        number = self._book.number() if self._book else 0
        return f"{self._prefix}{number:0{DIGITS}d}"

    def _shows(self, frame: Frame) -> bool:
        return self._section.view in {"", frame.view}

    def _codes(self, frames: Sequence[Frame]) -> list[str]:
        shown = [frame.image for frame in frames if self._shows(frame) and frame.image is not None]
        return list(dict.fromkeys(text for image in shown for text in datamatrix.read(image)))


def decoded(frame: Frame) -> Frame:
    """Return a frame with its picture decoded, or with the defect that forbids it."""
    if frame.image is not None or frame.defect:
        return frame
    image, defect = pictures.decode(frame.encoded)
    return replace(frame, image=image, defect=defect)


def bounded(serial: str, doubt: Doubt | None) -> tuple[str, Doubt | None]:
    """Return a serial, none where it is longer than that of any part: no index of a database takes it."""
    if len(serial) <= LONGEST:
        return serial, doubt
    return "", Doubt(NO_SERIAL, f"{serial[:20]}... has {len(serial)} characters, {LONGEST} are the most")


def one_of(codes: Sequence[str], none: str) -> tuple[str, Doubt | None]:
    """Return the one code that there is; two are those of two parts."""
    if not codes:
        return "", Doubt(NO_SERIAL, none)
    return codes[0], Doubt(MIXED, " and ".join(codes[:3])) if len(codes) > 1 else None


def told_of(verdict: Verdict, named: Named, doubt: Doubt | None, answer: str = "") -> Verdict:
    """Return a verdict with the part's name; a doubt makes it REVIEW, with its reason."""
    outcome = Outcome.REVIEW if doubt else verdict.outcome
    reason = because(verdict, doubt) if doubt else verdict.reason
    return replace(
        verdict,
        serial=named.serial,
        attempt=named.attempt,
        identity=named.identity,
        outcome=outcome,
        reason=reason,
        answer=answer,
    )


def because(verdict: Verdict, doubt: Doubt) -> str:
    """Return why a part is in doubt; who let it by, and that nothing was seen of it, is told too."""
    let_by = verdict.reason if verdict.decision.rule == BYPASS else ""
    doubts = "" if let_by and doubt.reason is BYPASSED else str(doubt)
    unseen = "" if verdict.views else str(NO_PICTURE)
    return " ".join(sentence for sentence in (let_by, doubts, unseen) if sentence)
