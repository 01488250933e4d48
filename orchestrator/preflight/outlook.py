"""What follows from an order before it is given: times, limits, the hands it needs, and the course to expect.

Everything is read off the program of the order; nothing is asked of an instrument. A long program takes tenths of a
second: it is made on a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from protocols.course import Course, expected_course
from protocols.expected_path import expected_path
from protocols.forecast import Forecast, forecast, segment_forecasts
from protocols.plausibility import GROSS_FACTOR, Plausibility, gross, plausibility
from protocols.program import MeasurementSegment, Program, Purpose
from protocols.program_steps import powered
from protocols.step_forecast import StepAhead, steps_ahead
from protocols.usual_bands import BANDS, UsualBands


@dataclass(frozen=True, slots=True)
class LimitLayer:
    """One layer of limits: voltages, None where the layer has none, and the largest current (a magnitude)."""

    name: str
    low_v: float | None
    high_v: float | None
    current_a: float | None


@dataclass(frozen=True, slots=True)
class HandsNeeded:
    """Work for a person: ``code`` says what, ``words`` in the recipe's own words where it asks for something.

    ``times`` how often, first ``first_s`` and then about every ``every_s`` seconds behind the start; None for once.
    """

    code: str
    words: str
    times: int
    first_s: float
    every_s: float | None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something implausible in an order, in a sentence; ``value`` is what a person names to confirm it.

    Empty where there is no value to name: then the sentence itself is confirmed. ``twice``: it lies so far outside that
    another person confirms it too.
    """

    sentence: str
    value: str
    twice: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """What follows from an order. ``notes`` are sentences on what is sound and yet worth a look."""

    seen: Plausibility
    ahead: Forecast
    steps: tuple[StepAhead, ...]
    limits: tuple[LimitLayer, ...]
    hands: tuple[HandsNeeded, ...]
    doubts: tuple[Doubt, ...]
    course: Course


def outlook(
    program: Program,
    *,
    moves_leads: bool = False,
    bands: UsualBands = BANDS,
    factor: float = GROSS_FACTOR,
    draw: bool = True,
) -> Outlook:
    """Read off a program what follows from it.

    ``moves_leads``: a person moves the leads before and after each measurement, because no switch does it; ``draw``:
    the course is drawn, which takes longest.
    """
    seen = plausibility(program, bands)
    return Outlook(
        seen,
        forecast(program),
        tuple(steps_ahead(program)),
        limit_layers(program),
        tuple(hands_needed(program, moves_leads=moves_leads)),
        doubts(seen, factor),
        expected_course(program) if draw else Course(),
    )


def doubts(seen: Plausibility, factor: float = GROSS_FACTOR) -> tuple[Doubt, ...]:
    """Return what a person has to confirm of a program, each with the value to name."""
    far = set(gross(seen, factor))
    found = [Doubt(it.sentence, _named(it.value, it.judged.unit), it.sentence in far) for it in seen.findings]
    return (*found, *(Doubt(sentence, "", twice=False) for sentence in seen.doubts))


def limit_layers(program: Program) -> tuple[LimitLayer, ...]:
    """Return the four layers of a program's limits, the narrowest first; empty for one without a step on a tester."""
    if not program.cycling:
        return ()
    limits = program.cycling[0].limits
    every = [step for segment in program.cycling for _, step in powered(segment.steps)]
    steps = [step for step in every if step.purpose is Purpose.RECIPE]
    targets = [step.target_v for step in steps if step.target_v is not None]
    largest_a = max((step.largest_a for step in steps if step.largest_a is not None), default=None)
    own = LimitLayer("step", min(targets, default=None), max(targets, default=None), largest_a)
    layers = (
        ("host", limits.host, limits.host_current_a),
        ("tester", limits.tester, limits.tester_current_a),
        ("absolute", limits.absolute, limits.absolute_current_a),
    )
    return (own, *(LimitLayer(name, band.low_v, band.high_v, current_a) for name, band, current_a in layers))


def hands_needed(program: Program, *, moves_leads: bool) -> list[HandsNeeded]:
    """Return when the expected run of a program waits for a person, and for what, in the order of the first times."""
    parts = segment_forecasts(program)
    durations_s = [ahead.expected_duration_s for ahead in parts]
    at_s, asked = 0.0, dict[tuple[str, str], list[float]]()
    for index in expected_path(program, durations_s):
        segment = program.segments[index]
        if segment.prompt is not None:
            asked.setdefault(("prompt", segment.prompt), []).append(at_s)
        if moves_leads and isinstance(segment, MeasurementSegment):
            asked.setdefault(("plug", ""), []).append(at_s + segment.rest_s)
            asked.setdefault(("unplug", ""), []).append(at_s + durations_s[index])
        at_s += durations_s[index]
    return [HandsNeeded(code, words, len(times), times[0], _every(times)) for (code, words), times in asked.items()]


def _every(times_s: Sequence[float]) -> float | None:
    """Return the mean time between moments; None for a single one, or where one has no bound."""
    if len(times_s) < 2 or not isfinite(times_s[-1]):
        return None
    return (times_s[-1] - times_s[0]) / (len(times_s) - 1)


def _named(value: float, unit: str) -> str:
    """Return a value as a person types it, with three digits that count."""
    return f"{value:.3g} {unit}" if abs(value) < 1000 else f"{value:.0f} {unit}"
