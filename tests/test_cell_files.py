"""Cell files say what a technician knows of a cell, and nothing that nobody knows is taken from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols import CellKind, RecipeError, UnknownName, cell_schema, load_cell, parse_cell, shipped_cells

_LINES = {
    "name": "mine",
    "kind": "lfp",
    "working_electrode": "LFP",
    "counter_electrode": "Li",
    "electrolyte": "PEO",
}


def _text(**lines: str) -> str:
    return "\n".join(f"{key}: {value}" for key, value in (_LINES | lines).items())


@pytest.mark.parametrize("name", shipped_cells())
def test_every_shipped_cell_loads_under_its_own_name(name: str) -> None:
    """The name in the file is the name of the file."""
    assert load_cell(name).name == name


def test_four_cells_of_the_paper_are_shipped() -> None:
    """Bare and coated, Li/Li and LFP."""
    assert shipped_cells() == (
        "bare-lfp",
        "bare-li-cu",
        "bare-li-li",
        "coated-lfp",
        "coated-li-li",
        "conditioned-li-cu",
    )


def test_lfp_cell_tells_its_facts_without_binary_dust() -> None:
    """0.7854 cm2, 1.10 mg and 170 mAh/g of it."""
    facts = load_cell("coated-lfp").facts()
    assert (facts.kind, facts.area_cm2, facts.active_mass_mg, facts.nominal_capacity_ah) == (
        "lfp",
        0.7854,
        1.1,
        0.000187,
    )


def test_cell_loads_from_a_path(tmp_path: Path) -> None:
    """A file anywhere is as good as a shipped name; a byte order mark does no harm."""
    path = tmp_path / "cell of mine.yaml"
    path.write_text(_text(active_mass="1 mg"), encoding="utf-8-sig")
    assert load_cell(path) == load_cell(str(path))


def test_unknown_name_is_answered_with_the_nearest_and_all() -> None:
    """A slip in a name shows what was meant and what there is."""
    with pytest.raises(UnknownName, match=r"Did you mean coated-lfp\? Shipped: bare-lfp, bare-li-cu, bare-li-li"):
        load_cell("coated-lpf")


@pytest.mark.parametrize(
    ("capacity", "expected_ah"),
    [("0.187 mAh", 0.000187), ("170 mAh/g", 0.000187), ("0.2 mAh/cm2", 0.0001)],
)
def test_nominal_capacity_may_refer_to_cell_mass_or_area(capacity: str, expected_ah: float) -> None:
    """All three ways give the ampere-hours of the whole cell."""
    cell = parse_cell(_text(nominal_capacity=capacity, active_mass="1.10 mg", area="0.5 cm2"))
    assert cell.facts().nominal_capacity_ah == expected_ah


@pytest.mark.parametrize("capacity", ["170 mAh/g", "0.2 mAh/cm2"])
def test_relative_capacity_needs_what_it_refers_to(capacity: str) -> None:
    """Without mass or area nobody knows the capacity."""
    with pytest.raises(RecipeError, match="expected area or active_mass as well"):
        parse_cell(_text(nominal_capacity=capacity))


@pytest.mark.parametrize("kind", list(CellKind))
def test_every_kind_can_be_written(kind: CellKind) -> None:
    """Kinds without defaults are cells too."""
    assert parse_cell(_text(kind=kind)).kind is kind


@pytest.mark.parametrize(
    "name",
    ["", "a b", "../x", "a/b", "a\\b", "x" * 65, "-x", ".x", "x.", "\u00e4", "a:b", "C:\\x", '"a\\nb"', "a\u200b"],
)
def test_name_is_letters_digits_and_three_signs(name: str) -> None:
    """Names go into labels, barcodes and file names."""
    with pytest.raises(RecipeError, match="name: saw"):
        parse_cell(_text(name=name))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("area", "0 cm2"),
        ("area", "-1 cm2"),
        ("area", "0.7854"),
        ("active_mass", "1.1 mAh"),
        ("temperature", "60 C"),
        ("temperature", "-300 degC"),
        ("kind", "LFP"),
        ("electrolyte", "''"),
        ("electrolyte", '"a\\x1bb"'),
        ("metadata", "none"),
        ("metadata", "{a: [1]}"),
        ("masss", "1 mg"),
    ],
)
def test_wrong_value_is_refused_with_its_line_and_key(key: str, value: str) -> None:
    """The message names the line and the key."""
    text = _text(**{key: value})
    line = next(number for number, one in enumerate(text.splitlines(), 1) if one.startswith(f"{key}:"))
    with pytest.raises(RecipeError) as caught:
        parse_cell(text, "cell.yaml")
    assert [(one.file, one.line) for one in caught.value.problems] == [("cell.yaml", line)]
    assert caught.value.problems[0].field.startswith(key)


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """A spreadsheet in place of a cell file gives a sentence, not a traceback."""
    path = tmp_path / "cell.yaml"
    path.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(RecipeError, match="UTF-8"):
        load_cell(path)


def test_schema_knows_every_key() -> None:
    """Editors complete the keys of a cell file."""
    assert set(_LINES) | {"area", "metadata"} <= set(cell_schema()["properties"])


def test_conductivity_is_taken_at_the_cells_temperature_only() -> None:
    """A polymer's changes several per cent a kelvin: alone, or measured at another temperature, it is refused."""
    sound = {
        "temperature": "60 degC",
        "electrolyte_conductivity": "0.24 mS/cm",
        "electrolyte_conductivity_at": "62 degC",
    }
    facts = parse_cell(_text(**sound)).facts()
    assert (facts.electrolyte_s_per_cm, facts.electrolyte_degc) == (2.4e-4, 62.0)
    with pytest.raises(RecipeError, match="several % per K"):
        parse_cell(_text(**(sound | {"electrolyte_conductivity_at": "25 degC"})))
    with pytest.raises(RecipeError, match="the temperature at which it was measured"):
        parse_cell(_text(electrolyte_conductivity="0.24 mS/cm"))
