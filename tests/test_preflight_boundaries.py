"""The very edges of what may be started: the last voltage of a window, and the first that is another cell's."""

from dataclasses import replace
from math import nextafter

import pytest

from orchestrator.checks import refusals
from orchestrator.judging.preflight import channel_checks
from protocols.loading import load_cell, load_recipe
from protocols.program import Program, VoltageBand
from protocols.resolve import resolve
from tests.shown_channels import LI_LI, other_cell, seen

LFP = resolve(load_recipe("lfp-200mA-g"), load_cell("coated-lfp"))


def windowed(program: Program, window: VoltageBand | None) -> Program:
    """Give a program that starts at these voltages only."""
    (segment,) = program.cycling
    guards = replace(segment.guards, open_circuit=window)
    return replace(program, segments=(replace(segment, guards=guards),))


# Limits of the host are -0.1 to 4.3 V.
OTHER = windowed(other_cell(-0.1, 4.3), VoltageBand(2.8, 3.3))


def reason(program: Program, voltage_v: float) -> str:
    """Give the one reason against a start, empty for none."""
    return " ".join(refusals(channel_checks(program, seen(voltage_v))))


@pytest.mark.parametrize(
    ("voltage_v", "starts"),
    [
        (2.8 - 0.01, True),
        (nextafter(2.8 - 0.01, 0), False),
        (3.3 + 0.01, True),
        (nextafter(3.3 + 0.01, 9), False),
        (2.792, True),
        (3.308, True),
        (2.785, False),
        (3.315, False),
    ],
)
def test_window_is_as_wide_as_a_reading_is_off(voltage_v: float, starts: bool) -> None:
    """Ten millivolts beyond either end a cell may start, and not a bit further."""
    assert (reason(OTHER, voltage_v) == "") == starts


def test_program_without_a_window_starts_at_any_voltage() -> None:
    """A guard that a recipe has taken away refuses nothing."""
    assert reason(windowed(OTHER, None), 99.0) == ""


@pytest.mark.parametrize(
    ("voltage_v", "is_nothing"), [(0.0, True), (9e-4, True), (-9e-4, True), (0.001, False), (-0.5, False)]
)
def test_voltage_below_a_millivolt_is_no_cell(voltage_v: float, is_nothing: bool) -> None:
    """Of either sign; from a millivolt on it is somebody's cell."""
    assert ("no cell, or a short" in reason(OTHER, voltage_v)) == is_nothing
    assert reason(OTHER, voltage_v)


def test_no_voltage_is_no_fault_of_a_cell_that_may_stand_below_zero() -> None:
    """It is another cell then, not an empty holder; where any voltage above 0.5 V is expected, it is one."""
    assert "no cell" not in reason(windowed(OTHER, VoltageBand(-0.5, -0.2)), 0.0)
    assert "no cell" in reason(windowed(OTHER, VoltageBand(0.5, 1.0)), 0.0)


@pytest.mark.parametrize("voltage_v", [-2.8, -3.3, -3.0])
def test_reversed_cell_is_told_up_to_the_ends_of_its_window(voltage_v: float) -> None:
    """Also at the very ends; a symmetric cell has no polarity, whatever its window."""
    assert "reversed polarity" in reason(OTHER, voltage_v)
    assert "reversed polarity" not in reason(windowed(LI_LI, VoltageBand(2.8, 3.3)), voltage_v)


@pytest.mark.parametrize(("voltage_v", "window"), [(-2.7, VoltageBand(2.8, 3.3)), (4.0, VoltageBand(-5.0, 3.0))])
def test_cell_beyond_the_negative_of_its_window_is_another_one(voltage_v: float, window: VoltageBand) -> None:
    """A voltage above the window is no reversed cell, though its negative is inside."""
    assert "right cell" in reason(windowed(OTHER, window), voltage_v)


@pytest.mark.parametrize(
    ("voltage_v", "allowed"), [(4.3, True), (-0.1, True), (nextafter(4.3, 9), False), (nextafter(-0.1, -1), False)]
)
def test_start_that_a_person_may_accept_lies_within_the_hosts_limits(voltage_v: float, allowed: bool) -> None:
    """Up to the limits the sentence says how; beyond them it says that the run would be stopped at once."""
    found = reason(OTHER, voltage_v)
    assert ("--accept-voltage" in found) == allowed
    assert ("stopped at once" in found) != allowed


def test_empty_holder_may_be_accepted_only_within_the_hosts_limits() -> None:
    """The remedy is offered where it helps."""
    assert "--accept-voltage" in reason(OTHER, 0.0)
    assert "--accept-voltage" not in reason(windowed(LFP, VoltageBand(2.8, 3.3)), 0.0)
