"""Reads from a tester's own log what hands did to a test: pauses, continuations, another schedule, steps left early.

The vendor's table of codes was not found; these are inferred from many files (reference neware-ct4008, section 6.3),
so that what the log does not show is also judged by states and records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from drivers.interfaces import LogEntry
from orchestrator.audit.kinds import AuditKind, Seen

_PAUSED, _CONTINUED, _STEP_OVER = 100003, 100004, 100056
# Before and behind another schedule that is put in.
_REPLACED = frozenset({100215, 100213})
# Why a step ended; some of these numbers have not been met yet.
_REASONS = range(102001, 102100)
_NEAR_S = 2.0


class TesterLog:
    """The log of one test, as far as it was read."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.kinds: set[AuditKind] = set()
        self.is_replaced = False
        self._last: LogEntry | None = None
        self._has_reasons = False

    def feed(self, entries: Sequence[LogEntry], *, is_over: bool) -> list[Seen]:
        """Add the whole log as it is now; ``is_over``: the test has ended, and its last step by that."""
        new = self._new(entries)
        # The last entry that ends a step may stand before the reason why the test ended.
        if not is_over and new and new[-1].code == _STEP_OVER:
            new = new[:-1]
        reasons = {entry.sequence for entry in entries if entry.code in _REASONS}
        self._has_reasons = self._has_reasons or bool(reasons)
        last = max((entry.sequence for entry in entries), default=0)
        seen: list[Seen] = []
        for entry in new:
            at_s, evidence = entry.unix_time_s, {"sequence": entry.sequence, "log_code": entry.code}
            if entry.code in {_PAUSED, _CONTINUED}:
                self.pauses.append(at_s)
                kind = AuditKind.PAUSED if entry.code == _PAUSED else AuditKind.CONTINUED
                words = f"the test was {kind.value} at record {entry.sequence}, by its log"
                seen.append(Seen(kind, at_s, words, evidence))
            elif entry.code in _REPLACED:
                if not self.is_replaced:
                    words = f"another schedule was put into the running test at record {entry.sequence}, by its log"
                    seen.append(Seen(AuditKind.SCHEDULE_REPLACED, at_s, words, evidence))
                self.is_replaced = True
            elif entry.code == _STEP_OVER and self._is_left(entry, reasons, is_over and entry.sequence == last):
                words = f"a step was left at record {entry.sequence} without any of its ends being reached, by its log"
                seen.append(Seen(AuditKind.STEP_JUMPED, at_s, words, evidence))
        self._last = new[-1] if new else self._last
        self.kinds |= {one.kind for one in seen}
        return seen

    def _new(self, entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
        """Return the entries behind the last one that was read: of a long log the tester tells the end alone."""
        for n in range(len(entries) - 1, -1, -1):
            if entries[n] == self._last:
                return entries[n + 1 :]
        return entries

    def _is_left(self, entry: LogEntry, reasons: Iterable[int], is_last: bool) -> bool:
        return self._has_reasons and entry.sequence not in reasons and not is_last and not self.is_replaced

    def explains(self, from_s: float, to_s: float) -> bool:
        """Return whether a pause lies in a time, so that records have none of it."""
        return any(from_s - _NEAR_S <= at_s <= to_s + _NEAR_S for at_s in self.pauses)
