"""The simulated CHI660E without a rack of ours around it: a cell of its own, or a served bench in another process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.chi660e.launching import program
from simulators.tcp_serving import ChiBeside, serve_ct4008
from tests.chi660e_lab import QUITS, macro_bytes, read_table

EIS = "tech=imp\neio\nimpsf\nfh=100000\nfl=1000\nqt=0\nrun\nsave:e\ntsave:e\n"


def run_alone(folder: Path, macro: str, cfg: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a macro in a process of its own, without a bench."""
    (folder / "cfg.toml").write_text(cfg)
    (folder / "job.mcr").write_bytes(macro_bytes(f"folder: {folder}\nfileoverride\n{macro}{QUITS}"))
    environment = {**os.environ, "CHI660E_SIM_CFG": str(folder / "cfg.toml"), **more}
    command = [*program(), f'/runmacro:"{folder / "job.mcr"}"']
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_it_measures_a_cell_of_its_own_faster_than_real_time(tmp_path: Path) -> None:
    """Files, no output, exit code 0: for any program that writes macros and reads text files."""
    done = run_alone(tmp_path, EIS, "speed = 1000.0\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    table = read_table(tmp_path / "e.txt")
    assert len(table.rows) == 25
    for hz, real, imaginary, size, phase in table.rows:
        z = 3.0 + 45.0 / (1.0 + 1j * 2.0 * 3.141592653589793 * hz * 45.0 * 2e-6)
        assert (real, imaginary, size) == pytest.approx((z.real, z.imag, abs(z)), rel=2e-3)
        assert -90.0 < phase < 0.0
    assert (tmp_path / "e.bin").stat().st_size > 25 * 16


def test_cells_behind_a_multiplexer_are_switched(tmp_path: Path) -> None:
    """Each port has its cell; a port that is not installed is silently ignored (11)."""
    macro = "".join(f"mch:{port}\ntech=ocpt\nst=1\nsi=1\nrun\ntsave:c{port}\n" for port in (1, 2, 60))
    run_alone(tmp_path, macro, 'speed = 1000.0\nrest_v = 0.5\ncells = ["rc", "coated-lfp"]\n')
    volts = [read_table(tmp_path / f"c{port}.txt").rows[0][1] for port in (1, 2, 60)]
    assert volts[0] == pytest.approx(0.5)
    assert 2.0 < volts[1] < 3.6
    assert volts[2] == volts[1]


def test_help_is_all_that_it_ever_prints(tmp_path: Path) -> None:
    """The text names the switch, the environment and every setting."""
    done = subprocess.run([*program(), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for word in ("/runmacro:", "CHI660E_SIM_BENCH", "cathodic_positive", "[faults]", "half_file", "start_up_s"):
        assert word in done.stdout


@pytest.mark.real_time
async def test_a_served_rack_has_a_potentiostat_beside_it(tmp_path: Path) -> None:
    """Another process measures a channel's cell over the control socket, and hands may move the leads."""
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve_ct4008(port=0, speed=5000.0, chi=ChiBeside(0, "21-1-5", announce=found.set_result))
    )
    address = await found
    cfg = "[timing]\npoint_s = 0.0\n"
    done = await asyncio.to_thread(run_alone, tmp_path, EIS, cfg, CHI660E_SIM_BENCH=address)
    assert done.returncode == 0
    reader, writer = await asyncio.open_connection(*address.split(":"))

    async def ask(request: dict[str, object]) -> dict[str, object]:
        writer.write(json.dumps(request).encode() + b"\n")
        reply: dict[str, object] = json.loads(await reader.readline())
        return reply

    assert (await ask({"do": "describe"}))["channel"] == "21-1-5"
    assert (await ask({"do": "clip", "channel": "21-1-2", "isolating": False}))["isolating"] is False
    assert (await ask({"do": "describe"}))["channel"] == "21-1-2"
    assert "99-1-1" in str((await ask({"do": "clip", "channel": "99-1-1"}))["error"])
    assert "no such request" in str((await ask({"do": "dance"}))["error"])
    assert (await ask({"do": "clip", "channel": None}))["channel"] is None
    writer.close()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert len(read_table(tmp_path / "e.txt").rows) == 25


@pytest.mark.real_time
async def test_leads_on_a_channel_that_is_not_there_are_refused() -> None:
    """The error names the channel before anything is served."""
    with pytest.raises(ValueError, match="9-9-9"):
        await serve_ct4008(port=0, chi=ChiBeside(0, "9-9-9"))


def test_the_shell_prints_the_racks_line_first_and_the_potentiostats_next() -> None:
    """Others read the first line; the second is what CHI660E_SIM_BENCH is to be set to."""
    command = [sys.executable, "-m", "simulators", "ct4008", "--port", "0", "--chi", "0", "--idle-exit", "0.2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    first, second = done.stdout.splitlines()
    assert first.startswith("listening on 127.0.0.1:")
    assert second.startswith("CHI660E_SIM_BENCH=127.0.0.1:")
    assert done.stderr == ""


def test_the_program_loads_nothing_heavy() -> None:
    """One process an impedance spectrum: neither asyncio nor numbers libraries nor cell models at its start."""
    code = (
        "import sys, simulators.chi660e.__main__;"
        "print([m for m in ('asyncio', 'numpy', 'tomllib', 'simulators.cells.lili', 'pathlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]"
