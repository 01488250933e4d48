"""The settings of an instrument on a serial line: where its adapter may be found, and how bytes are sent."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from drivers.table_settings import LineAddress, TableSettings


class PortSettings(TableSettings):
    """A serial line. Each byte has eight bits.

    ``port`` is a name such as COM5 or /dev/ttyUSB0, or a URL such as socket://127.0.0.1:5025; ``other_ports`` are
    further names under which the adapter may come back. With ``serial_number``, that of the USB adapter, the name is
    looked up and the other two are not used. After a lost line the next use waits ``reconnect_first_s``, twice that,
    and so on up to ``reconnect_longest_s``.
    """

    port: LineAddress = ""
    other_ports: tuple[LineAddress, ...] = ()
    serial_number: str = ""
    baud_rate: int = Field(default=9600, ge=50, le=4_000_000)
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    reply_timeout_s: float = Field(default=2.0, gt=0)
    reconnect_first_s: float = Field(default=1.0, gt=0)
    reconnect_longest_s: float = Field(default=30.0, gt=0)

    @model_validator(mode="after")
    def _findable(self) -> PortSettings:
        if not self.port and not self.serial_number:
            raise ValueError("give port, or the serial_number of the USB adapter")
        return self
