"""Another reader of Neware's files reads what is imported, and both agree (``tests.readers`` makes it ready)."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.store import Store
from orchestrator.tables.sample_table import sample_table
from tests.import_rig import imported
from tests.ndax_files import li_li
from tests.readers import read_by


@pytest.mark.reader("newarenda")
def test_newarenda_and_the_import_agree_but_for_records_at_0_v(store: Store, tmp_path: Path) -> None:
    """Numbers, cycles, steps, times and words are the same in both; NewareNDA leaves out the records at 0 V."""
    path = tmp_path / "a.ndax"
    li_li(path)
    rows = sample_table(store, imported(store, path).run_id)
    there = rows.filter(rows["voltage_v"] != 0.0)
    told = read_by("newarenda", path)
    assert (rows.height, there.height, len(told["Index"])) == (21, 14, 14)
    for name, theirs in (("sequence", "Index"), ("cycle", "Cycle"), ("step", "Step_Index")):
        assert there[name].to_list() == told[theirs]
    for name, theirs, factor in (
        ("voltage_v", "Voltage", 1.0),
        ("current_a", "Current(mA)", 1e3),
        ("capacity_ah", "capacity", 1e3),
        ("step_time_s", "Time", 1.0),
    ):
        assert [value * factor for value in there[name]] == pytest.approx(told[theirs], rel=3e-7, abs=1e-12)
    assert there["unix_time_s"].to_list() == pytest.approx(told["unix"], abs=1e-3)
    assert {"CC_Chg": "cc", "CC_DChg": "dc"}[told["Status"][0]] == there["mode"][0]
