"""Ionic conductivity of an electrolyte film, from the resistance in a spectrum at high frequency."""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.analysis.circuit_fit import CircuitFit
from orchestrator.analysis.impedance import Quantity

_UM_PER_CM = 1e4


@dataclass(frozen=True, slots=True)
class Conductivity:
    """Conductivity in S/cm, the film's resistance (ohm) that it comes from, and how that was found, in a sentence."""

    value: Quantity
    film: Quantity
    method: str


def conductivity(
    fit: CircuitFit, thickness_um: float, area_cm2: float, series_ohm: float = 0.0, thickness_error_um: float = 0.0
) -> Conductivity:
    """Compute L / (R A). R is the fitted series resistance less ``series_ohm``, that of contacts and leads.

    The intercept is R0 of the fitted circuit, with the leads' inductance a separate element: neither the first point
    nor a place where the curve happens to cross the axis. A spectrum cannot tell the film from contacts and leads;
    measure those on a case without a film, or read the conductivity as a lower bound. The error holds that of the fit
    and of the thickness. Raises ValueError for a shorted cell, for a spectrum that does not determine the series
    resistance, and for sizes that are not positive.
    """
    if fit.shorted or fit.electrolyte is None:
        raise ValueError(f"no conductivity: {fit.remark or 'the spectrum does not determine the series resistance'}")
    if not (thickness_um > 0.0 and area_cm2 > 0.0 and series_ohm >= 0.0 and thickness_error_um >= 0.0):
        raise ValueError(f"no conductivity for {thickness_um} um, {area_cm2} cm2, {series_ohm} ohm: sizes are positive")
    film_ohm = fit.electrolyte.value - series_ohm
    if film_ohm <= 0.0:
        raise ValueError(
            f"no conductivity: the spectrum meets the axis at {fit.electrolyte.value:.3g} ohm, contacts and leads are "
            f"said to take {series_ohm:.3g} ohm of it"
        )
    value = thickness_um / _UM_PER_CM / (film_ohm * area_cm2)
    relative = math.hypot(fit.electrolyte.error / film_ohm, thickness_error_um / thickness_um)
    taken = f"less {series_ohm:.3g} ohm of contacts and leads" if series_ohm else "contacts and leads included"
    method = (
        f"R0 of {fit.circuit}, fitted from {fit.frequency_hz[0]:.3g} to {fit.frequency_hz[-1]:.3g} Hz with every point "
        f"weighted by its modulus, {taken}"
    )
    return Conductivity(
        value=Quantity(value, value * relative, "S/cm"),
        film=Quantity(film_ohm, fit.electrolyte.error, "ohm"),
        method=method,
    )
