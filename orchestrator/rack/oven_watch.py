"""Watches one oven: asks it again and again, tells what is wrong, and holds or trips the runs whose cells are inside.

One task for each oven: one that does not answer delays nobody. The orders that it gives to runs are tasks of their own.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf

from drivers.errors import CannotRun, ConnectionFailed, DriverError
from drivers.oven.settings import AfterRuns, OvenSettings
from drivers.temperatures import Oven, OvenFault, OvenReading
from orchestrator.clock.durations import duration_words
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.judging.oven_bands import OvenBand, OvenBandJudge, OvenLimits
from orchestrator.rack.oven_excursions import Excursions
from orchestrator.rack.place_temperatures import PlaceTemperatures
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.run import Run
from orchestrator.states import Ending, RunState
from orchestrator.store import Store, StoreError
from protocols.program import Program
from protocols.temperature import CellTemperature, WhenLeft

logger = logging.getLogger(__name__)

Inside = Callable[[], Sequence[tuple[Supervisor, Run]]]
"""Gives the runs on the channels that are inside an oven, each with its supervisor."""

# Faults with which the heat cannot be trusted whatever the sensor shows: the runs are held at once.
_HELD_AT_ONCE = (OvenFault.HEATER_STUCK, OvenFault.SENSOR_FROZEN)
# A sensor that shows one value for so long, while the output moves by more than so much, may be frozen: no run begins
# on its word, though it takes an hour beside the set point until that is told as a fault (docs/ovens.md).
_STILL_S, _STILL_PERCENT, _ANEW_S = 300.0, 2.0, 1800.0
# Newest first; all ovens of a rack are among them.
_SET_BEFORE = "SELECT data_json, at_unix_s FROM event WHERE kind = ? ORDER BY id DESC LIMIT 200"
# So many runs, the newest, may have been under way when a process died between an order and its word of it.
_RUNS_LOOKED_AT = 20


def temperature_of(run: Run) -> CellTemperature | None:
    """Return the temperature that the present segment of a run wants; None where it wants none."""
    progress = run.progress
    if run.state.is_settled or progress.is_over:
        return None
    return progress.program.segments[progress.index].temperature


class OvenWatch:
    """One oven of a rack."""

    def __init__(
        self, settings: OvenSettings, oven: Oven, places: PlaceTemperatures, store: Store, inside: Inside
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self.places = places
        self.inside = inside
        self.reading: OvenReading | None = None
        # Why there is no valid temperature; empty while there is one.
        self.problem = "it has not been read yet"
        self.band = OvenBand.INSIDE
        # The runs that wait for it: nothing of them is held because it is not there yet.
        self.soaking: set[str] = set()
        # What the sensor shows without moving by a digit: the value, since when, and the outputs seen meanwhile.
        self._still: tuple[float, float, float, float] | None = None
        # Whether it has done so while the heater's output was changed; until it moves.
        self.stands_still = False
        # How hot it was when the first of them began to wait: it may have to cool down.
        self._soaks_from_degc = -inf
        self._oven = oven
        self._store = store
        self._limits = OvenLimits(settings.warn_k, settings.hold_k, settings.cut_out_degc)
        self._judge = OvenBandJudge(self._limits, settings.poll_period_s)
        self._excursions = Excursions(store)
        # What is wrong with it, as it was read last; and whether it does not answer.
        self.faults: frozenset[OvenFault] = frozenset()
        self.is_lost = False
        self._blind_since_unix_s: float | None = None
        self._ordered_degc: float | None = None
        self._has_looked_back = False
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
            self.problem = f"{self.name} does not answer: {err}"
            self._lost()
        else:
            self._seen(reading)
        await self._act()
        await self.rest()

    def _lost(self) -> None:
        if not self.is_lost:
            self.is_lost = True
            self._tell(EventKind.OVEN_LOST, self.problem)

    def _seen(self, reading: OvenReading) -> None:
        self.reading = reading
        if self.is_lost:
            self.is_lost = False
            self._tell(EventKind.OVEN_BACK, f"{self.name} answers again")
        for fault in sorted(reading.faults - self.faults):
            self._tell(EventKind.OVEN_FAULT, f"{self.name}: {fault.value}, {_shown(reading)}", {"fault": fault.value})
        if over := self.faults - reading.faults:
            words = ", ".join(sorted(fault.value for fault in over))
            self._tell(EventKind.OVEN_BACK, f"{self.name}: {words} is over, {_shown(reading)}")
        self.faults = reading.faults
        if reading.temperature_degc is None:
            self.problem = f"the sensor of {self.name} shows no temperature"
        elif OvenFault.SENSOR_FROZEN in reading.faults:
            self.problem = f"the sensor of {self.name} is frozen at {reading.temperature_degc:.1f} degC"
        else:
            self.problem = ""
            self._note_still(reading.temperature_degc, reading.output_percent, reading.unix_time_s)
            self.places.note_oven(self.name, reading.unix_time_s, reading.temperature_degc)

    # Judging

    @property
    def temperature_degc(self) -> float | None:
        """The oven's own valid temperature, else that of a thermometer inside; None where there is neither."""
        if not self.problem and self.reading is not None:
            return self.reading.temperature_degc
        return next(iter(self.beside.values()), None)

    @property
    def beside(self) -> dict[str, float]:
        """What the thermometers in the oven show, by place; that of the oven as a whole is first."""
        now = wall_time()
        found = {place: self.places.of_probe(place, now) for place in (self.name, *self.settings.places)}
        return {place: degc for place, degc in found.items() if degc is not None}

    @property
    def is_left_safe(self) -> bool:
        """Whether nobody knows how hot it is while it heats: the safe set point stays, whatever a run wants."""
        is_told = bool(self.faults & frozenset(_HELD_AT_ONCE)) and not self.is_lost
        return is_told and self.temperature_degc is None

    def _note_still(self, degc: float, output_percent: float | None, unix_s: float) -> None:
        """Look whether the sensor has shown one and the same value for minutes while the heater's output was changed.

        Over hours the output of a well oven that shows one value moves with the room: it is looked at anew.
        """
        output = 0.0 if output_percent is None else output_percent
        before = self._still
        if before is None or before[0] != degc:
            self.stands_still, before = False, None
        if before is None or (unix_s - before[1] > _ANEW_S and not self.stands_still):
            before = degc, unix_s, output, output
        _, since, low, high = before
        self._still = degc, since, min(low, output), max(high, output)
        self.stands_still |= unix_s - since > _STILL_S and max(high, output) - min(low, output) > _STILL_PERCENT

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
        if OvenFault.HEATER_STUCK in self.faults:
            return f"the heater of {self.name} is stuck on: switch the oven off, and look at its heater and its door"
        if self.band is not OvenBand.TRIP:
            return ""
        degc, cut_out_degc = self.temperature_degc, self.cut_out_degc
        shown = "" if degc is None or cut_out_degc is None else f": {degc:.1f} degC, cut out at {cut_out_degc:g} degC"
        return f"{self.name} is too hot{shown}; look at its heater and its door"

    def begin_soak(self, run_id: str) -> None:
        """Take a run among those that wait for the oven."""
        if not self.soaking:
            self._soaks_from_degc = -inf if self.temperature_degc is None else self.temperature_degc
        self.soaking.add(run_id)

    async def _act(self) -> None:
        """Judge what was seen, tell it, and hold or trip the runs inside."""
        now, temperature_degc = wall_time(), self.temperature_degc
        if temperature_degc is None:
            await self._act_blind(now)
            return
        self._blind_since_unix_s = None
        there = [run for _, run in self.inside() if run.state.is_live or run.state is RunState.HOLDING]
        wanted = next((one for run in there if run.run_id not in self.soaking and (one := temperature_of(run))), None)
        target_degc = None if wanted is None else wanted.target_degc
        cut_out_degc = self.cut_out_degc
        hottest_degc = max([temperature_degc, *self.beside.values()])
        before, self.band = self.band, self._judge.feed(temperature_degc, target_degc, hottest_degc, cut_out_degc)
        seen = f"{self.name} is at {hottest_degc if self.band is OvenBand.TRIP else temperature_degc:.1f} degC"
        where = "" if target_degc is None else f", and its runs want {target_degc:g} degC"
        if self.band > before:
            kind = EventKind.OVEN_TOO_HOT if self.band is OvenBand.TRIP else EventKind.OVEN_LEFT
            self._tell(kind, f"{seen}{where}{self._why()}", {"band": self.band.name.lower()})
        elif self.band is OvenBand.INSIDE < before:
            self._tell(EventKind.OVEN_BACK, f"{seen}{where}: it is back")
        self._excursions.note(self.live(), f"{seen}{where}" if self.band is not OvenBand.INSIDE else "", now)
        if self.band is OvenBand.TRIP:
            self._give(RunState.TRIPPED, f"{seen}, and is cut out at {cut_out_degc:g} degC{self._why()}")
            await self._order_safe("it is too hot")
        elif self.band is OvenBand.HOLD:
            self._give(RunState.HOLDING, f"{seen}{where}{self._why()}")
        elif OvenFault.HEATER_STUCK in self.faults:
            if self.soaking:
                await self._order_safe("its heater is stuck on")
            self._give(RunState.HOLDING, f"the heater of {self.name} is stuck on, {seen}")

    async def _act_blind(self, now_unix_s: float) -> None:
        """Act where no sensor shows a temperature: hold at once where it may be any, else after the time of grace."""
        since = self._blind_since_unix_s = self._blind_since_unix_s or now_unix_s
        lasts_s = now_unix_s - since
        self._excursions.note(self.live(), f"the temperature is not known: {self.problem}", now_unix_s)
        if self.is_left_safe:
            self._give(RunState.HOLDING, f"{self.problem}, and no thermometer is in it")
            await self._order_safe("nobody knows how hot it is")
        elif lasts_s >= self.settings.grace_s:
            self._give(RunState.HOLDING, f"no temperature for {duration_words(lasts_s)}: {self.problem}")

    def _why(self) -> str:
        told = ", ".join(sorted(fault.value for fault in self.faults))
        return f" ({told})" if told else ""

    # Orders

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

    async def order(self, target_degc: float, why: str) -> None:
        """Order a set point, unless it is there already by our order. Raises DriverError."""
        there = self.reading is not None and abs(self.reading.target_degc - target_degc) < 1e-6
        if there and self._ordered_degc == target_degc:
            return
        before = self._ordered_degc
        if target_degc != self.settings.safe_degc:
            # Also where its outcome is not known: it is ours to take back.
            self._ordered_degc = target_degc
        try:
            await self._oven.set_target(target_degc)
        except (CannotRun, ConnectionFailed):
            self._ordered_degc = before  # nothing was sent
            raise
        self._ordered_degc = target_degc
        self._tell(
            EventKind.OVEN_SET, f"{self.name} is set to {target_degc:g} degC: {why}", {"target_degc": target_degc}
        )

    async def _order_safe(self, why: str) -> None:
        if self._ordered_degc != self.settings.safe_degc:
            try:
                await self.order(self.settings.safe_degc, why)
            except DriverError as err:
                logger.error("%s: its safe set point is not ordered: %s", self.name, err)

    def undecided(self) -> list[tuple[str, str]]:
        """Return the runs inside, with their channels, that a process before this one has left and nobody has yet."""
        known = {run.run_id for _, run in self.inside()}
        rows = [row for row in self._store.runs() if row.channel in self.settings.places and not row.state.is_over]
        return [(row.run_id, row.channel) for row in rows if row.run_id not in known]

    async def rest(self) -> None:
        """Order the safe set point when no run wants a temperature any more, where the settings say so.

        A run in a queue may wait for days, behind one that has tripped or wants none: it has the oven heated in turn.
        One whose turn it is keeps what the run before it has left.
        """
        there = [run for _, run in self.inside()]
        taken = {run.request.channel for run in there if run.state is not RunState.QUEUED and not run.state.is_over}
        going_on = [
            run for run in there if run.state is not RunState.QUEUED or not (run.reason or run.request.channel in taken)
        ]
        wanted = {one.target_degc for run in going_on if (one := temperature_of(run)) is not None}
        if wanted:
            # Also of a process before this one, whose runs go on.
            if self._ordered_degc is None and self.reading is not None and self.reading.target_degc in wanted:
                self._ordered_degc = self.reading.target_degc
        elif self.settings.after_runs is AfterRuns.SAFE:
            if self._ordered_degc is None:
                self._ordered_degc = self._ordered_before()
            # A tester that does not answer yet may have a run inside that goes on.
            if self._ordered_degc not in {None, self.settings.safe_degc} and not self.undecided():
                await self._order_safe("no run wants a temperature any more")

    def _ordered_before(self) -> float | None:
        """Return what a process before this one has ordered, and died, if it is still set; read once."""
        if self._has_looked_back or self.reading is None:
            return None
        self._has_looked_back = True
        rows = self._store.connection.execute(_SET_BEFORE, (EventKind.OVEN_SET,)).fetchall()
        told = [
            (data["target_degc"], at)
            for text, at in rows
            if (data := json.loads(text or "{}")).get("oven") == self.name
        ]
        last_degc, last_unix_s = told[0] if told else (None, -inf)
        # An order is told when it is confirmed: who dies in between leaves what a run of its own has wanted since.
        inside = [it for it in self._store.runs() if it.channel in self.settings.places]
        runs = [it for it in inside if it.state_unix_s >= last_unix_s or not it.state.is_over]
        programs = [Program.from_json(it.program_json) for it in runs[-_RUNS_LOOKED_AT:]]
        ours = {one.target_degc for it in programs for one in it.temperatures}
        if last_degc is not None:
            ours.add(last_degc)
        return next((degc for degc in ours if abs(self.reading.target_degc - degc) < 1e-6), None)

    def _tell(self, kind: EventKind, message: str, data: Mapping[str, object] | None = None) -> None:
        logger.info("%s", message)
        try:
            self._store.add_event(None, kind, message, wall_time(), json.dumps({"oven": self.name, **(data or {})}))
        except StoreError as err:
            # A full disk keeps no cell under current: what follows of it is done all the same.
            logger.error("%s: not stored: %s", message, err)


async def _end(supervisor: Supervisor, run: Run, ending: Ending) -> None:
    try:
        await supervisor.end(run, ending)
    except Exception:  # a task's root: the next reading orders it again
        logger.exception("run %s: %s is not carried out", run.run_id, ending.reason)


def _shown(reading: OvenReading) -> str:
    shown = "no temperature" if reading.temperature_degc is None else f"{reading.temperature_degc:.1f} degC"
    return f"{shown}, set to {reading.target_degc:g} degC"
