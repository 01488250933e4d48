"""Finds runs that work and of which no record comes any more, and a service that does not answer. Pure.

It judges by what arrives, not by what the service says of itself: a service that has lost its tester without noticing,
or that hangs, shows in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from orchestrator.events import RunUpdate
from orchestrator.events.run_words import NOT_STORED
from orchestrator.states import RunState
from protocols.techniques import TECHNIQUE_KINDS

# Of a run whose records come seldom, so many times its longest pause so far is still none to be alarmed about.
_PAUSES = 3.0
# The service says at least that it is there, every 5 s (``orchestrator.api.live_stream``); what it has not said for
# twice that counts as silence, before the connection is given up.
_MOST_QUIET_S = 10.0


@dataclass(frozen=True, slots=True)
class Stopped:
    """A run without new records; ``silent_s`` since when, in seconds."""

    update: RunUpdate
    silent_s: float


@dataclass(slots=True)
class _Seen:
    samples: int
    at_s: float
    longest_s: float = 0.0
    # Between two records, as the program has it in the step of the newest one.
    interval_s: float = 0.0
    # Since then a cause of the pause was seen that is none of the test's own.
    is_cut_off: bool = False


class RecordWatch:
    """When the last record of each working run came."""

    def __init__(self, stop_s: float, interval_s: Callable[[RunUpdate], float] = lambda _: 0.0) -> None:
        """Take the silence that is too long, and what gives the record interval of a run's step; both in seconds."""
        self._stop_s = stop_s
        self._interval_s = interval_s
        self._seen: dict[str, _Seen] = {}

    def look(self, updates: Iterable[RunUpdate], now_s: float) -> Mapping[str, Stopped]:
        """Take in the runs as they are now; return those whose records have stopped, by run.

        A run that is measured at the potentiostat gives no records meanwhile, and the service itself ends a measurement
        that takes too long.
        """
        stopped, seen = {}, {}
        for update in updates:
            if not update.state.is_live or update.step_name in TECHNIQUE_KINDS:
                continue
            before = self._seen.get(update.run_id)
            if before is None:
                before = _Seen(update.samples, now_s)
            elif update.samples != before.samples:
                # A pause that was told counts only as far as was waited for: after an outage of hours, the next one
                # would be told after three times as many.
                longest_s, pause_s = before.longest_s, now_s - before.at_s
                # One that the program explains says nothing of the steps behind it.
                if not before.is_cut_off and pause_s > 2 * before.interval_s:
                    longest_s = max(longest_s, min(pause_s, self._patience_s(before)))
                before = _Seen(update.samples, now_s, longest_s)
            before.interval_s = self._interval_s(update)
            # A tester that is away and a disk that takes nothing say nothing of the pauses between a test's records.
            before.is_cut_off |= update.state is RunState.UNSEEN or update.reason.startswith(NOT_STORED)
            seen[update.run_id] = before
            silent_s = now_s - before.at_s
            if silent_s > self._patience_s(before):
                stopped[update.run_id] = Stopped(update, silent_s)
        self._seen = seen
        return stopped

    def _patience_s(self, seen: _Seen) -> float:
        # A record may be late by its own interval, ``stop_s`` at most.
        due_s = seen.interval_s + min(seen.interval_s, self._stop_s)
        return max(self._stop_s, due_s, _PAUSES * seen.longest_s)


class AnswerWatch:
    """When the service was last seen to answer."""

    def __init__(self, silent_s: float, now_s: float) -> None:
        self._silent_s = silent_s
        self._last_s = now_s

    def look(self, *, answers: bool, now_s: float, quiet_s: float = 0.0) -> float | None:
        """Return for how long the service has not answered, once that is too long; None before.

        ``quiet_s`` is the time since it was heard: a process that hangs keeps its connection.
        """
        if answers:
            self._last_s = now_s - (quiet_s if quiet_s > _MOST_QUIET_S else 0.0)
        silent_s = now_s - self._last_s
        return silent_s if silent_s > self._silent_s else None
