"""Sources of the plant file: who reads what. One module a protocol; `engine.sources` builds connectors."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engine.plant.sources.csv import CsvSource
from engine.plant.sources.mc import McSource
from engine.plant.sources.modbus import ModbusSource
from engine.plant.sources.mqtt import MqttSource
from engine.plant.sources.mtconnect import MTConnectSource
from engine.plant.sources.opcua import OpcUaSource
from engine.plant.sources.parquet import ParquetSource
from engine.plant.sources.s7 import S7Source
from engine.plant.sources.shdr import ShdrSource
from engine.plant.sources.sparkplug import SparkplugSource
from engine.plant.sources.udp import UdpSource
from engine.plant.sources.zeromq import ZmqSource

__all__ = [
    "CsvSource",
    "MTConnectSource",
    "McSource",
    "ModbusSource",
    "MqttSource",
    "OpcUaSource",
    "ParquetSource",
    "S7Source",
    "ShdrSource",
    "Source",
    "SparkplugSource",
    "UdpSource",
    "ZmqSource",
]

Source = Annotated[
    ShdrSource
    | S7Source
    | ModbusSource
    | McSource
    | MqttSource
    | SparkplugSource
    | ZmqSource
    | UdpSource
    | CsvSource
    | ParquetSource
    | MTConnectSource
    | OpcUaSource,
    Field(discriminator="kind"),
]
