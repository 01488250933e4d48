"""Puts trouble of a given size into the records of a healthy cell: what is seen of it, and from which size on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import exp

from benchmarks.limits.recording import Recorded, judged
from drivers.interfaces import Sample
from orchestrator.judging.limits import FindingKind
from orchestrator.judging.trouble_thresholds import KINDS
from protocols.program import ConstantCurrent, CyclingSegment, Step
from protocols.trouble import TroubleSign

Spoil = Callable[[CyclingSegment, Sequence[Sample], int, float, float], list[Sample]]
# A polarisation builds up within a step in so long.
_GRADIENT_S = 600.0
_STEPS = 10


def _contact(segment: CyclingSegment, samples: Sequence[Sample], at: int, size: float, ohm: float) -> list[Sample]:
    """Add a resistance of ``size`` times the cell's own, at once."""
    del segment
    added = size * ohm
    return [*samples[:at], *(s._replace(voltage_v=s.voltage_v + s.current_a * added) for s in samples[at:])]


def _slow_contact(segment: CyclingSegment, samples: Sequence[Sample], at: int, size: float, ohm: float) -> list[Sample]:
    """Add ``size`` times the cell's own resistance with each cycle of two half-cycles."""
    del segment
    begun = samples[at].step_count
    return [
        *samples[:at],
        *(
            s._replace(voltage_v=s.voltage_v + s.current_a * ohm * size * (s.step_count - begun) / 2)
            for s in samples[at:]
        ),
    ]


def _gradient(segment: CyclingSegment, samples: Sequence[Sample], at: int, size: float, ohm: float) -> list[Sample]:
    """Add a voltage that grows within each step, of ``size`` times the cell's own resistance."""
    del segment
    return [
        *samples[:at],
        *(
            s._replace(voltage_v=s.voltage_v + s.current_a * ohm * size * (1 - exp(-s.step_time_s / _GRADIENT_S)))
            for s in samples[at:]
        ),
    ]


def _counter(segment: CyclingSegment, samples: Sequence[Sample], at: int, size: float, ohm: float) -> list[Sample]:
    """Count too much charge, by the part ``size``."""
    del segment, ohm
    return [*samples[:at], *(s._replace(capacity_ah=s.capacity_ah * (1 + size)) for s in samples[at:])]


def _stuck(segment: CyclingSegment, samples: Sequence[Sample], at: int, size: float, ohm: float) -> list[Sample]:
    """Show one voltage for ``size`` hours."""
    del segment, ohm
    until_s, stuck_v = samples[at].time_s + 3600 * size, samples[at].voltage_v
    return [s._replace(voltage_v=stuck_v) if i >= at and s.time_s < until_s else s for i, s in enumerate(samples)]


def _jumping(segment: CyclingSegment, samples: Sequence[Sample], at: int, size: float, ohm: float) -> list[Sample]:
    """Raise the voltage by ``size`` V at constant current, five times for two records."""
    del ohm
    shown, left, apart = list(samples), 5, 0
    for i in range(at, len(samples) - 3):
        step, apart = segment.steps[samples[i].step - 1], apart + 1
        is_inside = samples[i].step_time_s > 300 and samples[i].step_count == samples[i + 3].step_count
        if left and apart > 8 and _is_constant(step) and is_inside:
            for k in (i, i + 1):
                sign = 1.0 if samples[k].current_a > 0 else -1.0
                shown[k] = samples[k]._replace(voltage_v=samples[k].voltage_v + sign * size)
            left, apart = left - 1, 0
    return shown


def _is_constant(step: Step) -> bool:
    return isinstance(step, ConstantCurrent)


def _late(segment: CyclingSegment, samples: Sequence[Sample], at: int, size: float, ohm: float) -> list[Sample]:
    """Make no record for ``size`` intervals, within a step."""
    del ohm
    gap_s = size * (segment.record.every_s or 0.0)
    while at < len(samples) - 1:
        begun = samples[at]
        end = next((i for i in range(at + 1, len(samples)) if samples[i].time_s >= begun.time_s + gap_s), None)
        if end is None:
            break
        if samples[end].step_count == begun.step_count:
            return [*samples[: at + 1], *(_renumbered(samples[end:], at - end + 1))]
        at = end
    return list(samples)


def _renumbered(samples: Sequence[Sample], by: int) -> list[Sample]:
    return [s._replace(sequence=s.sequence + by) for s in samples]


# How each sign is made, in which sizes, and their unit. Sizes below a threshold show what is not told.
SIZES: Mapping[str, tuple[TroubleSign, Spoil, tuple[float, ...], str]] = {
    "contact, at once": (TroubleSign.CONTACT, _contact, (0.1, 0.2, 0.3, 0.5, 1.0, 3.0), "of the cell's resistance"),
    "contact, with each cycle": (
        TroubleSign.CONTACT, _slow_contact, (0.02, 0.05, 0.1, 0.2, 0.5), "of the cell's resistance a cycle",
    ),
    "polarisation": (TroubleSign.POLARISATION, _gradient, (0.1, 0.3, 0.5, 1.0, 2.0), "of the cell's resistance"),
    "charge": (TroubleSign.CHARGE, _counter, (-0.01, -0.006, 0.004, 0.006, 0.01, 0.05), "of the counted charge"),
    "flat": (TroubleSign.FLAT, _stuck, (0.05, 0.2, 0.5, 1.0, 3.0), "h"),
    "jumps": (TroubleSign.JUMPS, _jumping, (0.005, 0.01, 0.015, 0.03, 0.1), "V"),
    "late": (TroubleSign.LATE, _late, (2.0, 3.0, 4.0, 10.0), "intervals"),
}  # fmt: skip


def seen(recorded: Recorded, draws: random.Random) -> Iterator[tuple[str, float, bool]]:
    """Spoil one test in each way and size, from a moment in its middle on; give whether the sign was told."""
    number, (segment, samples) = max(enumerate(recorded.segments), key=lambda part: len(part[1][1]))
    at = draws.randrange(len(samples) * 2 // 5, len(samples) * 3 // 5)
    ohm = _own_ohm(samples, at)
    for name, (sign, spoil, sizes, _) in SIZES.items():
        for size in sizes:
            shown = spoil(segment, samples, at, size, ohm)
            told = {finding.kind for _, finding in judged(recorded, _only(number, shown))}
            yield name, size, KINDS[sign] in told


def _only(number: int, shown: Sequence[Sample]) -> Callable[[int, Sequence[Sample]], Sequence[Sample]]:
    """Return a function that shows changed records for those of one segment."""
    return lambda n, samples: shown if n == number else samples


def _own_ohm(samples: Sequence[Sample], at: int) -> float:
    """Return the resistance at the last change of current before a record."""
    for i in range(at, 0, -1):
        change_a = samples[i].current_a - samples[i - 1].current_a
        if samples[i].step_count != samples[i - 1].step_count and abs(change_a) > 1e-6:
            return abs((samples[i].voltage_v - samples[i - 1].voltage_v) / change_a)
    return 0.0


TOLD: frozenset[FindingKind] = frozenset(KINDS.values())
