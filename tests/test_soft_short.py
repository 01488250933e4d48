"""The soft-short verdict finds filaments before the hard short; ovens, contacts and neat traces do not take it in."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from drivers.interfaces import EndReason, Sample, Spectrum
from orchestrator.analysis.half_cycle_slices import PARTS, HalfCycle, half_cycle, parts
from orchestrator.analysis.soft_short_edges import Rule, SoftShortWatch, Verdict, assess
from orchestrator.judging.steps import ExecutedStep
from simulators.cells.lili import LithiumSymmetricCell
from tests.cell_cycler import DISC_CM2, STEP_S, lithium_cell
from tests.spectrum_maker import spectrum_of

HARD_OHM = 10.0
Disturbance = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Course:
    """A cell's half-cycles and spectra, and in which half-cycles it truly had a soft short, or the hard one."""

    halves: tuple[HalfCycle, ...]
    spectra: tuple[tuple[int, Spectrum], ...]
    soft: tuple[int, ...]
    hard: int | None


def cycle(
    cell: LithiumSymmetricCell,
    density: float,
    count: int,
    *,
    kelvin: Disturbance = lambda hour: 0.0,
    contact_ohm: Disturbance = lambda hour: 0.0,
) -> Course:
    """Cycle an hour each way in 30 s records, a spectrum every 20 cycles; stop 6 half-cycles after the hard short."""
    halves: list[HalfCycle] = []
    spectra: list[tuple[int, Spectrum]] = []
    soft: list[int] = []
    hard: int | None = None
    for n in range(count):
        if n % 40 == 0:
            spectra.append((n // 2, spectrum_of(cell.impedance_ohm, noise=0.003, seed=n)))
        current_a = density * DISC_CM2 * (1 if n % 2 == 0 else -1)
        points: list[tuple[float, float]] = []
        for record in range(1, 121):
            hour = n + record * STEP_S / 3600.0
            cell.temperature_degc = 60.0 + kelvin(hour)
            cell.advance(STEP_S, current_a)
            points.append((record * STEP_S, cell.voltage_v(current_a) / current_a + contact_ohm(hour)))
            if HARD_OHM < cell.shunt_ohm < math.inf and n not in soft:
                soft.append(n)
        later = [ohm for at_s, ohm in points if at_s >= 1800.0]
        halves.append(
            HalfCycle(n // 2 + 1, current_a, 3600.0, sum(later) / len(later), parts(points, 3600.0), EndReason.TIME)
        )
        if cell.shunt_ohm <= HARD_OHM:
            hard = n if hard is None else hard
            if n == hard + 6:
                break
    spectra.append((len(halves) // 2 + 1, spectrum_of(cell.impedance_ohm, noise=0.003)))
    return Course(tuple(halves), tuple(spectra), tuple(soft), hard)


@functools.cache
def bare(seed: int) -> Course:
    """Cycle a bare cell at 0.4 mA/cm2 to its end, once a session."""
    return cycle(lithium_cell("bare-li-li", seed=seed), 4e-4, 120)


def verdicts(halves: Sequence[HalfCycle]) -> list[Verdict]:
    """Give the verdict after each half-cycle."""
    watch, found = SoftShortWatch(Rule()), []
    for half in halves:
        watch.feed(half)
        found.append(watch.assessment().verdict)
    return found


@pytest.mark.parametrize("seed", [1, 2, 3, 5])
def test_soft_short_is_called_before_the_hard_one(seed: int) -> None:
    """A bare cell's first filament is called within two half-cycles of its end, with the cycle that it came in.

    Faults C06.
    """
    course = bare(seed)
    assert course.soft
    assert course.hard is not None
    called = verdicts(course.halves).index(Verdict.SOFT_SHORT)
    assert course.soft[0] <= called < course.hard
    seen = assess(course.halves[: called + 1])
    assert seen.first_cycle == course.soft[0] // 2 + 1
    assert "fell by" in seen.reasons[0]


@pytest.mark.parametrize("seed", [1, 2, 3, 5])
def test_hard_short_is_called_when_it_is_there_and_no_earlier(seed: int) -> None:
    """Three half-cycles of metal are a hard short, present, and the last spectrum without an arc says the same.

    Faults C05.
    """
    course = bare(seed)
    assert course.hard is not None
    given = verdicts(course.halves)
    assert course.hard + 1 <= given.index(Verdict.HARD_SHORT) <= course.hard + 4
    whole = assess(course.halves, course.spectra)
    assert (whole.verdict, whole.present) == (Verdict.HARD_SHORT, True)
    assert any("has no arc" in reason for reason in whole.reasons)


def test_a_spectrum_without_an_arc_is_enough_for_a_hard_short() -> None:
    """Before any trace, metal shows in the impedance."""
    seen = assess([], bare(1).spectra[-1:])
    assert (seen.verdict, seen.present) == (Verdict.HARD_SHORT, True)


def test_what_was_said_is_not_taken_back() -> None:
    """A verdict uses the past only: from any half-cycle on it may get worse, never better."""
    order = [list(Verdict).index(verdict) for verdict in verdicts(bare(1).halves)]
    assert order == sorted(order)
    assert order[0] == 0


def test_coated_cell_stays_healthy() -> None:
    """A hundred hours without a filament give no sign of one, in the trace and in six spectra (faults C06)."""
    course = cycle(lithium_cell("coated-li-li", seed=4), 2e-4, 100)
    assert course.soft == ()
    seen = assess(course.halves, course.spectra[:-1])
    assert (seen.verdict, seen.first_cycle, seen.episodes) == (Verdict.HEALTHY, None, ())


@pytest.mark.parametrize("size", [-4.0, 4.0])
def test_an_oven_that_runs_away_is_no_short(size: float) -> None:
    """Four kelvin with a time constant of 20 minutes move the voltage by a quarter, but without an edge."""

    def kelvin(hour: float) -> float:
        up = 1.0 - math.exp(-3.0 * max(0.0, min(hour - 20.2, 4.0)))
        return size * up * math.exp(-3.0 * max(0.0, hour - 24.2))

    course = cycle(lithium_cell("coated-li-li"), 2e-4, 40, kelvin=kelvin)
    moved = [h.resistance_ohm or 0.0 for h in course.halves]
    assert max(moved) / min(moved) > 1.15
    assert assess(course.halves).verdict is Verdict.HEALTHY


@pytest.mark.parametrize("lasts_h", [0.5, 3.0, 12.0])
def test_a_contact_that_worsens_and_mends_is_no_short(lasts_h: float) -> None:
    """The voltage falls suddenly when the contact mends, but only to where it was."""
    course = cycle(
        lithium_cell("coated-li-li"),
        2e-4,
        40,
        contact_ohm=lambda hour: 25.0 if 15.3 <= hour < 15.3 + lasts_h else 0.0,
    )
    assert assess(course.halves).verdict is Verdict.HEALTHY


def shunted(ohm_cm2: float) -> LithiumSymmetricCell:
    """Give a cell that has carried a lasting filament since before its first half-cycle."""
    overrides = {
        "soft_short_count_at_bridge": 1e18,
        "soft_short_fuse_c_per_cm2": 1e9,
        "soft_short_least_ohm_cm2": ohm_cm2,
        "soft_short_most_ohm_cm2": 1.01 * ohm_cm2,
    }
    cell = lithium_cell("bare-li-li", overrides=overrides)
    for current_a in (2e-4 * DISC_CM2, -2e-4 * DISC_CM2):
        cell.advance(3600.0, current_a)
    return cell


def test_a_neat_rectangle_may_be_a_shunted_cell() -> None:
    """A cell shunted from the start has no dip to find: its trace is suspected for being neat, and its arc decides.

    Faults C06.
    """
    course = cycle(shunted(20.0), 2e-4, 10)
    assert min(h.flatness or 0.0 for h in course.halves) < 0.02
    by_trace = assess(course.halves)
    assert by_trace.verdict is Verdict.SUSPECTED
    assert "neat rectangle" in by_trace.reasons[0]
    both = assess(course.halves, course.spectra)
    assert both.verdict is Verdict.SOFT_SHORT
    assert "behind" in both.reasons[-1]


def arc(ohm: float) -> Spectrum:
    """Give the spectrum of one arc of this width behind an electrolyte."""
    return spectrum_of(lambda hertz: 49.0 + ohm / (1.0 + 2j * math.pi * hertz * 1e-3))


def test_interface_that_falls_between_two_spectra_is_suspected_by_itself() -> None:
    """Where the interface should grow, a fall by a third is a sign without any trace."""
    high, low = arc(300.0), arc(200.0)
    seen = assess([], [(20, high), (40, low)])
    assert (seen.verdict, seen.first_cycle, seen.present) == (Verdict.SUSPECTED, 40, False)
    assert assess([], [(20, low), (40, high)]).verdict is Verdict.HEALTHY
    assert assess([], [(0, high), (20, low)]).verdict is Verdict.HEALTHY  # the first platings do that


def test_a_fall_with_a_spectrum_that_agrees_is_a_soft_short_at_once() -> None:
    """The trace has just fallen and not come back; the spectrum taken then makes it certain."""
    halves = [level(n, 300.0) for n in range(30)] + [level(30, 220.0)]
    sound, lower = arc(250.0), arc(170.0)
    assert assess(halves, [(10, sound)]).verdict is Verdict.SUSPECTED
    seen = assess(halves, [(10, sound), (16, lower)])
    assert (seen.verdict, seen.first_cycle, seen.present) == (Verdict.SOFT_SHORT, 16, True)


def level(n: int, ohm: float) -> HalfCycle:
    """Give a half-cycle of one resistance, with the start of plating as a sound cell shows it."""
    shape = tuple(ohm * (1.0 + 0.3 * math.exp(-part / 3.0)) for part in range(PARTS))
    return HalfCycle(n // 2 + 1, 1.6e-4 * (-1) ** n, 3600.0, ohm, shape, EndReason.TIME)


def test_a_fall_that_stays_is_a_soft_short_after_two_half_cycles() -> None:
    """One low half-cycle is suspected; when it lasts, the filament is there and carries on."""
    halves = [level(n, 300.0 if n < 20 else 240.0) for n in range(24)]
    given = verdicts(halves)
    assert given[19] is Verdict.HEALTHY
    assert given[20] is Verdict.SUSPECTED
    assert given[23] is Verdict.SOFT_SHORT
    assert assess(halves).present


def test_without_samples_the_resistances_alone_still_show_a_short() -> None:
    """A step table is enough to see a fall and its return, only later."""
    halves = [replace(level(n, 300.0 if n not in (20, 21) else 220.0), parts_ohm=()) for n in range(26)]
    seen = assess(halves)
    assert (seen.verdict, seen.first_cycle, seen.present) == (Verdict.SOFT_SHORT, 11, False)


def test_half_cycles_that_were_broken_off_tell_nothing() -> None:
    """A stop by hand or a lost link leaves a short half-cycle, of which nothing is concluded."""
    broken = replace(level(20, 120.0), end_reason=EndReason.EXTERNAL)
    halves = [*(level(n, 300.0) for n in range(20)), broken, *(level(n, 300.0) for n in range(20, 30))]
    assert assess(halves).verdict is Verdict.HEALTHY


def test_half_cycle_is_made_of_an_executed_step_and_its_samples() -> None:
    """Parts are means of |V|/|I| in equal shares of the step; unreadable samples are left out."""
    samples = [
        Sample(n, 30.0 * n, 30.0 * n, 3, 7, 4, "cc", -0.05 if n <= 60 else -0.04, -1e-3, 0.0, 0.0, 0.0)
        for n in range(1, 121)
    ]
    samples[10] = samples[10]._replace(voltage_v=math.nan)
    step = ExecutedStep(7, 3, 4, "cc", 0.0, 3600.0, 1e-3, 0.0, -0.045, 40.0, EndReason.TIME, 1, 120, cycle=4)
    half = half_cycle(step, samples, -1e-3)
    assert (half.cycle, half.current_a, half.resistance_ohm, half.duration_s) == (4, -1e-3, 40.0, 3600.0)
    assert len(half.parts_ohm) == PARTS
    assert half.parts_ohm[:29] == pytest.approx([50.0] * 29)
    assert half.parts_ohm[31:] == pytest.approx([40.0] * 29)
    assert half.flatness == pytest.approx(10.0 / 45.0, rel=0.02)


def test_half_cycle_with_too_few_samples_has_no_parts() -> None:
    """Two records an hour show a resistance and no course."""
    assert parts([(1800.0, 300.0), (3600.0, 300.0)], 3600.0) == ()
    assert parts([], 0.0) == ()
