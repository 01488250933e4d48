"""Runs as ``cellrig runs`` and ``cellrig show`` print them: a list, and all of one run in groups and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.cli.alike_events import starts_together
from orchestrator.cli.cycle_tables import milli, print_cycles, print_reservoirs
from orchestrator.cli.import_tables import print_import
from orchestrator.cli.output import heading, print_table, say
from orchestrator.cli.tables import Column, significant
from orchestrator.clock.local_time import local_time
from orchestrator.events.time_left import left_words
from orchestrator.report.origin_lines import kept_lines, origin_lines
from orchestrator.report.run_lines import head_lines, state_words, temperature_lines
from orchestrator.states import EndBasis

if TYPE_CHECKING:
    from orchestrator.analysis.summary import RunSummary

_NAME_WIDTH = 19
# A date, with its time of day below it or beside it.
_DATE_WIDTH = 10
_MOMENT_WIDTH = 16


_RUNS = (
    Column("run"),
    Column("label", least=10),
    Column("recipe", least=10, goes=3),
    Column("channel", goes=4),
    Column("state", least=11),
    Column("ordered", least=_DATE_WIDTH, wants=_MOMENT_WIDTH, goes=7),
    Column("started", least=_DATE_WIDTH, wants=_MOMENT_WIDTH),
    Column("ended", least=_DATE_WIDTH, wants=_MOMENT_WIDTH, goes=5),
    Column("tested", "h", decimals=2),
    Column("cycles", goes=2),
    Column("samples", goes=6),
    Column("reason", least=18, wants=30, below=True),
)
# Where the times stand in these.
_MOMENTS = range(5, 8)
_STEPS = (
    Column("no.", goes=3),
    Column("step"),
    Column("cycle"),
    Column("start", "h", decimals=3, goes=2),
    Column("duration", "s", decimals=1),
    Column("capacity", "mAh"),
    Column("mean", "V", decimals=4),
    Column("V/I", "ohm", figures=4, goes=1, uneven=True),
    Column("ended by"),
)
# What the offset of a source meter's ammeter adds up to in a rest; no instrument of ours resolves less.
_NOTHING_AH = 1e-9
# Cells whose voltage is the current's alone: V/I of any other is no resistance.
_WITHOUT_OWN_VOLTAGE = frozenset({"li-li", "li-cu"})


def print_runs(runs: Sequence[RunSummary], chosen: str) -> None:
    """Print a list of runs; the offset of their times stands in the heads where it is the same for all."""
    rows = [_run_row(run) for run in runs]
    offsets = {row[n][_MOMENT_WIDTH:] for row in rows for n in _MOMENTS if row[n]}
    columns = list(_RUNS)
    if len(offsets) == 1:
        (offset,) = offsets
        for n in _MOMENTS:
            columns[n] = replace(columns[n], unit=offset.strip())
        rows = [
            tuple(cell.removesuffix(offset) if n in _MOMENTS and cell else cell for n, cell in enumerate(row))
            for row in rows
        ]
    print_table(columns, rows, chosen=chosen)


def _run_row(run: RunSummary) -> tuple[Any, ...]:
    times = (_date(moment) for moment in (run.ordered_unix_s, run.started_unix_s, run.ended_unix_s))
    state = state_words(run.state.value, run.simulated, run.imported_from)
    place = (run.run_id, run.label or run.cell, run.recipe, run.channel)
    done = (None, None, None) if run.started_unix_s is None else (run.hours, run.cycles, run.samples)
    return (*place, state, *times, *done, run.ended_because or None)


def _date(unix_s: float | None) -> str | None:
    return None if unix_s is None else local_time(unix_s)


def print_run(found: Mapping[str, Any], chosen: str, *, every_event: bool = False) -> None:
    """Print all of one run, as ``orchestrator.analysis.summary.details`` gives it.

    Starts of further tests with nothing between them are one event, unless ``every_event`` is wanted.
    """
    _print_lines(head_lines(found["run"]))
    _print_lines(list(temperature_lines(found)))
    if found["ahead"]:
        _print_lines([("time left", _time_left(found["ahead"], found["run"]["simulated"]))])
    if results := list(_result_lines(found["run"])):
        heading("Results")
        _print_lines(results)
    if found["imported"] is not None:
        print_import(found["imported"], list(kept_lines(found["origin"])), chosen)
    else:
        heading("Order")
        _print_lines(origin_lines(found["origin"]))
    told = found["events"] if every_event else starts_together(found["events"])
    events = [(local_time(e["at_unix_s"], seconds=True), e["kind"], e["message"]) for e in told]
    if events:
        print_table((Column("when"), Column("event"), Column("what", least=30)), events, "Events", chosen)
    if found["notes"]:
        notes = [(local_time(n["at_unix_s"], seconds=True), n["by"], n["text"]) for n in found["notes"]]
        print_table((Column("when"), Column("who"), Column("note", least=30)), notes, "Notes", chosen)
    if found["steps"]:
        rows = [_step_row(step, found["run"]["cell_kind"]) for step in found["steps"]]
        print_table(_STEPS, rows, _last(len(rows), "step"), chosen)
        ends = {step["ended_by"] for step in found["steps"]}
        if "host" in ends:
            say("host: ended by what the recipe lets the host watch for")
        if "external" in ends:
            say("external: ended by none of the step's own conditions, but by the host, stopped, tripped or taken over")
    if found["cycles"]:
        print_cycles(found["cycles"], _last(len(found["cycles"]), "cycle"), chosen)
    print_reservoirs(found["reservoir"], chosen)
    if unplanned := [gap for gap in found["gaps"] if gap["lost_records"] or gap["effects"]]:
        columns = (Column("from"), Column("to"), Column("at", "h", decimals=3), Column("lost records"), Column("why"))
        print_table(columns, [_gap_row(gap) for gap in unplanned], "Gaps", chosen)


def _last(count: int, what: str) -> str:
    return f"Last {what}" if count == 1 else f"Last {count} {what}s"


def _print_lines(lines: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> None:
    for name, words in lines:
        say(f"{name:{_NAME_WIDTH}}{words}", _NAME_WIDTH)


def _time_left(ahead: Mapping[str, Any], simulated: bool | None) -> str:
    """Say how long a run still takes, as of its newest record."""
    end_unix_s = None if simulated else ahead["expected_end_unix_s"]
    left = left_words(ahead["time_left_s"], end_unix_s, EndBasis(ahead["end_known_by"]))
    at = "" if ahead["at_unix_s"] is None or simulated else f", by its record of {local_time(ahead['at_unix_s'])}"
    return f"{left}{at}"


def _result_lines(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a run has shown of its cell; of a kind of result that its cell has not, nothing."""
    if (hours := run["hours_to_short"]) is not None:
        density, charge_mah = run["density_at_short_ma_cm2"], run["charge_to_short_mah"]
        at = "" if density is None else f", at {significant(density)} mA/cm2"
        yield "short", f"after {significant(hours)} h{at}"
        if charge_mah is not None:
            step_mah = run["step_charge_at_short_mah"]
            in_step = "" if step_mah is None else f", {significant(step_mah)} mAh of it in its step"
            yield "charge until then", f"{significant(charge_mah)} mAh in all, both ways{in_step}"
    first, later = run["capacity_mah_g_cycle_5"], run["capacity_mah_g_cycle_50"]
    kept = run["retention_percent_cycle_5_to_50"]
    if first is not None:
        yield "discharge", f"{significant(first)} mAh/g in cycle 5"
    if later is not None:
        of_first = "" if kept is None else f", {significant(kept)} % of cycle 5"
        yield "", f"{significant(later)} mAh/g in cycle 50{of_first}"
    if (efficiency := run["reservoir_efficiency_percent"]) is not None:
        yield "efficiency", f"{significant(efficiency)} % in the mean, by the reservoir method"


def _step_row(step: Mapping[str, Any], cell_kind: str) -> tuple[object, ...]:
    return (
        step["step"] or None,
        step["step_name"] or step["mode"],
        step["cycle"],
        step["start_s"] / 3600,
        step["duration_s"],
        0.0 if abs(step["capacity_ah"]) < _NOTHING_AH else milli(step["capacity_ah"]),
        step["mean_voltage_v"],
        step["resistance_ohm"] if cell_kind in _WITHOUT_OWN_VOLTAGE else None,
        step["ended_by"],
    )


def _gap_row(gap: Mapping[str, Any]) -> tuple[object, ...]:
    dates = (local_time(gap[f"{name}_unix_s"], seconds=True) for name in ("from", "to"))
    return (*dates, gap["time_s"] / 3600, gap["lost_records"], "; ".join(gap["effects"]))
