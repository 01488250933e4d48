"""Writes a plan as a test protocol in JSON-LD, in the terms of BattINFO (EMMO's battery domain).

Terms of the ontology stand for what it has a word for; what is said of records, places and things that are not carried
is in schema.org's words. Tasks of one level follow each other by ``hasNext``; a loop has its own by ``hasTask``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from protocols.current_sign import Direction
from protocols.formats.file_contents import Doc, FormatError, Note, Written
from protocols.formats.plan import Asked, Driven, Item, Measured, Plan, Repeated
from protocols.program import Record, RecordedStep
from protocols.techniques import CyclicVoltammetry, Impedance, OpenCircuit, Technique

_CONTEXT = [
    "https://w3id.org/emmo/domain/battery/context",
    {
        "emmo": "https://w3id.org/emmo#",
        "echem": "https://w3id.org/emmo/domain/electrochemistry#",
        "schema": "https://schema.org/",
    },
]
_END = "TerminationQuantity"
_AMPERE, _VOLT, _SECOND, _HERTZ = "emmo:Ampere", "emmo:Volt", "emmo:Second", "emmo:Hertz"
_AMPERE_HOUR = "emmo:AmpereHour"


def write(plan: Plan, unix_s: float) -> Written:
    """Write the JSON-LD of a plan."""
    notes = list(plan.notes)
    tasks = _chain(plan.items, notes)
    if tasks is None:
        raise FormatError("the recipe has no step")
    limits = plan.limits.tester
    document = {
        "@context": _CONTEXT,
        "@type": ["BatteryTest", "schema:HowTo"],
        "schema:name": plan.name,
        "schema:description": plan.title,
        "schema:about": plan.cell.name,
        "schema:identifier": plan.program.sha256,
        "schema:creator": "cellrig",
        "hasInput": [
            _quantity(["LowerVoltageLimit", _END], limits.low_v, _VOLT),
            _quantity(["UpperVoltageLimit", _END], limits.high_v, _VOLT),
            _quantity(["UpperCurrentLimit", _END], plan.limits.tester_current_a, _AMPERE),
        ],
        "schema:additionalProperty": [
            *_record(plan.record),
            *(
                {"@type": "schema:PropertyValue", "schema:name": "notCarried", "schema:value": str(note)}
                for note in notes
            ),
        ],
        "hasTask": tasks,
    }
    return Written((json.dumps(document, indent=2) + "\n").encode(), tuple(notes))


def _chain(items: Sequence[Item], notes: list[Note]) -> Doc | None:
    """Give the first task of a list, which has the next ones inside."""
    tasks = [task for item in items if (task := _task(item, notes)) is not None]
    for task, following in zip(reversed(tasks[:-1]), reversed(tasks[1:]), strict=True):
        task["hasNext"] = following
    return tasks[0] if tasks else None


def _task(item: Item, notes: list[Note]) -> Doc | None:
    if isinstance(item, Repeated):
        inside = _chain(item.items, notes)
        times = _quantity(["NumberOfIterations"], item.times, "emmo:UnitOne")
        return None if inside is None else _named(item, "IterativeWorkflow", [times]) | {"hasTask": inside}
    if isinstance(item, Asked):
        return {"@type": "schema:HowToStep", "schema:name": item.place, "schema:text": item.text}
    if isinstance(item, Measured):
        rest = f"it rests {item.segment.rest_s / 60:g} min before, and until its voltage drifts no more: not said there"
        notes.append(Note(item.place, rest))
        kind, inputs = _measurement(item.segment.technique)
        return _named(item, kind, inputs)
    return _driven(item)


def _named(item: Item, kind: str, inputs: list[Doc]) -> Doc:
    return {"@type": kind, "schema:name": item.place, "hasInput": inputs}


def _driven(item: Driven) -> Doc:
    step = item.step
    kind, inputs = _kind(step), list(_setpoints(step))
    task = _named(item, kind, [*inputs, *_ends(step)])
    if step.record is not None:
        task["schema:additionalProperty"] = list(_record(step.record))
    return task


def _kind(step: RecordedStep) -> str:
    if step.direction is None:
        return "OpenCircuitHold"
    charging = "Charging" if step.direction is Direction.CHARGE else "Discharging"
    if step.sets_current:
        return f"ConstantCurrent{'ConstantVoltage' if step.holds_voltage else ''}{charging}"
    return "VoltageHold" if step.holds_voltage else charging


def _setpoints(step: RecordedStep) -> Iterator[Doc]:
    if step.direction is not None and step.largest_a is not None:
        yield _quantity(["ElectricCurrent" if step.sets_current else "UpperCurrentLimit"], step.largest_a, _AMPERE)
    if step.power_w is not None:
        yield _quantity(["ElectricPower"], step.power_w, "emmo:Watt")
    if step.resistance_ohm is not None:
        yield _quantity(["ElectricResistance"], step.resistance_ohm, "emmo:Ohm")
    if step.holds_voltage and step.target_v is not None:
        yield _quantity(["Voltage"], step.target_v, _VOLT)


def _ends(step: RecordedStep) -> Iterator[Doc]:
    until = step.until
    side = "Lower" if step.direction is Direction.DISCHARGE else "Upper"
    for kind, value, unit in (
        ("Duration", until.time_s, _SECOND),
        (f"{side}VoltageLimit", until.voltage_v, _VOLT),
        ("LowerCurrentLimit", until.current_a, _AMPERE),
        ("UpperCapacityLimit", until.capacity_ah, _AMPERE_HOUR),
    ):
        if value is not None:
            yield _quantity([kind, _END], value, unit)


def _measurement(technique: Technique) -> tuple[str, list[Doc]]:
    if isinstance(technique, Impedance):
        inputs = [
            _quantity(["AmplitudeOfAlternatingVoltage"], technique.amplitude_v, _VOLT),
            _quantity(["LowerFrequencyLimit"], technique.low_hz, _HERTZ),
            _quantity(["UpperFrequencyLimit"], technique.high_hz, _HERTZ),
        ]
        if technique.bias_v is not None:
            inputs.append(_quantity(["Voltage"], technique.bias_v, _VOLT))
        return "ElectrochemicalImpedanceSpectroscopy", inputs
    if isinstance(technique, OpenCircuit):
        return "OpenCircuitHold", [_quantity(["Duration"], technique.duration_s, _SECOND)]
    if isinstance(technique, CyclicVoltammetry):
        return "CyclicVoltammetry", [
            _quantity(["LowerVoltageLimit"], technique.low_v, _VOLT),
            _quantity(["UpperVoltageLimit"], technique.high_v, _VOLT),
            _quantity(["ScanRate"], technique.scan_rate_v_per_s, "emmo:VoltPerSecond"),
            _quantity(["NumberOfIterations"], technique.sweeps, "emmo:UnitOne"),
        ]
    return "schema:HowToStep", []


def _quantity(kinds: list[str], value: float, unit: str) -> Doc:
    return {
        "@type": kinds[0] if len(kinds) == 1 else kinds,
        "hasNumericalPart": {"@type": "RealData", "hasNumberValue": value},
        "hasMeasurementUnit": unit,
    }


def _record(record: Record) -> Iterator[dict[str, Any]]:
    for name, value in (
        ("record time_s", record.every_s),
        ("record voltage_V", record.voltage_change_v),
        ("record current_A", record.current_change_a),
    ):
        if value is not None:
            yield {"@type": "schema:PropertyValue", "schema:name": name, "schema:value": value}
