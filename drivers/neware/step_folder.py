"""The folder that this computer and the BTS PC share: step files are written there whole, and read back."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from drivers.errors import CannotRun, NotConfirmed
from drivers.neware import wire
from protocols.bounded_file import BadFile, read_bounded


def stored(folder: Path, seen_there: str, name: str, data: bytes) -> tuple[str, bytes]:
    """Write a complete file or none; return its path on the BTS PC and the content read back.

    ``seen_there`` is the folder as the BTS PC sees it. Raises CannotRun, and NotConfirmed where another file is read.
    """
    if not wire.BARCODE.fullmatch(name):
        raise CannotRun(f"step file name {name!r} may hold only letters, digits, '_', '.', '-'")
    try:
        part = folder / f".{name}.part"
        part.write_bytes(data)
        part.replace(folder / name)
        # Longer by a byte is another file already.
        found = read_bounded(folder / name, len(data) + 1)
    except OSError as err:
        raise CannotRun(f"cannot write the step file into {folder}: {err.strerror}; check the folder") from err
    except BadFile as err:
        raise NotConfirmed(f"the step file is not what was written: {err}") from err
    is_windows = "\\" in seen_there or seen_there[1:2] == ":"
    path = PureWindowsPath(seen_there) if is_windows else PurePosixPath(seen_there)
    return str(path / name), found
