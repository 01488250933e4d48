"""Lines on what a run is and which temperatures it had, as ``cellrig show`` and reports have them.

They are made of what ``orchestrator.analysis.summary.details`` returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.clock.iso_time import unix_time
from orchestrator.clock.local_time import local_time


def state_words(state: str, simulated: bool | None, imported_from: str | None = None) -> str:
    """Return a run's state, and that it is simulated or imported."""
    marks = [word for word, is_so in (("simulated", simulated), ("imported", imported_from is not None)) if is_so]
    return f"{state} ({', '.join(marks)})" if marks else state


def counted(number: int, what: str) -> str:
    """Return a number with what it counts."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def head_lines(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a run is, and how far it has come."""
    yield "run", run["run"]
    state = state_words(run["state"], run["simulated"], run["imported_from"])
    yield "state", f"{state}: {run['ended_because']}" if run["ended_because"] else state
    cell = f"{run['cell']}, {run['cell_kind']}"
    yield "cell", cell if run["label"] in ("", run["cell"]) else f"{run['label']} ({cell})"
    yield "recipe", run["recipe"]
    yield "channel", run["channel"]
    for name in ("ordered", "started", "ended"):
        if (moment := run[f"{name}_utc"]) is not None:
            yield name, local_time(unix_time(moment))
    if run["samples"]:
        yield "tested", f"{run['hours']:.2f} h: {counted(run['cycles'], 'cycle')}, {counted(run['samples'], 'sample')}"


def temperature_lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
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
            yield f"{number} of {counted(found[f'{what}s'], what)}"
