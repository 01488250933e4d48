"""Watches one oven: asks it again and again, tells what is wrong, and holds or trips the runs whose cells are inside.

One task for each oven: one that does not answer delays nobody. The orders that it gives to runs are tasks of their own.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from math import inf

from drivers.errors import DriverError
from drivers.oven.settings import OvenSettings
from drivers.temperatures import Oven, OvenFault
from orchestrator.clock.durations import duration_words
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.judging.oven_bands import OvenBand, OvenBandJudge, OvenLimits
from orchestrator.rack.oven_events import Inside, OvenEvents
from orchestrator.rack.oven_excursions import Excursions
from orchestrator.rack.oven_orders import OvenOrders, temperature_of
from orchestrator.rack.oven_sight import OvenSight
from orchestrator.rack.place_temperatures import PlaceTemperatures
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.run import Run
from orchestrator.states import Ending, RunState
from orchestrator.store import Store, StoreError
from protocols.temperature import WhenLeft

logger = logging.getLogger(__name__)


class OvenWatch:
    """One oven of a rack: ``sight`` is what is known of it, ``orders`` are its set points."""

    def __init__(
        self, settings: OvenSettings, oven: Oven, places: PlaceTemperatures, store: Store, inside: Inside
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self.places = places
        self.inside = inside
        self._events = OvenEvents(settings.name, store, inside)
        self.sight = OvenSight(settings, places, self._events)
        self.orders = OvenOrders(settings, oven, self.sight, store, inside)
        self.band = OvenBand.INSIDE
        # The runs that wait for it: nothing of them is held because it is not there yet.
        self.soaking: set[str] = set()
        # How hot it was when the first of them began to wait: it may have to cool down.
        self._soaks_from_degc = -inf
        self._oven = oven
        self._limits = OvenLimits(settings.warn_k, settings.hold_k, settings.cut_out_degc)
        self._judge = OvenBandJudge(self._limits, settings.poll_period_s)
        self._excursions = Excursions(store)
        self._blind_since_unix_s: float | None = None
        self._is_open = False
        self._acting: dict[str, asyncio.Task[None]] = {}

    # Asking

    async def watch(self) -> None:
        """Ask the oven again and again until cancelled; the orders given to runs are then waited for."""
        try:
            while True:
                try:
                    await self._poll()
                except StoreError as err:
                    logger.error("%s: its state cannot be stored: %s", self.name, err)
                except Exception:  # a task's root: a defect here must not end the watch over the oven
                    logger.exception("%s: a defect while watching it", self.name)
                await asyncio.sleep(self.settings.poll_period_s)
        finally:
            for task in tuple(self._acting.values()):
                task.cancel()
            await asyncio.gather(*self._acting.values(), return_exceptions=True)

    async def _poll(self) -> None:
        try:
            if not self._is_open:
                await self._oven.open()
                self._is_open = True
            reading = await self._oven.read()
        except DriverError as err:
            self.sight.lost(str(err))
        else:
            self.sight.seen(reading)
        await self._act()
        await self.orders.rest()

    # Judging

    @property
    def cut_out_degc(self) -> float | None:
        """From here on all runs inside trip; None where neither the settings nor a run says one.

        While all of them still wait for the oven to cool down, it may be as hot as it was when they began to.
        """
        runs = {run.run_id: one.target_degc for _, run in self.inside() if (one := temperature_of(run)) is not None}
        if going_on := [degc for run_id, degc in runs.items() if run_id not in self.soaking]:
            return self._limits.trips_from(going_on[0])
        return self._limits.trips_from(max(*runs.values(), self._soaks_from_degc) if runs else None)

    @property
    def too_hot(self) -> str:
        """Why no run may wait for it any longer, in a sentence; empty while none is endangered."""
        if OvenFault.HEATER_STUCK in self.sight.faults:
            return f"the heater of {self.name} is stuck on: switch the oven off, and look at its heater and its door"
        if self.band is not OvenBand.TRIP:
            return ""
        degc, cut_out_degc = self.sight.temperature_degc, self.cut_out_degc
        shown = "" if degc is None or cut_out_degc is None else f": {degc:.1f} degC, cut out at {cut_out_degc:g} degC"
        return f"{self.name} is too hot{shown}; look at its heater and its door"

    def begin_soak(self, run_id: str) -> None:
        """Take a run among those that wait for the oven."""
        if not self.soaking:
            degc = self.sight.temperature_degc
            self._soaks_from_degc = -inf if degc is None else degc
        self.soaking.add(run_id)

    async def _act(self) -> None:
        """Judge what was seen, tell it, and hold or trip the runs inside."""
        sight, now = self.sight, wall_time()
        temperature_degc = sight.temperature_degc
        if temperature_degc is None:
            await self._act_blind(now)
            return
        self._blind_since_unix_s = None
        there = [run for _, run in self.inside() if run.state.is_live or run.state is RunState.HOLDING]
        wanted = next((one for run in there if run.run_id not in self.soaking and (one := temperature_of(run))), None)
        target_degc = None if wanted is None else wanted.target_degc
        cut_out_degc, hottest_degc = self.cut_out_degc, sight.hottest_degc
        before, self.band = self.band, self._judge.feed(temperature_degc, target_degc, hottest_degc, cut_out_degc)
        seen = f"{self.name} is at {hottest_degc if self.band is OvenBand.TRIP else temperature_degc:.1f} degC"
        where = "" if target_degc is None else f", and its runs want {target_degc:g} degC"
        if self.band > before:
            kind = EventKind.OVEN_TOO_HOT if self.band is OvenBand.TRIP else EventKind.OVEN_LEFT
            self._events.tell(kind, f"{seen}{where}{self._why()}", {"band": self.band.name.lower()})
        elif self.band is OvenBand.INSIDE < before:
            self._events.tell(EventKind.OVEN_BACK, f"{seen}{where}: it is back")
        left = f"{seen}{where}" if self.band is not OvenBand.INSIDE else sight.contradiction
        self._excursions.note(self.live(), left, now)
        if self.band is OvenBand.TRIP:
            self._give(RunState.TRIPPED, f"{seen}, and is cut out at {cut_out_degc:g} degC{self._why()}")
            await self.orders.order_safe("it is too hot")
        elif self.band is OvenBand.HOLD:
            self._give(RunState.HOLDING, f"{seen}{where}{self._why()}")
        elif OvenFault.HEATER_STUCK in sight.faults:
            if self.soaking:
                await self.orders.order_safe("its heater is stuck on")
            self._give(RunState.HOLDING, f"the heater of {self.name} is stuck on, {seen}")
        elif contradiction := sight.contradiction:
            self._give(RunState.HOLDING, f"{contradiction}; find out which of the two is right")

    async def _act_blind(self, now_unix_s: float) -> None:
        """Act where no sensor shows a temperature: hold at once where it may be any, else after the time of grace."""
        since = self._blind_since_unix_s = self._blind_since_unix_s or now_unix_s
        lasts_s, problem = now_unix_s - since, self.sight.problem
        self._excursions.note(self.live(), f"the temperature is not known: {problem}", now_unix_s)
        if self.sight.is_left_safe:
            self._give(RunState.HOLDING, f"{problem}, and no thermometer is in it")
            await self.orders.order_safe("nobody knows how hot it is")
        elif lasts_s >= self.settings.grace_s:
            self._give(RunState.HOLDING, f"no temperature for {duration_words(lasts_s)}: {problem}")

    def _why(self) -> str:
        told = ", ".join(sorted(fault.value for fault in self.sight.faults))
        return f" ({told})" if told else ""

    # Runs

    def live(self) -> list[Run]:
        """Return the runs inside under whose program current may flow."""
        return [run for _, run in self.inside() if run.state.is_live and run.run_id not in self.soaking]

    def _give(self, state: RunState, reason: str) -> None:
        """Hold or trip the runs inside, each in a task of its own; one whose recipe only marks its data is not held."""
        for supervisor, run in self.inside():
            wanted = temperature_of(run)
            is_marked = state is RunState.HOLDING and wanted is not None and wanted.when_left is WhenLeft.MARK
            is_live = run.state.is_live and run.run_id not in self.soaking
            concerned = is_live or (state is RunState.TRIPPED and run.state is RunState.HOLDING)
            if concerned and not is_marked and run.run_id not in self._acting:
                task = asyncio.create_task(_end(supervisor, run, Ending(state, reason)), name=f"oven ends {run.run_id}")
                self._acting[run.run_id] = task
                task.add_done_callback(partial(self._acted, run.run_id))

    def _acted(self, run_id: str, _: asyncio.Task[None]) -> None:
        self._acting.pop(run_id, None)


async def _end(supervisor: Supervisor, run: Run, ending: Ending) -> None:
    try:
        await supervisor.end(run, ending)
    except Exception:  # a task's root: the next reading orders it again
        logger.exception("run %s: %s is not carried out", run.run_id, ending.reason)
