"""Ovens and thermometers in bench files: what is refused, what the page says, and what bench check shows."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from drivers.errors import SettingsError
from drivers.oven.opening import ovens_of
from drivers.oven.register_map import FAULT_OF_BIT, shipped_map, shipped_maps
from drivers.oven.settings import LinkSettings, OvenSettings
from drivers.thermometer import ThermometerSettings
from orchestrator.bench.checking import check_bench
from orchestrator.bench.opening import bench_ovens
from orchestrator.bench.settings import load_bench
from orchestrator.bench.simulated import SimulatedRack, open_simulated_rack
from orchestrator.bench.simulated_oven import open_simulated_oven, simulated_oven_settings
from orchestrator.clock.virtual import wall_time
from simulators.listening import listening
from simulators.oven.beside import OvenBeside
from simulators.oven.controller import SimulatedController, oven_of, shipped_controllers
from simulators.oven.line import OvenLine
from simulators.tcp_serving import serve_ct4008
from simulators.thermometer import SimulatedLogger
from tests.bench_files import bench_file
from tests.oven_rig import EUROTHERM, OMRON, settings_of

PAGE = (Path(__file__).parent.parent / "docs" / "ovens.md").read_text("utf-8")
_OVEN = 'model = "eurotherm-3216"\nlow_degc = 5\nhigh_degc = 85\n'


def _oven(name: str = "oven", more: str = "", port: str = "COM5", unit: int = 32) -> str:
    return f'\n[[oven]]\nname = "{name}"\n{_OVEN}{more}\n[oven.link]\nport = "{port}"\nunit = {unit}\n'


def _thermometer(name: str = "logger", port: str = "COM6", places: str = '{ oven = "a" }') -> str:
    return f'\n[[thermometer]]\nname = "{name}"\nport = "{port}"\ncolumns = ["a", "b"]\nplaces = {places}\n'


_MAP = "[oven.map]\nidentity = [{ address = 7 }]\nread = { pv = { address = 1 }, setpoint = { address = 2 } }\n"


@pytest.mark.parametrize("field", [*OvenSettings.model_fields, *LinkSettings.model_fields])
def test_every_setting_of_an_oven_is_documented(field: str) -> None:
    """A setting that nobody can find is no setting."""
    assert re.search(rf"`{field}`", PAGE.partition("## Thermometers")[0])


@pytest.mark.parametrize("field", ThermometerSettings.model_fields)
def test_every_setting_of_a_thermometer_is_documented(field: str) -> None:
    """As for ovens."""
    assert re.search(rf"`{field}`", PAGE.partition("## Thermometers")[2])


@pytest.mark.parametrize("bit", FAULT_OF_BIT)
def test_every_bit_that_a_map_may_name_is_documented(bit: str) -> None:
    """Who writes a map finds the names of its bits."""
    assert f"`{bit}`" in PAGE or re.fullmatch("alarm[23]", bit)


def test_driver_and_simulator_have_the_same_models() -> None:
    """What can be driven can be simulated; each side has tables of its own."""
    assert shipped_maps() == shipped_controllers() == (EUROTHERM, OMRON)
    assert {shipped_map(name).name for name in shipped_maps()} == set(shipped_maps())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (_oven() + _oven(unit=33), "two of them are named 'oven'"),
        (_oven() + _oven("other"), "'oven' and 'other' are both unit 32 of one line"),
        (_oven() + _oven("other", unit=33) + "baud = 19200\n", "at one line, and their links say different things"),
        (_oven(more='places = ["21-1-9"]'), "has '21-1-9' inside, and no instrument here has that channel"),
        (
            _oven(more='places = ["21-1-1"]') + _oven("other", 'places = ["21-1-1"]', unit=33),
            "channel 21-1-1 is in 'oven' and in 'other'",
        ),
        (_oven(more='places = ["21-1-1", "21-1-1"]'), "21-1-1 stands there twice"),
        (_oven() + _thermometer(port="COM5"), "'logger' and oven 'oven' are both at one port"),
        (_thermometer(places='{ here = "a" }'), "'logger' is at 'here', which is no channel and no oven here"),
        (
            _oven() + _thermometer() + _thermometer("second", "COM7"),
            "oven is measured by 'logger' and by 'second'",
        ),
        (_oven().replace(EUROTHERM, "eurotherm-9999"), "there is no oven model 'eurotherm-9999'; there are"),
        (_oven().replace('model = "eurotherm-3216"\n', ""), "give a model (eurotherm-3216, omron-e5cc) or a [map]"),
        (_oven().replace("high_degc = 85", "high_degc = 5"), "low_degc, 5, is not below high_degc, 5"),
        (_oven(more="safe_degc = 90"), "safe_degc, 90, is not between"),
        (_oven(more="poll_period_s = 16"), "less than or equal to 15"),
        (_oven(more="scale = 0.0"), "scale is above 0"),
        (_oven(more='without = ["pv"]'), "without: pv is needed"),
        (_oven(more="addresses = { door = 7 }"), "addresses: eurotherm-3216 reads no door"),
        (_oven(more="identity = { colour = 7 }"), "identity: eurotherm-3216 has no colour"),
        (_oven(port=""), "give the port of the serial line"),
        (_oven() + 'kind = "tcp"\n', "give the host"),
        (_oven(more=_MAP).replace('model = "eurotherm-3216"\n', ""), "oven.0.map.write: Field required"),
        (_oven(more=_MAP).replace("pv =", "PV =").replace('model = "eurotherm-3216"\n', ""), "map"),
    ],
)
def test_wrong_oven_is_refused_with_its_place_in_the_file(tmp_path: Path, more: str, words: str) -> None:
    """Each thing that cannot be is told in a sentence, with the table it is in."""
    with pytest.raises(SettingsError) as caught:
        load_bench(bench_file(tmp_path, more))
    assert words in str(caught.value)


def test_link_is_completed_by_the_model(tmp_path: Path) -> None:
    """What a bench file leaves out is as the model's own; what it says is kept."""
    omron = _oven("b", unit=33, port="COM7").replace(EUROTHERM, OMRON)
    file = bench_file(
        tmp_path, _oven("a") + omron + _oven("c", port="COM8").replace(EUROTHERM, OMRON) + 'parity = "O"\n'
    )
    assert [oven.link.parity for oven in load_bench(file).oven] == ["N", "E", "O"]


def test_map_in_the_bench_file_is_that_of_the_reference(tmp_path: Path) -> None:
    """The format of the reference smu-and-ovens, section 22, is read word for word."""
    reference = (Path(__file__).parent.parent / "docs" / "reference" / "smu-and-ovens.md").read_text("utf-8")
    text = reference.partition("## 22.")[2].partition("```\n")[2].partition("```")[0]
    assert "max_writes_per_day" in text
    head, read, write = re.split(r"\[(?:read|write)\]", text)
    given = f"[oven.map]\n{head}\n[oven.map.read]\n{read}\n[oven.map.write]\n{write}"
    table = _oven().replace('model = "eurotherm-3216"\n', "") + given
    (oven,) = load_bench(bench_file(tmp_path, table)).oven
    assert oven.registers.name == "eurotherm-3216"
    assert oven.registers.read["setpoint"].address == oven.way.setpoint.address == 26
    assert (oven.way.setpoint.min, oven.way.setpoint.max) == (5, 85)


async def test_bench_check_says_who_answers_and_sets_nothing(tmp_path: Path) -> None:
    """Two ovens and a thermometer: who they are, what they show; a dead one is told, and nothing is written."""
    clock = asyncio.get_running_loop().time
    controllers = [SimulatedController(model, oven_of(model, clock)) for model in (EUROTHERM, OMRON)]
    controllers[0].oven.set_at_panel(60.0)
    lines = [OvenLine([one]) for one in controllers]
    logger = SimulatedLogger([lambda: 59.8, lambda: None])
    async with (
        listening(lines[0].handle, "127.0.0.1", 0) as first,
        listening(lines[1].handle_tcp, "127.0.0.1", 0) as second,
        listening(logger.handle, "127.0.0.1", 0) as third,
    ):
        host, _, port = second.address.partition(":")
        tcp = f'kind = "tcp"\nhost = "{host}"\ntcp_port = {port}\n'
        more = _oven("left", port=f"socket://{first.address}")
        more += _oven("right", unit=33).replace(EUROTHERM, OMRON) + tcp
        more += _oven("dead", port="socket://127.0.0.1:1")
        more += _thermometer(port=f"socket://{third.address}", places='{ "21-1-1" = "a", left = "b" }')
        rows = {row["name"]: row for row in await check_bench(load_bench(bench_file(tmp_path, more)))}
    assert rows["left"]["problem"] is None
    assert rows["left"]["channels"][0].startswith("eurotherm-3216 as unit 32 at socket://")
    assert rows["left"]["channels"][1] == "23 degC, set to 60 degC, output 0 %"
    assert rows["right"]["channels"][0].endswith("decimals 1")
    assert "nobody answers at" in rows["dead"]["problem"]
    assert rows["logger"]["channels"] == ["21-1-1 59.8 degC", "left no sensor: it says 'OL'"]
    assert [one.writes for one in controllers] == [0, 0]


async def test_oven_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bench with an oven, and no pymodbus: one sentence; one without an oven needs nothing."""
    monkeypatch.setitem(sys.modules, "pymodbus", None)
    with pytest.raises(SettingsError, match=r"pymodbus is not installed; install it with: .*'\.\[oven\]'"):
        async with bench_ovens(load_bench(bench_file(tmp_path, _oven()))):
            pass
    async with bench_ovens(load_bench(bench_file(tmp_path))) as found:
        assert found == ((), ())


async def test_cells_in_the_simulated_oven_follow_it() -> None:
    """Cells at the oven's places are as warm as their place, with its lag; the others stay as they were."""
    rack = SimulatedRack({"21-1-1": "coated-lfp", "21-1-2": "coated-lfp"})
    async with open_simulated_rack(rack) as (_, simulated):
        outside = simulated.tester.channel("21-1-2").cell.temperature_degc
        async with open_simulated_oven(simulated, simulated_oven_settings(["21-1-1"])) as (oven, hands):
            await asyncio.sleep(1)
            cell = simulated.tester.channel("21-1-1").cell
            assert cell.temperature_degc == pytest.approx(23.0)
            await oven.set_target(60.0)
            await asyncio.sleep(600)
            assert 35.0 < cell.temperature_degc < hands.heat.air_degc - 5.0
            await asyncio.sleep(2 * 3600)
            assert cell.temperature_degc == pytest.approx(60.0, abs=0.2)
            assert simulated.tester.channel("21-1-2").cell.temperature_degc == outside


@pytest.mark.real_time
async def test_oven_beside_a_served_rack_warms_the_cells_inside() -> None:
    """A rack that is a process of its own has its oven with it: what another program orders there warms its cells."""
    told: asyncio.Queue[str] = asyncio.Queue()
    beside = OvenBeside(("21-1-1",), announce=told.put_nowait, announce_hands=told.put_nowait)
    serving = asyncio.create_task(serve_ct4008(port=0, speed=7200.0, oven=beside))
    host, port = (await told.get()).split(":")
    hands = (await told.get()).rpartition(":")[2]
    link = {"kind": "tcp", "host": host, "tcp_port": int(port), "unit": 32, "reply_timeout_s": 30.0}
    (oven,) = ovens_of([settings_of(link=link)], wall_time)
    await oven.open()
    await oven.set_target(60.0)
    await oven.close()
    reader, writer = await asyncio.open_connection(host, int(hands))
    warmest_degc = 0.0
    while warmest_degc < 55.0:
        await asyncio.sleep(0.05)
        writer.write(b"state\n")
        warmest_degc = json.loads(await reader.readline())["cell_degc"]
    writer.close()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
