"""Why a channel is in its state, as code, values and the stored English."""

from __future__ import annotations

from orchestrator.api.channel_facts import ChannelFacts
from orchestrator.api.models.rack import Reason
from orchestrator.events.told_codes import told
from orchestrator.states import RunState


def reason_of(facts: ChannelFacts, state: str) -> Reason | None:
    """Return why a channel is in its state; None where nothing is to be said."""
    run = facts.run if facts.run is not None and facts.run.state.value == state else None
    if run is not None:
        if facts.stop_is_pending and not run.state.has_ended:
            return Reason(code="stop.sent", text=run.reason or "a stop is ordered and not confirmed yet")
        if not run.reason:
            return None
        code, values = told(run.state, run.reason)
        return Reason(code=code, values=values, text=run.reason)
    if facts.is_undecided and facts.mounted is not None and state == RunState.UNSEEN.value:
        text = f"what became of {facts.mounted.run_id} is being asked of {facts.supervisor.tester.name}"
        return Reason(code="unseen.restart", values={"run_id": facts.mounted.run_id}, text=text)
    if state == "no_answer":
        name = facts.supervisor.tester.name
        return Reason(code="no_answer", values={"instrument": name}, text=f"{name} does not answer")
    if facts.stop_is_pending and state not in {"free", "idle"}:
        return Reason(code="stop.sent", text="a stop is ordered and not confirmed yet")
    shown = facts.shown
    if shown is not None and (facts.is_stray or facts.is_foreign):
        words = facts.supervisor.watch.words(facts.channel)
        values = {"barcode": shown.barcode, "test": shown.test_id}
        return Reason(code=state, values=values, text=words or shown.detail)
    return None
