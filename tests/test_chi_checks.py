"""What the CHI660E cannot measure, which frequencies it does, and how long it takes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.chi660e.expected_rows import deadline_s, duration_s, expected, frequencies
from drivers.chi660e.feasibility import problems
from protocols.current_sign import Direction
from protocols.techniques import (
    CurrentStep,
    CurrentSteps,
    CyclicVoltammetry,
    HeldVoltage,
    Impedance,
    LinearSweep,
    OpenCircuit,
    ReversedCurrent,
    Technique,
    VoltageSteps,
)
from tests.chi_simulated import settings

FIXED = 1e-3
STEPS = CurrentSteps((CurrentStep(5e-4, 3600.0), CurrentStep(-5e-4, 3600.0)), 0.5, -0.5, cycles=10)
REVERSED = ReversedCurrent(5e-4, 5e-4, 3600.0, 1800.0, 0.5, -0.5, half_cycles=3)
SWEEPS = CyclicVoltammetry(0.0, 0.5, -0.5, 0.1, sensitivity_a_per_v=FIXED)
LINE = LinearSweep(0.0, 1.0, 0.001)
PULSES = VoltageSteps(0.0, 0.1, -0.1, 1.0, sensitivity_a_per_v=FIXED)
HELD = HeldVoltage(0.1, 10.0, sensitivity_a_per_v=FIXED)
NAN = float("nan")


@pytest.mark.parametrize("technique", [STEPS, REVERSED, SWEEPS, LINE, PULSES, HELD, Impedance(), OpenCircuit(60.0)])
def test_sound_technique_has_no_problems(technique: Technique) -> None:
    """What the instrument can do is let through."""
    assert problems(technique, settings()) == []


@pytest.mark.parametrize(
    ("technique", "word"),
    [
        (Impedance(high_hz=2e6), "fh"),
        (Impedance(low_hz=1e-6), "fl"),
        (Impedance(amplitude_v=0.8), "amp"),
        (Impedance(amplitude_v=NAN), "amp"),
        (Impedance(bias_v=11.0), "ei"),
        (Impedance(quiet_s=-1.0), "qt"),
        (Impedance(high_hz=10.0, low_hz=10.0), "not below"),
        (Impedance(high_hz=9.5, low_hz=9.0), "no frequency"),
        (OpenCircuit(0.5), "st"),
        (OpenCircuit(10.0, 20.0), "no row"),
        (OpenCircuit(10.0, low_v=5.0), "not below"),
        (OpenCircuit(500_000.0, 1.0), "data length"),
        (replace(SWEEPS, high_v=7.0, low_v=-7.0), "13.1"),
        (replace(SWEEPS, high_v=0.005, low_v=0.0), "0.01"),
        (replace(SWEEPS, initial_v=0.6), "outside the sweep"),
        (replace(SWEEPS, interval_v=0.0001), "si"),
        (replace(SWEEPS, sensitivity_a_per_v=None), "sensitivity_a_per_v"),
        (replace(SWEEPS, sensitivity_a_per_v=2e-3), "powers of ten"),
        (replace(SWEEPS, sweeps=0), "cl"),
        (replace(LINE, final_v=14.0), "ef"),
        (replace(LINE, final_v=-10.0, initial_v=10.0), "13.1"),
        (replace(PULSES, interval_s=0.02), "0.01"),
        (replace(PULSES, interval_s=1e-5), "65536"),
        (replace(HELD, sensitivity_a_per_v=None), "finds no current range"),
        (replace(HELD, interval_s=1e-5), "65536"),
        (replace(REVERSED, half_cycles=401), "400"),
        (replace(REVERSED, charge_a=0.3), "ia"),
        (replace(REVERSED, charge_a=1e-9), "3e-09"),
        (replace(REVERSED, discharge_s=200_000.0), "tc"),
        (replace(STEPS, interval_s=2.0), "si"),
        (replace(STEPS, cycles=100), "data length"),
        (replace(STEPS, steps=STEPS.steps * 7), "14 steps"),
        (replace(STEPS, steps=()), "0 steps"),
        (replace(STEPS, steps=(CurrentStep(0.3, 60.0),)), "step 1"),
        (replace(STEPS, steps=(CurrentStep(1e-3, 0.5),)), "lasts 0.5 s"),
        (replace(STEPS, high_v=-1.0), "not below"),
    ],
)
def test_problem_is_told_in_a_sentence(technique: Technique, word: str) -> None:
    """What the program or the hardware would refuse, cut or ignore is refused before anything is started."""
    assert any(word in problem for problem in problems(technique, settings()))


def test_old_program_has_its_own_ranges() -> None:
    """The older help ends at 100 kHz and at 0.1 mHz."""
    assert problems(Impedance(1e6), settings(version="old"))
    assert problems(Impedance(1e5, 2e-5), settings(version="old"))
    assert not problems(Impedance(1e5, 0.01), settings(version="old"))


def test_spectrum_above_what_was_found_to_be_measured_is_refused() -> None:
    """A program that measures no spectrum whole from more than 200 kHz gets none from 1 MHz, and one from 200 kHz."""
    found = settings(high_hz_max=2e5)
    assert "200000 Hz is the highest that this program measures" in problems(Impedance(1e6, 1.0), found)[0]
    assert problems(Impedance(2e5, 1.0), found) == []


def test_range_of_the_bench_stands_in_where_none_is_found() -> None:
    """A setting serves every measurement that fixes no range itself."""
    assert not problems(replace(HELD, sensitivity_a_per_v=None), settings(sensitivity_a_per_v=1e-4))


@pytest.mark.parametrize(
    ("high_hz", "low_hz", "single", "count", "top_hz"),
    [
        (1e5, 0.1, True, 73, 99609.375),
        (1e5, 0.01, True, 85, 99609.375),
        (1e6, 0.1, True, 84, 825195.3125),
        (1e6, 0.01, True, 96, 825195.3125),
        (1e5, 1.0, False, 60, 96679.6875),
        (1e6, 0.1, False, 84, 825195.3125),
    ],
)
def test_spectrum_has_the_frequencies_of_real_files(
    high_hz: float, low_hz: float, single: bool, count: int, top_hz: float
) -> None:
    """Counts and top frequencies of real CHI660E files (reference 8.1 and 8.2)."""
    found = frequencies(Impedance(high_hz, low_hz), settings(single_frequency=single))
    assert (len(found), found[0]) == (count, top_hz)
    assert found[-1] == pytest.approx(low_hz, rel=0.2)
    assert all(a > b for a, b in pairwise(found))


def test_frequencies_round_to_those_of_a_real_file() -> None:
    """Rows around the seams of the grid, as a CHI660E printed them."""
    printed = {f"{f:.3e}" for f in frequencies(Impedance(1e5, 0.1), settings())}
    assert {"1.001e+04", "8.252e+03", "1.001e+03", "8.252e+02", "9.766e+01", "8.254e+01", "1.212e+01"} <= printed


def test_other_spacing_is_even() -> None:
    """With another number a decade, set by hand in the program, points are spaced evenly."""
    found = frequencies(Impedance(1e5, 1.0), settings(frequencies_per_decade=6))
    assert len(found) == 31
    assert found[6] == pytest.approx(1e4)


@pytest.mark.parametrize(("low_hz", "seconds"), [(0.1, 57.0), (0.01, 570.0), (0.001, 5700.0)])
def test_spectrum_takes_its_periods(low_hz: float, seconds: float) -> None:
    """About 5.7 periods of the lowest frequency (reference 8.4); the deadline is three times as long, and a minute."""
    bare = settings(seconds_per_frequency=0)
    found = expected(Impedance(1e5, low_hz), bare).seconds
    assert found == pytest.approx(seconds, rel=0.02)
    assert deadline_s(Impedance(1e5, low_hz), bare) == pytest.approx(30 + 2 + 3 * found + 60)


def test_averaged_periods_count_in_their_decade() -> None:
    """Four periods from 0.1 to 1 Hz take four times as long there, and nowhere else."""
    once, four = (expected(Impedance(1e5, 0.1), settings(cycles=(1, n, 1, 1, 1))).seconds for n in (1, 4))
    assert four - once == pytest.approx(3 * sum(10 ** (k / 12) for k in range(1, 13)), rel=0.01)


@pytest.mark.parametrize(
    ("technique", "seconds", "rows"),
    [
        (STEPS, 72_000.0, 72_000),
        (REVERSED, 9000.0, 9000),
        (replace(REVERSED, first=Direction.DISCHARGE), 7200.0, 7200),
        (SWEEPS, 15.0, 1500),
        (LINE, 1000.0, 1000),
        (PULSES, 2.0, 200),
        (HELD, 10.0, 100),
        (OpenCircuit(600.0, 0.1), 600.0, 6000),
    ],
)
def test_duration_is_what_was_ordered(technique: Technique, seconds: float, rows: int) -> None:
    """Run time and rows follow from the order; the start of the program and the quiet time are added."""
    found = expected(technique, settings())
    assert found.seconds == pytest.approx(seconds)
    assert found.rows == rows
    assert duration_s(technique, settings()) == pytest.approx(10 + found.quiet_s + seconds)


@pytest.mark.parametrize(
    "changes",
    [
        {"program": Path("chi660e.exe")},
        {"jobs_as_program_sees_it": "C:/chi jobs"},
        {"jobs_as_program_sees_it": "C:/chi.jobs"},
        {"jobs": Path("jobs")},
        {"cycles": (0, 1, 1, 1, 1)},
        {"unheard": 1},
        {"poll_period_s": NAN},
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    """A bench file's mistakes show before anything is started."""
    with pytest.raises(ValidationError):
        settings(**changes)
