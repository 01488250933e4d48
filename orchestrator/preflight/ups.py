"""The check of the uninterruptible power supply, by what a command prints of it: NUT's ``upsc`` or ``apcaccess``.

Nothing is ever ordered of it. Both print one ``key: value`` a line; the state is ``ups.status`` of NUT (flags such as
``OL CHRG``, NUT developer guide, "Status data") and ``STATUS`` of apcupsd (``ONLINE``, ``ONBATT``; apcupsd manual).
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

from orchestrator.checks import Check, CheckName, failed, not_asked, passed, warned
from orchestrator.clock.durations import duration_words

WITHIN_S = 2.5
"""``upsc`` asks a daemon on this network and takes milliseconds; a report of all checks is made within 5 s."""
_MOST_BYTES = 65_536
# A killed process is gone in milliseconds; one that waits for a device is not, and nobody waits for it longer.
_END_S = 0.25
_ON_MAINS, _ON_BATTERY = frozenset({"OL", "ONLINE"}), frozenset({"OB", "ONBATT"})
_NEARLY_EMPTY = frozenset({"LB", "LOWBATT"})
_SHUTS_DOWN = frozenset({"FSD", "SHUTTING", "OFF"})
# It would not carry the load through a failure of the mains.
_NO_PROTECTION = frozenset({"RB", "REPLACEBATT", "NOBATT", "OVER", "OVERLOAD", "BYPASS", "ALARM", "COMMLOST"})
_SEE = "see what the command of [preflight] ups_command prints, and the cable and the daemon of the UPS"
_UNNAMED = 'write [preflight] ups_command = ["upsc", "NAME@127.0.0.1"] into the bench file, or that of its own daemon'


class NoAnswer(Exception):
    """The command could not be started, failed, or did not end in time; the message says which."""


def ups_check(command: Sequence[str], within_s: float = WITHIN_S) -> Check:
    """Run the command and judge what it prints; blocks until it ends, or for ``within_s``."""
    if not command:
        return not_asked(CheckName.UPS, "this bench names no UPS: nobody looks whether the mains are there", _UNNAMED)
    try:
        return judged_ups(values_in(printed(command, within_s)))
    except NoAnswer as err:
        return warned(CheckName.UPS, f"the state of the UPS is not known: {err}", _SEE)


def late_ups(within_s: float) -> Check:
    """Return the check of a UPS whose command has not ended in time."""
    return warned(CheckName.UPS, f"the state of the UPS is not known within {within_s:g} s", _SEE)


def judged_ups(values: Mapping[str, str]) -> Check:
    """Judge the state of a UPS by the values that were printed of it."""
    state = values.get("ups.status") or values.get("status") or ""
    flags = frozenset(state.upper().split())
    told = "; ".join([f"the UPS says {state!r}", *_battery(values)])
    if flags & _SHUTS_DOWN or (flags & _ON_BATTERY and flags & _NEARLY_EMPTY):
        ends = f"{told}: this computer is about to lose its power"
        return failed(CheckName.UPS, ends, "order the run again when the mains are back and the battery is charged")
    if flags & _ON_BATTERY:
        return warned(CheckName.UPS, f"{told}: the mains are away", "start nothing long before they are back")
    if weak := flags & (_NO_PROTECTION | _NEARLY_EMPTY):
        words = f"{told}: by {', '.join(sorted(weak))} it does not carry this computer through a failure of the mains"
        return warned(CheckName.UPS, words, "see to the UPS; its manual says what the word means")
    if flags & _ON_MAINS:
        return passed(CheckName.UPS, f"{told}: it is on the mains")
    unknown = f"the UPS says {state!r}, which is not known" if state else "nothing that was printed is a state of a UPS"
    return warned(CheckName.UPS, unknown, _SEE)


def values_in(text: str) -> dict[str, str]:
    """Return the values of ``key: value`` lines, keys in small letters; other lines are left out."""
    lines = (line.partition(":") for line in text.splitlines())
    return {key.strip().lower(): value.strip() for key, colon, value in lines if colon}


def printed(command: Sequence[str], within_s: float) -> str:
    """Return what a command prints, 64 kB at most. Raises NoAnswer; it and its children are ended then.

    A child in a session of its own may live on and hold the pipe: once the time is over, what has come is read.
    """
    name = command[0]
    try:
        process = subprocess.Popen(  # noqa: S603 - a command of the bench file, as the vendor's program is
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as err:
        raise NoAnswer(f"{name} cannot be started: {getattr(err, 'strerror', None) or err}") from err
    until_s, came = time.monotonic() + within_s, bytearray()
    reader = threading.Thread(target=_read, args=(process.stdout, came), name="output of the UPS", daemon=True)
    reader.start()
    reader.join(within_s)
    is_too_much = len(came) > _MOST_BYTES
    if not reader.is_alive() and not is_too_much:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, until_s - time.monotonic()))
    is_late = _end(process)
    if is_too_much:
        raise NoAnswer(f"{name} prints more than {_MOST_BYTES} characters")
    if is_late:
        raise NoAnswer(f"{name} has not ended within {within_s:g} s")
    # What it printed is in the pipe, and a busy machine may be a moment behind with it.
    reader.join(_END_S)
    text = bytes(came).decode(errors="replace")
    if process.returncode:
        last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it printed nothing")
        raise NoAnswer(f"{name} ended with status {process.returncode}: {last[:200]}")
    return text


def _read(stream: io.BufferedReader, came: bytearray) -> None:
    """Read what a command prints as it comes, until nobody holds the pipe any more or it is too much."""
    with stream:
        while len(came) <= _MOST_BYTES and (part := stream.read1(_MOST_BYTES)):
            came += part


def _end(process: subprocess.Popen[bytes]) -> bool:
    """Kill a command with its children, which may hold what it prints to; return whether it had not ended."""
    if process.returncode is not None:
        return False
    if sys.platform == "win32":
        is_late = process.poll() is None
        process.kill()
        return is_late
    try:
        # One that has ended and was not waited for keeps its number, and its status.
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
    return process.returncode in {None, -signal.SIGKILL}


def _battery(values: Mapping[str, str]) -> list[str]:
    """Say how full the battery is and how long it lasts, where that is told."""
    told = []
    charge = _number(values.get("battery.charge") or values.get("bcharge"))
    if charge is not None:
        told.append(f"battery at {charge:.0f} %")
    left_s = _number(values.get("battery.runtime"))
    if left_s is None and (left_min := _number(values.get("timeleft"))) is not None:
        left_s = 60 * left_min
    if left_s is not None:
        told.append(f"enough for {duration_words(left_s)}")
    return told


def _number(told: str | None) -> float | None:
    """Return the number at the beginning of ``100.0 Percent`` or ``1320``; None for anything else."""
    first = (told or "").split()[:1]
    try:
        number = float(first[0]) if first else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < 1e9 else None
