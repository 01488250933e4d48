"""A run in a sentence: the same words in ``status``, notices and the morning page."""

from __future__ import annotations

from typing import Protocol

from orchestrator.events.time_left import left_of
from orchestrator.events.to_do import what_to_do
from orchestrator.events.values import RunUpdate
from orchestrator.states import RunState

# How the reason of a run begins that works, and whose records its store does not take.
NOT_STORED = "its records are not stored"
# The same of one that was stopped, as its tester has confirmed.
END_NOT_STORED = "is stopped, which is not stored yet"


# How the activity of a run begins whose oven is not there yet.
SOAKING = "soaking"


class ToldRun(Protocol):
    """What is told of a run that is over, as a process or a store has it; ``time_s`` is its run time."""

    @property
    def run_id(self) -> str:
        """The run's id."""

    @property
    def label(self) -> str:
        """The name of the cell; empty without one."""

    @property
    def state(self) -> RunState:
        """The state of the run."""

    @property
    def reason(self) -> str:
        """Why it is in that state."""

    @property
    def simulated(self) -> bool | None:
        """Whether no cell is real; None if that is not known."""

    @property
    def time_s(self) -> float:
        """The run time at its last record."""


def run_words(update: RunUpdate) -> str:
    """Describe the present activity of a run in a sentence, and what a person does where one is needed."""
    said = situation(update)
    to_do = "" if update.state is RunState.QUEUED else what_to_do(update.state, update.run_id, update.channel)
    return f"{said}{'' if said.endswith(('.', '?')) else '.'} {to_do}" if to_do else said


def situation(update: RunUpdate) -> str:
    """Describe the present activity of a run in a sentence, without what a person does about it."""
    run = _named(update)
    hours, left = f"{update.time_s / 3600:.1f} h", left_of(update)
    voltage = "" if update.voltage_v is None else f", {update.voltage_v:+z.4f} V"
    why = f": {update.reason}" if update.reason else ""
    match update.state:
        case RunState.RUNNING if update.reason.startswith(END_NOT_STORED):
            return f"{run} {update.reason}"
        case RunState.RUNNING:
            doing = f": {update.reason};" if update.reason else ","
            return f"runs {run}{doing} {hours} so far, {left}, cycle {update.cycle}{_step(update)}{voltage}"
        case RunState.UNSEEN:
            return f"{run} is out of sight after {hours}, the tester goes on by itself, {left}{why}"
        case RunState.PREFLIGHT if update.reason.startswith(SOAKING):
            return f"{run} is {update.reason}"
        case RunState.PREFLIGHT | RunState.ARMED:
            return f"{run} is being checked and started"
        case RunState.HOLDING:
            return f"{run} is held at open circuit after {hours}, {left} when it goes on{why}"
        case RunState.AWAITING_OPERATOR:
            return f"{run} waits for a person after {hours}, {left} when it goes on{why}"
        case RunState.TRIPPED:
            return f"{run} was stopped for safety{why}"
        case RunState.UNKNOWN:
            return f"LOOK AT THIS CHANNEL: it is not known what {run} does{why}"
        case RunState.QUEUED:
            return f"{run} waits to be started"
        case _:
            return over_words(update)


def over_words(run: ToldRun) -> str:
    """Describe a run that is over, from its process or from the store: the same words of both."""
    why = f": {run.reason}" if run.reason else ""
    return f"{_named(run)} {run.state.value} after {run.time_s / 3600:.1f} h{why}"


def _named(run: ToldRun) -> str:
    said = ", ".join(filter(None, (run.label, "simulated" if run.simulated else "")))
    return run.run_id + (f" ({said})" if said else "")


def _step(update: RunUpdate) -> str:
    return f", {update.step_name}" if update.step_name else ""
