"""Who each part of a station is, in the plant file: where its serial comes from, and how often it may."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from engine.plant.section import Port, Positive, Section


class ScannerSection(Section):
    """A barcode scanner that sends a line of text for each code, over TCP or a converter's serial line."""

    host: str
    """Where the scanner, or its converter, listens; we connect to it."""
    port: Port
    """Its port."""
    within_s: Positive = 10.0
    """A code that was read longer before the trigger is of another part."""
    late: Literal["drop", "next"] = "drop"
    """A code between the time-out of a part that had none and the next trigger may be of either: dropped, and
    counted; or taken for the next part's, where each code surely comes before its own part's trigger."""


class IdentitySection(Section):
    """Who each part is."""

    serial: Literal["camera", "plc", "scanner", "datamatrix", "station"] = "camera"
    """Who knows it: the camera's message or file, the PLC, a scanner, a Data Matrix in the picture; station:
    nobody, so it is numbered here."""
    once: bool | None = None
    """Whether a serial that was inspected already is refused, unless a rework order is open for it; left out:
    where plc, scanner or datamatrix tell it, for the files of a replay come again."""
    view: str = ""
    """Of a Data Matrix: the view that shows it; left out: any."""
    prefix: str = ""
    """Of serials that are numbered here: what they begin with; left out: the station's name and a dash."""
    scanner: ScannerSection | None = None
    """The scanner."""

    @property
    def refuses_repeats(self) -> bool:
        """Whether a serial is inspected once, and again only by a rework order."""
        return self.serial in ("plc", "scanner", "datamatrix") if self.once is None else self.once

    @model_validator(mode="after")
    def _scanner_is_there(self) -> Self:
        if (self.serial == "scanner") != (self.scanner is not None):
            raise ValueError("serial: scanner and the section scanner belong together; write both or neither")
        return self
