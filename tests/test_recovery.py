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
        (Known(RunState.ARMED, "R1.2", None, True, False, True), status(S, "R1", 4), Verdict.HOLD),
        (Known(RunState.ARMED, "R1.2", None, True, False, True), status(W, "R1.2", 5), Verdict.ADOPT),
    ],
)
def test_every_restart_has_exactly_one_verdict(known: Known, shown: ChannelStatus, verdict: Verdict) -> None:
    """Adopt, hold, stop again, fail or queue, by what the store knows and the tester shows."""
    assert decide(known, shown)[0] is verdict
