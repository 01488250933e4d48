"""The memory of a tester for an instrument that has none: the records, executed steps and log of one test."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import IntEnum
from math import nan

from drivers.errors import BadReply, RecordsLost
from drivers.interfaces import ExecutedStep, LogEntry, Sample, TestIdentity

# As many records as were read already are kept for whoever reads again; what nobody has read is never dropped.
_KEPT = 100_000
# A list loses its first elements at the price of moving all others: so many go together.
_AT_ONCE = 1000


class LogCode(IntEnum):
    """The meaning of a line of the log."""

    JOB_ORDERED = 1
    JOB_READ = 2
    LIMIT = 3
    FAILED = 4
    STOPPED = 5
    FINISHED = 6
    STARTED = 7
    NO_VALUE = 8


class Memory:
    """The records of one test, from 1, with the steps and the log that a tester would have.

    ``most`` bounds how many records are kept, unread ones too; None keeps whatever nobody has read.
    """

    def __init__(self, most: int | None = None) -> None:
        self.last: Sample | None = None
        self._most = most
        self._samples: list[Sample] = []
        self._dropped = 0
        self._steps: list[ExecutedStep] = []
        self._log: list[LogEntry] = []

    @property
    def count(self) -> int:
        """The number of records so far, dropped ones included."""
        return self._dropped + len(self._samples)

    def add(self, samples: Sequence[Sample]) -> None:
        """Add the records that follow those stored."""
        for sample in samples:
            is_next = self.last is None or sample.step_count != self.last.step_count
            before = None if is_next else self._steps.pop()
            self._steps.append(
                ExecutedStep(
                    index=sample.step_count,
                    step=sample.step,
                    cycle=sample.tester_cycle,
                    first_sequence=sample.sequence if before is None else before.first_sequence,
                    last_sequence=sample.sequence,
                    duration_s=sample.step_time_s,
                    capacity_ah=sample.capacity_ah,
                )
            )
            self.last = sample
        self._samples += samples
        if self._most is not None and len(self._samples) > self._most + _AT_ONCE:
            self._drop(len(self._samples) - self._most)

    def note(self, code: LogCode, unix_time_s: float) -> None:
        """Add a line to the log."""
        self._log.append(LogEntry(len(self._log) + 1, int(code), unix_time_s))

    def records(self, after: int, count: int) -> list[Sample]:
        """Return exactly ``count`` records after number ``after``. Raises RecordsLost for dropped ones, or BadReply."""
        if after < self._dropped:
            raise RecordsLost(after + 1, self._dropped)
        found = self._samples[after - self._dropped :][:count]
        if len(found) != count:
            raise BadReply(f"{count} records after number {after} were asked for, and there are {self.count}")
        if (old := after - self._dropped - _KEPT) > 0:
            self._drop(old)
        return found

    def _drop(self, count: int) -> None:
        del self._samples[:count]
        self._dropped += count

    def stand_in(self, sequence: int) -> Sample:
        """Return the placeholder of a dropped record: it has the time at which the next step begins."""
        before = [step for step in self._steps if step.last_sequence <= sequence]
        time_s = sum(step.duration_s for step in before)
        return Sample(sequence, time_s, 0.0, 0, len(before), 0, "lost", nan, nan, nan, nan, 0.0)

    def steps(self) -> list[ExecutedStep]:
        """Return the executed steps; the last one may not be finished."""
        return list(self._steps)

    def log(self) -> list[LogEntry]:
        """Return the log."""
        return list(self._log)


class HostRecords(ABC):
    """The part of a ``BatteryTester`` that gives what its tests have recorded, where those are kept in ``Memory``."""

    @abstractmethod
    def _memory(self, identity: TestIdentity) -> Memory:
        """Return the memory of a test. Raises TestGone for one that is not known any more."""

    async def records(self, identity: TestIdentity, last: Sample | None, count: int) -> list[Sample]:
        """Return exactly ``count`` records after ``last``."""
        return self._memory(identity).records(last.sequence if last else 0, count)

    async def stand_in(self, identity: TestIdentity, sequence: int) -> Sample:
        """Return the placeholder of a record that is no longer in memory."""
        return self._memory(identity).stand_in(sequence)

    async def record_count(self, identity: TestIdentity) -> int:
        """Return the number of records of a test. Raises TestGone if another one was started since."""
        return self._memory(identity).count

    async def step_log(self, identity: TestIdentity) -> list[ExecutedStep]:
        """Return the executed steps of the test."""
        return self._memory(identity).steps()

    async def event_log(self, identity: TestIdentity) -> list[LogEntry]:
        """Return the log of the test, in the codes of ``LogCode``."""
        return self._memory(identity).log()
