"""Makes the row of a channel out of its facts: state, values, what may be done, and how soon somebody is wanted."""

from __future__ import annotations

from math import isfinite

from drivers.interfaces import ChannelState, Sample
from orchestrator.api.channel_facts import ChannelFacts
from orchestrator.api.models.rack import Priority, RackRow, RowClaim
from orchestrator.api.rack_actions import actions
from orchestrator.api.row_reasons import reason_of
from orchestrator.api.row_steps import resistance_ohm, step_of
from orchestrator.runs.run import Run
from orchestrator.states import RunState, ShownState
from protocols.half_cycles import CycleNumbers

# Without a run of ours.
_OF_TESTER = {
    ChannelState.WORKING: "other_test",
    ChannelState.PAUSED: "bts_paused",
    ChannelState.FINISHED: "bts_finished",
    ChannelState.STOPPED: "bts_stopped",
    ChannelState.PROTECTED: "bts_protected",
    ChannelState.ABSENT: "no_channel",
    ChannelState.OTHER: "other",
}
# Out of sight for so long a person has to look.
UNSEEN_LONG_S = 600.0
# A tester's clock that differs by more from the time of a test is wrong: the record is not so old, or so new.
_CLOCK_S = 60.0


def state_of(facts: ChannelFacts) -> str:
    """Return the code of a channel's state: that of its run, else what its tester or its cell says."""
    run, shown = facts.run, facts.shown
    if run is not None and not run.state.is_over and run.state is not RunState.QUEUED:
        return run.state.value
    if facts.is_undecided and facts.mounted is not None:
        # What waits for a person does so still; of all else nobody has seen what it does.
        kept = facts.mounted.state if facts.mounted.state.needs_person else RunState.UNSEEN
        return kept.value
    if not facts.answers:
        return "no_answer"
    if shown is not None and (facts.is_stray or shown.state is ChannelState.ABSENT):
        return _OF_TESTER[shown.state]
    if shown is not None and facts.is_foreign:
        return _OF_TESTER[shown.state]
    if run is not None:
        return run.state.value
    if facts.mounted is None:
        return "free"
    # Where the run that put it in was on another channel, wired to the same cell, this one is only not empty.
    return facts.mounted.state.value if facts.is_here else "idle"


def priority_of(facts: ChannelFacts, state: str, since: float | None, now: float) -> Priority | None:
    """Return how soon a person is wanted at a channel; None if nobody is."""
    shown = ShownState(state)
    if shown.is_alarming or (facts.stop_is_pending and facts.is_stray):
        return Priority.A
    if shown.waits_for_a_person or (
        shown is ShownState.QUEUED and facts.run is not None and facts.run.status.waits_for_a_word
    ):
        return Priority.B
    if shown.is_out_of_sight and since is not None and now - since >= UNSEEN_LONG_S:
        return Priority.B
    return Priority.C if shown.is_of_a_run_that_is_over or shown.is_out_of_sight else None


def make_row(facts: ChannelFacts, since: float | None, now: float) -> RackRow:
    """Return the row of a channel, without the time when it was seen and its revision."""
    state = state_of(facts)
    row = RackRow(
        channel=facts.channel,
        unit=facts.channel.rpartition("-")[0] or facts.supervisor.tester.name,
        instrument=facts.supervisor.tester.name,
        state=state,
        since=since,
        cell_in=facts.mounted.label if facts.mounted else None,
        queued=[run.run_id for run in facts.queued if run is not facts.run],
        claim=RowClaim(owner=facts.claim[0], ends_at=round(now + facts.claim[1])) if facts.claim else None,
        reason=reason_of(facts, state),
        priority=priority_of(facts, state, since, now),
        actions=actions(facts, state),
    )
    if facts.run is not None and state == facts.run.state.value:
        _with_run(row, facts.run)
    elif facts.mounted is not None and state in {facts.mounted.state.value, RunState.UNSEEN.value}:
        row.run_id, row.label, row.cell = facts.mounted.run_id, facts.mounted.label, facts.mounted.cell
    elif facts.shown is not None and facts.is_stray:
        row.voltage_v, row.current_a = _number(facts.shown.voltage_v), _number(facts.shown.current_a)
        row.record_at = facts.supervisor.watch.seen_unix_s.get(facts.channel)
    return row


def _with_run(row: RackRow, run: Run) -> None:
    update, program, last = run.update(), run.request.program, run.last
    row.run_id, row.label, row.recipe = run.run_id, update.label, program.recipe
    row.cell, row.kind = program.cell.name, program.cell.kind
    row.cycle, row.cycles = update.cycle, CycleNumbers.of(program).cycles
    row.left_s, row.ends_at = update.time_left_s, update.expected_end_unix_s
    row.step = None if run.state.is_over else step_of(run, update.step_name)
    if last is not None:
        row.voltage_v, row.current_a = _number(last.voltage_v), _number(last.current_a)
        row.resistance_ohm = resistance_ohm(run, last)
        row.record_at = record_at(run, last)


def record_at(run: Run, last: Sample) -> float:
    """Return when a record was made, by this machine's clock: rather too early than too late."""
    by_us = run.progress.reached_unix_s(last)
    if not isfinite(last.unix_time_s) or abs(last.unix_time_s - by_us) > _CLOCK_S:
        return by_us
    return min(by_us, last.unix_time_s)


def _number(value: float) -> float | None:
    return value if isfinite(value) else None
