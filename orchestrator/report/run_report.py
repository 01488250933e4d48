"""A report on runs: a chapter for each, and before them what several have in common, with replicate statistics."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from orchestrator.analysis.replicates import not_comparable, statistics
from orchestrator.analysis.run_analysis import analyse
from orchestrator.analysis.summary import RunSummary, summarize
from orchestrator.report.blocks import Block, Chapter, Heading, Pictures, Report, TextTable, Words, table
from orchestrator.report.group_by import GroupBy
from orchestrator.report.impedance import impedance_report
from orchestrator.report.journal_page import MOST_RUNS
from orchestrator.report.key_numbers import KeyNumber, ReportedRun, common_cycles, key_numbers
from orchestrator.report.number_texts import figures
from orchestrator.report.report_pictures import pictures_of, spectra_pictures
from orchestrator.report.run_chapter import AnalysisTexts, RunContents, run_chapter
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData

GENERATOR = "cellrig report"
"""The mark of the page's author: a file with it may be replaced by the next report."""
_MOST_NAMED = 4
"""So many runs are named in the line above a title, and in it."""
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """What is asked of a report; ``title`` empty: the runs by their names."""

    run_ids: tuple[str, ...]
    title: str = ""
    by: GroupBy = GroupBy.CELL
    has_fits: bool = True


def report(store: Store, order: ReportOrder, texts: AnalysisTexts, told: Told = lambda _: None) -> Report:
    """Write a report on stored runs, also while they go on; ``told`` hears which run is at hand. Raises StoreError."""
    contents = []
    for number, run_id in enumerate(order.run_ids, 1):
        told(f"{run_id}: {number} of {len(order.run_ids)} runs")
        contents.append(contents_of(store, run_id, has_fits=order.has_fits))
    chapters = []
    if len(contents) > 1:
        told("comparison")
        chapters.append(comparison(store, contents, order.by))
    for one in contents:
        chapter = run_chapter(one, texts)
        run_id = one.data.run.run_id
        drawn = list(pictures_of(store, [run_id], run_id)) if one.data.tests else []
        if one.impedance is not None:
            drawn += spectra_pictures(one.impedance)
        chapter.blocks.append(Heading("Pictures"))
        chapter.blocks.append(Pictures(tuple(drawn)) if drawn else Words("There are no records to draw."))
        chapters.append(chapter)
    return Report(GENERATOR, _kicker(contents), order.title or _title(contents), tuple(chapters))


def contents_of(store: Store, run_id: str, *, has_fits: bool = True) -> RunContents:
    """Read and analyse a run; its spectra, if they are to be fitted, take half a second each. Raises StoreError."""
    data = RunData(store, run_id)
    return RunContents(data, analyse(data), impedance_report(store, run_id) if has_fits and data.spectra else None)


def _kicker(contents: Sequence[RunContents]) -> str:
    simulated = [one.data.run.run_id for one in contents if one.data.run.simulated]
    untold = [one.data for one in contents if one.data.run.simulated is None]
    unknown = [data.run.run_id for data in untold if data.program.segments]
    foreign = [data.run.run_id for data in untold if not data.program.segments]
    words = "cellrig, report on stored runs"
    if simulated:
        words += (
            "; simulated, no cell is real" if len(simulated) == len(contents) else f"; simulated: {_ids(simulated)}"
        )
    if foreign:
        words += f"; from files of other programs: {_ids(foreign)}"
    return f"{words}; not known whether simulated: {_ids(unknown)}" if unknown else words


def _ids(run_ids: Sequence[str]) -> str:
    return ", ".join(run_ids) if len(run_ids) <= _MOST_NAMED else f"{len(run_ids)} runs"


def _title(contents: Sequence[RunContents]) -> str:
    names = [f"{one.data.run.run_id} {one.data.run.label or one.data.run.cell}" for one in contents]
    return ", ".join(names) if len(names) <= _MOST_NAMED else f"{len(names)} runs, {names[0]} to {names[-1]}"


def comparison(store: Store, contents: Sequence[RunContents], by: GroupBy) -> Chapter:
    """Return the chapter that lays runs beside each other."""
    chapter = Chapter("Comparison")
    # In mAh/g only where every cell of the kind has a mass.
    without_mass = {one.analysis.kind for one in contents if not one.data.program.cell.active_mass_mg}
    reported = [
        ReportedRun(summarize(store, one.data.run.run_id), one.analysis, one.analysis.kind not in without_mass)
        for one in contents
    ]
    rows = [_row(run.summary) for run in reported]
    chapter.blocks.append(
        table(("run", "label", "cell", "recipe", "state", "h", "cycles", "ended because"), rows, (5, 6))
    )
    datas = {one.data.run.run_id: one.data for one in contents}
    for kind in dict.fromkeys(run.summary.cell_kind for run in reported):
        mine = [run for run in reported if run.summary.cell_kind == kind]
        chapter.blocks.append(Heading(f"Numbers of the {kind} cells"))
        chapter.blocks += _numbers(mine)
        if len(mine) > 1:
            chapter.blocks += _replicates(mine, datas, by)
        run_ids = [run.summary.run_id for run in mine]
        if len(mine) > MOST_RUNS:
            chapter.blocks.append(
                Words(f"{len(mine)} runs cannot be told apart in one picture; at most {MOST_RUNS} are drawn together.")
            )
        elif len(mine) > 1:
            drawn = tuple(pictures_of(store, run_ids, f"comparison-{kind}", common_cycles(mine)))
            chapter.blocks += [Pictures(drawn)] if drawn else []
    return chapter


def _row(run: RunSummary) -> tuple[str, ...]:
    state = f"{run.state.value.replace('_', ' ')}{' (simulated)' if run.simulated else ''}"
    return (
        run.run_id, run.label or run.cell, run.cell, run.recipe, state, f"{run.hours:.2f}", str(run.cycles),
        run.ended_because,
    )  # fmt: skip


def _numbers(runs: Sequence[ReportedRun]) -> Iterator[Block]:
    """Yield the key numbers of runs of one kind, all at the same cycles."""
    cycles = common_cycles(runs)
    found = {run.summary.run_id: key_numbers(run, cycles) for run in runs}
    heads = [f"{one.name} / {one.unit}" for one in next(iter(found.values()))]
    rows = [
        (run.summary.run_id, run.summary.label or run.summary.cell, *map(_text, found[run.summary.run_id]))
        for run in runs
    ]
    note = "-: the run does not have this number."
    if cycles:
        note += f" Compared at {_cycles(cycles)}: the last is the last one that all of them have."
    yield table(("run", "label", *heads), rows, range(2, 2 + len(heads)), note)


def _cycles(cycles: Sequence[int]) -> str:
    return f"cycle{'s' if len(cycles) > 1 else ''} {' and '.join(map(str, cycles))}"


def _text(number: KeyNumber) -> str:
    return "-" if number.value is None else figures(number.value)


def _replicates(runs: Sequence[ReportedRun], datas: dict[str, RunData], by: GroupBy) -> Iterator[Block]:
    """Yield the statistics of each group of runs that are meant to be alike, and what speaks against it."""
    groups: dict[str, list[ReportedRun]] = {}
    for run in runs:
        groups.setdefault(group_of(run.summary, by), []).append(run)
    alike = {name: mine for name, mine in groups.items() if len(mine) > 1}
    if not alike:
        yield Words(f"No two of these runs have the same {by.value}: there are no replicates.", is_quiet=True)
    for name, mine in alike.items():
        yield Heading(f"Replicates: {name}")
        reasons = not_comparable([datas[run.summary.run_id] for run in mine])
        if reasons:
            yield Words(f"These runs are not comparable as they are: {'; '.join(reasons)}.", is_warning=True)
        yield _statistics(mine)


def group_of(run: RunSummary, by: GroupBy) -> str:
    """Return the group of a run: its cell's file with its recipe, or its label without the number at its end."""
    if by is GroupBy.CELL:
        return f"{run.cell}, {run.recipe}"
    return re.sub(r"[\s_.#-]*\d+$", "", run.label or run.cell) or run.label


def _statistics(runs: Sequence[ReportedRun]) -> TextTable:
    cycles = common_cycles(runs)
    columns = [key_numbers(run, cycles) for run in runs]
    rows = []
    for numbers in zip(*columns, strict=True):
        values = {run.summary.run_id: number.value for run, number in zip(runs, numbers, strict=True)}
        found = statistics(values)
        texts = ("-" if one is None else figures(one) for one in (found.mean, found.deviation, found.low, found.high))
        without = f"none of {', '.join(found.without)}" if found.without and found.n else ""
        rows.append((f"{numbers[0].name} / {numbers[0].unit}", str(found.n), *texts, without))
    heads = ("number", "n", "mean", "standard deviation", "lowest", "highest", "left out")
    note = "Standard deviation of a sample (n - 1). A run without the number has no part in its mean"
    if any(name.startswith("time to hard short") and n != str(len(runs)) and n != "0" for name, n, *_ in rows):
        note += "; cells that have not shorted lived longer than those in the mean, which is a lower bound"
    return table(heads, rows, range(1, 6), f"{note}.")
