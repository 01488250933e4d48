"""The pre-flight of a service: every reason against a start is one named check, at the order and before the start.

An order is refused by the checks that need no instrument; the same checks, and what the channel shows, are told to
whoever asks beforehand, and are made again when the run is about to begin, which may be days later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from drivers.errors import DriverError
from drivers.interfaces import BatteryTester, ChannelStatus
from orchestrator.bench.holders import SimulatedHolders
from orchestrator.bench.preflight import PreflightSettings
from orchestrator.bench.station import Station, station_problems
from orchestrator.checks import Check, CheckName, Outcome, failed, in_order, not_asked, passed, postponed, warned
from orchestrator.clock.scaled import in_loop_time, others_unix_s
from orchestrator.judging.preflight import NO_WINDOW, channel_checks
from orchestrator.preflight.common import instrument_checks, program_checks, slow_checks
from orchestrator.preflight.instrument_checks import uncommissioned
from orchestrator.preflight.machine_checks import MOST_ROWS, backup_check, clock_check, disk_check, notices_check
from orchestrator.preflight.program_checks import envelope_check, proof_check
from orchestrator.rack.cell_check import cell_check
from orchestrator.rack.cell_orders import CellOrders
from orchestrator.rack.claims import Claims, CommandRefused
from orchestrator.rack.mounted_cells import Terms, Word
from orchestrator.rack.ovens import Ovens
from orchestrator.rack.shared_cells import SharedCells
from orchestrator.rack.slow_checks import SlowChecks
from orchestrator.rack.supervisor import Supervisor
from orchestrator.rack.voltage_watch import VoltageWatches
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.store import MountingKind, Mountings, Store
from orchestrator.store.disk_space import free_bytes
from protocols.cell import SYMMETRIC
from protocols.forecast import forecast
from protocols.program import Program
from protocols.usual_bands import BANDS, UsualBands

ANSWER_WITHIN_S = 3.0
"""A tester that has not answered by then is told as silent: a report is answered within 5 s, as an order is."""

START_WAITS_S = 20.0
"""Before a start a share, or the command of the power supply, is waited for longer: a busy machine refuses none."""


def _not_told() -> bool | None:
    return None


@dataclass(frozen=True, slots=True)
class PreflightPlan:
    """What a service's checks go by: settings, bands, holders, and what its machine says.

    ``free`` gives the bytes free on the disk of a folder, ``is_clock_synchronised`` None where that is not known.
    """

    settings: PreflightSettings = field(default_factory=PreflightSettings)
    bands: UsualBands = field(default_factory=lambda: BANDS)
    holders: SimulatedHolders | None = None
    free: Callable[[Path], int] = free_bytes
    is_clock_synchronised: Callable[[], bool | None] = _not_told
    notices: Callable[[], Check] = notices_check


class Rack(Protocol):
    """The parts of a service that its pre-flight uses."""

    store: Store
    station: Station | None
    claims: Claims
    cells: CellOrders
    ovens: Ovens
    shared_cells: SharedCells

    @property
    def testers(self) -> Sequence[BatteryTester]:
        """The testers, in rack order."""

    @property
    def no_starts(self) -> str | None:
        """Why nothing is started at present."""

    @property
    def newest_backup_unix_s(self) -> float | None:
        """When the newest backup was made, 0 where there is none; None where nothing makes backups."""

    def rows_to_come(self) -> int:
        """Return the number of records that the unfinished runs will still make."""

    def supervisor_of(self, channel: str) -> Supervisor:
        """Return the supervisor of a channel. Raises NoSuchThing."""


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """All checks of one order on one channel; asked again ``ready_in_s`` later, those under way are answered."""

    channel: str
    checks: tuple[Check, ...]
    ready_in_s: float = 0.0

    @property
    def may_start(self) -> bool:
        """Whether no check refuses the start."""
        return not any(check.is_failed for check in self.checks)


class Preflight:
    """The checks of one service."""

    def __init__(self, rack: Rack, plan: PreflightPlan) -> None:
        self._rack = rack
        self._plan = plan
        self._watches = VoltageWatches(plan.settings.watch_s)
        self._slow = SlowChecks()
        self._refuse = frozenset(plan.settings.refuse)

    @property
    def judged_by(self) -> tuple[UsualBands, float]:
        """The bands in which values are usual here, and how many times outside of one two persons confirm."""
        return self._plan.bands, self._plan.settings.second_person_factor

    async def end(self) -> None:
        """End what is still being watched."""
        await self._watches.end()

    def uncommissioned(self, run: Run | None = None) -> list[str]:
        """Return a sentence for each instrument of the rack, or of one run, that nobody has tried on a resistor."""
        station, ovens = self._rack.station, self._rack.ovens
        if run is None:
            beside = [*(station.instruments if station else ()), *ovens.settings_of()]
            return uncommissioned([*self._rack.testers, *beside], self._plan.settings)
        tester = self._rack.supervisor_of(run.request.channel).tester
        measures = station is not None and len(run.request.program.segments) > len(run.request.program.cycling)
        beside = [*(station.instruments if station and measures else ()), *ovens.settings_of(run.request.channel)]
        return uncommissioned([tester, *beside], self._plan.settings, run.request.channel)

    # At the order

    def admitted(self, request: RunRequest, by: str, terms: Terms, twice: str = "") -> tuple[RunRequest, Word]:
        """Return an order as it is queued, and the word on its cell, if no check without an instrument is against it.

        ``twice`` says why it is taken for the second click on one button, empty where it is not. Raises CommandRefused,
        and Implausible when something is and nobody has confirmed it.
        """
        self._rack.claims.check(request.channel, by)
        _refuse(self._starts())
        if twice or (twice := self._rack.shared_cells.problem(request.channel)):
            raise CommandRefused(twice)
        _refuse(envelope_check(request.channel, request.program, self.unfit(request.channel, request.program)))
        _refuse(proof_check(request.program))
        admitted, word = self._rack.cells.admitted(request, terms)
        for check in self._strict([self._rack.ovens.check(request), self._judged_cell(request, terms, admitted, word)]):
            _refuse(check)
        judged = admitted.judged(self._plan.bands, self._plan.settings.second_person_factor)
        for check in self._strict(self._machine(request, self._rack.rows_to_come())):
            _refuse(check)
        return judged, word

    # Beforehand

    async def report(self, request: RunRequest, by: str, terms: Terms) -> PreflightReport:
        """Make every check of an order, and change nothing. Raises NoSuchThing for a channel that is not there."""
        tester = self._rack.supervisor_of(request.channel).tester
        (status, tester_check), slow = await asyncio.gather(
            self._status(request.channel), self._slow_checks(request.channel, ANSWER_WITHIN_S)
        )
        steady, left_s = self._watches.not_now("the cell is not on the channel at rest"), 0.0
        symmetric = request.program.cell.kind in SYMMETRIC
        if status is not None and status.state.is_at_rest and not self._puts_in(terms):
            steady, left_s = self._watches.ask(tester, request.channel, is_symmetric=symmetric)
        checks = [
            self._starts(),
            *self._channel(request, by, terms, status),
            self._cell(request, terms),
            self._rack.ovens.check(request),
            tester_check,
            *self._on_paper(request),
            steady,
            *slow,
            *self._machine(request, self._rack.rows_to_come()),
        ]
        return PreflightReport(request.channel, self._strict(checks), left_s)

    # Before the start

    async def before_start(self, run: Run) -> list[Check]:
        """Make the checks of a run that is about to begin, but for what its channel shows, which its start looks at."""
        request = run.request
        tester = self._rack.supervisor_of(request.channel).tester
        symmetric = request.program.cell.kind in SYMMETRIC
        steady = await self._watches.before_start(
            tester, request.channel, lambda: run.is_called_off, is_symmetric=symmetric
        )
        slow = await self._slow_checks(request.channel, START_WAITS_S, lambda: run.is_called_off)
        # The run is one of those that are not over: it is not counted twice.
        others = self._rack.rows_to_come() - int(min(run.forecast.records, MOST_ROWS))
        oven = self._rack.ovens.check(request, run)
        checks = [self._starts(), self._word(run), *self._on_paper(request), steady, oven, *slow]
        checks += self._machine(request, max(0, others))
        if request.program.cycling and request.program.cycling[0].guards.open_circuit is None:
            # The channel's own look at it passes what has no window.
            unseen = self._strict([not_asked(CheckName.VOLTAGE, NO_WINDOW)])
            checks += [check for check in unseen if check.is_failed]
        return list(self._strict(checks))

    def _word(self, run: Run) -> Check:
        """Judge who has said which cell is on the channel of a run."""
        request, word = run.request, Mountings(self._rack.store).last_word(run.run_id)
        return cell_check(
            request,
            word.kind if word else MountingKind.ORDERED,
            self._rack.cells.elsewhere(request.label, request.channel),
            # Whether the name of the file was typed too is not known any more.
            is_named=request.label not in {"", request.program.cell.name},
            by=word.said_by if word else "",
        )

    # The checks

    def _strict(self, checks: list[Check]) -> tuple[Check, ...]:
        return in_order(checks, self._refuse)

    def _starts(self) -> Check:
        if (refusal := self._rack.no_starts) is not None:
            return failed(CheckName.STARTS, refusal)
        return passed(CheckName.STARTS, "the service starts runs")

    def _channel(self, request: RunRequest, by: str, terms: Terms, status: ChannelStatus | None) -> list[Check]:
        """Judge whether the channel is free in our tables and in the tester, and its voltage."""
        channel = request.channel
        if (claim := self._rack.claims.on(channel)) is not None and claim[0] != by:
            taken = f"channel {channel} is claimed by {claim[0]} for another {claim[1]:.0f} s"
            claimed = failed(CheckName.CHANNEL, taken, "order it then, or ask them to release it")
            return [claimed, postponed(CheckName.VOLTAGE, "the channel is claimed")]
        if shared := self._rack.shared_cells.problem(channel):
            return [failed(CheckName.CHANNEL, shared), postponed(CheckName.VOLTAGE, "another channel has the cell")]
        if status is None:
            unknown = f"what channel {channel} does is not known"
            unseen = failed(CheckName.CHANNEL, unknown, "see that its tester answers")
            return [unseen, postponed(CheckName.VOLTAGE, unknown)]
        free, voltage = channel_checks(request.program, status)
        if free.outcome is Outcome.PASS and self._puts_in(terms):
            fresh = f"the order puts a fresh simulated cell into {channel}: its voltage is looked at then"
            voltage = postponed(CheckName.VOLTAGE, fresh)
        if free.is_failed and terms.queue and status.state.is_busy:
            return [warned(CheckName.CHANNEL, free.sentence, "the run waits in its queue"), voltage]
        return [free, voltage]

    def _puts_in(self, terms: Terms) -> bool:
        """Whether what the channel shows is not the cell of the order, which a simulated rack puts in with it."""
        return self._plan.holders is not None and not terms.same_cell

    def _cell(self, request: RunRequest, terms: Terms) -> Check:
        """Judge the word on the cell: which one is on the channel, and who says so."""
        try:
            admitted, word = self._rack.cells.admitted(request, terms)
        except CommandRefused as err:
            return failed(CheckName.CELL, str(err))
        return self._judged_cell(request, terms, admitted, word)

    def _judged_cell(self, request: RunRequest, terms: Terms, admitted: RunRequest, word: Word) -> Check:
        """Judge the word of an order, as it came and as it was admitted."""
        return cell_check(
            admitted,
            word.kind,
            self._rack.cells.elsewhere(admitted.label, admitted.channel),
            is_named=bool(request.label or terms.mounted),
            mounted=terms.mounted,
        )

    async def _status(self, channel: str) -> tuple[ChannelStatus | None, Check]:
        """Ask the tester for a channel, and judge whether it answers in time."""
        tester = self._rack.supervisor_of(channel).tester
        silent = "see 'cellrig status', the network, and the tester's program"
        if channel not in tester.channels():
            return None, failed(CheckName.TESTER, f"{tester.name} has not shown channel {channel}", silent)
        try:
            async with asyncio.timeout(in_loop_time(ANSWER_WITHIN_S)):
                status = (await tester.status([channel]))[channel]
        except TimeoutError:
            late = f"{tester.name} has not answered within {ANSWER_WITHIN_S:g} s"
            return None, failed(CheckName.TESTER, late, silent)
        except DriverError as err:
            return None, failed(CheckName.TESTER, f"{tester.name}: {err}", silent)
        return status, passed(CheckName.TESTER, f"{tester.name} answers")

    def unfit(self, channel: str, program: Program) -> list[str]:
        """Say why a channel cannot run a program, what is in its holder and what it is wired to included."""
        holders = self._plan.holders
        reasons = self._rack.supervisor_of(channel).tester.problems(channel, program)
        if holders is not None and (none_of_it := holders.problem(channel, program.cell)):
            reasons.append(none_of_it)
        return reasons + station_problems(program, self._rack.station, channel, attended=True)

    def _on_paper(self, request: RunRequest) -> list[Check]:
        """Make the checks that the program, its cell and the settings of the channel answer."""
        tester = self._rack.supervisor_of(request.channel).tester
        unfit = self.unfit(request.channel, request.program)
        return program_checks(request, tester, unfit, self._plan.bands, self._plan.settings)

    async def _slow_checks(
        self, channel: str, within_s: float, is_over: Callable[[], bool] = lambda: False
    ) -> list[Check]:
        """Make the checks that ask the folder of a channel's instrument, and the power supply."""
        tester = self._rack.supervisor_of(channel).tester
        return await self._slow.make(slow_checks(tester, self._plan.settings, self._plan.free), within_s, is_over)

    def _machine(self, request: RunRequest, other_rows: float) -> list[Check]:
        """Make the checks of what keeps the records, and of the instrument's calibration."""
        settings, store = self._plan.settings, self._rack.store
        tester = self._rack.supervisor_of(request.channel).tester
        backup_unix_s = self._rack.newest_backup_unix_s
        backup = not_asked(CheckName.BACKUP, "this service makes no backups")
        if backup_unix_s is not None:
            backup = backup_check(backup_unix_s or None, others_unix_s(), settings)
        own_rows = forecast(request.program).records
        return [
            *instrument_checks(tester, request.channel, others_unix_s(), settings),
            disk_check(store.path.parent, own_rows, other_rows, settings, self._plan.free),
            backup,
            clock_check(self._plan.is_clock_synchronised(), self._rack.supervisor_of(request.channel).clock.finding),
            self._plan.notices(),
        ]


def _refuse(check: Check) -> None:
    """Refuse an order for a check. Raises CommandRefused."""
    if check.is_failed:
        raise CommandRefused(check.refusal if check.check is not CheckName.ENVELOPE else check.sentence)
