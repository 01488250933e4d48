"""Runs as ``cellrig runs`` and ``cellrig show`` print them: a list, and all of one run in groups and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.cli.cycle_tables import milli, print_cycles, print_reservoirs
from orchestrator.cli.origin_lines import origin_lines
from orchestrator.cli.output import heading, print_table, say
from orchestrator.cli.tables import Column, significant
from orchestrator.clock.iso_time import unix_time
from orchestrator.clock.local_time import local_time
from orchestrator.events.time_left import left_words
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
    state = _state(run.state.value, run.simulated)
    place = (run.run_id, run.label or run.cell, run.recipe, run.channel)
    done = (None, None, None) if run.started_unix_s is None else (run.hours, run.cycles, run.samples)
    return (*place, state, *times, *done, run.ended_because or None)


def _date(unix_s: float | None) -> str | None:
    return None if unix_s is None else local_time(unix_s)


def _state(state: str, simulated: bool | None) -> str:
    return f"{state} (simulated)" if simulated else state


def print_run(found: Mapping[str, Any], chosen: str) -> None:
    """Print all of one run, as ``orchestrator.analysis.summary.details`` gives it."""
    _print_lines(_head_lines(found["run"]))
    _print_lines(list(_temperature_lines(found)))
    if found["ahead"]:
        _print_lines([("time left", _time_left(found["ahead"], found["run"]["simulated"]))])
    if results := list(_result_lines(found["run"])):
        heading("Results")
        _print_lines(results)
    heading("Order")
    _print_lines(origin_lines(found["origin"]))
    events = [(local_time(e["at_unix_s"], seconds=True), e["kind"], e["message"]) for e in found["events"]]
    if events:
        print_table((Column("when"), Column("event"), Column("what", least=30)), events, "Events", chosen)
    if found["steps"]:
        rows = [_step_row(step, found["run"]["cell_kind"]) for step in found["steps"]]
        print_table(_STEPS, rows, _last(len(rows), "step"), chosen)
        if any(step["end_reason"] == "external" for step in found["steps"]):
            say("external: ended by none of the step's own conditions, but stopped, tripped or taken over")
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


def _head_lines(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a run is, and how far it has come."""
    yield "run", run["run"]
    state = _state(run["state"], run["simulated"])
    yield "state", f"{state}: {run['ended_because']}" if run["ended_because"] else state
    cell = f"{run['cell']}, {run['cell_kind']}"
    yield "cell", cell if run["label"] in ("", run["cell"]) else f"{run['label']} ({cell})"
    yield "recipe", run["recipe"]
    yield "channel", run["channel"]
    for name in ("ordered", "started", "ended"):
        if (moment := run[f"{name}_utc"]) is not None:
            yield name, local_time(unix_time(moment))
    if run["samples"]:
        yield "tested", f"{run['hours']:.2f} h: {_count(run['cycles'], 'cycle')}, {_count(run['samples'], 'sample')}"


def _temperature_lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield which temperature the cell's place had last and in all records, and which the recipe wants, where known."""
    newest_degc, wanted_degc, all_degc = found["temperature_degc"], found["wanted_degc"], found["temperatures"]
    wanted = f"the recipe wants {' and '.join(f'{one:g}' for one in wanted_degc)} degC" if wanted_degc else ""
    newest = "" if newest_degc is None else f"{newest_degc:.1f} degC at its newest record"
    if words := "; ".join(filter(None, (newest, wanted))):
        yield "temperature", words
    if all_degc["lowest_degc"] is not None:
        span = f"{all_degc['lowest_degc']:.1f} to {all_degc['highest_degc']:.1f} degC"
        yield "", f"{span}, {all_degc['mean_degc']:.1f} degC in the mean of its samples"
    has_any = all_degc["samples_without"] < all_degc["samples"]
    if (wanted or has_any) and (lacking := list(_without_temperature(all_degc))):
        yield "", f"without a temperature: {', '.join(lacking)}"


def _without_temperature(found: Mapping[str, int]) -> Iterator[str]:
    """Yield how many samples and measurements have no temperature, of how many."""
    for what in ("sample", "measurement"):
        if number := found[f"{what}s_without"]:
            yield f"{number} of {_count(found[f'{what}s'], what)}"


def _time_left(ahead: Mapping[str, Any], simulated: bool | None) -> str:
    """Say how long a run still takes, as of its newest record."""
    end_unix_s = None if simulated else ahead["expected_end_unix_s"]
    left = left_words(ahead["time_left_s"], end_unix_s, EndBasis(ahead["end_known_by"]))
    at = "" if ahead["at_unix_s"] is None or simulated else f", by its record of {local_time(ahead['at_unix_s'])}"
    return f"{left}{at}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


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
        milli(step["capacity_ah"]),
        step["mean_voltage_v"],
        step["resistance_ohm"] if cell_kind in _WITHOUT_OWN_VOLTAGE else None,
        step["end_reason"],
    )


def _gap_row(gap: Mapping[str, Any]) -> tuple[object, ...]:
    dates = (local_time(gap[f"{name}_unix_s"], seconds=True) for name in ("from", "to"))
    return (*dates, gap["time_s"] / 3600, gap["lost_records"], "; ".join(gap["effects"]))
