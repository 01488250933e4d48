"""Decides how a run continues after its test has ended: complete, trip, hold, or start the next segment."""

from __future__ import annotations

from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus, Sample, TestIdentity
from orchestrator.events import EventKind
from orchestrator.runs.run import Run
from orchestrator.states import Ending, RunState


async def why_protected(
    tester: BatteryTester, identity: TestIdentity | None, last: Sample | None, detail: str = ""
) -> str:
    """Return why the tester protected a channel: the driver's own sentence, else the last log codes."""
    if not detail:
        log = await tester.event_log(identity) if identity else []
        detail = f"its last log codes: {', '.join(str(entry.code) for entry in log[-2:])}"
    seen = f"{last.voltage_v:z.4f} V, {last.current_a * 1e3:z.4f} mA" if last else "no record"
    return f"{EventKind.TESTER_PROTECTED} at {seen} ({detail})"


def why_ended(status: ChannelStatus) -> tuple[EventKind, str, str]:
    """Return event, observation and reason to hold for a test that ended and that this service had not stopped."""
    channel, state = status.channel, status.state.value
    if status.detail:
        return EventKind.MEASUREMENT_FAILED, status.detail, f"channel {channel} is {state}: {status.detail}"
    seen = f"channel {channel} is {state}, and not by us"
    return (
        EventKind.EXTERNAL_ACTION,
        seen,
        f"channel {channel} is {state}, by a person at the tester or a loss of its power",
    )


async def conclude(run: Run, tester: BatteryTester, status: ChannelStatus) -> None:
    """End a run, hold it, or start its next segment: its test is over, and all records of it are stored."""
    ending = run.status.ordered_end
    if ending is not None or status.state is ChannelState.FINISHED:
        if ending is None and run.border.go_to_next():
            return
        run.finish(ending or Ending(RunState.COMPLETED, "program finished"))
    elif run.border.is_ended:
        # By a process before this one, whose next segment did not begin.
        if not run.border.go_to_next():
            run.finish(Ending(RunState.COMPLETED, "program finished"))
    elif status.state is ChannelState.PROTECTED:
        identity = run.records.identity if run.records is not None else None
        why = await why_protected(tester, identity, run.last, status.detail)
        run.finish(Ending(RunState.TRIPPED, why))
    elif status.detail and status.state is ChannelState.OTHER:
        await run.stopping.stop(Ending(RunState.TRIPPED, status.detail))
    else:
        kind, seen, why = why_ended(status)
        run.hold(why, (kind, seen))
