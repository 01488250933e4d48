"""Sees that the cell of a run is where its test begins: off the potentiostat, and in the holder of a simulated rack."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from drivers.errors import DriverError
from drivers.interfaces import BatteryTester
from orchestrator.bench.holders import SimulatedHolders
from orchestrator.bench.station import Station
from orchestrator.events import EventKind
from orchestrator.runs.run import Run
from orchestrator.runs.soaking import Soak, no_oven
from orchestrator.store import MountingKind, Mountings, Store

# Live values are a little older than the tester says at worst, where its machine is busy.
_LATER_S = 1.0


KeepOthersOff: TypeAlias = Callable[[Run], Awaitable[str]]


async def _no_others(_: Run) -> str:
    return ""


class CellArrival:
    """The cells of one tester's channels, before their tests begin."""

    def __init__(
        self,
        store: Store,
        tester: BatteryTester,
        station: Station | None,
        holders: SimulatedHolders | None,
    ) -> None:
        self._mountings = Mountings(store)
        self._tester = tester
        self._station = station
        self._holders = holders
        # Waits until the oven has soaked, and returns why it does not; replaced where a bench has ovens.
        self.soak: Soak = no_oven
        # Keeps the other instruments of the cell off it, and returns why that fails; replaced where cells are shared.
        self.keep_others_off: KeepOthersOff = _no_others

    async def is_here(self, run: Run) -> bool:
        """Return whether the cell is where it must be; if that is not known, the run cannot begin (faults B13)."""
        problem = await self.keep_others_off(run) or await self._not_off_the_leads(run)
        problem = problem or await self._not_in_its_holder(run) or await self.soak(run)
        if problem and not run.state.is_settled:
            # Unless a person has stopped it meanwhile.
            run.cannot_begin(problem)
        return not problem

    async def _not_off_the_leads(self, run: Run) -> str:
        """Take the cell off the potentiostat; return why that is not known to have succeeded."""
        if self._station is None:
            return ""
        try:
            await self._station.disconnect(run.request.channel)
            await self._station.wait_until_shown(run.request.channel, self._tester.traits.refresh_s)
        except DriverError as err:
            return f"it is not known whether the cell is on {self._station.potentiostat.name}: {err}"
        return ""

    async def _not_in_its_holder(self, run: Run) -> str:
        """Put the cell of a new run into its simulated holder; return why that did not succeed."""
        channel, cell = run.request.channel, run.request.program.cell
        if self._holders is None:
            return ""
        word = self._mountings.last_word(run.run_id)
        # The same cell as before stays as it has become; a rack that was started anew has lost it.
        is_new = not run.tests and (word is None or word.kind is not MountingKind.SAME_CELL)
        try:
            model = await self._holders.mount(channel, cell, fresh=is_new)
        except DriverError as err:
            return str(err)
        if model:
            lost = "" if is_new else "; the one from before is gone with the rack that had it"
            run.journal.note(EventKind.CELL_MOUNTED, f"a fresh simulated cell, {model}, is in {channel}{lost}")
            await asyncio.sleep(self._tester.traits.refresh_s + _LATER_S)
        return ""
