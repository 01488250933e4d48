"""Checks whether a bench's instruments answer, and reports the state of their channels: ``cellrig bench check``."""

from __future__ import annotations

import logging
from typing import Any

from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import DriverError
from orchestrator.bench.double_entries import double_entry
from orchestrator.bench.kinds import broken_code
from orchestrator.bench.opening import bench_testers, station_on
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
    station = station_on(bench)
    return rows if station is None or bench.potentiostat is None else [*rows, await _check(station, bench.potentiostat)]


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
