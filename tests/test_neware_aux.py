"""The auxiliary temperature inputs of a CT-4008: whichever way BTS shows them, and what follows where it does not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import ConnectionFailed, NoReply, SettingsError
from drivers.neware.aux_settings import AuxSettings
from drivers.temperatures import MeasuresTemperatures, TemperatureProbe
from orchestrator.bench.settings import load_bench
from orchestrator.rack.service import Service
from orchestrator.states import RunState
from orchestrator.store import Store
from simulators.faults import Fault, Spoil
from simulators.neware.settings import Quirks
from tests.bench_files import bench_file
from tests.oven_service_rig import until, warm
from tests.rig import CHANNEL, Rig, open_rig
from tests.service_rig import running

OTHER = "21-1-5"


def probe_of(rig: Rig) -> TemperatureProbe:
    """Give the thermometer of the rig's tester."""
    assert isinstance(rig.tester, MeasuresTemperatures)
    ((period_s, probe),) = rig.tester.probes()
    assert period_s == 10.0
    return probe


@pytest.mark.parametrize(
    ("quirks", "aux"),
    [
        ({"aux_temperature": "T1"}, {"places": {CHANNEL: "T1", "oven-60": f"{OTHER}/T1"}}),
        (
            {
                "aux_temperature": "auxtemp",
                "aux_units_per_k": 10.0,
                "aux_has_own_row": True,
                "inquire_counts_one": True,
            },
            {"places": {CHANNEL: "auxtemp", "oven-60": f"{OTHER}/auxtemp"}, "scale": 0.1},
        ),
    ],
    ids=["T1 in degC", "auxtemp in tenths and a row of its own"],
)
async def test_input_is_read_in_each_form_that_the_reference_leaves_open(
    quirks: dict[str, Any], aux: dict[str, Any]
) -> None:
    """Its name, its unit and its row are settings here and switches there; the poll of the channels does not change."""
    async with open_rig(quirks=Quirks(**quirks), aux=AuxSettings(**aux)) as rig:
        rig.bench.tester.warm_cell(CHANNEL, 59.8)
        rig.bench.tester.warm_cell(OTHER, -4.2)
        found = await probe_of(rig).read()
        assert {place: one.temperature_degc for place, one in found.items()} == {CHANNEL: 59.8, "oven-60": -4.2}
        assert [one.channel for one in (await rig.tester.status([CHANNEL, OTHER])).values()] == [CHANNEL, OTHER]


async def test_input_joins_the_records_of_its_channel(store: Store) -> None:
    """Without an oven or another thermometer: every record of the run has the temperature of its cell."""
    aux = AuxSettings(places={CHANNEL: "T1"})
    async with open_rig(quirks=Quirks(aux_temperature="T1"), aux=aux, poll_period_s=60.0) as rig:
        rig.bench.tester.warm_cell(CHANNEL, 45.5)
        async with running(Service(store, [rig.tester])) as service:
            await asyncio.sleep(20.0)
            run = service.submit(warm(wanted=None, cycles=1), "ada")
            await until(lambda: run.state is RunState.COMPLETED, 7200.0, 30.0)
    found = {degc for (degc,) in store.connection.execute("SELECT temperature_degc FROM sample")}
    assert found == {45.5}


async def test_input_that_is_not_mapped_is_told_with_what_there_is() -> None:
    """BTS shows another one, or none: no temperature, and where to look."""
    aux = AuxSettings(places={CHANNEL: "T2"})
    async with open_rig(quirks=Quirks(aux_temperature="T1"), aux=aux) as rig:
        reading = (await probe_of(rig).read())[CHANNEL]
    assert reading.temperature_degc is None
    assert reading.problem == (f"BTS shows no T2 of {CHANNEL} (auxiliary inputs there: T1); map it in the BTS client")
    async with open_rig(aux=aux) as rig:
        assert "auxiliary inputs there: none" in (await probe_of(rig).read())[CHANNEL].problem
        rig.bench.tester.warm_cell(CHANNEL, 60.0)
        await rig.tester.close()
        with pytest.raises(ConnectionFailed, match="ct4008 is not connected yet"):
            await probe_of(rig).read()


async def test_question_that_is_not_answered_is_asked_ever_more_rarely() -> None:
    """One connection serves the channels too: they are not held up again and again."""
    aux = AuxSettings(places={CHANNEL: "T1"})
    async with open_rig(quirks=Quirks(aux_temperature="T1"), aux=aux) as rig:
        probe, loop = probe_of(rig), asyncio.get_running_loop()
        rig.bench.wire.spoil(Fault(Spoil.SILENT, "inquire", times=2))
        with pytest.raises(NoReply):
            await probe.read()
        before_s = loop.time()
        with pytest.raises(NoReply, match="it is asked again in 60 s"):
            await probe.read()
        assert loop.time() == before_s
        assert (await rig.tester.status([CHANNEL]))[CHANNEL].channel == CHANNEL
        await asyncio.sleep(61.0)
        assert (await probe.read())[CHANNEL].temperature_degc is not None


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ('{ "21-1-3" = "T 1" }', "write an attribute as T1, or CHANNEL/T1"),
        ('{ "21-1-3" = "22-1-1/T1" }', "is that of channel '22-1-1', which this tester has not"),
        ('{ "oven" = "21-1-1/T1" }', "'ct4008' is at 'oven', which is no channel and no oven here"),
    ],
)
def test_wrong_inputs_of_a_bench_file_are_told(places: str, words: str, tmp_path: Path) -> None:
    """Before anything is opened."""
    with pytest.raises(SettingsError, match=words):
        load_bench(bench_file(tmp_path, f"[tester.aux]\nplaces = {places}\n"))


def test_place_has_one_thermometer(tmp_path: Path) -> None:
    """A logger and an input at one cell: nobody could say which of them its records have."""
    logger = '[[thermometer]]\nname = "logger"\nport = "COM6"\ncolumns = ["a"]\nplaces = { "21-1-3" = "a" }\n'
    with pytest.raises(SettingsError, match="21-1-3 is measured by 'logger' and by 'ct4008'"):
        load_bench(bench_file(tmp_path, f'[tester.aux]\nplaces = {{ "21-1-3" = "T1" }}\n{logger}'))
