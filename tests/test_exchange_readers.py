"""Programs of the field read the recipes that are exported, as they are meant (``tests.readers`` makes them ready)."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.formats.exchange import export_recipe, import_recipe
from protocols.formats.ours import OURS
from protocols.loading import load_cell, parse_recipe
from protocols.resolve import resolve
from tests.readers import read_by
from tests.slips.recipe_maker import text_of

# Through 0 V, with a hold in each direction and a loop in a loop: what other programs are known to lose.
STEPS = [
    {"step": "rest", "until": {"time": "10 min"}},
    {
        "step": "repeat",
        "times": 2,
        "steps": [
            {
                "step": "repeat",
                "times": 3,
                "steps": [
                    {
                        "step": "constant_current",
                        "direction": "charge",
                        "current": "0.5 C",
                        "until": {"voltage": "4.0 V"},
                    },
                    {
                        "step": "constant_current",
                        "direction": "discharge",
                        "current": "50 uA",
                        "until": {"voltage": "2.8 V"},
                    },
                ],
            },
            {
                "step": "cc_cv",
                "direction": "discharge",
                "current": "0.1 mA",
                "voltage": "2.75 V",
                "until": {"current": "0.01 mA", "time": "2 h"},
            },
        ],
    },
]
RECIPE = parse_recipe(
    text_of({"name": "mine", "title": "Mine", "for": ["lfp"], "record": {"every": "45 s"}, "steps": STEPS})
)


def exported(to: str, folder: Path) -> Path:
    """Write the recipe for the shipped cell."""
    file = folder / f"mine{OURS[to].ending}"
    file.write_bytes(export_recipe(RECIPE, load_cell("coated-lfp"), OURS[to], 0.0).data)
    return file


@pytest.mark.reader("unicycler")
def test_unicycler_takes_every_step_and_hands_it_on(tmp_path: Path) -> None:
    """Its own step file, imported again, is the recipe; a discharge stays one where it holds a voltage."""
    told = read_by("unicycler", exported("unicycler", tmp_path))
    assert [step["step"] for step in told["method"]].count("loop") == 2
    assert 'Step_Type="19"' in told["neware"]
    cell = load_cell("coated-lfp")
    again = import_recipe(told["neware"].encode(), "mine.xml", OURS["neware-xml"], cell.kind, cell)
    ours = export_recipe(RECIPE, cell, OURS["unicycler"], 0.0).data
    first = import_recipe(ours, "mine.json", OURS["unicycler"], cell.kind, cell)
    of_json, of_xml = (resolve(one.recipe, cell).cycling[0].steps for one in (first, again))
    assert len(of_xml) == len(of_json)
    for ours_step, theirs in zip(of_json, of_xml, strict=True):
        assert type(ours_step) is type(theirs)
    assert [getattr(step, "largest_a", None) for step in of_xml] == pytest.approx(
        [getattr(step, "largest_a", None) for step in of_json]
    )


@pytest.mark.reader("pybamm")
def test_pybamm_has_every_step_with_its_end(tmp_path: Path) -> None:
    """Discharge is positive there; each pass of a loop is there, each step has a time, a hold its voltage and taper."""
    steps = read_by("pybamm", exported("pybamm", tmp_path))
    assert len(steps) == 1 + 2 * (3 * 2 + 2)
    assert all(step["duration_s"] < 24 * 3600 for step in steps)
    assert {step["period_s"] for step in steps} == {45.0}
    charge, discharge = steps[1], steps[2]
    assert (charge["value"], charge["ends"]) == (pytest.approx(-0.0000935), [["VoltageTermination", 4.0]])
    assert (discharge["value"], discharge["ends"]) == (pytest.approx(0.00005), [["VoltageTermination", 2.8]])
    hold = steps[8]
    assert (hold["kind"], hold["value"], hold["duration_s"]) == ("Voltage", 2.75, 7200)
    assert hold["ends"] == [["CurrentTermination", pytest.approx(0.00001)]]
