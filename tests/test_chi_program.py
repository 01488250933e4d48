"""The vendor's program as a child process: faults of real processes, and of a stand-in in virtual time."""

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
from drivers.chi660e.popups import Meaning, Popup, meaning
from drivers.chi660e.program import Process, start_process
from drivers.errors import (
    CannotRun,
    CouldNotStart,
    Hung,
    Incomplete,
    InstrumentLinkFailed,
    MacroRefused,
    MeasurementFailed,
    OutcomeUnknown,
    WrongFile,
)
from drivers.interfaces import HostLoss, Measurement, Potentiostat, Trace
from orchestrator.clock.virtual import run_virtual, wall_time
from protocols.techniques import HeldVoltage, Impedance, OpenCircuit
from tests.chi_texts import Text

OCV = OpenCircuit(1.0, 0.1)
GOOD = Text("ocpt", [(n / 10, 3.2) for n in range(1, 11)], ["Run Time (sec) = 1"])

# What the program is told to do, after its macro was found by the last argument.
STUB = """
import os, pathlib, signal, sys, time
how, macro = sys.argv[1], pathlib.Path(sys.argv[2].removeprefix("/runmacro:"))
text, job = macro.with_suffix(".txt"), macro.stem
assert macro.read_bytes().endswith(b"forcequit: yesiamsure\\r\\n")
good = pathlib.Path(__file__).with_name("good").read_bytes()
if how == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if how in ("hang", "stubborn"):
    macro.with_name("ready").touch()
    time.sleep(60)
if how != "nothing":
    macro.with_suffix(".bin").write_bytes(b"data")
    good = good.replace(b"Header: j1", b"Header: j0") if how == "other" else good
    text.write_bytes(good[: len(good) // 2] if how == "half" else good)
if how == "old":
    os.utime(text, (0, 0))
if how == "env":
    macro.with_name("seen").write_text(os.environ["CELLRIG_STUB"] + " " + os.getcwd())
sys.exit(3)
"""


def settings(tmp_path: Path, how: str = "good", **changes: Any) -> Chi660eSettings:  # noqa: ANN401 -- any setting
    """Give the settings of a program that does as told, quickly."""
    (tmp_path / "stub.py").write_text(STUB, "utf-8")
    (tmp_path / "good").write_bytes(GOOD.bytes())
    usual: dict[str, Any] = {
        "program": sys.executable,
        "program_arguments": ("-I", str(tmp_path / "stub.py"), how),
        "jobs": tmp_path / "jobs",
        "command_line": "list",
        "poll_period_s": 0.02,
        "settle_timeout_s": 0.1,
        "end_timeout_s": 0.3,
    }
    return Chi660eSettings(**usual | changes)


def measure(made: Chi660eSettings, job: str = "j1", **hooks: Any) -> Measurement:  # noqa: ANN401 -- start or popups
    """Measure once in real time."""

    async def main() -> Measurement:
        return await Chi660ePotentiostat(made, wall_time, **hooks).measure(OCV, job, "cell A7")

    return asyncio.run(main())


class Watched:
    """Starts real processes and remembers them; ``box`` shows a window once the program is at work."""

    def __init__(self, folder: Path) -> None:
        self.processes: list[Process] = []
        self._ready = folder / "jobs" / "j1" / "ready"

    def start(self, command: str | Sequence[str], folder: Path, environment: Mapping[str, str]) -> Process:
        """Start one."""
        self.processes.append(start_process(command, folder, environment))
        return self.processes[-1]

    def box(self, pid: int) -> list[Popup]:
        """Give a box of the program that was started last."""
        assert pid == self.processes[-1].pid
        return [Popup("Warning", "Overwrite?")] if self._ready.exists() else []


def test_measurement_brings_its_trace_and_all_its_files(tmp_path: Path) -> None:
    """A program that ends by itself leaves a result, whatever its exit code."""
    made = settings(tmp_path)
    assert isinstance(Chi660ePotentiostat(made, wall_time), Potentiostat)
    found = measure(made)
    assert isinstance(found.result, Trace)
    assert found.result.voltage_v == (3.2,) * 10
    assert [path.name for path in found.files] == ["j1.bin", "j1.mcr", "j1.txt"]
    assert (found.job, found.technique) == ("j1", OCV)
    assert found.started_unix_s <= found.ended_unix_s


def test_program_gets_its_environment_and_its_folder(tmp_path: Path) -> None:
    """The job's folder, or the program's own, is where it is started; settings add to the environment."""
    for working_folder, job in (("job", "j1"), ("program", "j2")):
        made = settings(tmp_path, "env", working_folder=working_folder, environment={"CELLRIG_STUB": "yes"})
        if job == "j2":
            (tmp_path / "good").write_bytes(GOOD.bytes().replace(b"Header: j1", b"Header: j2"))
        measure(made, job)
        said, _, folder = (tmp_path / "jobs" / job / "seen").read_text("utf-8").partition(" ")
        assert said == "yes"
        expected = tmp_path / "jobs" / job if working_folder == "job" else Path(sys.executable).parent
        assert Path(folder).samefile(expected)


@pytest.mark.parametrize(
    ("how", "error", "known"),
    [
        ("nothing", Incomplete, False),
        ("half", Incomplete, False),
        ("other", WrongFile, False),
        ("old", WrongFile, False),
    ],
)
def test_bad_output_is_no_result(tmp_path: Path, how: str, error: type[MeasurementFailed], known: bool) -> None:
    """No file, half a file, another job's file and one older than its order are refused, and kept."""
    with pytest.raises(error) as caught:
        measure(settings(tmp_path, how))
    assert caught.value.cell_state_known is known
    assert (tmp_path / "jobs" / "j1" / "j1.mcr").is_file()
    assert (tmp_path / "jobs" / "j1" / "j1.txt").is_file() is (how != "nothing")


def test_a_result_beyond_the_bound_is_kept_and_named(tmp_path: Path) -> None:
    """The file is not read: it stays in its folder, and the error says where."""
    made = settings(tmp_path, result_bytes_max=64 * 1024)
    (tmp_path / "good").write_bytes(GOOD.bytes() + b"1.000e-1, 3.214e+0\r\n" * 10_000)
    with pytest.raises(WrongFile, match=r"jobs/j1/j1\.txt has \d+ bytes, and at most 65536 are read; it is left"):
        measure(made)
    assert (made.jobs / "j1" / "j1.txt").stat().st_size > 64 * 1024


def test_program_that_hangs_is_ended_at_its_deadline(tmp_path: Path) -> None:
    """What the cell sees then is not known; its files stay."""
    watched = Watched(tmp_path)
    made = settings(tmp_path, "hang", start_timeout_s=0.1, deadline_margin_s=0.1)
    instrument = Chi660ePotentiostat(made, wall_time, watched.start)
    with pytest.raises(Hung) as caught:
        asyncio.run(instrument.measure(HeldVoltage(0.1, 0.01, 0.01, 0.0, 1e-3), "j1"))
    assert not caught.value.cell_state_known
    assert watched.processes[0].poll() is not None
    assert (tmp_path / "jobs" / "j1" / "j1.mcr").is_file()


@pytest.mark.parametrize("how", ["hang", "stubborn"])
def test_program_that_will_not_end_is_forced(tmp_path: Path, how: str) -> None:
    """It is asked first; one that does not listen is killed."""
    watched = Watched(tmp_path)
    with pytest.raises(Hung, match="Overwrite"):
        measure(settings(tmp_path, how), start=watched.start, popups=watched.box)
    assert watched.processes[0].poll() == (-15 if how == "hang" else -9)


def test_cancelled_measurement_leaves_no_process(tmp_path: Path) -> None:
    """Cancellation ends the program first and goes on then, also when it comes while the program is being ended."""
    watched = Watched(tmp_path)

    async def main() -> None:
        loop, at_work = asyncio.get_running_loop(), asyncio.Event()

        def look(pid: int) -> list[Popup]:
            if watched.box(pid):
                loop.call_soon_threadsafe(at_work.set)
            return []

        instrument = Chi660ePotentiostat(settings(tmp_path, "stubborn"), wall_time, watched.start, look)
        running = asyncio.create_task(instrument.measure(OCV, "j1"))
        await at_work.wait()
        running.cancel()
        loop.call_later(0.05, running.cancel)
        with pytest.raises(asyncio.CancelledError):
            await running
        assert watched.processes[0].poll() is not None

    asyncio.run(main())


def test_program_that_is_not_there_could_not_start(tmp_path: Path) -> None:
    """The cell was certainly not touched."""
    with pytest.raises(CouldNotStart) as caught:
        measure(settings(tmp_path, program=tmp_path / "absent"))
    assert caught.value.cell_state_known


def test_name_of_a_job_is_used_once(tmp_path: Path) -> None:
    """A file that an earlier job left is never taken for this one's: its folder is refused, and left alone."""
    measure(settings(tmp_path))
    before = (tmp_path / "jobs" / "j1" / "j1.mcr").stat().st_mtime_ns
    with pytest.raises(CouldNotStart, match="never used twice"):
        measure(settings(tmp_path))
    assert (tmp_path / "jobs" / "j1" / "j1.mcr").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("popup", "error"),
    [
        (Popup("Error", "Link Failed"), InstrumentLinkFailed),
        (Popup("Warning", "Cannot open COM port 4"), InstrumentLinkFailed),
        (Popup("Macro Error", "line 5"), MacroRefused),
        (Popup("Warning", "value out of range"), MacroRefused),
        (Popup("Microsoft Visual C++ Runtime Library", "abort"), Hung),
        (Popup("CH Instruments Electrochemical Software", "j1.bin exists. Overwrite?"), Hung),
    ],
)
def test_box_that_blocks_the_program_is_told_and_ends_it(
    tmp_path: Path, popup: Popup, error: type[MeasurementFailed]
) -> None:
    """What the box says is in the error, long before the deadline."""
    watched = Watched(tmp_path)
    with pytest.raises(error, match=popup.text.split(".")[0]):
        measure(
            settings(tmp_path, "hang"), start=watched.start, popups=lambda pid: [Popup("CHI660E - [j1]", ""), popup]
        )
    assert watched.processes[0].poll() is not None


@pytest.mark.parametrize("title", ["Connecting", "CHI660E Electrochemical Workstation", "Macro Command"])
def test_windows_that_come_and_go_are_no_boxes(title: str) -> None:
    """The main window, the box while it connects and the macro dialog block nothing."""
    assert meaning(Popup(title, "")) is Meaning.HARMLESS


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
