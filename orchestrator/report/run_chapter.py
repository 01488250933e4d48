"""The chapter of one run in a report: what ran, on which cell, by which instruments, under which limits, and results.

Everything comes from the store: no instrument is asked, and what was not kept is said to be not kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.analysis.cycle_statistics import CycleRow
from orchestrator.analysis.parts import Part
from orchestrator.analysis.run_analysis import RunAnalysis
from orchestrator.analysis.summary import details
from orchestrator.clock.durations import duration_words
from orchestrator.clock.local_time import local_time
from orchestrator.events import EventKind, Severity
from orchestrator.judging.limits import FindingKind
from orchestrator.report.blocks import (
    MOST_ROWS,
    Block,
    Chapter,
    Facts,
    Heading,
    TextTable,
    Words,
    facts,
    table,
    thinned,
)
from orchestrator.report.impedance import ImpedanceReport
from orchestrator.report.origin_lines import kept_lines, origin_lines
from orchestrator.report.run_lines import counted, head_lines, temperature_lines
from orchestrator.store import EventRow
from orchestrator.tables.run_data import RunData
from protocols.cell import Cell
from protocols.errors import RecipeError
from protocols.loading import parse_cell
from protocols.normalised import plain
from protocols.plausibility import plausibility
from protocols.program import CellFacts, CyclingSegment, Guards, Limits, MeasurementSegment, ShortPolicy, VoltageBand

AnalysisTexts = Callable[[RunAnalysis, Part], Sequence[TextTable]]
"""Makes the tables of a part of an analysis: its columns and their decimals are those of the command line."""

_FINDINGS = frozenset(kind.value for kind in FindingKind)
# How a number of a finding is called, and its unit, by how its name ends.
_UNITS = (
    ("_ma_per_cm2", "mA/cm2"), ("_mah", "mAh"), ("_ma", "mA"), ("_ohm", "ohm"), ("_degc", "degC"), ("_v", "V"),
    ("_s", "s"),
)  # fmt: skip
_POLICIES: Mapping[ShortPolicy, str] = {
    ShortPolicy.COMPLETE: "completes the run: it is its result",
    ShortPolicy.TRIP: "trips the run",
    ShortPolicy.HOLD: "holds the run until a person decides",
    ShortPolicy.MARK: "is marked, and the run goes on",
}
# These are told in the columns before, or are of use to programs alone.
_UNTOLD = frozenset(
    {"action", "count", "severity", "short", "time_s", "told_s", "cycle", "direction", "verdict", "present"}
)
# Tables of which a report has more than a few rows are in it by their pictures.
_DRAWN = frozenset({Part.HALF_CYCLES, Part.HYSTERESIS, Part.RETENTION, Part.RESISTANCES})


@dataclass(frozen=True, slots=True)
class RunContents:
    """What is known of a run when its chapter is written."""

    data: RunData
    analysis: RunAnalysis
    impedance: ImpedanceReport | None


def run_chapter(contents: RunContents, texts: AnalysisTexts) -> Chapter:
    """Return the chapter of a run, without its pictures."""
    data = contents.data
    found = details(data.store, data.run.run_id, 0)
    name = data.run.label or data.run.cell
    chapter = Chapter(f"{data.run.run_id}: {name}{' (simulated)' if data.run.simulated else ''}")
    chapter.blocks += [
        Words(_verdict(data)),
        facts(*_head(found)),
        Heading("Cell"),
        _cell(data.program.cell, _cell_file(found)),
        Heading("What was run, and by whom"),
        facts(*_origin(found, data)),
        *_steps(data),
        Heading("Instruments"),
        *_instruments(data),
        Heading("Limits and guards"),
        *_limits(data),
        Heading("Verdicts and their evidence"),
        *_verdicts(contents),
        Heading("Interruptions and deviations"),
        *_interruptions(data),
        Heading("Numbers"),
        *_numbers(contents, texts),
    ]
    return chapter


def _head(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a run is, without what its title and its verdict say, and its temperatures."""
    yield from (line for line in head_lines(found["run"]) if line[0] not in ("run", "state"))
    words = [words for _, words in temperature_lines(found)]
    yield "temperature", "; ".join(words) or "nobody measured it, and the recipe asks for none"


def _verdict(data: RunData) -> str:
    run = data.run
    state = run.state.value.replace("_", " ")
    if not data.tests:
        return f"The run is {state}; nothing was recorded{f': {run.reason}' if run.reason else '.'}"
    goes_on = "" if run.state.has_ended else " What follows is the run as far as it has come."
    return f"{state[:1].upper()}{state[1:]}{f': {run.reason}' if run.reason else '.'}{goes_on}"


def _cell_file(found: Mapping[str, Any]) -> Cell | None:
    """Return the cell's file as it was when the run was ordered; None where it was not kept or has another form."""
    text = (found["origin"] or {}).get("cell_yaml")
    try:
        return parse_cell(text) if text else None
    except RecipeError:
        return None


def _cell(cell: CellFacts, file: Cell | None) -> Facts:
    def said(value: float | None, unit: str) -> str:
        return "" if value is None else f"{value:.4g} {unit}"

    capacity = None if cell.nominal_capacity_ah is None else cell.nominal_capacity_ah * 1e3
    electrolyte = (file.electrolyte if file else "", said(cell.electrolyte_thickness_um, "um thick"))
    at = "" if cell.electrolyte_degc is None else f" at {cell.electrolyte_degc:g} degC"
    rows = (
        ("cell", cell.name),
        ("kind", cell.kind),
        ("area", said(cell.area_cm2, "cm2")),
        ("active mass", said(cell.active_mass_mg, "mg")),
        ("nominal capacity", said(capacity, "mAh")),
        ("electrolyte", "; ".join(filter(None, electrolyte))),
        ("conductivity", said(cell.electrolyte_s_per_cm, f"S/cm{at}")),
        ("working electrode", file.working_electrode if file else cell.material or ""),
        ("counter electrode", file.counter_electrode if file else ""),
    )
    absent = [name for name, value in rows[2:6] if not value]
    return facts(*rows, *(file.metadata.items() if file else ()), ("not in its file", ", ".join(absent)))


def _origin(found: Mapping[str, Any], data: RunData) -> Iterator[tuple[str, str]]:
    """Yield where a run comes from: its order, or the file that it was imported from."""
    file = found["imported"]
    if file is None:
        yield from origin_lines(found["origin"])
        yield "program", f"SHA-256 {data.run.program_sha256}"
        return
    yield "imported from", f"{file['file']}, {file['format']}, read by {file['reader']}"
    yield "SHA-256", file["sha256"]
    yield from kept_lines(found["origin"])
    for one in file["decisions"]:
        yield one["what"], f"{one['value']} ({one['told_by']})"


def _steps(data: RunData) -> Iterator[Block]:
    """Yield the steps of the program in all units, and what the potentiostat measures."""
    if not data.program.segments:
        yield Words("Which program ran is not known: its file tells what was recorded.", is_quiet=True)
        return
    seen = plausibility(data.program)
    names = ("current_ma", "current_density_ma_per_cm2", "specific_current_ma_per_g", "c_rate")
    rows = [
        (step.steps, step.what, *("-" if (value := getattr(step, name)) is None else plain(value) for name in names))
        for step in seen.steps
    ]
    if rows:
        yield table(("steps", "what", "mA", "mA/cm2", "mA/g", "C"), rows, range(2, 6), "; ".join(seen.untold))
    wanted = [segment.technique for segment in data.program.segments if isinstance(segment, MeasurementSegment)]
    if wanted:
        told = dict.fromkeys(_technique(one) for one in wanted)
        yield Words(f"{counted(len(wanted), 'measurement')} by a potentiostat: {'; '.join(told)}", is_quiet=True)


def _technique(technique: object) -> str:
    high_hz, low_hz = getattr(technique, "high_hz", None), getattr(technique, "low_hz", None)
    kind = str(getattr(technique, "kind", "measurement"))
    if high_hz is None or low_hz is None:
        return kind
    amplitude_v = float(getattr(technique, "amplitude_v", 0.0))
    return f"{kind}, {hertz(high_hz)} to {hertz(low_hz)}, amplitude {amplitude_v * 1e3:g} mV"


def hertz(value: float) -> str:
    """Return a frequency with the prefix of its unit."""
    for least, prefix in ((1e6, "M"), (1e3, "k"), (1.0, "")):
        if value >= least:
            return f"{value / least:g} {prefix}Hz"
    return f"{value * 1e3:g} mHz"


def _instruments(data: RunData) -> Iterator[Block]:
    if not data.tests:
        yield Words("No instrument has begun a test of this run.")
        return
    rows = []
    for number, test in enumerate(data.tests, 1):
        row = test.row
        records = "spectrum" if row.is_measurement and test.last is None else str(data.store.sample_count(row.id))
        own = "-" if row.tester_test_id is None else str(row.tester_test_id)
        rows.append(
            (str(number), row.instrument, row.channel, own, row.barcode, local_time(row.started_unix_s), records)
        )
    if len(rows) > MOST_ROWS:
        yield _instruments_alone(rows)
    else:
        yield table(("no.", "instrument", "channel", "its own no.", "barcode", "began", "records"), rows, (0, 3, 6))


def _instruments_alone(rows: Sequence[tuple[str, ...]]) -> TextTable:
    """Return a line for each instrument with its channel, where a run has many tests."""
    by_place: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for row in rows:
        by_place.setdefault((row[1], row[2]), []).append(row)
    lines = [
        (*place, str(len(mine)), f"{mine[0][4]} to {mine[-1][4]}", mine[0][5], mine[-1][5])
        for place, mine in by_place.items()
    ]
    return table(("instrument", "channel", "tests", "barcodes", "first began", "last began"), lines, (2,))


def _limits(data: RunData) -> Iterator[Block]:
    """Yield the limits in force, and for which part of the program where parts differ."""
    by_limits: dict[tuple[Limits, Guards], list[str]] = {}
    for number, segment in enumerate(data.program.segments, 1):
        if isinstance(segment, CyclingSegment):
            by_limits.setdefault((segment.limits, segment.guards), []).append(str(number))
    for (limits, guards), parts in by_limits.items():
        if len(by_limits) > 1:
            yield Words(f"Parts {', '.join(parts)} of the program:")
        layers = (
            ("host: stops the run", limits.host, limits.host_current_a),
            (f"tester, after {limits.tester_delay_s:g} s", limits.tester, limits.tester_current_a),
            ("cell, absolute", limits.absolute, limits.absolute_current_a),
        )
        rows = [(name, f"{b.low_v:g}", f"{b.high_v:g}", f"{current_a * 1e3:.4g}") for name, b, current_a in layers]
        yield table(("limit", "lowest V", "highest V", "most mA"), rows, (1, 2, 3))
        yield facts(*_guards(guards))
    windows = dict.fromkeys(s.window for s in data.program.segments if isinstance(s, MeasurementSegment))
    for window in windows:
        yield Words(f"While the potentiostat measures: {_band(window)}.")
    loaded = [event.message for event in data.store.events(data.run.run_id) if event.kind == EventKind.LIMITS_AS_LOADED]
    yield Words("; ".join(dict.fromkeys(loaded)) or "Nothing was kept on how the limits were loaded.", is_quiet=True)


def _guards(guards: Guards) -> Iterator[tuple[str, str]]:
    low, high = guards.resistance_low_ohm, guards.resistance_high_ohm
    cut = f"{guards.early_cutoff_in_a_row} half-cycles in a row under {guards.early_cutoff_fraction:.0%} of their time"
    yield "contact check", "" if low is None or high is None else f"{low:g} to {high:g} ohm"
    yield "open circuit", "" if guards.open_circuit is None else f"{_band(guards.open_circuit)} before the first step"
    yield "widened because", guards.open_circuit_reason or ""
    yield "cutoff reached early", "off" if guards.early_cutoff_off else cut
    yield "a hard short", "is not watched for" if guards.short_off else _POLICIES[guards.short_policy]
    yield "changed", "; ".join(map(str, guards.changes))


def _band(band: VoltageBand) -> str:
    return f"{band.low_v:g} to {band.high_v:g} V"


def _verdicts(contents: RunContents) -> Iterator[Block]:
    """Yield what the rules found in the records, with the numbers that they found it by."""
    events = [event for event in contents.data.store.events(contents.data.run.run_id) if event.kind in _FINDINGS]
    if events:
        rows = [(_when(event), event.kind, event.message, _evidence(event)) for event in events]
        kept, note = thinned(rows, "findings")
        yield table(("at", "verdict", "what was seen", "evidence"), kept, (), note)
    elif contents.data.tests:
        yield Words("The rules that watch a run have found nothing in its records.")
    else:
        yield Words("There are no records to judge.")
    if contents.impedance is not None and contents.impedance.spectra:
        yield Words(f"By its spectra and its voltage together: {contents.impedance.sentence}")


def _told(event: EventRow) -> Mapping[str, Any]:
    found = json.loads(event.data_json) if event.data_json else {}
    return found if isinstance(found, dict) else {}


def _when(event: EventRow) -> str:
    """Return the run time of what was found, else the time of day at which it was told."""
    time_s = _told(event).get("time_s")
    return (
        f"{float(time_s) / 3600:.3f}\N{NO-BREAK SPACE}h"
        if isinstance(time_s, int | float)
        else local_time(event.at_unix_s)
    )


def _evidence(event: EventRow) -> str:
    pieces = []
    for name, value in _told(event).items():
        if name in _UNTOLD or value is None or isinstance(value, dict | list):
            continue
        ending, unit = next(((end, unit) for end, unit in _UNITS if name.endswith(end)), ("", ""))
        words = name.removesuffix(ending).replace("_", " ")
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        pieces.append(" ".join(filter(None, (words, text, unit))))
    return ", ".join(pieces) or "-"


def _interruptions(data: RunData) -> Iterator[Block]:
    """Yield every gap that was not planned, every deviation, and what people did; the planned pauses are counted."""
    gaps = [gap for gap in data.gaps if gap.lost or gap.deviations]
    if gaps:
        rows = [
            (
                f"{gap.time_s / 3600:.3f}", local_time(gap.started_unix_s, seconds=True),
                duration_words(gap.ended_unix_s - gap.started_unix_s), str(gap.lost),
                "; ".join(row.effect for row in gap.deviations) or "not known",
            )
            for gap in gaps
        ]  # fmt: skip
        yield table(("at / h", "since", "without records for", "records lost", "why"), rows, (0, 3))
    deviations = data.store.deviations(data.run.run_id)
    if deviations:
        told = [
            (
                row.category.value.replace("_", " "), local_time(row.started_unix_s, seconds=True),
                "lasts" if row.ended_unix_s is None else local_time(row.ended_unix_s, seconds=True), row.effect,
            )
            for row in deviations
        ]  # fmt: skip
        yield table(("deviation", "from", "to", "effect"), told)
    if not gaps and not deviations:
        yield Words("Nothing interrupted this run, and no deviation from its plan is stored.")
    if planned := [gap for gap in data.gaps if not gap.lost and not gap.deviations]:
        total_s = sum(gap.ended_unix_s - gap.started_unix_s for gap in planned)
        yield Words(f"Planned times without records: {len(planned)}, {duration_words(total_s)} in all.", is_quiet=True)
    events = [event for event in data.events if _is_worth_telling(event)]
    if events:
        happened = [(local_time(event.at_unix_s, seconds=True), event.kind, event.message) for event in events]
        yield table(("when", "event", "what"), happened)


def _is_worth_telling(event: EventRow) -> bool:
    kind = EventKind.known(event.kind)
    # Why it ended stands above.
    return event.kind not in (*_FINDINGS, EventKind.ENDED) and (
        kind is None or kind.severity.is_at_least(Severity.NOTICE)
    )


def _numbers(contents: RunContents, texts: AnalysisTexts) -> Iterator[Block]:
    """Yield the tables of the analysis; those that a picture shows whole are left to it."""
    analysis, impedance = contents.analysis, contents.impedance
    if not contents.data.steps and impedance is None:
        yield Words("No half-cycle has passed yet: there is no number of the cell.")
        return
    for part, rows in analysis.tables.items():
        if rows and part not in _DRAWN and (part is not Part.CYCLES or any(map(_has_value, rows))):
            yield from texts(analysis, part)
    if impedance is not None:
        yield from _spectra(impedance)
    for remark in analysis.remarks:
        if "--table spectra" not in remark:
            yield Words(remark, is_quiet=True)


def _has_value(row: CycleRow) -> bool:
    return row.charge_capacity_ah is not None or row.discharge_capacity_ah is not None


def _spectra(report: ImpedanceReport) -> Iterator[Block]:
    rows = []
    for measured, row, sigma in zip(report.spectra, report.rows, report.conductivities, strict=True):
        quantities = [
            "-" if one is None else f"{one.value:.4g} ± {one.error:.2g}" for one in (row.electrolyte, row.interface)
        ]
        said = "-" if sigma is None else f"{sigma.value.value:#.3g}"
        rows.append(
            (str(row.cycle), local_time(measured.started_unix_s), *quantities, said, row.steady.value, row.remark)
        )
    kept, note = thinned(rows, "spectra")
    heads = ("cycle", "measured", "electrolyte / ohm", "interface / ohm", "conductivity / S/cm", "steady", "remark")
    yield table(heads, kept, (0, 2, 3, 4), note)
