"""The table ``[service]`` of a bench file, which is read without the settings of any instrument."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field

from drivers.errors import SettingsError
from drivers.table_settings import Host, TableSettings
from protocols.bounded_file import BadFile, read_bounded

# A rack of a hundred units takes less than a tenth of this.
BENCH_FILE_BYTES = 1024 * 1024


class ServiceSettings(TableSettings):
    """The address of ``cellrig serve``. Any but this machine's own needs certificate, key and a token file.

    ``allowed_hosts`` are the names under which clients reach it, besides this machine's own. ``rig`` is the name by
    which people and programs know the rig, in notices and in MQTT topics, this machine's unless said.
    """

    rig: str = Field(default="", max_length=64)
    host: Host = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    token_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()


def service_in(document: dict[str, Any]) -> ServiceSettings:
    """Return the table of a bench file, all of its defaults where there is none. Raises pydantic's ValidationError."""
    return ServiceSettings.model_validate(document.get("service", {}))


def rig_in(document: dict[str, Any]) -> str:
    """Return the name of the rig in a bench file; empty where there is none. What is no name ``service_in`` refuses."""
    table = document.get("service")
    name = table.get("rig") if isinstance(table, dict) else None
    return name if isinstance(name, str) else ""


def read_document(path: Path) -> dict[str, Any]:
    """Read a bench file as TOML. Raises SettingsError for what is no such file."""
    try:
        text = read_bounded(path, BENCH_FILE_BYTES).decode("utf-8")
    except BadFile as err:
        raise SettingsError(f"cannot read the bench file: {err}") from err
    except UnicodeDecodeError as err:
        # Not chained: the exception holds the whole file.
        raise SettingsError(f"{path} is not UTF-8 text at byte {err.start}; save it as UTF-8") from None
    try:
        return tomllib.loads(text)
    except ValueError as err:
        # Also of a number with thousands of digits.
        raise SettingsError(f"{path} is not valid TOML: {err}") from None
    except RecursionError:
        raise SettingsError(f"{path} is not valid TOML: tables stand in one another too deep") from None
