"""Judges, before anything runs, whether the values of a program are plausible for its cell.

Each step that passes current is told in mA, mA/cm2, mA/g and C, as far as the cell's file allows; what lies outside the
usual bands of the cell's kind (``usual_bands``) is found, with a guess at the slip behind it. Nothing here refuses: who
starts a program asks a person first when there are findings.

>>> from protocols.loading import load_cell, load_recipe
>>> from protocols.resolve import resolve
>>> seen = plausibility(resolve(load_recipe("lfp-200mA-g"), load_cell("bare-lfp")))
>>> [(step.steps, step.what, step.current_ma, round(step.c_rate, 2)) for step in seen.steps], seen.findings
([('2', 'charge', 0.22, 1.18), ('3', 'discharge', 0.22, 1.18)], ())
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from unicodedata import normalize

from protocols.cell import SYMMETRIC, CellKind, resistance_window
from protocols.charge_balance import balance_doubts, limit_doubts
from protocols.contradictions import capacity_notes, contradictions, in_the_file, of_cell
from protocols.errors import Implausible, NeedsSecondPerson
from protocols.likely_slips import capacity_hint, cell_slips, current_slips
from protocols.normalised import capacity_mah, currents, plain, sizes
from protocols.program import CellFacts, MeasurementSegment, PoweredStep, Program, Purpose, Rest
from protocols.program_steps import powered
from protocols.techniques import CyclicVoltammetry, Impedance
from protocols.usual_bands import BANDS, Judged, KindBands, UsualBand, UsualBands, outside, usual
from protocols.voltage_order import step_flaws, waiting_holds

_TOLD_FIRST = (Judged.C_RATE, Judged.CURRENT_DENSITY, Judged.SPECIFIC_CURRENT, Judged.CURRENT)
GROSS_FACTOR = 3.0
"""What lies so many times outside of its band needs the names of two persons: a slip of ten in the mass or the area of
a usual electrode is more than three times outside in specific capacity, and what laboratories mean is seldom twice."""
_ROUNDING = 1e-9
_LISTED = 4  # step numbers that a row or a sentence lists before it counts the rest


@dataclass(frozen=True, slots=True)
class StepValues:
    """The current of the steps that are alike, a magnitude; None where the cell's file does not allow the unit."""

    steps: str
    what: str
    current_ma: float | None = None
    current_density_ma_per_cm2: float | None = None
    specific_current_ma_per_g: float | None = None
    c_rate: float | None = None


@dataclass(frozen=True, slots=True)
class ImplausibleValue:
    """A value outside its usual band; ``sentence`` says all of it, with the likely slip."""

    where: str
    judged: Judged
    value: float
    band: UsualBand
    sentence: str

    @property
    def times_outside(self) -> float:
        """How many times it lies above the high end of its band, or below the low end."""
        high, low = self.band.high, self.band.low
        above = self.value / high if high > 0 else inf
        below = low / self.value if self.value > 0 else inf if low > 0 else 0.0
        return max(above, below)


@dataclass(frozen=True, slots=True)
class Plausibility:
    """What a program asks of its cell: its steps in all units, what is implausible, what could not be told and why.

    ``doubts`` are sentences on steps that probably do nothing, ``notes`` on what is sound and yet worth a look,
    ``rests`` on the steps that are not told because they pass no current.
    """

    steps: tuple[StepValues, ...]
    findings: tuple[ImplausibleValue, ...]
    untold: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rests: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """One sentence for each finding and each doubt: what a person confirms."""
        return (*(finding.sentence for finding in self.findings), *self.doubts)


def plausibility(program: Program, bands: UsualBands = BANDS) -> Plausibility:
    """Judge every powered step and measurement of a program, and the sizes of its cell."""
    kind = of_cell(program.cell, usual(program.cell.kind, bands))
    named = list(_named(program))
    findings = [
        *_cell(program.cell, kind),
        *_currents(named, program.cell, kind),
        *_charges(named, program.cell, kind),
        *_measurements(program, kind),
    ]
    doubts, notes = _order(program)
    doubts = [*contradictions(program), *limit_doubts(program), *balance_doubts(program), *doubts]
    notes += capacity_notes(program.cell, kind)
    rows, untold = tuple(_rows(named, program.cell)), tuple(_untold(program.cell))
    return Plausibility(rows, tuple(findings), untold, tuple(doubts), tuple(notes), tuple(_rests(program)))


def cell_doubts(cell: CellFacts, bands: UsualBands = BANDS) -> tuple[str, ...]:
    """Judge a cell by its file alone: give a sentence for each value that is implausible or contradicts another one."""
    window = resistance_window(CellKind(cell.kind), Decimal(str(cell.area_cm2)) if cell.area_cm2 else None)
    findings = _cell(cell, of_cell(cell, usual(cell.kind, bands)))
    check_ohm = None if window is None else float(window[1])
    return (*(finding.sentence for finding in findings), *in_the_file(cell, check_ohm))


def cell_notes(cell: CellFacts, bands: UsualBands = BANDS) -> tuple[str, ...]:
    """Give a sentence for what is sound in a cell's file and yet worth a look."""
    return tuple(capacity_notes(cell, of_cell(cell, usual(cell.kind, bands))))


def gross(seen: Plausibility, factor: float = GROSS_FACTOR) -> tuple[str, ...]:
    """Give the sentences of the findings that lie so many times outside of their band."""
    return tuple(it.sentence for it in seen.findings if it.times_outside >= factor * (1 - _ROUNDING))


def confirmed(
    program: Program, bands: UsualBands, by: str, second: str = "", factor: float = GROSS_FACTOR
) -> Plausibility:
    """Judge a program. Raises Implausible when something is found and nobody (``by`` empty) has confirmed it.

    What lies ``factor`` times outside of its band is confirmed by a ``second`` person too. Raises NeedsSecondPerson.
    """
    seen = plausibility(program, bands)
    if seen.sentences and not by:
        raise Implausible(program.recipe, program.cell.name, seen.sentences, twice=bool(gross(seen, factor)))
    if (far := gross(seen, factor)) and is_same_person(second, by):
        raise NeedsSecondPerson(program.recipe, program.cell.name, far, by)
    return seen


def is_same_person(second: str, first: str) -> bool:
    """Tell whether two names are those of one person, however they are typed; an empty one is nobody else's."""
    one, other = ("".join(filter(str.isalnum, normalize("NFKC", name).casefold())) for name in (first, second))
    return not other or one == other


_Named = tuple[str, PoweredStep]


def _named(program: Program) -> Iterator[_Named]:
    """Give each powered step with its number, behind that of its test where the program has several."""
    several = len(program.segments) > 1
    for test, segment in enumerate(program.segments, 1):
        if not isinstance(segment, MeasurementSegment):
            for number, step in powered(segment.steps):
                yield f"{test}.{number}" if several else f"{number}", step


def _rests(program: Program) -> Iterator[str]:
    """Say which steps are rests; none where there is no rest."""
    several = len(program.segments) > 1
    names = [
        f"{test}.{number}" if several else f"{number}"
        for test, segment in enumerate(program.segments, 1)
        if not isinstance(segment, MeasurementSegment)
        for number, step in enumerate(segment.steps, 1)
        if isinstance(step, Rest)
    ]
    if names:
        yield f"{_steps(names).lower()} {'are rests' if len(names) > 1 else 'is a rest'}, without a current"


def _what(step: PoweredStep) -> str:
    words = step.direction.value
    if step.purpose is Purpose.CHECK:
        words = f"contact check, {words}"
    if step.holds_voltage:
        words += f", {step.target_v:g} V"
    if step.power_w is not None:
        words += f", {step.power_w * 1000:.4g} mW"
    if step.resistance_ohm is not None:
        words += f", {step.resistance_ohm:.6g} ohm"
    return words if step.sets_current else f"{words}, at most"


def _rows(named: Iterable[_Named], cell: CellFacts) -> Iterator[StepValues]:
    alike: dict[tuple[str, float | None], list[str]] = {}
    for name, step in named:
        alike.setdefault((_what(step), step.largest_a), []).append(name)
    for (what, current_a), names in alike.items():
        values = {} if current_a is None else currents(current_a, cell)
        yield StepValues(_listed(names), what, **{judged.value: value for judged, value in values.items()})


def _currents(named: Iterable[_Named], cell: CellFacts, bands: KindBands) -> Iterator[ImplausibleValue]:
    alike: dict[float, list[str]] = {}
    for name, step in named:
        if step.largest_a:
            alike.setdefault(step.largest_a, []).append(name)
    for current_a, names in alike.items():
        values = currents(current_a, cell)
        beyond = outside(values, bands)
        if beyond:
            first = next(judged for judged in _TOLD_FIRST if judged in beyond)
            told = [f"{plain(value)} {judged.unit}" for judged, value in values.items()]
            is_what = f"{told[0]} is {_and(told[1:])}" if len(told) > 1 else told[0]
            # Where the sizes of the cell are wrong, so are the currents that follow from them.
            guesses = [] if outside(sizes(cell), bands) else current_slips(current_a, cell, bands)
            yield _finding(_steps(names), is_what, first, values[first], cell, beyond, guesses)


def _charges(named: Iterable[_Named], cell: CellFacts, bands: KindBands) -> Iterator[ImplausibleValue]:
    """Judge the charge that a step sets, per area: more than a foil holds cannot be stripped from it."""
    band = bands.get(Judged.STEP_CHARGE)
    if band is None or not cell.area_cm2:
        return
    alike: dict[tuple[float, float, bool], list[str]] = {}
    for name, step in named:
        current_a = abs(step.constant_a or 0.0)
        time_s, set_ah = step.until.time_s, step.until.capacity_ah
        bounds = [] if set_ah is None else [set_ah]
        bounds += [] if time_s is None else [current_a * time_s / 3600]
        if current_a and bounds and not band.holds(min(bounds) * 1000 / cell.area_cm2):
            alike.setdefault((current_a, min(bounds), min(bounds) == set_ah), []).append(name)
    for (current_a, charge_ah, is_set), names in alike.items():
        per_area, hours = charge_ah * 1000 / cell.area_cm2, charge_ah / current_a
        if is_set:
            what = f"{plain(charge_ah * 1000)} mAh on {plain(cell.area_cm2)} cm2"
            meant = (factor for factor in (0.1, 0.01, 0.001) if band.holds(per_area * factor))
            guesses = [f"{plain(charge_ah * 1000 * factor)} mAh" for factor in meant][:1]
        else:
            what = f"{plain(current_a * 1000 / cell.area_cm2)} mA/cm2 for {plain(hours)} h"
            guesses = [f"{plain(hours)} min"] if band.holds(per_area / 60) else []
        is_what = f"{what} is {plain(per_area)} mAh/cm2"
        beyond = {Judged.STEP_CHARGE: band}
        yield _finding(_steps(names), is_what, Judged.STEP_CHARGE, per_area, cell, beyond, guesses)


def _cell(cell: CellFacts, bands: KindBands) -> Iterator[ImplausibleValue]:
    values = sizes(cell)
    beyond = outside(values, bands)
    guesses = cell_slips(cell, bands) if beyond else []
    mass, area = f"{plain(cell.active_mass_mg or 0)} mg", f"{plain(cell.area_cm2 or 0)} cm2"
    nominal = f"{plain((cell.nominal_capacity_ah or 0) * 1000)} mAh"
    words = {
        Judged.LOADING: f"{mass} on {area} is ",
        Judged.AREAL_CAPACITY: f"{nominal} on {area} is ",
        Judged.SPECIFIC_CAPACITY: f"{nominal} beside {mass} is ",
        Judged.AREA: "an area of ",
        Judged.ACTIVE_MASS: "an active_mass of ",
        Judged.NOMINAL_CAPACITY: "a nominal_capacity of ",
        Judged.ELECTROLYTE_THICKNESS: "an electrolyte_thickness of ",
        Judged.ELECTROLYTE_CONDUCTIVITY: "an electrolyte_conductivity of ",
    }
    for judged, band in beyond.items():
        told = f"{words[judged]}{plain(values[judged])} {judged.unit}"
        if judged is Judged.SPECIFIC_CAPACITY and (hint := capacity_hint(cell)):
            told += f", while {hint}"
        yield _finding(f"Cell {cell.name}", told, judged, values[judged], cell, {judged: band}, guesses)
        guesses = []  # they mend all of it: once is enough


def _measurements(program: Program, bands: KindBands) -> Iterator[ImplausibleValue]:
    alike: dict[tuple[str, Judged, float], list[str]] = {}
    for test, segment in enumerate(program.segments, 1):
        technique = segment.technique if isinstance(segment, MeasurementSegment) else None
        if isinstance(technique, Impedance):
            alike.setdefault((technique.kind, Judged.AMPLITUDE, technique.amplitude_v * 1000), []).append(str(test))
        elif isinstance(technique, CyclicVoltammetry):
            rate = technique.scan_rate_v_per_s * 1000
            alike.setdefault((technique.kind, Judged.SCAN_RATE, rate), []).append(str(test))
    for (technique_kind, judged, value), names in alike.items():
        beyond = outside({judged: value}, bands)
        if beyond:
            told = f"an {technique_kind} with {plain(value)} {judged.unit}".replace("an cyclic_", "a cyclic ")
            slips = (factor * value for factor in (1e-3, 1e3) if bands[judged].holds(factor * value))
            guesses = [f"{plain(slip)} {judged.unit}" for slip in slips]
            where = f"{'Tests' if len(names) > 1 else 'Test'} {_listed(names)}"
            yield _finding(where, told, judged, value, program.cell, beyond, guesses)


def _order(program: Program) -> tuple[list[str], list[str]]:
    """Give sentences on steps that probably end as they begin, and on those that do so in some passes of a loop."""
    capacity = capacity_mah(program.cell)
    full_ah = None if capacity is None or program.cell.kind in SYMMETRIC else capacity / 1000
    doubts: list[str] = []
    notes: list[str] = []
    several = len(program.segments) > 1
    for test, segment in enumerate(program.segments, 1):
        for flaw in () if isinstance(segment, MeasurementSegment) else step_flaws(segment.steps, full_ah=full_ah):
            where, behind = (f"{test}.{key}" if several else f"{key}" for key in (flaw.key, flaw.behind))
            after = f"step {behind} has {flaw.by}d to {flaw.begins_v:g} V"
            what = f"Step {where}: a {flaw.direction} to {flaw.target_v:g} V"
            if not flaw.is_always:
                notes.append(f"{what} ends as it begins in some passes of its loop, where {after}.")
            elif not flaw.is_certain:
                unless = f"unless the cell has relaxed to {flaw.target_v:g} V by then"
                doubts.append(f"{what} after {after}: it ends as it begins, {unless}.")
        for flaw in () if isinstance(segment, MeasurementSegment) else waiting_holds(segment.steps, full_ah):
            where, behind = (f"{test}.{key}" if several else f"{key}" for key in (flaw.key, flaw.behind))
            what = f"a {flaw.direction} that holds {flaw.target_v:g} V"
            after = f"step {behind} has {flaw.by}d to {flaw.begins_v:g} V"
            until = f"it passes no current until the cell has relaxed to {flaw.target_v:g} V"
            notes.append(f"Step {where}: {what}, after {after}: {until}.")
    return doubts, notes


def _finding(
    where: str,
    told: str,
    first: Judged,
    value: float,
    cell: CellFacts,
    beyond: dict[Judged, UsualBand],
    guesses: list[str],
) -> ImplausibleValue:
    band = beyond[first]
    what = cell.material if first is Judged.SPECIFIC_CAPACITY and cell.material else cell.kind
    text = f"{where}: {told}. Usual for {what} is {_range(band, first)}: {band.source}."
    others = [_range(other, judged) for judged, other in beyond.items() if judged is not first]
    text += f" It is also outside {_and(others)}." if others else ""
    text += f" Did you mean {', or '.join(guesses)}?" if guesses else ""
    return ImplausibleValue(where, first, value, band, text)


def _range(band: UsualBand, judged: Judged) -> str:
    if band.low <= 0:
        return f"at most {plain(band.high)} {judged.unit}"
    return f"{plain(band.low)} to {plain(band.high)} {judged.unit}"


def _untold(cell: CellFacts) -> Iterator[str]:
    known = currents(1.0, cell)
    for judged, what in (
        (Judged.CURRENT_DENSITY, "area"),
        (Judged.SPECIFIC_CURRENT, "active_mass"),
        (Judged.C_RATE, "nominal_capacity"),
    ):
        if judged not in known:
            yield f"{judged.unit} needs {what} in the cell's file"


def _steps(names: list[str]) -> str:
    return f"{'Steps' if len(names) > 1 else 'Step'} {_listed(names)}"


def _listed(names: list[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_LISTED])} and {more} more"


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
