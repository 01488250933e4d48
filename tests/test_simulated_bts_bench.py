"""The simulated rack as a whole: memory, live values, hands at the holders, descriptions, serving in scaled time."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from simulators.bench import SimulatedBench, cell_seed, read_cells
from simulators.neware.schedule import Schedule
from simulators.neware.settings import Noise, Quirks, Trouble
from simulators.neware.step_machine import Status
from simulators.neware.stepfile import read_schedule
from simulators.neware.tester import Unit
from simulators.tcp_serving import serve_ct4008
from tests.transcripts import FOLDER
from tests.transcripts.cells import RelaxingCell, SourceCell

A, B = "21-1-1", "21-1-2"


class Rack:
    """A bench of two channels with its clock in hand."""

    def __init__(self, quirks: Quirks | None = None) -> None:
        self.now_s = 0.0
        self.bench = SimulatedBench(
            lambda: self.now_s, 0.0, [Unit(channels=2)], {A: SourceCell(), B: RelaxingCell()}, quirks=quirks
        )
        self.tester = self.bench.tester

    def plan(self) -> Schedule:
        """Give the transcripts' sample schedule."""
        return read_schedule((FOLDER / "sample.xml").read_bytes(), self.tester.units[0].ratings)


def test_memory_of_a_test_can_be_read_row_for_row() -> None:
    """30 rows, gap-free from 1; tests count up on one middle machine."""
    rack = Rack()
    assert rack.tester.start(A, rack.plan(), "one") == 1
    assert rack.tester.start(B, rack.plan(), "two") == 2
    assert rack.tester.start(A, rack.plan(), "three") is None
    rack.now_s = 20_000.0
    assert [row.seq for row in rack.tester.records(A)] == list(range(1, 31))
    assert rack.tester.start(A, rack.plan(), "three") == 3
    assert len(rack.tester.records(A, 1)) == 30
    assert len(rack.tester.records(A)) == 1


def test_a_ring_forgets_the_oldest_rows() -> None:
    """What a small buffer has lost is not answered, and the count goes on (fault B05)."""
    rack = Rack(Quirks(ring_rows=10))
    rack.tester.start(A, rack.plan(), "one")
    rack.now_s = 20_000.0
    assert [row.seq for row in rack.tester.records(A)] == list(range(21, 31))


def test_live_values_are_up_to_five_seconds_old_and_looking_changes_no_row() -> None:
    """Within one period of 5 s the same values are shown, after it new ones (4.3)."""
    rack, other = Rack(), Rack()
    for each in (rack, other):
        each.tester.start(B, each.plan(), "one")
    seen = []
    for tenth in range(0, 9000, 7):
        rack.now_s = tenth / 10
        seen.append((tenth // 50, rack.tester.channel(B).live(rack.tester.now_tick(), 5.0)))
    for before, after in itertools.pairwise(seen):
        assert (before[1] == after[1]) == (before[0] == after[0])
    rack.now_s = other.now_s = 20_000.0
    assert rack.tester.records(B) == other.tester.records(B)


def test_hands_act_on_the_cell_in_the_holder() -> None:
    """Pulled out, put back, shorted: the tester measures what is there."""
    rack = Rack(Quirks(noise=Noise(scale=0.0)))
    tester = rack.tester

    def volts() -> float:
        rack.now_s += 10.0
        return tester.channel(A).live(tester.now_tick(), 5.0).voltage_v

    assert volts() == pytest.approx(3.2)
    tester.pull_out_cell(A)
    assert volts() == pytest.approx(0.0)
    tester.put_back_cell(A)
    assert volts() == pytest.approx(3.2)
    tester.short_cell(A, 50.0)
    assert volts() == pytest.approx(1.6)
    tester.swap_cell(A, SourceCell(2.0))
    assert volts() == pytest.approx(2.0)


@pytest.mark.parametrize(("keep", "status"), [(True, Status.PAUSE), (False, Status.STOP)])
def test_reboot_pauses_or_loses_what_was_running(keep: bool, status: Status) -> None:
    """Both variants of fault B01; nothing restarts by itself."""
    rack = Rack()
    rack.tester.start(A, rack.plan(), "one")
    rack.now_s = 1000.0
    rack.tester.reboot(keep_program=keep)
    rack.now_s = 5000.0
    assert rack.tester.channel(A).machine.status is status
    assert rack.tester.resume(A) is keep
    rack.now_s = 20_000.0
    assert rack.tester.channel(A).machine.status is (Status.FINISH if keep else Status.STOP)


@pytest.mark.parametrize(
    ("stop", "answer", "busy"), [("obey", True, False), ("refuse", False, True), ("ignore", True, True)]
)
def test_a_stop_may_be_refused_or_ignored(stop: str, answer: bool, busy: bool) -> None:
    """Fault B07: the answer and what happens are two things."""
    rack = Rack()
    rack.tester.make_trouble(A, Trouble(stop=stop))
    rack.tester.start(A, rack.plan(), "one")
    assert rack.tester.stop(A) is answer
    assert rack.tester.channel(A).busy is busy


def test_protection_raises_a_flag_once() -> None:
    """The buzzer's flag is pending after a protection, and a test starts from there (5.3)."""
    rack = Rack()
    rack.tester.start(A, rack.plan(), "one")
    rack.tester.swap_cell(A, SourceCell(4.5))
    rack.now_s = 100.0
    channel = rack.tester.channel(A)
    assert channel.machine.status is Status.PROTECT
    assert channel.flagged
    assert rack.tester.start(A, rack.plan(), "two") == 2


def test_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    """Everything random derives from the seed."""

    def rows(seed: int) -> list[object]:
        now = [0.0]
        bench = SimulatedBench(lambda: now[0], 0.0, 1, seed=seed, negative_voltage=True)
        plan = read_schedule(
            (FOLDER / "sample.xml").read_bytes().replace(b'"20000"', b'"-9999"'), bench.tester.units[0].ratings
        )
        bench.tester.start(A, plan, "one")
        now[0] = 2000.0
        return list(bench.tester.records(A))

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


def test_cells_file_says_what_sits_where(tmp_path: Path) -> None:
    """A name, or a table with seed, temperature and overrides."""
    path = tmp_path / "cells.toml"
    path.write_text('"21-1-1" = "bare-li-li"\n["21-1-2"]\nmodel = "coated-li-li"\nseed = 4\ntemperature_degc = 40.0\n')
    cells = read_cells(path, seed=1)
    assert set(cells) == {A, B}
    assert cells[B].temperature_degc == 40.0


@pytest.mark.parametrize(
    "text",
    ["not toml", '"21-1-1" = 5', '"21-1-1" = "no-such-cell"', '["21-1-1"]\nmodel = "bare-li-li"\ncolour = "red"'],
)
def test_bad_cells_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    """The error names the file or the channel."""
    path = tmp_path / "cells.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"cells\.toml|21-1-1"):
        read_cells(path, seed=1)


def test_unknown_channel_is_refused() -> None:
    """A cell cannot sit where no channel is."""
    with pytest.raises(ValueError, match="no such channel: 99-1-1"):
        SimulatedBench(lambda: 0.0, 0.0, [Unit(channels=1)], {A: SourceCell(), "99-1-1": SourceCell()})


def test_units_differ_in_what_they_can_do() -> None:
    """Negative voltage and ranges are given for all units or by address."""
    bench = SimulatedBench(lambda: 0.0, 0.0, 2, seed=1, negative_voltage={(21, 2)}, ranges_a={(21, 1): (0.1, 6.0)})
    first, second = (unit.ratings for unit in bench.tester.units)
    assert (first.negative_voltage, second.negative_voltage) == (False, True)
    assert first.ranges_a == (0.1, 6.0)
    assert cell_seed(1, "21-1-1") != cell_seed(1, "21-2-1")


def test_serving_ends_cleanly_when_cancelled() -> None:
    """Connections are closed, the port is free again."""

    async def run() -> None:
        announced: asyncio.Queue[str] = asyncio.Queue()
        task = asyncio.create_task(serve_ct4008("127.0.0.1", 0, 1, 1000.0, 1, False, None, announced.put_nowait))
        host, _, port = (await announced.get()).rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await reader.read() == b""
        writer.close()

    asyncio.run(run())
