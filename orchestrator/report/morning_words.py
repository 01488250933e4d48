"""Words that the morning report has in common as a page and as text: comparisons, ages, what a run did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from orchestrator.clock.durations import duration_words
from orchestrator.clock.local_time import local_time
from orchestrator.events import EventKind
from orchestrator.events.run_words import END_NOT_STORED, NOT_STORED
from orchestrator.events.to_do import what_to_do
from orchestrator.report.morning import Mark, Morning, OverCycles, RunLine
from orchestrator.states import ALSO, RunState

MOST_ALONE = 5
"""More runs with the same need are one item with a list of channels: a tester that is away is one thing to look at."""
# A record older than this is told with its age: three polls of a rack, and a record every minute.
_FRESH_S = 300.0
# So many cells are named with what they have kept of their capacity, the worst first.
_MOST_NAMED = 3


def shown(text: str) -> str:
    """Return a text of people or instruments for one line: what is no letter is a space.

    A mark that turns the direction of writing, or a control character, would change what stands beside it. A blank
    that does not break remains: it holds a number and its unit in one line.
    """
    return "".join(letter if letter.isprintable() or letter == "\N{NO-BREAK SPACE}" else " " for letter in text)


def compared(found: OverCycles | None) -> str:
    """Say the value of the newest whole cycle, and what part it is of the reference; empty without one."""
    if found is None:
        return ""
    cycle, value = found.newest
    said = f"{found.quantity} {_number(value)} {found.unit} in cycle {cycle}"
    percent = found.percent_of_reference
    if percent is None:
        return said
    if found.unit == "%":
        return f"{said} ({_number(found.reference)} % in cycle {found.reference_cycle})"
    return f"{said}, {percent:.1f} % of cycle {found.reference_cycle}"


def grouped(needs: Sequence[RunLine]) -> Iterator[tuple[RunLine, ...]]:
    """Yield the runs that need hands one by one; neighbours of one state and reason that are many, together."""
    for _, alike in groupby(needs, key=_need):
        runs = tuple(alike)
        yield from [runs] if len(runs) > MOST_ALONE else ((run,) for run in runs)


def _need(run: RunLine) -> tuple[str, str]:
    return run.state.value, run.reason


def when_words(run: RunLine) -> str:
    """Say a run's state and since when; of one that is over, when it came to its end."""
    since = "" if run.state.is_over else " since"
    return f"{run.state.value.replace('_', ' ')}{since} {local_time(run.since_unix_s)}"


def together_words(runs: Sequence[RunLine]) -> tuple[str, str]:
    """Say of many runs with the same need how many they are, and name them; then why, once."""
    names = ", ".join(f"{run.channel} {run.label}" for run in runs)
    return f"{len(runs)} channels, {when_words(runs[0])}", f"{runs[0].reason}: {names}"


def to_do_of(runs: Sequence[RunLine]) -> str:
    """Say what a person does about runs with the same need: about one, or in words that hold for each of them."""
    told = {run.to_do for run in runs}
    first = runs[0]
    return told.pop() if len(told) == 1 else f"For each: {what_to_do(first.state, 'RUN', 'CHANNEL', first.reason)}"


def mark_words(mark: Mark) -> str:
    """Say what was marked, where, how often and when last."""
    often = f", {mark.times} times, last" if mark.times > 1 else ","
    return f"{mark.kind} at {mark.where}{often} {local_time(mark.last_unix_s)}: {mark.said}"


def numbers_lines(report: Morning) -> list[str]:
    """Say what all runs did together, which cells shorted, and what cells have kept of their capacity."""
    total = report.totals
    lines = [f"{total.cycles} cycles done, {total.hours:.1f} h of tests, {total.records} records"]
    if shorted := [_place(run) for run in report.runs if _has_shorted(run)]:
        lines.append(f"shorted: {', '.join(shorted)}")
    kept = [
        (percent, run)
        for run in report.runs
        if run.over_cycles is not None
        and run.over_cycles.quantity == "capacity"
        and (percent := run.over_cycles.percent_of_reference) is not None
    ]
    worst = sorted(kept, key=lambda pair: pair[0])[:_MOST_NAMED]
    if worst:
        named = ", ".join(
            f"{percent:.1f} % of cycle {run.over_cycles.reference_cycle if run.over_cycles else ''} at {_place(run)}"
            for percent, run in worst
        )
        lines.append(f"capacity kept, the least first: {named}")
    return lines


def _has_shorted(run: RunLine) -> bool:
    """Return whether a short is among the reasons of a run's end, whichever decided it."""
    return any(reason.startswith(EventKind.CELL_SHORTED) for reason in run.reason.split(ALSO))


def _place(run: RunLine) -> str:
    return f"{run.channel} {run.label}"


def numbers_words(run: RunLine) -> str:
    """Say what a run did within the report's time, and what its newest whole cycle gave."""
    cycles = "1 cycle" if run.numbers.cycles == 1 else f"{run.numbers.cycles} cycles"
    parts = [f"{run.run_id}, {run.recipe}", f"{run.numbers.hours:.1f} h and {cycles} within this time"]
    return "; ".join(filter(None, [*parts, compared(run.over_cycles)]))


def pace_words(run: RunLine, now_unix_s: float) -> str:
    """Say where a run is now: its state if it is not simply running, its cycle, its voltage, and how old that is."""
    state = short_state(run)
    volts = "" if run.voltage_v is None else f"{run.voltage_v:+z.4f} V"
    cycle = f"cycle {run.cycle}" if run.cycle else ""
    return ", ".join(filter(None, [state, cycle, volts, age_words(run, now_unix_s)]))


def short_state(run: RunLine) -> str:
    """Say the state of a run that goes on in a word or two; empty of one that simply runs."""
    if run.state is not RunState.RUNNING:
        return run.state.value
    words = {END_NOT_STORED: "stopped, not stored", NOT_STORED: "not stored"}
    return next((word for begin, word in words.items() if run.reason.startswith(begin)), "")


def age_words(run: RunLine, now_unix_s: float) -> str:
    """Say how old a run's newest record is, where that is not usual; empty else."""
    if run.record_unix_s is None:
        return "no record yet"
    age_s = now_unix_s - run.record_unix_s
    return f"{duration_words(age_s)} old" if age_s > _FRESH_S else ""


def _number(value: float) -> str:
    """Return a value with four significant figures, without an exponent."""
    return f"{value:.4g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.0f}" if value else "0"
