"""How long the vendor's program may take: deadlines, files that grow, turns, boxes; a stand-in in virtual time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drivers.chi660e import Chi660ePotentiostat, Chi660eSettings
from drivers.chi660e.expected_rows import deadline_s
from drivers.chi660e.popups import Popup
from drivers.chi660e.program import Process
from drivers.errors import (
    CannotRun,
    CouldNotStart,
    Hung,
    Incomplete,
    OutcomeUnknown,
)
from drivers.interfaces import HostLoss, Trace
from orchestrator.clock.virtual import run_virtual, wall_time
from protocols.techniques import Impedance, OpenCircuit
from tests.chi_texts import Text

OCV = OpenCircuit(1.0, 0.1)
GOOD = Text("ocpt", [(n / 10, 3.2) for n in range(1, 11)], ["Run Time (sec) = 1"])


@dataclass
class StandIn:
    """A program in virtual time: closes itself at ``ends_s``; ``immortal`` cannot be ended."""

    loop: asyncio.AbstractEventLoop
    ends_s: float
    immortal: bool = False
    pid: int = 4711
    ended: int | None = None

    def poll(self) -> int | None:
        """Tell whether it has closed."""
        if self.ended is None and self.loop.time() >= self.ends_s:
            self.ended = 0
        return self.ended

    def terminate(self) -> None:
        """Do nothing, as a hung program does."""

    def kill(self) -> None:
        """End, unless nothing can end it."""
        self.ended = None if self.immortal else -9

    def wait(self, timeout: float | None = None) -> int:
        """Give the exit code, or say that it still runs."""
        if self.ended is None:
            raise subprocess.TimeoutExpired("stand-in", timeout or 0.0)
        return self.ended


class Stage:
    """Starts stand-ins, and remembers the commands and the virtual times at which it did."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, immortal: bool = False) -> None:
        self.commands: list[str | Sequence[str]] = []
        self.times_s: list[float] = []
        self._loop, self._seconds, self._immortal = loop, seconds, immortal

    def start(self, command: str | Sequence[str], folder: Path, environment: Mapping[str, str]) -> Process:
        """Start one, on the thread that a start runs on."""
        self.commands.append(command)
        self.times_s.append(self._loop.time())
        return StandIn(self._loop, self._loop.time() + self._seconds, self._immortal)


def staged(
    made: Chi660eSettings,
    scene: Callable[[Chi660ePotentiostat, Stage], Awaitable[None]],
    seconds: float = 1e9,
    immortal: bool = False,
    popups: Callable[[int], Sequence[Popup]] | None = None,
) -> None:
    """Play a scene in virtual time."""

    async def main() -> None:
        stage = Stage(asyncio.get_running_loop(), seconds, immortal)
        await scene(Chi660ePotentiostat(made, wall_time, stage.start, popups), stage)

    run_virtual(main())


def patient(tmp_path: Path, **changes: Any) -> Chi660eSettings:  # noqa: ANN401 -- any setting
    """Give settings with the usual times."""
    return Chi660eSettings(program=Path(sys.executable), jobs=tmp_path / "jobs", command_line="list", **changes)


def test_deadline_follows_the_technique(tmp_path: Path) -> None:
    """A spectrum down to 10 mHz has half an hour, to the second."""

    async def scene(instrument: Chi660ePotentiostat, stage: Stage) -> None:
        technique = Impedance(1e6, 0.01)
        with pytest.raises(Hung):
            await instrument.measure(technique, "j1")
        assert wall_time() - 1767571200.0 == pytest.approx(deadline_s(technique, patient(tmp_path)))
        assert 1800 < deadline_s(technique, patient(tmp_path)) < 2100
        assert instrument.host_loss is HostLoss.UNKNOWN

    staged(patient(tmp_path), scene)


def test_file_that_still_grows_is_waited_for(tmp_path: Path) -> None:
    """The program closes after a second; its file comes in two parts, the last two seconds later."""

    async def scene(instrument: Chi660ePotentiostat, stage: Stage) -> None:
        text, data = tmp_path / "jobs" / "j1" / "j1.txt", GOOD.bytes()
        loop = asyncio.get_running_loop()
        loop.call_later(0.9, text.write_bytes, data[:300])
        loop.call_later(1.9, text.write_bytes, data[:-40])
        loop.call_later(2.9, text.write_bytes, data)
        found = await instrument.measure(OCV, "j1")
        assert isinstance(found.result, Trace)
        assert found.ended_unix_s - found.started_unix_s >= 2.9 + 2 * 0.5

    staged(patient(tmp_path, stable_polls=4), scene, seconds=1.0)


def test_file_that_grows_for_ever_is_incomplete(tmp_path: Path) -> None:
    """A file that never rests is given up in the end."""

    async def scene(instrument: Chi660ePotentiostat, stage: Stage) -> None:
        async def grow() -> None:
            while True:
                await asyncio.sleep(0.4)
                with (tmp_path / "jobs" / "j1" / "j1.txt").open("ab") as file:
                    file.write(b"0")

        growing = asyncio.create_task(grow())
        with pytest.raises(Incomplete, match="still changes"):
            await instrument.measure(OCV, "j1")
        growing.cancel()

    staged(patient(tmp_path), scene, seconds=1.0)


def test_whole_file_of_which_two_looks_are_far_apart_is_a_result(tmp_path: Path) -> None:
    """A computer that gets to look at it once in 200 s has seen no change, and does not say that nothing is there."""

    async def scene(instrument: Chi660ePotentiostat, stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.9, (tmp_path / "jobs" / "j1" / "j1.txt").write_bytes, GOOD.bytes())
        assert isinstance((await instrument.measure(OCV, "j1")).result, Trace)

    staged(patient(tmp_path, poll_period_s=200.0, deadline_margin_s=1000.0), scene, seconds=1.0)


def test_measurements_take_turns(tmp_path: Path) -> None:
    """Two programs on one port could not both reach the instrument: the second starts when the first is judged."""

    async def scene(instrument: Chi660ePotentiostat, stage: Stage) -> None:
        both = await asyncio.gather(*(instrument.measure(OCV, job) for job in ("j1", "j2")), return_exceptions=True)
        assert [type(each) for each in both] == [Incomplete, Incomplete]
        assert stage.times_s[1] >= stage.times_s[0] + 100.0

    staged(patient(tmp_path, deadline_margin_s=1000.0), scene, seconds=100.0)


def test_program_that_cannot_be_ended_blocks_the_next(tmp_path: Path) -> None:
    """The outcome is unknown, and no second program is started beside one that still runs."""

    async def scene(instrument: Chi660ePotentiostat, stage: Stage) -> None:
        with pytest.raises(OutcomeUnknown, match="4711"):
            await instrument.measure(OCV, "j1")
        with pytest.raises(CouldNotStart, match="4711"):
            await instrument.measure(OCV, "j2")
        assert len(stage.commands) == 1

    staged(patient(tmp_path), scene, immortal=True)


def test_box_late_in_a_measurement_says_nothing_certain_of_the_cell(tmp_path: Path) -> None:
    """A lost link while measuring is no link that failed at the start."""

    async def scene(instrument: Chi660ePotentiostat, stage: Stage) -> None:
        began = asyncio.get_running_loop().time()
        asyncio.get_running_loop().call_later(300, boxes.append, Popup("Error", "Link Failed"))
        with pytest.raises(Hung, match="Link Failed"):
            await instrument.measure(OpenCircuit(3600.0), "j1")
        assert asyncio.get_running_loop().time() - began == pytest.approx(300, abs=1)

    boxes: list[Popup] = []
    staged(patient(tmp_path), scene, popups=lambda pid: list(boxes))


def test_overflow_box_does_not_end_a_measurement(tmp_path: Path) -> None:
    """The run goes on under the warning; it is the file that is judged."""

    async def scene(instrument: Chi660ePotentiostat, stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.9, (tmp_path / "jobs" / "j1" / "j1.txt").write_bytes, GOOD.bytes())
        await instrument.measure(OCV, "j1")

    staged(patient(tmp_path), scene, seconds=1.0, popups=lambda pid: [Popup("Warning", "Overflow")])


def test_what_cannot_be_measured_starts_nothing(tmp_path: Path) -> None:
    """Problems and impossible names are told before any process or folder."""

    async def scene(instrument: Chi660ePotentiostat, stage: Stage) -> None:
        with pytest.raises(CannotRun, match="fh"):
            await instrument.measure(Impedance(2e6), "j1")
        with pytest.raises(CannotRun, match="cannot name a job"):
            await instrument.measure(OCV, "../j1")
        assert stage.commands == []
        assert not (tmp_path / "jobs").exists()

    staged(patient(tmp_path), scene)


def test_literal_command_line_is_the_one_known_to_work(tmp_path: Path) -> None:
    """On Windows program and macro stand in quotes of their own (reference 4.3)."""

    async def scene(instrument: Chi660ePotentiostat, stage: Stage) -> None:
        with pytest.raises(Incomplete):
            await instrument.measure(OCV, "j1")
        assert stage.commands == [rf'"{sys.executable}" /runmacro:"C:\jobs\j1\j1.mcr"']

    made = Chi660eSettings(
        program=Path(sys.executable),
        jobs=tmp_path / "jobs",
        jobs_as_program_sees_it="C:\\jobs\\",
        command_line="literal",
    )
    staged(made, scene, seconds=1.0)
