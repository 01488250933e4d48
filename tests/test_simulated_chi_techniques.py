"""The techniques of the simulated CHI660E besides impedance, on cells whose answers can be worked out on paper."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from simulators.cells import load_cell
from simulators.cells.lili import LithiumSymmetricCell
from simulators.cells.model import CellModel
from tests.chi660e_lab import CHANNELS, QUITS, Lab, Table, in_lab, read_table
from tests.transcripts.cells import CapacitorCell, RelaxingCell, SourceCell

A, B = CHANNELS
OHM = SourceCell(rest_v=0.0, resistance_ohm=100.0)


def measured(folder: Path, technique: str, cell: CellModel | None = None, cfg: str = "") -> Table:
    """Run one technique on a cell (none: on the internal dummy) and read its text file."""
    dummy = "dummyon\n" if cell is None else ""

    async def work(lab: Lab) -> None:
        lab.bench.clip(A)
        assert await lab.run(f"{dummy}{technique}run\nsave:r\ntsave:r\n{QUITS}", 1e5) == 0

    in_lab(folder, work, {A: cell or SourceCell(), B: SourceCell()}, cfg)
    return read_table(folder / "r.txt")


IT = "tech=i-t\nei=0.1\nst=2\nsi=0.1\nqt=1\nsens=1e-4\n"
STEPS = "tech=istep\nis1=1e-4\nst1=5\nis2=-1e-4\nst2=5\nis3=1e-4\nst3=0.01\neh={eh}\nel={el}\nsi=1\ncl={cl}\n"
TWO = "tech=cp\nic=1e-3\nia=1e-3\neh={eh}\nel={el}\ntc=10\nta=10\npn={pn}\nsi=1\ncl={cl}\n{mode}\n"


@pytest.mark.parametrize(("cathodic", "sign"), [("true", -1.0), ("false", 1.0)])
def test_polarity_is_a_setting_of_the_program(tmp_path: Path, cathodic: str, sign: float) -> None:
    """+0.1 V on the dummy's 1 kOhm is 1e-4 A, shown in the sign of the polarity setting (15)."""
    table = measured(tmp_path, IT, cfg=f"cathodic_positive = {cathodic}\n")
    assert "Data Source:  Int Dummy" in table.head
    assert table.rows[0] == pytest.approx((0.1, sign * 1e-4))
    assert len(table.rows) == 20


@pytest.mark.parametrize(("anodic", "sign"), [("true", 1.0), ("false", -1.0)])
def test_sign_of_current_steps_is_a_setting(tmp_path: Path, anodic: str, sign: float) -> None:
    """A positive step drives the potential up or down; the file has no current column."""
    table = measured(tmp_path, STEPS.format(eh=1, el=-1, cl=2), cfg=f"istep_anodic_positive = {anodic}\n")
    assert table.names == ["Time/sec", "Potential/V"]
    assert [row[1] for row in table.rows] == pytest.approx(([sign * 0.1] * 5 + [-sign * 0.1] * 5) * 2)
    assert [row[0] for row in table.rows] == pytest.approx(list(range(1, 21)))


def test_steps_shorter_than_the_interval_are_ignored(tmp_path: Path) -> None:
    """The third step of 10 ms leaves no trace (quirk 22)."""
    assert len(measured(tmp_path, STEPS.format(eh=1, el=-1, cl=1)).rows) == 10


def test_current_steps_stop_for_good_at_a_limit(tmp_path: Path) -> None:
    """A capacitor charged at 0.1 mA/F to 0.35 mV above its start: the experiment ends there, cycles or not."""
    cell = CapacitorCell(rest_v=0.0, resistance_ohm=0.0, farad=1.0)
    table = measured(tmp_path, STEPS.format(eh=3.5e-4, el=-1, cl=9), cell)
    assert len(table.rows) == 3
    assert cell.rest_v == pytest.approx(3.5e-4, abs=2e-6)


def test_two_currents_flip_at_limits_and_go_on(tmp_path: Path) -> None:
    """From 0 V at 1 mA into 1 F: down for 5 s to -5 mV, up for 10 s, and so on (quirk 11)."""
    cell = CapacitorCell(rest_v=0.0, resistance_ohm=0.0, farad=1.0)
    table = measured(tmp_path, TWO.format(eh=5e-3, el=-5e-3, pn="n", cl=4, mode="priot"), cell)
    expected = [-1, -2, -3, -4, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0, -1, -2, -3, -4, -5, -4, -3]
    assert [1e3 * row[1] for row in table.rows][:20] == pytest.approx(expected[:20], abs=0.05)
    assert cell.rest_v == pytest.approx(5e-3, abs=5e-5)


def test_first_segment_follows_the_polarity(tmp_path: Path) -> None:
    """pn=n begins with the reduction: the potential falls."""
    assert measured(tmp_path, TWO.format(eh=5, el=-5, pn="n", cl=1, mode="priot")).rows[0][1] == pytest.approx(-1.0)


def test_limits_may_be_held(tmp_path: Path) -> None:
    """With ``heht`` the high limit is held for its seconds before the current turns round."""
    cell = CapacitorCell(rest_v=0.0, resistance_ohm=1.0, farad=1.0)
    held = TWO.format(eh=5e-3, el=-5, pn="p", cl=2, mode="heht=20\npriot")
    volts = [row[1] for row in measured(tmp_path, held, cell).rows]
    assert volts[4:24] == pytest.approx([5e-3] * 20)
    assert volts[26] < volts[25] < 5e-3


def test_a_pulled_out_cell_flips_at_once_and_the_run_ends(tmp_path: Path) -> None:
    """Open leads are at the compliance: every segment is over within hundredths of a second."""

    async def work(lab: Lab) -> float:
        technique = TWO.format(eh=0.5, el=-0.5, pn="n", cl=50, mode="priot")
        assert await lab.run(f"{technique}run\nsave:r\ntsave:r\n{QUITS}") == 0
        return lab.loop.time()

    assert in_lab(tmp_path, work) < 10.0


def test_only_400_segments_are_kept(tmp_path: Path) -> None:
    """The run goes on, its data do not (quirk 10)."""
    short = "tech=cp\nic=1e-4\nia=1e-4\neh=1\nel=-1\ntc=1\nta=1\npn=n\nsi=0.5\ncl=402\npriot\n"
    table = measured(tmp_path, short)
    assert len(table.rows) == 800
    assert "Segment = 402" in table.head


def test_interval_doubles_when_the_buffer_is_full(tmp_path: Path) -> None:
    """After 10 points every second, points every two and then every four, on a true time axis (quirk 9)."""
    long = "tech=cp\nic=1e-4\nia=1e-4\neh=1\nel=-1\ntc=60\nta=60\npn=n\nsi=1\ncl=1\npriot\n"
    table = measured(tmp_path, long, cfg="most_points = 10\n")
    times = [row[0] for row in table.rows]
    assert times == pytest.approx([*range(1, 11), *range(12, 31, 2), *range(34, 61, 4)])


def test_cyclic_sweep_starts_and_turns_as_told(tmp_path: Path) -> None:
    """On 100 ohm the current is the potential's, anodic negative; two segments from 0 over 0.2 V to -0.1 V.

    As in real files from Init E on, to one interval before the end; the setting gives the layout of older notes.
    """
    sweep = "tech=cv\nei=0\neh=0.2\nel=-0.1\npn=p\nv=0.1\nsi=0.01\ncl=2\nqt=2\nsens=1e-2\n"
    table = measured(tmp_path, sweep, OHM)
    path = [*range(20), *range(20, -10, -1)]
    assert [row[0] for row in table.rows] == pytest.approx([k / 100 for k in path])
    (old := tmp_path / "old").mkdir()
    table = measured(old, sweep, OHM, cfg="sweep_begins_at_init = false\n")
    path = [*range(1, 21), *range(19, -11, -1)]
    assert [row[0] for row in table.rows] == pytest.approx([k / 100 for k in path])
    for potential_v, current_a in table.rows:
        assert current_a == pytest.approx(-potential_v / 100.0, abs=1e-9)
    assert table.head[-5:-1] == ["ip = -2.000e-3A", "Segment 2:", "Ep = 0.190V", "ip = -1.900e-3A"]


def test_linear_sweep_goes_once(tmp_path: Path) -> None:
    """From ei to one interval before ef."""
    table = measured(tmp_path, "tech=lsv\nei=0.1\nef=-0.1\nv=0.01\nsi=0.001\nsens=0.1\n", OHM)
    assert len(table.rows) == 200
    assert table.rows[0] == pytest.approx((0.1, -1e-3))
    assert table.rows[-1] == pytest.approx((-0.099, 0.99e-3))


def test_potential_steps_have_a_hundred_points_each(tmp_path: Path) -> None:
    """A coarser interval is silently refined (quirk 8); a capacitor's current falls between the steps."""
    table = measured(tmp_path, "tech=ca\nei=0\neh=0.1\nel=0\npn=p\ncl=2\npw=1\nsi=0.5\nqt=0\nsens=0.1\n", OHM)
    assert len(table.rows) == 200
    assert table.rows[0][1] == pytest.approx(-1e-3)
    assert table.rows[-1][1] == pytest.approx(0.0)
    assert "Sample Interval (s) = 0.01" in table.head


def test_held_current_of_a_relaxing_cell_decays_as_it_must(tmp_path: Path) -> None:
    """50 ohm and 1 F at 10 mV: the current falls with 50 s, to a hundredth (the pair's share is known)."""
    cell = RelaxingCell(rest_v=0.0)
    cell.pair_ohm = 1e-9
    table = measured(tmp_path, "tech=i-t\nei=0.01\nst=100\nsi=1\nqt=0\nsens=1e-3\n", cell)
    for time_s, current_a in table.rows:
        assert current_a == pytest.approx(-2e-4 * math.exp(-time_s / 50.0), rel=0.01)


@pytest.mark.parametrize("autosens", ["", "autosens\n"])
def test_overflow_is_clipped_at_ten_times_the_sensitivity(tmp_path: Path, autosens: str) -> None:
    """10 mA in a range of 1 mA shows 1 mA; with the automatic range it shows 10 mA."""
    table = measured(tmp_path, f"tech=i-t\nei=1\nst=1\nsi=0.1\nsens=1e-4\n{autosens}", OHM)
    assert table.rows[-1][1] == pytest.approx(-1e-2 if autosens else -1e-3)


def test_overflow_may_abort_the_run(tmp_path: Path) -> None:
    """``abortov`` ends the run at the first reading beyond full scale."""
    table = measured(tmp_path, "tech=i-t\nei=1\nst=10\nsi=0.1\nsens=1e-4\nabortov\n", OHM)
    assert len(table.rows) == 1


def test_a_lithium_cell_is_stripped_and_plated_through_its_own_physics(tmp_path: Path) -> None:
    """Half cycles of 0.2 mA/cm2: the potential has the current's sign and the charge comes back."""
    cell = load_cell("coated-li-li", seed=2)
    steps = "tech=istep\nis1=1.57e-4\nst1=600\nis2=-1.57e-4\nst2=600\neh=0.5\nel=-0.5\nsi=1\ncl=1\n"
    table = measured(tmp_path, steps, cell)
    assert len(table.rows) == 1200
    assert all((row[1] > 0.0) == (row[0] <= 600.0) for row in table.rows)
    assert isinstance(cell, LithiumSymmetricCell)
    assert cell.charge_c == pytest.approx(0.0, abs=1e-9)


def test_cell_is_off_after_a_run_unless_it_is_to_stay_on(tmp_path: Path) -> None:
    """Between runs nothing flows; after ``cellon`` the last potential is held on (4.1)."""

    def rest_v(folder: Path, on: str) -> float:
        folder.mkdir()
        cell = CapacitorCell(rest_v=0.0, resistance_ohm=100.0, farad=1.0)

        async def work(lab: Lab) -> None:
            lab.bench.clip(A)
            await lab.run(f"{on}tech=i-t\nei=1\nst=1\nsi=0.1\nqt=0\nrun\ndelay=100\n{QUITS}")

        in_lab(folder, work, {A: cell, B: SourceCell()})
        return cell.rest_v

    assert rest_v(tmp_path / "off", "") == pytest.approx(0.01, rel=0.01)
    assert rest_v(tmp_path / "on", "cellon\n") == pytest.approx(1.0 - math.exp(-1.013), rel=0.01)


def test_parameters_persist_until_the_next_technique(tmp_path: Path) -> None:
    """A second run has the first one's values; ``tech`` resets them all (4.1)."""

    async def work(lab: Lab) -> None:
        await lab.run(
            "dummyon\ntech=i-t\nei=0.2\nst=1\nsi=0.5\nrun\ntsave:a\nheader: two words\nrun\nsave:b.x\ntsave:b.x\n"
            f"tech=i-t\nst=1\nsi=0.5\nrun\ntsave:c\n{QUITS}"
        )

    in_lab(tmp_path, work)
    one, two, three = (read_table(tmp_path / f"{name}.txt") for name in "abc")
    assert "Init E (V) = 0.2" in one.head
    assert "Init E (V) = 0.2" in two.head
    assert "Init E (V) = 0" in three.head
    assert "Header: two words" in two.head
    assert "File: (run unsaved)" in one.head
    assert f"File: {tmp_path / 'b.bin'}" in two.head


def test_shared_leads_pass_current_beside_the_tester(tmp_path: Path) -> None:
    """On a resting channel the potentiostat drives the cell, and the tester sees the potential move."""
    cell = CapacitorCell(rest_v=0.0, resistance_ohm=100.0, farad=1.0)

    async def work(lab: Lab) -> float:
        lab.bench.clip(A, isolating=False)
        lab.start(f"{STEPS.format(eh=1, el=-1, cl=1)}run\nsave:r\ntsave:r\n{QUITS}")
        await asyncio.sleep(6.0)
        seen_v = lab.bench.tester.channel(A).machine.drive.voltage_v
        await lab.gone(lab.started[0])
        return seen_v

    seen_v = in_lab(tmp_path, work, {A: cell, B: SourceCell()})
    assert seen_v == pytest.approx(0.01, abs=1e-3)
    volts = [row[1] for row in read_table(tmp_path / "r.txt").rows]
    assert volts[:5] == pytest.approx([0.01 + 1e-4 * k for k in range(1, 6)], abs=3e-5)
    assert volts[9] == pytest.approx(-0.01, abs=1e-4)
    assert cell.rest_v == pytest.approx(0.0, abs=3e-5)
