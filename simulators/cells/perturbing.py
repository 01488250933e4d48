"""Changes a cell's parameters before it is built: spreads drawn from its seed, and a weak cell's factors."""

from __future__ import annotations

import math
from collections.abc import Mapping

from simulators.cells.random_draws import spread

PARAMETER_TABLES = ("spreads", "weak")

# Far behind the positions of a seed that the models draw from.
_FIRST_POSITION = 1 << 40
# What every parameter may be drawn from under this name, but temperatures and exponents.
_EVERY = "every"
_KEPT = ("_degc", "_k", "_exponent", "spread_fraction")
# What makes a cell slow, by the power of its ability.
_RATES = {
    "conductivity_s_per_cm": 1.0,
    "salt_diffusivity_cm2_per_s": 1.0,
    "solid_diffusivity_cm2_per_s": 1.0,
    "exchange_current_a_per_cm2": 1.0,
    "lithium_exchange_a_per_cm2": 1.0,
    "positive_exchange_a_per_cm2": 1.0,
    "film_ohm_cm2": -1.0,
    "counter_film_ohm_cm2": -1.0,
}
_CAPACITY = "accessible_capacity_mah_per_g"
_FACTORS = ("capacity_factor", "rate_factor")


def perturbed(values: Mapping[str, float], tables: Mapping[str, object], seed: int) -> dict[str, float]:
    """Return the parameters after the tables ``weak`` and ``spreads``. A ValueError says what is wrong in these."""
    weakened = _weakened(dict(values), _numbers("weak", tables.get("weak", {})))
    return _drawn(weakened, _numbers("spreads", tables.get("spreads", {})), seed)


def _weakened(values: dict[str, float], factors: Mapping[str, float]) -> dict[str, float]:
    if unknown := sorted(factors.keys() - set(_FACTORS)):
        raise ValueError(f"weak: unknown {', '.join(unknown)}; known are {', '.join(_FACTORS)}")
    if any(factor == 0.0 for factor in factors.values()):
        raise ValueError("weak: a factor is 0, expected a positive number")
    if "capacity_factor" in factors:
        if _CAPACITY not in values:
            raise ValueError("weak.capacity_factor: this kind of cell has no capacity of its own; give rate_factor")
        values[_CAPACITY] *= factors["capacity_factor"]
    ability = factors.get("rate_factor", 1.0)
    return {key: value * ability ** _RATES.get(key, 0.0) for key, value in values.items()}


def _drawn(values: dict[str, float], spreads: Mapping[str, float], seed: int) -> dict[str, float]:
    """Draw each named parameter within its spread, a fraction above one half by what it lacks to 1."""
    if unknown := sorted(spreads.keys() - values.keys() - {_EVERY}):
        raise ValueError(f"spreads: unknown parameter {', '.join(unknown)}")
    if wide := sorted(key for key, part in spreads.items() if part >= 1.0):
        raise ValueError(f"spreads: {', '.join(wide)}: a spread is the largest relative deviation, below 1")
    drawn = {}
    for number, (key, value) in enumerate(sorted(values.items())):
        usual = 0.0 if key.endswith(_KEPT) else spreads.get(_EVERY, 0.0)
        factor = spread(seed, _FIRST_POSITION + 2 * number, spreads.get(key, usual))
        is_high = key.endswith("_fraction") and value > 0.5
        drawn[key] = 1.0 - (1.0 - value) * factor if is_high else value * factor
    return drawn


def _numbers(name: str, table: object) -> dict[str, float]:
    if not isinstance(table, dict):
        raise ValueError(f"{name} is {table!r}, expected a table of numbers")
    for key, value in table.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0.0:
            raise ValueError(f"{name}.{key} is {value!r}, expected a finite number, not negative")
    return {key: float(value) for key, value in table.items()}
