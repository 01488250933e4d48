"""Reads the address of a target, which may hold a password, from a file, the environment, or the bench file."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from orchestrator.bench.notice_settings import NoticeSettings, TargetSettings
from protocols.bounded_file import BadFile, read_bounded

_LONGEST = 4096


class NoAddress(Exception):
    """The address of a target cannot be read; the message says why, and never shows what was read."""


def address_of(target: TargetSettings) -> str:
    """Return the address of a target as apprise reads it. Raises NoAddress."""
    if target.url is not None:
        return target.url
    if target.url_env is not None:
        address = os.environ.get(target.url_env, "").strip()
        if not address:
            raise NoAddress(f"the environment variable {target.url_env} is not set for the service")
        return address
    return _read(target)


def _read(target: TargetSettings) -> str:
    path = target.url_file
    try:
        text = read_bounded(path, _LONGEST).decode("utf-8") if path is not None else ""
        mode = stat.S_IMODE(path.stat().st_mode) if path is not None else 0
    except (BadFile, OSError, ValueError) as err:
        raise NoAddress(f"the file {path} cannot be read; check that it is there, and its rights") from err
    if os.name == "posix" and mode & 0o077:
        raise NoAddress(f"{path} may be read or changed by others (its rights are {mode:03o}): chmod 600 {path}")
    # A line that begins with # is a remark.
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) != 1:
        raise NoAddress(f"{path} has {len(lines)} lines with an address; write one address of apprise into it")
    return lines[0]


def secrets_of(settings: NoticeSettings) -> frozenset[str]:
    """Return the addresses of all targets, which no log may show whole."""
    found = set()
    for target in settings.targets:
        with suppress(NoAddress):
            found.add(address_of(target))
    return frozenset(found)
