"""The morning report as text: for a terminal at its width, for a pipe, and for a mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.cli.tables import Column, hanging, laid_out
from orchestrator.clock.durations import duration_words
from orchestrator.clock.local_time import local_time
from orchestrator.report.morning import Morning, RunLine
from orchestrator.report.morning_words import (
    age_words,
    compared,
    grouped,
    mark_words,
    numbers_lines,
    numbers_words,
    short_state,
    shown,
    to_do_of,
    together_words,
    when_words,
)

_INDENT = 2
# A label has up to 64 letters; the page and --json have all of it.
_LABEL = 18
_RUNNING = (
    Column("channel"),
    Column("run", least=10),
    Column("state", goes=3),
    Column("tested", "h", decimals=1, goes=2),
    Column("cycles done", goes=1),
    Column("cycle"),
    Column("voltage", "V", decimals=4),
    Column("newest record", least=9),
    Column("left, and the newest whole cycle", least=20, wants=26, below=True),
)
_TIMES = (Column("channel"), Column("run", least=10), Column("how long", least=20))


def text_of(report: Morning, width: int | None) -> str:
    """Return the report as text; ``width`` None: no line is wrapped."""
    return "\n".join(_lines(report, width))


def _lines(report: Morning, width: int | None) -> Iterator[str]:
    def said(sentence: str, indent: int = 0) -> str:
        return hanging(shown(sentence), width, indent)

    yield said(f"cellrig, morning of {local_time(report.now_unix_s)}: {report.headline}.")
    span = duration_words(report.now_unix_s - report.since_unix_s)
    yield said(f"Since {local_time(report.since_unix_s)}, {span}. {report.source}")
    if report.simulated:
        yield said("Simulated instruments: no cell is real, and times are those of the simulated rack.")
    yield from (said(f"! {line.said[:1].upper()}{line.said[1:]}", _INDENT) for line in report.rig_first)
    yield from ("", _head("Needs hands"))
    yield from _needs(report, width)
    if report.ending:
        rows = [(run.channel, _name(run), run.left) for run in report.ending]
        yield from _table("Ends today", _TIMES, rows, width)
    if report.stopped:
        yield _head("What stopped, and why")
        for run in report.stopped:
            yield from _about((run,), width)
            yield ""
    if report.running:
        yield from _table("What runs", _RUNNING, [_row(run, report.now_unix_s) for run in report.running], width)
    if report.waiting:
        yield _head("What waits")
        yield from (*(said(f"{run.channel}: {run.said}", _INDENT) for run in report.waiting), "")
    if report.marks:
        yield _head("What was marked")
        yield from (*(said(f"{mark.severity.value}: {mark_words(mark)}", _INDENT) for mark in report.marks), "")
    yield _head("The rig")
    yield from (said(f"{'! ' if line.needs else ''}{line.what}: {line.said}", _INDENT) for line in report.rig)
    yield from ("", _head("In numbers"))
    yield from (said(line, _INDENT) for line in numbers_lines(report))


def _needs(report: Morning, width: int | None) -> Iterator[str]:
    """Yield what needs hands, and where the commands about it are typed."""
    if not report.needs and not report.elsewhere:
        yield from ("No cell needs hands.", "")
    for runs in grouped(report.needs):
        yield from _about(runs, width)
        yield ""
    for line in report.elsewhere:
        yield from (hanging(shown(f"{line.what}: {line.said}"), width, _INDENT), "")
    if report.where_to_type:
        yield from (hanging(shown(report.where_to_type), width, 0), "")


def _head(title: str) -> str:
    return f"{title}\n{'-' * len(title)}"


def _about(runs: Sequence[RunLine], width: int | None) -> Iterator[str]:
    """Yield a run that stopped or needs hands, or many with one need: what to do and why, each sentence hanging."""
    run, indent = runs[0], " " * _INDENT
    title, said = f"{run.channel} {run.label}, {when_words(run)}", run.said
    if len(runs) > 1:
        title, said = together_words(runs)
    yield hanging(shown(title), width, _INDENT)
    numbers = "" if len(runs) > 1 else numbers_words(run)
    to_do = to_do_of(runs)
    for sentence in filter(None, (said, to_do and f"To do: {to_do}", numbers)):
        yield hanging(indent + shown(sentence), width, _INDENT)


def _row(run: RunLine, now_unix_s: float) -> tuple[object, ...]:
    age = age_words(run, now_unix_s) or None
    state = short_state(run) or None
    more = "; ".join(filter(None, [run.left, compared(run.over_cycles)]))
    return run.channel, _name(run), state, run.tested_h, run.numbers.cycles, run.cycle, run.voltage_v, age, more


def _name(run: RunLine) -> str:
    """Return run and label for a table, a long label cut: a column is as wide as its longest word."""
    label = shown(run.label)
    return f"{run.run_id} {label if len(label) <= _LABEL else label[: _LABEL - 3] + '...'}"


def _table(title: str, columns: Sequence[Column], rows: Sequence[Sequence[object]], width: int | None) -> Iterator[str]:
    table = laid_out(columns, rows, width)
    yield from (_head(title), table.head, table.rule)
    for row in table.rows:
        yield from row
    yield ""
