"""Conditions that a technician writes on what was measured, and what the run does where one of them holds.

They stand at a ``repeat`` (``until``, judged behind each pass) and at any other step (``when``, judged behind it). The
host judges them from stored records between two segments (``protocols.branches``); ``protocols.control_flow`` says
where each of them leads.

>>> block = ConditionBlock.model_validate({"capacity_below": "80% of cycle 3", "then": "end"})
>>> [branch.told for branch in block.branches(Leads(7, Then.END), lambda quantity, key: 0.0)]
['capacity below 80 % of cycle 3']
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from protocols.branches import Branch, HostEnd, Measure, StepEnd, Then, Watched
from protocols.field_types import NAME_PATTERN, Count, FileModel, Flag, Name, problem
from protocols.limit_blocks import LimitsField
from protocols.quantities import (
    Dimension,
    Duration,
    Quantity,
    QuantityError,
    Resistance,
    Voltage,
    parse_quantity,
)

_NUMBER = r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,9})?"
_PERCENT = re.compile(rf"({_NUMBER}) ?%")
_SHARE = re.compile(rf"({_NUMBER}) ?% of cycle ([1-9][0-9]{{0,5}})")
_DRIFT = re.compile(rf"({_NUMBER}) ?(V|mV|uV)/(h|min|s)")
_VOLTS = {"V": Decimal(1), "mV": Decimal("1e-3"), "uV": Decimal("1e-6")}
_PER_HOUR = {"h": 1, "min": 60, "s": 3600}
_GO_TO = "go to "
_CAPACITIES = (
    Dimension.CHARGE,
    Dimension.AREAL_CAPACITY,
    Dimension.SPECIFIC_CAPACITY,
    Dimension.CAPACITY_SHARE,
)
_WORDS = {"go on": Then.GO_ON, "leave": Then.LEAVE, "end": Then.END, "hold": Then.HOLD}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold without a unit of the table: a fraction of one, or a drift in V/h; ``text`` is how it is written.

    ``of_cycle``: the cycle whose capacity is the whole of a share.
    """

    exact: Decimal
    text: str
    of_cycle: int | None = None

    def __str__(self) -> str:
        return self.text


def parse_fraction(value: object) -> Threshold:
    """Read a part in per cent. Raises what the file's model reports."""
    if isinstance(value, Threshold):
        return value
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not Decimal(found[1]):
        raise problem(f"{value!a:.60}", "a part above zero in per cent, such as 80 %")
    return Threshold(Decimal(found[1]) / 100, f"{found[1]} %")


def _drift(value: object) -> Threshold:
    if isinstance(value, Threshold):
        return value
    found = _DRIFT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not Decimal(found[1]):
        raise problem(f"{value!a:.60}", "a change of voltage with time above zero, such as 1 mV/h")
    exact = Decimal(found[1]) * _VOLTS[found[2]] * _PER_HOUR[found[3]]
    return Threshold(exact, f"{found[1]} {found[2]}/{found[3]}")


def _capacity(value: object) -> Quantity | Threshold:
    """Read a charge, or a share of what a cycle has passed."""
    if isinstance(value, Quantity | Threshold):
        return value
    found = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is not None and Decimal(found[1]):
        return Threshold(Decimal(found[1]) / 100, f"{found[1]} % of cycle {found[2]}", int(found[2]))
    try:
        quantity = parse_quantity(value, *_CAPACITIES)
    except QuantityError as err:
        raise problem(err.seen, f"{err.expected}, or a share such as 80 % of cycle 3") from None
    if quantity.exact <= 0 or quantity.of is not None:
        raise problem(str(quantity), "more than 0, or a share such as 80 % of cycle 3")
    return quantity


def _as_text(pattern: str, description: str) -> tuple[PlainSerializer, WithJsonSchema]:
    return PlainSerializer(str), WithJsonSchema({"type": "string", "pattern": pattern, "description": description})


Fraction = Annotated[Threshold, PlainValidator(parse_fraction), *_as_text(f"^{_NUMBER} ?%$", "a part in per cent")]
Drift = Annotated[
    Threshold, PlainValidator(_drift), *_as_text(f"^{_NUMBER} ?(V|mV|uV)/(h|min|s)$", "a change of voltage with time")
]
CapacityOrShare = Annotated[
    Quantity | Threshold,
    PlainValidator(_capacity),
    *_as_text(
        rf"^{_NUMBER} ?(% of cycle [1-9][0-9]*|% of nominal capacity|A?[a-zA-Z]+(/[a-z0-9]+)?)$",
        "a charge with its unit, or a share of a cycle's capacity",
    ),
]


def _then(text: str) -> str:
    words = " ".join(text.split())
    name = words.removeprefix(_GO_TO)
    if words in _WORDS or (name != words and re.fullmatch(NAME_PATTERN, name)):
        return words
    raise problem(f"{text!a:.60}", "go on, leave, end, hold, or go to and the name of a later step")


ThenText = Annotated[str, AfterValidator(_then)]


def _is_none(value: object) -> bool:
    return value is None


# Left out of the text where a file does not say them: hashes of earlier versions hold.
NameField = Annotated[Name | None, Field(exclude_if=_is_none)]
ThenField = Annotated[ThenText | None, Field(exclude_if=_is_none)]


@dataclass(frozen=True, slots=True)
class Leads:
    """Where a condition leads: to the segment with the index ``to``; ``since`` is that at which its loop began."""

    to: int
    then: Then
    since: int = 0


# Turns a current or a charge that may be relative into amperes or ampere-hours; None where the cell cannot tell.
Amount = Callable[[Quantity, str], float | None]


class ConditionBlock(FileModel):
    """Conditions on what was measured, of which any may hold, and what the run does then: it leaves its loop if unsaid.

    ``time`` and ``cycles`` count from the begin of the loop. ``ended_by`` asks why the step before ended.
    """

    capacity_below: CapacityOrShare | None = None
    capacity_above: CapacityOrShare | None = None
    efficiency_below: Fraction | None = None
    efficiency_above: Fraction | None = None
    resistance_below: Resistance | None = None
    resistance_above: Resistance | None = None
    voltage_below: Voltage | None = None
    voltage_above: Voltage | None = None
    drift_below: Drift | None = None
    drift_above: Drift | None = None
    time: Duration | None = None
    cycles: Annotated[Count, Field(ge=1)] | None = None
    ended_by: StepEnd | None = None
    short: Flag | None = None
    then: ThenField = None

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if all(getattr(self, name) is None for name in _CONDITIONS):
            raise problem("no condition", f"one of {', '.join(_CONDITIONS)}")
        if self.short is False:
            raise problem("short: false", "short: true, or no such line")
        return self

    def branches(self, leads: Leads, amount: Amount) -> tuple[Branch, ...]:
        """Give the branches of a program, in the order of the keys. ``amount`` gets each charge with its key."""
        found: list[Branch] = []
        for key, (measure, is_below) in _THRESHOLDS.items():
            if (written := getattr(self, key)) is not None:
                found += _branch(measure, is_below, written, leads, key, amount)
        if self.ended_by is not None:
            found.append(Branch(Measure.END_REASON, leads.to, leads.then, reason=self.ended_by, since=leads.since))
        if self.short:
            found.append(Branch(Measure.SHORT, leads.to, leads.then, since=leads.since))
        return tuple(found)

    @property
    def asks_for_resistance(self) -> bool:
        """Whether it is about a step with current before it."""
        return self.resistance_below is not None or self.resistance_above is not None

    @property
    def asks_for_drift(self) -> bool:
        """Whether it is about the rest before it."""
        return self.drift_below is not None or self.drift_above is not None


_CONDITIONS = tuple(name for name in ConditionBlock.model_fields if name != "then")
_THRESHOLDS: dict[str, tuple[Measure, bool]] = {
    "capacity_below": (Measure.CAPACITY, True),
    "capacity_above": (Measure.CAPACITY, False),
    "efficiency_below": (Measure.COULOMBIC_EFFICIENCY, True),
    "efficiency_above": (Measure.COULOMBIC_EFFICIENCY, False),
    "resistance_below": (Measure.RESISTANCE, True),
    "resistance_above": (Measure.RESISTANCE, False),
    "voltage_below": (Measure.VOLTAGE, True),
    "voltage_above": (Measure.VOLTAGE, False),
    "drift_below": (Measure.REST_DRIFT, True),
    "drift_above": (Measure.REST_DRIFT, False),
    "time": (Measure.TIME, False),
    "cycles": (Measure.CYCLES, False),
}


def _branch(
    measure: Measure, is_below: bool, written: Quantity | Threshold | int, leads: Leads, key: str, amount: Amount
) -> list[Branch]:
    of_cycle = written.of_cycle if isinstance(written, Threshold) else None
    if of_cycle is not None:
        measure = Measure.CAPACITY_FRACTION
    value = float(written) if isinstance(written, int) else float(written.exact)
    if isinstance(written, Quantity) and measure is Measure.CAPACITY:
        in_ah = amount(written, key)
        if in_ah is None:
            return []
        value = in_ah
    below, above = (value, None) if is_below else (None, value)
    return [Branch(measure, leads.to, leads.then, below, above, of_cycle, since=leads.since)]


def _listed(value: object) -> object:
    """Read one block as a list of one."""
    return [value] if isinstance(value, dict | ConditionBlock) else value


# Left out of the text where a file does not say it: hashes of earlier versions hold.
ConditionField = Annotated[
    tuple[ConditionBlock, ...],
    BeforeValidator(_listed, json_schema_input_type=ConditionBlock | tuple[ConditionBlock, ...]),
    Field(exclude_if=lambda value: not value, max_length=20),
]


def then_of(text: str | None) -> tuple[Then, str]:
    """Give what ``then`` says, and the name of the step that it leads to, "" without one."""
    if text is None:
        return Then.LEAVE, ""
    return (_WORDS[text], "") if text in _WORDS else (Then.GO_TO, text.removeprefix(_GO_TO))


def _part_or_voltage(value: object) -> Quantity | Threshold:
    if isinstance(value, Quantity | Threshold):
        return value
    if isinstance(value, str) and "%" in value:
        found = parse_fraction(value)
        if found.exact >= 1:
            raise problem(str(found), "less than 100 %")
        return found
    try:
        quantity = parse_quantity(value, Dimension.VOLTAGE)
    except QuantityError as err:
        raise problem(err.seen, f"{err.expected}, or a part such as 50 %") from None
    if quantity.exact <= 0:
        raise problem(str(quantity), "a magnitude above 0 V, or a part such as 50 %")
    return quantity


class CollapseBlock(FileModel):
    """A collapse of the voltage that ends a step: below a part of its largest in the step, or below a voltage.

    Magnitudes; it is looked for from ``after`` on, when the voltage of the new current has settled.
    """

    below: Annotated[
        Quantity | Threshold,
        PlainValidator(_part_or_voltage),
        *_as_text(rf"^{_NUMBER} ?(%|m?V)$", "a part of the largest voltage of the step, or a voltage"),
    ]
    after: Duration

    def end(self) -> HostEnd:
        """Give the end that the host orders."""
        watched = Watched.COLLAPSE if isinstance(self.below, Threshold) else Watched.VOLTAGE
        return HostEnd(watched, float(self.below.exact), self.after.value)


CollapseField = Annotated[CollapseBlock | None, Field(exclude_if=_is_none)]
DriftField = Annotated[Drift | None, Field(exclude_if=_is_none)]


def drift_end(drift: Threshold) -> HostEnd:
    """Give the end of a rest that the host orders when its voltage drifts by less."""
    return HostEnd(Watched.REST_DRIFT, float(drift.exact))


class DecidedStep(FileModel):
    """The keys of any step but a loop: its name, its limits, and what the run does behind it by what was measured."""

    name: NameField = None
    limits: LimitsField = None
    when: ConditionField = Field(default_factory=tuple)
