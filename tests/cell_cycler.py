"""A small tester for cell models: half-cycles in 30 s steps, with the cutoff found by halving the last step."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simulators.cells import CellModel, load_cell
from simulators.cells.lfp import IronPhosphateCell
from simulators.cells.licu import LithiumCopperCell
from simulators.cells.lili import LithiumSymmetricCell

STEP_S = 30.0
DISC_CM2 = 0.7854
SHORT_RATIO = 0.35


def lithium_cell(
    name: str, *, seed: int = 1, temperature_degc: float | None = None, overrides: Mapping[str, float] | None = None
) -> LithiumSymmetricCell:
    """Load a Li/Li model with its own type."""
    cell = load_cell(name, seed=seed, temperature_degc=temperature_degc, overrides=overrides)
    assert isinstance(cell, LithiumSymmetricCell)
    return cell


def phosphate_cell(
    name: str, *, seed: int = 1, temperature_degc: float | None = None, overrides: Mapping[str, float] | None = None
) -> IronPhosphateCell:
    """Load an LFP model with its own type."""
    cell = load_cell(name, seed=seed, temperature_degc=temperature_degc, overrides=overrides)
    assert isinstance(cell, IronPhosphateCell)
    return cell


def copper_cell(name: str, *, seed: int = 1, overrides: Mapping[str, float] | None = None) -> LithiumCopperCell:
    """Load a Li/Cu model with its own type."""
    cell = load_cell(name, seed=seed, overrides=overrides)
    assert isinstance(cell, LithiumCopperCell)
    return cell


@dataclass(frozen=True, slots=True)
class HalfCycle:
    """One constant-current step as a tester saw it."""

    current_a: float
    duration_s: float
    by_voltage: bool
    voltages_v: tuple[float, ...]
    energy_j: float

    @property
    def charge_ah(self) -> float:
        """Give the charge passed, without sign."""
        return abs(self.current_a) * self.duration_s / 3600.0

    @property
    def mean_v(self) -> float:
        """Give the mean voltage."""
        return self.energy_j / (abs(self.current_a) * self.duration_s)

    @property
    def resistance_ohm(self) -> float:
        """Give mean |V| / |I| of the second half, as the short rule wants it."""
        half = self.voltages_v[len(self.voltages_v) // 2 :]
        return statistics.fmean(abs(v) for v in half) / abs(self.current_a)


def half_cycle(cell: CellModel, current_a: float, *, longest_s: float, low_v: float, high_v: float) -> HalfCycle:
    """Pass a constant current until the time is over or a cutoff is met."""
    passed_s, energy_j, before_v = 0.0, 0.0, cell.voltage_v(current_a)
    voltages = [before_v]
    inside = low_v <= before_v <= high_v
    while inside and passed_s < longest_s:
        step_s, start = min(STEP_S, longest_s - passed_s), cell.snapshot()
        cell.advance(step_s, current_a)
        inside = low_v <= cell.voltage_v(current_a) <= high_v
        if not inside:
            step_s = _cut(cell, start, step_s, current_a, (low_v, high_v))
        after_v = cell.voltage_v(current_a)
        energy_j += 0.5 * (before_v + after_v) * step_s * abs(current_a)
        passed_s += step_s
        before_v = after_v
        voltages.append(after_v)
    return HalfCycle(current_a, passed_s, not inside, tuple(voltages), energy_j)


def _cut(
    cell: CellModel, start: tuple[float, ...], step_s: float, current_a: float, window_v: tuple[float, float]
) -> float:
    """Leave the cell where it crosses the cutoff inside this step, and say when that was."""
    inside_s, outside_s = 0.0, step_s
    while outside_s - inside_s > 1e-6:
        middle_s = 0.5 * (inside_s + outside_s)
        cell.restore(start)
        cell.advance(middle_s, current_a)
        if window_v[0] <= cell.voltage_v(current_a) <= window_v[1]:
            inside_s = middle_s
        else:
            outside_s = middle_s
    cell.restore(start)
    cell.advance(outside_s, current_a)
    return outside_s


def symmetric_half_cycles(
    cell: CellModel, density_a_per_cm2: float, *, area_cm2: float = DISC_CM2
) -> Iterator[HalfCycle]:
    """Cycle a Li/Li cell for ever: one hour each way between -0.5 and 0.5 V, stripping first."""
    current_a = density_a_per_cm2 * area_cm2
    while True:
        yield half_cycle(cell, current_a, longest_s=3600.0, low_v=-0.5, high_v=0.5)
        current_a = -current_a


@dataclass(frozen=True, slots=True)
class SymmetricTest:
    """What a Li/Li test gave: the resistance of each half-cycle, and the first of three that say it is shorted."""

    resistances_ohm: tuple[float, ...]
    highest_v: float
    by_voltage: int
    short_hour: int | None

    def ratios(self) -> dict[int, float]:
        """Give each half-cycle's resistance against the median of the ten before, up to the hard short."""
        end = len(self.resistances_ohm) if self.short_hour is None else self.short_hour
        return {
            k: self.resistances_ohm[k] / statistics.median(self.resistances_ohm[k - 10 : k]) for k in range(10, end)
        }

    def dips(self) -> list[int]:
        """Give the half-cycles before the short that show a soft short."""
        return [k for k, ratio in self.ratios().items() if ratio < 0.85]


def symmetric_test(
    cell: CellModel, density_a_per_cm2: float, *, hours: int, area_cm2: float = DISC_CM2
) -> SymmetricTest:
    """Cycle a Li/Li cell for some hours, or until three half-cycles in a row are shorted."""
    resistances: list[float] = []
    highest_v, by_voltage, shorted = 0.0, 0, 0
    for half in symmetric_half_cycles(cell, density_a_per_cm2, area_cm2=area_cm2):
        resistances.append(half.resistance_ohm)
        highest_v = max(highest_v, *(abs(v) for v in half.voltages_v))
        by_voltage += half.by_voltage
        first = len(resistances) - 1 - shorted
        if first >= 10 and resistances[-1] < SHORT_RATIO * statistics.median(resistances[first - 10 : first]):
            shorted += 1
        else:
            shorted = 0
        if shorted == 3:
            return SymmetricTest(tuple(resistances), highest_v, by_voltage, first)
        if len(resistances) >= hours or by_voltage:
            break
    return SymmetricTest(tuple(resistances), highest_v, by_voltage, None)


def phosphate_cycles(cell: CellModel, current_a: float, count: int) -> list[tuple[HalfCycle, HalfCycle]]:
    """Charge and discharge an LFP cell between 2.8 and 4.0 V without rests."""
    limits = {"longest_s": 86400.0, "low_v": 2.8, "high_v": 4.0}
    return [(half_cycle(cell, current_a, **limits), half_cycle(cell, -current_a, **limits)) for _ in range(count)]
