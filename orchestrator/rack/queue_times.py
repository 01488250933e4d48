"""When the waiting runs of a channel are expected to begin, and the channel to be free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from orchestrator.events import RunUpdate
from orchestrator.runs.run import Run
from orchestrator.store import MountingKind, Mountings


@dataclass(frozen=True, slots=True)
class QueueTimes:
    """Times of a channel (unix): when each waiting run begins, by its id, and when the last of them has ended.

    A run that waits for a person is left out, with all behind it, and then nobody knows when the channel is free.
    """

    begins: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    free_unix_s: float | None = None


def queue_times(present: RunUpdate | None, waiting: Sequence[Run], mountings: Mountings) -> QueueTimes:
    """Return the times of a channel, from its present run and those that wait behind it, in order.

    A waiting run begins by itself only for the cell of the run before it. Of any other a person says that it is there.
    """
    if present is None or present.expected_end_unix_s is None:
        return QueueTimes()
    before, free_unix_s, begins = present.run_id, present.expected_end_unix_s, dict[str, float]()
    for run in waiting:
        word, left_s = mountings.last_word(run.run_id), run.update().time_left_s
        if word is None or word.kind is not MountingKind.SAME_CELL or word.follows != before:
            return QueueTimes(begins)
        begins[run.run_id] = free_unix_s
        if left_s is None:
            return QueueTimes(begins)
        before, free_unix_s = run.run_id, free_unix_s + left_s
    return QueueTimes(begins, free_unix_s)
