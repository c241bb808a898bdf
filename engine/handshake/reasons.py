"""Why a line is answered otherwise than the model would: a number for the PLC, a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass

from vision.records import Outcome


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason; the number never changes its meaning, for PLC programs know it."""

    code: int
    name: str
    says: str
    """A sentence; ``{detail}`` is filled in where there is more to say."""
    answer: Outcome = Outcome.NG
    """What the line is told."""

    def __str__(self) -> str:
        return self.says

    def sentence(self, detail: str = "") -> str:
        """Return the sentence."""
        return self.says.format(detail=detail)


TIME_OUT = Reason(1, "time_out", "No verdict within {detail} s: the line was told NG.")
NOT_READY = Reason(2, "not_ready", "The part was triggered while the station was not ready: {detail}.")
TRIGGERED_AGAIN = Reason(3, "triggered_again", "The line triggered again while the part was judged.")
PLC_AWAY = Reason(4, "plc_away", "The PLC was away while the part was judged.")
MIXED = Reason(5, "mixed_parts", "The pictures are not of one part: {detail}.")
REPEATED = Reason(6, "repeated_serial", "Serial {detail} was inspected already; open a rework order for it.")
NO_SERIAL = Reason(7, "no_serial", "The part has no serial: {detail}.")
UNKNOWN_PART = Reason(8, "unknown_part_number", "The station has no recipe for part number {detail}.")
UNTOLD_PART = Reason(
    8, UNKNOWN_PART.name, "The PLC told no part number, and the station has several recipes."
)
FAILED = Reason(9, "inspection_failed", "The part could not be inspected.")
NO_PICTURE = Reason(10, "no_picture", "No picture of the part came.")
BOOK = Reason(11, "serial_not_noted", "The serial could not be looked up: {detail}.")
BYPASSED = Reason(12, "bypassed", "Not inspected: a bypass held.", Outcome.REVIEW)

REASONS = (
    TIME_OUT, NOT_READY, TRIGGERED_AGAIN, PLC_AWAY, MIXED, REPEATED, NO_SERIAL, UNKNOWN_PART, FAILED,
    NO_PICTURE, BOOK, BYPASSED,
)  # fmt: skip

MISDEEDS = ("connections_lost", "acknowledged_again", "unacknowledged", "withdrawn", "stuck", "late_codes")
"""What is counted beside the reasons: a sound line never does it."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason with its detail: why a part cannot be OK whatever the model says."""

    reason: Reason
    detail: str = ""

    def __str__(self) -> str:
        return self.reason.sentence(self.detail)
