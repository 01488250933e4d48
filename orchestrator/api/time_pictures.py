"""Pictures over time: voltage above current, out of the traces that are kept; with gaps, events and limits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestrator.api.run_traces import RunTraces, Window
from orchestrator.report.picture_data import Axis, Band, Line, Mark, Panel, Picture, RunName, Shown, Value, known
from orchestrator.store.errors import explained

if TYPE_CHECKING:
    from orchestrator.api.models import PictureQuery
    from orchestrator.store import Store

_HOUR_S = 3600.0
# What is marked on the axis of time; a rack of chatter would hide what matters.
_UNMARKED = frozenset({"order key", "limits as loaded", "progress"})
_MOST_MARKS = 200
# Records of all runs of a picture together, and of each at least, where there are several.
_ALL_TOGETHER, _LEAST_EACH = 8000, 1000
_SPANS = (
    "SELECT (SELECT unix_time_s - time_s FROM sample WHERE test = test.id ORDER BY sequence LIMIT 1), "
    "(SELECT unix_time_s FROM sample WHERE sample.test = test.id ORDER BY sequence DESC LIMIT 1), "
    "(SELECT time_s FROM sample WHERE sample.test = test.id ORDER BY sequence DESC LIMIT 1) "
    "FROM test WHERE run_id = ? ORDER BY id"
)
_UNSEEN, _HELD = "communication_loss", "operator_intervention"


async def numbers(traces: RunTraces, store: Store, query: PictureQuery) -> dict[str, Any]:
    """Return the numbers of a picture over time. Raises StoreError."""
    by_clock = query.x is Shown.CLOCK
    upper, lower, names, bands, marks = list[Line](), list[Line](), list[RunName](), list[Band](), list[Mark]()
    records = drawn = 0
    each = query.points if len(query.runs) == 1 else max(_LEAST_EACH, _ALL_TOGETHER // len(query.runs))
    limits: list[tuple[float, str]] = []
    for look, run_id in enumerate(query.runs):
        row = store.run(run_id)
        window = await traces.window(store, run_id, each, by_clock=by_clock, begin=query.begin, end=query.end)
        name = RunName(run_id, row.label or row.cell, row.simulated, look)
        names.append(name)
        records, drawn = records + window.records, drawn + len(window.trace)
        x, volts, milliamps = _columns(window, by_clock=by_clock)
        upper.append(Line(run_id, "", Axis("voltage", "V"), x, volts, look=look, name=name.name))
        lower.append(Line(run_id, "", Axis("current", "mA"), x, milliamps, look=look, name=name.name))
        if len(query.runs) == 1:
            clock = Clock.of(store, run_id)
            bands, marks = _behind(store, run_id, clock, by_clock=by_clock)
            limits = _limits(row.program_json)
    x_axis = Axis("clock") if by_clock else Axis("time", "h")
    volts_seen = [value for line in upper for value in line.y if value is not None]
    panels = [
        Panel(x_axis, Axis("voltage", "V"), upper, limits=_near(limits, volts_seen)),
        Panel(x_axis, Axis("current", "mA"), lower, height=2),
    ]
    return Picture(query.x, names, panels, bands, marks, (), records, drawn).as_dict()


def _columns(window: Window, *, by_clock: bool) -> tuple[list[Value], list[Value], list[Value]]:
    """Return x, V and mA; between the records on both sides of a gap stands one without values."""
    trace = window.trace
    x = known(trace.unix_s if by_clock else trace.time_s / _HOUR_S)
    volts, milliamps = known(trace.voltage_v), known(trace.current_a * 1e3)
    for at in range(len(trace) - 1, 0, -1):
        if trace.gaps[at] != trace.gaps[at - 1]:
            x.insert(at, x[at])
            volts.insert(at, None)
            milliamps.insert(at, None)
    return x, volts, milliamps


class Clock:
    """Turns moments into the run time at which they were, by the tests of a run."""

    def __init__(self, spans: list[tuple[float, float, float]]) -> None:
        self._spans = spans

    @classmethod
    def of(cls, store: Store, run_id: str) -> Clock:
        """Return the clock of a run: begin, end (unix) and run time at the begin of each of its tests."""
        with explained(store.path):
            rows = store.connection.execute(_SPANS, (run_id,)).fetchall()
        spans, time_s = [], 0.0
        for began, ended, last_s in rows:
            if began is not None:
                spans.append((began, ended, time_s))
                time_s += last_s
        return cls(spans)

    def hours(self, unix_s: float) -> float:
        """Return the run time of a moment in hours; between two tests that of the later one's begin."""
        found = 0.0
        for began, ended, start_s in self._spans:
            if unix_s < began:
                return start_s / _HOUR_S
            found = (start_s + min(unix_s, ended) - began) / _HOUR_S
            if unix_s <= ended:
                break
        return found


def _behind(store: Store, run_id: str, clock: Clock, *, by_clock: bool) -> tuple[list[Band], list[Mark]]:
    """Return what is drawn behind the curves of one run: spans that deviate from the plan, and events."""

    def place(unix_s: float) -> float:
        return unix_s if by_clock else clock.hours(unix_s)

    bands = []
    for row in store.deviations(run_id):
        kind = {_UNSEEN: "unseen", _HELD: "held"}.get(row.category.value, "deviation")
        last = (
            store.last_sample(store.tests(run_id)[-1].id) if row.ended_unix_s is None and store.tests(run_id) else None
        )
        ended = row.ended_unix_s if row.ended_unix_s is not None else last.unix_time_s if last else row.started_unix_s
        bands.append(Band(place(row.started_unix_s), place(max(ended, row.started_unix_s)), kind, row.effect))
    events = [event for event in store.events(run_id) if event.kind not in _UNMARKED][-_MOST_MARKS:]
    marks = [Mark(place(one.at_unix_s), one.kind, one.message, one.id) for one in events]
    from orchestrator.store import Notes

    marks += [Mark(place(one.at_unix_s), "note", f"{one.written_by}: {one.text}") for one in Notes(store).of(run_id)]
    return bands, sorted(marks, key=lambda mark: mark.x)


def _limits(program_json: str) -> list[tuple[float, str]]:
    """Return the voltages that the host stops a run at, with what they are."""
    segments = json.loads(program_json).get("segments", [])
    for segment in segments:
        band = ((segment.get("limits") or {}).get("host")) or {}
        low, high = band.get("low_v"), band.get("high_v")
        if low is not None and high is not None:
            return [(low, "host limit"), (high, "host limit")]
    return []


def _near(limits: list[tuple[float, str]], volts: list[float]) -> list[tuple[float, str]]:
    """Return the limits that lie near to what was measured: others would press the curve flat."""
    if not volts:
        return []
    low, high = min(volts), max(volts)
    room = 0.5 * (high - low) or 0.1
    return [(value, words) for value, words in limits if low - room <= value <= high + room]
