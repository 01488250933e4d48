"""The kinds of battery testers that a bench file may name: cellrig's own, and those of other installed packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import isabstract
from typing import Any

from pydantic import ValidationError

from drivers.errors import SettingsError
from drivers.neware.opening import KIND as NEWARE
from drivers.smu.opening import KIND as SMU
from drivers.tester_kind import CHANNEL_NAME, CHANNEL_NAME_RULE, BatteryTesterKind, BatteryTesterSettings
from orchestrator.extensions import TESTERS, Extension, ExtensionBroken, installed

# The composition root: a line for each kind of ours.
_OURS: Mapping[str, BatteryTesterKind[Any]] = {"neware-ct4008": NEWARE, "smu": SMU}
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
    if isabstract(settings):
        left_out = ", ".join(sorted(settings.__abstractmethods__))
        raise ExtensionBroken(f"{where}: {settings.__name__} leaves out {left_out}, which every tester's settings have")
    default = found.settings.model_fields["kind"].default
    if default != extension.name:
        raise ExtensionBroken(f"{where}: kind of its settings is {default!r}; it must be {extension.name!r}")
    return found


def package_of(kind: str) -> str:
    """Return the package that offers a kind of tester, for a sentence on a fault in its code."""
    found = [extension.package for extension in installed(TESTERS) if extension.name == kind and kind not in _OURS]
    return found[0] if found else "cellrig"


def is_ours(kind: str) -> bool:
    """Return whether a kind of tester is cellrig's own: an unexpected error of its code is shown with its trace."""
    return kind in _OURS


def broken_code(kind: str, doing: str, err: BaseException) -> str:
    """Return the sentence on an error that the code of a kind of tester raises and should not."""
    seen = f"{type(err).__name__}: {err}".rstrip(": ")
    return f"{doing} ends in {seen}; this is a fault of {package_of(kind)}: tell those who make it, or install another"


def read_settings(name: str, table: Mapping[str, Any]) -> BatteryTesterSettings:
    """Read a table of a bench file as the settings of a kind, with channel names that can be used.

    Raises SettingsError for a kind that cannot be used, and ValidationError for a table that its settings refuse.
    """
    kind = find_kind(name)
    try:
        settings: BatteryTesterSettings = kind.settings.model_validate(table)
        names: Sequence[object] = tuple(settings.channel_names())
    except (ValidationError, SettingsError):
        raise
    except Exception as err:
        if is_ours(name):
            raise
        raise SettingsError(broken_code(name, f"reading the settings of kind {name!r}", err)) from err
    for channel in names:
        if not (isinstance(channel, str) and CHANNEL_NAME.fullmatch(channel)):
            raise SettingsError(
                f"{settings.name!r}, of {package_of(name)}, names a channel {channel!r}; a name has {CHANNEL_NAME_RULE}"
            )
    return settings


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
