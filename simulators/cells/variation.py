"""The settings that make a simulated cell of any model go wrong: shorts, contacts, pulled out, drift; and their tables.

Hours are those of the cell's own time, which begins when it is built.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

T = TypeVar("T")

GRID_S = 15.0
"""A short's conductance and the ionic share of the current are constant over so long."""

TEMPERATURE_GRID_S = 60.0
"""A drifting temperature is constant over so long."""

_ONSET_DECADES = 3.0
_LEAST_DEGC, _MOST_DEGC = -40.0, 150.0
_SIGNED = frozenset({"temperature_k_per_h", "temperature_swing_k"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """Metal of ``ohm`` across the cell, behind its contact, between two hours; without ``until_h`` for good.

    Over ``onset_h`` its conductance grows evenly in its logarithm, from a thousandth. ``wander_fraction`` is the part
    by which its resistance moves, in some ``wander_h``; ``flicker_h`` is how long it is there and away in turn (0:
    always there).
    """

    ohm: float
    from_h: float = 0.0
    until_h: float = math.inf
    onset_h: float = 0.0
    wander_fraction: float = 0.0
    wander_h: float = 0.2
    flicker_h: float = 0.0

    def siemens(self, at_s: float) -> float:
        """Return the conductance at a time of the cell."""
        since_s = at_s - 3600.0 * self.from_h
        if since_s < 0.0 or at_s >= 3600.0 * self.until_h:
            return 0.0
        if self.flicker_h > 0.0 and math.floor(since_s / (3600.0 * self.flicker_h) + 1e-9) % 2:
            return 0.0
        since_s = GRID_S * math.floor(since_s / GRID_S + 1e-9)
        value, onset_s = 1.0 / self.ohm, 3600.0 * self.onset_h
        if since_s < onset_s:
            value *= 10.0 ** (_ONSET_DECADES * (since_s / onset_s - 1.0))
        if self.wander_fraction > 0.0:
            turns = since_s / (3600.0 * self.wander_h)
            value /= 1.0 + self.wander_fraction * (0.6 * math.sin(turns) + 0.4 * math.sin(3.7 * turns))
        return value

    def next_change_s(self, at_s: float) -> float:
        """Return the first time after ``at_s`` at which the conductance may change."""
        begin_s, end_s = 3600.0 * self.from_h, 3600.0 * self.until_h
        if at_s < begin_s:
            return begin_s
        if at_s >= end_s:
            return math.inf
        following_s = end_s
        if self.wander_fraction > 0.0 or at_s < begin_s + 3600.0 * self.onset_h:
            following_s = min(following_s, _after(at_s, begin_s, GRID_S))
        if self.flicker_h > 0.0:
            following_s = min(following_s, _after(at_s, begin_s, 3600.0 * self.flicker_h))
        return following_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A contact with ``ohm`` more between two hours: bad and then mended, or worse later, growing over ``onset_h``."""

    ohm: float
    from_h: float = 0.0
    until_h: float = math.inf
    onset_h: float = 0.0

    def resistance_ohm(self, at_s: float) -> float:
        """Return what it adds at a time of the cell."""
        since_h = at_s / 3600.0 - self.from_h
        if since_h < 0.0 or at_s >= 3600.0 * self.until_h:
            return 0.0
        return self.ohm * min(1.0, since_h / self.onset_h) if self.onset_h > 0.0 else self.ohm


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledOut:
    """The hours between which the cell is out of its holder; without ``until_h`` it is never put back."""

    from_h: float
    until_h: float = math.inf

    def is_out(self, at_s: float) -> bool:
        """Return whether it is out at a time of the cell."""
        return 3600.0 * self.from_h <= at_s < 3600.0 * self.until_h


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What changes all the time: temperature, evenly and in a sine, and a resistance in series."""

    temperature_k_per_h: float = 0.0
    temperature_swing_k: float = 0.0
    temperature_period_h: float = 24.0
    resistance_ohm_per_h: float = 0.0

    @property
    def is_warm(self) -> bool:
        """Return whether the temperature drifts."""
        return self.temperature_k_per_h != 0.0 or self.temperature_swing_k != 0.0

    def temperature_degc(self, base_degc: float, at_s: float) -> float:
        """Return the temperature at a time of the cell, within what the electrolytes' laws bear."""
        hours = TEMPERATURE_GRID_S * math.floor(at_s / TEMPERATURE_GRID_S + 1e-9) / 3600.0
        swing = self.temperature_swing_k * math.sin(2.0 * math.pi * hours / self.temperature_period_h)
        return min(_MOST_DEGC, max(_LEAST_DEGC, base_degc + self.temperature_k_per_h * hours + swing))


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """What goes wrong with one cell in its life; by default nothing."""

    short: tuple[Short, ...] = ()
    contact: tuple[Contact, ...] = ()
    pulled_out: tuple[PulledOut, ...] = ()
    drift: Drift = field(default_factory=Drift)

    def next_change_s(self, at_s: float) -> float:
        """Return the first time after ``at_s`` at which anything but an even drift changes."""
        edges = [short.next_change_s(at_s) for short in self.short]
        spans_h = [(it.from_h, it.until_h) for it in self.contact] + [(it.from_h, it.until_h) for it in self.pulled_out]
        edges += [3600.0 * hour for span_h in spans_h for hour in span_h]
        return min((edge for edge in edges if edge > at_s), default=math.inf)


VARIATION_TABLES = tuple(it.name for it in fields(Variation))


def read_variation(tables: Mapping[str, Any]) -> Variation:
    """Read the tables ``short``, ``contact``, ``pulled_out`` (one or a list each) and ``drift``.

    A ValueError says what is wrong.
    """
    return Variation(
        short=_several("short", Short, tables.get("short", [])),
        contact=_several("contact", Contact, tables.get("contact", [])),
        pulled_out=_several("pulled_out", PulledOut, tables.get("pulled_out", [])),
        drift=_one("drift", Drift, tables.get("drift", {})),
    )


def _after(at_s: float, begin_s: float, period_s: float) -> float:
    return begin_s + period_s * (math.floor((at_s - begin_s) / period_s + 1e-9) + 1.0)


def _several(name: str, kind: type[T], value: object) -> tuple[T, ...]:
    tables = value if isinstance(value, list) else [value]
    return tuple(_one(name, kind, table) for table in tables)


def _one(name: str, kind: type[T], table: object) -> T:
    """Build one table's settings, each a finite number."""
    known = {it.name: it for it in fields(kind)}  # type: ignore[arg-type]  # every kind is a dataclass
    if not isinstance(table, dict):
        raise ValueError(f"{name} is {table!r}, expected a table with {', '.join(known)}")
    if unknown := sorted(table.keys() - known.keys()):
        raise ValueError(f"{name}: unknown {', '.join(unknown)}; known are {', '.join(known)}")
    if missing := [key for key, it in known.items() if it.default is MISSING and key not in table]:
        raise ValueError(f"{name}: missing {', '.join(missing)}")
    values = {key: _number(f"{name}.{key}", key, value) for key, value in table.items()}
    if values.get("until_h", math.inf) <= values.get("from_h", 0.0):
        raise ValueError(f"{name}: until_h is {values['until_h']:g}, expected more than from_h")
    return kind(**values)


def _number(place: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{place} is {value!r}, expected a finite number")
    if value < 0.0 and key not in _SIGNED:
        raise ValueError(f"{place} is {value!r}, expected no negative number")
    if value == 0.0 and key in {"ohm", "temperature_period_h", "wander_h"}:
        raise ValueError(f"{place} is {value!r}, expected a positive number")
    if value >= 1.0 and key == "wander_fraction":
        raise ValueError(f"{place} is {value!r}, expected a number below 1")
    return float(value)
