"""Says of each channel whether a test may be started on it now, and why not: for people who choose one.

Nothing is asked of a tester here: a channel is judged by what was seen last, and the order itself is checked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from orchestrator.rack.cell_check import is_specimen
from orchestrator.rack.cell_orders import CellOrders
from orchestrator.rack.claims import Claims, CommandRefused
from orchestrator.rack.mounted_cells import Terms
from orchestrator.rack.order_reasons import OrderReason
from orchestrator.rack.shared_cells import SharedCells
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import MountingKind, Mountings, RunOnChannel, Store

_FIELD = "channel"


class Rack(Protocol):
    """The parts of a service that the choice of a channel uses."""

    store: Store
    claims: Claims
    cells: CellOrders
    shared_cells: SharedCells
    simulated: bool | None

    @property
    def runs(self) -> list[Run]:
        """The runs of this process."""

    def supervisor_of(self, channel: str) -> Supervisor:
        """Return the supervisor of a channel. Raises NoSuchThing."""


def not_free(rack: Rack, channel: str, by: str, terms: Terms) -> OrderReason | None:
    """Return why a test must not be started on a channel now without waiting; None where the channel is free.

    A channel with the cell of an ended run on it is free for an order that says which cell is there. Raises
    NoSuchThing.
    """
    supervisor = rack.supervisor_of(channel)
    if channel not in supervisor.tester.channels():
        tester = supervisor.tester.name
        return _reason("silent", f"{tester} does not answer: what {channel} does is not known", tester=tester)
    if (claim := rack.claims.on(channel)) is not None and claim[0] != by:
        words = f"{channel} is claimed by {claim[0]} for another {claim[1]:.0f} s"
        return _reason("claimed", words, channel=channel, owner=claim[0], left_s=round(claim[1]))
    if open_runs := Mountings(rack.store).open_runs(channel):
        return _busy(rack, channel, open_runs)
    if shared := rack.shared_cells.problem(channel):
        return _reason("shared", shared, channel=channel)
    if channel in supervisor.undecided:
        words = f"it is not known yet what became of a run on {channel}: try again in a minute"
        return _reason("undecided", words, channel=channel)
    if works := supervisor.watch.words(channel):
        return _reason("other_test", f"{channel} {works}", channel=channel)
    mounted = rack.cells.on(channel)
    if mounted is not None and not (terms.mounted or terms.same_cell):
        words = (
            f"{mounted.label} of {mounted.run_id}, which {mounted.state.in_the_past}, is still on {channel}: take it "
            "out and say which cell is there now, or order its next test"
        )
        return _reason("used_cell", words, channel=channel, cell=mounted.label, run=mounted.run_id)
    return None


def cannot_run(channel: str, found: Sequence[str]) -> OrderReason | None:
    """Return why the instruments of a channel cannot run a program, all reasons in one; None where there is none."""
    return _reason("unfit", "\n".join(found), channel=channel) if found else None


def cell_elsewhere(rack: Rack, name: str, channel: str) -> OrderReason | None:
    """Return that a cell of this name runs on another channel now; None where it does not, or is a model's name."""
    if not name or not is_specimen(name):
        return None
    going = {at: run for at, run in rack.cells.elsewhere(name, channel).items() if not run.state.is_over}
    for at, run in going.items():
        words = f"{name} is on channel {at} just now, where {run.run_id} of it is {run.state.value}"
        return OrderReason("cell.elsewhere", "cell", words, {"cell": name, "channel": at, "run": run.run_id})
    return None


def check_free(rack: Rack, channel: str, by: str, terms: Terms) -> None:
    """Refuse an order that must not wait where its channel is not free. Raises CommandRefused and NoSuchThing."""
    if (reason := not_free(rack, channel, by, terms)) is not None:
        raise CommandRefused(f"{reason.text}; nothing was ordered")


def _busy(rack: Rack, channel: str, open_runs: list[RunOnChannel]) -> OrderReason:
    """Say which run has a channel, and until when as far as that is known."""
    first = next((run for run in open_runs if run.state is not RunState.QUEUED), open_runs[0])
    if first.state is RunState.TRIPPED:
        words = (
            f"{first.run_id} ({first.label}) on {channel} was stopped for safety: look at the cell and acknowledge it "
            "first"
        )
        return _reason("tripped", words, channel=channel, run=first.run_id, cell=first.label)
    until_unix_s = next((it.update().expected_end_unix_s for it in rack.runs if it.run_id == first.run_id), None)
    if rack.simulated:
        # By a simulated rack's clock no date means anything to people.
        until_unix_s = None
    order = Mountings(rack.store).last_word(first.run_id)
    by = f", ordered by {order.said_by}" if order and order.said_by and order.kind is not MountingKind.EMPTY else ""
    words = f"{channel} is busy with {first.run_id} ({first.label}), which is {first.state.value}{by}"
    known: dict[str, str] = {"channel": channel, "run": first.run_id, "cell": first.label, "state": first.state.value}
    if until_unix_s is None:
        return _reason("busy", words, **known)
    return _reason("busy_until", words, **known, until_unix_s=until_unix_s)


def _reason(code: str, text: str, **values: str | float | None) -> OrderReason:
    return OrderReason(f"channel.{code}", _FIELD, text, values)
