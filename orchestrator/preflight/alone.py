"""The pre-flight without a service: what recipe, cell and bench file tell, and the machine that keeps the records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import wait
from pathlib import Path

from drivers.interfaces import BatteryTester
from drivers.self_description import TellsVersions
from orchestrator.bench.opening import closed_tester_of, station_on
from orchestrator.bench.settings import BenchSettings
from orchestrator.bench.station import station_problems
from orchestrator.checks import Check, CheckName, Outcome, in_order, postponed, with_unasked
from orchestrator.preflight.common import SlowCheck, instrument_checks, program_checks, slow_checks
from orchestrator.preflight.daemon_threads import DaemonThreads
from orchestrator.preflight.host_clock import is_clock_synchronised
from orchestrator.preflight.machine_checks import (
    backup_check,
    clock_check,
    disk_check,
    notices_check,
    oven_check,
    unmeasured,
)
from orchestrator.runs.request import RunRequest
from orchestrator.store.backup import backups
from orchestrator.store.disk_space import free_bytes
from orchestrator.store.health import CLOCKS_DIFFER_S
from protocols.forecast import forecast

SLOW_WITHIN_S = 10.0
"""A share, or the command of the power supply, is told as late then: nobody else is kept waiting by this process."""

_NO_SERVICE = "only a running service can tell (cellrig serve)"


def checks_alone(
    request: RunRequest, bench: BenchSettings, store: Path, now_unix_s: float, free: Callable[[Path], int] = free_bytes
) -> tuple[Check, ...]:
    """Make every check that needs no service and no instrument; those that do are told as not asked.

    No instrument is asked and no store is opened; the folder of step files is tried. Raises SettingsError for a channel
    that the bench does not have.
    """
    channel, program, settings = request.channel, request.program, bench.checks
    tester = closed_tester_of(bench, channel)
    reasons = bench.problems(program, channel)
    reasons += station_problems(program, station_on(bench), channel, attended=True)
    made = [
        *program_checks(request, tester, reasons, bench.usual_bands, settings),
        *(_by_service(check, tester) for check in instrument_checks(tester, channel, now_unix_s, settings)),
        disk_check(store.absolute().parent, forecast(program).records, 0.0, settings, free),
        *_within(slow_checks(tester, settings, free), SLOW_WITHIN_S),
    ]
    if program.asks_for_temperature and not (bench.is_simulated or bench.measures_temperature_at(channel)):
        made.append(unmeasured(channel))
    elif not bench.oven and not program.temperatures:
        made.append(oven_check())
    if bench.notices is None:
        made.append(notices_check())
    if not bench.is_simulated:
        made.append(clock_check(is_clock_synchronised()))
    if store.exists():
        newest = max((at for at, _ in backups(store) if at <= now_unix_s + CLOCKS_DIFFER_S), default=None)
        made.append(backup_check(newest, now_unix_s, settings))
    return in_order(with_unasked(made, _NO_SERVICE), settings.refuse)


def _by_service(check: Check, tester: BatteryTester) -> Check:
    """Leave to a service what an instrument tells when it is connected."""
    if check.check is CheckName.VERSIONS and check.outcome is Outcome.NOT_ASKED and isinstance(tester, TellsVersions):
        return postponed(check.check, check.sentence)
    return check


def _within(checks: Mapping[str, SlowCheck], within_s: float) -> list[Check]:
    """Make checks that may block at once; one that has not ended within ``within_s`` is told as late."""
    threads = DaemonThreads()
    made = [(threads.submit(check), late) for check, late in checks.values()]
    wait([future for future, _ in made], timeout=within_s)
    return [future.result() if future.done() else late(within_s) for future, late in made]
