"""Files as real CHI programs write them: sweeps from Init E on, blocks switched off, no line end after the last row."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from drivers.chi660e import expected_rows, results, textfile
from drivers.errors import Incomplete, WrongFile
from drivers.interfaces import Spectrum, Trace
from protocols.current_sign import Direction
from protocols.techniques import (
    CyclicVoltammetry,
    Impedance,
    LinearSweep,
    OpenCircuit,
    ReversedCurrent,
    Technique,
    VoltageSteps,
)
from tests.chi_simulated import settings

FIXED = 1e-6


def file(technique: Technique, heads: str, rows: list[str], blocks: str = "", end: str = "\n") -> Spectrum | Trace:
    """Judge a file of these rows."""
    data = "\n".join([*([blocks] if blocks else []), heads, "", *rows]) + end
    return results.result(technique, textfile.read(data.encode()), settings())


def swept(*corners_v: float, interval_v: float = 0.001, every: int = 1) -> list[str]:
    """Give the rows of a sweep over corners as real files have them: the last corner is never reached."""
    rows = []
    for begin_v, end_v in pairwise(corners_v):
        count = math.ceil(abs(end_v - begin_v) / interval_v - 1e-9)
        step_v = math.copysign(interval_v, end_v - begin_v)
        rows += [f"{begin_v + k * step_v:.3f}, {1e-9 * (k + 1):.3e}".replace("e-0", "e-") for k in range(count)]
    return rows[::every]


SWEEPS = "Potential/V, Current/A"
RESULTS = "Results:\n\nChannel 1:\nSegment 1:\n\nSegment 2:\n"
UP_AND_DOWN = CyclicVoltammetry(-0.2, 0.2, -0.2, 0.05, sweeps=2, sensitivity_a_per_v=FIXED)


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_cyclic_sweep_without_memo_and_parameters_begins_at_init_and_ends_before_the_end(end: str) -> None:
    """800 rows of 1 mV over 0.8 V: the first at -0.2 V and 0 s, the turn once, the last one interval before -0.2 V."""
    rows = swept(-0.2, 0.2, -0.2)
    found = file(UP_AND_DOWN, SWEEPS, rows, RESULTS, end)
    assert isinstance(found, Trace)
    assert (len(found.time_s), found.voltage_v[0], found.voltage_v[400], found.voltage_v[-1]) == (
        800,
        -0.2,
        0.2,
        -0.199,
    )
    assert found.time_s[:2] == pytest.approx((0.0, 0.02))
    assert found.time_s[-1] == pytest.approx(799 * 0.02)


@pytest.mark.parametrize(
    ("technique", "corners_v"),
    [
        (CyclicVoltammetry(0.0, 0.05, 0.0, 0.01, sweeps=2, sensitivity_a_per_v=FIXED), (0.0, 0.05, 0.0)),
        (CyclicVoltammetry(0.1, 0.3, -0.2, 0.05, sweeps=3, sensitivity_a_per_v=FIXED), (0.1, 0.3, -0.2, 0.3)),
        (
            CyclicVoltammetry(3.0, 4.2, 2.5, 1e-4, sweeps=2, first=Direction.DISCHARGE, sensitivity_a_per_v=FIXED),
            (3.0, 2.5, 4.2),
        ),
        (LinearSweep(-0.2, 0.2, 0.05, sensitivity_a_per_v=FIXED), (-0.2, 0.2)),
        (LinearSweep(4.2, 2.5, 1e-3, interval_v=0.003, sensitivity_a_per_v=FIXED), (4.2, 2.5)),
        (LinearSweep(0.0, 0.1, 0.01, interval_v=0.007, sensitivity_a_per_v=FIXED), (0.0, 0.1)),
    ],
)
@pytest.mark.parametrize("every", [1, 5])
def test_every_sweep_is_whole_with_all_its_rows_and_incomplete_without_the_last(
    technique: CyclicVoltammetry | LinearSweep, corners_v: tuple[float, ...], every: int
) -> None:
    """From, over and to any voltage, by any interval, also where the program writes every fifth row only."""
    rows = swept(*corners_v, interval_v=technique.interval_v, every=every)
    found = file(technique, SWEEPS, rows)
    assert isinstance(found, Trace)
    whole_s = expected_rows.expected(technique, settings()).seconds
    row_s = every * technique.interval_v / technique.scan_rate_v_per_s
    assert found.time_s[-1] == pytest.approx(whole_s, abs=2.01 * row_s)
    for end in ("\n", ""):
        with pytest.raises(Incomplete, match="the sweep ends at"):
            file(technique, SWEEPS, rows[:-1], end=end)


def test_sweep_from_one_interval_behind_init_to_the_end_is_read_as_well() -> None:
    """The layout of older notes: up to 0.2 V, down to -0.2 V at 0.1 V/s, the last row at the final voltage."""
    technique = CyclicVoltammetry(0.0, 0.2, -0.2, 0.1, interval_v=0.01, sensitivity_a_per_v=FIXED)
    path = [n / 100 for n in range(1, 21)] + [0.2 - n / 100 for n in range(1, 41)]
    rows = [f"{v:.3f}, 1.000e-9" for v in path]
    found = file(technique, SWEEPS, rows)
    assert isinstance(found, Trace)
    assert (found.time_s[0], found.time_s[19], found.time_s[-1]) == pytest.approx((0.1, 2.0, 6.0))
    assert found.current_a[0] == -1e-9
    with pytest.raises(Incomplete, match="the sweep ends at"):
        file(technique, SWEEPS, rows[:-1])


def test_sweep_with_a_hole_or_another_begin_is_incomplete() -> None:
    """Rows that are missing in the middle, or before the first one, are named by their voltages."""
    rows = swept(-0.2, 0.2, -0.2)
    with pytest.raises(Incomplete, match=r"no row between -0\.1 and -0\.09"):
        file(UP_AND_DOWN, SWEEPS, [*rows[:101], *rows[110:]])
    with pytest.raises(Incomplete, match=r"no row between -0\.101 and -0\.099"):
        file(UP_AND_DOWN, SWEEPS, [*rows[:100], *rows[101:]])
    with pytest.raises(WrongFile, match=r"-0\.1 V twice"):
        file(UP_AND_DOWN, SWEEPS, [*rows[:101], *rows[100:]])
    with pytest.raises(Incomplete, match=r"the sweep begins at -0\.19 V"):
        file(UP_AND_DOWN, SWEEPS, rows[10:])


def test_times_of_a_sweep_finer_than_its_printed_voltages_are_those_of_its_rows() -> None:
    """At 0.1 mV ten rows bear the same three decimals; each is one interval later than the one before."""
    technique = replace(UP_AND_DOWN, interval_v=0.0001)
    found = file(technique, SWEEPS, swept(-0.2, 0.2, -0.2, interval_v=0.0001))
    assert isinstance(found, Trace)
    assert found.time_s[-1] == pytest.approx(7999 * 0.002)


def test_other_techniques_without_the_last_line_end_are_whole_with_the_rows_they_demand() -> None:
    """Steps of voltage, open circuit and a spectrum; where a voltage may end a step, the line end decides."""
    steps = VoltageSteps(0.0, 0.1, 0.0, 1.0, 2, interval_s=0.001, sensitivity_a_per_v=FIXED)
    rows = [f"{n / 1000:.3e}, -1.206e-9".replace("e-0", "e-").replace("e+0", "e+") for n in range(1, 2001)]
    found = file(steps, "Time/sec, Current/A", rows, end="")
    assert isinstance(found, Trace)
    assert len(found.time_s) == 2000
    ocv = [f"{n / 100:.3e}, 1.254e-1".replace("e-0", "e-").replace("e+0", "e+") for n in range(1, 201)]
    found = file(OpenCircuit(2.0, 0.01), "Time/sec, Potential/V", ocv, end="")
    assert isinstance(found, Trace)
    assert len(found.time_s) == 200
    with pytest.raises(Incomplete, match="the rows end at"):
        file(OpenCircuit(2.0, 0.01), "Time/sec, Potential/V", ocv[:-1], end="")
    spectrum = Impedance(1e4, 1.0)
    points = [f"{f:.3e}, 1.000e+2, -1.000e+1, 1.005e+2, -5.7" for f in expected_rows.frequencies(spectrum, settings())]
    judged = file(spectrum, "Freq/Hz, Z'/ohm, Z\"/ohm, Z/ohm, Phase/deg", points, end="")
    assert isinstance(judged, Spectrum)
    reversed_ = ReversedCurrent(1e-4, 1e-4, 60.0, 60.0, 0.5, -0.5, half_cycles=2, switch_at_voltage=True)
    times = [f"{n:.3e}, 1.000e-1".replace("e+0", "e+") for n in range(1, 61)]
    with pytest.raises(Incomplete, match="without a line end"):
        file(reversed_, "Time/sec, Potential/V", times, end="")
