"""The facts of one channel, of which its row on the screen is made: its run, its cell, and what its tester shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from drivers.interfaces import ChannelStatus
from orchestrator.rack.service import Service
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import MountingKind, Mountings, RunOnChannel


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What is known of a channel at a moment.

    ``run`` is the run that its row tells of, None where none is on it; ``mounted`` the run whose cell is in it,
    ``is_here`` whether that run was on this very channel.
    ``shown`` is what the tester shows there without a run of ours; ``is_foreign``: its test is none of ours, and nobody
    has said since that the channel is empty. ``is_undecided``: what became of its run of an earlier process is being
    asked. ``no_starts`` says why nothing is started at present, or is empty.
    """

    channel: str
    supervisor: Supervisor
    run: Run | None
    queued: tuple[Run, ...]
    mounted: RunOnChannel | None
    is_here: bool
    shown: ChannelStatus | None
    is_foreign: bool
    is_undecided: bool
    answers: bool
    is_stray: bool
    stop_is_pending: bool
    claim: tuple[str, float] | None
    no_starts: str

    def key(self) -> tuple[object, ...]:
        """Return what a row is made of, as objects that are other ones when they change."""
        run = self.run
        of_run = (None,) if run is None else (run, run.status, run.last, run.progress, run.has_begun)
        waits = tuple(one.status for one in self.queued)
        return (*of_run, *waits, self.mounted, self.shown)

    def flags(self) -> tuple[object, ...]:
        """Return the rest of what a row is made of, which is compared by value."""
        queued = tuple(run.run_id for run in self.queued)
        owner = self.claim[0] if self.claim else ""
        told = (self.is_foreign, self.is_undecided, self.answers, self.is_stray, self.stop_is_pending)
        return (queued, owner, *told, self.no_starts)


class FactsReader:
    """Reads the facts of all channels of one service; what people say of cells is kept between two."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._mountings = Mountings(service.store)
        self._newest_word = -1
        self._mounted: dict[str, RunOnChannel | None] = {}
        # Channels whose cell was put in on another one that is wired to it.
        self._elsewhere: set[str] = set()
        # The test that a channel showed last, and whether it is none of this store's.
        self._tests: dict[str, tuple[int, str, bool]] = {}
        # Tests that were there when somebody said that the channel is empty, or before the first look.
        self._dismissed: dict[str, tuple[int, str]] = {}
        self._runs: dict[str, list[Run]] = {}
        self._no_starts = ""

    def begin(self) -> None:
        """Begin a look at all channels."""
        self._runs = {}
        for run in self._service.runs:
            self._runs.setdefault(run.request.channel, []).append(run)
        self._no_starts = self._service.no_starts or ""
        sql = "SELECT coalesce(max(id), 0) FROM mounting"
        (newest,) = self._service.store.connection.execute(sql).fetchone()
        if newest != self._newest_word:
            self._newest_word = newest
            self._mounted.clear()

    def of(self, channel: str) -> ChannelFacts:
        """Return the facts of a channel."""
        supervisor = self._service.supervisor_of(channel)
        runs = self._runs.get(channel, [])
        mounted = self._cell_in(channel, runs)
        begun = [run for run in runs if run.state is not RunState.QUEUED]
        held = [run for run in begun if not run.state.has_ended or run.state.needs_person]
        on_it = [run for run in begun if mounted is not None and run.run_id == mounted.run_id]
        queued = tuple(run for run in runs if run.state is RunState.QUEUED)
        chosen = (held or on_it)[-1:]
        # What waits for a word on its cell matters more than the cell that was there before.
        waits = bool(queued) and (not chosen or queued[0].status.waits_for_a_word)
        if waits and not held and (mounted is None or mounted.state.is_over):
            chosen = [queued[0]]
        shown = supervisor.watch.shown(channel)
        is_known = chosen and chosen[0] in held
        pending = [run for run in runs if run.status.stop_is_pending and not run.stopping.is_confirmed]
        return ChannelFacts(
            channel=channel,
            supervisor=supervisor,
            run=chosen[0] if chosen else None,
            queued=queued,
            mounted=mounted,
            is_here=mounted is not None and self._is_here(channel),
            shown=shown,
            is_foreign=not is_known and shown is not None and self._is_foreign(shown),
            is_undecided=not is_known and mounted is not None and not mounted.state.is_over,
            answers=channel in supervisor.tester.channels(),
            is_stray=supervisor.watch.stray(channel) is not None,
            stop_is_pending=channel in supervisor.watch.ordered or bool(pending),
            claim=self._service.claims.on(channel),
            no_starts=self._no_starts,
        )

    def _cell_in(self, channel: str, runs: Sequence[Run]) -> RunOnChannel | None:
        """Return the run whose cell is in a channel; read again when anybody has said something of a cell.

        The state of a run of this process is that of now; of any other that goes on the store is asked each time.
        """
        known = self._mounted.get(channel)
        mine = next((run for run in runs if known is not None and run.run_id == known.run_id), None)
        if known is not None and mine is not None:
            if known.state is not mine.state:
                known = self._mounted[channel] = replace(known, state=mine.state)
            return known
        if channel not in self._mounted or (known is not None and not known.state.is_over):
            known = self._mounted[channel] = self._service.cells.on(channel)
            self._note_place(channel)
            if known is None and self._is_said_to_be_empty(channel) and channel in self._tests:
                number, barcode, _ = self._tests[channel]
                self._dismissed[channel] = (number, barcode)
        return known

    def _note_place(self, channel: str) -> None:
        use = self._mountings.last_use(channel)
        (self._elsewhere.discard if use is None or use.channel == channel else self._elsewhere.add)(channel)

    def _is_here(self, channel: str) -> bool:
        return channel not in self._elsewhere

    def _is_said_to_be_empty(self, channel: str) -> bool:
        use = self._mountings.last_use(channel)
        return use is not None and use.kind is MountingKind.EMPTY

    def _is_foreign(self, shown: ChannelStatus) -> bool:
        """Return whether the test that a channel shows is none of this store's, and nobody has dismissed it."""
        if shown.test_id == 0 and not shown.barcode:
            return False
        known = self._tests.get(shown.channel)
        if known is None or known[:2] != (shown.test_id, shown.barcode):
            sql = "SELECT 1 FROM test WHERE channel = ? AND barcode = ?"
            row = self._service.store.connection.execute(sql, (shown.channel, shown.barcode)).fetchone()
            if known is None and self._is_said_to_be_empty(shown.channel):
                self._dismissed[shown.channel] = (shown.test_id, shown.barcode)
            known = self._tests[shown.channel] = (shown.test_id, shown.barcode, row is None)
        return known[2] and self._dismissed.get(shown.channel) != known[:2]


def since_of(service: Service, runs: Sequence[str]) -> Mapping[str, float]:
    """Return since when runs are in their states, as the store has it."""
    marks = ", ".join("?" * len(runs))
    sql = f"SELECT run_id, state_unix_s FROM run WHERE run_id IN ({marks})"  # noqa: S608 - marks only
    return dict(service.store.connection.execute(sql, list(runs)).fetchall())
