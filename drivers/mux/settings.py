"""The settings of a switch in a bench file: its address, its identity, the form of its commands, and its wiring."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from drivers.errors import SettingsError
from drivers.interfaces import Isolation
from drivers.table_settings import TableSettings
from drivers.tester_kind import CHANNEL_NAME, CHANNEL_NAME_RULE
from drivers.transport.port_settings import PortSettings

_NAME = r"^[A-Za-z0-9_.-]{1,64}$"
_PORT = re.compile(r"[1-9][0-9]*")


class WiredSettings(TableSettings):
    """The settings of every switch: the number of ``ports``, and ``channels``, the tester channel wired to each port.

    ``channels`` maps a port's number, as text, to the channel's name.
    """

    ports: int = Field(ge=1, le=1024)
    channels: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _wired_once(self) -> WiredSettings:
        for port, channel in self.channels.items():
            if not _PORT.fullmatch(port) or int(port) > self.ports:
                raise ValueError(f"channels: there is no port {port!r}; ports are 1 to {self.ports}")
            if not CHANNEL_NAME.fullmatch(channel):
                raise ValueError(f"channels: port {port} has {channel!r}; a name has {CHANNEL_NAME_RULE}")
        taken: dict[str, str] = {}
        for port, channel in self.channels.items():
            if channel in taken:
                raise ValueError(f"channels: {channel} is wired to port {taken[channel]} and to port {port}")
            taken[channel] = port
        return self

    def port_of(self, channel: str) -> int:
        """Find the port whose cell the tester's channel has. Raises SettingsError, which lists what there is."""
        for port, wired in self.channels.items():
            if wired == channel:
                return int(port)
        known = ", ".join(sorted(self.channels.values())) or "nothing"
        raise SettingsError(f"channel {channel} is not wired to the switch; wired are: {known}")


class CommandSettings(TableSettings):
    """The form of the switch's commands.

    ``close`` holds ``{port}``; ``closed_reply`` is the answer to ``closed``, with ``{ports}`` for a list of numbers
    with commas, empty when all are open; it begins with some text, by which it is told from an error's number.
    ``error`` may be empty for a switch without an error queue.
    """

    identify: str = Field(default="*IDN?", min_length=1)
    open_all: str = Field(default="ROUT:OPEN:ALL", min_length=1)
    close: str = "ROUT:CLOS (@{port})"
    closed: str = Field(default="ROUT:CLOS?", min_length=1)
    closed_reply: str = "(@{ports})"
    error: str = "SYST:ERR?"
    line_end: Literal["\n", "\r\n", "\r"] = "\n"

    @field_validator("identify", "open_all", "close", "closed", "closed_reply", "error")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not (value.isascii() and (value.isprintable() or not value)):
            raise ValueError("a command is printable ASCII on one line")
        return value

    @model_validator(mode="after")
    def _places(self) -> CommandSettings:
        for name, text, place in (("close", self.close, "{port}"), ("closed_reply", self.closed_reply, "{ports}")):
            if text.count(place) != 1:
                raise ValueError(f"{name} must hold {place} once, saw {text!r}")
        if not self.closed_reply.partition("{ports}")[0].strip():
            raise ValueError(f"closed_reply must begin with some text, saw {self.closed_reply!r}")
        return self


class RelayMuxSettings(WiredSettings, PortSettings):
    """A relay switch on a serial line.

    ``identity`` is what its answer to ``*IDN?`` must hold as a whole word: best its serial number. ``port`` is a name
    such as COM5 or /dev/ttyUSB0, or a URL such as socket://127.0.0.1:5025; ``other_ports`` are further names under
    which the adapter may come back. With ``serial_number``, that of the USB adapter, the name is looked up and the
    other two are not used. ``boot_s`` is waited after opening, for boards that restart then; ``settle_s`` after each
    switching. After a lost line the next use waits ``reconnect_first_s``, twice that, and so on.
    """

    commissioned_as: ClassVar[str] = "mux"

    kind: Literal["relay-mux"] = "relay-mux"
    name: str = Field(default="relay-mux", pattern=_NAME)
    identity: str = Field(min_length=1)
    isolates_tester: Isolation = Isolation.UNKNOWN
    boot_s: float = Field(default=0.0, ge=0, le=60)
    settle_s: float = Field(default=0.05, ge=0, le=60)
    commands: CommandSettings = CommandSettings()


class Chi684Settings(WiredSettings):
    """The CHI684, which the CHI660E's own program drives: 8 to 64 ports (reference chi660e, section 11)."""

    kind: Literal["chi684"] = "chi684"
    name: str = Field(default="chi684", pattern=_NAME)
    ports: int = Field(default=8, ge=8, le=64, multiple_of=8)
