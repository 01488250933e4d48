"""What a CHI660E's file becomes: signs, rebuilt currents and times, and files that are not what was ordered."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.chi660e import expected_rows, order_check, results, textfile, time_digits
from drivers.errors import Incomplete, WrongFile
from drivers.interfaces import Spectrum, Trace
from protocols.current_sign import Direction
from protocols.techniques import (
    CurrentStep,
    CurrentSteps,
    HeldVoltage,
    Impedance,
    OpenCircuit,
    ReversedCurrent,
    Technique,
    VoltageSteps,
)
from tests.chi_simulated import settings
from tests.chi_texts import Layout, Text

OCV = OpenCircuit(10.0, 1.0)
OCV_TEXT = Text("ocpt", [(n, 3.2 + n / 1000) for n in range(1, 11)], ["Run Time (sec) = 10", "High E Limit (V) = 5"])
EIS = Impedance(1e5, 0.1)


def eis_text(technique: Impedance = EIS, **changes: Any) -> Text:  # noqa: ANN401 -- any field
    """Give the file of a whole spectrum of 100 ohm and 1 mF in series."""
    rows = []
    for f in expected_rows.frequencies(technique, settings()):
        z = 100 + 1 / (2j * math.pi * f * 1e-3)
        rows.append((f, z.real, z.imag, abs(z), math.degrees(math.atan2(z.imag, z.real))))
    parameters = [
        "Init E (V) = 3.301",
        f"High Frequency (Hz) = {technique.high_hz:g}",
        f"Low Frequency (Hz) = {technique.low_hz:g}",
        "Imp SF",
        "Amplitude (V) = 0.01",
        "Quiet Time (sec) = 2",
    ]
    return replace(Text("imp", rows, parameters), **changes)


def judge(text: Text | bytes, technique: Technique, **changes: Any) -> Spectrum | Trace:  # noqa: ANN401 -- any setting
    """Judge a file as a measurement does."""
    file = textfile.read(text if isinstance(text, bytes) else text.bytes())
    made = settings(**changes)
    order_check.must_echo(file, technique, "j1", made)
    return results.result(technique, file, made)


def trace(text: Text, technique: Technique, **changes: Any) -> Trace:  # noqa: ANN401 -- any setting
    """Judge a file whose result is a trace."""
    found = judge(text, technique, **changes)
    assert isinstance(found, Trace)
    return found


def test_spectrum_keeps_its_order_and_its_sign() -> None:
    """A capacitor's imaginary part is negative, and the voltage is the one that the program found."""
    spectrum = judge(eis_text(), EIS)
    assert isinstance(spectrum, Spectrum)
    assert len(spectrum.frequency_hz) == 73
    assert spectrum.impedance_ohm[-1].imag == pytest.approx(-1591.5, rel=1e-3)
    assert spectrum.bias_v == 3.301


@pytest.mark.parametrize("text", [OCV_TEXT, eis_text(replace(EIS, low_hz=1e4))])
@pytest.mark.parametrize("separator", [", ", "\t", "\n"])
def test_file_cut_at_any_byte_is_no_result(text: Text, separator: str) -> None:
    """However a file is cut, it is incomplete or another file; only with all of its rows it is a result."""
    technique: Technique = OCV if text is OCV_TEXT else replace(EIS, low_hz=1e4)
    data = text.laid_out(Layout(separator=separator)).bytes()
    whole = judge(data, technique)
    rows = data.rstrip()
    assert all(judge(data[:end], technique) == whole for end in range(len(rows), len(data)))
    for end in range(len(rows)):
        with pytest.raises((Incomplete, WrongFile)):
            judge(data[:end], technique)


@pytest.mark.parametrize(
    ("text", "technique", "reason"),
    [
        (replace(OCV_TEXT, job="j2"), OCV, "header"),
        (replace(OCV_TEXT, job="j1 ch3"), OCV, "header"),
        (replace(OCV_TEXT, title="Chronopotentiometry"), OCV, "ordered"),
        (replace(OCV_TEXT, title="Open Sesame"), OCV, "ordered"),
        (replace(OCV_TEXT, source="Int Dummy"), OCV, "dummy"),
        (replace(OCV_TEXT, model="CHI760E"), OCV, "CHI760E"),
        (replace(OCV_TEXT, parameters=["Run Time (sec) = 11"]), OCV, "Run Time"),
        (replace(OCV_TEXT, parameters=["Bogus (s) = 1"]), OCV, "none of the parameters"),
        (replace(OCV_TEXT, heads=("Time/sec", "Current/A")), OCV, "no potential"),
        (replace(OCV_TEXT, layout=Layout(memo=False)), OCV, "require_header"),
        (replace(OCV_TEXT, layout=Layout(parameters=False)), OCV, "require_parameters"),
        (replace(OCV_TEXT, rows=[*OCV_TEXT.rows, (9.0, 3.2)]), OCV, "fall"),
        (replace(OCV_TEXT, rows=[(n, 3.2) for n in range(1, 20)]), OCV, "after"),
        (eis_text(), Impedance(1e6, 0.1), "High Frequency"),
        (eis_text(replace(EIS, low_hz=1.0)), EIS, "Low Frequency"),
        (eis_text(rows=eis_text().rows[::-1]), EIS, "do not fall"),
        (eis_text(Impedance(1e5, 0.1), rows=eis_text(Impedance(1e6, 0.1)).rows), EIS, "above"),
        (eis_text(Impedance(1e6, 0.1), rows=eis_text().rows), Impedance(1e6, 0.1), "the program cut it"),
    ],
)
def test_file_of_something_else_is_refused(text: Text, technique: Technique, reason: str) -> None:
    """Another job, technique, source, setting or a top frequency cut off is a wrong file, and the error says which."""
    with pytest.raises(WrongFile, match=reason):
        judge(text, technique)


def test_bare_table_counts_where_the_bench_says_so() -> None:
    """With both demands switched off a file without any block is judged by its columns and rows alone."""
    bare = OCV_TEXT.laid_out(Layout(memo=False, parameters=False))
    assert trace(bare, OCV, require_header=False, require_parameters=False).time_s[-1] == 10.0


def test_localised_technique_counts_with_its_header() -> None:
    """The Chinese name that was seen is known, and one that was not is let pass beside the right header."""
    for title in ("开路电位-时间", "开路"):
        text = replace(OCV_TEXT, title=title, layout=Layout(encoding="gbk"))
        assert len(trace(text, OCV).time_s) == 10
    with pytest.raises(WrongFile):
        judge(eis_text(title="开路电位-时间", layout=Layout(encoding="gbk")), EIS)


def test_spectrum_without_its_middle_is_incomplete() -> None:
    """A row missing anywhere below the first is missed; where the first one lies differs between programs."""
    rows = eis_text().rows
    for n in range(1, len(rows)):
        with pytest.raises((Incomplete, WrongFile)):
            judge(eis_text(rows=[*rows[:n], *rows[n + 1 :]]), EIS)


@pytest.mark.parametrize(("polarity", "sign"), [(True, -1), (False, 1)])
def test_current_charges_when_positive(polarity: bool, sign: int) -> None:
    """A file with cathodic currents positive is turned round; the voltage is the one that was set."""
    technique = HeldVoltage(0.1, 1.0, sensitivity_a_per_v=1e-4)
    text = Text("i-t", [(n / 10, -1e-4) for n in range(1, 11)], ["Init E (V) = 0.1", "Run Time (sec) = 1"])
    found = trace(text, technique, cathodic_current_positive=polarity)
    assert set(found.current_a) == {sign * -1e-4}
    assert set(found.voltage_v) == {0.1}
    assert not found.rebuilt_current


@pytest.mark.parametrize("reading", [1.0e-3, -9.999e-4, 5.0])
def test_reading_at_the_end_of_its_range_is_no_result(reading: float) -> None:
    """Clipped currents look like currents, so a file with one is refused."""
    technique = HeldVoltage(0.1, 1.0, sensitivity_a_per_v=1e-4)
    rows = [(n / 10, reading if n == 5 else -1e-4) for n in range(1, 11)]
    with pytest.raises(Incomplete, match="larger sensitivity_a_per_v"):
        judge(Text("i-t", rows, ["Init E (V) = 0.1"]), technique)


def test_steps_of_voltage_alternate_from_the_first() -> None:
    """The set voltage of each row follows the program."""
    technique = VoltageSteps(0.0, 0.1, -0.1, 1.0, 3, Direction.DISCHARGE, sensitivity_a_per_v=1e-3)
    text = Text("ca", [(n / 100, 1e-6) for n in range(1, 301)], ["Init E (V) = 0"])
    found = trace(text, technique)
    assert [found.voltage_v[n] for n in (0, 99, 100, 199, 200, 299)] == [-0.1, -0.1, 0.1, 0.1, -0.1, -0.1]


STEPS = CurrentSteps((CurrentStep(1e-3, 5.0), CurrentStep(0.0, 2.0), CurrentStep(-1e-3, 5.0)), 0.5, -0.5, cycles=2)
ISTEP = ["High E Limit (V) = 0.5", "i1 (A) = 1e-3", "T1 (s) = 5", "Cycle = 2"]


def test_current_of_steps_is_rebuilt_from_times() -> None:
    """Each row gets its step's current; a row at the very end of a step belongs to it."""
    found = trace(Text("istep", [(n, 0.02) for n in range(1, 25)], ISTEP), STEPS)
    once = [1e-3] * 5 + [0.0] * 2 + [-1e-3] * 5
    assert list(found.current_a) == once * 2
    assert found.rebuilt_current


def test_steps_that_end_at_a_limit_are_whole_and_others_are_not() -> None:
    """A limit ends the measurement, so a short trace counts only when it ends there."""
    near = Text("istep", [(1, 0.3), (2, 0.4), (3, 0.497)], ISTEP)
    assert trace(near, STEPS).current_a == (1e-3,) * 3
    with pytest.raises(Incomplete, match="within the limits"):
        judge(replace(near, rows=[(1, 0.1), (2, 0.1), (3, 0.1)]), STEPS)


HALVES = ReversedCurrent(1e-3, 2e-3, 5.0, 3.0, 0.5, -0.5, half_cycles=3)
CP = ["Cathodic Current (A) = 2e-3", "Anodic Current (A) = 1e-3", "Segment = 3"]


def test_current_that_reverses_by_time_is_rebuilt() -> None:
    """Charge for five seconds, discharge for three, charge for five."""
    found = trace(Text("cp", [(n, 0.0) for n in range(1, 14)], CP), HALVES)
    assert list(found.current_a) == [1e-3] * 5 + [-2e-3] * 3 + [1e-3] * 5
    with pytest.raises(Incomplete, match="half-cycle 3"):
        judge(Text("cp", [(n, 0.0) for n in range(1, 13)], CP), HALVES)


def test_current_that_reverses_at_a_limit_is_found_in_the_voltage() -> None:
    """The row at the limit is the last of its half; the next one turns back."""
    volts = [0.1, 0.3, 0.499, 0.2, 0.0, -0.2, 0.1, 0.2, 0.3, 0.4, 0.45]
    found = trace(Text("cp", list(enumerate(volts, 1)), CP), HALVES)
    assert list(found.current_a) == [1e-3] * 3 + [-2e-3] * 3 + [1e-3] * 5


def test_times_of_four_figures_get_their_seconds_back() -> None:
    """Ten hours at a row a second: the file knows tens of seconds, the grid knows seconds."""
    technique = OpenCircuit(36_000.0, 1.0)
    text = Text("ocpt", [(n, 3.2) for n in range(1, 36_001)], ["Run Time (sec) = 36000"])
    assert trace(text, technique).time_s == tuple(map(float, range(1, 36_001)))
    with pytest.raises(Incomplete):
        judge(replace(text, rows=text.rows[:-1]), technique)


@given(st.integers(2, 400), st.sampled_from([0.01, 0.1, 1.0, 5.0]), st.sampled_from([1, 2, 8]), st.integers(0, 1))
def test_times_rise_and_stay_near_what_was_printed(count: int, interval_s: float, times: int, first: int) -> None:
    """Whatever the doubling of the interval and wherever the first row lies, times come back to the last digit."""
    meant = [(n + first) * interval_s * times for n in range(count)]
    found = time_digits.rebuilt([float(f"{t:.3e}") for t in meant], interval_s)
    assert found == pytest.approx(meant)


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=50))
def test_any_times_that_do_not_fall_become_rising_ones(printed: list[float]) -> None:
    """Also off any grid no two rows share a time."""
    found = time_digits.rebuilt(sorted(float(f"{t:.3e}") for t in printed), 0.1)
    assert all(a < b for a, b in pairwise(found))
