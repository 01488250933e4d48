"""The simulated potentiostat on the bench: what it measures is the cell in the holder, in the bench's own time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from impedance.preprocessing import readCHInstruments  # type: ignore[import-untyped]  # impedance has no types

from simulators.cells import load_cell
from simulators.cells.model import CellModel
from simulators.chi660e.grids import single_frequency_hz
from simulators.chi660e.leads import IdleTester
from simulators.neware.step_machine import Status
from simulators.neware.stepfile import read_schedule
from tests.chi660e_lab import CHANNELS, QUITS, Lab, in_lab, read_table
from tests.transcripts import FOLDER
from tests.transcripts.cells import RelaxingCell, SourceCell

A, B = CHANNELS
EIS = "fileoverride\ntech=imp\neio\nimpsf\nfh={high}\nfl={low}\namp=0.01\nqt=2\nrun\nsave:e\ntsave:e\n"


def spectrum(low: str = "0.1", high: str = "1000000") -> str:
    """Give a macro that measures impedance at rest."""
    return EIS.format(low=low, high=high) + QUITS


class AgeingCell(RelaxingCell):
    """A relaxing cell that remembers for how long it has lived, and how much charge it has got."""

    def __init__(self) -> None:
        super().__init__()
        self.life_s = self.charge_c = 0.0

    def advance(self, duration_s: float, current_a: float) -> None:
        """Live on."""
        super().advance(duration_s, current_a)
        self.life_s += duration_s
        self.charge_c += duration_s * current_a

    def snapshot(self) -> tuple[float, ...]:
        """Remember the life too."""
        return (*super().snapshot(), self.life_s, self.charge_c)

    def restore(self, state: tuple[float, ...]) -> None:
        """Go back in life."""
        *inner, self.life_s, self.charge_c = state
        super().restore(tuple(inner))


def cells(first: CellModel) -> dict[str, CellModel]:
    """Put a cell into the first channel."""
    return {A: first, B: SourceCell()}


def start_sample(lab: Lab, channel: str) -> None:
    """Start the transcripts' sample schedule with a short rest before its charge, safe for any voltage."""
    sample = (FOLDER / "sample.xml").read_bytes().replace(b'"20000"', b'"-9999"')
    short = sample.replace(
        b'<Time Value="600000" /></Main></Limit></Step1>', b'<Time Value="5000" /></Main></Limit></Step1>'
    )
    assert short != sample
    plan = read_schedule(short, lab.bench.tester.units[0].ratings)
    assert lab.bench.tester.start(channel, plan, "one") == 1


@pytest.mark.parametrize("model", ["bare-li-li", "coated-lfp"])
def test_file_holds_the_cells_impedance_at_each_frequency_of_the_grid(tmp_path: Path, model: str) -> None:
    """Through macro, process, socket and text file nothing but rounding to four figures is lost."""
    cell = load_cell(model, seed=3)

    async def work(lab: Lab) -> list[complex]:
        lab.bench.clip(A)
        assert await lab.run(spectrum()) == 0
        return [cell.impedance_ohm(hz) for hz in single_frequency_hz(0.1, 1e6)]

    expected = in_lab(tmp_path, work, cells(cell))
    frequencies, impedances = readCHInstruments(str(tmp_path / "e.txt"))
    assert list(frequencies) == pytest.approx(single_frequency_hz(0.1, 1e6), rel=5.1e-4)
    for found, model_z in zip(impedances, expected, strict=True):
        # The cell at rest is the same before and after but for its films, which grow by parts of 1e-4 an hour.
        assert found.real == pytest.approx(model_z.real, rel=1e-3)
        assert found.imag == pytest.approx(model_z.imag, rel=1e-3, abs=1e-3)


def test_exact_to_half_a_unit_of_the_fourth_figure_where_nothing_ages(tmp_path: Path) -> None:
    """A cell that never changes gives its impedance to within the rounding of the text file."""

    class Fixed(SourceCell):
        def impedance_ohm(self, frequency_hz: float) -> complex:
            return 1.0 / (0.01 + 1e-6j * frequency_hz)

    async def work(lab: Lab) -> None:
        lab.bench.clip(A)
        await lab.run(spectrum("0.01", "100000"))

    in_lab(tmp_path, work, cells(Fixed()))
    table = read_table(tmp_path / "e.txt")
    assert len(table.rows) == 85
    for hz, row in zip(single_frequency_hz(0.01, 1e5), table.rows, strict=True):
        z = Fixed().impedance_ohm(hz)
        for shown, true in zip(row[:4], (hz, z.real, z.imag, abs(z)), strict=True):
            assert shown == pytest.approx(true, rel=5.01e-4)


def test_ten_minutes_of_impedance_are_ten_minutes_of_the_cells_life(tmp_path: Path) -> None:
    """The bench's clock, the cell's age and the sum of the points' times agree; nothing flows at rest."""
    cell = AgeingCell()

    async def work(lab: Lab) -> tuple[float, float]:
        lab.bench.clip(A)
        await lab.run(spectrum("0.01", "100000"))
        ended_s = lab.loop.time()
        lab.bench.clip(None)
        return ended_s, cell.life_s

    ended_s, life_s = in_lab(tmp_path, work, cells(cell))
    assert ended_s == pytest.approx(sum(1.0 / hz + 0.3 for hz in single_frequency_hz(0.01, 1e5)), abs=8.0)
    assert life_s == pytest.approx(ended_s, abs=0.11)
    assert cell.charge_c == 0.0


def test_the_tester_sees_an_empty_holder_while_the_leads_isolate_and_its_cell_again_afterwards(tmp_path: Path) -> None:
    """Clipped alone, the cell is gone for the tester; unclipped, it is back with the time that has passed."""
    cell = AgeingCell()

    async def work(lab: Lab) -> None:
        tester = lab.bench.tester

        def volts() -> float:
            return tester.channel(A).live(tester.now_tick(), 0.1).voltage_v

        await asyncio.sleep(100.0)
        assert volts() == pytest.approx(3.2, abs=0.01)
        lab.bench.clip(A)
        await asyncio.sleep(100.0)
        assert volts() == pytest.approx(0.0, abs=0.01)
        assert tester.channel(A).cell is cell
        with pytest.raises(ValueError, match="unclip"):
            tester.pull_out_cell(A)
        lab.bench.clip(B)
        await asyncio.sleep(10.0)
        assert volts() == pytest.approx(3.2, abs=0.01)
        lab.bench.clip(None)
        await asyncio.sleep(100.0)
        tester.channel(A).machine.exchange(cell, tester.now_tick())
        assert cell.life_s == pytest.approx(310.0, abs=0.11)

    in_lab(tmp_path, work, cells(cell))


def test_leads_that_do_not_isolate_add_the_testers_own(tmp_path: Path) -> None:
    """In parallel lie the tester's resistance and capacitance, which show at high frequency."""

    async def work(lab: Lab) -> None:
        lab.bench.clip(A, isolating=False)
        await lab.run(spectrum("10"))

    in_lab(tmp_path, work, cells(SourceCell(resistance_ohm=50.0)))
    frequencies, impedances = readCHInstruments(str(tmp_path / "e.txt"))
    exact = single_frequency_hz(10.0, 1e6)
    assert len(frequencies) == len(exact)
    for hz, found in zip(exact, impedances, strict=True):
        expected = IdleTester().beside(50.0 + 0.0j, hz)
        assert found.real == pytest.approx(expected.real, rel=1e-3)
        assert found.imag == pytest.approx(expected.imag, rel=1e-3, abs=1e-6)
    assert impedances[0].imag < -1.0


def test_measuring_while_the_tester_drives_is_counted(tmp_path: Path) -> None:
    """Two energisers on one cell are noticed (fault B13), at rest and alone they are not."""

    async def work(lab: Lab) -> list[int]:
        counts = []
        lab.bench.clip(A, isolating=False)
        await lab.run(spectrum("1000"))
        counts.append(lab.bench.double_energised)
        start_sample(lab, A)
        await lab.run(spectrum("1000"))
        counts.append(lab.bench.double_energised)
        assert lab.bench.tester.channel(A).machine.status is Status.WORKING
        lab.bench.clip(A, isolating=True)
        await lab.run(spectrum("1000"))
        counts.append(lab.bench.double_energised)
        return counts

    assert in_lab(tmp_path, work, cells(RelaxingCell())) == [0, 1, 1]


def test_a_tester_that_starts_during_a_measurement_is_counted(tmp_path: Path) -> None:
    """The look at who drives is not only at the beginning."""

    async def work(lab: Lab) -> int:
        lab.bench.clip(A, isolating=False)
        process = lab.start(spectrum("0.1"))
        await asyncio.sleep(30.0)
        assert lab.bench.double_energised == 0
        start_sample(lab, A)
        await lab.gone(process)
        return lab.bench.double_energised

    assert in_lab(tmp_path, work, cells(RelaxingCell())) == 1


def test_looking_with_shared_leads_changes_no_row_of_the_tester(tmp_path: Path) -> None:
    """Impedance read in the middle of the tester's steps leaves its records as they would have been."""

    def rows(folder: Path, looks: bool) -> list[object]:
        async def work(lab: Lab) -> list[object]:
            start_sample(lab, A)
            if looks:
                lab.bench.clip(A, isolating=False)
                await lab.run(spectrum("0.1"))
            await asyncio.sleep(20_000.0 - lab.loop.time())
            return list(lab.bench.tester.records(A))

        folder.mkdir()
        return in_lab(folder, work, cells(load_cell("bare-li-li", seed=5)))

    looked, left_alone = rows(tmp_path / "looked", True), rows(tmp_path / "alone", False)
    assert len(left_alone) > 10
    assert looked == left_alone


def test_leads_on_nothing_measure_an_open_circuit(tmp_path: Path) -> None:
    """Nobody has clipped anything: the electrometer's input is all there is."""

    async def work(lab: Lab) -> None:
        await lab.run(spectrum("1000"))

    in_lab(tmp_path, work)
    assert min(row[3] for row in read_table(tmp_path / "e.txt").rows) > 1e9


def test_a_second_program_finds_the_instrument_taken(tmp_path: Path) -> None:
    """Two processes on one port: the second cannot link, the first goes on."""

    async def work(lab: Lab) -> int | None:
        lab.bench.clip(A)
        first = lab.start(spectrum("0.1"), "first.mcr")
        await asyncio.sleep(10.0)
        second = lab.start(spectrum("0.1"), "second.mcr")
        await lab.gone(first)
        assert second.poll() is None
        return first.returncode

    assert in_lab(tmp_path, work) == 0
    assert (tmp_path / "e.txt").exists()


def test_a_pulled_out_or_shorted_cell_is_measured_as_it_is(tmp_path: Path) -> None:
    """The leads see what sits in the holder, wires and all."""

    async def work(lab: Lab) -> list[float]:
        sizes = []
        for act in (lab.bench.tester.pull_out_cell, lab.bench.tester.put_back_cell, lab.bench.tester.short_cell):
            act(A)
            lab.bench.clip(A)
            await lab.run(spectrum("10000"))
            lab.bench.clip(None)
            sizes.append(read_table(tmp_path / "e.txt").rows[0][3])
        return sizes

    assert in_lab(tmp_path, work, cells(SourceCell(resistance_ohm=50.0))) == pytest.approx([1e9, 50.0, 0.4950])


def test_the_same_bench_gives_the_same_files_and_times(tmp_path: Path) -> None:
    """Processes start and die at their own pace; nothing that is recorded shows it."""

    def once(folder: Path) -> tuple[bytes, float, tuple[float, ...]]:
        folder.mkdir()
        cell = load_cell("bare-li-li", seed=9)

        async def work(lab: Lab) -> float:
            lab.bench.clip(A)
            await lab.run(spectrum("0.1"))
            process = lab.start(spectrum("0.1"))
            await asyncio.sleep(50.0)
            process.kill()
            await lab.gone(process)
            lab.bench.clip(None)
            return lab.loop.time()

        ended_s = in_lab(folder, work, cells(cell))
        return (folder / "e.bin").read_bytes(), ended_s, cell.snapshot()

    assert once(tmp_path / "one") == once(tmp_path / "two")


def test_a_switch_of_the_potentiostats_own_moves_the_leads(tmp_path: Path) -> None:
    """``mch`` chooses among the channels that the bench has wired to a CHI684; others are silently ignored (11)."""

    async def work(lab: Lab) -> None:
        lab.bench.leads.ports = {1: A, 2: B}
        block = "mch:{0}\ntech=ocpt\nst=1\nsi=1\nrun\ntsave:p{0}\n"
        await lab.run("".join(block.format(port) for port in (2, 1, 5)) + QUITS)
        assert lab.bench.leads.channel == A

    in_lab(tmp_path, work, {A: SourceCell(1.0), B: SourceCell(2.0)})
    assert [read_table(tmp_path / f"p{port}.txt").rows[0][1] for port in (1, 2, 5)] == [1.0, 2.0, 1.0]
