"""What a run's stored samples have shown and nobody has acted on yet: a link or disk that fails must not lose it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.judging.limits import Action, Finding, primary
from orchestrator.rollback import as_before
from orchestrator.runs.journal import Diary
from orchestrator.states import RunState
from orchestrator.store import Store

_FINAL = {Action.COMPLETE: RunState.COMPLETED, Action.STOP: RunState.STOPPED, Action.TRIP: RunState.TRIPPED}


def ending_of(findings: Sequence[Finding]) -> tuple[RunState, str] | None:
    """Give how and why a run is to end by what was found; None when all are only marks."""
    finding = primary(findings)
    return (_FINAL[finding.action], f"{finding.kind}: {finding.message}") if finding is not None else None


class Found:
    """The findings of one run that are not written down yet."""

    def __init__(self, store: Store, diary: Diary) -> None:
        self._store = store
        self._diary = diary
        self._findings: tuple[Finding, ...] = ()

    def undo(self) -> Callable[[], None]:
        """Give what takes back what is added or written down later."""
        return as_before(self, "_findings")

    def begin(self) -> None:
        """Begin with another test."""
        self._findings = ()

    def begin_again(self, findings: Sequence[Finding]) -> None:
        """Begin after a restart with what the stored samples of a test show.

        What asked for an end of a run that still goes on was found before, and not acted on; marks are written already.
        """
        self._findings = tuple(finding for finding in findings if finding.action is not Action.MARK)

    def add(self, findings: Sequence[Finding]) -> None:
        """Take in what more samples show."""
        self._findings += tuple(findings)

    @property
    def ending(self) -> tuple[RunState, str] | None:
        """How and why the run is to end; None when nothing asks for it."""
        return ending_of(self._findings)

    def write_down(self) -> None:
        """Write everything as events; where the store takes nothing, it waits for the next time."""
        if not self._findings:
            return
        with self._store.transaction(self.undo()):
            findings, self._findings = self._findings, ()
            self._diary.findings(findings)
