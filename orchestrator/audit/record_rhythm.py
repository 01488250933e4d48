"""Learns from a step's own records how often they are made, and sees when one is overdue.

Nobody tells an audit the record interval. Records by time stand on a grid from the step's start; those by a change of
voltage or current stand between (reference neware-ct4008, section 7.3), so that the largest interval that returns is
the grid's.
"""

from __future__ import annotations

from drivers.interfaces import Sample
from orchestrator.audit.kinds import AuditKind, Seen
from orchestrator.judging.trouble_thresholds import LATE_S
from protocols.trouble import DEFAULT_TROUBLE

# So many intervals of one length make a grid; they are looked for among so many. Times have 0.1 s.
_ALIKE, _AMONG, _SAME_S = 5, 40, 0.15
# The link may rest for so long without anybody's fault: PCs install updates, middle machines reconnect.
_SHOWN_S = 120.0


class RecordRhythm:
    """The times between the records of one step; ``every_s`` is its record interval, None while it is not known."""

    def __init__(self, first: Sample) -> None:
        self.every_s: float | None = None
        self._last = first
        self._intervals_s: list[float] = []
        self._on_grid = 0

    @property
    def late_s(self) -> float | None:
        """After so long a record is late; None while nobody knows."""
        return None if self.every_s is None else DEFAULT_TROUBLE.late_intervals * self.every_s + LATE_S

    @property
    def shown_late_s(self) -> float | None:
        """After so long a record that was made should have been shown."""
        return None if self.late_s is None else self.late_s + _SHOWN_S

    def feed(self, sample: Sample) -> Seen | None:
        """Add a record; return the finding that it is late."""
        last, self._last = self._last, sample
        apart_s = sample.step_time_s - last.step_time_s
        late_s = self.late_s
        if late_s is None or self.every_s is None:
            self._learn(apart_s, sample.step_time_s)
            return None
        if not apart_s > late_s or sample.sequence > last.sequence + 1:
            return None
        sentence = (
            f"no record was made for {apart_s:.0f} s in step {sample.step} from {last.step_time_s:.0f} s on, and one "
            f"is due every {self.every_s:g} s"
        )
        evidence = {"apart_s": apart_s, "every_s": self.every_s, "sequence": sample.sequence}
        return Seen(AuditKind.RECORDS_LATE, last.unix_time_s, sentence, evidence)

    def _learn(self, apart_s: float, at_s: float) -> None:
        """Take an interval in whole seconds for the grid's when it returns and its records stand on its multiples."""
        intervals_s = self._intervals_s
        if apart_s <= 0 or len(intervals_s) >= _AMONG:
            return
        every_s = round(apart_s)
        if every_s > 0:
            is_on_grid = max(abs(apart_s - every_s), abs(at_s - every_s * round(at_s / every_s))) < _SAME_S
        else:
            is_on_grid = False
        intervals_s.append(apart_s)
        self._on_grid = self._on_grid + 1 if is_on_grid and every_s == round(max(intervals_s)) else 0
        if self._on_grid >= _ALIKE:
            self.every_s = float(every_s)
