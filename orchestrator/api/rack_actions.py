"""Tells what may be done with a channel now. The page draws a button for each, and every order is checked again."""

from __future__ import annotations

from orchestrator.api.channel_facts import ChannelFacts
from orchestrator.runs.run import Run
from orchestrator.states import RunState, ShownState


def actions(facts: ChannelFacts, state: str) -> list[str]:
    """Return what may be done with a channel in a state, what is nearest first.

    ``start``, ``cell_in`` (the cell of a queued run is there), ``hold``, ``resume``, ``plugged`` (resume after manual
    work), ``acknowledge``, ``stop``, ``stop_again``, ``cell_out``, and of any run ``note`` and ``repeat``.
    """
    run = facts.run if facts.run is not None and facts.run.state.value == state else None
    found = _of_run(facts, run) if run is not None else []
    if facts.is_undecided and run is None and facts.mounted is not None:
        found = ["stop"]
    if ShownState(state).may_be_started and facts.answers and not facts.is_stray:
        found += ["start"] if _may_start(facts) else []
        found += ["cell_out"] if facts.mounted is not None and facts.mounted.state.is_over else []
    if ShownState(state).is_ended_in_bts and "cell_out" not in found:
        found.append("cell_out")
    if run is not None or (facts.mounted is not None and facts.mounted.state.value == state):
        found += ["note", "repeat"]
    return found


def _of_run(facts: ChannelFacts, run: Run) -> list[str]:
    again = ["stop_again"] if facts.stop_is_pending or run.is_called_off else []
    match run.state:
        case RunState.QUEUED:
            return [*(["cell_in"] if run.status.waits_for_a_word and not facts.no_starts else []), "stop"]
        case RunState.RUNNING:
            return again or ["hold", "stop"]
        case RunState.HOLDING:
            return [*(["resume"] if _may_go_on(facts, run) else []), *(again or ["stop"])]
        case RunState.AWAITING_OPERATOR:
            return [*(["plugged"] if _may_go_on(facts, run) else []), *(again or ["stop"])]
        case RunState.TRIPPED:
            return [*again, "acknowledge"]
        case RunState.UNKNOWN:
            return ["stop_again"]
        case RunState.PREFLIGHT | RunState.ARMED | RunState.UNSEEN:
            return again or ["stop"]
        case _:
            return []


def _may_go_on(facts: ChannelFacts, run: Run) -> bool:
    """Return whether a held run may be resumed, as far as that can be told without asking its tester."""
    return not facts.no_starts and not facts.supervisor.has_pending_write(run)


def _may_start(facts: ChannelFacts) -> bool:
    # Nobody has looked there since a run of ours had it, or since the service was started.
    return not facts.no_starts and not facts.queued and not facts.supervisor.watch.is_unseen(facts.channel)
