"""Writes a plan as the text steps of a PyBaMM experiment: a list in Python's words, with its loops.

Each powered step has its time (``for``): without one PyBaMM ends such a step, and the whole simulation, after 24 h,
or after twice the time of its rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from protocols.current_sign import Direction
from protocols.formats.file_contents import FormatError, Note, Written
from protocols.formats.numbers import exact, plain
from protocols.formats.other_words import ending_s, left_out, of_current, of_hold
from protocols.formats.plan import Driven, Item, Plan, Repeated
from protocols.program import Record, RecordedStep

_UNITS = (("hour", 3600), ("minute", 60), ("second", 1))
_INDENT = "    "


def write(plan: Plan, unix_s: float) -> Written:
    """Write the steps of a plan. Raises FormatError where PyBaMM has no text for any of them."""
    work = _Writing(plan.record)
    body = work.added(plan.items)
    if not body:
        raise FormatError("no step of the recipe has a text in PyBaMM")
    if plan.record.voltage_change_v is not None or plan.record.current_change_a is not None:
        work.notes.append(
            Note("record", "PyBaMM has a period alone: records on a change of voltage or current are left out")
        )
    safety = f"protection of the tester, {plan.limits.tester.low_v:g} to {plan.limits.tester.high_v:g} V, is left out"
    notes = (*plan.notes, Note("limits", safety, is_lost=False), *work.notes)
    period = plan.record.every_s
    head = [
        f"# cellrig recipe {plan.name} for cell {plan.cell.name}; steps of a PyBaMM experiment:",
        "# pybamm.Experiment(steps, period=period)",
        *(f"# {' '.join(str(note).split())}" for note in notes),
    ]
    lines = [*head, f'period = "{_time(period)}"' if period else "period = None", "steps = (", *_sum(body, 1), ")"]
    return Written("".join(f"{line}\n" for line in lines).encode(), notes)


class _Loop(NamedTuple):
    times: int
    terms: list[_Term]


# A run of texts, or a loop over such.
_Term = list[str] | _Loop


class _Writing:
    """Turns items into terms of a sum of lists, and gathers what they do not say."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.notes: list[Note] = []
        self._before: RecordedStep | None = None

    def added(self, items: Sequence[Item]) -> list[_Term]:
        """Give runs of texts and loops over such, in order."""
        found: list[_Term] = []
        for item in items:
            if isinstance(item, Driven):
                texts = self._texts(item)
                if found and isinstance(found[-1], list):
                    found[-1] += texts
                else:
                    found.append(texts)
            elif isinstance(item, Repeated):
                if inner := self.added(item.items):
                    found.append(_Loop(item.times, inner))
            else:
                self.notes.append(left_out(item))
        return found

    def _texts(self, item: Driven) -> list[str]:
        step, place = item.step, item.place
        period = self._period(place, step.record)
        before, self._before = self._before, step
        if step.direction is None:
            return [f"Rest for {_time(step.until.time_s or 0)}{period}"]
        found = []
        if step.sets_current:
            found.append(self._current(place, step) + period)
        if step.holds_voltage:
            self.notes += of_hold(place, step, before)
            taper_a = step.until.current_a
            end = "" if taper_a is None else f"{plain(exact(taper_a) * 1000)} mA"
            found.append(f"Hold at {plain(exact(step.target_v or 0.0))} V{_ends(step.until.time_s, end)}{period}")
        if not found:
            self.notes.append(left_out(item))
        return found

    def _current(self, place: str, step: RecordedStep) -> str:
        time_s = ending_s(step)
        self.notes += of_current(place, step)
        end = "" if step.target_v is None else f"{plain(exact(step.target_v))} V"
        word = "Discharge" if step.direction is Direction.DISCHARGE else "Charge"
        return f"{word} at {plain(exact(step.largest_a or 0.0) * 1000)} mA{_ends(time_s, end)}"

    def _period(self, place: str, record: Record | None) -> str:
        if record is None or record == self.record:
            return ""
        if record.voltage_change_v is not None or record.current_change_a is not None:
            self.notes.append(Note(place, "records of its own on a change of voltage or current are left out"))
        return "" if record.every_s is None else f" ({_time(record.every_s)} period)"


def _ends(time_s: float | None, end: str) -> str:
    time = "" if time_s is None else f" for {_time(time_s)}"
    return f"{time}{' or' if time and end else ''}{f' until {end}' if end else ''}"


def _time(seconds: float) -> str:
    value = exact(seconds)
    word, factor = next((one for one in _UNITS if value % one[1] == 0), _UNITS[-1])
    count = value / Decimal(factor)
    return f"{plain(count)} {word}{'' if count == 1 else 's'}"


def _sum(terms: Sequence[_Term], level: int) -> list[str]:
    """Give the lines of a sum: lists of texts, and loops; each pass of an innermost loop is a cycle of PyBaMM's."""
    lines: list[str] = []
    for n, term in enumerate(terms):
        lead = _INDENT * level + ("+ " if n else "")
        if isinstance(term, list):
            lines += [f"{lead}[", *(f'{_INDENT * (level + 1)}"{text}",' for text in term), f"{_INDENT * level}]"]
        elif len(term.terms) == 1 and isinstance(term.terms[0], list):
            inside = [f'{_INDENT * (level + 1)}"{text}",' for text in term.terms[0]]
            lines += [f"{lead}[(", *inside, f"{_INDENT * level})] * {term.times}"]
        else:
            lines += [f"{lead}(", *_sum(term.terms, level + 1), f"{_INDENT * level}) * {term.times}"]
    return lines
