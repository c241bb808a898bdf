"""Inspection stations of the plant file and their cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from engine.plant.handshake import Handshake
from engine.plant.identity import IdentitySection
from engine.plant.machines import ShiftSection, build_calendar
from engine.plant.recipes import Judging
from engine.plant.secrets import SecretSection
from engine.plant.section import Positive, Section
from streams.catalog import Machine, Tag
from streams.clock import SECOND

UsbControl = Literal["exposure_ms", "gain", "brightness", "white_balance_k", "focus"]
"""What a USB camera can be told, as `vision.cameras.controls` has it."""


class FolderCamera(Section):
    """Photographs of a folder, one part each, at ``rate`` pictures a second of real time."""

    kind: Literal["folder"]
    """Photographs of a folder."""
    name: str
    """Names the camera in ledger and evidence."""
    view: str = "front"
    """Which side of the part it sees."""
    path: Path
    """The folder."""
    rate: Positive = 5.0
    """Pictures a second."""
    repeat: bool = False
    """Whether to begin again at the end."""


class VideoCamera(Section):
    """A video file or device that OpenCV can open; ``rate`` None keeps the file's own."""

    kind: Literal["video"]
    """A video file or device."""
    name: str
    """Names the camera in ledger and evidence."""
    view: str = "front"
    """Which side of the part it sees."""
    path: str
    """The file, the device or its number, or an address without user and password."""
    user: str = ""
    """Who asks at an address; empty: nobody in particular."""
    password: SecretSection | None = None
    """Where the user's password is kept."""
    rate: Positive | None = None
    """Pictures a second; left out: the file's own."""
    settings: dict[UsbControl, float] = {}
    """Of a USB camera, set by hand before pictures are taken: milliseconds, kelvins, the device's steps."""

    @field_validator("path")
    @classmethod
    def _tells_no_secret(cls, path: str) -> str:
        if path.partition("://")[2].partition("/")[0].rpartition("@")[0]:
            raise ValueError(
                "user and password do not stand in an address; write user: and password: beside it"
            )
        return path

    @model_validator(mode="after")
    def _asks_an_address(self) -> Self:
        if (self.user or self.password) and "://" not in self.path:
            raise ValueError("user and password are for an address; leave them out")
        return self


class ZmqCamera(Section):
    """A remote camera that pushes encoded pictures to this endpoint."""

    kind: Literal["zeromq"]
    """A remote camera that pushes pictures to us."""
    name: str
    """Names the camera in ledger and evidence."""
    view: str = "front"
    """Which side of the part it sees."""
    endpoint: str
    """Where we listen."""
    silence_s: Positive | None = None
    """Seconds without a picture until it is opened anew; left out: it may be silent for ever."""


class RtspCamera(Section):
    """A network camera over RTSP."""

    kind: Literal["rtsp"]
    """A network camera over RTSP."""
    name: str
    """Names the camera in ledger and evidence."""
    view: str = "front"
    """Which side of the part it sees."""
    address: Annotated[str, Field(pattern=r"^rtsps?://[^@\s]+$")]
    """Where it is: rtsp://host/path, without user and password."""
    user: str = ""
    """Who asks; empty: nobody in particular."""
    password: SecretSection | None = None
    """Where the user's password is kept."""
    transport: Literal["tcp", "udp"] = "tcp"
    """How pictures travel: tcp loses none on the way."""
    rate: Positive | None = None
    """Pictures a second at the most, the others are not taken; left out: all."""


class GenicamCamera(Section):
    """An industrial camera (GigE Vision, USB3 Vision, ...) over its maker's GenTL producer."""

    kind: Literal["genicam"]
    """An industrial camera by GenICam; needs the extra genicam."""
    name: str
    """Names the camera in ledger and evidence."""
    view: str = "front"
    """Which side of the part it sees."""
    producer: Path
    """The producer of the camera's maker, a .cti file."""
    device: str | None = None
    """Serial number, id or name of the device; left out: the only one."""
    settings: dict[str, bool | int | float | str] = {}
    """Features to set before pictures are taken, in this order: PixelFormat, ExposureTime, TriggerMode."""
    trigger_counter: str | None = None
    """The chunk that carries each picture's count of hardware triggers: one without a picture is missed."""
    silence_s: Positive | None = None
    """Seconds without a picture until it is opened anew; left out: it waits for its trigger for ever."""

    @field_validator("trigger_counter")
    @classmethod
    def _counts_in_the_picture(cls, name: str | None) -> str | None:
        """Refuse a count that is the device's own: it has gone on by the time that a picture is read."""
        if name is not None and not name.startswith("Chunk"):
            raise ValueError(
                f"{name} is what the device has counted now, not when a picture was taken; name the chunk"
                " that carries it (ChunkCounterValue) and switch that on in settings: ChunkModeActive: true,"
                " ChunkSelector: CounterValue, ChunkEnable: true"
            )
        return name


class SimulatedCamera(Section):
    """Rendered weld parts, deterministic by seed."""

    kind: Literal["simulated"]
    """Rendered weld parts."""
    name: str
    """Names the camera in ledger and evidence."""
    view: str = "front"
    """Which side of the part it sees."""
    rate: Positive = 5.0
    """Pictures a second."""
    seed: int = 1
    """The same seed renders the same parts."""
    size: Annotated[int, Field(gt=0)] = 416
    """Pixels of a picture's side."""
    follows: str | None = None
    """Machine of the simulated shop, each of whose finished parts it shows; left out: ``rate``."""


Camera = Annotated[
    FolderCamera | VideoCamera | ZmqCamera | RtspCamera | GenicamCamera | SimulatedCamera,
    Field(discriminator="kind"),
]


class StationSection(Judging):
    """An inspection station: cameras, models, decision bands. A station is a machine of its own name too."""

    kind_of: ClassVar[str] = "station"

    name: str
    """Its name, unique among machines and stations, and its page in the console."""
    cameras: list[Camera]
    """What it sees its parts with."""
    judges: str | None = None
    """The machine whose OEE the parts enter; None: the station's own."""
    cycle_s: Positive | None = None
    """Ideal seconds per part of the station itself; None: the mode of its own cycles."""
    shifts: list[ShiftSection] = []
    """When it is planned to run; empty: around the clock."""
    mode: Literal["lossless", "newest"] = "lossless"
    """When pictures come too fast: hold the cameras back, or drop old pictures, counted; with a handshake
    none may be dropped."""
    patience_s: Positive = 5.0
    """Seconds that a part waits for its views."""
    recipes: list[str] = []
    """Recipes that it may run, chosen by the part number; empty: it judges by what stands here."""
    light: str = ""
    """What lights its parts; name another when you fit one, then master parts must pass again."""
    handshake: Handshake | None = None
    """The PLC that triggers its parts and is answered; left out: cameras alone say when a part is there."""
    identity: IdentitySection | None = None
    """Who each part is; left out: who its camera says, as often as it says so."""

    @model_validator(mode="after")
    def _judges_what_is_called(self) -> Self:
        if self.handshake and self.mode == "newest":
            raise ValueError(
                f"station {self.name} would drop pictures of parts that its PLC waits for;"
                " beside a handshake write mode: lossless"
            )
        return self

    @model_validator(mode="after")
    def _somebody_tells_the_serial(self) -> Self:
        source = self.identity.serial if self.identity else "camera"
        if source in {"plc", "scanner"} and self.handshake is None:
            raise ValueError(f"identity takes the serial from {source}, which needs a handshake; add one")
        if source == "plc" and self.handshake and self.handshake.asks.serial is None:
            raise ValueError("identity takes the serial from the PLC; add serial to the asks of handshake")
        return self


def build_station(section: StationSection, zone: ZoneInfo) -> Machine:
    """Return the machine that a station is, too."""
    return Machine(
        name=section.name,
        tags=(Tag("avail", numeric=False), Tag("execution", numeric=False)),
        calendar=build_calendar(section.shifts, zone),
        counts="parts",
        ideal_cycle=None if section.cycle_s is None else int(section.cycle_s * SECOND),
    )
