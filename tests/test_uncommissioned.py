"""Who launches a run on an instrument that nobody has tried on a resistor is told, and the run is not kept back."""

from __future__ import annotations

from pathlib import Path

from drivers.neware.settings import NewareSettings, UnitSettings
from drivers.smu import SmuSettings
from orchestrator.bench.preflight import PreflightSettings
from orchestrator.checks import Outcome
from orchestrator.preflight.instrument_checks import commissioned_check, uncommissioned
from orchestrator.rack.preflight import PreflightPlan
from orchestrator.store import Store
from tests.api_client import ORDER, answered, client_of
from tests.bench_files import bench_file
from tests.command_line import cellrig
from tests.oven_rig import settings_of
from tests.preflight_rig import plan, planned
from tests.rig import Rig

TRIED = '[preflight.commissioned.ct4008]\non = 2026-11-28\nby = "ada"\n'
COMMAND = "cellrig commission ct4008 --channel CHANNEL --bench FILE"


async def test_service_tells_with_the_order_and_in_its_status(rig: Rig, store: Store) -> None:
    """The answer to an order and the status name the instrument and the command; of a simulated one nothing is said."""
    async with planned(rig, store, PreflightPlan()) as service, client_of(service) as (http, _):
        started = await answered(http, "POST", "/runs", 201, ORDER)
        status = await answered(http, "GET", "/status", 200)
    assert COMMAND in started["uncommissioned"][0]
    assert COMMAND in status["uncommissioned"][0]
    async with planned(rig, store, plan()) as service, client_of(service) as (http, _):
        assert (await answered(http, "GET", "/status", 200))["uncommissioned"] == []


def test_run_here_is_warned_of_and_not_refused(tmp_path: Path) -> None:
    """A run that this command makes is told of its tester before anything is sent; one that was tried is silent."""
    path = bench_file(tmp_path)
    order = ("run", "li-li-0.4", "--cell", "coated-li-li", "--channel", "21-1-3", "--by", "ada", "--bench", str(path))
    told = cellrig(*order, "--store", str(tmp_path / "lab.db"))
    assert f"warning: ct4008 was never tried on a resistor here: {COMMAND}" in " ".join(told.stderr.split())
    path.write_text(path.read_text() + TRIED)
    assert "never tried" not in cellrig(*order, "--store", str(tmp_path / "lab.db")).stderr


def test_instrument_without_a_commissioning_says_what_a_person_does() -> None:
    """A tester of another package, for which there is no command, is to be tried by hand, and the day written."""

    class Other:
        name = "other"

    settings = NewareSettings(step_files=Path(), step_files_on_bts_pc="", units=(UnitSettings(devid=21, subdevid=1),))
    (other,) = uncommissioned([Other(), Other()], PreflightSettings())
    assert "by hand, then write [preflight.commissioned.other]" in other
    assert uncommissioned([settings], PreflightSettings(warn_uncommissioned=False)) == []


def test_oven_that_was_never_tried_is_told_with_its_own_command() -> None:
    """An oven is tried without cells, not on a resistor; the sentence has its command, which needs no channel."""
    (told,) = uncommissioned([settings_of(name="oven-60")], PreflightSettings())
    assert told == "oven-60 was never tried without cells here: cellrig commission oven --bench FILE"


def _two_meters() -> SmuSettings:
    described = {"model": "keithley-2450"}
    units = [
        described | {"channel": f"smu-{n}", "resource": f"TCPIP::h{n}::5025::SOCKET", "serial": f"A{n}"} for n in (1, 2)
    ]
    return SmuSettings.model_validate({"units": units})


def test_each_source_meter_is_an_instrument_of_its_own() -> None:
    """What one unit was found to be says nothing of another: each has a table of its own, and is told by channel."""
    meters = _two_meters()
    tried = PreflightSettings.model_validate(
        {"commissioned": {"smu/smu-1": {"on": "2026-11-28", "by": "ada", "at": "smu-1, x", "versions": "K,2450,A1,1"}}}
    )
    (told,) = uncommissioned([meters], tried)
    assert told == ("smu smu-2 was never tried on a resistor here: cellrig commission smu --channel smu-2 --bench FILE")
    assert uncommissioned([meters], tried, "smu-1") == []
    outcomes = [commissioned_check(meters, tried, channel).outcome for channel in ("smu-1", "smu-2")]
    assert outcomes == [Outcome.PASS, Outcome.WARN]
    exchanged = meters.model_copy(update={"units": (meters.units[0].model_copy(update={"serial": "B7"}),)})
    assert "the bench file has serial number B7 there" in commissioned_check(exchanged, tried, "smu-1").sentence


def test_older_table_of_all_source_meters_holds_for_the_one_that_was_tried() -> None:
    """A table under the tester's name counts for the channel that it names, for all where it names none."""
    meters = _two_meters()
    for at, never in (("smu-1, a resistor of 1000 ohm", ["smu-2"]), ("", []), ("the left one", [])):
        older = PreflightSettings.model_validate({"commissioned": {"smu": {"on": "2026-11-28", "by": "ada", "at": at}}})
        told = uncommissioned([meters], older)
        assert [sentence.split()[1] for sentence in told] == never
