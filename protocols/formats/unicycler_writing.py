"""Writes a plan as the JSON of aurora-unicycler.

Its currents are signed in mA; a constant voltage bears its direction in the sign of the current that ends it; loops go
back to tags and count all passes; records and safety are those of the whole test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from protocols.current_sign import Direction
from protocols.formats.file_contents import Doc, FormatError, Note, Written
from protocols.formats.numbers import exact
from protocols.formats.other_words import ending_s, left_out, of_current, of_hold
from protocols.formats.plan import Driven, Item, Measured, Plan, Repeated
from protocols.program import Record, RecordedStep
from protocols.techniques import Impedance, OpenCircuit

# The version whose fields these are.
_VERSION = "0.4.6"
# What cellrig's potentiostat measures by itself.
_POINTS_PER_DECADE = 12


def write(plan: Plan, unix_s: float) -> Written:
    """Write the JSON of a plan. Raises FormatError where it has no step for anything of it."""
    work = _Writing(plan.record)
    work.add(plan.items)
    if not work.method:
        raise FormatError("no step of the recipe has one in unicycler")
    capacity_ah, limits = plan.cell.nominal_capacity_ah, plan.limits
    protocol: Doc = {
        "unicycler": {"version": _VERSION},
        "sample": {"name": plan.cell.name, "capacity_mAh": None if capacity_ah is None else _milli(capacity_ah)},
        "record": _filled(
            {
                "current_mA": _milli(plan.record.current_change_a),
                "voltage_V": plan.record.voltage_change_v,
                "time_s": plan.record.every_s,
            }
        ),
        "safety": {
            "max_voltage_V": limits.tester.high_v,
            "min_voltage_V": limits.tester.low_v,
            "max_current_mA": _milli(limits.tester_current_a),
            "min_current_mA": _milli(-limits.tester_current_a),
            "delay_s": limits.tester_delay_s,
        },
        "method": work.method,
    }
    return Written((json.dumps(protocol, indent=2) + "\n").encode(), (*plan.notes, *work.notes))


class _Writing:
    """Gathers the steps, the tags of loops, and what is not said by them."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.method: list[Doc] = []
        self.notes: list[Note] = []
        self._tags = 0
        self._before: RecordedStep | None = None

    def add(self, items: Sequence[Item]) -> None:
        """Add what stands in a list of the plan."""
        for item in items:
            if isinstance(item, Driven):
                self._driven(item)
            elif isinstance(item, Repeated):
                self._tags += 1
                tag, begun = f"loop-{self._tags}", len(self.method)
                self.method.append({"step": "tag", "tag": tag})
                self.add(item.items)
                if len(self.method) == begun + 1:
                    self.method.pop()
                else:
                    self.method.append({"step": "loop", "loop_to": tag, "cycle_count": item.times})
            elif isinstance(item, Measured):
                self._measured(item)
            else:
                self.notes.append(left_out(item))

    def _driven(self, item: Driven) -> None:
        step, place = item.step, item.place
        if step.record is not None and step.record != self.record:
            self.notes.append(Note(place, "records of its own are left out: those of the whole test hold"))
        if step.direction is None:
            self.method.append({"step": "open_circuit_voltage", "until_time_s": step.until.time_s})
        elif not (step.sets_current or step.holds_voltage):
            self.notes.append(left_out(item))
            return
        if step.sets_current:
            self._current(place, step)
        if step.holds_voltage:
            self._voltage(place, step)
        self._before = step

    def _current(self, place: str, step: RecordedStep) -> None:
        time_s = ending_s(step)
        self.notes += of_current(place, step)
        if step.target_v == 0 and time_s is None:
            raise FormatError(f"{place} ends at 0 V alone, which unicycler refuses: give it a time as well")
        current = {
            "current_mA": _milli(_signed(step, step.largest_a)),
            "until_time_s": time_s,
            "until_voltage_V": step.target_v,
        }
        self.method.append(_filled({"step": "constant_current", **current}))

    def _voltage(self, place: str, step: RecordedStep) -> None:
        self.notes += of_hold(place, step, self._before)
        taper_a = step.until.current_a
        taper = _milli(_signed(step, taper_a))
        if step.direction is Direction.DISCHARGE:
            told = "a negative end current says that it discharges (as for Neware; PyBaMM never meets it)"
            if taper is None:
                told = "that it discharges is said by no end current: unicycler writes it as a charge for Neware"
            self.notes.append(Note(place, told, is_lost=taper is None))
        hold = {"voltage_V": step.target_v, "until_time_s": step.until.time_s, "until_current_mA": taper}
        self.method.append(_filled({"step": "constant_voltage", **hold}))

    def _measured(self, item: Measured) -> None:
        technique = item.segment.technique
        if isinstance(technique, OpenCircuit):
            self.method.append({"step": "open_circuit_voltage", "until_time_s": technique.duration_s})
            self.notes.append(
                Note(
                    item.place,
                    f"the potentiostat watches it every {technique.interval_s:g} s; there it is a rest like any other",
                )
            )
        elif isinstance(technique, Impedance):
            self.method.append(
                {
                    "step": "impedance_spectroscopy",
                    "amplitude_V": technique.amplitude_v,
                    "start_frequency_Hz": technique.high_hz,
                    "end_frequency_Hz": technique.low_hz,
                    "points_per_decade": _POINTS_PER_DECADE,
                }
            )
            rest = f"the rest of {item.segment.rest_s / 60:g} min before it, and until it drifts no more, is left out"
            self.notes.append(Note(item.place, rest))
            if technique.bias_v is not None:
                self.notes.append(Note(item.place, f"its bias of {technique.bias_v:g} V is left out"))
        else:
            self.notes.append(left_out(item))
            return
        self._before = None


def _signed(step: RecordedStep, magnitude_a: float | None) -> float | None:
    is_discharge = step.direction is Direction.DISCHARGE
    return -magnitude_a if is_discharge and magnitude_a is not None else magnitude_a


def _milli(value: float | None) -> float | None:
    return None if value is None else float(exact(value) * 1000)


def _filled(fields: Mapping[str, object]) -> Doc:
    return {name: value for name, value in fields.items() if value is not None}
