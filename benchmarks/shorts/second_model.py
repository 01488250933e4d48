"""A Li/Li cell put together from other parts than the product's model, for a population that it cannot have shaped.

Electrolyte, films that break in and grow, kinetics, one mode of the salt's gradient, a spike where plating begins, arcs
at both ends of a half-cycle, a dip at the same time of each, voids; in series a contact, around it an oven.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.shorts.schedules import log_uniform
from benchmarks.shorts.shunts import Shunt, total_siemens

_THERMAL_V_PER_K = 2.0 * 8.617333e-5


class Family(StrEnum):
    """The electrolyte."""

    PEO = "PEO"
    COLD_PEO = "cold PEO"
    LIQUID = "liquid"
    SULPHIDE = "sulphide"
    GARNET = "garnet"


@dataclass(slots=True)
class Parts:
    """The numbers of one cell, per cm2 unless the name says otherwise."""

    family: Family
    area_cm2: float
    degc: float
    electrolyte: float
    film: float
    exchange_a: float
    gradient: float
    gradient_s: float
    contact_ohm: float
    break_in: float = 1.0
    break_in_halves: float = 10.0
    growth: float = 0.0
    spike: float = 0.0
    spike_first: float = 0.0
    spike_c: float = 0.02
    arcs: float = 0.0
    dip: float = 0.0
    dip_at_s: float = 0.0
    dip_s: float = 60.0
    voids: float = 0.0
    wobble: float = 0.0
    wobble_s: float = 20000.0
    # How many times higher all is at first, and how many times lower it is once the oven is warm.
    cold: float = 1.0
    warms: float = 1.0
    warms_at_s: float = 0.0
    warms_s: float = 7200.0
    # Times in seconds of the test and ohm that the contact gains.
    contacts: list[tuple[float, float, float]] = field(default_factory=list)
    # A film that breaks once more: time, fold, seconds it takes.
    breaks: list[tuple[float, float, float]] = field(default_factory=list)


_FAMILIES = {
    Family.PEO: ((9.0, 38.0), (30.0, 400.0), (2.0, 4.0), (60.0, 400.0), (60.0, 80.0)),
    Family.COLD_PEO: ((200.0, 1500.0), (200.0, 1500.0), (2.0, 4.0), (3600.0, 14400.0), (25.0, 40.0)),
    Family.LIQUID: ((2.0, 6.0), (6.0, 18.0), (0.3, 1.0), (5.0, 60.0), (20.0, 30.0)),
    Family.SULPHIDE: ((15.0, 60.0), (2.0, 30.0), None, None, (20.0, 60.0)),
    Family.GARNET: ((40.0, 280.0), (2.0, 100.0), None, None, (20.0, 60.0)),
}


def drawn_parts(draws: random.Random, area_cm2: float, half_s: float) -> Parts:
    """Draw a sound cell."""
    family = draws.choice(list(Family))
    electrolyte, film, gradient, seconds, degc = _FAMILIES[family]
    own = log_uniform(draws, *electrolyte)
    parts = Parts(
        family=family,
        area_cm2=area_cm2,
        degc=draws.uniform(*degc),
        electrolyte=own,
        film=log_uniform(draws, *film),
        exchange_a=log_uniform(draws, 2e-4, 4e-3),
        gradient=own * log_uniform(draws, *gradient) if gradient else 0.0,
        gradient_s=log_uniform(draws, *seconds) if seconds else 60.0,
        contact_ohm=log_uniform(draws, 0.2, 3.0),
        growth=log_uniform(draws, 1e-3, 2e-2),
        spike=draws.uniform(0.0, 2.0),
        spike_c=log_uniform(draws, 0.003, 0.1),
        arcs=log_uniform(draws, 1e-3, 2e-2),
        wobble=draws.uniform(0.0, 0.06) if draws.random() < 0.6 else 0.0,
        wobble_s=log_uniform(draws, 3600.0, 40000.0),
    )
    parts.spike_first = min(7.0, 2.5 * parts.spike)
    if draws.random() < 0.45:
        parts.break_in = log_uniform(draws, 1.5, 5.0)
        quick = draws.random() < 0.25
        parts.break_in_halves = 2.0 * (log_uniform(draws, 0.5, 4.0) if quick else log_uniform(draws, 5.0, 20.0)) / 3.0
    if draws.random() < 0.4:
        parts.dip, parts.dip_at_s = draws.uniform(0.05, 0.35), draws.uniform(0.1, 0.8) * half_s
        parts.dip_s = log_uniform(draws, 60.0, 900.0)
    if family in {Family.SULPHIDE, Family.GARNET} and draws.random() < 0.5:
        parts.voids = log_uniform(draws, 0.05, 1.0)
    return parts


def add_disturbances(draws: random.Random, parts: Parts, total_s: float, ohm: float) -> None:
    """Add contacts that rise suddenly, in a fifth of the cells, and ovens that warm up, in a twentieth."""
    if draws.random() < 0.2:
        for _ in range(draws.randint(1, 3)):
            begins = draws.uniform(0.0, total_s)
            parts.contacts.append(
                (begins, begins + log_uniform(draws, 60.0, 18000.0), ohm * log_uniform(draws, 0.03, 2.0))
            )
    if draws.random() < 0.05:
        parts.warms, parts.warms_at_s = log_uniform(draws, 1.1, 1.6), draws.uniform(0.0, total_s)


class SecondCell:
    """The state of one cell; time runs in ``advance``."""

    def __init__(self, parts: Parts, half_s: float) -> None:
        self.parts = parts
        self.shunts: tuple[Shunt, ...] = ()
        self.now_s = 0.0
        self._thermal = _THERMAL_V_PER_K * (parts.degc + 273.15)
        self._half_s = half_s
        self._gradient_v = 0.0
        self._density = 0.0
        self._sign = 0.0
        self._sign_s = self._sign_c = 0.0
        self._halves = 0.0
        self._current_s = 0.0

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance in time at a constant current."""
        p = self.parts
        density = self._ionic(current_a)
        self._density = density
        if p.gradient:
            end = density * p.gradient
            self._gradient_v = end + (self._gradient_v - end) * math.exp(-duration_s / p.gradient_s)
        if current_a:
            sign = math.copysign(1.0, current_a)
            if sign != self._sign:
                self._sign, self._sign_s, self._sign_c = sign, 0.0, 0.0
                self._halves += 1.0
            self._sign_s += duration_s
            self._sign_c += abs(density) * duration_s
            self._current_s += duration_s
        self.now_s += duration_s

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage at the terminals."""
        if current_a and math.copysign(1.0, current_a) != self._sign:
            # A reversal: the spike of the other electrode, and the half-cycle's own time, begin now.
            self._sign, self._sign_s, self._sign_c = math.copysign(1.0, current_a), 0.0, 0.0
            self._halves += 1.0
        siemens = total_siemens(self.shunts, self.now_s)
        contact = current_a * self.contact_ohm()
        if siemens == 0.0:
            return self._ionic_v(current_a / self.parts.area_cm2) + contact
        density = self._ionic(current_a)
        return (current_a - density * self.parts.area_cm2) / siemens + contact

    def contact_ohm(self) -> float:
        """Return what the contact has now."""
        now = self.now_s
        return self.parts.contact_ohm + sum(ohm for begins, ends, ohm in self.parts.contacts if begins <= now < ends)

    def linear(self) -> float:
        """Return the linear resistance per cm2, without kinetics and gradient."""
        p = self.parts
        age = self._current_s / self._half_s
        x = self._sign_s / self._half_s
        film = (
            p.film
            / p.break_in
            * (1.0 + (p.break_in - 1.0) * math.exp(-age / p.break_in_halves))
            * (1.0 + p.growth * age)
        )
        peak = p.spike_first if self._halves <= 1.0 else p.spike
        film *= 1.0 + peak * math.exp(-self._sign_c / p.spike_c)
        for at_s, fold, takes_s in p.breaks:
            gone = self._current_s - at_s
            if gone > 0.0:
                film *= 1.0 / fold + (1.0 - 1.0 / fold) * math.exp(-3.0 * gone / takes_s)
        shape = 1.0 + p.arcs * min(age, 30.0) * (math.exp(-x / 0.1) + math.exp(-max(0.0, 1.0 - x) / 0.1))
        if p.voids:
            shape += p.voids * min(x, 1.2) ** 3
        if p.dip and p.dip_at_s <= self._sign_s < p.dip_at_s + p.dip_s:
            shape *= 1.0 - p.dip * math.sin(math.pi * (self._sign_s - p.dip_at_s) / p.dip_s)
        return (p.electrolyte + film * shape) * self._oven()

    def _oven(self) -> float:
        p = self.parts
        factor = p.cold + p.cold * p.wobble * math.sin(2.0 * math.pi * self.now_s / p.wobble_s)
        if p.warms != 1.0 and self.now_s > p.warms_at_s:
            factor *= p.warms ** -min(1.0, (self.now_s - p.warms_at_s) / p.warms_s)
        return factor

    def _ionic_v(self, density: float) -> float:
        kinetic = 2.0 * self._thermal * math.asinh(density / (2.0 * self.parts.exchange_a))
        return density * self.linear() + self._gradient_v + kinetic * self._oven()

    def _ionic(self, current_a: float) -> float:
        siemens = total_siemens(self.shunts, self.now_s)
        total = current_a / self.parts.area_cm2
        if siemens == 0.0:
            return total
        linear, oven, area = self.linear(), self._oven(), self.parts.area_cm2
        per, twice = 2.0 * self._thermal * oven, 2.0 * self.parts.exchange_a
        density = self._density if abs(self._density) <= abs(total) else 0.0
        for _ in range(4):
            off = (
                density * linear
                + self._gradient_v
                + per * math.asinh(density / twice)
                - (total - density) * area / siemens
            )
            slope = linear + per / math.hypot(twice, density) + area / siemens
            density -= off / slope
        return density
