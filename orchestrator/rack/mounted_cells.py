"""Says which cell is on a channel, and admits an order there only with a person's word on the cell.

A cell stays mounted after its run has ended, until somebody says that the channel is empty or that another cell is on
it. A channel is free when nothing is mounted, and busy while a run of it is not over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from orchestrator.rack.claims import CommandRefused
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import MountingKind, Mountings, RunOnChannel, Store


class ChannelUse(StrEnum):
    """Whether a channel is empty, has the cell of an ended run on it, has a run, or cannot be seen."""

    FREE = "free"
    IDLE = "idle"
    BUSY = "busy"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Terms:
    """The words of an order on its place: it may wait behind a run, and which cell is on the channel.

    ``mounted`` names the cell that is on the channel now; ``same_cell``: it is that of the run before.
    """

    queue: bool = False
    mounted: str = ""
    same_cell: bool = False


NO_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class Word:
    """The word on the cell with which an order was admitted; ``follows`` is the run whose cell it is."""

    kind: MountingKind = MountingKind.ORDERED
    follows: str | None = None


ON_EMPTY = Word()


class MountedCells:
    """The cells on the channels of one store."""

    def __init__(self, store: Store) -> None:
        self._mountings = Mountings(store)

    def on(self, channel: str) -> RunOnChannel | None:
        """Return the run whose cell is on a channel, going on or over; None when the channel is empty."""
        use = self._mountings.last_use(channel)
        return None if use is None or use.run_id is None else self._mountings.run(use.run_id)

    def channels_of_cell(self, channel: str) -> Sequence[str]:
        """Return the channels that are wired to the cell of a channel, itself among them."""
        return self._mountings.channels_of_cell(channel)

    def with_label(self, label: str) -> dict[str, RunOnChannel]:
        """Return the runs whose cells of a name are on channels, by channel."""
        return self._mountings.with_label(label)

    def open_runs(self, channel: str) -> list[RunOnChannel]:
        """Return the runs of a channel that are not over, queued ones too, the oldest first."""
        return self._mountings.open_runs(channel)

    def begun_runs(self, channel: str) -> list[RunOnChannel]:
        """Return the runs that have a channel to themselves: begun and not over."""
        return [run for run in self.open_runs(channel) if run.state is not RunState.QUEUED]

    def admitted(
        self, request: RunRequest, terms: Terms, until: Callable[[str], str] = lambda _: ""
    ) -> tuple[RunRequest, Word]:
        """Return an order with the name of its cell, and the word on it. Raises CommandRefused.

        ``until`` says of a run until when it goes on, for the sentence of a refusal.
        """
        channel, label = request.channel, request.label
        if terms.mounted and terms.same_cell:
            raise CommandRefused("say either which cell is mounted, or that it is the same cell")
        if terms.mounted and label not in {"", terms.mounted}:
            raise CommandRefused(f"the order is for {label}, and {terms.mounted} is said to be mounted on {channel}")
        request = replace(request, label=label or terms.mounted)
        waiting = self.open_runs(channel)
        before = waiting[-1] if waiting else self.on(channel)
        if waiting:
            self._check_queue(channel, waiting, terms, until)
        elif before is not None and not (terms.queue or terms.mounted or terms.same_cell):
            raise CommandRefused(_mounted_words(channel, before, request.label or request.program.cell.name))
        if terms.same_cell:
            if before is None:
                raise CommandRefused(f"no cell is mounted on {channel}: the same cell as which? Order it by its name")
            request = _of_same_cell(request, before)
            self._check_facts(request, before)
            # Whoever waits in a queue counts on a run that completes: after any other end a person looks first.
            is_broken = before.state.is_over and before.state is not RunState.COMPLETED
            if not (terms.queue and is_broken):
                return request, Word(MountingKind.SAME_CELL, before.run_id)
        request = replace(request, label=request.label or request.program.cell.name)
        if terms.mounted:
            return request, Word(MountingKind.MOUNTED)
        return request, ON_EMPTY if before is None else Word(MountingKind.QUEUED)

    def _check_facts(self, request: RunRequest, before: RunOnChannel) -> None:
        """Refuse an order for the same cell with other facts of it: its currents would be another cell's."""
        facts, now = self._mountings.facts(before.run_id), asdict(request.program.cell)
        if changed := [name for name, value in now.items() if name in facts and facts[name] != value]:
            told = ", ".join(f"{name} {_fact(facts[name])}, now {_fact(now[name])}" for name in changed)
            raise CommandRefused(
                f"the same cell is {before.label} of {before.run_id}, and its facts were others ({told}): order this "
                f"with the facts of then; if another cell is on {request.channel} now, or they were corrected, say "
                f"by its name which one it is: --mounted {before.label} (REST: mounted), when that run is over"
            )

    def _check_queue(
        self, channel: str, waiting: Sequence[RunOnChannel], terms: Terms, until: Callable[[str], str]
    ) -> None:
        first = next((run for run in waiting if run.state is not RunState.QUEUED), waiting[0])
        order = self._mountings.last_word(first.run_id)
        by = f", ordered by {order.said_by}" if order and order.said_by else ""
        behind = [run.run_id for run in waiting if run is not first]
        queue = f"; {len(behind)} waiting behind it ({', '.join(behind)})" if behind else ""
        ack = f" ('cellrig ack {first.run_id}')" if first.state is RunState.TRIPPED else ""
        busy = f"{channel} is busy: {_told(first)} {_DOING[first.state]}{ack}{by}{until(first.run_id)}{queue}"
        if terms.mounted:
            later = f"{terms.mounted} can be mounted there when it is over: order it then"
            if first.state is RunState.QUEUED:
                later = "Order this with --queue, and then say: cellrig mounted RUN"
            raise CommandRefused(f"{busy}. {later}")
        if not terms.queue:
            raise CommandRefused(
                f"{busy}. Order this again when it is over, or with --queue (REST: queue), and it waits until somebody "
                f"says that its cell is mounted; with --same-cell (same_cell) too if it is the next test of "
                f"{waiting[-1].label}"
            )


_DOING = {
    RunState.QUEUED: "waits to be started",
    RunState.PREFLIGHT: "is being checked and started",
    RunState.ARMED: "is being checked and started",
    RunState.RUNNING: "runs",
    RunState.UNSEEN: "runs, out of sight",
    RunState.HOLDING: "is held until somebody resumes or stops it",
    RunState.AWAITING_OPERATOR: "waits for a person",
    RunState.TRIPPED: "was stopped for safety and nobody has acknowledged it",
    RunState.UNKNOWN: "may be on it, which is not known: look at the channel",
}


def _fact(value: object) -> str:
    return "not known" if value is None else str(value)


def _told(run: RunOnChannel) -> str:
    return f"{run.run_id} ({run.label})"


def _mounted_words(channel: str, before: RunOnChannel, label: str) -> str:
    """Say that an order needs a word on the cell, because that of an ended run is still mounted."""
    return (
        f"cell {before.label} of {before.run_id}, which {before.state.in_the_past}, is still mounted on {channel}. "
        f"If this is its next test, order it with --same-cell (REST: same_cell); if another cell is on the channel "
        f"now, with its name: --mounted {label} (REST: mounted)"
    )


def _of_same_cell(request: RunRequest, before: RunOnChannel) -> RunRequest:
    """Give the order the name of the cell of the run before. Raises CommandRefused where it is for another one."""
    cell = request.program.cell.name
    if request.label not in {"", before.label} or cell != before.cell:
        raise CommandRefused(
            f"the same cell is {before.label} ({before.cell}) of {before.run_id}, and the order is for "
            f"{request.label or cell} ({cell}): if that one is on the channel now, say so by its name"
        )
    return replace(request, label=before.label)
