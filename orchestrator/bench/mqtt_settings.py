"""The table ``[mqtt]`` of a bench file: the broker to which the service publishes, and how it is known there."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from drivers.errors import SettingsError
from drivers.table_settings import Host, TableSettings
from orchestrator.bench.service_settings import rig_in
from protocols.bounded_file import BadFile, read_bounded

PORT, TLS_PORT = 1883, 8883
_PASSWORD_BYTES = 4096
# What a level of a topic must not hold: MQTT's wildcards and separator, and what is awkward in a shell.
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class MqttSettings(TableSettings):
    """The broker, and how messages are sent to it. Nothing is ever received.

    ``rig`` is for older files: ``[service]`` names the rig. ``keep_alive_s`` is the time between two heartbeats: what
    is retained is valid for one and a half of it. ``backlog_samples``: how many records of each test are sent later
    when they could not be sent in time; older ones are left out and counted. The password stands in a file or in a
    variable of the environment, never here.
    """

    host: Host = "127.0.0.1"
    port: int | None = Field(default=None, ge=1, le=65535)
    rig: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,64}$")
    user: str | None = Field(default=None, min_length=1, max_length=256)
    password_file: Path | None = None
    password_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    tls: bool = False
    ca_certificate: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    # A broker on another machine without TLS: whoever is on the network reads everything, the password too.
    unencrypted: bool = False
    keep_alive_s: int = Field(default=10, ge=2, le=600)
    backlog_samples: int = Field(default=600, ge=0, le=100_000)
    home_assistant: bool = False
    discovery_prefix: str = Field(default="homeassistant", pattern=r"^[A-Za-z0-9_/-]{1,64}$")

    @model_validator(mode="after")
    def _belongs_together(self) -> MqttSettings:
        if (self.password_file or self.password_env) and self.user is None:
            raise ValueError("a password needs a user: say user = ...")
        if self.password_file and self.password_env:
            raise ValueError("password_file and password_env: say one of them")
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("client_certificate and client_key: a certificate needs its key, say both")
        if (self.ca_certificate or self.client_certificate) and not self.tls:
            raise ValueError("certificates are for TLS: say tls = true")
        if not (self.tls or self.unencrypted or _is_this_machine(self.host)):
            raise ValueError(
                "a broker on another machine is reached without TLS only if unencrypted = true says so: whoever is on "
                "that network reads all data and the password; say tls = true where the broker offers it"
            )
        return self

    @property
    def broker_port(self) -> int:
        """The broker's TCP port: that of the settings, else the usual one with or without TLS."""
        return self.port or (TLS_PORT if self.tls else PORT)

    @property
    def rig_name(self) -> str:
        """The name of the rig in topics: that of the settings, else this machine's."""
        return self.rig or _topic_name(socket.gethostname().partition(".")[0]) or "rig"

    def password(self) -> str | None:
        """Return the broker's password, None without one. Raises SettingsError where it cannot be read."""
        if self.password_env is not None:
            if (found := os.environ.get(self.password_env)) is None:
                raise SettingsError(f"mqtt: password_env names {self.password_env}, which is not in the environment")
            return found
        if self.password_file is None:
            return None
        try:
            return read_bounded(self.password_file, _PASSWORD_BYTES).decode("utf-8").strip()
        except BadFile as err:
            raise SettingsError(f"mqtt: cannot read password_file: {err}") from err
        except UnicodeDecodeError:
            # Not chained: the exception holds the password.
            raise SettingsError(f"mqtt: password_file {self.password_file} is not UTF-8 text") from None


def mqtt_in(document: dict[str, Any]) -> MqttSettings | None:
    """Return the table of a bench file, None where there is none. Raises pydantic's ValidationError."""
    if "mqtt" not in document:
        return None
    return named(MqttSettings.model_validate(document["mqtt"]), rig_in(document))


def named(settings: MqttSettings, rig: str) -> MqttSettings:
    """Return settings with the name of the rig, in letters that a topic may have, unless they have one of their own."""
    return settings if settings.rig else settings.model_copy(update={"rig": _topic_name(rig)})


def _topic_name(name: str) -> str:
    return _NOT_IN_A_NAME.sub("-", name).strip("-")


def with_broker(settings: MqttSettings | None, address: str) -> MqttSettings:
    """Return settings with the broker at ``HOST:PORT``, or ``HOST`` at the usual port. Raises SettingsError."""
    host, port = _parts(address)
    given = (settings or MqttSettings()).model_dump() | {"host": host, "port": port}
    try:
        return MqttSettings.model_validate(given)
    except ValidationError as err:
        said = "; ".join(str(error["msg"]).removeprefix("Value error, ") for error in err.errors(include_url=False))
        raise SettingsError(f"--mqtt {host}: {said} (these are keys of [mqtt] in the bench file)") from None


def _parts(address: str) -> tuple[str, int | None]:
    if address.startswith("[") and "]" in address:
        host, _, rest = address[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = address.rpartition(":") if address.count(":") == 1 else (address, "", "")
    if not host or not (port.isdecimal() or port == ""):
        raise SettingsError(f"--mqtt {address}: write HOST:PORT, such as 127.0.0.1:{PORT}, or HOST alone")
    return host, int(port) if port else None


def _is_this_machine(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
