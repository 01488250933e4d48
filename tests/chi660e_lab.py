"""A bench with a simulated potentiostat in virtual time, for tests that start the real child process."""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.clock.virtual import VirtualTimeLoop, run_virtual
from simulators.bench import SimulatedBench
from simulators.cells.model import CellModel
from simulators.chi660e.control_socket import BenchControl
from simulators.chi660e.launching import Launcher, program
from simulators.neware.tester import Unit

T = TypeVar("T")

CHANNELS = ("21-1-1", "21-1-2")
QUITS = "forcequit: yesiamsure\r\n"


def macro_bytes(text: str) -> bytes:
    """Give a macro file: CRLF lines behind their length, as the vendor's dialog saves it."""
    data = text.replace("\r\n", "\n").replace("\n", "\r\n").encode("ascii")
    return struct.pack("<I", len(data)) + data


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a text file, and everything above them."""

    head: list[str]
    names: list[str]
    rows: list[tuple[float, ...]]


def read_table(path: Path) -> Table:
    """Take a text file apart at the first line of numbers."""
    lines = path.read_text(encoding="ascii").splitlines()
    first = next(n for n, line in enumerate(lines) if line[:1] in "-0123456789" and line[:1])
    rows = [tuple(float(cell) for cell in line.split(",")) for line in lines[first:]]
    return Table(lines[: first - 2], lines[first - 2].split(", "), rows)


class Lab:
    """A rack of two channels, a potentiostat beside it, and a folder for jobs."""

    def __init__(self, folder: Path, cells: Mapping[str, CellModel] | None, cfg: str) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.loop = loop
        self.folder = folder
        self.screen = folder / "screen.json"
        (folder / "cfg.toml").write_text(cfg, encoding="utf-8")
        unit = Unit(channels=len(CHANNELS))
        self.bench = SimulatedBench(loop.time, loop.epoch_unix_s, [unit], cells, negative_voltage=True)
        self.control = BenchControl(self.bench.leads, working=loop.busy)
        self.launch = Launcher(self.control, cfg=folder / "cfg.toml", screen=self.screen)
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, text: str, name: str = "job.mcr") -> subprocess.Popen[bytes]:
        """Write a macro that works in the lab's folder, and start the program on it."""
        path = self.folder / name
        path.write_bytes(macro_bytes(f"folder: {self.folder}\n{text}"))
        process = self.launch([*program(), f"/runmacro:{path}"], self.folder)
        self.started.append(process)
        return process

    async def run(self, text: str, deadline_s: float = 20_000.0) -> int | None:
        """Run a macro to its end, or end the process at the deadline; give the exit code, None for one ended so."""
        process = self.start(text)
        end_s = self.loop.time() + deadline_s
        while process.poll() is None:
            if self.loop.time() >= end_s:
                process.kill()
                await self.gone(process)
                return None
            await asyncio.sleep(1.0)
        return process.returncode

    async def gone(self, process: subprocess.Popen[bytes], poll_s: float = 1.0) -> None:
        """Wait until a process is no more; asked by poll, because a thread that waits would hold the clock."""
        while process.poll() is None:  # noqa: ASYNC110 -- a process tells nobody that it ends
            await asyncio.sleep(poll_s)

    def popups(self) -> list[dict[str, str]]:
        """Give what a person would see."""
        shown: list[dict[str, str]] = json.loads(self.screen.read_text()) if self.screen.exists() else []
        return shown


@asynccontextmanager
async def open_lab(folder: Path, cells: Mapping[str, CellModel] | None, cfg: str) -> AsyncIterator[Lab]:
    """Open a lab; whatever it started is ended with it."""
    lab = Lab(folder, cells, cfg)
    await lab.control.start()
    try:
        yield lab
    finally:
        await lab.control.close()
        for process in lab.started:
            process.kill()
            process.wait()


def in_lab(
    folder: Path,
    work: Callable[[Lab], Coroutine[Any, Any, T]],
    cells: Mapping[str, CellModel] | None = None,
    cfg: str = "",
) -> T:
    """Do something in a lab, in virtual time."""

    async def main() -> T:
        async with open_lab(folder, cells, cfg) as lab:
            return await work(lab)

    return run_virtual(main())
