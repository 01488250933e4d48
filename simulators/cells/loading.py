"""Loads a cell model from a parameter file; a missing, unknown or non-numeric parameter is refused."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from importlib.resources import files
from typing import Any

from simulators.cells.lfp import IronPhosphateCell
from simulators.cells.lfp_parameters import IronPhosphateParameters
from simulators.cells.licu import LithiumCopperCell
from simulators.cells.licu_parameters import LithiumCopperParameters
from simulators.cells.lili import LithiumSymmetricCell
from simulators.cells.lili_parameters import LithiumSymmetricParameters
from simulators.cells.model import CellModel
from simulators.cells.perturbing import PARAMETER_TABLES, perturbed
from simulators.cells.resistor import ResistorCell, resistance_of
from simulators.cells.variation import VARIATION_TABLES, Variation, read_variation
from simulators.cells.varied_cell import VariedCell
from simulators.small_files import read_small

_MODELS: dict[str, tuple[Any, Any]] = {
    "lfp": (IronPhosphateParameters, IronPhosphateCell),
    "li-cu": (LithiumCopperParameters, LithiumCopperCell),
    "li-li": (LithiumSymmetricParameters, LithiumSymmetricCell),
}


def shipped_names() -> tuple[str, ...]:
    """List the parameter files that come with the package, by name."""
    return tuple(sorted(entry.name[:-5] for entry in files(__package__).iterdir() if entry.name.endswith(".toml")))


def load_cell(
    name_or_path: str,
    *,
    seed: int,
    temperature_degc: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> CellModel:
    """Build a fresh cell from a shipped name or a TOML file.

    The seed decides how this cell differs from the batch and when its random events fall. Without a temperature the
    cell sits at its reference temperature. Overrides replace single parameters of the file by name, and may have the
    tables that vary a cell (docs/cell-models.md, Variants). A ValueError says what is wrong with the name, the file or
    a setting.

    ``1000 ohm`` is a resistor, which a commissioning is made on; it has no settings.
    """
    if (ohm := resistance_of(name_or_path)) is not None:
        if overrides:
            raise ValueError(f"{name_or_path} is a resistor, which has no parameters: {', '.join(overrides)}")
        return ResistorCell(ohm)
    table = _merged(_read(name_or_path), overrides or {})
    kind = table.pop("kind", None)
    if kind not in _MODELS:
        raise ValueError(f"cell model {name_or_path}: kind is {kind!r}, expected one of {', '.join(sorted(_MODELS))}")
    parameter_type, cell_type = _MODELS[kind]
    tables = {key: table.pop(key) for key in (*VARIATION_TABLES, *PARAMETER_TABLES) if key in table}
    values = _checked(name_or_path, parameter_type, table)
    try:
        varied, variation = perturbed(values, tables, seed), read_variation(tables)
    except ValueError as err:
        raise ValueError(f"cell model {name_or_path}: {err}") from err
    contact_ohm = varied["contact_ohm"]
    if variation.short:
        varied["contact_ohm"] = 0.0  # metal between the electrodes lies behind the contact
    cell: CellModel = cell_type(parameter_type(**varied), seed=seed, temperature_degc=temperature_degc)
    if variation == Variation():
        return cell
    return VariedCell(cell, variation, contact_ohm if variation.short else 0.0)


def stated_sizes(name_or_path: str, overrides: Mapping[str, Any] | None = None) -> dict[str, float]:
    """Give the active mass and the area that a cell's parameters state, as far as its model has them, by name."""
    if resistance_of(name_or_path) is not None:
        return {}
    table = _merged(_read(name_or_path), overrides or {})
    return {key: float(table[key]) for key in ("active_mass_mg", "area_cm2") if isinstance(table.get(key), int | float)}


def _merged(table: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file's table with single values replaced, those of inner tables too."""
    merged = dict(table)
    for key, value in overrides.items():
        there = merged.get(key)
        merged[key] = _merged(there, value) if isinstance(there, dict) and isinstance(value, Mapping) else value
    return merged


def _read(name_or_path: str) -> dict[str, Any]:
    if name_or_path in shipped_names():
        text = files(__package__).joinpath(f"{name_or_path}.toml").read_text(encoding="utf-8")
    else:
        text = _text(name_or_path)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as err:
        raise ValueError(f"cell model {name_or_path} is not TOML: {err}") from err


def _text(path: str) -> str:
    if path.endswith(".toml"):
        try:
            return read_small(path).decode("utf-8")
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as err:
            raise ValueError(f"cell model {path} cannot be read: {err}") from err
    raise ValueError(
        f"no cell model {path!r}: give a path to a .toml file, a resistor such as '1000 ohm', or one of "
        f"{', '.join(shipped_names())}"
    )


def _checked(source: str, parameter_type: Any, table: Mapping[str, Any]) -> dict[str, float]:  # noqa: ANN401 - any dataclass of parameters
    expected = {field.name for field in fields(parameter_type)}
    if unknown := sorted(table.keys() - expected):
        raise ValueError(f"cell model {source}: unknown parameter {', '.join(unknown)}")
    if missing := sorted(expected - table.keys()):
        raise ValueError(f"cell model {source}: missing parameter {', '.join(missing)}")
    return {key: _number(source, key, value, parameter_type.MAY_BE_ZERO) for key, value in table.items()}


def _number(source: str, key: str, value: object, may_be_zero: frozenset[str]) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"cell model {source}: {key} is {value!r}, expected a finite number")
    if key.endswith("_degc"):
        return float(value)
    if value < 0.0 or (value == 0.0 and key not in may_be_zero):
        raise ValueError(f"cell model {source}: {key} is {value!r}, expected a positive number")
    if value >= 1.0 and key.endswith(("_fraction", "transference_number")):
        raise ValueError(f"cell model {source}: {key} is {value!r}, expected a number below 1")
    return float(value)
