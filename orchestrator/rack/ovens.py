"""The ovens and thermometers of a rack: asked side by side, joined to the samples, and shared by runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from math import ceil

from drivers.errors import DriverError
from drivers.oven.settings import OvenSettings
from drivers.temperatures import MeasuresTemperatures, Oven, TemperatureProbe
from orchestrator.bench.opening import bench_ovens
from orchestrator.bench.recipe_temperature import beyond_limits
from orchestrator.bench.settings import BenchSettings
from orchestrator.checks import Check, CheckName, failed, warned
from orchestrator.clock.durations import duration_words
from orchestrator.clock.virtual import wall_time
from orchestrator.preflight.machine_checks import unmeasured
from orchestrator.rack.oven_orders import temperature_of
from orchestrator.rack.oven_report import OvenReport, oven_report
from orchestrator.rack.oven_soak import soak, soaked_s
from orchestrator.rack.oven_start import before_heating, listed, no_oven, soaked
from orchestrator.rack.oven_watch import OvenWatch
from orchestrator.rack.place_temperatures import OLDEST_S, PlaceTemperatures
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.store import Store, StoreError
from protocols.temperature import CellTemperature

logger = logging.getLogger(__name__)

# A program that ends waits no longer than this, or than for so many replies, for an oven that does not answer.
_REST_S, _REST_REPLIES = 15.0, 5


@dataclass(frozen=True, slots=True)
class BenchOvens:
    """The ovens of a bench with their settings, and its thermometers, each with the seconds between two readings."""

    ovens: Sequence[tuple[OvenSettings, Oven]] = ()
    probes: Sequence[tuple[float, TemperatureProbe]] = ()


NO_OVENS = BenchOvens()


@asynccontextmanager
async def ovens_on(bench: BenchSettings) -> AsyncIterator[BenchOvens]:
    """Give the ovens and thermometers of a bench file, closed in the end. Raises SettingsError."""
    async with bench_ovens(bench) as (ovens, probes):
        periods = [settings.poll_period_s for settings in bench.thermometer]
        yield BenchOvens(tuple(zip(bench.oven, ovens, strict=True)), tuple(zip(periods, probes, strict=True)))


class Ovens:
    """All ovens and thermometers of one process."""

    def __init__(self, bench: BenchOvens, store: Store, supervisors: Sequence[Supervisor]) -> None:
        """Take them on for the runs of these supervisors; ``watching`` begins to ask them."""
        oven_of = {channel: settings.name for settings, _ in bench.ovens for channel in settings.places}
        longest_s = max((settings.poll_period_s for settings, _ in bench.ovens), default=0.0)
        self.places = PlaceTemperatures(oven_of, max(OLDEST_S, longest_s))
        self._settings = [settings for settings, _ in bench.ovens]
        of_testers = [it.tester for it in supervisors if isinstance(it.tester, MeasuresTemperatures)]
        self._probes = (*bench.probes, *(probe for tester in of_testers for probe in tester.probes()))
        self._supervisors = supervisors
        self._watches = {
            settings.name: OvenWatch(settings, oven, self.places, store, partial(self._inside, settings.places))
            for settings, oven in bench.ovens
        }
        self._oven_of = oven_of
        self._measures = bool(bench.ovens or self._probes)
        if self._measures:
            store.join_temperatures(self.places)
        for supervisor in supervisors:
            supervisor.arrival.soak = supervisor.between_segments.soak = self.soak
            supervisor.settler.temperature_at = self.now_at

    def _inside(self, channels: Sequence[str]) -> list[tuple[Supervisor, Run]]:
        return [(it, run) for it in self._supervisors for run in it.runs if run.request.channel in channels]

    def settings_of(self, channel: str = "") -> list[OvenSettings]:
        """Return the settings of the oven around a channel, of all ovens without one."""
        return [it for it in self._settings if not channel or channel in it.places]

    def of(self, channel: str) -> OvenWatch | None:
        """Return the watch over the oven in which a channel is; None where it is in none."""
        return self._watches.get(self._oven_of.get(channel, ""))

    def reports(self) -> list[OvenReport]:
        """Return what each oven does now, in the order of the bench file."""
        return [oven_report(watch) for watch in self._watches.values()]

    def now_at(self, channel: str) -> float | None:
        """Return the temperature of a channel's place now, in degC; None where nobody measures it."""
        return self.places.at(channel, wall_time()) if self._measures else None

    def measures_at(self, channel: str) -> bool:
        """Return whether an oven or a thermometer of this bench measures the temperature of a channel's place."""
        where = {channel, self._oven_of.get(channel, channel)}
        return channel in self._oven_of or any(where & set(probe.places()) for _, probe in self._probes)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Ask every oven and thermometer, each in a task of its own, until the block ends; ovens then go on."""
        tasks = [asyncio.create_task(it.watch(), name=f"watch {it.name}") for it in self._watches.values()]
        tasks += [asyncio.create_task(self._read(*it), name=f"read {it[1].name}") for it in self._probes]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def rest(self) -> None:
        """Order the safe set point of each oven in which no run wants a temperature any more.

        For who is about to end: a service does it with each reading. One that is silent is logged, and one that stays
        hot for a run that a dead process has left.
        """
        for watch in self._watches.values():
            try:
                async with asyncio.timeout(_patience_s(watch)):
                    await watch.orders.rest()
                if hot := watch.orders.left_hot():
                    logger.error("%s", hot)
            except (TimeoutError, StoreError) as err:
                logger.error("%s: whether its safe set point is set is not known: %r; look at it", watch.name, err)

    async def leave(self) -> None:
        """Look at each oven, and do as ``rest`` does: for a process that does no run, and may have settled one."""
        async with self.watching():
            for watch in self._watches.values():
                with suppress(TimeoutError):
                    await asyncio.wait_for(watch.sight.looked_at.wait(), _patience_s(watch))
            await self.rest()

    async def _read(self, period_s: float, probe: TemperatureProbe) -> None:
        """Read one thermometer again and again."""
        is_open, told = False, ""
        while True:
            try:
                if not is_open:
                    await probe.open()
                    is_open = True
                for place, reading in (await probe.read()).items():
                    if reading.temperature_degc is not None:
                        self.places.note_probe(place, reading.unix_time_s, reading.temperature_degc)
                told = ""
            except DriverError as err:
                if str(err) != told:
                    told = str(err)
                    logger.warning("%s: %s", probe.name, err)
            except Exception:  # a task's root: a defect here must not end the readings
                logger.exception("%s: a defect while reading it", probe.name)
            await asyncio.sleep(period_s)

    # Runs

    async def soak(self, run: Run) -> str:
        """Wait until the oven of a run has soaked at what its present segment wants; return why it does not."""
        watch, wanted = self.of(run.request.channel), temperature_of(run)
        if watch is None or wanted is None:
            return ""
        if other := self.conflict(run.request.channel, (wanted,), run.run_id):
            return other
        return await soak(run, watch)

    def conflict(self, channel: str, wanted: Sequence[CellTemperature], name: str) -> str:
        """Return which run has the oven of a channel at another temperature than ``name`` wants; empty if none has."""
        watch = self.of(channel)
        if watch is None or not wanted:
            return ""
        targets = {one.target_degc for one in wanted}
        set_degc = None if watch.sight.reading is None else watch.sight.reading.target_degc
        for run_id, where in watch.orders.undecided() if targets != {set_degc} else ():
            if where != channel:
                return (
                    f"{name} wants {listed(targets)} on {channel}, and {run_id} on {where}, of an earlier process, is "
                    f"not recovered yet: both are in {watch.name}, which stays as it is until then"
                )
        for _, other in watch.inside():
            if other.run_id == name or other.request.channel == channel or other.state.is_settled:
                continue
            others = {one.target_degc for one in other.request.program.temperatures}
            if others and (others != targets or len(targets) > 1):
                return (
                    f"{name} wants {listed(targets)} on {channel}, and {other.run_id} on {other.request.channel} "
                    f"wants {listed(others)}: both are in {watch.name}, which has one temperature"
                )
        return ""

    def resume_problem(self, run: Run) -> str:
        """Return why a held run must not go on in the middle of a segment; empty where its oven has soaked its cell.

        Cells lag minutes behind the air: an oven that has just come back says nothing of them.
        """
        watch, wanted = self.of(run.request.channel), temperature_of(run)
        if watch is None or wanted is None or run.status.is_between:
            return ""
        wants, warn_k = f"run {run.run_id} wants {wanted.target_degc:g} degC, and ", watch.settings.warn_k
        if (degc := watch.sight.temperature_degc) is None:
            return f"{wants}{watch.sight.problem}"
        if contradiction := watch.sight.contradiction:
            return f"{wants}{contradiction}"
        if abs(degc - wanted.target_degc) > warn_k:
            return f"{wants}{watch.name} is at {degc:.1f} degC: resume it within {warn_k:g} K of it"
        left_s = wanted.soak_s - soaked_s(watch, wanted, warn_k)
        # A thermometer inside that stands in for the oven's own sensor is no reason to wait.
        if watch.sight.problem or left_s <= 0.0:
            return ""
        return (
            f"{wants}{watch.name} was not seen within {warn_k:g} K of it for {duration_words(wanted.soak_s)}: resume "
            f"it in {duration_words(60.0 * ceil(left_s / 60.0))}"
        )

    # The check before a run

    def check(self, request: RunRequest, run: Run | None = None) -> Check:
        """Judge the oven of an order, or of a run that has soaked and is about to begin."""
        program, channel = request.program, request.channel
        if program.asks_for_temperature and not self.measures_at(channel):
            return unmeasured(channel)
        wanted, watch = program.temperatures, self.of(channel)
        if watch is None:
            return no_oven(program, channel, has_ovens=bool(self._watches))
        if not wanted:
            return warned(CheckName.OVEN, f"{channel} is in {watch.name}, and the recipe says no temperature")
        if other := self.conflict(channel, wanted, run.run_id if run else f"this run ({request.label or 'no label'})"):
            return failed(CheckName.OVEN, other, "order it for another oven, or when that run is over")
        if beyond := beyond_limits(program, watch.settings):
            return failed(CheckName.OVEN, beyond, "order it for another oven")
        if run is None:
            return before_heating(watch, wanted[0])
        return soaked(watch, temperature_of(run) or wanted[0])


def _patience_s(watch: OvenWatch) -> float:
    return max(_REST_S, _REST_REPLIES * watch.settings.link.reply_timeout_s)
