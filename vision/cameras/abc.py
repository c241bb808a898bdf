"""The contract of a camera."""

from __future__ import annotations

from typing import Protocol

from vision.records import Frame


class CameraError(Exception):
    """A camera cannot be opened or went away; the message says what to do."""


class Camera(Protocol):
    """Give frames, one after another, to the one thread that reads it."""

    @property
    def live(self) -> bool:
        """Whether it goes on seeing parts while nobody reads it: then its absence is a gap in the ledger."""

    def read(self) -> Frame | None:
        """Wait for the next frame; None at the end, or once the camera was told to stop.

        A frame that cannot be read is a frame too: its ``defect`` says why. Decoding is left to the
        inspection, so that frames which are dropped cost nothing.

        Raises
        ------
        CameraError
            The camera went away.
        """

    def close(self) -> None:
        """Release device, file or socket; called by the thread that reads."""
