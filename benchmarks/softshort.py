"""How well soft shorts in Li/Li cells are told: precision, recall and lead, on cells that the rule was not tuned on.

A population is drawn by seed: bare and coated cells with their rates, sizes and material constants perturbed, in an
oven that wobbles and now and then runs away for hours, in holders whose contact now and then worsens. A light tester
cycles them for an hour each way, with noise, and measures a spectrum every 20 cycles. The truth is the cell model's own
shunt, which the rule never sees.

The thresholds were set on the population ``TUNED_ON``; what is printed is that of ``JUDGED_ON``. Nothing here says how
the rule does on cells whose shorts behave otherwise than the model's.
"""

from __future__ import annotations

import math
import random
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import groupby
from statistics import median

from benchmarks.figures import Aim, Figure, Size
from drivers.interfaces import EndReason, Spectrum
from orchestrator.analysis.half_cycle_slices import HalfCycle, parts
from orchestrator.analysis.soft_short_edges import Episode, Rule, SoftShortWatch, Verdict
from simulators.cells import load_cell
from simulators.cells.lili import LithiumSymmetricCell

TUNED_ON, JUDGED_ON = "tuning", "judging"
CELLS = 100
SPECTRUM_EVERY = 20
RECORD_S, HALF_S = 30.0, 3600.0
# The model's own hard short is a few ohm, its soft ones are more.
HARD_BELOW_OHM = 10.0
_CUTOFF_V = 0.5
_MOST_HALF_CYCLES = 200
_SHUNTED_HALF_CYCLES = 12
_AFTER_HARD = 6
_DISTURBED_EVERY_S = 120.0
_VOLTAGE_NOISE_V, _SPECTRUM_NOISE = 2e-5, 3e-3
_GRID_HZ = tuple(float(f"{10 ** (6 - n / 6):.4g}") for n in range(49))

# Factor by which a parameter is drawn up or down, evenly in its logarithm.
_SPREAD = {
    "tip_growth_um_per_s_at_1_ma_per_cm2": 1.6,
    "deposit_ohm_cm4_per_c": 2.0,
    "film_growth_ohm2_cm4_per_s": 3.0,
    "film_ohm_cm2": 1.5,
    "exchange_current_a_per_cm2": 2.0,
    "electrolyte_thickness_um": 1.4,
    "conductivity_s_per_cm": 1.8,
    "salt_diffusivity_cm2_per_s": 2.0,
    "nucleation_charge_c_per_cm2": 2.0,
    "nucleus_area_fraction": 1.4,
    "tip_area_fraction": 1.5,
    "soft_short_count_at_bridge": 2.0,
    "soft_short_steepness": 1.3,
    "soft_short_least_ohm_cm2": 1.4,
    "soft_short_most_ohm_cm2": 1.4,
    "soft_short_fuse_c_per_cm2": 2.0,
    "hard_short_ohm": 3.0,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One half-cycle as the rule sees it, the spectrum before it if there was one, and what was true during it."""

    half: HalfCycle
    spectrum: Spectrum | None
    soft: bool
    hard: bool


class Disturbances:
    """What moves a voltage without being a short: the oven's wobble and excursions, and a contact that worsens."""

    def __init__(self, draws: random.Random) -> None:
        self._wobble_k, self._period_h = draws.uniform(0.1, 0.5), draws.uniform(5.0, 30.0)
        self._excursions = [
            (draws.uniform(10.0, 180.0), draws.uniform(2.0, 6.0), draws.choice((-1, 1)) * draws.uniform(1.0, 4.0))
            for _ in range(draws.choice((0, 0, 1, 2)))
        ]
        self._contacts = [
            (draws.uniform(10.0, 180.0), draws.uniform(0.5, 20.0), draws.uniform(2.0, 15.0))
            for _ in range(draws.choice((0, 0, 1, 2)))
        ]

    def kelvin(self, hour: float) -> float:
        """Give how far the cell is off its temperature; it follows its oven with a time constant of 20 minutes."""
        total = self._wobble_k * math.sin(2.0 * math.pi * hour / self._period_h)
        for begins, lasts, size in self._excursions:
            up = 1.0 - math.exp(-3.0 * max(0.0, min(hour - begins, lasts)))
            total += size * up * math.exp(-3.0 * max(0.0, hour - begins - lasts))
        return total

    def contact_ohm(self, hour: float) -> float:
        """Give the resistance that the contact has gained."""
        return sum(ohm for begins, lasts, ohm in self._contacts if begins <= hour < begins + lasts)


def drawn_cell(
    population: str, number: int, fixed: Mapping[str, float]
) -> tuple[LithiumSymmetricCell, float, Disturbances]:
    """Give a cell of a population, the current it is cycled at, and what disturbs it."""
    draws = random.Random(f"{population}/{number}")
    name = draws.choice(("bare-li-li", "bare-li-li", "coated-li-li"))
    plain = tomllib.loads(files("simulators.cells").joinpath(f"{name}.toml").read_text("utf-8"))
    overrides = {key: plain[key] * most ** draws.uniform(-1.0, 1.0) for key, most in _SPREAD.items()}
    overrides |= fixed
    cell = load_cell(name, seed=draws.getrandbits(32), overrides=overrides)
    assert isinstance(cell, LithiumSymmetricCell)
    return cell, draws.choice((2e-4, 3e-4, 4e-4)) * plain["area_cm2"], Disturbances(draws)


def cycled(
    population: str, number: int, most: int = _MOST_HALF_CYCLES, fixed: Mapping[str, float] | None = None
) -> Iterator[Measured]:
    """Cycle a cell of a population: to a few half-cycles past its hard short, or to the end of the test.

    With parameters fixed, an hour each way passes before the test.
    """
    cell, current_a, disturbances = drawn_cell(population, number, fixed or {})
    noise = random.Random(f"{population}/{number}/noise")
    if fixed:
        cell.advance(HALF_S, current_a)
        cell.advance(HALF_S, -current_a)
    hard_since = 0
    for count in range(most):
        spectrum = None
        if count % (2 * SPECTRUM_EVERY) == 0:
            spectrum = _spectrum(cell, disturbances.contact_ohm(float(count)), noise)
        measured = _half_cycle(cell, current_a if count % 2 == 0 else -current_a, count, disturbances, noise)
        yield Measured(measured.half, spectrum, measured.soft, measured.hard)
        hard_since += measured.hard
        if hard_since == _AFTER_HARD:
            return


def _half_cycle(
    cell: LithiumSymmetricCell, current_a: float, count: int, disturbances: Disturbances, noise: random.Random
) -> Measured:
    """Pass current for an hour, or to the cutoff, recording every 30 s."""
    points: list[tuple[float, float]] = []
    soft = hard = False
    passed_s, by_voltage = 0.0, False
    contact_v = 0.0
    while passed_s < HALF_S and not by_voltage:
        if passed_s % _DISTURBED_EVERY_S == 0.0:
            hour = count + passed_s / 3600.0
            cell.temperature_degc = 60.0 + disturbances.kelvin(hour)
            contact_v = disturbances.contact_ohm(hour) * current_a
        cell.advance(RECORD_S, current_a)
        passed_s += RECORD_S
        volts = cell.voltage_v(current_a) + contact_v + noise.gauss(0.0, _VOLTAGE_NOISE_V)
        points.append((passed_s, volts / current_a))
        by_voltage = abs(volts) >= _CUTOFF_V
        soft |= HARD_BELOW_OHM < cell.shunt_ohm < math.inf
        hard |= cell.shunt_ohm <= HARD_BELOW_OHM
    later = [abs(ohm) for at_s, ohm in points if at_s >= passed_s / 2]
    half = HalfCycle(
        cycle=count // 2 + 1,
        current_a=current_a,
        duration_s=passed_s,
        resistance_ohm=sum(later) / len(later),
        parts_ohm=parts(points, passed_s),
        end_reason=EndReason.VOLTAGE if by_voltage else EndReason.TIME,
    )
    return Measured(half, None, soft, hard)


def _spectrum(cell: LithiumSymmetricCell, contact_ohm: float, noise: random.Random) -> Spectrum:
    values = []
    for hertz in _GRID_HZ:
        true = cell.impedance_ohm(hertz) + contact_ohm
        off = complex(noise.gauss(0.0, 1.0), noise.gauss(0.0, 1.0)) * _SPECTRUM_NOISE * abs(true)
        values.append(complex(float(f"{(true + off).real:.4g}"), float(f"{(true + off).imag:.4g}")))
    return Spectrum(_GRID_HZ, tuple(values), 0.0)


@dataclass(frozen=True, slots=True)
class Score:
    """One cell: what was true and what the rule said. Half-cycles count from 0; cycles from 1.

    ``shorts`` are the cycles of each soft short before the hard one. ``flagged`` are the cycles (first, last) of each
    episode that began before the hard short and reached the verdict asked for, ``given`` the half-cycle after which
    the first of those verdicts was given.
    """

    half_cycles: int
    shorts: tuple[tuple[int, int], ...]
    flagged: tuple[tuple[int, int], ...]
    hard: int | None
    hard_told: int | None
    given: int | None

    @property
    def right(self) -> bool:
        """Tell whether the first flagged episode, the one that a person would act on, was a soft short."""
        return any(_meet(self.flagged[0], short) for short in self.shorts) if self.flagged else False

    @property
    def true_flags(self) -> int:
        """Count the flagged episodes in which there was a soft short."""
        return sum(any(_meet(f, s) for s in self.shorts) for f in self.flagged)

    @property
    def found(self) -> int:
        """Count the soft shorts that a flagged episode touches."""
        return sum(any(_meet(f, s) for f in self.flagged) for s in self.shorts)


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def scores(course: Sequence[Measured]) -> tuple[Score, Score]:
    """Let the rule judge a cell half-cycle by half-cycle, and hold what it said against what was true.

    The first score is of soft shorts called so, the second of suspicions too.
    """
    watch = SoftShortWatch(Rule())
    hard = next((n for n, m in enumerate(course) if m.hard), None)
    end = len(course) if hard is None else hard
    hard_told: int | None = None
    given: dict[Verdict, int] = {}
    flagged: list[Episode] = []
    for n, measured in enumerate(course):
        if measured.spectrum is not None:
            watch.feed_spectrum(measured.half.cycle - 1, measured.spectrum)
        watch.feed(measured.half)
        now = watch.assessment()
        if n < end:
            flagged = [replace(e, last_cycle=e.last_cycle or measured.half.cycle) for e in now.episodes]
            given.setdefault(now.verdict, n)
        if hard_told is None and now.verdict is Verdict.HARD_SHORT:
            hard_told = n
    runs = [[m.half.cycle for m in group] for soft, group in groupby(course[:end], lambda m: m.soft) if soft]
    shorts = tuple((run[0], run[-1]) for run in runs)

    def scored(*enough: Verdict) -> Score:
        spans = tuple((e.first_cycle, e.last_cycle or end) for e in flagged if e.verdict in enough)
        first = min((given[verdict] for verdict in enough if verdict in given), default=None)
        return Score(end, shorts, spans, hard, hard_told, first)

    called = (Verdict.SOFT_SHORT, Verdict.HARD_SHORT)
    return scored(*called), scored(Verdict.SUSPECTED, *called)


def measure(size: Size) -> list[Figure]:
    """Judge 100 cells or fewer, and a few that were shunted before their test began."""
    count = size.of(CELLS, 30, 2)
    courses = [list(cycled(JUDGED_ON, number)) for number in range(count)]
    return [*figures(courses), *_shunted(JUDGED_ON, max(1, count // 5))]


def figures(courses: Sequence[Sequence[Measured]]) -> list[Figure]:
    """Give the figures of a population that was cycled."""
    told, doubted = zip(*(scores(course) for course in courses), strict=True)
    plain = [scores([_without_samples(m) for m in course])[0] for course in courses]
    hard = [s for s in told if s.hard is not None]
    warned = [s.hard - s.given for s in hard if s.hard is not None and s.given is not None and s.right]
    early = sum(s.hard_told is not None and s.hard_told < (s.hard or 0) for s in told)
    return [
        Figure("cells", len(told), ""),
        Figure("cells with a soft short before any hard one", sum(bool(s.shorts) for s in told), ""),
        Figure("precision: cells rightly called soft-shorted", _precision(told), "", Aim(0.95, at_most=False)),
        Figure("recall: soft-shorted cells called so", _recall(told), "", Aim(0.9, at_most=False)),
        Figure("precision, from half-cycle resistances alone", _precision(plain), ""),
        Figure("recall, from half-cycle resistances alone", _recall(plain), ""),
        Figure("soft shorts", sum(len(s.shorts) for s in told), ""),
        Figure("soft shorts called so", _share(told, lambda s: (s.found, len(s.shorts))), ""),
        Figure("soft shorts at least suspected", _share(doubted, lambda s: (s.found, len(s.shorts))), ""),
        Figure("calls that were right", _share(told, lambda s: (s.true_flags, len(s.flagged))), ""),
        Figure("suspicions that were right", _share(doubted, lambda s: (s.true_flags, len(s.flagged))), ""),
        Figure("hours of sound or soft-shorted cells", sum(s.half_cycles for s in told), "h"),
        Figure("hard shorts", len(hard), ""),
        Figure("hard shorts told", _share(hard, lambda s: (s.hard_told is not None, 1)), ""),
        Figure("hard shorts told before they were there", early, ""),
        Figure("hard shorts of which a soft one warned", len(warned) / max(1, len(hard)), ""),
        Figure("warning before the hard short, median", median(warned) if warned else math.nan, "h"),
        Figure("warning before the hard short, least", min(warned, default=math.nan), "h"),
    ]


def _precision(scores: Sequence[Score]) -> float:
    return _share(scores, lambda s: (s.right, bool(s.flagged)))


def _recall(scores: Sequence[Score]) -> float:
    return _share(scores, lambda s: (s.right, bool(s.shorts)))


def _share(scores: Sequence[Score], counts: Callable[[Score], tuple[int, int]]) -> float:
    pairs = [counts(score) for score in scores]
    return sum(hit for hit, _ in pairs) / max(1, sum(of for _, of in pairs))


def _without_samples(measured: Measured) -> Measured:
    return replace(measured, half=replace(measured.half, parts_ohm=()))


def _shunted(population: str, count: int) -> list[Figure]:
    """Judge cells that carry a lasting shunt from before the first half-cycle: no edge, a neat trace, a narrow arc."""
    by_trace = by_spectrum = 0
    for number in range(count):
        least = 60.0 ** random.Random(f"{population}/shunt/{number}").uniform(0.6, 1.0)
        lasting = {"soft_short_count_at_bridge": 1e18, "soft_short_fuse_c_per_cm2": 1e9}
        shunt = {"soft_short_least_ohm_cm2": least, "soft_short_most_ohm_cm2": 1.01 * least}
        course = list(cycled(f"{population}/shunted", number, _SHUNTED_HALF_CYCLES, lasting | shunt))
        for spectra in (False, True):
            watch = SoftShortWatch(Rule())
            for measured in course:
                if spectra and measured.spectrum is not None:
                    watch.feed_spectrum(measured.half.cycle - 1, measured.spectrum)
                watch.feed(measured.half)
            verdict = watch.assessment().verdict
            by_trace += not spectra and verdict is not Verdict.HEALTHY
            by_spectrum += spectra and verdict is Verdict.SOFT_SHORT
    return [
        Figure("cells shunted before the test", count, ""),
        Figure("of these suspected by the trace alone", by_trace / count, ""),
        Figure("of these called soft-shorted with spectra", by_spectrum / count, ""),
    ]
