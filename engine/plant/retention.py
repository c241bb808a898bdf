"""How long results are kept: days by family, and where what leaves goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from engine.plant.section import Section

Days = Annotated[int, Field(ge=2)] | None
"""Days of plant time, None for ever; late readings still revise what is younger than two days."""
LongDays = Annotated[int, Field(ge=8)] | None
"""As `Days`; planning looks seven days back, and an account is revised a day after its shift."""


class EvidenceDays(Section):
    """How long pictures are kept, by what was said of their part; the longest time counts."""

    OK: Days = None
    """Pictures of good parts."""
    NG: Days = None
    """Pictures of rejects."""
    REVIEW: Days = None
    """Pictures of parts that a person looked at, or should have."""


class RetentionSection(Section):
    """Days until results leave the database; what is left out stays for ever.

    Verdicts and the frame ledger never leave before the pictures that they speak of.
    """

    readings: Days = None
    """Raw readings."""
    windows_1s: Days = None
    """Windows of one second."""
    windows_1min: Days = None
    """Windows of one minute."""
    windows_1h: Days = None
    """Windows of one hour."""
    waveforms: Days = None
    """Waveforms, samples and all."""
    anomalies: Days = None
    """Anomaly scores."""
    quarantine: Days = None
    """What could not be taken."""
    states: LongDays = None
    """States and program runs."""
    oee: LongDays = None
    """Accounts of shifts."""
    verdicts: Days = None
    """Verdicts and their findings, those of models that look on too."""
    frame_ledger: Days = None
    """Rows of frames, and of their drift; the frames' sums by run stay."""
    evidence: EvidenceDays = EvidenceDays()
    """Pictures, by outcome."""
    archive: Path | None = None
    """Folder into which things move instead of being deleted: rows as Parquet, pictures as they are."""
