"""The checks of an instrument: its versions against those commissioned, and the folder that it reads programs from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from drivers.interfaces import BatteryTester
from drivers.self_description import HasCommissioning, IsSeveral, ReadsFiles, TellsVersions
from orchestrator.bench.commissioned import commissioned_name
from orchestrator.bench.preflight import PreflightSettings
from orchestrator.checks import Check, CheckName, failed, not_asked, passed, warned
from orchestrator.store.disk_space import FLOOR_BYTES, existing, free_bytes, megabytes

_SHARE = "see that the folder is there, its share connected, and this user allowed to write; then order the run again"
# Behind the command of these kinds stands the channel with the resistor.
_WITH_CHANNEL = frozenset({"ct4008", "mux", "smu"})
_TRIED = b"cellrig tries whether this folder can be written\n"


def versions_check(tester: BatteryTester, settings: PreflightSettings) -> Check:
    """Judge whether an instrument is the one that was commissioned, by the versions that it tells of itself."""
    name, confirmed = tester.name, settings.versions_of(tester.name)
    if not isinstance(tester, TellsVersions):
        return not_asked(CheckName.VERSIONS, f"{name} tells no versions of its hardware and programs")
    if not (told := tester.versions()):
        return not_asked(CheckName.VERSIONS, f"{name} has told no versions: it does when it is connected")
    if confirmed is None:
        unknown = f"{name} says that it is {told!r}, and the bench file does not say what was commissioned"
        # A string of JSON is one of TOML.
        write = f'write [preflight] versions = {{"{name}" = {json.dumps(told, ensure_ascii=False)}}} into it'
        return not_asked(CheckName.VERSIONS, unknown, write)
    if told != confirmed:
        other = f"{name} says that it is {told!r}, and {confirmed!r} was commissioned"
        do = "find out what was changed, try it on a dummy cell, then write the new versions into the bench file"
        return warned(CheckName.VERSIONS, other, do)
    return passed(CheckName.VERSIONS, f"{name} is as it was commissioned: {told}")


_OVEN = "oven"


class Named(Protocol):
    """An instrument, or its settings."""

    @property
    def name(self) -> str:
        """Its name in the bench file."""


def uncommissioned(instruments: Iterable[Named], settings: PreflightSettings, channel: str = "") -> list[str]:
    """Return a sentence for each instrument that nobody has tried on a resistor, with the command that does it.

    ``channel`` is that of a run: of a tester whose channels are each an instrument, the others are none of it. Empty
    where nobody wants to be told, as of simulated instruments.
    """
    if not settings.warn_uncommissioned:
        return []
    never: dict[str, str] = {}
    for one in instruments:
        several = _several(one)
        for each in [channel] if channel in several else list(several) or [""]:
            if settings.tried(one.name, each, several) is None:
                called = _called(one, each)
                never[called] = f"{called} was never tried {_tried_on(one)} here: {_how(one, each)}"
    return list(never.values())


def _several(instrument: Named) -> Mapping[str, str]:
    """Return the serial numbers of the instruments of a tester by channel; nothing where it is one instrument."""
    return instrument.serial_numbers if isinstance(instrument, IsSeveral) else {}


def _called(instrument: Named, channel: str) -> str:
    """Return the name of an instrument in sentences, with the channel that it is of its tester."""
    return f"{instrument.name} {channel}" if channel and channel != instrument.name else instrument.name


def _tried_on(instrument: Named) -> str:
    is_oven = isinstance(instrument, HasCommissioning) and instrument.commissioned_as == _OVEN
    return "without cells" if is_oven else "on a resistor"


def _how(instrument: Named, channel: str = "") -> str:
    """Return the command that commissions an instrument; what a person does where there is none."""
    kind = instrument.commissioned_as if isinstance(instrument, HasCommissioning) else ""
    if not kind:
        name = f'"{commissioned_name(instrument.name, channel)}"' if channel else instrument.name
        by_hand = f"write [preflight.commissioned.{name}] with on and by"
        return f"try its signs, limits and stop by hand, then {by_hand} into the bench file"
    at = f" --channel {channel or 'CHANNEL'}" if kind in _WITH_CHANNEL else ""
    return f"cellrig commission {kind}{at} --bench FILE"


def commissioned_check(instrument: Named, settings: PreflightSettings, channel: str = "") -> Check:
    """Say who has tried the instrument of a channel on a resistor before the first cell; warn where nobody has."""
    several = _several(instrument)
    channel = channel if channel in several else ""
    name = _called(instrument, channel)
    tried = settings.tried(instrument.name, channel, several)
    if tried is None:
        never = f"nobody has commissioned {name}: its signs, limits and stop were never tried here"
        todo = f"put a resistor into a holder, then: {_how(instrument, channel)}"
        warn = warned if settings.warn_uncommissioned else not_asked
        return warn(CheckName.COMMISSIONED, never, todo)
    told = f"{name} was commissioned on {tried.on} by {tried.by}{f', at {tried.place}' if tried.place else ''}"
    serial = several.get(channel, "")
    if serial and tried.versions and serial.lower() not in tried.versions.lower():
        other = f"{told}, as {tried.versions!r}, and the bench file has serial number {serial} there"
        return warned(CheckName.COMMISSIONED, other, _how(instrument, channel))
    if tried.open:
        return warned(
            CheckName.COMMISSIONED, f"{told}, and left open: {', '.join(tried.open)}", _how(instrument, channel)
        )
    return passed(CheckName.COMMISSIONED, told)


def folder_check(tester: BatteryTester, free: Callable[[Path], int] = free_bytes) -> Check:
    """Try whether programs can be written for an instrument, and judge the room there.

    Writes a hidden file of some bytes into the folder and deletes it. Blocks for as long as a share does.
    """
    if not isinstance(tester, ReadsFiles):
        return not_asked(CheckName.FOLDER, f"{tester.name} is given no files")
    folder = existing(tester.folder) if tester.makes_folder else tester.folder
    if not folder.is_dir():
        return failed(CheckName.FOLDER, f"{folder}, from which {tester.name} reads its programs, is no folder", _SHARE)
    try:
        with NamedTemporaryFile(dir=folder, prefix=".cellrig-", suffix=".part") as tried:
            tried.write(_TRIED)
            tried.flush()
        there = free(folder)
    except OSError as err:
        unwritten = f"nothing can be written into {folder}, from which {tester.name} reads its programs"
        return failed(CheckName.FOLDER, f"{unwritten}: {err.strerror or err}", _SHARE)
    told = f"the disk with {folder}, from which {tester.name} reads its programs, has {megabytes(there)} free"
    if there < FLOOR_BYTES:
        few = f"{told}; {megabytes(FLOOR_BYTES)} are wanted"
        return failed(CheckName.FOLDER, few, "free space on that disk, then order the run again")
    return passed(CheckName.FOLDER, f"{folder} can be written; its disk has {megabytes(there)} free")


def late_folder(tester: BatteryTester, within_s: float) -> Check:
    """Return the check of a folder that has not answered in time, as that of a share that is away."""
    which = f"the folder from which {tester.name} reads its programs"
    return failed(CheckName.FOLDER, f"{which} has not answered within {within_s:g} s", _SHARE)
