"""A parameter file becomes a cell, or a sentence that says why not; and it holds physics, no answers."""

from __future__ import annotations

import doctest
import math
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import simulators.cells
from simulators.cells import load_cell, shipped_names

BARE = files("simulators.cells").joinpath("bare-li-li.toml").read_text(encoding="utf-8")


def test_the_session_in_the_docstring_runs() -> None:
    """What the package shows of itself is true."""
    assert doctest.testmod(simulators.cells).failed == 0


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    """A typing error costs one look, not a search."""
    with pytest.raises(ValueError, match="bare-lfp, bare-li-cu, bare-li-li, coated-lfp, coated-li-li"):
        load_cell("bare-lili", seed=1)


def test_a_resistor_is_named_by_its_resistance() -> None:
    """What an instrument is commissioned on is in a simulated holder by one word; a resistor has no parameters."""
    resistors = [load_cell(name, seed=1) for name in ("1000 ohm", "1kohm", "1.0 kOhm")]
    assert [one.voltage_v(1e-3) for one in resistors] == [1.0, 1.0, 1.0]
    for wrong, overrides in (("0 ohm", None), ("1000 ohm", {"area_cm2": 1.0}), ("1000 V", None)):
        with pytest.raises(ValueError, match=r"resist|no cell model"):
            load_cell(wrong, seed=1, overrides=overrides)


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    """A user's own cell lies anywhere."""
    path = tmp_path / "mine.toml"
    path.write_text(BARE.replace("area_cm2 = 0.7854", "area_cm2 = 7.854"), encoding="utf-8")
    mine, shipped = load_cell(str(path), seed=1), load_cell("bare-li-li", seed=1)
    assert mine.voltage_v(1e-6) < 0.2 * shipped.voltage_v(1e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "li-li"', "", "kind is None, expected one of lfp, li-cu, li-li"),
        ('kind = "li-li"', 'kind = "nmc"', "kind is 'nmc'"),
        ("area_cm2 = 0.7854", "", "missing parameter area_cm2"),
        ("area_cm2 = 0.7854", "area_cm2 = 0.7854\narea_mm2 = 1.0", "unknown parameter area_mm2"),
        ("area_cm2 = 0.7854", "area_cm2 = nan", "area_cm2 is nan, expected a finite number"),
        ("area_cm2 = 0.7854", "area_cm2 = true", "area_cm2 is True"),
        ("area_cm2 = 0.7854", 'area_cm2 = "0.8"', "area_cm2 is '0.8'"),
        ("area_cm2 = 0.7854", "area_cm2 = 0", "area_cm2 is 0, expected a positive number"),
        ("area_cm2 = 0.7854", "area_cm2 = -1.0", "area_cm2 is -1.0, expected a positive number"),
        ("transference_number = 0.30", "transference_number = 1.0", "expected a number below 1"),
        ("area_cm2 = 0.7854", "area_cm2 0.7854", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Missing, unknown and impossible parameters never become a cell."""
    assert old in BARE
    path = tmp_path / "wrong.toml"
    path.write_text(BARE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message)):
        load_cell(str(path), seed=1)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [({"areas_cm2": 1.0}, "unknown parameter areas_cm2"), ({"area_cm2": math.nan}, "finite number")],
)
def test_overrides_are_checked_like_the_file(overrides: dict[str, float], message: str) -> None:
    """A misspelt override is an error, not a cell that ignores it."""
    with pytest.raises(ValueError, match=message):
        load_cell("bare-li-li", seed=1, overrides=overrides)


def test_a_cell_sits_at_its_reference_temperature_unless_told() -> None:
    """The paper's temperature is the default."""
    assert load_cell("bare-lfp", seed=1).temperature_degc == 60.0
    assert load_cell("bare-lfp", seed=1, temperature_degc=45.0).temperature_degc == 45.0


@pytest.mark.parametrize("name", shipped_names())
def test_no_parameter_is_a_time_a_cycle_or_a_life(name: str) -> None:
    """What the paper reports comes out of rates: no key states when something happens."""
    table = tomllib.loads(files("simulators.cells").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    timed = re.compile(r"(?<!_per)_(s|h|min|days?|hours?)(_|$)|cycle|life|retention|hours")
    # A conductivity's S/cm is no second.
    assert [key for key in table if timed.search(key.replace("_s_per_cm", ""))] == []


@pytest.mark.parametrize("name", shipped_names())
def test_every_parameter_is_explained(name: str) -> None:
    """docs/cell-models.md says of each key what it is and where its value comes from."""
    page = (Path(__file__).parent.parent / "docs" / "cell-models.md").read_text(encoding="utf-8")
    table = tomllib.loads(files("simulators.cells").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    assert [key for key in table if f"`{key}`" not in page] == []
