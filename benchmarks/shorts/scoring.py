"""Holds what the rule says of a case against what is true of it, and the old rule beside it."""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import dataclass

from benchmarks.shorts.baseline import HalfCycleRule
from benchmarks.shorts.population import Case
from orchestrator.shorts import HardShortWatch, ShortFinding, ShortKind, ShortWatch, StepFacts, SymmetricCell

_WITHIN_PART, _WITHIN_RECORDS = 0.02, 2
_SOFT = {ShortKind.SOFT_SUSPECTED, ShortKind.SOFT_PROBABLE, ShortKind.DEEP_SOFT, ShortKind.HARD}
_PROBABLE = {ShortKind.SOFT_PROBABLE, ShortKind.DEEP_SOFT, ShortKind.HARD}
# A fall is dated to its record; an event of the test may begin between two.
_SLACK_S = 200.0
# Both rules date a fall to the record, or to the one before.
_SAME_S = 120.0
_CLEAR_V = 5e-4


@dataclass(frozen=True, slots=True)
class Score:
    """What was said of one case; times in seconds of the run.

    ``truth_s`` is that of the first record under current at or after the hard short, ``near`` whether the finding is
    within 2 % of the half-cycle or two records, ``is_clear`` whether the cell's voltage was several times a tester's
    noise when it shorted. ``soft`` counts events that were there, suspected and probable;
    ``calls`` those made, and those that were right, first suspected, then probable.
    """

    case: Case
    findings: tuple[ShortFinding, ...]
    hard: ShortFinding | None
    truth_s: float | None
    near: bool
    is_first: bool
    is_clear: bool
    old_s: float | None
    soft: tuple[int, int, int]
    calls: tuple[int, int, int, int]
    records: int
    hard_us: float
    us: float

    @property
    def error_s(self) -> float:
        """Return how far the hour is off."""
        return abs((self.hard.time_s if self.hard else 0.0) - (self.truth_s or 0.0))


def watched(case: Case) -> ShortWatch:
    """Feed a whole case to the rule."""
    watch = ShortWatch(_cell(case))
    if case.eis_ohm is not None:
        watch.feed_intercept(case.eis_ohm)
    for done in case.steps:
        facts = StepFacts(done.set_a, done.cutoff_v, done.step.cycle, done.step.is_check)
        watch.enter(facts, follows=done.step.gap_s == 0.0)
        for record in done.records:
            watch.feed(*record)
    watch.finish()
    return watch


def _cell(case: Case) -> SymmetricCell:
    return SymmetricCell(case.area_cm2, case.degc, case.known_ohm)


def hard_only_us(case: Case) -> float:
    """Return microseconds of processor time a record for the hard rule alone."""
    watch = HardShortWatch(_cell(case))
    began = time.process_time()
    for done in case.steps:
        watch.enter(StepFacts(done.set_a, done.cutoff_v, 0, done.step.is_check), follows=done.step.gap_s == 0.0)
        for record in done.records:
            watch.feed(*record)
    return (time.process_time() - began) * 1e6 / max(1, _count(case))


def _count(case: Case) -> int:
    return sum(len(done.records) for done in case.steps)


def scored(case: Case) -> Score:
    """Judge a case."""
    began = time.process_time()
    findings = tuple(watched(case).take())
    us = (time.process_time() - began) * 1e6 / max(1, _count(case))
    old = HalfCycleRule()
    for done in case.steps:
        old.feed(done)
    truth_s, near_s, is_first, is_clear = _truth(case)
    hards = [found for found in findings if found.kind is ShortKind.HARD]
    hard = hards[0] if hards else None
    if hards and truth_s is not None:
        # One that was told before the event and taken back is not what the run is left with.
        hard = min(hards, key=lambda found: abs(found.time_s - truth_s))
    return Score(
        case=case,
        findings=findings,
        hard=hard,
        truth_s=truth_s,
        near=hard is not None and near_s[0] <= hard.time_s <= near_s[1],
        is_first=is_first,
        is_clear=is_clear,
        old_s=old.hard_s,
        soft=_soft(case, findings),
        calls=_calls(case, findings),
        records=_count(case),
        hard_us=hard_only_us(case),
        us=us,
    )


def _truth(case: Case) -> tuple[float | None, tuple[float, float], bool, bool]:
    """Return when the first record at or after the hard short came, what is near, if it is early, and if it is clear.

    The time is that of the run.
    """
    if case.hard_s is None:
        return None, (0.0, 0.0), False, False
    powered = [done for done in case.steps if done.set_a and not done.step.is_check]
    times = [record[0] for done in powered for record in done.records]
    for number, done in enumerate(powered):
        for record in done.records:
            if done.started_s + record[1] >= case.hard_s:
                at = bisect_left(times, record[0])
                slack_s = _WITHIN_PART * done.duration_s
                first = min(times[max(0, at - _WITHIN_RECORDS)], record[0] - slack_s)
                last = max(times[min(len(times) - 1, at + _WITHIN_RECORDS)], record[0] + slack_s)
                return record[0], (first, last), number == 0, case.cell_ohm * abs(done.set_a) >= _CLEAR_V
    return None, (0.0, 0.0), False, False


def _spans_of(case: Case, records: int) -> list[tuple[float, float]]:
    """Return the soft shorts in run time, those that lasted for so many records under current."""
    spans = []
    for begins, ends in case.soft_s:
        inside = [
            record[0]
            for done in case.steps
            if done.set_a and not done.step.is_check
            for record in done.records
            if begins <= done.started_s + record[1] < ends
        ]
        if len(inside) >= records:
            spans.append((inside[0], inside[-1]))
    return spans


def _kept(findings: tuple[ShortFinding, ...]) -> list[ShortFinding]:
    """Return the soft findings that were not dropped later, the last word on each."""
    kept: list[ShortFinding] = []
    for found in findings:
        if found.kind is ShortKind.SOFT_DROPPED:
            kept = [it for it in kept if it.time_s != found.time_s]
        elif found.kind is ShortKind.MENDED:
            kept = [it for it in kept if abs(it.time_s - found.time_s) > _SAME_S]
        elif found.kind in _SOFT:
            kept.append(found)
    return kept


def _meets(found: ShortFinding, span: tuple[float, float]) -> bool:
    return span[0] - _SLACK_S <= found.time_s <= span[1] + _SLACK_S


def _soft(case: Case, findings: tuple[ShortFinding, ...]) -> tuple[int, int, int]:
    spans, kept = _spans_of(case, 3), _kept(findings)
    suspected = sum(any(_meets(found, span) for found in kept) for span in spans)
    probable = sum(any(_meets(found, span) for found in kept if found.kind in _PROBABLE) for span in spans)
    return len(spans), suspected, probable


def _calls(case: Case, findings: tuple[ShortFinding, ...]) -> tuple[int, int, int, int]:
    spans, kept = _spans_of(case, 1), _kept(findings)
    probable = [found for found in kept if found.kind in _PROBABLE]
    return (
        len({found.time_s for found in kept}),
        len({found.time_s for found in kept if any(_meets(found, span) for span in spans)}),
        len({found.time_s for found in probable}),
        len({found.time_s for found in probable if any(_meets(found, span) for span in spans)}),
    )
