"""What a run's record says of programs and limits is true for the instrument that it ran on."""

from pathlib import Path

from drivers.interfaces import BatteryTester
from orchestrator.events import EventKind
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from tests.cycler_rig import CHI, open_cycler_rig, short_program
from tests.rig import CHANNEL, open_rig


async def said(tester: BatteryTester, channel: str, store: Store) -> dict[str, str]:
    """Run a short program and give what its record says, by kind of event."""
    (run,) = await Supervisor(store, tester).run([RunRequest(short_program(1), channel, channel)])
    assert run.state is RunState.COMPLETED, run.reason
    return {event.kind: event.message for event in store.events(run.run_id)}


async def test_ct4008_speaks_of_its_step_file(store: Store) -> None:
    """The file's name and checksum, and that it was compared."""
    async with open_rig() as rig:
        events = await said(rig.tester, CHANNEL, store)
        assert events[EventKind.LOADED].startswith("step file R000001-")
        assert "the step file was read back and equals the program" in events[EventKind.LIMITS_AS_LOADED]


async def test_potentiostat_speaks_of_its_measurements(store_path: Path) -> None:
    """It has no step file, and its limits are in the macro of each measurement."""
    async with open_cycler_rig() as rig:
        with open_store(store_path) as store:
            events = await said(rig.cycler, CHI, store)
    assert "measurements by ISTEP" in events[EventKind.LOADED]
    assert "the macro of each measurement" in events[EventKind.LIMITS_AS_LOADED]
    assert not [message for message in events.values() if "step file" in message]
