"""Writes text files as the program does under its Text File Format settings [9]."""

from __future__ import annotations

import time
from dataclasses import dataclass

from simulators.chi660e.number_format import decimal, exponent
from simulators.chi660e.records import Form, Recorded
from simulators.chi660e.settings import TextFormat

# May, June and July in full; the reference has seen one of them [9.2].
_MONTHS = ("Jan.", "Feb.", "Mar.", "Apr.", "May", "June", "July", "Aug.", "Sep.", "Oct.", "Nov.", "Dec.")
_UNSAVED = "(run unsaved)"


@dataclass(frozen=True, slots=True)
class Memo:
    """The facts of a run in the head of its file. ``file`` is None for data never saved."""

    technique: str
    file: str | None
    header: str
    note: str
    local: bool


def text_of(recorded: Recorded, memo: Memo, form: TextFormat) -> str:
    """Return a whole text file, with the line ends of the settings."""
    lines: list[str] = []
    if form.memo:
        lines += [*_memo_lines(recorded, memo), ""]
    if form.parameters:
        lines += [*recorded.parameters, ""]
    if form.results and recorded.results:
        lines += [*recorded.results, ""]
    if form.numeric:
        columns = recorded.technique.columns
        if form.three_columns and recorded.technique.short == "IMP":
            columns = columns[:3]
        lines += [form.separator.join(name for name, _ in columns), ""]
        lines += [
            form.separator.join(_cell(value, kind, form) for value, (_, kind) in zip(row, columns, strict=False))
            for row in recorded.rows[:: form.every]
        ]
    return "".join(line + form.line_end for line in lines)


def _memo_lines(recorded: Recorded, memo: Memo) -> list[str]:
    when = time.localtime(recorded.unix_s) if memo.local else time.gmtime(recorded.unix_s)
    return [
        f"{_MONTHS[when.tm_mon - 1]} {when.tm_mday}, {when.tm_year}   {time.strftime('%H:%M:%S', when)}",
        memo.technique,
        f"File: {memo.file or _UNSAVED}",
        f"Data Source:  {'Int Dummy' if recorded.dummy else 'Experiment'}",
        "Instrument Model:  CHI660E",
        f"Header: {memo.header}",
        f"Note: {memo.note}",
    ]


def _cell(value: float, kind: Form, form: TextFormat) -> str:
    if kind is Form.EXPONENT:
        return exponent(value, form.figures)
    return decimal(value) if kind is Form.DECIMAL else f"{value:.1f}"
