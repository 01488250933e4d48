"""The kinds of battery testers that a bench file may name: cellrig's own, and those of other installed packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drivers.errors import SettingsError
from drivers.neware.opening import KIND as NEWARE
from drivers.tester_kind import BatteryTesterKind, BatteryTesterSettings
from orchestrator.extensions import TESTERS, Extension, ExtensionBroken, installed

# The composition root: a line for each kind of ours.
_OURS: Mapping[str, BatteryTesterKind[Any]] = {"neware-ct4008": NEWARE}
# A table of a bench file that does not say its kind.
DEFAULT_KIND = "neware-ct4008"


@dataclass(frozen=True, slots=True)
class OfferedKind:
    """A kind of tester: its name, the package that offers it, and the reason if it cannot be used (else empty)."""

    name: str
    package: str
    problem: str


def find_kind(name: str) -> BatteryTesterKind[Any]:
    """Return a kind of tester by its name. Raises SettingsError, which lists the known kinds or explains the fault."""
    if name in _OURS:
        return _OURS[name]
    offers = [extension for extension in installed(TESTERS) if extension.name == name]
    if not offers:
        known = sorted({*_OURS, *(extension.name for extension in installed(TESTERS))})
        raise SettingsError(f"there is no kind of tester {name!r}; there are {', '.join(known)}")
    if len(offers) > 1:
        packages = " and ".join(extension.package for extension in offers)
        raise SettingsError(f"the kind of tester {name!r} is offered twice, by {packages}: take one of them away")
    try:
        return _checked(offers[0])
    except ExtensionBroken as err:
        raise SettingsError(str(err)) from err


def _checked(extension: Extension) -> BatteryTesterKind[Any]:
    """Load a kind of another package. Raises ExtensionBroken unless it is one, and its settings name it."""
    found = extension.load()
    where = f"{extension.label} of {extension.package}"
    if not isinstance(found, BatteryTesterKind):
        raise ExtensionBroken(f"{where} is a {type(found).__name__}; it must be a BatteryTesterKind")
    settings: object = found.settings
    if not (isinstance(settings, type) and issubclass(settings, BatteryTesterSettings)):
        raise ExtensionBroken(f"{where}: {getattr(settings, '__name__', settings)} must be BatteryTesterSettings")
    default = found.settings.model_fields["kind"].default
    if default != extension.name:
        raise ExtensionBroken(f"{where}: kind of its settings is {default!r}; it must be {extension.name!r}")
    return found


def offered_kinds() -> list[OfferedKind]:
    """List every kind of tester, our own first; a broken kind does not prevent listing the others."""
    listed = [OfferedKind(name, "cellrig", "") for name in _OURS]
    for extension in installed(TESTERS):
        problem = "cellrig has a kind of that name itself, which is used" if extension.name in _OURS else ""
        try:
            if not problem:
                find_kind(extension.name)
        except SettingsError as err:
            problem = str(err)
        listed.append(OfferedKind(extension.name, extension.package, problem))
    return listed
