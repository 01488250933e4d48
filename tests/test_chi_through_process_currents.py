"""The CHI660E driver against the simulated program, where currents flow: signs, times and limits on both sides."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from drivers.chi660e.istep_segments import as_current_steps, samples_of
from drivers.errors import Incomplete
from drivers.interfaces import Trace
from protocols.current_sign import Direction
from protocols.program import ConstantCurrent, CyclingSegment, Limits, Loop, Record, Rest, Until, VoltageBand
from protocols.techniques import (
    CurrentStep,
    CurrentSteps,
    CyclicVoltammetry,
    HeldVoltage,
    LinearSweep,
    ReversedCurrent,
    VoltageSteps,
)
from tests.chi_simulated import WHOLE_OHM, Simulated

# Under a set voltage the internal dummy is measured: 1 kohm, and nothing that has to charge.
DUMMY_OHM = 1000.0
HELD = HeldVoltage(0.1, 2.0, 0.1, sensitivity_a_per_v=1e-4)


@pytest.mark.parametrize("polarity", [True, False])
def test_held_voltage_charges_when_positive(tmp_path: Path, polarity: bool) -> None:
    """Above the rest potential the current is positive here, whatever the program calls positive."""
    simulated = Simulated(
        tmp_path, f"cathodic_positive = {str(polarity).lower()}", dummy_cell=True, cathodic_current_positive=polarity
    )
    assert simulated.trace(HELD).current_a[-1] == pytest.approx(0.1 / DUMMY_OHM, rel=0.01)


def test_sweeps_go_up_and_down(tmp_path: Path) -> None:
    """The time of each row follows from the rate, and the current from the voltage."""
    found = Simulated(tmp_path, dummy_cell=True).trace(CyclicVoltammetry(0.0, 0.1, -0.1, 0.1, sensitivity_a_per_v=1e-4))
    assert found.time_s[-1] == pytest.approx(3.0, abs=0.02)
    assert max(found.voltage_v) == pytest.approx(0.1, abs=1e-3)
    assert found.voltage_v[-1] == pytest.approx(-0.099, abs=1e-4)
    assert found.current_a[-1] == pytest.approx(-0.099 / DUMMY_OHM, rel=0.02)


def test_single_sweep(tmp_path: Path) -> None:
    """From one voltage to another."""
    found = Simulated(tmp_path, dummy_cell=True).trace(LinearSweep(0.0, 0.1, 0.1, sensitivity_a_per_v=1e-4))
    assert found.current_a[-1] == pytest.approx(0.1 / DUMMY_OHM, rel=0.02)


def test_steps_of_voltage(tmp_path: Path) -> None:
    """Down first, then up: the current follows."""
    found = Simulated(tmp_path, dummy_cell=True).trace(
        VoltageSteps(0.0, 0.1, -0.1, 1.0, 2, Direction.DISCHARGE, sensitivity_a_per_v=1e-4)
    )
    assert (found.voltage_v[50], found.voltage_v[150]) == (-0.1, 0.1)
    assert found.current_a[50] == pytest.approx(-0.1 / DUMMY_OHM, rel=0.02)
    assert found.current_a[150] == pytest.approx(0.1 / DUMMY_OHM, rel=0.02)


STEPS = CurrentSteps((CurrentStep(1e-3, 5.0), CurrentStep(0.0, 2.0), CurrentStep(-1e-3, 5.0)), 0.5, -0.5, cycles=2)


@pytest.mark.parametrize("anodic", [True, False])
def test_steps_of_current_and_their_sign(tmp_path: Path, anodic: bool) -> None:
    """A charging current raises the voltage, whatever sign the program gives it."""
    simulated = Simulated(tmp_path, f"istep_anodic_positive = {str(anodic).lower()}", istep_positive_is_charge=anodic)
    found = simulated.trace(STEPS)
    assert len(found.time_s) == 24
    assert found.voltage_v[3] == pytest.approx(1e-3 * WHOLE_OHM, rel=0.01)
    assert found.voltage_v[10] == pytest.approx(-1e-3 * WHOLE_OHM, rel=0.01)
    assert [found.current_a[n] for n in (3, 6, 10)] == [1e-3, 0.0, -1e-3]


@pytest.mark.parametrize("cathodic", [True, False])
def test_current_that_reverses(tmp_path: Path, cathodic: bool) -> None:
    """Discharge first, three seconds, then charge for five."""
    simulated = Simulated(tmp_path, f"cp_negative_first_cathodic = {str(cathodic).lower()}", cp_n_is_cathodic=cathodic)
    technique = ReversedCurrent(1e-3, 2e-3, 5.0, 3.0, 0.5, -0.5, first=Direction.DISCHARGE)
    found = simulated.trace(technique)
    assert list(found.current_a) == [-2e-3] * 3 + [1e-3] * 5
    assert found.voltage_v[1] == pytest.approx(-2e-3 * WHOLE_OHM, rel=0.01)
    assert found.voltage_v[-1] == pytest.approx(1e-3 * WHOLE_OHM, rel=0.01)


def test_limit_ends_steps_of_current_early(tmp_path: Path) -> None:
    """1 mA into 45 ohm beside 0.1 F passes 30 mV in the fifth second, and that is the whole result."""
    found = Simulated(tmp_path, "parallel_f = 0.1").trace(replace(STEPS, high_v=0.03, low_v=-0.03))
    assert len(found.time_s) in (4, 5)
    assert set(found.current_a) == {1e-3}


def test_current_beyond_its_range_is_no_result(tmp_path: Path) -> None:
    """The program clips it, and a clipped current looks like one."""
    with pytest.raises(Incomplete, match="larger sensitivity_a_per_v"):
        Simulated(tmp_path, dummy_cell=True).measure(replace(HELD, sensitivity_a_per_v=1e-6))


@pytest.mark.parametrize("switch_at_voltage", [True, False])
def test_reversal_at_a_limit_is_found_in_the_voltage(tmp_path: Path, switch_at_voltage: bool) -> None:
    """Long before its time each half-cycle meets its limit: the rebuilt current is what drove the voltage there."""
    technique = ReversedCurrent(
        1e-3, 1e-3, 60.0, 60.0, 0.03, -0.03, half_cycles=4, interval_s=0.1, switch_at_voltage=switch_at_voltage
    )
    found = Simulated(tmp_path, "parallel_f = 0.1").trace(technique)
    halves = [current for current, _ in groupby(found.current_a)]
    assert halves == [1e-3, -1e-3, 1e-3, -1e-3]
    rows = list(zip(found.voltage_v, found.current_a, strict=True))
    rising = [(now - before) * current > 0 for (before, last), (now, current) in pairwise(rows) if last == current]
    assert all(rising)


def test_li_li_cell_is_cycled_as_a_tester_would(tmp_path: Path) -> None:
    """A rest and two cycles of a half hour each way, at 0.2 mA/cm2: samples numbered as the program, voltage small."""
    limits = Limits(VoltageBand(-0.55, 0.55), VoltageBand(-0.6, 0.6), VoltageBand(-1, 1), 1e-3, 1e-3, 1e-3)
    current_a = 0.157e-3
    steps = (
        Rest(Until(time_s=60.0)),
        ConstantCurrent(current_a, Until(time_s=1800.0, voltage_v=0.5)),
        ConstantCurrent(-current_a, Until(time_s=1800.0, voltage_v=-0.5)),
        Loop(2, 2),
    )
    segment = CyclingSegment(steps, Record(every_s=30.0), limits)
    simulated = Simulated(tmp_path, 'cell = "coated-li-li"')
    jobs = as_current_steps(segment)
    traces = [
        result for n, job in enumerate(jobs) if isinstance(result := simulated.measure(job, f"j{n}").result, Trace)
    ]
    samples = samples_of(segment, jobs, traces)
    assert len(samples) == 60 + 4 * 1800
    assert [step for step, _ in groupby(sample.step for sample in samples)] == [1, 2, 3, 2, 3]
    assert samples[-1].capacity_ah == pytest.approx(current_a / 2)
    assert all(
        sample.voltage_v * sample.current_a > 0 for sample in samples if sample.step_time_s > 600 and sample.step > 1
    )
