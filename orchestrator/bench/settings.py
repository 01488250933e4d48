"""What a bench file says: the instruments that one process owns, and where that process answers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Discriminator, Field, ValidationError, model_validator

from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import SettingsError
from drivers.mux.settings import Chi684Settings, RelayMuxSettings
from drivers.neware.settings import NewareSettings
from drivers.table_settings import TableSettings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class ServiceSettings(TableSettings):
    """Where ``cellrig serve`` answers. Any address but this machine's own needs certificate, key and a token file.

    ``allowed_hosts`` are the names under which clients reach it, besides this machine's own.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    token_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()


class BenchSettings(TableSettings):
    """A bench file: the instruments that one process owns, and where that process answers.

    A ``potentiostat`` without ``multiplexer`` is a channel of its own, which cycles the cell at its leads.
    ``multiplexer`` brings cells to the potentiostat; without one a person moves them. ``arrival_v``: how far the open-
    circuit voltage there may be from the last one that the tester showed.
    """

    service: ServiceSettings = ServiceSettings()
    tester: tuple[NewareSettings, ...] = ()
    potentiostat: Chi660eSettings | None = None
    multiplexer: Annotated[RelayMuxSettings | Chi684Settings, Discriminator("kind")] | None = None
    arrival_v: float = Field(default=0.02, gt=0, le=1)

    @model_validator(mode="after")
    def _has_channels(self) -> BenchSettings:
        if not self.tester and self.cycling_potentiostat is None:
            raise ValueError("tester: a bench has a tester, or a potentiostat without a switch")
        return self

    @model_validator(mode="after")
    def _switch_leads_somewhere(self) -> BenchSettings:
        if self.multiplexer is not None and self.potentiostat is None:
            raise ValueError("multiplexer: there is no [potentiostat] to bring cells to")
        return self

    @model_validator(mode="after")
    def _units_are_told_apart(self) -> BenchSettings:
        owners: dict[str, str] = {}
        for tester in self.tester:
            for unit in (f"{u.devid}-{u.subdevid}" for u in tester.units):
                if unit in owners:
                    raise ValueError(
                        f"tester: unit {unit} is listed twice, by {owners[unit]!r} and by {tester.name!r}; "
                        f"{unit}-1 must name one channel only: correct devid and subdevid, or take one of the two out"
                    )
                owners[unit] = tester.name
        return self

    @property
    def cycling_potentiostat(self) -> Chi660eSettings | None:
        """The potentiostat that is a channel of its own: no switch takes its leads to the testers' cells."""
        return self.potentiostat if self.multiplexer is None else None

    def cycler_of(self, channel: str) -> Chi660eSettings | None:
        """Give the potentiostat whose own channel this is, None for any other channel."""
        found = self.cycling_potentiostat
        return found if found is not None and found.name == channel else None

    def tester_of(self, channel: str) -> NewareSettings:
        """Find the tester whose units hold the channel. Raises SettingsError, which lists what there is."""
        if self.cycler_of(channel) is not None:
            raise SettingsError(f"{channel!r} is the potentiostat's own channel: it is stopped in the vendor's program")
        units = {f"{u.devid}-{u.subdevid}": t for t in self.tester for u in t.units}
        parts = channel.split("-")
        found = (
            units.get("-".join(parts[:2]))
            if len(parts) == 3 and all(p.isascii() and p.isdigit() for p in parts)
            else None
        )
        if found is None or not 1 <= int(parts[2]) <= 8:
            known = [f"{unit}-1 to {unit}-8" for unit in units]
            known += [self.cycling_potentiostat.name] if self.cycling_potentiostat is not None else []
            raise SettingsError(f"there is no channel {channel!r} on this bench; it has {', '.join(known)}")
        return found


def load_bench(path: Path) -> BenchSettings:
    """Read a bench file (TOML). Raises SettingsError with every problem and its place in the file."""
    try:
        with path.open("rb") as file:
            return BenchSettings.model_validate(tomllib.load(file))
    except OSError as err:
        raise SettingsError(f"cannot read the bench file {path}: {err.strerror}") from err
    except tomllib.TOMLDecodeError as err:
        raise SettingsError(f"{path} is not valid TOML: {err}") from err
    except ValidationError as err:
        lines = [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}{_seen(e)}" for e in err.errors()]
        # Not chained: pydantic's own message shows what was typed, passwords too.
        raise SettingsError("\n".join(lines)) from None


def _seen(error: ErrorDetails) -> str:
    """Say what was seen, but neither a password nor a block that may hold one."""
    if "password" in error["loc"] or isinstance(error["input"], dict | list | tuple):
        return ""
    return f", saw {error['input']!r}"
