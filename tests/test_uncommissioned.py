"""Who launches a run on an instrument that nobody has tried on a resistor is told, and the run is not kept back."""

from __future__ import annotations

from pathlib import Path

from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.bench.preflight import PreflightSettings
from orchestrator.cli.rack_words import notes
from orchestrator.preflight.instrument_checks import uncommissioned
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
    assert any(COMMAND in line for line in notes(status))
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
