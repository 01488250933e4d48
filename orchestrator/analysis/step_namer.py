"""Names the executed steps of a run by test and step count, without reading the steps before them."""

from __future__ import annotations

from functools import cached_property

from orchestrator.judging.resuming import Placement, Position
from orchestrator.store import Store, TesterTestRow
from orchestrator.store.step_names import names_of_run
from protocols.execution_order import length, nest, place
from protocols.program import CyclingSegment, Program
from protocols.step_names import CHECK_AGAIN


class StepNamer:
    """The names of the executed steps of one stored run. Raises StoreError, when created, for no run of the store."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._program = Program.from_json(store.run(run_id).program_json)
        self._names = names_of_run(store, run_id, self._program)
        self._measured: dict[int, CyclingSegment] = {}

    def name(self, test: int, step_count: int) -> str:
        """Name the step that a test of the run executed as its ``step_count``-th; empty for one beyond its program."""
        segment, placement = self._tests[test]
        if placement is None:
            return self._names.of(segment, 1)
        own = placement.count(step_count)
        whole = placement.original.steps
        if own is None:
            return CHECK_AGAIN
        return self._names.of(segment, place(whole, own).step) if own <= length(nest(whole)) else ""

    @cached_property
    def _tests(self) -> dict[int, tuple[int, Placement | None]]:
        """The segment of each test, and its place in that; None for a measurement."""
        found: dict[int, tuple[int, Placement | None]] = {}
        index, begins = -1, Position()
        for row in self._store.tests(self._run_id):
            if row.segment != index:
                index, begins = row.segment, Position()
            placement = self._placement(row, begins)
            found[row.id] = row.segment, placement
            if placement is not None:
                begins = placement.end(self._store.last_sample(row.id))
        return found

    def _placement(self, row: TesterTestRow, begins: Position) -> Placement | None:
        if not self._program.segments:
            return None
        whole = self._program.segments[row.segment]
        if not isinstance(whole, CyclingSegment) or row.is_measurement:
            return None
        segment = CyclingSegment.from_json(row.program_json)
        if begins == Position() and whole.measured:
            # The first test has the values that were measured: the program has the expected ones.
            self._measured[row.segment] = segment
        return Placement(self._measured.get(row.segment, whole), begins, segment)
