"""The values of a segment that a run measures first: reckoned when the segment is due, stored, and read again.

Like a decision they are reckoned once, in the commit that leaves the segment before. The tester then holds them as ends
of its own. One beyond what the program allows, or that nothing tells, holds the run until a person has looked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.events import EventKind
from orchestrator.judging.cycles import Cycle
from orchestrator.runs.decisions import Decisions
from orchestrator.runs.journal import RunJournal
from orchestrator.runs.measured_charges import step_charge_ah
from orchestrator.runs.progress import Progress
from orchestrator.store import Store
from protocols.measured_amounts import AmountKey, MeasuredAmount
from protocols.program import CyclingSegment, Program


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A segment with its values, and why the run is held before it; empty where all are as allowed."""

    segment: CyclingSegment
    hold: str = ""


class MeasuredSegments:
    """The measured values of one run's segments."""

    def __init__(self, store: Store, journal: RunJournal, decisions: Decisions, run_id: str) -> None:
        self._store, self._journal, self._decisions, self._run_id = store, journal, decisions, run_id

    def stored(self, program: Program) -> dict[int, CyclingSegment]:
        """Return the segments whose values were reckoned before, by their indices."""
        found: dict[int, CyclingSegment] = {}
        for event in self._store.events(self._run_id):
            if event.kind == EventKind.VALUES_MEASURED and event.data_json:
                data = json.loads(event.data_json)
                index = int(data["segment"])
                part = program.segments[index]
                if isinstance(part, CyclingSegment):
                    found[index] = part.with_measured(_values(part, data["values"]))
        return found

    def reckon(self, progress: Progress) -> Reckoned | None:
        """Reckon the values of the segment that is due, and store them; None where nothing of it is measured.

        Call it in the transaction that leaves the segment before.
        """
        index = progress.index
        part = None if progress.is_over else progress.program.segments[index]
        if not isinstance(part, CyclingSegment) or not part.measured or index in progress.measured:
            return None
        cycles = {one.of_cycle for one in part.measured if one.of_cycle is not None}
        tests = self._store.tests(self._run_id)
        whole = self._decisions.cycles(progress, tests, cycles) if cycles else {}
        found = {one: self._last(progress, one, whole) for one in part.measured}
        charges = {one: charge_ah for one, (_, charge_ah) in found.items()}
        values = {one: one.low if it is None else one.allowed(it) for one, it in charges.items()}
        told = [_told(ran, charge_ah, values[one]) for one, (ran, charge_ah) in found.items()]
        hold = "; ".join(dict.fromkeys(why for ran, it in found.values() if (why := _objection(ran, it))))
        data = [
            {"step": one.step, "key": one.key.value, "value": value, "charge_ah": charges[one]}
            for one, value in values.items()
        ]
        message = f"segment {index + 1}: {'; '.join(told)}"
        self._journal.note(EventKind.VALUES_MEASURED, message, {"segment": index, "values": data, "hold": hold})
        return Reckoned(part.with_measured(values), hold)

    def hold_left(self, index: int) -> str:
        """Return why the run is to be held before a segment, as stored; empty once it was held since."""
        for event in self._store.events(self._run_id):
            data = json.loads(event.data_json or "{}") if event.kind == EventKind.VALUES_MEASURED else {}
            if data.get("segment") == index and data["hold"]:
                return "" if self._decisions.was_held(index, EventKind.VALUES_MEASURED) else str(data["hold"])
        return ""

    def _last(
        self, progress: Progress, amount: MeasuredAmount, whole: dict[int, Cycle]
    ) -> tuple[MeasuredAmount, float | None]:
        """Give the amount as measured where its step ran last, and that charge; None where it has not run."""
        for ran in amount.runs:
            if (charge_ah := self._charge_ah(progress, ran, whole)) is not None:
                return ran, charge_ah
        return replace(amount, earlier=()), None

    def _charge_ah(self, progress: Progress, amount: MeasuredAmount, whole: dict[int, Cycle]) -> float | None:
        if amount.of_cycle is not None:
            cycle = whole.get(amount.of_cycle)
            return None if cycle is None else progress.cycles.capacity_ah(cycle)
        if amount.of_segment is None or amount.of_step is None:
            return None
        there = progress.whole_at(amount.of_segment)
        tests = [test for test in self._store.tests(self._run_id) if test.segment == amount.of_segment]
        return step_charge_ah(self._store, tests, there, amount.of_step)


def _values(part: CyclingSegment, stored: list[dict[str, Any]]) -> dict[MeasuredAmount, float]:
    by_place = {(one.step, one.key): one for one in part.measured}
    return {by_place[int(it["step"]), AmountKey(it["key"])]: float(it["value"]) for it in stored}


def _told(amount: MeasuredAmount, charge_ah: float | None, value: float) -> str:
    known = "which is not known" if charge_ah is None else f"{charge_ah * 1e3:.4g} mAh"
    return f"step {amount.step}, {amount.words(value)} by {amount.told}, {known}"


def _objection(amount: MeasuredAmount, charge_ah: float | None) -> str:
    """Say why a run may not go on with a value by itself; empty where it may."""
    if charge_ah is None:
        return f"{amount.told} is not known; resumed, step {amount.step} has the least, {amount.words(amount.low)}"
    value = amount.value(charge_ah)
    if amount.low <= value <= amount.high:
        return ""
    end = amount.allowed(charge_ah)
    band = f"{amount.low * 1e3:.4g} to {amount.high * 1e3:.4g}"
    seen = f"{amount.told} is {charge_ah * 1e3:.4g} mAh, which gives step {amount.step} a {amount.words(value)}"
    return f"{seen}, outside {band}; resumed, it has {amount.words(end)}"
