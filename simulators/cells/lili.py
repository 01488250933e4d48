"""The physics of a Li/Li symmetric cell: growth, relaxation, and the dendrite that bridges the electrolyte at last.

Everything that moves does so at a rate set by the present ionic current and temperature, and at constant current each
of these equations has a closed solution, so ``advance`` is exact however it is cut. Only while a filament shunts the
cell does the ionic current itself drift; it is then held for ``HOLD_S`` at a time, on the cell's own clock.
Equations and sources: docs/cell-models.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from simulators.cells.electrolyte import electrolyte_at
from simulators.cells.impedance import angular_rad_per_s, film_ohm_cm2
from simulators.cells.lili_parameters import LithiumSymmetricParameters
from simulators.cells.random_draws import erlang, spread, uniform
from simulators.cells.solving import solve_rising
from simulators.cells.state import MOST_A, CellState
from simulators.cells.thermal import arrhenius, thermal_voltage_v
from simulators.cells.walking import Walked, walk_by_intervals

HOLD_S = 15.0
"""How long the ionic share of a shunted cell's current is held before it is worked out again."""

_HOLDS_A_CALL = 1000
_FILAMENT_STEPS = 3
_POSITIONS_A_SHORT = _FILAMENT_STEPS + 2
_FIRST_SHORT = 16
_SOUND, _SOFT, _HARD = 0.0, 1.0, 2.0


class LithiumSymmetricCell(CellState):
    """Two lithium discs with a polymer film between them; the working electrode is stripped by positive current."""

    NAME = "a Li/Li cell"
    STATE = (
        "temperature_degc",
        "_charge_c",
        "_slow_v",
        "_fast_v",
        "_film2_working",
        "_film2_counter",
        "_deposit_working",
        "_deposit_counter",
        "_cover_working",
        "_cover_counter",
        "_penetration",
        "_soft_at",
        "_draws",
        "_short",
        "_shunt_ohm",
        "_fuse",
        "_held_current",
        "_held_ionic",
        "_hold_left",
    )

    max_interval_s: float = 30.0

    def __init__(self, parameters: LithiumSymmetricParameters, *, seed: int, temperature_degc: float | None) -> None:
        """Build a fresh cell: flat lithium under its first film, no salt gradient, nothing plated yet."""
        p = self._parameters = parameters
        self._seed = seed
        self._area, self._contact_ohm = p.area_cm2, p.contact_ohm
        self._nucleus = p.nucleus_area_fraction
        self._tip_area = p.tip_area_fraction
        self._thickness_um = p.electrolyte_thickness_um * spread(seed, 0, 0.5 * p.spread_fraction)
        self._interface_factor = spread(seed, 2, p.spread_fraction)
        self._tip_speed = p.tip_growth_um_per_s_at_1_ma_per_cm2 * spread(seed, 4, p.spread_fraction)
        self._bridge_at = spread(seed, 6, p.spread_fraction)
        self._penetration = self._slow_v = self._fast_v = 0.0
        self._film2_working = self._film2_counter = p.film_ohm_cm2**2
        self._deposit_working = self._deposit_counter = 0.0
        self._cover_working = self._cover_counter = 0.0
        self._short, self._shunt_ohm, self._fuse = _SOUND, math.inf, 0.0
        self._held_current = self._held_ionic = self._hold_left = 0.0
        self._draws = 0.0
        self._soft_at = self._next_soft_at()
        self._begin(p.reference_degc if temperature_degc is None else temperature_degc)

    def _warm(self, temperature_degc: float) -> None:
        p, degc = self._parameters, temperature_degc
        film = electrolyte_at(p, degc, self._thickness_um)
        self._electrolyte = film
        self._electrolyte_ohm_cm2, self._rest_ohm_cm2 = film.ohmic_ohm_cm2, film.rest_ohm_cm2
        self._thermal2_v = 2.0 * thermal_voltage_v(degc)
        rate = arrhenius(p.exchange_activation_kj_per_mol, degc, p.reference_degc)
        self._exchange2 = 2.0 * p.exchange_current_a_per_cm2 * rate
        self._interface = self._interface_factor / arrhenius(p.interface_activation_kj_per_mol, degc, p.reference_degc)
        self._growth = arrhenius(p.growth_activation_kj_per_mol, degc, p.reference_degc)
        self._step_duration_s, self._step_density = -1.0, 0.0
        self._hold_left = 0.0

    @property
    def penetration(self) -> float:
        """Return the share of the electrolyte's thickness that dendrites have grown through; near 1 they meet."""
        return self._penetration

    @property
    def shunt_ohm(self) -> float:
        """Return the resistance of the short, infinite while there is none."""
        return self._shunt_ohm

    def voltage_v(self, current_a: float) -> float:
        """Return the terminal voltage now, at this current."""
        if self._short == _SOUND:
            return self._ionic_v(current_a / self._area) + current_a * self._contact_ohm
        ionic = self._ionic_share(current_a)
        inner = (current_a - ionic * self._area) * self._shunt_ohm
        return inner + current_a * self._contact_ohm

    def current_a(self, voltage_v: float) -> float:
        """Return the current that a source holding this terminal voltage would pass now."""
        contact = self._contact_ohm
        divider = 1.0 + contact / self._shunt_ohm
        extra = contact * self._area / divider
        ionic = self._solve(extra, voltage_v / divider)
        return ionic * self._area + self._ionic_v(ionic) / self._shunt_ohm

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance the cell in time at a constant current."""
        self._pass(duration_s, current_a)
        if self._short == _SOUND:
            steps = self._steps(duration_s, current_a / self._area)
            after = self._penetration + steps[0]
            if after < self._soft_at and after < self._bridge_at:
                self._evolve(steps)
                return
        self._advance_by_events(duration_s, current_a)

    def walk(self, durations_s: Sequence[float], current_a: float, low_v: float, high_v: float) -> Walked:
        """Advance by intervals at a constant current, as ``walk_by_intervals`` does: the hot loop of long tests."""
        walked_v: list[float] = []
        if self._short == _SOUND and abs(current_a) < MOST_A:
            walked_v = self._walk_sound(durations_s, current_a, low_v, high_v)
        voltages_v, before = walk_by_intervals(self, durations_s[len(walked_v) :], current_a, low_v, high_v)
        return walked_v + voltages_v, before

    def _walk_sound(self, durations_s: Sequence[float], current_a: float, low_v: float, high_v: float) -> list[float]:
        """Advance up to the first interval in which a filament forms or a bound is crossed; return the voltages.

        It has the operations of ``advance``, ``_evolve`` and ``_ionic_v`` in their order: the same to the last bit.
        """
        density = current_a / self._area
        strip = density / self._exchange2
        strip_arc, thermal2_v, nucleus, face = math.asinh(strip), self._thermal2_v, self._nucleus, 1.0 - self._nucleus
        film_ohm, rest_ohm, tip_area, interface = (
            self._electrolyte_ohm_cm2, self._rest_ohm_cm2, self._tip_area, self._interface
        )  # fmt: skip
        contact_v, meet_at = current_a * self._contact_ohm, min(self._soft_at, self._bridge_at)
        charge, slow_v, fast_v, grown = self._charge_c, self._slow_v, self._fast_v, self._penetration
        film2_w, film2_c, deposit_w, deposit_c, cover_w, cover_c = (
            self._film2_working, self._film2_counter, self._deposit_working, self._deposit_counter,
            self._cover_working, self._cover_counter,
        )  # fmt: skip
        voltages_v: list[float] = []
        steps_of: dict[float, tuple[float, ...]] = {}
        for duration_s in durations_s:
            steps = steps_of.get(duration_s)
            if steps is None:
                if not 0.0 <= duration_s < math.inf:
                    break
                steps = steps_of[duration_s] = self._steps(duration_s, density)
            growth, _, slow, slow_decay, fast, fast_decay, uncover, thicken, deposit = steps
            after = grown + growth
            if not after < meet_at:
                break
            kept = charge, slow_v, fast_v, grown, film2_w, film2_c, deposit_w, deposit_c, cover_w, cover_c
            charge += current_a * duration_s
            slow_v = slow + (slow_v - slow) * slow_decay
            fast_v = fast + (fast_v - fast) * fast_decay
            grown = after
            film2_w += thicken
            film2_c += thicken
            cover = cover_w
            if density > 0.0:
                cover = cover_c = 1.0 - (1.0 - cover_c) * uncover
                cover_w *= uncover
                deposit_c += deposit
            elif density < 0.0:
                cover = cover_w = 1.0 - (1.0 - cover_w) * uncover
                cover_c *= uncover
                deposit_w += deposit
            plate = strip / (nucleus + face * cover)
            kinetic = thermal2_v * (strip_arc + math.asinh(plate))
            films, deposits = math.sqrt(film2_w) + math.sqrt(film2_c), deposit_w + deposit_c
            linear = film_ohm * (1.0 - tip_area * grown) + rest_ohm + interface * (films + deposits)
            voltage_v = slow_v + fast_v + density * linear + kinetic + contact_v
            if not low_v < voltage_v < high_v:
                charge, slow_v, fast_v, grown, film2_w, film2_c, deposit_w, deposit_c, cover_w, cover_c = kept
                break
            voltages_v.append(voltage_v)
        self._charge_c, self._slow_v, self._fast_v, self._penetration = charge, slow_v, fast_v, grown
        self._film2_working, self._film2_counter = film2_w, film2_c
        self._deposit_working, self._deposit_counter = deposit_w, deposit_c
        self._cover_working, self._cover_counter = cover_w, cover_c
        return voltages_v

    def restore(self, state: tuple[float, ...]) -> None:
        """Return to a moment that ``snapshot`` kept, with the position in the random stream and what was drawn."""
        super().restore(state)
        # Setting the temperature has ended a hold.
        self._hold_left = state[-1]

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return the impedance around zero current in the present state; a short lies across all but the contact."""
        angular = angular_rad_per_s(frequency_hz)
        p = self._parameters
        total = self._electrolyte_ohm_cm2 * (
            1.0 - self._tip_area * self._penetration
        ) + self._electrolyte.diffusion_impedance_ohm_cm2(angular)
        for film2, deposit, cover in (
            (self._film2_working, self._deposit_working, self._cover_working),
            (self._film2_counter, self._deposit_counter, self._cover_counter),
        ):
            film = self._interface * (math.sqrt(film2) + deposit)
            total += film_ohm_cm2(film, p.interface_capacitance_f_per_cm2, p.interface_cpe_exponent, angular)
            # A sine plates for one half of its period (on the nuclei) and strips for the other (the whole face).
            transfer = self._thermal2_v / self._exchange2 * 0.5 * (1.0 + 1.0 / self._active_area(cover))
            total += film_ohm_cm2(transfer, p.double_layer_f_per_cm2, p.double_layer_cpe_exponent, angular)
        ionic = total / self._area
        return self._contact_ohm + (ionic if self._short == _SOUND else 1.0 / (1.0 / ionic + 1.0 / self._shunt_ohm))

    def _active_area(self, cover: float) -> float:
        return self._nucleus + (1.0 - self._nucleus) * cover

    def _linear_ohm_cm2(self) -> float:
        films = math.sqrt(self._film2_working) + math.sqrt(self._film2_counter)
        deposits = self._deposit_working + self._deposit_counter
        return (
            self._electrolyte_ohm_cm2 * (1.0 - self._tip_area * self._penetration)
            + self._rest_ohm_cm2
            + self._interface * (films + deposits)
        )

    def _ionic_v(self, density: float) -> float:
        """Return the voltage across the path through the electrolyte, at a density in A/cm2."""
        cover = self._cover_counter if density > 0.0 else self._cover_working
        strip = density / self._exchange2
        plate = strip / (self._nucleus + (1.0 - self._nucleus) * cover)
        kinetic = self._thermal2_v * (math.asinh(strip) + math.asinh(plate))
        return self._slow_v + self._fast_v + density * self._linear_ohm_cm2() + kinetic

    def _ionic_slope_ohm_cm2(self, density: float) -> float:
        area = self._active_area(self._cover_counter if density > 0.0 else self._cover_working)
        strip = density / self._exchange2
        plate = strip / area
        steepness = 1.0 / math.hypot(1.0, strip) + 1.0 / (area * math.hypot(1.0, plate))
        return self._linear_ohm_cm2() + self._thermal2_v / self._exchange2 * steepness

    def _solve(self, extra_ohm_cm2: float, target_v: float) -> float:
        def rising(density: float) -> tuple[float, float]:
            return (
                self._ionic_v(density) + density * extra_ohm_cm2,
                self._ionic_slope_ohm_cm2(density) + extra_ohm_cm2,
            )

        return solve_rising(rising, self._linear_ohm_cm2() + extra_ohm_cm2, target_v)

    def _ionic_share(self, current_a: float) -> float:
        """Return the density through the electrolyte while a filament carries the rest."""
        return self._solve(self._area * self._shunt_ohm, current_a * self._shunt_ohm)

    def _steps(self, duration_s: float, density: float) -> tuple[float, ...]:
        """Return the change of each state in an interval; cached, because most intervals repeat the one before."""
        if duration_s != self._step_duration_s or density != self._step_density:
            p, film, size = self._parameters, self._electrolyte, abs(density)
            sand = size / film.limiting_a_per_cm2
            tips = self._tip_speed * (size * 1e3) ** p.tip_growth_exponent * (1.0 + sand * sand)
            self._step_duration_s, self._step_density = duration_s, density
            self._kept_steps = (
                tips * self._growth / self._thickness_um * duration_s,
                density,
                density * film.slow_ohm_cm2,
                math.exp(-duration_s / film.slow_s),
                density * film.fast_ohm_cm2,
                math.exp(-duration_s / film.fast_s),
                math.exp(-size * duration_s / p.nucleation_charge_c_per_cm2),
                2.0 * p.film_growth_ohm2_cm4_per_s * self._growth * duration_s,
                p.deposit_ohm_cm4_per_c * size * duration_s,
            )
        return self._kept_steps

    def _evolve(self, steps: tuple[float, ...]) -> None:
        """Advance every state by an interval at a constant ionic current; exact."""
        growth, density, slow, slow_decay, fast, fast_decay, uncover, thicken, deposit = steps
        self._slow_v = slow + (self._slow_v - slow) * slow_decay
        self._fast_v = fast + (self._fast_v - fast) * fast_decay
        self._penetration += growth
        self._film2_working += thicken
        self._film2_counter += thicken
        if density > 0.0:
            self._cover_counter = 1.0 - (1.0 - self._cover_counter) * uncover
            self._cover_working *= uncover
            self._deposit_counter += deposit
        elif density < 0.0:
            self._cover_working = 1.0 - (1.0 - self._cover_working) * uncover
            self._cover_counter *= uncover
            self._deposit_working += deposit

    def _advance_by_events(self, duration_s: float, current_a: float) -> None:
        """Advance from event to event: a filament forms, burns out or bridges; a held share is worked out again."""
        hold_s = max(HOLD_S, duration_s / _HOLDS_A_CALL)
        left = duration_s
        while left > 0.0:
            step, density = left, current_a / self._area
            if self._short != _SOUND:
                if self._hold_left <= 0.0 or current_a != self._held_current:
                    self._held_current, self._hold_left = current_a, hold_s
                    self._held_ionic = self._ionic_share(current_a)
                step, density = min(left, self._hold_left), self._held_ionic
            step, event = self._first_event(step, density, abs(current_a / self._area - density))
            self._evolve(self._steps(step, density))
            if self._short != _SOUND:
                self._hold_left -= step
            if self._short == _SOFT:
                self._fuse -= step * abs(current_a / self._area - density)
            elif self._short == _HARD:
                self._penetration = self._bridge_at
            left -= step
            if event is not None:
                event()

    def _first_event(self, step_s: float, density: float, shunted: float) -> tuple[float, Callable[[], None] | None]:
        """Shorten a step to the first event in it, and return the function that carries out the event."""
        event: Callable[[], None] | None = None
        growth = self._steps(step_s, density)[0]
        meet, happens = self._bridge_at, self._bridge
        if self._short == _SOUND and self._soft_at < meet:
            meet, happens = self._soft_at, self._start_soft_short
        if self._short != _HARD and growth > 0.0 and self._penetration + growth >= meet:
            step_s *= max(0.0, meet - self._penetration) / growth
            event = happens
        if self._short == _SOFT and shunted * step_s >= self._fuse:
            step_s = max(0.0, self._fuse) / shunted if shunted > 0.0 else 0.0
            event = self._end_soft_short
        return step_s, event

    def _next_soft_at(self) -> float:
        """Draw the growth until the next filament; its hazard per growth rises with the growth so far."""
        p = self._parameters
        if p.soft_short_count_at_bridge == 0.0:
            return math.inf
        position = _FIRST_SHORT + int(self._draws) * _POSITIONS_A_SHORT
        passed = self._penetration**p.soft_short_steepness
        wait = erlang(self._seed, position, _FILAMENT_STEPS) / p.soft_short_count_at_bridge
        return math.pow(passed + wait, 1.0 / p.soft_short_steepness)

    def _start_soft_short(self) -> None:
        """Begin a soft short: a filament carries part of the current until the charge through it has burnt it."""
        p = self._parameters
        position = _FIRST_SHORT + int(self._draws) * _POSITIONS_A_SHORT + _FILAMENT_STEPS
        least, most = p.soft_short_least_ohm_cm2, p.soft_short_most_ohm_cm2
        self._shunt_ohm = least * (most / least) ** uniform(self._seed, position) / self._area
        self._fuse = p.soft_short_fuse_c_per_cm2 * (0.5 + uniform(self._seed, position + 1))
        self._short, self._hold_left = _SOFT, 0.0
        self._penetration = max(self._penetration, self._soft_at)

    def _end_soft_short(self) -> None:
        self._draws += 1.0
        self._short, self._shunt_ohm, self._fuse = _SOUND, math.inf, 0.0
        self._soft_at = self._next_soft_at()

    def _bridge(self) -> None:
        """Begin the hard short: from now on metal carries nearly all of the current, permanently."""
        self._penetration = self._bridge_at
        self._short, self._shunt_ohm, self._fuse = _HARD, self._parameters.hard_short_ohm, 0.0
        self._hold_left = 0.0
