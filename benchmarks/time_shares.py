"""Where the time of the whole path goes: wall time by part, each without the parts it calls.

A few calls a thousand records are timed, so that measuring costs nothing that could be seen. No timed call awaits:
time is never counted while something else runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from drivers.neware import record_columns, wire
from drivers.neware.framing import Framer
from orchestrator import demo
from orchestrator.judging.guards import StepWatch
from orchestrator.judging.limits import LimitWatch
from orchestrator.judging.steps import StepBuilder
from orchestrator.store import Store
from simulators.neware.commands import Commands
from simulators.neware.step_machine import StepMachine

CELLS = "cell model and step machine"
REST = "rest: loop, streams, requests, supervisor"
_CALLS: tuple[tuple[str, Any, str], ...] = (
    (CELLS, StepMachine, "advance_to"),
    ("format replies", Commands, "answer"),
    ("parse replies", Framer, "feed"),
    ("parse replies", wire, "parse"),
    ("parse replies", record_columns, "parse"),
    ("parse replies", record_columns, "records"),
    ("judge samples", LimitWatch, "feed"),
    ("judge samples", StepBuilder, "feed"),
    ("judge samples", StepWatch, "feed"),
    ("pictures", demo, "draw"),
)
_COMMIT = "commit"


class Parts:
    """Seconds by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {part: 0.0 for part, _, _ in _CALLS} | {_COMMIT: 0.0}
        self._inner_s = [0.0]

    @contextmanager
    def counting(self, part: str) -> Iterator[None]:
        """Count what happens inside for a part; what other parts take inside is theirs."""
        self._inner_s.append(0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            taken_s = time.perf_counter() - began
            self.seconds[part] += taken_s - self._inner_s.pop()
            self._inner_s[-1] += taken_s

    def shares(self, total_s: float) -> dict[str, float]:
        """Give each part's share of a total, and what is left."""
        counted = {part: seconds / total_s for part, seconds in self.seconds.items() if seconds > 0}
        return counted | {REST: 1.0 - sum(counted.values())}

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Give a call that counts for a part."""

        def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the call takes and gives
            with self.counting(part):
                return call(*args, **kwargs)

        return counted

    def timed_block(self, call: Callable[..., AbstractContextManager[Any]]) -> Callable[..., Any]:
        """Give a context manager whose whole block counts as commit."""

        @contextmanager
        def counted(*args: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
            with self.counting(_COMMIT), call(*args) as given:
                yield given

        return counted


@contextmanager
def by_part() -> Iterator[Parts]:
    """Time the calls of every part while inside; afterwards they are what they were."""
    parts = Parts()
    with ExitStack() as undo:
        for part, owner, name in _CALLS:
            _replace(undo, owner, name, parts.timed(part, getattr(owner, name)))
        _replace(undo, Store, "transaction", parts.timed_block(Store.transaction))
        yield parts


def _replace(undo: ExitStack, owner: object, name: str, value: object) -> None:
    undo.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)
