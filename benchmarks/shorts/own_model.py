"""The product's own cell model with its numbers changed, and with shorts forced at their moment."""

from __future__ import annotations

import math
import random
import tomllib
from importlib.resources import files

from benchmarks.shorts.schedules import log_uniform
from benchmarks.shorts.shunts import Shunt, total_siemens
from simulators.cells.electrolyte import electrolyte_at
from simulators.cells.lili import LithiumSymmetricCell
from simulators.cells.lili_parameters import LithiumSymmetricParameters
from simulators.cells.thermal import arrhenius

# Places in the model's snapshot: kind of the short, its resistance, the charge that burns it out.
_SHORT, _OHM, _FUSE = 13, 14, 15
_SOUND, _HARD = 0.0, 2.0
_CHECKED_S = 10.0


def drawn_own(draws: random.Random, area_cm2: float) -> tuple[dict[str, float], float]:
    """Draw the numbers of one cell, and its temperature."""
    is_liquid = draws.random() < 0.25
    numbers = {
        "area_cm2": area_cm2,
        "contact_ohm": log_uniform(draws, 0.1, 1.0) * min(1.0, 1.0 / area_cm2),
        "electrolyte_thickness_um": log_uniform(draws, 20.0, 100.0 if is_liquid else 150.0),
        "conductivity_s_per_cm": log_uniform(draws, *((8e-4, 3e-3) if is_liquid else (1e-4, 1e-3))),
        "film_ohm_cm2": log_uniform(draws, *((2.0, 15.0) if is_liquid else (3.0, 120.0))),
        "exchange_current_a_per_cm2": log_uniform(draws, 2e-4, 4e-3),
        "nucleus_area_fraction": log_uniform(draws, 0.08, 0.7),
        "nucleation_charge_c_per_cm2": log_uniform(draws, 0.01, 0.1),
        "deposit_ohm_cm4_per_c": log_uniform(draws, 0.05, 5.0),
        "film_growth_ohm2_cm4_per_s": log_uniform(draws, 1e-5, 1e-3),
        "salt_diffusivity_cm2_per_s": log_uniform(draws, 2e-8, 2e-7),
        # No shorts of its own: they are forced, so that their moment is known.
        "tip_growth_um_per_s_at_1_ma_per_cm2": 0.0,
        "soft_short_count_at_bridge": 0.0,
    }
    return numbers, draws.uniform(30.0, 80.0)


class OwnCell:
    """The product's Li/Li cell, with the same shunts as the second model."""

    def __init__(self, numbers: dict[str, float], degc: float, seed: int) -> None:
        text = files("simulators.cells").joinpath("bare-li-li.toml").read_text("utf-8")
        plain = {key: value for key, value in tomllib.loads(text).items() if key != "kind"}
        self._parameters = LithiumSymmetricParameters(**{**plain, **numbers})
        self._degc = degc
        self._cell = LithiumSymmetricCell(self._parameters, seed=seed, temperature_degc=degc)
        self.shunts: tuple[Shunt, ...] = ()
        self.now_s = 0.0
        self.contacts: list[tuple[float, float, float]] = []
        self._siemens = 0.0

    def electrolyte_cm2(self) -> float:
        """Return the electrolyte's own resistance at the cell's temperature, per cm2."""
        return electrolyte_at(self._parameters, self._degc, self._parameters.electrolyte_thickness_um).ohmic_ohm_cm2

    def film_cm2(self) -> float:
        """Return the resistance of both fresh films, per cm2."""
        p = self._parameters
        return 2.0 * p.film_ohm_cm2 / arrhenius(p.interface_activation_kj_per_mol, self._degc, p.reference_degc)

    def exchange_a(self) -> float:
        """Return the exchange current density."""
        p = self._parameters
        return p.exchange_current_a_per_cm2 * arrhenius(p.exchange_activation_kj_per_mol, self._degc, p.reference_degc)

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance in time at a constant current; the shunt is worked out again every few seconds."""
        left = duration_s
        while left > 0.0:
            part = min(left, _CHECKED_S) if self.shunts and self._near(left) else left
            self._force()
            self._cell.advance(part, current_a)
            self.now_s += part
            left -= part

    def _near(self, duration_s: float) -> bool:
        return any(s.begins_s <= self.now_s + duration_s and self.now_s < s.ends_s for s in self.shunts)

    def _force(self) -> None:
        siemens = total_siemens(self.shunts, self.now_s)
        if siemens == self._siemens:
            return
        self._siemens = siemens
        state = list(self._cell.snapshot())
        state[_SHORT] = _HARD if siemens else _SOUND
        state[_OHM] = 1.0 / siemens if siemens else math.inf
        state[_FUSE] = 0.0
        self._cell.restore(tuple(state))

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage at the terminals."""
        self._force()
        return self._cell.voltage_v(current_a) + current_a * self._gained_ohm()

    def contact_ohm(self) -> float:
        """Return what the contact has now."""
        return self._parameters.contact_ohm + self._gained_ohm()

    def _gained_ohm(self) -> float:
        return sum(ohm for begins, ends, ohm in self.contacts if begins <= self.now_s < ends)
