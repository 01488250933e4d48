"""Crosses every limit in every way, in the records of healthy cells and at the simulated tester itself."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf, nan

from benchmarks.guards.channel import CHANNEL, ENVELOPE, Judges, SimulatedChannel
from benchmarks.guards.tests_of_cells import DrawnTest
from benchmarks.limits.recording import Recorded
from drivers.interfaces import Sample
from orchestrator.judging.limits import Action, LimitWatch, StepWindow
from protocols.program import CyclingSegment, Limits, PoweredStep, VoltageBand
from simulators.cells.model import CellModel
from simulators.neware.settings import Trouble
from simulators.neware.step_machine import Status

# A slow crossing takes so many records, and what stays beyond is shown so often.
_SLOW, _STAYS = 20, 6
# The first records of a step are the tester's own overshoot.
_BEGUN_S = 5.0
_HOUR_S = 3600.0


class Way(StrEnum):
    """How a value goes beyond its limit."""

    SLOW = "slow"
    FAST = "fast"
    SPIKE = "spike"
    NAN = "nan"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Crossing:
    """One crossing: of which limit, in which way, and whether the run has to trip; a spike alone must not (D03)."""

    limit: str
    way: Way
    must_trip: bool

    def __str__(self) -> str:
        return f"{self.limit}, {self.way}"


def _beyond(limits: Limits) -> dict[str, tuple[str, float]]:
    """Return a value between each limit and the next, on both sides, with the field of the sample."""
    host, run, absolute = limits.host, limits.tester, limits.absolute
    amperes = limits.host_current_a, limits.tester_current_a, limits.absolute_current_a
    return {
        "host voltage, above": ("voltage_v", (host.high_v + run.high_v) / 2),
        "host voltage, below": ("voltage_v", (host.low_v + run.low_v) / 2),
        "run voltage, above": ("voltage_v", (run.high_v + absolute.high_v) / 2),
        "run voltage, below": ("voltage_v", (run.low_v + absolute.low_v) / 2),
        "absolute voltage, above": ("voltage_v", absolute.high_v + 1e-3),
        "absolute voltage, below": ("voltage_v", absolute.low_v - 1e-3),
        "host current, charging": ("current_a", (amperes[0] + amperes[1]) / 2),
        "host current, discharging": ("current_a", -(amperes[0] + amperes[1]) / 2),
        "run current, charging": ("current_a", (amperes[1] + amperes[2]) / 2),
        "run current, discharging": ("current_a", -(amperes[1] + amperes[2]) / 2),
        "absolute current, charging": ("current_a", 1.01 * amperes[2]),
        "absolute current, discharging": ("current_a", -1.01 * amperes[2]),
    }


def crossings(recorded: Recorded, draws: random.Random) -> Iterator[tuple[Crossing, bool]]:
    """Cross each limit in each way once, at a drawn record; give what was done and whether the run would trip."""
    segment, samples = draws.choice([part for part in recorded.segments if len(part[1]) > 100])
    for name, (field, value) in _beyond(segment.limits).items():
        for way in (Way.SLOW, Way.FAST, Way.SPIKE):
            at = _drawn(samples, draws)
            crossing = Crossing(name, way, way is not Way.SPIKE or name.startswith("absolute"))
            yield crossing, _trips(segment, _crossed(samples, at, field, value, way))
    for field in ("voltage_v", "current_a", "capacity_ah", "step_time_s"):
        at = _drawn(samples, draws)
        for count in (1, 3):
            crossing = Crossing(f"{field}, {count} in a row", Way.NAN, count == 3)
            yield crossing, _trips(segment, _replaced(samples, at, field, [nan] * count))
    yield from _of_steps(segment, samples, draws)


def _of_steps(
    segment: CyclingSegment, samples: Sequence[Sample], draws: random.Random
) -> Iterator[tuple[Crossing, bool]]:
    """Cross what a step sets: its current, its time and its charge; and let it go on with a reading that is stuck."""
    bounds = LimitWatch(segment, ENVELOPE).windows
    constant = [at for at in range(5, len(samples) - 30) if _is_constant(segment, samples, at)]
    if not constant:
        return
    at = draws.choice(constant)
    window, sample = bounds[samples[at].step], samples[at]
    for name, value in {"above": window.high_a, "below": window.low_a, "the other way": -sample.current_a}.items():
        beyond_a = value + 1e-6 * (1 if name == "above" else -1) * abs(sample.current_a)
        for way in (Way.SLOW, Way.FAST, Way.SPIKE):
            shown = _crossed(samples, at, "current_a", beyond_a, way)
            yield Crossing(f"set current, {name}", way, way is not Way.SPIKE), _trips(segment, shown)
    for limit, most in (("step_time_s", window.time_s), ("capacity_ah", window.capacity_ah)):
        if most == inf:
            continue
        for way in (Way.SLOW, Way.FAST):
            shown = _crossed(samples, at, limit, 1.001 * most, way)
            yield Crossing(f"{limit} of a step", way, must_trip=True), _trips(segment, shown)
    for field in ("voltage_v", "current_a", "capacity_ah"):
        shown = _goes_on(samples, at, window, field)
        crossing = Crossing(f"{field} while the step goes on", Way.STUCK, must_trip=True)
        yield crossing, _trips(segment, shown)


def _is_constant(segment: CyclingSegment, samples: Sequence[Sample], at: int) -> bool:
    step, count = segment.steps[samples[at].step - 1], samples[at].step_count
    return (
        isinstance(step, PoweredStep)
        and bool(step.constant_a)
        and step.purpose == "recipe"
        and samples[at].step_time_s > _BEGUN_S
        and samples[at + 28].step_count == count
    )


def _drawn(samples: Sequence[Sample], draws: random.Random) -> int:
    """Draw a record that is not among the first of its step, so that a tester has looked."""
    while True:
        at = draws.randrange(5, len(samples) - _SLOW - _STAYS - 1)
        if samples[at].step_time_s > _BEGUN_S and not _is_check(samples[at]):
            return at


def _is_check(sample: Sample) -> bool:
    return sample.time_s < 15.0


def _crossed(samples: Sequence[Sample], at: int, field: str, value: float, way: Way) -> list[Sample]:
    begin = getattr(samples[at], field)
    if way is Way.SPIKE:
        return _replaced(samples, at, field, [value])
    ramp = [] if way is Way.FAST else [begin + (value - begin) * n / _SLOW for n in range(_SLOW)]
    return _replaced(samples, at, field, [*ramp, *[value] * _STAYS])


def _replaced(samples: Sequence[Sample], at: int, field: str, values: Sequence[float]) -> list[Sample]:
    """Return the records up to the last that is changed, with values of a field from one record on."""
    shown = list(samples[:at])
    for sample, value in zip(samples[at:], values, strict=False):
        shown.append(_with(sample, field, value))
    return shown


def _with(sample: Sample, field: str, value: float) -> Sample:
    """Return a record with another value of a field."""
    return Sample._make(value if name == field else old for name, old in zip(Sample._fields, sample, strict=True))


def _goes_on(samples: Sequence[Sample], at: int, window: StepWindow, field: str) -> list[Sample]:
    """Return the records up to one, and such as a tester makes that never ends its step, with one field stuck."""
    last, shown = samples[at], list(samples[: at + 1])
    bound_s = window.time_s if window.time_s < inf else window.capacity_ah / abs(last.current_a) * _HOUR_S
    every_s = bound_s / 50
    for n in range(1, 80):
        passed_ah = abs(last.current_a) * every_s * n / _HOUR_S
        now = last._replace(
            sequence=last.sequence + n,
            time_s=last.time_s + every_s * n,
            step_time_s=last.step_time_s + every_s * n,
            capacity_ah=last.capacity_ah + passed_ah,
        )
        shown.append(_with(now, field, getattr(last, field)))
    return shown


def _trips(segment: CyclingSegment, shown: Sequence[Sample]) -> bool:
    """Tell whether the run trips, or is held, in records of a segment, which end with the last that was changed."""
    return any(finding.action is not Action.MARK for finding in LimitWatch(segment, ENVELOPE).feed(shown))


class PushedCell:
    """A cell whose terminal voltage is pushed by a source in its leads: ``volts``, and ``volts_per_s`` from now on."""

    def __init__(self, inner: CellModel, volts: float, volts_per_s: float) -> None:
        """Push this cell."""
        self.inner, self.volts, self.volts_per_s = inner, volts, volts_per_s
        self.temperature_degc = inner.temperature_degc

    @property
    def max_interval_s(self) -> float:
        """Return the cell's longest interval, a second at most while the push changes."""
        return min(self.inner.max_interval_s, 1.0) if self.volts_per_s else self.inner.max_interval_s

    def voltage_v(self, current_a: float) -> float:
        """Return the pushed voltage."""
        return self.inner.voltage_v(current_a) + self.volts

    def current_a(self, voltage_v: float) -> float:
        """Return the current at a held voltage."""
        return self.inner.current_a(voltage_v - self.volts)

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance the cell and the push."""
        self.inner.advance(duration_s, current_a)
        self.volts += self.volts_per_s * duration_s

    def snapshot(self) -> tuple[float, ...]:
        """Return the state of both."""
        return (*self.inner.snapshot(), self.volts)

    def restore(self, state: tuple[float, ...]) -> None:
        """Return both to a state."""
        self.inner.restore(state[:-1])
        self.volts = state[-1]

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return the cell's impedance."""
        return self.inner.impedance_ohm(frequency_hz)


# What is done to the tester or the cell in the middle of a test, and must end it.
_AT_TESTER = {
    "the tester ends no step": Trouble(ignore_end_conditions=True),
    "the tester passes 110 % of the current": Trouble(current_factor=1.1),
    "the tester passes 1000 times the current": Trouble(current_factor=1000.0),
    "the tester passes no current": Trouble(current_factor=0.0),
    "the tester passes the current the other way": Trouble(current_factor=-1.0),
}
_PUSHES = {
    "the cell is pushed up, slow": (0.0, 1e-3),
    "the cell is pushed down, slow": (0.0, -1e-3),
    "the cell is pushed up, fast": (6.0, 0.0),
    "the cell is pushed down, fast": (-6.0, 0.0),
}


def at_tester(test: DrawnTest, seed: int, draws: random.Random) -> Iterator[tuple[str, bool]]:
    """Spoil the simulated tester or its cell in the middle of a test's first segment; tell whether the test ends.

    It ends by the host's limits and guards, or by the tester's own protection.
    """
    for name in (*_AT_TESTER, *_PUSHES):
        channel, judges = SimulatedChannel(test, seed), Judges(test)
        channel.start(judges.begin())
        channel.now_s += draws.uniform(1.0, 12.0) * _HOUR_S
        judges.feed(channel.samples())
        if not channel.is_busy:
            continue
        if name in _AT_TESTER:
            channel.tester.make_trouble(CHANNEL, _AT_TESTER[name])
        else:
            machine = channel.tester.channel(CHANNEL).machine
            machine.exchange(PushedCell(machine.drive.cell, *_PUSHES[name]), channel.tester.now_tick())
        ends = _ends(channel, judges, test.program.cycling[0].limits.host if name in _PUSHES else None)
        if ends is not None:
            yield name, ends


def _ends(channel: SimulatedChannel, judges: Judges, host: VoltageBand | None) -> bool | None:
    """Return whether the test is ended; None where it came to its own end in the step that was under way.

    None also where no reading lay beyond ``host``: a cell that is nearly full or empty takes any push by its steep end,
    in half-cycles of seconds, and no limit is crossed.
    """
    begun, is_crossed = judges.last, host is None
    while channel.is_busy:
        channel.now_s += 60.0
        samples = channel.samples()
        is_crossed = is_crossed or any(host and not host.low_v <= it.voltage_v <= host.high_v for it in samples)
        if any(found.action is not Action.MARK for found in judges.feed(samples)):
            return True
    found = judges.feed(channel.samples()) + judges.finish()
    if begun is not None and judges.last is not None and judges.last.step_count == begun.step_count:
        return None
    is_protected = channel.tester.channel(CHANNEL).machine.status is Status.PROTECT
    if not is_crossed and not is_protected:
        return None
    return is_protected or any(finding.action is not Action.MARK for finding in found)
