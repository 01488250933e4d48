"""Checks whether a bench's instruments answer, and reports the state of their channels: ``cellrig bench check``."""

from __future__ import annotations

import logging
from typing import Any

from drivers.capabilities import LooksAtIdleCells
from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import DriverError
from drivers.temperatures import MeasuresTemperatures, OvenReading, TemperatureProbe
from orchestrator.bench.double_entries import double_entry
from orchestrator.bench.kinds import broken_code
from orchestrator.bench.opening import bench_ovens, bench_testers, station_on
from orchestrator.bench.settings import BenchSettings
from orchestrator.bench.station import Station

logger = logging.getLogger(__name__)


async def check_bench(bench: BenchSettings) -> list[dict[str, Any]]:
    """Open every tester of a bench and report, for each, whether it answers and the state of its channels."""
    rows: list[dict[str, Any]] = []
    async with bench_testers(bench, None) as testers:
        for tester, settings in zip(testers, bench.tester, strict=True):
            problem, shown = None, []
            try:
                await tester.open()
                if isinstance(tester, LooksAtIdleCells):
                    # A look at a cell would connect it, which another instrument or program may drive.
                    for channel in tester.channels():
                        tester.keep_off(channel, "cellrig bench check")
                found = await tester.status(tester.channels())
                shown = [
                    f"{status.channel} {status.state.value} {status.barcode}".rstrip() for status in found.values()
                ]
            except DriverError as err:
                problem = str(err)
            except Exception as err:  # told with its package; the others are checked all the same
                logger.exception("%s", tester.name)
                problem = broken_code(settings.kind, f"asking {tester.name!r}", err)
            rows.append(
                {"name": tester.name, "host_loss": tester.host_loss.value, "channels": shown, "problem": problem}
            )
        for tester, row in zip(testers, rows, strict=True):
            row["problem"] = row["problem"] or double_entry(tester, testers) or None
        measuring = [tester for tester in testers if isinstance(tester, MeasuresTemperatures)]
        rows += [await _check_probe(probe) for tester in measuring for _, probe in tester.probes()]
    station = station_on(bench)
    if station is not None and bench.potentiostat is not None:
        rows.append(await _check(station, bench.potentiostat))
    return [*rows, *await _check_ovens(bench)]


async def _check_ovens(bench: BenchSettings) -> list[dict[str, Any]]:
    """Report whether each oven and thermometer answers, who it is, and what it shows; nothing is set."""
    rows = []
    async with bench_ovens(bench) as (ovens, probes):
        for oven in ovens:
            problem, shown = None, []
            try:
                await oven.open()
                shown = [oven.identity, _words(await oven.read())]
            except DriverError as err:
                problem = str(err)
            rows.append({"name": oven.name, "host_loss": "keeps", "channels": shown, "problem": problem})
        rows += [await _check_probe(probe) for probe in probes]
    return rows


async def _check_probe(probe: TemperatureProbe) -> dict[str, Any]:
    """Report whether a thermometer answers, and what it shows of each place."""
    problem, shown = None, []
    try:
        await probe.open()
        found = await probe.read()
        shown = [
            f"{place} {_degc(one.temperature_degc) if not one.problem else one.problem}" for place, one in found.items()
        ]
    except DriverError as err:
        problem = str(err)
    return {"name": probe.name, "host_loss": "measures", "channels": shown, "problem": problem}


def _words(reading: OvenReading) -> str:
    """Return what an oven shows, in a phrase."""
    output = "" if reading.output_percent is None else f", output {reading.output_percent:g} %"
    ramp = "" if reading.working_degc == reading.target_degc else f", on the way at {_degc(reading.working_degc)}"
    faults = "".join(f", {fault.value}" for fault in sorted(reading.faults))
    return f"{_degc(reading.temperature_degc)}, set to {_degc(reading.target_degc)}{ramp}{output}{faults}"


def _degc(temperature_degc: float | None) -> str:
    return "no temperature" if temperature_degc is None else f"{temperature_degc:.4g} degC"


async def _check(station: Station, settings: Chi660eSettings) -> dict[str, Any]:
    """Report whether the potentiostat's program is present and its switch answers; nothing is measured or switched."""
    problem = None if settings.program.exists() else f"there is no program {settings.program}"
    shown = [f"cells are moved to it by hand, or cycled there as channel {settings.name}"]
    if station.switch is not None:
        shown = [f"{station.switch.name} brings it {', '.join(station.ports) or 'no cell: nothing is wired'}"]
        try:
            port = await station.switch.selected()
            shown.append("no cell is on its leads" if port is None else f"port {port} is on its leads")
        except DriverError as err:
            problem = problem or str(err)
        finally:
            await station.switch.close()
        if station.needs_a_person:
            shown.append("somebody must take the tester's leads off: the switch does not say that it isolates them")
    host_loss = station.potentiostat.host_loss
    return {"name": station.potentiostat.name, "host_loss": host_loss.value, "channels": shown, "problem": problem}
