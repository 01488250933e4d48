"""Why a step ended, to the very edge of each of its ends; its mean voltage and resistance, computed another way."""

from __future__ import annotations

import pickle
from copy import deepcopy
from itertools import pairwise
from math import nan, nextafter

import pytest

from drivers.interfaces import EndReason, Sample
from orchestrator.judging.steps import CHARGE_PART, CURRENT_PART, TIME_SLACK_S, StepBuilder, executed_step
from protocols.program import CcCv, Ceiling, ConstantCurrent, Loop, Rest, Step, Until
from tests.segments import segment_of

CHARGE = ConstantCurrent(1e-3, Until(voltage_v=4.0))
ENDED = Rest(Until(time_s=1.0))


def ended(
    step: Step, time_s: float = 10.0, volts: float = 3.4, amperes: float = 1e-3, charge_ah: float = 1e-6
) -> EndReason:
    """Give why a step ended by its last sample."""
    sample = Sample(1, time_s, time_s, 1, 1, 1, "cc", volts, amperes, charge_ah, 0.0, 0.0)
    return executed_step(segment_of(step, ENDED), [sample]).end_reason


def below(value: float) -> float:
    """Give the next smaller number that a computer knows."""
    return nextafter(value, -9e9)


@pytest.mark.parametrize(
    ("step", "last", "short", "reason"),
    [
        (Rest(Until(time_s=100.0)), {"time_s": 99.95}, {"time_s": 99.94}, EndReason.TIME),
        (Rest(Until(100.0)), {"time_s": 100.0 - TIME_SLACK_S}, {"time_s": below(100.0 - TIME_SLACK_S)}, EndReason.TIME),
        (
            ConstantCurrent(1e-3, Until(capacity_ah=0.5)),
            {"charge_ah": 0.5 * CHARGE_PART},
            {"charge_ah": below(0.5 * CHARGE_PART)},
            EndReason.CAPACITY,
        ),
        (
            ConstantCurrent(1e-3, Until(capacity_ah=0.5)),
            {"charge_ah": 0.49996},
            {"charge_ah": 0.4999},
            EndReason.CAPACITY,
        ),
        (CHARGE, {"volts": 3.9992}, {"volts": 3.9985}, EndReason.VOLTAGE),
        (ConstantCurrent(1e-3, Until(voltage_v=0.0)), {"volts": -0.001}, {"volts": below(-0.001)}, EndReason.VOLTAGE),
        (ConstantCurrent(-1e-3, Until(voltage_v=2.8)), {"volts": 2.8008}, {"volts": 2.8015}, EndReason.VOLTAGE),
        (ConstantCurrent(-1e-3, Until(voltage_v=2.8)), {"volts": 2.7}, {"volts": 3.0}, EndReason.VOLTAGE),
        (
            CcCv(1e-3, 4.0, Until(current_a=1e-4)),
            {"amperes": 1e-4 * CURRENT_PART},
            {"amperes": nextafter(1e-4 * CURRENT_PART, 1)},
            EndReason.CURRENT,
        ),
        (CcCv(1e-3, 4.0, Until(current_a=1e-4)), {"amperes": 1e-4}, {"amperes": 1.5e-4}, EndReason.CURRENT),
        (CcCv(-1e-3, 2.8, Until(current_a=1e-4)), {"amperes": -1.005e-4}, {"amperes": -1e-3}, EndReason.CURRENT),
        (
            ConstantCurrent(1e-3, Until(voltage_v=4.0), Ceiling(time_s=100.0)),
            {"time_s": 100.0 - TIME_SLACK_S},
            {"time_s": below(100.0 - TIME_SLACK_S)},
            EndReason.CEILING,
        ),
        (
            ConstantCurrent(1e-3, Until(voltage_v=4.0), Ceiling(capacity_ah=0.5)),
            {"charge_ah": 0.5 * CHARGE_PART},
            {"charge_ah": below(0.5 * CHARGE_PART)},
            EndReason.CEILING,
        ),
    ],
)  # fmt: skip
def test_step_ended_by_what_its_last_record_meets(
    step: Step, last: dict[str, float], short: dict[str, float], reason: EndReason
) -> None:
    """Within what a record may lack of an end; a bit less, and somebody else has ended it."""
    assert ended(step, **last) is reason
    assert ended(step, **short) is EndReason.EXTERNAL


def test_planned_end_wins_over_the_ceiling() -> None:
    """Both are met in one record: the cell is as it should be."""
    step = ConstantCurrent(1e-3, Until(capacity_ah=0.5), Ceiling(time_s=10.0, capacity_ah=0.5))
    assert ended(step, charge_ah=0.5) is EndReason.CAPACITY
    assert ended(step, charge_ah=0.4) is EndReason.CEILING


@pytest.mark.parametrize(
    ("number", "reason"), [(3, EndReason.TIME), *((number, EndReason.EXTERNAL) for number in (0, 1, 2, 4))]
)
def test_record_of_a_step_that_makes_none_was_ended_by_somebody_else(number: int, reason: EndReason) -> None:
    """A loop, and a number that the program does not have; the last step is one that it has."""
    sample = Sample(1, 1.0, 1.0, number, 1, 1, "rest", 3.4, 0.0, 0.0, 0.0, 0.0)
    assert executed_step(segment_of(CHARGE, Loop(1, 2), ENDED), [sample]).end_reason is reason


Row = tuple[float, float, float, float]


def samples(*rows: Row, count: int = 1, first: int = 1) -> list[Sample]:
    """Give samples of one step, with times (s), voltages (V), currents (A) and charges (Ah)."""
    return [
        Sample(n, 1000.0 + t, t, 1, count, 1, "cc", v, i, q, 2 * q, 0.0) for n, (t, v, i, q) in enumerate(rows, first)
    ]


def mean_of(rows: list[Row], by: int) -> float:
    """Give the mean magnitude of the voltage over its charge (``by`` 3) or of V over I in time, by trapezoids."""
    if by == 3:
        parts = [((a[1] + b[1]) / 2 * (b[3] - a[3]), b[3] - a[3]) for a, b in pairwise(rows)]
    else:
        late = [row for row in rows if row[0] >= rows[-1][0] / 2]
        parts = [
            ((abs(a[1]) + abs(b[1])) * (b[0] - a[0]), (abs(a[2]) + abs(b[2])) * (b[0] - a[0]))
            for a, b in pairwise(late)
        ]
    return sum(part[0] for part in parts) / sum(part[1] for part in parts)


ROWS: list[Row] = [
    (0.0, 1.0, 1.0, 0.5),
    (10.0, -2.0, 3.0, 0.6),
    (20.0, 4.0, -2.0, 0.9),
    (30.0, 3.0, 2.0, 1.0),
    (44.0, -6.0, 5.0, 2.0),
]


def test_mean_voltage_is_weighted_by_charge_and_resistance_by_time_in_the_second_half() -> None:
    """Signed and in magnitudes; a record in which something is missing counts in neither."""
    for rows in (ROWS, ROWS[:4], ROWS[:3], [(t, v, i, q - 0.5) for t, v, i, q in ROWS]):
        for spoilt in (None, (25.0, nan, 1.0, 0.95), (25.0, 1.0, nan, 0.95), (25.0, 1.0, 1.0, nan)):
            seen = sorted([*rows, *([spoilt] if spoilt and len(rows) > 3 else [])])
            found = executed_step(segment_of(CHARGE), samples(*seen))
            assert found.mean_voltage_v == pytest.approx(mean_of(rows, 3))
            assert found.resistance_ohm == pytest.approx(mean_of(rows, 2))


@pytest.mark.parametrize(
    ("rows", "mean_v", "ohm"),
    [
        ([(5.0, -3.0, 2.0, 1.0)], None, 1.5),
        ([(5.0, 3.0, 0.0, 1.0)], None, None),
        ([(5.0, 3.0, 0.0, 0.0), (9.0, 3.0, 0.0, 0.0)], None, None),
        ([(0.0, 1.0, 1.0, 0.0), (0.0, 3.0, 2.0, 0.0)], None, 1.5),
        ([(0.0, 9.0, 1.0, 0.0), (4.0, 4.0, 2.0, 1e-9)], 6.5, 2.0),
        ([(0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 1.0, 1.0)], 0.0, 0.0),
        ([(0.0, nan, 1.0, 0.0)], None, None),
    ],
)
def test_step_of_one_record_or_without_charge_tells_what_it_can(
    rows: list[Row], mean_v: float | None, ohm: float | None
) -> None:
    """One record in the second half is enough for a resistance; without a current, or a charge, there is none."""
    found = executed_step(segment_of(CHARGE), samples(*rows))
    assert (found.mean_voltage_v, found.resistance_ohm) == (mean_v, ohm)
    assert (found.start_s, found.duration_s, found.cycle) == (1000.0, rows[-1][0], 0)
    assert found.energy_wh == 2 * rows[-1][3] or found.capacity_ah != found.capacity_ah


def test_long_step_is_forgotten_in_its_first_half_alone() -> None:
    """Records by thousands, however they come: the values are those of all of them, and half are kept in memory."""
    rows = [(float(n), 3.0 + (n % 7) / 10, 1.0 + (n % 5) / 10, n * 1e-3) for n in range(9000)]
    made = samples(*rows)
    segment = segment_of(CHARGE)
    whole = executed_step(segment, made)
    assert whole.resistance_ohm == pytest.approx(mean_of(rows, 2))
    for block in (500, 4097):
        builder = StepBuilder(segment)
        for first in range(0, len(made), block):
            assert builder.feed(made[first : first + block]) == []
        # Three numbers of eight bytes for each record that is kept: of the first half hardly any.
        assert len(pickle.dumps(builder)) < 24 * len(made) * 0.6
        (step,) = builder.finish()
        assert step.resistance_ohm == pytest.approx(whole.resistance_ohm)
        assert step.mean_voltage_v == pytest.approx(whole.mean_voltage_v)
        assert builder.finish() == []


def test_copy_and_undo_of_a_builder_keep_its_open_step() -> None:
    """What one is fed the other does not see, and a step that was finished is open again."""
    builder = StepBuilder(segment_of(CHARGE))
    builder.feed(samples(*ROWS[:2]))
    twin, undo = deepcopy(builder), builder.undo()
    assert [step.last_sequence for step in builder.finish()] == [2]
    undo()
    builder.feed(samples(*ROWS[2:], first=3))
    (before,) = twin.finish()
    (after,) = builder.feed(samples(*ROWS, count=2, first=6))
    assert (before.last_sequence, before.first_sequence) == (2, 1)
    assert (after.last_sequence, after.first_sequence, after.step_count) == (5, 1, 1)
