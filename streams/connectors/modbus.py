"""Read and write a Modbus device over TCP: blocks of its four tables, through pymodbus."""

from __future__ import annotations

import logging
import socket
import struct
from typing import NoReturn

from pymodbus import ModbusException
from pymodbus.client import ModbusTcpClient
from pymodbus.constants import ExcCodes
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from streams.connectors.blocks import Block
from streams.connectors.modbus_places import BIT_TABLES
from streams.connectors.polling import Lost, Refused

FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
WRITING = {"coil": 15, "holding": 16}
"""Functions that write many units; the other two tables are the device's alone."""
AWAY = (ExcCodes.GATEWAY_PATH_UNAVIABLE, ExcCodes.GATEWAY_NO_RESPONSE)
"""What a gateway answers for a device that it cannot reach."""
REASONS = {
    ExcCodes.ILLEGAL_FUNCTION: "illegal function",
    ExcCodes.ILLEGAL_ADDRESS: "illegal data address",
    ExcCodes.ILLEGAL_VALUE: "illegal data value",
    ExcCodes.DEVICE_FAILURE: "device failure",
    ExcCodes.ACKNOWLEDGE: "it needs more time",
    ExcCodes.DEVICE_BUSY: "device busy",
    ExcCodes.MEMORY_PARITY_ERROR: "memory parity error",
}

logging.getLogger("pymodbus.logging").setLevel(
    logging.CRITICAL
)  # the connector says it, once and in one sentence


class ModbusLink:
    """One connection to one device; an answer that is late is taken for a lost connection.

    Parameters
    ----------
    unit
        The device's number behind a gateway; many devices with a connection of their own take any.
    timeout
        Seconds for connecting, and for an answer to be there.

    Raises
    ------
    OSError
        Nobody answers.
    """

    def __init__(self, host: str, port: int, unit: int, timeout: float) -> None:
        self._client = ModbusTcpClient(host, port=port, timeout=timeout, retries=0)
        self._client.socket = socket.create_connection((host, port), timeout)
        self._unit, self._timeout = unit, timeout
        self._tell = {"coil": self._write_bits, "holding": self._write_registers}
        self._ask = {
            "coil": self._client.read_coils,
            "discrete": self._client.read_discrete_inputs,
            "holding": self._client.read_holding_registers,
            "input": self._client.read_input_registers,
        }

    def read(self, block: Block) -> bytes:
        """Return two bytes for a register, one for a bit.

        Raises
        ------
        Refused
            The device answered with an exception.
        Lost
            It did not answer in time, or not what was asked.
        """
        try:
            answer = self._ask[block.area](block.first, count=block.count, device_id=self._unit)
        except ModbusException as exc:
            raise Lost(f"no answer to {block} within {self._timeout:g} s") from exc
        return payload(answer, block)

    def write(self, block: Block, content: bytes) -> None:
        """Write all units of a block in one request: two bytes for a register, one for a bit.

        Raises
        ------
        Refused
            The device answered with an exception.
        Lost
            It did not answer in time, or not what was asked.
        """
        try:
            answer = self._tell[block.area](block.first, content)
        except ModbusException as exc:
            raise Lost(f"no answer to writing {block} within {self._timeout:g} s") from exc
        if isinstance(answer, ExceptionResponse):
            _refuse(answer.exception_code, block)
        if answer.function_code != WRITING[block.area]:
            raise Lost(f"the answer to writing {block} is one to another question, {answer.function_code}")

    def _write_bits(self, first: int, content: bytes) -> ModbusPDU:
        return self._client.write_coils(first, [bool(bit) for bit in content], device_id=self._unit)

    def _write_registers(self, first: int, content: bytes) -> ModbusPDU:
        registers = list(struct.unpack(f">{len(content) // 2}H", content))
        return self._client.write_registers(first, registers, device_id=self._unit)

    def close(self) -> None:
        """Close the connection."""
        if self._client.socket is not None:
            self._client.socket.close()


def payload(answer: ModbusPDU, block: Block) -> bytes:
    """Return the bytes that an answer holds.

    Raises
    ------
    Refused
        It is an exception.
    Lost
        It does not answer the question for this block.
    """
    if answer.function_code & 0x7F != FUNCTIONS[block.area]:
        raise Lost(f"the answer to {block} is one to another question, {answer.function_code}")
    if isinstance(answer, ExceptionResponse):
        _refuse(answer.exception_code, block)
    is_bits = block.area in BIT_TABLES
    given, wanted = (answer.bits, -(-block.count // 8) * 8) if is_bits else (answer.registers, block.count)
    if len(given) != wanted:
        raise Lost(f"the answer to {block} holds {len(given)} values, not {wanted}")
    return bytes(answer.bits[: block.count]) if is_bits else struct.pack(f">{wanted}H", *answer.registers)


def _refuse(code: int, block: Block) -> NoReturn:
    if code in AWAY:
        raise Lost(f"its gateway cannot reach the device (exception {code}) that has {block}")
    reason = REASONS.get(ExcCodes(code)) if code in set(ExcCodes) else None
    raise Refused(f"{reason} (exception {code})" if reason else f"exception {code}")
