"""Saves the results in memory by the program's rules for names and overwriting, and adds the set faults [4.5]."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from simulators.chi660e.binfile import binary_of
from simulators.chi660e.checking import Refused
from simulators.chi660e.instrument_link import Link
from simulators.chi660e.records import TECHNIQUES, Recorded
from simulators.chi660e.settings import Settings
from simulators.chi660e.textfile import Memo, text_of

_PIECES = 10
_PROGRAM = "CH Instruments Electrochemical Software"


@dataclass(slots=True)
class Place:
    """Where files go, and how the next are labelled."""

    folder: str = "."
    override: bool = False
    header: str = ""
    note: str = ""


class Saver:
    """Writes files for the session."""

    def __init__(self, settings: Settings, link: Link, *, local: bool) -> None:
        """Save by these settings; ``local``: times in the machine's zone, else UTC."""
        self.place = Place()
        self._settings = settings
        self._link = link
        self._local = local
        self._binary: str | None = None

    def forget(self) -> None:
        """Have new data in memory, which no file holds yet."""
        self._binary = None

    def enter(self, folder: str) -> None:
        """Choose the folder of the files to come; Refused when it does not exist."""
        if not os.path.isdir(folder):  # noqa: PTH112 -- pathlib costs start-up time
            raise Refused("Warning", f"Folder {folder} does not exist")
        self.place.folder = folder

    def save(self, name: str, recorded: Recorded | None) -> None:
        """Write the ``.bin`` file."""
        path = self._path(name, ".bin")
        if path is None or recorded is None:
            return
        data = binary_of(recorded, self._settings.serial_number, local=self._local)
        self._write(path, data)
        self._binary = path

    def save_text(self, name: str, recorded: Recorded | None, *, csv: bool = False) -> None:
        """Write the ``.txt`` file, or the ``.csv`` file: the same with bare commas (unsure)."""
        path = self._path(name, ".csv" if csv else ".txt")
        if path is None or recorded is None:
            return
        settings, faults = self._settings, self._settings.faults
        form = replace(settings.text, separator=",") if csv else settings.text
        technique = recorded.technique
        if faults.wrong_technique:
            technique = next(each for each in TECHNIQUES.values() if each is not technique)
        memo = Memo(
            technique=technique.chinese if form.chinese else technique.name,
            file=self._binary,
            header="another job" if faults.wrong_header else self.place.header,
            note=self.place.note,
            local=self._local,
        )
        encoding = form.encoding or ("gbk" if form.chinese else "ascii")
        data = text_of(recorded, memo, form).encode(encoding, "surrogateescape")
        if faults.disk_full:
            self._write(path, b"")
            raise Refused("Error", f"Cannot write {path}: disk full")
        if faults.half_file:
            data = data[: len(data) * 3 // 5].rstrip(b"\r\n")[:-2]
        self._write(path, data, faults.slow_file_s)

    def _path(self, name: str, suffix: str) -> str | None:
        """Return the file's path; None when a fault keeps it from being written. Refused where it would overwrite."""
        if self._settings.faults.stale_file:
            return None
        path = os.path.join(self.place.folder, name.partition(".")[0] + suffix)  # noqa: PTH118 - likewise
        if os.path.exists(path) and not self.place.override:  # noqa: PTH110 - likewise
            raise Refused(_PROGRAM, f"{path} already exists. Do you want to replace it?")
        return path

    def _write(self, path: str, data: bytes, seconds: float = 0.0) -> None:
        pieces = _PIECES if seconds > 0.0 else 1
        size = -(-len(data) // pieces) or 1
        try:
            with open(path, "wb") as file:  # noqa: PTH123 - likewise
                for start in range(0, max(1, len(data)), size):
                    if start:
                        self._link.call("sleep", seconds=seconds / (pieces - 1))
                    file.write(data[start : start + size])
                    file.flush()
        except OSError as err:
            raise Refused("Error", f"Cannot write {path}: {err.strerror}") from err
