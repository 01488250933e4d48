"""Statistics of several runs of cells that are meant to be alike, and why runs are not comparable.

- Mean and standard deviation (of a sample: n - 1 below the root) of the runs that have the number; n is how many.
- A number that a run does not have is never guessed: its run is named. Of the time to a short this leaves out the cells
  that lived, and the mean is then a lower bound.
- Runs are comparable that executed the same recipe on one kind of cell, all simulated or all real, ended by themselves,
  with areas and loadings within ``SAME_SIZE`` and mean temperatures within ``SAME_DEGC``, each with its own records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from orchestrator.states import RunState
from orchestrator.tables.run_data import RunData

SAME_SIZE = 0.05
"""Areas and loadings that differ by less: discs are punched and electrodes weighed to a few per cent."""
SAME_DEGC = 2.0
"""Mean temperatures that differ by less: about twice what the places of one oven do."""
_KINDS = {True: "simulated", False: "real", None: "of unknown reality"}


@dataclass(frozen=True, slots=True)
class Statistics:
    """Mean, sample standard deviation (None of fewer than two), n, and the runs without the number."""

    n: int
    mean: float | None
    deviation: float | None
    low: float | None
    high: float | None
    without: tuple[str, ...]


def statistics(values: Mapping[str, float | None]) -> Statistics:
    """Return the statistics of one number of several runs, by run id; None and NaN are not there."""
    known = [value for value in values.values() if value is not None and value == value]
    without = tuple(run_id for run_id, value in values.items() if value is None or value != value)
    if not known:
        return Statistics(0, None, None, None, None, without)
    deviation = stdev(known) if len(known) > 1 else None
    return Statistics(len(known), fmean(known), deviation, min(known), max(known), without)


def not_comparable(runs: Sequence[RunData]) -> list[str]:
    """Return every reason why numbers of these runs are not comparable, a sentence each; none: they are."""
    cells = {data.run.run_id: data.program.cell for data in runs}
    # A file of another program has no recipe: the name of the run's is that of the file.
    known = [data for data in runs if data.program.segments]
    unknown = ", ".join(data.run.run_id for data in runs if not data.program.segments)
    reasons = [
        _differs("recipes", {data.run.run_id: _recipe(data, known) for data in known}),
        f"recipes that are not known: {unknown} from files of other programs" if unknown else "",
        _differs("kinds of cells", {run_id: cell.kind for run_id, cell in cells.items()}),
        _differs("origins", {data.run.run_id: _KINDS[data.run.simulated] for data in runs}),
        _spread("areas", "cm2", {run_id: cell.area_cm2 for run_id, cell in cells.items()}),
        _spread("loadings", "mg/cm2", {data.run.run_id: _loading(data) for data in runs}),
        _temperatures({data.run.run_id: data.temperatures.mean_degc for data in runs}),
    ]
    reasons.append(_twice(runs))
    return [reason for reason in reasons if reason] + [_end(data) for data in runs if _end(data)]


def _twice(runs: Sequence[RunData]) -> str:
    """Name runs that have the same records: one that was imported, or imported again, is no second cell."""
    alike: dict[object, list[RunData]] = {}
    for data in runs:
        lasts = [test.last for test in data.tests if test.last is not None]
        if lasts:
            records = [(round(last.time_s, 3), last.voltage_v, last.current_a) for last in lasts]
            alike.setdefault((data.temperatures.samples, *records), []).append(data)
    told = [
        " and ".join(data.run.run_id for data in found)
        for found in alike.values()
        if len(found) > 1 and any(data.run.imported_from is not None for data in found)
    ]
    return f"the same records, of one cell: {'; '.join(told)}" if told else ""


def _recipe(data: RunData, runs: Sequence[RunData]) -> str:
    """Return the name of a run's recipe, with the begin of its hash where the name alone does not tell it."""
    alike = {one.program.recipe_sha256 for one in runs if one.run.recipe == data.run.recipe}
    return data.run.recipe if len(alike) == 1 else f"{data.run.recipe} ({data.program.recipe_sha256[:8]})"


def _loading(data: RunData) -> float | None:
    cell = data.program.cell
    return cell.active_mass_mg / cell.area_cm2 if cell.active_mass_mg and cell.area_cm2 else None


def _differs(what: str, words: Mapping[str, str]) -> str:
    """Say which run has which word, where they are not all one."""
    if len(set(words.values())) < 2:
        return ""
    by_word: dict[str, list[str]] = {}
    for run_id, word in words.items():
        by_word.setdefault(word, []).append(run_id)
    told = [f"{word} ({', '.join(ids)})" for word, ids in by_word.items()]
    return f"different {what}: {'; '.join(told)}"


def _spread(what: str, unit: str, values: Mapping[str, float | None]) -> str:
    known = {run_id: value for run_id, value in values.items() if value is not None}
    if known and len(known) < len(values):
        return f"{what} that are not all known: none of {', '.join(sorted(values.keys() - known.keys()))}"
    if not known or max(known.values()) <= (1 + SAME_SIZE) * min(known.values()):
        return ""
    return f"different {what}: {min(known.values()):.4g} to {max(known.values()):.4g} {unit}"


def _temperatures(values: Mapping[str, float | None]) -> str:
    known = [value for value in values.values() if value is not None]
    if known and len(known) < len(values):
        return f"temperatures that are not all known: {len(values) - len(known)} of {len(values)} runs have none"
    if not known or max(known) - min(known) <= SAME_DEGC:
        return ""
    return f"different temperatures: means of {min(known):.1f} to {max(known):.1f} degC"


def _end(data: RunData) -> str:
    if data.run.state is RunState.COMPLETED:
        return ""
    return f"{data.run.run_id} is {data.run.state.value.replace('_', ' ')}: it was not run to the recipe's own end"
