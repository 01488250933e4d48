"""The paper's LFP cells at 60 degC, from the order to the end: over Modbus bytes, in virtual time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.bench.simulated import rack_with
from orchestrator.cli.spectra import print_spectra
from orchestrator.events import EventKind, RunUpdate, Told
from orchestrator.events.run_words import SOAKING
from orchestrator.rack.launch import Launch, launch
from orchestrator.report.impedance import impedance_report
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from protocols.loading import load_cell, parse_recipe, recipe_bytes
from protocols.resolve import resolve
from tests.oven_service_rig import until, warm_rack
from tests.rig import CHANNEL
from tests.station_rig import StationRig

PAPER = recipe_bytes("lfp-200mA-g").decode("utf-8")
CELL = "coated-lfp"

# A recipe of the same cells with what the paper's has not: spectra, and a second temperature behind the first.
WITH_SPECTRA = """
name: lfp-two-temperatures
title: A cycle and spectra at 60 degC, then at 45 degC
for: [lfp]
record: {every: 30 s, on_voltage_change: 5 mV}
potentiostat: {rest: 10 min, drift_per_min: 1 mV}
temperature: {target: 60 degC, soak: 30 min}
steps:
  - {step: rest, until: {time: 10 min}}
  - {step: eis, high: 1 kHz, low: 10 Hz}
  - {step: constant_current, direction: charge, current: 200 mA/g, until: {voltage: 4.0 V}}
  - {step: constant_current, direction: discharge, current: 200 mA/g, until: {voltage: 2.8 V}}
  - step: constant_current
    direction: charge
    current: 200 mA/g
    until: {time: 10 min, voltage: 4.0 V}
    temperature: {target: 45 degC, soak: 30 min}
  - {step: eis, high: 1 kHz, low: 10 Hz, temperature: {target: 45 degC, soak: 30 min}}
"""


def test_paper_recipe_soaks_cycles_and_has_its_temperature_in_every_sample(tmp_path: Path) -> None:
    """As ``cellrig run lfp-200mA-g --simulate`` does it, with two cycles in the place of fifty."""
    assert "times: 50" in PAPER
    recipe, cell, path = parse_recipe(PAPER.replace("times: 50", "times: 2")), load_cell(CELL), tmp_path / "paper.db"
    told: list[str] = []

    def listen(update: Told) -> None:
        told.extend([update.reason] if isinstance(update, RunUpdate) and update.reason.startswith(SOAKING) else ())

    end = launch(Launch(recipe, cell, CHANNEL, rack_with(cell, CHANNEL, None, 1)), path, listen)
    assert end.state is RunState.COMPLETED
    assert told[0] == "soaking: 23.0 of 60 degC"
    assert told[-1].endswith(" of 60 degC, within 0.5 degC for 29 of 30 min, about 1 min left")
    with open_store(path, read_only=True) as store:
        (test,) = store.tests(end.run_id)
        assert [cycle.cycle for cycle in store.cycles(test.id)] == [1, 2]
        (soaked,) = [row for row in store.events(end.run_id) if row.kind == EventKind.SOAKED]
        assert soaked.message == "simulated-oven has been within 0.5 K of 60 degC for 30 min"
        rows = store.connection.execute("SELECT unix_time_s, voltage_v, temperature_degc FROM sample").fetchall()
    assert len(rows) > 500
    assert min(unix_s for unix_s, _, _ in rows) >= soaked.at_unix_s - 1.0  # a tester tells whole seconds
    assert all(degc is not None and abs(degc - 60.0) < 0.6 for _, _, degc in rows)
    voltages_v = [voltage_v for _, voltage_v, _ in rows]
    assert min(voltages_v) == pytest.approx(2.8, abs=0.01)
    assert max(voltages_v) == pytest.approx(4.0, abs=0.01)


@pytest.mark.rig(cells={CHANNEL: CELL})
async def test_recipe_of_two_temperatures_soaks_between_them_and_each_spectrum_has_its_own(
    station_rig: StationRig, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """The oven cools down between two segments with the cell at rest; samples and spectra say where they were."""
    wanted_degc = [60.0, 60.0, 60.0, 45.0, 45.0]
    request = RunRequest(resolve(parse_recipe(WITH_SPECTRA), load_cell(CELL)), CHANNEL, CHANNEL)
    async with warm_rack(station_rig, store, station=station_rig.station, is_cold=True, poll_period_s=15.0) as rack:
        run = rack.service.submit(request, "ada")
        await until(lambda: run.state.is_settled, 60_000.0, 30.0)
        assert run.state is RunState.COMPLETED, run.reason
        soaked = [message.partition(" K of ")[2] for message in rack.events(EventKind.SOAKED)]
    assert soaked == [f"{degc:g} degC for 30 min" for degc in wanted_degc]
    tests = store.tests(run.run_id)
    assert [test.is_measurement for test in tests] == [False, True, False, False, True]
    for test, degc in zip(tests, wanted_degc, strict=True):
        found = [row[0] for row in store.connection.execute(_DEGC, (test.id,))]
        assert test.is_measurement or len(found) > 10
        assert all(one is not None and abs(one - degc) < 0.6 for one in found), (test.segment, found)
    assert [row.temperature_degc for row in store.measurements(run.run_id)] == pytest.approx([60.0, 45.0], abs=0.6)
    assert all(len(store.spectrum(row.test)) > 20 for row in store.measurements(run.run_id))
    report = impedance_report(store, run.run_id)
    assert [one["temperature_degc"] for one in report.as_dict()["spectra"]] == pytest.approx([60.0, 45.0], abs=0.6)
    print_spectra(report)
    told = capsys.readouterr().out
    assert "place degC" in told
    assert re.search(r" (59|60)\.\d +.*\n.* 4[45]\.\d ", told)


_DEGC = "SELECT temperature_degc FROM sample WHERE test = ?"
