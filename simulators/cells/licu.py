"""The physics of a Li/Cu cell: a film on bare copper, plating, stripping, and the lithium that is lost on the way.

Reduction at the copper first takes back what its surface was charged with, then forms the film, then plates. Oxidation
first strips active lithium, then charges the surface, then dissolves copper. Each of these stages has a closed solution
at constant current and ends at a known charge, so ``advance`` is exact however it is cut.
Equations and sources: docs/cell-models.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulators.cells.electrolyte import electrolyte_at
from simulators.cells.impedance import angular_rad_per_s, film_ohm_cm2
from simulators.cells.licu_parameters import LithiumCopperParameters
from simulators.cells.random_draws import spread
from simulators.cells.state import DrivenCell
from simulators.cells.thermal import arrhenius, thermal_voltage_v

# A loss law that current or drift carries beyond this leaves it: some lithium always comes back.
_MOST_LOSS = 0.95
# The logarithm of a factor by which every loss is beyond that.
_MOST_POWER = 50.0
# While the copper is bare or nearly so, the nucleation spike may turn around within seconds.
_SPIKE_S = 2.0
_PLAIN_S = 30.0
_COVERED = 6.0


@dataclass(frozen=True, slots=True)
class ChargeBalance:
    """What became of the charge, in C/cm2 of copper.

    ``plated`` is the sum of ``stripped``, ``active`` (can be stripped), ``dead`` (has lost contact) and ``consumed``
    (now film). Net charge is ``stripped + surface + dissolved - plated - film``, where ``film`` is what its formation
    took, ``surface`` what the bare copper is charged with, and ``dissolved`` the copper that was oxidised.
    """

    plated: float
    stripped: float
    active: float
    dead: float
    consumed: float
    film: float
    surface: float
    dissolved: float


class LithiumCopperCell(DrivenCell):
    """A copper foil against lithium; negative current plates lithium onto the copper, positive current strips it."""

    NAME = "a Li/Cu cell"
    STATE = (
        "temperature_degc",
        "_charge_c",
        "_slow_v",
        "_fast_v",
        "_surface",
        "_film",
        "_active",
        "_plated",
        "_stripped",
        "_dead",
        "_consumed",
        "_dissolved",
        "_cover",
    )

    def __init__(self, parameters: LithiumCopperParameters, *, seed: int, temperature_degc: float | None) -> None:
        """Build a fresh cell: copper without lithium, its film not formed yet, no salt gradient."""
        p = self._parameters = parameters
        self._area, self._contact_ohm = p.area_cm2, p.contact_ohm
        self._thickness_um = p.electrolyte_thickness_um * spread(seed, 0, 0.5 * p.spread_fraction)
        self._interface_factor = spread(seed, 2, p.spread_fraction)
        self._loss_factor = spread(seed, 4, p.spread_fraction)
        self._film_charge = p.film_charge_c_per_cm2 * spread(seed, 6, p.spread_fraction)
        self._slow_v = self._fast_v = self._surface = self._film = self._active = 0.0
        self._plated = self._stripped = self._dead = self._consumed = self._dissolved = self._cover = 0.0
        self._begin(p.reference_degc if temperature_degc is None else temperature_degc)

    def _warm(self, temperature_degc: float) -> None:
        p, degc = self._parameters, temperature_degc
        film = self._electrolyte = electrolyte_at(p, degc, self._thickness_um)
        self._thermal2_v = 2.0 * thermal_voltage_v(degc)
        rate = arrhenius(p.exchange_activation_kj_per_mol, degc, p.reference_degc)
        self._exchange2 = 2.0 * p.exchange_current_a_per_cm2 * rate
        self._interface = self._interface_factor / arrhenius(p.interface_activation_kj_per_mol, degc, p.reference_degc)
        corrosion = arrhenius(p.corrosion_activation_kj_per_mol, degc, p.reference_degc)
        self._corrosion = p.corrosion_a_per_cm2 * corrosion
        self._fixed_ohm_cm2 = film.ohmic_ohm_cm2 + film.rest_ohm_cm2 + self._area * self._contact_ohm

    @property
    def max_interval_s(self) -> float:
        """Return the longest interval with a monotonic voltage: short while the copper is bare or nearly so."""
        covered = self._active > _COVERED * self._parameters.nucleation_charge_c_per_cm2
        return _PLAIN_S if covered else _SPIKE_S

    @property
    def balance(self) -> ChargeBalance:
        """Return what became of all charge since the cell was built."""
        return ChargeBalance(
            plated=self._plated,
            stripped=self._stripped,
            active=self._active,
            dead=self._dead,
            consumed=self._consumed,
            film=self._film,
            surface=self._surface,
            dissolved=self._dissolved,
        )

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance the cell in time at a constant current, stage by stage."""
        self._pass(duration_s, current_a)
        density = current_a / self._area
        self._relax(duration_s, density)
        left_s = duration_s
        while left_s > 0.0:
            if density < 0.0:
                left_s = self._reduce(left_s, -density)
            elif self._active > 0.0:
                left_s = self._strip(left_s, density)
            else:
                self._charge_surface(density * left_s)
                left_s = 0.0

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return the impedance around zero current; copper without active lithium blocks like a capacitor."""
        angular = angular_rad_per_s(frequency_hz)
        p, film = self._parameters, self._electrolyte
        total = film.ohmic_ohm_cm2 + film.diffusion_impedance_ohm_cm2(angular)
        for films in (self._film_ohm_cm2(), self._interface * p.counter_film_ohm_cm2):
            total += film_ohm_cm2(films, p.interface_capacitance_f_per_cm2, p.interface_cpe_exponent, angular)
        transfer = self._thermal2_v / self._exchange2
        cpe = p.double_layer_cpe_exponent
        total += film_ohm_cm2(transfer, p.double_layer_f_per_cm2, cpe, angular)
        # A sine plates for one half of its period and strips for the other.
        copper = transfer * 0.5 * (1.0 / self._area_of(1.0) + 1.0 / self._area_of(-1.0))
        total += film_ohm_cm2(copper, p.double_layer_f_per_cm2, cpe, angular)
        if self._active == 0.0:
            total += 1.0 / (1j * angular * p.surface_capacitance_f_per_cm2)
        return self._contact_ohm + total / self._area

    def _rest_v(self) -> float:
        """Return the voltage at the terminals just after the current stops."""
        return self._film_v() + self._surface / self._parameters.surface_capacitance_f_per_cm2 + self._gradient_v()

    def _gradient_v(self) -> float:
        return self._slow_v + self._fast_v

    def _film_v(self) -> float:
        """Return the copper's potential against lithium; it falls to 0 V while the film forms."""
        p = self._parameters
        if self._film >= self._film_charge:
            return 0.0
        part = self._film / self._film_charge
        last = math.exp(-p.film_sharpness)
        steep = (math.exp(-p.film_sharpness * part) - last) / (1.0 - last)
        return p.open_circuit_v * (steep + p.film_shoulder_fraction * (1.0 - part - steep))

    def _area_of(self, sign: float) -> float:
        """Return the active share of the face for stripping (positive) or plating; lithium covers it by its charge."""
        p = self._parameters
        covered = -math.expm1(-self._active / p.nucleation_charge_c_per_cm2)
        open_part = 1.0 if sign > 0.0 else p.nucleus_area_fraction + (1.0 - p.nucleus_area_fraction) * self._cover
        return p.copper_nucleus_area_fraction * (1.0 - covered) + open_part * covered

    def _film_ohm_cm2(self) -> float:
        p = self._parameters
        return self._interface * (p.film_ohm_cm2 + p.deposit_ohm_cm4_per_c * (self._dead + self._consumed))

    def _linear_ohm_cm2(self) -> float:
        counter = self._interface * self._parameters.counter_film_ohm_cm2
        return self._fixed_ohm_cm2 + self._film_ohm_cm2() + counter

    def _driven_v(self, density: float) -> float:
        """Return the voltage that a density (A/cm2) adds at once: resistances, and both electrodes' kinetics."""
        foil = density / self._exchange2
        kinetic = self._thermal2_v * (math.asinh(foil) + math.asinh(foil / self._area_of(density)))
        return density * self._linear_ohm_cm2() + kinetic

    def _slope_ohm_cm2(self, density: float) -> float:
        foil, area = density / self._exchange2, self._area_of(density)
        steepness = 1.0 / math.hypot(1.0, foil) + 1.0 / (area * math.hypot(1.0, foil / area))
        return self._linear_ohm_cm2() + self._thermal2_v / self._exchange2 * steepness

    def _relax(self, duration_s: float, density: float) -> None:
        """Let the salt gradient approach its steady state at this density; exact."""
        film = self._electrolyte
        slow_v, fast_v = density * film.slow_ohm_cm2, density * film.fast_ohm_cm2
        self._slow_v = slow_v + (self._slow_v - slow_v) * math.exp(-duration_s / film.slow_s)
        self._fast_v = fast_v + (self._fast_v - fast_v) * math.exp(-duration_s / film.fast_s)

    def _reduce(self, left_s: float, size: float) -> float:
        """Discharge the surface, form the film or plate, whichever is next; return the seconds that are left."""
        charge = size * left_s
        if self._active == 0.0 and self._surface > 0.0:
            if charge < self._surface:
                self._surface -= charge
                return 0.0
            left_s -= self._surface / size
            self._surface = 0.0
        elif self._active == 0.0 and self._film < self._film_charge:
            if charge < self._film_charge - self._film:
                self._film += charge
                return 0.0
            left_s -= (self._film_charge - self._film) / size
            self._film = self._film_charge
        else:
            self._plate(charge, size, left_s)
            return 0.0
        return max(0.0, left_s)

    def _plate(self, charge: float, size: float, duration_s: float) -> None:
        """Plate a charge (C/cm2); the film takes its share of it, and corrodes lithium meanwhile."""
        p = self._parameters
        change = p.efficiency_change_c_per_cm2
        first, later = 1.0 - p.efficiency_fraction, 1.0 - p.later_efficiency_fraction
        fading = (first - later) * change * math.exp(-self._plated / change) * -math.expm1(-charge / change)
        lost = min(_MOST_LOSS * charge, self._loss_scale(size) * (later * charge + fading))
        into_film = p.film_loss_fraction * lost
        kept = self._active + charge - into_film
        corroded = min(kept, self._corrosion * duration_s)
        self._plated += charge
        self._consumed += into_film + corroded
        self._active = kept - corroded
        self._cover = 1.0 - (1.0 - self._cover) * math.exp(-charge / p.nucleation_charge_c_per_cm2)

    def _loss_scale(self, size: float) -> float:
        """Return the factor of the loss at a density: a power of the density in mA/cm2."""
        power = self._parameters.loss_current_exponent * math.log(size * 1e3)
        return self._loss_factor * math.exp(min(_MOST_POWER, power))

    def _loss_now(self, size: float) -> float:
        p = self._parameters
        first, later = 1.0 - p.efficiency_fraction, 1.0 - p.later_efficiency_fraction
        part = math.exp(-self._plated / p.efficiency_change_c_per_cm2)
        return min(_MOST_LOSS, self._loss_scale(size) * (later + (first - later) * part))

    def _strip(self, left_s: float, density: float) -> float:
        """Strip active lithium, some of which loses contact and is dead; return the seconds left when none is left.

        With a loss l of which the film took the share f when it was plated, l (1 - f) / (1 - l) of each stripped charge
        dies beside it: then just the share 1 - l of all that was plated can be stripped.
        """
        p = self._parameters
        loss = self._loss_now(density) if density > 0.0 else 0.0
        dying = loss * (1.0 - p.film_loss_fraction) / (1.0 - loss)
        rate = density * (1.0 + dying) + self._corrosion
        if rate == 0.0:
            return 0.0
        ends = self._active <= rate * left_s
        passed_s = self._active / rate if ends else left_s
        self._stripped += density * passed_s
        self._dead += density * dying * passed_s
        self._consumed += self._corrosion * passed_s
        self._active = 0.0 if ends else self._active - rate * passed_s
        self._cover *= math.exp(-density * passed_s / p.nucleation_charge_c_per_cm2)
        return max(0.0, left_s - passed_s)

    def _charge_surface(self, charge: float) -> None:
        """Charge the bare surface up to where copper dissolves; what is left of the charge (C/cm2) dissolves it."""
        p = self._parameters
        room = max(0.0, p.copper_oxidation_v - self._film_v()) * p.surface_capacitance_f_per_cm2 - self._surface
        taken = min(charge, max(0.0, room))
        self._surface += taken
        self._dissolved += charge - taken
