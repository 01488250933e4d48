"""Orders the set points of one oven: what a run wants, and the safe one when no run wants a temperature any more."""

from __future__ import annotations

import json
import logging
from math import inf

from drivers.errors import CannotRun, ConnectionFailed, DriverError
from drivers.oven.settings import AfterRuns, OvenSettings
from drivers.temperatures import Oven
from orchestrator.events import EventKind
from orchestrator.rack.oven_events import Inside, OvenEvents
from orchestrator.rack.oven_sight import OvenSight
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols.program import Program
from protocols.temperature import CellTemperature

logger = logging.getLogger(__name__)

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


class OvenOrders:
    """The set points of one oven."""

    def __init__(self, settings: OvenSettings, oven: Oven, sight: OvenSight, store: Store, inside: Inside) -> None:
        self._settings = settings
        self._name = settings.name
        self._oven = oven
        self._sight = sight
        self._store = store
        self._inside = inside
        self._events = OvenEvents(settings.name, store, inside)
        self._ordered_degc: float | None = None
        self._has_looked_back = False

    async def order(self, target_degc: float, why: str) -> None:
        """Order a set point, unless it is there already by our order. Raises DriverError."""
        if self._is_set(target_degc) and self._ordered_degc == target_degc:
            return
        before = self._ordered_degc
        if target_degc != self._settings.safe_degc:
            # Also where its outcome is not known: it is ours to take back.
            self._ordered_degc = target_degc
        try:
            await self._oven.set_target(target_degc)
        except (CannotRun, ConnectionFailed):
            self._ordered_degc = before  # nothing was sent
            raise
        self._ordered_degc = target_degc
        self._events.tell(
            EventKind.OVEN_SET, f"{self._name} is set to {target_degc:g} degC: {why}", {"target_degc": target_degc}
        )

    async def order_safe(self, why: str) -> None:
        """Order the safe set point, once; where that fails it is logged, and ordered again with the next reading."""
        if self._ordered_degc != self._settings.safe_degc:
            try:
                await self.order(self._settings.safe_degc, why)
            except DriverError as err:
                logger.error("%s: its safe set point is not ordered: %s", self._name, err)

    def undecided(self) -> list[tuple[str, str]]:
        """Return the runs inside, with their channels, that a process before this one has left and nobody has yet."""
        known = {run.run_id for _, run in self._inside()}
        rows = [row for row in self._store.runs() if row.channel in self._settings.places and not row.state.is_over]
        return [(row.run_id, row.channel) for row in rows if row.run_id not in known]

    async def rest(self) -> None:
        """Order the safe set point when no run wants a temperature any more, where the settings say so.

        A run in a queue may wait for days, behind one that has tripped or wants none: it has the oven heated in turn.
        One whose turn it is keeps what the run before it has left.
        """
        reading = self._sight.reading
        there = [run for _, run in self._inside()]
        taken = {run.request.channel for run in there if run.state is not RunState.QUEUED and not run.state.is_over}
        going_on = [
            run for run in there if run.state is not RunState.QUEUED or not (run.reason or run.request.channel in taken)
        ]
        wanted = {one.target_degc for run in going_on if (one := temperature_of(run)) is not None}
        if wanted:
            # Also of a process before this one, whose runs go on.
            if self._ordered_degc is None and reading is not None and reading.target_degc in wanted:
                self._ordered_degc = reading.target_degc
        elif self._settings.after_runs is AfterRuns.SAFE:
            if self._ordered_degc is None:
                self._ordered_degc = self._ordered_before()
            # A tester that does not answer yet may have a run inside that goes on.
            if self._ordered_degc not in {None, self._settings.safe_degc} and not self.undecided():
                await self.order_safe("no run wants a temperature any more")

    def left_hot(self) -> str:
        """Say that the oven stays at its set point for runs that a dead process has left; empty where it does not."""
        reading, left = self._sight.reading, self.undecided()
        if reading is None or not left or self._is_set(self._settings.safe_degc):
            return ""
        runs = ", ".join(f"{run_id} on {channel}" for run_id, channel in left)
        return (
            f"{self._name} stays set to {reading.target_degc:g} degC: {runs}, of an earlier process, is not recovered "
            "yet; 'cellrig serve', or 'cellrig run --bench' on that channel, asks what became of it and sets the oven "
            "back"
        )

    def _ordered_before(self) -> float | None:
        """Return what a process before this one has ordered, and died, if it is still set; read once."""
        if self._has_looked_back or self._sight.reading is None:
            return None
        self._has_looked_back = True
        rows = self._store.connection.execute(_SET_BEFORE, (EventKind.OVEN_SET,)).fetchall()
        told = [(json.loads(text or "{}"), unix_s) for text, unix_s in rows]
        mine = [(data["target_degc"], unix_s) for data, unix_s in told if data.get("oven") == self._name]
        last_degc, last_unix_s = mine[0] if mine else (None, -inf)
        # An order is told when it is confirmed: who dies in between leaves what a run of its own has wanted since.
        inside = [it for it in self._store.runs() if it.channel in self._settings.places]
        runs = [it for it in inside if it.state_unix_s >= last_unix_s or not it.state.is_over]
        programs = [Program.from_json(it.program_json) for it in runs[-_RUNS_LOOKED_AT:]]
        ours = {one.target_degc for it in programs for one in it.temperatures}
        if last_degc is not None:
            ours.add(last_degc)
        return next((degc for degc in ours if self._is_set(degc)), None)

    def _is_set(self, target_degc: float) -> bool:
        reading = self._sight.reading
        return reading is not None and abs(reading.target_degc - target_degc) < 1e-6
