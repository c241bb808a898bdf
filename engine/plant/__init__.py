"""The plant file: one validated YAML that says what machines, tags, cameras and stations there are."""

from engine.plant.errors import Fault, PlantError
from engine.plant.file import load, save
from engine.plant.handshake import (
    BinSection,
    Handshake,
    ModbusHandshake,
    OpcUaHandshake,
    S7Handshake,
)
from engine.plant.identity import IdentitySection, ScannerSection
from engine.plant.log import JetStreamSection, LogSection, RemoteSection, ServeSection
from engine.plant.machines import MachineSection, SensorSection, ShiftSection, TagSection
from engine.plant.outbox import OutboxSection
from engine.plant.plant import ConsoleSection, Plant, ReplaySection
from engine.plant.recipes import Judging, LimitsSection, MasterSection, RecipeSection, ToleranceSection
from engine.plant.retention import EvidenceDays, RetentionSection
from engine.plant.sources import (
    CsvSource,
    McSource,
    ModbusSource,
    MqttSource,
    MTConnectSource,
    OpcUaSource,
    ParquetSource,
    S7Source,
    ShdrSource,
    Source,
    SparkplugSource,
    UdpSource,
    ZmqSource,
)
from engine.plant.stations import (
    Camera,
    FolderCamera,
    GenicamCamera,
    RtspCamera,
    SimulatedCamera,
    StationSection,
    VideoCamera,
    ZmqCamera,
)

__all__ = [
    "BinSection",
    "Camera",
    "ConsoleSection",
    "CsvSource",
    "EvidenceDays",
    "Fault",
    "FolderCamera",
    "GenicamCamera",
    "Handshake",
    "IdentitySection",
    "JetStreamSection",
    "Judging",
    "LimitsSection",
    "LogSection",
    "MTConnectSource",
    "MachineSection",
    "MasterSection",
    "McSource",
    "ModbusHandshake",
    "ModbusSource",
    "MqttSource",
    "OpcUaHandshake",
    "OpcUaSource",
    "OutboxSection",
    "ParquetSource",
    "Plant",
    "PlantError",
    "RecipeSection",
    "RemoteSection",
    "ReplaySection",
    "RetentionSection",
    "RtspCamera",
    "S7Handshake",
    "S7Source",
    "ScannerSection",
    "SensorSection",
    "ServeSection",
    "ShdrSource",
    "ShiftSection",
    "SimulatedCamera",
    "Source",
    "SparkplugSource",
    "StationSection",
    "TagSection",
    "ToleranceSection",
    "UdpSource",
    "VideoCamera",
    "ZmqCamera",
    "ZmqSource",
    "load",
    "save",
]
