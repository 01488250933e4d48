"""What can go wrong with the simulated CHI660E, on request: pop-ups, hangs, crashes, lost links, bad files."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from pathlib import Path

import pytest

from simulators.chi660e.launching import Launcher, program
from tests.chi660e_lab import CHANNELS, QUITS, Lab, in_lab, macro_bytes, read_table
from tests.transcripts.cells import CapacitorCell, SourceCell

A, B = CHANNELS
CELLS = {A: SourceCell(), B: SourceCell()}
OCPT = "tech=ocpt\nst=10\nsi=1\nrun\nsave:o\ntsave:o\n"
DRIVES = "tech=istep\nis1=1e-3\nst1=1000\nsi=1\neh=5\nel=-5\nrun\nsave:d\ntsave:d\n"


def popups_of(folder: Path, macro: str, cfg: str = "") -> tuple[list[dict[str, str]], float]:
    """Run a macro that never ends; give what is on the screen at the deadline, and when that was."""

    async def work(lab: Lab) -> tuple[list[dict[str, str]], float]:
        lab.bench.clip(A)
        assert await lab.run(macro, deadline_s=900.0) is None
        assert [(popup["title"], popup["text"]) for popup in lab.popups()] == lab.control.popups
        return lab.popups(), lab.loop.time()

    return in_lab(folder, work, CELLS, cfg)


@pytest.mark.parametrize(
    ("macro", "cfg", "title", "text"),
    [
        ("tech=imp\nbad=1\n" + OCPT + QUITS, "", "Macro Error", "'bad'"),
        ("tech=ocpt\nst=0\n" + QUITS, "", "Warning", "st is 0"),
        (OCPT + QUITS, "[faults]\nlink_failed = true", "Error", "Link Failed"),
        ("tech=imp\nfh=1000000\nfl=1000\nrun\ntsave:x\n" + QUITS, "", "Warning", "FT mode"),
        ("tech=ocpt\nst=10\nsi=1\neh=3\nrun\ntsave:x\n" + QUITS, "", "Warning", "High Limit"),
        ("folder: no-such-folder\n" + QUITS, "", "Warning", "does not exist"),
        (OCPT + OCPT + QUITS, "", "CH Instruments Electrochemical Software", "already exists"),
        ("tech=nosuch\nrun\n" + QUITS, "", "Macro Error", "unknown technique"),
        ("tech=step\nrun\n" + QUITS, "", "Error", "does not measure step"),
        (OCPT + QUITS, "[faults]\ndisk_full = true", "Error", "disk full"),
    ],
)
def test_a_pop_up_hangs_and_the_clock_goes_on(tmp_path: Path, macro: str, cfg: str, title: str, text: str) -> None:
    """Title and text are on the screen, and virtual time reaches the driver's deadline (quirk 19)."""
    popups, ended_s = popups_of(tmp_path, macro, cfg)
    assert [popup["title"] for popup in popups] == [title]
    assert text in popups[0]["text"]
    assert ended_s == pytest.approx(900.0, abs=2.0)


def test_nothing_runs_before_the_whole_macro_is_good(tmp_path: Path) -> None:
    """A fault in the last line keeps the first run from running (4.1)."""
    popups, _ = popups_of(tmp_path, OCPT + "st=-5\n" + QUITS)
    assert len(popups) == 1
    assert not (tmp_path / "o.txt").exists()


def test_half_written_macros_and_missing_ones_are_told(tmp_path: Path) -> None:
    """A prefix of letters is a runtime error's box, a missing file a warning."""

    async def work(lab: Lab) -> list[str]:
        (tmp_path / "plain.mcr").write_text("tech=ocpt\nrun\n")
        for name in ("plain.mcr", "missing.mcr"):
            process = lab.launch([*program(), f'/RUNMACRO:"{tmp_path / name}"'], tmp_path)
            await asyncio.sleep(60.0)
            assert process.poll() is None
            process.kill()
            await lab.gone(process)
        return [title for title, _ in lab.control.popups]

    titles = in_lab(tmp_path, work, CELLS)
    assert titles[0].startswith("Microsoft Visual C++")
    assert titles[1] == "Warning"


def test_a_bad_prefix_may_crash(tmp_path: Path) -> None:
    """The same file kills the process at once: a setting."""

    async def work(lab: Lab) -> int | None:
        (tmp_path / "plain.mcr").write_text("tech=ocpt\nrun\n")
        process = lab.launch([*program(), f"/runmacro:{tmp_path / 'plain.mcr'}"], tmp_path)
        await lab.gone(process)
        assert lab.loop.time() < 10.0
        return process.returncode

    assert in_lab(tmp_path, work, CELLS, 'bad_prefix = "crash"\n')


@pytest.mark.parametrize(("macro", "stays"), [(OCPT, True), (OCPT + QUITS.rstrip(), True), (OCPT + QUITS, False)])
def test_the_program_closes_only_when_told_on_a_whole_line(tmp_path: Path, macro: str, stays: bool) -> None:
    """Without ``forcequit``, or without its line end, the files are there and the window stays (quirk 2)."""

    async def work(lab: Lab) -> int | None:
        return await lab.run(macro, deadline_s=600.0)

    assert in_lab(tmp_path, work, CELLS) == (None if stays else 0)
    assert len(read_table(tmp_path / "o.txt").rows) == 10


@pytest.mark.parametrize("where", ["start", "run", "end"])
def test_a_hang_anywhere_lets_the_clock_go_on(tmp_path: Path, where: str) -> None:
    """Before anything, in the run, or with the file complete: only a deadline ends it (fault B09)."""

    async def work(lab: Lab) -> float:
        lab.bench.clip(A)
        assert await lab.run(OCPT + QUITS, deadline_s=700.0) is None
        return lab.loop.time()

    assert in_lab(tmp_path, work, CELLS, f'[faults]\nhang = "{where}"\n') == pytest.approx(700.0, abs=2.0)
    assert (tmp_path / "o.txt").exists() == (where == "end")


@pytest.mark.parametrize("where", ["start", "run"])
def test_a_crash_ends_the_process_without_a_file(tmp_path: Path, where: str) -> None:
    """The process is gone, and so is the hold on the clock."""

    async def work(lab: Lab) -> int | None:
        code = await lab.run(OCPT + QUITS)
        await asyncio.sleep(1000.0)
        return code

    assert in_lab(tmp_path, work, CELLS, f'[faults]\ncrash = "{where}"\n')
    assert not (tmp_path / "o.txt").exists()


def test_a_process_that_never_connects_releases_the_clock(tmp_path: Path) -> None:
    """Another program altogether: when it ends, or is ended, time goes on."""

    async def work(lab: Lab) -> float:
        process = lab.launch([*program(), "--help"], tmp_path)
        await lab.gone(process)
        assert lab.loop.time() < 10.0
        await asyncio.sleep(100.0)
        return lab.loop.time()

    assert in_lab(tmp_path, work, CELLS) >= 100.0


def test_the_clock_stands_still_until_a_started_process_is_parked(tmp_path: Path) -> None:
    """However long a process takes to start, no timer fires before it has asked for its first sleep."""

    async def work(lab: Lab) -> None:
        process = lab.start("delay=100\n" + QUITS)
        await asyncio.sleep(99.0)
        assert process.poll() is None
        await asyncio.sleep(10.0)
        assert process.poll() == 0

    in_lab(tmp_path, work, CELLS)


def test_it_can_be_started_from_a_thread(tmp_path: Path) -> None:
    """As on Windows, where starting a process blocks."""

    async def work(lab: Lab) -> int | None:
        path = tmp_path / "thread.mcr"
        path.write_bytes(macro_bytes(f"delay=5\n{QUITS}"))
        process = await asyncio.to_thread(lab.launch, [*program(), f"/runmacro:{path}"], tmp_path, {})
        await lab.gone(process)
        return process.returncode

    assert in_lab(tmp_path, work, CELLS) == 0


def test_what_cannot_be_started_releases_the_clock(tmp_path: Path) -> None:
    """A wrong path is an error for the caller, not the end of time."""

    async def work(lab: Lab) -> None:
        launch = Launcher(lab.control)
        with pytest.raises(OSError, match="no-such-program"):
            launch(["no-such-program"], tmp_path)
        await asyncio.sleep(100.0)

    in_lab(tmp_path, work, CELLS)


@pytest.mark.parametrize(("keeps", "rises_v"), [(False, 0.1), (True, 0.2)])
def test_a_killed_program_leaves_the_cell_off_or_driven(tmp_path: Path, keeps: bool, rises_v: float) -> None:
    """What the instrument does when its program dies is unknown: both, by the bench's choice (4.4)."""
    cell = CapacitorCell(rest_v=0.0, resistance_ohm=0.0, farad=1.0)

    async def work(lab: Lab) -> float:
        lab.bench.clip(A)
        lab.bench.leads.keeps_driving = keeps
        process = lab.start(DRIVES + QUITS)
        await asyncio.sleep(103.5)
        process.kill()
        await lab.gone(process)
        await asyncio.sleep(99.0)
        lab.bench.clip(None)
        return cell.rest_v

    assert in_lab(tmp_path, work, {A: cell, B: SourceCell()}) == pytest.approx(rises_v, abs=2e-3)


def test_a_lost_link_leaves_the_cell_driven_until_the_next_start(tmp_path: Path) -> None:
    """The program stops responding half way; killing it does not reach the instrument, starting it again does."""
    cell = CapacitorCell(rest_v=0.0, resistance_ohm=0.0, farad=1.0)

    async def work(lab: Lab) -> None:
        lab.bench.clip(A)
        assert await lab.run(DRIVES + QUITS, deadline_s=600.0) is None
        assert not lab.popups()
        await asyncio.sleep(100.0)
        (tmp_path / "cfg.toml").write_text("")
        assert await lab.run(OCPT + QUITS) == 0

    in_lab(tmp_path, work, {A: cell, B: SourceCell()}, "[faults]\ncomm_loss = true\n")
    assert cell.rest_v == pytest.approx(0.7, abs=0.01)
    assert not (tmp_path / "d.txt").exists()
    assert read_table(tmp_path / "o.txt").rows[0][1] == pytest.approx(cell.rest_v, rel=1e-3)


def file_after(folder: Path, cfg: str) -> str:
    """Run an OCPT under a fault of files and give what the text file holds."""

    async def work(lab: Lab) -> None:
        assert await lab.run(f"header: this job\n{OCPT}{QUITS}") == 0

    in_lab(folder, work, CELLS, f"[faults]\n{cfg}\n")
    return (folder / "o.txt").read_bytes().decode("ascii")


def test_a_half_file_ends_in_the_middle_of_a_row(tmp_path: Path) -> None:
    """Fewer rows than asked, the last one cut (fault B10)."""
    text = file_after(tmp_path, "half_file = true")
    assert not text.endswith("\n")
    assert text.count("e+0") < 20


def test_a_stale_file_is_the_one_from_before(tmp_path: Path) -> None:
    """Nothing is written, nothing is said, and the exit code is as ever (quirk 18)."""
    (tmp_path / "o.txt").write_text("old")
    assert file_after(tmp_path, "stale_file = true") == "old"


@pytest.mark.parametrize(
    ("cfg", "absent"), [("wrong_technique = true", "Open Circuit Potential"), ("wrong_header = true", "this job")]
)
def test_a_file_may_be_of_another_job(tmp_path: Path, cfg: str, absent: str) -> None:
    """Only its head tells."""
    text = file_after(tmp_path, cfg)
    assert absent not in text
    assert text.count("\r\n") > 15


@pytest.mark.parametrize(("encoding", "read_as"), [("", "gbk"), ("utf-8-sig", "utf-8-sig")])
def test_a_chinese_build_names_techniques_in_chinese(tmp_path: Path, encoding: str, read_as: str) -> None:
    """Only the name of the technique differs, and the bytes it is written in (quirk 16)."""

    async def work(lab: Lab) -> None:
        assert await lab.run(OCPT + QUITS) == 0

    in_lab(tmp_path, work, CELLS, f'[text]\nchinese = true\nseparator = "\\t"\nencoding = "{encoding}"\n')
    lines = (tmp_path / "o.txt").read_text(encoding=read_as).splitlines()
    assert lines[1] == "\u5f00\u8def\u7535\u4f4d-\u65f6\u95f4"
    assert "Time/sec\tPotential/V" in lines


def test_a_slow_file_grows_while_somebody_polls(tmp_path: Path) -> None:
    """Its size is seen at many values before the last, over the seconds that were asked for (14.10)."""

    async def work(lab: Lab) -> list[int]:
        process = lab.start(OCPT + QUITS)
        sizes = []
        while process.poll() is None:
            await asyncio.sleep(1.0)
            path = tmp_path / "o.txt"
            if path.exists():
                sizes.append(path.stat().st_size)
        return sizes

    sizes = in_lab(tmp_path, work, CELLS, "[faults]\nslow_file_s = 30.0\n")
    assert len(set(sizes)) == 10
    assert all(a <= b for a, b in itertools.pairwise(sizes))
    assert len(sizes) == pytest.approx(30, abs=3)


def test_a_bad_cfg_is_told_on_stderr(tmp_path: Path) -> None:
    """Settings with a typing error never run as if they were right."""
    cfg = tmp_path / "cfg.toml"
    cfg.write_text("speeed = 2")
    found = subprocess.run(
        [*program(), "/runmacro:x"], env={"CHI660E_SIM_CFG": str(cfg)}, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (2, "")
    assert "no such key 'speeed'" in found.stderr


def test_a_pulled_cell_is_seen_in_the_middle_of_a_step(tmp_path: Path) -> None:
    """The leads are moved off while a current flows: the cell stays as it was then, open leads hit the limit."""
    cell = CapacitorCell(rest_v=0.0, resistance_ohm=0.0, farad=1.0)

    async def work(lab: Lab) -> None:
        lab.bench.clip(A)
        process = lab.start(DRIVES + QUITS)
        await asyncio.sleep(103.5)
        lab.bench.clip(None)
        await lab.gone(process)

    in_lab(tmp_path, work, {A: cell, B: SourceCell()})
    rows = read_table(tmp_path / "d.txt").rows
    assert cell.rest_v == pytest.approx(0.1, abs=2e-3)
    assert len(rows) == pytest.approx(100, abs=1)
    assert rows[-1][1] == pytest.approx(0.1, abs=2e-3)
