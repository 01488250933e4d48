"""Draws cases by seed: a test, a cell out of one of two models, a tester, what is known, and an event."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from enum import StrEnum

from benchmarks.shorts import own_model, second_model
from benchmarks.shorts.recording import RecordedStep, SimulatedCell, drawn_rule, recorded
from benchmarks.shorts.schedules import Step, TestKind, drawn_kind, drawn_test, highest, log_uniform
from benchmarks.shorts.shunts import Shunt

AREAS_CM2 = (0.2, 0.785, 1.13, 1.54, 2.0, 5.0)
_HIGHEST_V = 0.35
_APART_S = 1200.0


class Event(StrEnum):
    """What happens to a cell."""

    SOUND = "sound"
    HARD = "hard"
    SOFT = "soft"
    WEAK = "weak"
    BORN = "born"
    FILM = "film breaks once more"
    OVEN = "oven warms up"
    MENDED = "contact bad from the start mends"


@dataclass(frozen=True, slots=True)
class Case:
    """One case as it was recorded, with what is true of it.

    ``known_ohm`` is the electrolyte's resistance as a cell file would have it, 25 % off at most. ``hard_s`` is when
    metal takes half of the current, in seconds of the test with its pauses; ``soft_s`` the span of each soft short.
    """

    seed: str
    kind: TestKind
    event: Event
    area_cm2: float
    degc: float
    known_ohm: float | None
    eis_ohm: float | None
    steps: tuple[RecordedStep, ...]
    hard_s: float | None
    soft_s: tuple[tuple[float, float], ...] = ()
    breaks_in: float = 1.0
    model: str = "second"
    cell_ohm: float = 0.0

    @property
    def hours(self) -> float:
        """Return the hours of the test that were recorded."""
        return sum(step.duration_s for step in self.steps) / 3600.0


def drawn_case(population: str, number: int, event: Event) -> Case | None:
    """Draw a case; None where its short would leave less than 90 s of current."""
    draws = random.Random(f"{population}/{event.value}/{number}")
    kind = drawn_kind(draws)
    area = draws.choice(AREAS_CM2)
    density = log_uniform(draws, 5e-6, 3e-3)
    is_second = event in {Event.FILM, Event.OVEN} or draws.random() < 0.6
    steps = drawn_test(draws, kind, density)
    half_s = max(step.duration_s for step in steps if step.density and not step.is_check)
    cell, facts = (_second if is_second else _own)(draws, area, half_s)
    if event is Event.OVEN and facts.parts is not None:
        facts.parts.warms = facts.parts.cold = log_uniform(draws, 3.0, 30.0)
        facts = replace(facts, first_factor=facts.first_factor * facts.parts.cold)
    steps = _lowered(steps, facts, kind)
    rule = drawn_rule(draws)
    known = facts.electrolyte_cm2 / area * draws.uniform(0.8, 1.25)
    which = draws.random()
    cell_ohm = facts.ohm_cm2(highest(steps)) / area
    truth = _event(draws, event, steps, cell, cell_ohm, facts)
    pulled_at = draws.randrange(len(steps) // 2, len(steps)) if draws.random() < 0.05 else -1
    done = tuple(recorded(cell, steps, area, rule, draws, pulled_at))
    case = Case(
        seed=f"{population}/{event.value}/{number}",
        kind=kind,
        event=event,
        area_cm2=area,
        degc=facts.degc,
        known_ohm=known if which < 0.5 else None,
        eis_ohm=facts.electrolyte_cm2 / area + facts.contact_ohm if 0.5 <= which < 0.6 else None,
        steps=done,
        hard_s=None if truth[0] is None else _taken_s(done, truth[0]),
        soft_s=truth[1],
        breaks_in=facts.breaks_in,
        model="second" if is_second else "own",
        cell_ohm=cell_ohm,
    )
    if case.hard_s is not None and _current_after(case, case.hard_s) < 90.0:
        return None
    return case


def _taken_s(done: tuple[RecordedStep, ...], begins_s: float) -> float:
    """Return from when on metal that began to grow at ``begins_s`` carried half of the current."""
    return next((at_s for step in done for at_s in step.metal_s if at_s >= begins_s), math.inf)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of a cell, for drawing its test and its event."""

    electrolyte_cm2: float
    contact_ohm: float
    exchange_a: float
    degc: float
    first_factor: float
    breaks_in: float
    linear_cm2: float
    parts: second_model.Parts | None

    def ohm_cm2(self, density: float) -> float:
        """Return the resistance of the sound cell at a density, films broken in: gradient and kinetics included."""
        thermal_v = 2.0 * 8.617333e-5 * (self.degc + 273.15)
        return self.linear_cm2 + 2.0 * thermal_v * math.asinh(density / (2.0 * self.exchange_a)) / density


def _second(draws: random.Random, area: float, half_s: float) -> tuple[SimulatedCell, Facts]:
    parts = second_model.drawn_parts(draws, area, half_s)
    linear = parts.electrolyte + parts.film / parts.break_in + parts.gradient
    parts.contact_ohm = min(parts.contact_ohm, 0.04 * linear / area)
    factor = parts.break_in * (1.0 + 0.5 * parts.spike_first)
    facts = Facts(
        parts.electrolyte, parts.contact_ohm, parts.exchange_a, parts.degc, factor, parts.break_in, linear, parts
    )
    return second_model.SecondCell(parts, half_s), facts


def _own(draws: random.Random, area: float, half_s: float) -> tuple[SimulatedCell, Facts]:
    del half_s
    numbers, degc = own_model.drawn_own(draws, area)
    cell = own_model.OwnCell(numbers, degc, draws.getrandbits(32))
    electrolyte, film = cell.electrolyte_cm2(), cell.film_cm2()
    exchange_a = cell.exchange_a()
    linear = (1.0 + 0.7 / 0.3) * electrolyte + film
    return cell, Facts(electrolyte, numbers["contact_ohm"], exchange_a, degc, 1.5, 1.0, linear, None)


def _lowered(steps: list[Step], facts: Facts, kind: TestKind) -> list[Step]:
    """Lower all currents until the cell stays below its cutoff; a ramp may run into it at its end."""
    most = allowed = highest(steps)
    while allowed * facts.ohm_cm2(allowed) * facts.first_factor > _HIGHEST_V:
        allowed *= 0.8
    if kind is TestKind.RAMP:
        allowed *= 1.6
    if most <= allowed:
        return steps
    return [replace(step, density=step.density * allowed / most) for step in steps]


def _event(
    draws: random.Random, event: Event, steps: list[Step], cell: SimulatedCell, ohm: float, facts: Facts
) -> tuple[float | None, tuple[tuple[float, float], ...]]:
    """Put the event into the cell; return when a hard short begins to grow, and the spans of soft ones."""
    spans = _spans(steps)
    total_s = spans[-1][1]
    if facts.parts is not None and event not in {Event.MENDED, Event.OVEN}:
        second_model.add_disturbances(draws, facts.parts, total_s, ohm)
    if event is Event.HARD:
        return _hard(draws, spans, cell, ohm, facts)
    if event is Event.SOFT:
        return None, _soft(draws, spans, cell, ohm, draws.randint(1, 4))
    if event is Event.WEAK:
        begins = _moment(draws, spans)
        part = draws.uniform(0.5, 0.8)
        cell.shunts = (Shunt(begins, math.inf, ohm * (1.0 - part) / part),)
        return None, ((begins, total_s),)
    if event is Event.BORN:
        part = draws.uniform(0.5, 0.97)
        cell.shunts = (Shunt(-1.0, math.inf, ohm * (1.0 - part) / part),)
        return None, ((0.0, total_s),)
    current_s = sum(end - begin for begin, end in spans)
    if event is Event.FILM and facts.parts is not None:
        half_s = spans[0][1] - spans[0][0]
        at_s = draws.uniform(0.0, 0.8) * current_s
        facts.parts.breaks.append((at_s, log_uniform(draws, 4.0, 8.0), log_uniform(draws, 0.3, 3.0) * half_s))
    if event is Event.OVEN and facts.parts is not None:
        p = facts.parts
        p.warms_s, p.warms_at_s = log_uniform(draws, 3600.0, 10800.0), draws.uniform(0.0, 0.8) * total_s
    if event is Event.MENDED:
        mends = _moment(draws, spans)
        gained = ohm * (log_uniform(draws, 1.5, 10.0) - 1.0)
        contacts = facts.parts.contacts if facts.parts is not None else cell.contacts  # type: ignore[attr-defined]  # these cells have them
        contacts.append((-1.0, mends, gained))
    return None, ()


def _spans(steps: list[Step]) -> list[tuple[float, float]]:
    """Return begin and end of each powered step that is no check, in seconds of the test with its pauses."""
    now, spans = 0.0, []
    for step in steps:
        now += step.gap_s
        if step.density and not step.is_check:
            spans.append((now, now + step.duration_s))
        now += step.duration_s
    return spans


def _moment(draws: random.Random, spans: list[tuple[float, float]]) -> float:
    """Draw a moment under current: 15 % in the first half-cycle, 15 % in the first four, 70 % anywhere."""
    where = draws.random()
    among = spans[:1] if where < 0.15 else spans[:4] if where < 0.30 else spans
    left = draws.uniform(0.0, sum(end - begin for begin, end in among))
    for begin, end in among:
        if left <= end - begin:
            return begin + left
        left -= end - begin
    return among[-1][1]


def _hard(
    draws: random.Random, spans: list[tuple[float, float]], cell: SimulatedCell, ohm: float, facts: Facts
) -> tuple[float, tuple[tuple[float, float], ...]]:
    most = max(0.2, 0.15 * ohm - 0.3 * facts.contact_ohm)
    metal = min(log_uniform(draws, 0.2, 8.0), most)
    begins = _moment(draws, spans)
    onset_s = 0.0 if draws.random() < 0.5 else log_uniform(draws, 5.0, 300.0)
    wander = draws.uniform(0.1, 0.4) if draws.random() < 0.4 else 0.0
    before: tuple[tuple[float, float], ...] = ()
    if draws.random() < 0.3:
        # Apart from the hard one, so that its moment is one.
        until_s = begins - _APART_S
        earlier = [(b, min(e, until_s)) for b, e in spans if b < until_s]
        before = _soft(draws, earlier, cell, ohm, draws.randint(1, 2)) if earlier else ()
        before = tuple((b, min(e, until_s)) for b, e in before)
        cell.shunts = tuple(replace(s, ends_s=min(s.ends_s, until_s)) for s in cell.shunts)
    cell.shunts = (*cell.shunts, Shunt(begins, math.inf, metal, onset_s, wander))
    return begins, before


def _soft(
    draws: random.Random, spans: list[tuple[float, float]], cell: SimulatedCell, ohm: float, count: int
) -> tuple[tuple[float, float], ...]:
    found: list[tuple[float, float]] = []
    for _ in range(count):
        begins = _moment(draws, spans)
        part = draws.uniform(0.08, 0.8)
        ends = begins + log_uniform(draws, 30.0, 20000.0)
        if any(begins < other[1] + 600.0 and other[0] < ends + 600.0 for other in found):
            continue
        flicker = 20.0 if draws.random() < 0.15 else 0.0
        cell.shunts = (*cell.shunts, Shunt(begins, ends, ohm * (1.0 - part) / part, flicker_s=flicker))
        found.append((begins, ends))
    return tuple(sorted(found))


def _current_after(case: Case, since_s: float) -> float:
    total = 0.0
    for step in case.steps:
        if step.set_a and not step.step.is_check:
            total += max(0.0, step.started_s + step.duration_s - max(since_s, step.started_s))
    return total
