"""What is decided of each run that a dead process left behind: one verdict, by store and tester."""

import pytest

from drivers.interfaces import ChannelState, ChannelStatus
from orchestrator.runs.recovery import Known, Verdict, decide
from orchestrator.states import RunState

CHANNEL = "21-1-3"


def status(state: ChannelState, barcode: str, test_id: int) -> ChannelStatus:
    """Give what the tester shows."""
    return ChannelStatus(CHANNEL, state, barcode, 0.0, 0.0, None, 1, 0.0, test_id, 0, False)


W, F, P, S = ChannelState.WORKING, ChannelState.FINISHED, ChannelState.PAUSED, ChannelState.STOPPED


@pytest.mark.parametrize(
    ("known", "shown", "verdict"),
    [
        (Known(RunState.QUEUED, "R1", None, False, False), status(F, "x", 3), Verdict.QUEUE),
        (Known(RunState.PREFLIGHT, "R1", None, False, False), status(F, "x", 3), Verdict.FAIL),
        (Known(RunState.ARMED, "R1", None, True, False), status(F, "x", 3), Verdict.FAIL),
        (Known(RunState.ARMED, "R1", None, True, False), status(W, "x", 3), Verdict.FAIL),
        (Known(RunState.ARMED, "R1", None, True, False), status(W, "R1", 4), Verdict.ADOPT),
        (Known(RunState.RUNNING, "R1", 4, False, False), status(W, "R1", 4), Verdict.ADOPT),
        (Known(RunState.UNSEEN, "R1", 4, False, False), status(F, "R1", 4), Verdict.ADOPT),
        (Known(RunState.RUNNING, "R1", 4, False, False), status(P, "R1", 4), Verdict.ADOPT),
        (Known(RunState.RUNNING, "R1", 4, False, False), status(W, "R1", 5), Verdict.HOLD),
        (Known(RunState.RUNNING, "R1", 4, False, False), status(W, "x", 5), Verdict.HOLD),
        (Known(RunState.RUNNING, "R1", 4, False, True), status(W, "R1", 4), Verdict.STOP),
        (Known(RunState.UNKNOWN, "R1", 4, False, False), status(W, "R1", 4), Verdict.STOP),
        (Known(RunState.RUNNING, "R1", 4, False, True), status(F, "R1", 4), Verdict.STOP),
        (Known(RunState.HOLDING, "R1", 4, False, True), status(P, "R1", 4), Verdict.STOP),
        (Known(RunState.HOLDING, "R1", 4, False, True), status(P, "x", 5), Verdict.HOLD),
        (Known(RunState.RUNNING, "R1", 4, False, True), status(S, "R1", 4), Verdict.STOP),
        (Known(RunState.PREFLIGHT, "R1", 4, False, False, True), status(S, "R1", 4), Verdict.HOLD),
        (Known(RunState.PREFLIGHT, "R1", 4, False, False, True, is_between=True), status(F, "R1", 4), Verdict.ADOPT),
        (Known(RunState.PREFLIGHT, "R1", 4, False, False, True, is_between=True), status(S, "R1", 4), Verdict.ADOPT),
        (Known(RunState.PREFLIGHT, "R1", 4, False, False, True, is_between=True), status(W, "R1", 4), Verdict.HOLD),
        (Known(RunState.PREFLIGHT, "R1", 4, False, False, True, is_between=True), status(F, "x", 5), Verdict.HOLD),
        (Known(RunState.PREFLIGHT, "R1", 4, False, True, True, is_between=True), status(F, "R1", 4), Verdict.HOLD),
        (Known(RunState.ARMED, "R1.2", None, True, False, True), status(S, "R1", 4), Verdict.HOLD),
        (Known(RunState.ARMED, "R1.2", None, True, False, True), status(W, "R1.2", 5), Verdict.ADOPT),
    ],
)
def test_every_restart_has_exactly_one_verdict(known: Known, shown: ChannelStatus, verdict: Verdict) -> None:
    """Adopt, hold, stop again, fail or queue, by what the store knows and the tester shows."""
    assert decide(known, shown)[0] is verdict


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        (Known(RunState.ARMED, "R1", None, True, False), Verdict.FAIL),
        (Known(RunState.ARMED, "R1", None, True, False, start_may_arrive=True), Verdict.WAIT),
        (Known(RunState.ARMED, "R1", None, True, False, True), Verdict.HOLD),
        (Known(RunState.RUNNING, "R1", 4, False, False), Verdict.HOLD),
        (Known(RunState.RUNNING, "R1", 4, False, True), Verdict.HOLD),
        (Known(RunState.UNKNOWN, "R1", 4, False, False), Verdict.HOLD),
    ],
)
def test_contradicted_test_is_never_adopted_nor_stopped(known: Known, verdict: Verdict) -> None:
    """Whatever was ordered, the reason is part of the sentence."""
    decided = decide(known, status(ChannelState.WORKING, "R1", 4), "it began before")
    assert decided[0] is verdict
    assert "it began before: that test is left alone" in decided[1]
