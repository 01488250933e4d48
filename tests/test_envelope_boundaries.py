"""The very edges of what a channel can do: the last value that fits, and the first that does not."""

from __future__ import annotations

from dataclasses import replace
from math import nextafter

import pytest

from protocols.channel_envelope import ChannelEnvelope, CurrentRange, problems
from protocols.current_sign import Direction
from protocols.program import (
    CcCv,
    Ceiling,
    ConstantCurrent,
    ConstantVoltage,
    Guards,
    Limits,
    Loop,
    Record,
    Rest,
    Step,
    Until,
    VoltageBand,
)
from tests.sound_program import BOUNDS, CHARGE, DISCHARGE, LIMITS, REST, SMALL, program_of

LI_LI = Limits(VoltageBand(-0.55, 0.55), VoltageBand(-0.6, 0.6), VoltageBand(-1, 1), 0.00105, 0.0011, 0.0012)
YEAR_S = 365 * 86400.0
HELD = ConstantVoltage(Direction.CHARGE, 4.0, Until(time_s=60.0), None, Ceiling(capacity_ah=1e-6))


def below(value: float) -> float:
    """Give the next smaller number that a computer knows."""
    return nextafter(value, -9e9)


def told(*steps: Step, channel: ChannelEnvelope = SMALL, limits: Limits = LIMITS, kind: str = "lfp") -> list[str]:
    """Give the reasons against a program of these steps."""
    return problems(program_of(*steps, limits=limits, kind=kind), channel)


@pytest.mark.parametrize(
    ("sound", "spoilt", "words"),
    [
        (
            {"voltage_low_v": 2.5},
            {"voltage_low_v": nextafter(2.5, 9)},
            "The tester's limits, 2.5 to 4.2 V, are outside",
        ),
        ({"voltage_high_v": 4.2}, {"voltage_high_v": below(4.2)}, "The tester's limits, 2.5 to 4.2 V, are outside"),
        ({"discharge_voltage_min_v": 2.8}, {"discharge_voltage_min_v": nextafter(2.8, 9)}, "this channel discharges"),
        ({"discharge_voltage_min_v": 1.0}, {"discharge_voltage_min_v": 3.0}, "Step 2: a discharge to 2.8 V; this"),
        ({"holds_voltage_on_discharge": False}, {"steps_max": 2}, "3 steps with its End; this channel holds 2"),
        (
            {"current_ranges": (CurrentRange(0.001, 0.0011),)},
            {"current_ranges": (CurrentRange(nextafter(0.001, 1), 0.0011),)},
            "below the smallest current here",
        ),
        (
            {"current_ranges": (CurrentRange(0.0, 0.001), CurrentRange(0.0015, 0.002))},
            {"current_ranges": (CurrentRange(0.0, below(0.001)), CurrentRange(0.0015, 0.002))},
            "lies between two ranges",
        ),
        (
            {"current_ranges": (CurrentRange(0.0, 0.0005), CurrentRange(0.001, 0.002))},
            {"current_ranges": (CurrentRange(0.0, 0.0005), CurrentRange(nextafter(0.001, 1), 0.002))},
            "lies between two ranges",
        ),
        (
            {"current_ranges": (CurrentRange(0.0, 0.0011),)},
            {"current_ranges": (CurrentRange(0.0, below(0.0011)),)},
            "The tester's limit of 1.1 mA is above what this channel measures",
        ),
        (
            {"current_ranges": (CurrentRange(0.0, 0.0011),)},
            {"current_ranges": (CurrentRange(0.0, below(0.001)),)},
            "1 mA is above the largest current here",
        ),
    ],
)
def test_what_a_channel_reaches_it_can_do(sound: dict[str, object], spoilt: dict[str, object], words: str) -> None:
    """A value on the edge of a channel's range fits, and one that lies a bit beyond it is refused."""
    assert told(CHARGE, DISCHARGE, channel=replace(SMALL, **sound)) == []  # type: ignore[arg-type]  # fields of the row
    found = told(CHARGE, DISCHARGE, channel=replace(SMALL, **spoilt))  # type: ignore[arg-type]  # as above
    assert any(words in reason for reason in found), found


@pytest.mark.parametrize(
    ("sound", "spoilt", "words"),
    [
        (Loop(1, 1), Loop(1, 0), "Step 2: a loop of 0 times"),
        (Rest(Until(time_s=YEAR_S)), Rest(Until(time_s=nextafter(YEAR_S, 9e9))), "this channel allows 365 days"),
        (
            replace(CHARGE, ceiling=replace(BOUNDS, time_s=YEAR_S)),
            replace(CHARGE, ceiling=replace(BOUNDS, time_s=nextafter(YEAR_S, 9e9))),
            "this channel allows 365 days",
        ),
        (
            replace(CHARGE, record=Record(current_change_a=1e-9)),
            replace(CHARGE, record=Record(current_change_a=below(1e-9))),
            "Step 2: a record every 1e-09 A; this channel resolves 1e-09 A",
        ),
        (
            replace(CHARGE, until=Until(4.0, 4.0, None, 0.001 * 0.1 / 3600)),
            replace(CHARGE, until=Until(4.0, 4.0, None, below(0.001 * 0.1 / 3600))),
            "less than flows between two looks",
        ),
        # Of a step with several currents the largest flows between two looks; of one without any nothing is known.
        (HELD, CcCv(0.001, 4.0, Until(current_a=1e-6), Ceiling(60.0, 2e-8)), "less than flows between two looks"),
        (
            CcCv(0.001, 4.0, Until(current_a=1e-6), BOUNDS),
            CcCv(0.001, 4.0, Until(current_a=0.0), BOUNDS),
            "Step 2: a current of zero or less",
        ),
        (
            replace(CHARGE, until=Until(capacity_ah=1e-6), ceiling=Ceiling(60.0)),
            replace(CHARGE, until=Until(capacity_ah=0.0), ceiling=Ceiling(60.0)),
            "Step 2: it ends after 0 Ah",
        ),
        (
            replace(CHARGE, until=Until(voltage_v=below(4.1))),
            replace(CHARGE, until=Until(voltage_v=4.1)),
            "4.1 V is not inside the host's limits",
        ),
        (
            replace(DISCHARGE, until=Until(voltage_v=nextafter(2.7, 9))),
            replace(DISCHARGE, until=Until(voltage_v=2.7)),
            "2.7 V is not inside the host's limits",
        ),
        (
            replace(CHARGE, current_a=below(0.00105)),
            replace(CHARGE, current_a=0.00105),
            "1.05 mA is not below the host's limit",
        ),
    ],
)
def test_what_a_step_asks_is_refused_from_its_edge_on(sound: Step, spoilt: Step, words: str) -> None:
    """The last value that fits is run, and the next one has its sentence."""
    assert told(REST, sound) == []
    assert any(words in reason for reason in told(REST, spoilt)), told(REST, spoilt)


@pytest.mark.parametrize(
    ("steps", "channel", "expected"),
    [
        ((Rest(Until(time_s=0.0)),), SMALL, ["Step 1: it lasts 0 s."]),
        # Where a discharge without a voltage ends, only the host's limit says.
        (
            (replace(DISCHARGE, until=Until(time_s=60.0)),),
            replace(SMALL, discharge_voltage_min_v=2.75),
            ["Step 1: a discharge to 2.7 V; this channel discharges down to 2.75 V."],
        ),
        (
            (CcCv(-0.001, 2.8, Until(current_a=1e-4), BOUNDS), replace(HELD, voltage_v=4.0)),
            replace(SMALL, holds_voltage_on_discharge=False),
            ["Step 1: this channel cannot hold a voltage on discharge."],
        ),
        # A voltage that a channel shows at its very end can be reached by a step as well.
        ((CHARGE,), replace(SMALL, voltage_low_v=0.0, voltage_high_v=4.0), [None]),
        ((DISCHARGE,), replace(SMALL, voltage_low_v=2.8), [None]),
        (
            (CHARGE, replace(DISCHARGE, until=Until(voltage_v=4.0))),
            SMALL,
            ["Step 2: a discharge to 4 V begins at 4 V or below, after step 1, and would end at once."],
        ),
        ((CHARGE, REST, replace(CHARGE, until=Until(voltage_v=3.9))), SMALL, []),
        ((REST, Loop(1, 3), REST, Loop(3, 2)), SMALL, []),
        ((), SMALL, ["A segment has no steps."]),
    ],
)
def test_a_spoilt_program_has_its_own_sentence_and_no_other(
    steps: tuple[Step, ...], channel: ChannelEnvelope, expected: list[str | None]
) -> None:
    """What is sound beside it is left alone; None stands for the sentence on the tester's limits."""
    limits = "The tester's limits, 2.5 to 4.2 V, are outside what this channel measures"
    found = [None if reason.startswith(limits) else reason for reason in told(*steps, channel=channel)]
    assert found == expected


UP, DOWN = CHARGE, DISCHARGE
AT_ONCE = "is on the wrong side of 0 V and would end at once."


def to(step: ConstantCurrent, volts: float) -> ConstantCurrent:
    """Give a step with another voltage as its end."""
    return replace(step, until=Until(voltage_v=volts))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((to(UP, 0.5), to(DOWN, -0.5)), []),
        ((to(UP, -0.1), to(DOWN, -0.05)), [f"Step 1: a charge to -0.1 V {AT_ONCE}"]),
        ((to(DOWN, 0.5), to(UP, 0.4)), [f"Step 1: a discharge to 0.5 V {AT_ONCE}"]),
        (
            (to(UP, 0.3), to(DOWN, 0.4)),
            [
                f"Step 2: a discharge to 0.4 V {AT_ONCE}",
                "Step 2: a discharge to 0.4 V begins at 0.3 V or below, after step 1, and would end at once.",
            ],
        ),
    ],
)
def test_symmetric_cell_is_mounted_at_zero_volts(steps: tuple[Step, ...], expected: list[str]) -> None:
    """A step to the wrong side of it is told once, and changes nothing for the steps behind it."""
    assert told(*steps, limits=LI_LI, kind="li-li") == expected


def test_full_cell_needs_no_negative_voltage() -> None:
    """A channel from 0 V on is refused for a Li/Li cell alone."""
    channel = replace(SMALL, voltage_low_v=0.0)
    assert (SMALL.negative_voltage, channel.negative_voltage) == (True, False)
    assert told(CHARGE, DISCHARGE, channel=channel) == []
    assert "below 0 V" in told(to(DOWN, -0.5), limits=LI_LI, kind="li-li", channel=channel)[0]


def test_open_circuit_window_is_of_the_first_segment_alone() -> None:
    """What a later test of the run begins with is what the one before has left."""
    program = program_of(to(CHARGE, 3.5))
    segment = replace(program.cycling[0], guards=Guards(open_circuit=VoltageBand(3.6, 3.9)))
    refused = ["Step 1: a charge to 3.5 V begins at 3.6 V or above, as the cell is mounted, and would end at once."]
    assert problems(replace(program, segments=(segment,)), SMALL) == refused
    assert problems(replace(program, segments=(program.cycling[0], segment)), SMALL) == []


@pytest.mark.parametrize("inner", ["host", "tester"])
@pytest.mark.parametrize("side", ["low_v", "high_v"])
def test_each_limit_is_wider_than_the_one_inside_it(inner: str, side: str) -> None:
    """On either side and in current, and equal is not wider."""
    outer = {"host": "tester", "tester": "absolute"}[inner]
    band = replace(getattr(LIMITS, outer), **{side: getattr(getattr(LIMITS, inner), side)})
    words = f"The {outer} limits, {band.low_v:g} to {band.high_v:g} V, are not wider than the {inner} limits"
    assert any(reason.startswith(words) for reason in told(CHARGE, limits=replace(LIMITS, **{outer: band})))
    equal = {f"{outer}_current_a": getattr(LIMITS, f"{inner}_current_a")}
    found = told(CHARGE, limits=replace(LIMITS, **equal))
    assert any(reason.startswith(f"The {outer} current limit") for reason in found), found
    for host in (VoltageBand(4.1, 2.7), VoltageBand(3.0, 3.0)):
        assert any("are not wider than the host limits" in reason for reason in told(limits=replace(LIMITS, host=host)))


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([replace(CHARGE, current_a=0.02)] * 6, "Steps 1, 2, 3, 4, 5 and 6: 20 mA is above"),
        ([replace(CHARGE, current_a=0.02)] * 7, "Steps 1, 2, 3, 4, 5 and 2 more: 20 mA is above"),
        ([replace(CHARGE, current_a=1.0)], "Step 1: 1 A is above"),
        ([CcCv(0.02, 4.0, Until(current_a=0.02), BOUNDS)], "Step 1: 20 mA is above"),
    ],
)
def test_sentence_names_up_to_six_steps(steps: list[Step], words: str) -> None:
    """Each once, whatever it asks twice, and in the unit in which a technician reads it."""
    assert told(*steps)[0].startswith(words)
