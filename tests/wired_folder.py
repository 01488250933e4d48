"""The CHI660E in tests: the vendor's program in this process, and what it does to its folder on a spoiled wire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from drivers.chi660e.popups import Popup
from drivers.testing.spoils import GARBAGE
from tests.chi_texts import Text

RUN_S, LATE_S = 5.0, 200.0
MEANINGLESS = {
    "wrong checksum": "its files have none",
    "a second master": "two programs cannot have the one port of an instrument",
    "adapters swapped": "the program has one instrument, and says nothing that tells two of a model apart",
}


@dataclass
class Vendor:
    """The vendor's program in this process: what it writes for the next job, and when, is a test's choice."""

    jobs: Path
    started: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    boxes: list[Popup] = field(default_factory=list)
    is_there: bool = True
    closes: bool = True
    ways: Callable[[Vendor, Path], None] | None = None
    volts: float = 3.0

    def text(self, job: str) -> bytes:
        """Give a whole file of a job; each job measures another voltage."""
        rows = [(n / 10, self.volts) for n in range(1, 11)]
        return Text("ocpt", rows, ["Run Time (sec) = 1"], job=job).bytes()

    def start(self, command: str | Sequence[str], folder: Path, environment: Mapping[str, str]) -> Running:
        """Start it on a macro."""
        if not self.is_there:
            raise FileNotFoundError(2, "No such file or directory")
        macro = Path(command[-1].removeprefix("/runmacro:"))
        self.started.append(macro.stem)
        return Running(self, macro.with_suffix(".txt"), self.loop)

    def __post_init__(self) -> None:
        """Remember the loop: a program is started on a thread."""
        self.loop = asyncio.get_running_loop()


class Running:
    """One run of the program."""

    pid = 1 << 22

    def __init__(self, vendor: Vendor, text: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.vendor, self.text = vendor, text
        self.ends_s = loop.time() + RUN_S if vendor.closes else float("inf")
        self.loop = loop
        self.is_killed = False
        self._write = vendor.ways or whole
        self._is_begun = False

    def poll(self) -> int | None:
        """Let it work, as far as it is by now."""
        if not self._is_begun and self.loop.time() >= self.ends_s - 1.0 and not self.is_killed:
            self._is_begun = True
            self._write(self.vendor, self.text)
        return 0 if self.is_killed or self.loop.time() >= self.ends_s else None

    def terminate(self) -> None:
        """End it."""
        self.is_killed = True
        self.vendor.ended.append(self.text.stem)

    kill = terminate

    def wait(self, timeout: float | None = None) -> int:
        """Say that it has ended."""
        return 0


def whole(vendor: Vendor, text: Path) -> None:
    """Write a good file."""
    text.write_bytes(vendor.text(text.stem))


def in_single_bytes(vendor: Vendor, text: Path) -> None:
    """Let the file grow byte by byte, beyond the end of the program."""
    data = vendor.text(text.stem)
    for at in range(1, len(data) + 1):
        vendor.loop.call_later(0.01 * at, text.write_bytes, data[:at])


def late(vendor: Vendor, text: Path) -> None:
    """Write it long after the program has closed."""
    vendor.loop.call_later(LATE_S, whole, vendor, text)


def half(vendor: Vendor, text: Path) -> None:
    """Write half of it."""
    data = vendor.text(text.stem)
    text.write_bytes(data[: len(data) // 2])


def half_then_late(vendor: Vendor, text: Path) -> None:
    """Write half of it, and the rest long after the program has closed."""
    half(vendor, text)
    late(vendor, text)


def around(before: bytes, after: bytes, vendor: Vendor, text: Path) -> None:
    """Write something around it."""
    text.write_bytes(before + vendor.text(text.stem) + after)


def instead(make: Callable[[Vendor, str], bytes], vendor: Vendor, text: Path) -> None:
    """Write something else."""
    text.write_bytes(make(vendor, text.stem))


def nothing(vendor: Vendor, text: Path) -> None:
    """Write nothing."""


def in_a_strange_folder(vendor: Vendor, text: Path) -> None:
    """Let a file of nobody's come into the folder with it."""
    (text.parent / "j0.txt").write_bytes(vendor.text("j0"))
    whole(vendor, text)


WAYS: Mapping[str, Callable[[Vendor, Path], None]] = {
    "split into single bytes": in_single_bytes,
    "silent": nothing,
    "late": late,
    "cut, then silent": half,
    "cut, its rest late": half_then_late,
    "cut, then closed": half,
    "garbage before": partial(around, GARBAGE, b""),
    "garbage after": partial(around, b"", GARBAGE),
    "garbage instead": partial(instead, lambda *_: GARBAGE),
    "another question's reply": partial(instead, lambda vendor, _: vendor.text("j0")),
    "sent twice": partial(instead, lambda vendor, job: 2 * vendor.text(job)),
    "an earlier reply first": partial(instead, lambda vendor, job: vendor.text("j0") + vendor.text(job)),
    "words that nobody asked for": in_a_strange_folder,
    "connection refused": whole,
    "pulled out in the middle": half,
    "cancelled in the middle": late,
    "a wrong device": partial(instead, lambda *_: b"ST,+  12.3456 g\r\n"),
}
