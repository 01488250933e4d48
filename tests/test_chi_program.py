"""The vendor's program as a child process: what it brings, and faults of real processes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from drivers.chi660e import Chi660ePotentiostat, Chi660eSettings, orphan_process
from drivers.chi660e.popups import Meaning, Popup, meaning
from drivers.chi660e.program import Process, start_process
from drivers.errors import (
    CouldNotStart,
    Hung,
    Incomplete,
    InstrumentLinkFailed,
    MacroRefused,
    MeasurementFailed,
    WrongFile,
)
from drivers.interfaces import Measurement, Potentiostat, Trace
from orchestrator.clock.virtual import wall_time
from protocols.techniques import HeldVoltage, OpenCircuit
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
        # One that listens, or is killed, may get no processor to end.
        "end_timeout_s": 1.0 if how == "stubborn" else 60.0,
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


def test_a_job_with_files_without_end_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted before anybody lists or copies them, and stay where they are."""
    monkeypatch.setattr("drivers.chi660e.program._FILES_MAX", 2)
    made = settings(tmp_path)
    with pytest.raises(WrongFile, match="j1 has more than 2 files; look at it"):
        measure(made)
    assert len(list((made.jobs / "j1").iterdir())) == 3


def test_a_note_of_a_process_that_is_no_note_is_left_to_a_person(tmp_path: Path) -> None:
    """Megabytes in its place are not read: it is not known whether a program measures, and nothing begins."""
    orphan_process.note(tmp_path, 2**22 + 1, "j1")
    assert orphan_process.left_alive(tmp_path) == ""
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + b" " * 1_000_000)
    assert "cannot be read: see that no program measures" in orphan_process.left_alive(tmp_path)
    assert path.stat().st_size > 1_000_000


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
