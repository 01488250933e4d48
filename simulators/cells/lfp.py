"""The physics of an LFP cell against lithium: filling, diffusion, kinetics, and a side reaction that ages it.

At constant current each state's equation has a closed solution, also while active material is being lost (then the
same current fills the rest faster and faster), so ``advance`` is exact however it is cut.
Equations and sources: docs/cell-models.md.
"""

from __future__ import annotations

import math

from simulators.cells.electrolyte import electrolyte_at
from simulators.cells.impedance import angular_rad_per_s, film_ohm_cm2, sphere_s
from simulators.cells.lfp_parameters import IronPhosphateParameters
from simulators.cells.ocv import PlateauOcv
from simulators.cells.random_draws import spread
from simulators.cells.state import DrivenCell
from simulators.cells.thermal import arrhenius, thermal_voltage_v

_LEAST_RIM = 0.1
_LEAST_FILLING, _MOST_FILLING = -0.5, 1.5
# First root of tan(x) = x: the slowest mode of diffusion in a sphere. It carries 2/3 of its time constant, all
# faster modes together what is missing to 1/15 of R2/D; they are given the second root's time constant.
_SLOW_ROOT2, _FAST_ROOT2 = 4.493409457909064**2, 7.725251836937707**2
_SLOW_SHARE = 2.0 / (3.0 * _SLOW_ROOT2)
_FAST_SHARE = 1.0 / 15.0 - _SLOW_SHARE


class IronPhosphateCell(DrivenCell):
    """A lithium iron phosphate working electrode, built discharged, against lithium; positive current charges it."""

    NAME = "an LFP cell"
    STATE = (
        "temperature_degc",
        "_charge_c",
        "_filling",
        "_slow_x",
        "_fast_x",
        "_slow_v",
        "_fast_v",
        "_hysteresis",
        "_rim",
        "_deposit",
    )

    max_interval_s: float = 30.0

    def __init__(self, parameters: IronPhosphateParameters, *, seed: int, temperature_degc: float | None) -> None:
        """Build a fresh cell: nearly all sites filled with lithium, no gradient, nothing lost."""
        p = self._parameters = parameters
        self._area, self._contact_ohm = p.area_cm2, p.contact_ohm
        self._isolation = 0.5 * p.side_isolation_cm2_per_c
        self._hysteresis_v, self._branch_sharpness = p.hysteresis_v, p.hysteresis_sharpness
        self._film_ohm_cm2 = p.film_ohm_cm2
        self._thickness_um = p.electrolyte_thickness_um * spread(seed, 0, p.spread_fraction)
        self._interface_factor = spread(seed, 2, p.spread_fraction)
        self._side_factor = spread(seed, 4, p.spread_fraction)
        capacity_ah = p.active_mass_mg * p.accessible_capacity_mah_per_g * 1e-6
        self._capacity_c = 3600.0 * capacity_ah * spread(seed, 6, 0.3 * p.spread_fraction)
        self._ocv = PlateauOcv(
            plateau_v=p.plateau_v,
            slope_v=p.plateau_slope_v,
            upper_v=p.upper_end_v,
            upper_sharpness=p.upper_end_sharpness,
            lower_v=p.lower_end_v,
            lower_sharpness=p.lower_end_sharpness,
        )
        self._filling = p.initial_delithiated_fraction
        self._slow_x = self._fast_x = self._slow_v = self._fast_v = self._deposit = 0.0
        self._hysteresis = -1.0
        self._rim = 1.0
        self._begin(p.reference_degc if temperature_degc is None else temperature_degc)

    def _warm(self, temperature_degc: float) -> None:
        p, degc = self._parameters, temperature_degc
        film = self._electrolyte = electrolyte_at(p, degc, self._thickness_um)
        self._thermal2_v = 2.0 * thermal_voltage_v(degc)
        exchange = 2.0 * arrhenius(p.exchange_activation_kj_per_mol, degc, p.reference_degc)
        self._exchange2_lithium = p.lithium_exchange_a_per_cm2 * exchange
        self._exchange2_positive = p.positive_exchange_a_per_cm2 * exchange
        interface = arrhenius(p.interface_activation_kj_per_mol, degc, p.reference_degc)
        self._interface = self._interface_factor / interface
        side = self._side_factor * arrhenius(p.side_activation_kj_per_mol, degc, p.reference_degc)
        self._side_at_rest = side * p.side_current_at_rest_a_per_cm2
        self._side_per_a = side * p.side_current_fraction / self._area
        solid = arrhenius(p.solid_activation_kj_per_mol, degc, p.reference_degc) * p.solid_diffusivity_cm2_per_s
        self._solid_s = (p.particle_radius_nm * 1e-7) ** 2 / solid
        self._fixed_ohm_cm2 = film.ohmic_ohm_cm2 + film.rest_ohm_cm2 + self._area * self._contact_ohm
        self._step_duration_s, self._step_current_a = -1.0, 0.0

    @property
    def active_fraction(self) -> float:
        """Return the share of the active material that is still connected."""
        return self._rim * self._rim

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance the cell in time at a constant current."""
        self._pass(duration_s, current_a)
        recede = self._isolation * (self._side_at_rest + self._side_per_a * abs(current_a))
        steps = self._steps(duration_s, current_a)
        if recede * duration_s < self._rim - _LEAST_RIM:
            self._evolve(steps, recede * duration_s)
            return
        receding_s = (self._rim - _LEAST_RIM) / recede if recede > 0.0 else 0.0
        self._evolve(self._steps(receding_s, current_a), self._rim - _LEAST_RIM)
        self._evolve(self._steps(duration_s - receding_s, current_a), 0.0)

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return the impedance around zero current in the present state."""
        angular = angular_rad_per_s(frequency_hz)
        p, film = self._parameters, self._electrolyte
        cpe = p.interface_cpe_exponent
        total = film.ohmic_ohm_cm2 + film.diffusion_impedance_ohm_cm2(angular)
        total += film_ohm_cm2(self._films_ohm_cm2(), p.interface_capacitance_f_per_cm2, cpe, angular)
        lithium = self._thermal2_v / self._exchange2_lithium
        total += film_ohm_cm2(lithium, p.double_layer_f_per_cm2, p.double_layer_cpe_exponent, angular)
        positive = self._thermal2_v / (self._exchange2_positive * self.active_fraction)
        volts_per_c = self._ocv.slope(self._surface()) / (self._capacity_c * self.active_fraction)
        solid = self._area * volts_per_c * sphere_s(angular, self._solid_s)
        double_layer = p.positive_double_layer_f_per_cm2
        total += film_ohm_cm2(positive, double_layer, p.double_layer_cpe_exponent, angular, behind=solid)
        return self._contact_ohm + total / self._area

    def _surface(self) -> float:
        return self._filling + (self._slow_x + self._fast_x) / (self._rim * self._rim)

    def _rest_v(self) -> float:
        """Return the voltage at the terminals just after the current stops."""
        ocv_v = self._ocv.voltage_v(self._filling + (self._slow_x + self._fast_x) / (self._rim * self._rim))
        return ocv_v + self._hysteresis_v * self._hysteresis + self._slow_v + self._fast_v

    def _films_ohm_cm2(self) -> float:
        return self._interface * (self._film_ohm_cm2 + self._deposit)

    def _linear_ohm_cm2(self) -> float:
        return self._fixed_ohm_cm2 + self._films_ohm_cm2()

    def _driven_v(self, density: float) -> float:
        """Return the voltage that a density (A/cm2) adds at once: resistances, and both electrodes' kinetics."""
        lithium = math.asinh(density / self._exchange2_lithium)
        positive = math.asinh(density / (self._exchange2_positive * self._rim * self._rim))
        linear = self._fixed_ohm_cm2 + self._interface * (self._film_ohm_cm2 + self._deposit)
        return density * linear + self._thermal2_v * (lithium + positive)

    def _slope_ohm_cm2(self, density: float) -> float:
        slope = self._linear_ohm_cm2()
        for exchange2 in (self._exchange2_lithium, self._exchange2_positive * self.active_fraction):
            slope += self._thermal2_v / (exchange2 * math.hypot(1.0, density / exchange2))
        return slope

    def _steps(self, duration_s: float, current_a: float) -> tuple[float, ...]:
        """Return the change of each state in an interval; cached, because most intervals repeat the one before."""
        if duration_s != self._step_duration_s or current_a != self._step_current_a:
            p, film, density = self._parameters, self._electrolyte, current_a / self._area
            gradient = current_a / self._capacity_c * self._solid_s
            side = self._side_at_rest + self._side_per_a * abs(current_a)
            self._step_duration_s, self._step_current_a = duration_s, current_a
            self._kept_steps = (
                current_a / self._capacity_c * duration_s,
                gradient * _SLOW_SHARE,
                math.exp(-duration_s * _SLOW_ROOT2 / self._solid_s),
                gradient * _FAST_SHARE,
                math.exp(-duration_s * _FAST_ROOT2 / self._solid_s),
                density * film.slow_ohm_cm2,
                math.exp(-duration_s / film.slow_s),
                density * film.fast_ohm_cm2,
                math.exp(-duration_s / film.fast_s),
                p.side_deposit_ohm_cm4_per_c * side * duration_s,
            )
        return self._kept_steps

    def _evolve(self, steps: tuple[float, ...], recede: float) -> None:
        """Advance every state by an interval at a constant current; exact."""
        filled, slow_x, slow_keep, fast_x, fast_keep, slow_v, slow_decay, fast_v, fast_decay, deposit = steps
        # The rim moves evenly and the connected material is its square: the integral of dt / rim^2 is dt / (r0 r1).
        rim = self._rim - recede
        filled /= self._rim * rim
        self._rim = rim
        filling = self._filling + filled
        if not _LEAST_FILLING < filling < _MOST_FILLING:
            filling = _LEAST_FILLING if filled < 0.0 else _MOST_FILLING
        self._filling = filling
        self._slow_x = slow_x + (self._slow_x - slow_x) * slow_keep
        self._fast_x = fast_x + (self._fast_x - fast_x) * fast_keep
        self._slow_v = slow_v + (self._slow_v - slow_v) * slow_decay
        self._fast_v = fast_v + (self._fast_v - fast_v) * fast_decay
        self._deposit += deposit
        if filled != 0.0:
            branch = math.copysign(1.0, filled)
            self._hysteresis = branch + (self._hysteresis - branch) * math.exp(-self._branch_sharpness * abs(filled))
