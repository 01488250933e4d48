"""Links that break at one very moment, for tests of runs that measure."""

import asyncio
from collections.abc import Callable, Sequence

from drivers.errors import NoReply, OutcomeUnknown
from drivers.interfaces import ChannelStatus, LoadedProgram, TestIdentity
from orchestrator.store import Store
from tests.rig import CHANNEL
from tests.station_rig import StationRig

HALF_AH = 0.2e-3 * 0.7854 * 20 / 60


def replace_method(of: object, name: str, other: object) -> None:
    """Put another method in its place: a link that breaks at one very moment cannot be broken from outside."""
    setattr(of, name, other)


async def happens(holds: Callable[[], bool], every_s: float = 0.5) -> None:
    """Wait until something holds."""
    while True:
        if holds():
            return
        await asyncio.sleep(every_s)


async def silent(_: Sequence[str]) -> dict[str, ChannelStatus]:
    """Answer nothing, as a tester whose link is cut."""
    raise NoReply("silent")


def lose_the_reply_to_start(rig: StationRig, number: int, *, then_silent: bool = False) -> None:
    """Let this start of the tester happen, and its reply be lost."""
    real, count = rig.tester.start, 0

    async def start(program: LoadedProgram, barcode: str) -> TestIdentity:
        nonlocal count
        count += 1
        identity = await real(program, barcode)
        if count == number:
            if then_silent:
                replace_method(rig.tester, "status", silent)
            raise OutcomeUnknown("the reply is lost")
        return identity

    replace_method(rig.tester, "start", start)


def clipped(rig: StationRig) -> str | None:
    """Give the channel whose cell is on the potentiostat's leads now."""
    return rig.bench.leads.channel


def is_driven(rig: StationRig) -> bool:
    """Tell whether the tester has a program on the channel."""
    return bool(rig.bench.tester.channel(CHANNEL).busy)


def half_cycles(store: Store, run_id: str) -> float:
    """Give the charge that a run has passed, in half-cycles of its recipe."""
    return store.charge_passed_ah(run_id) / HALF_AH
