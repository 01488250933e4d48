"""Reads files that people name: never more bytes than allowed, and never from a pipe or a device, which may not end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class BadFile(Exception):
    """A file cannot be read; the message names it and the reason."""


class NoSuchFile(BadFile):
    """There is no file at this path: nothing, or a folder, a pipe or a device."""


def read_bounded(path: Path | str, most_bytes: int) -> bytes:
    """Read a regular file whole. Raises BadFile for anything else, and for a file of more than ``most_bytes``."""
    try:
        if what := special_kind(path):
            raise NoSuchFile(f"{path} is {what}; give the path of a file")
        # Should a pipe take the file's place now, opening it does not wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise NoSuchFile(f"{path} is not a file; give the path of a file")
            size = found.st_size
            data = b"" if size > most_bytes else file.read(most_bytes + 1)
    except (OSError, ValueError) as err:
        raise unreadable(path, err) from err
    if max(size, len(data)) > most_bytes:
        raise BadFile(
            f"{path} has {max(size, len(data))} bytes, and at most {most_bytes} are read; it is left as it is"
        )
    return data


def special_kind(path: Path | str) -> str:
    """Return what stands at a path that is not a regular file, such as ``a pipe``; empty for a file. Raises OSError."""
    mode = os.stat(path).st_mode  # noqa: PTH116 - a path with a NUL raises ValueError here, and nothing is built of it
    return next((words for test, words in _KINDS if test(mode)), "" if stat.S_ISREG(mode) else "no file")


def unreadable(path: Path | str, err: OSError | ValueError) -> BadFile:
    """Return the error, as a sentence, for a path that the system refuses."""
    shown = str(path) if len(str(path)) <= 200 else f"{str(path)[:200]}..."
    if isinstance(err, FileNotFoundError):
        return NoSuchFile(f"there is no file {shown}")
    if isinstance(err, ValueError):
        return NoSuchFile(f"{shown!r} cannot be the path of a file")
    return BadFile(f"{shown} cannot be read: {err.strerror or err}")
