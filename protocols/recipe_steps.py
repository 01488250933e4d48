"""The steps a technician writes, told apart by the key ``step``. Currents are magnitudes, ``direction`` signs them.

A step answers for itself: a powered one with the current that it may reach (``largest``), the power or resistance from
which that follows (``load``), the voltage that it goes to (``target``) and its step of the program (``in_program``); a
measurement with its technique. A new kind is a model here and a member of ``PoweredRecipeStep`` or ``MeasurementStep``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Discriminator, Field

from protocols.branches import HostEnd
from protocols.conditions import (
    ConditionField,
    DecidedStep,
    NameField,
    ThenField,
    drift_end,
)
from protocols.current_sign import Direction
from protocols.field_types import Count, FileModel, Line
from protocols.limit_blocks import LimitsField, PhaseLimits
from protocols.load_steps import ConstantPowerStep, ConstantResistanceStep
from protocols.program_steps import (
    CcCv,
    Ceiling,
    ConstantCurrent,
    ConstantVoltage,
    PoweredStep,
    Record,
    Until,
)
from protocols.quantities import (
    Current,
    Duration,
    Frequency,
    Quantity,
    ScanRate,
    StepCurrent,
    Voltage,
    VoltageStep,
    parse_quantity,
)
from protocols.step_ends import CurrentUntil, RecordRule, RestUntil, VoltageUntil
from protocols.techniques import CyclicVoltammetry, Impedance, OpenCircuit, Technique
from protocols.temperature import TemperatureBand, TemperatureBlock, TemperatureField

Path = tuple[str | int, ...]
_SWEEP_POINTS = 2000  # records of one sweep, at least


class Contradiction(ValueError):
    """Values of a measurement contradict each other or the limits; the message goes on after the step's name."""


class RestStep(DecidedStep):
    """Leave the circuit open."""

    step: Literal["rest"]
    until: RestUntil
    record: RecordRule | None = None
    temperature: TemperatureField = None


class ConstantCurrentStep(DecidedStep):
    """Pass a constant current."""

    load: ClassVar[None] = None
    holds_voltage: ClassVar[bool] = False
    largest_key: ClassVar[str] = "current"
    target_key: ClassVar[Path] = ("until", "voltage")

    step: Literal["constant_current"]
    direction: Direction
    current: StepCurrent
    until: CurrentUntil
    record: RecordRule | None = None
    temperature: TemperatureField = None

    @property
    def largest(self) -> Quantity | None:
        """The current that it may reach."""
        return self.current

    @property
    def target(self) -> Quantity | None:
        """The voltage at which it ends."""
        return self.until.voltage

    def in_program(self, signed_a: float, until: Until, ceiling: Ceiling, record: Record | None) -> PoweredStep:
        """Give its step of the program."""
        return ConstantCurrent(signed_a, until, ceiling, record)


class ConstantVoltageStep(DecidedStep):
    """Hold a voltage. Without ``current_limit`` the current of the powered step before is the limit."""

    load: ClassVar[None] = None
    holds_voltage: ClassVar[bool] = True
    largest_key: ClassVar[str] = "current_limit"
    target_key: ClassVar[Path] = ("voltage",)

    step: Literal["constant_voltage"]
    direction: Direction
    voltage: Voltage
    until: VoltageUntil
    current_limit: Current | None = None
    record: RecordRule | None = None
    temperature: TemperatureField = None

    @property
    def largest(self) -> Quantity | None:
        """The current that it may reach; None for that of the powered step before."""
        return self.current_limit

    @property
    def target(self) -> Quantity:
        """The voltage that it holds."""
        return self.voltage

    def in_program(self, signed_a: float, until: Until, ceiling: Ceiling, record: Record | None) -> PoweredStep:
        """Give its step of the program."""
        return ConstantVoltage(self.direction, self.voltage.value, until, abs(signed_a), ceiling, record)


class CcCvStep(DecidedStep):
    """Pass a constant current up to a voltage, then hold that voltage."""

    load: ClassVar[None] = None
    holds_voltage: ClassVar[bool] = True
    largest_key: ClassVar[str] = "current"
    target_key: ClassVar[Path] = ("voltage",)

    step: Literal["cc_cv"]
    direction: Direction
    current: StepCurrent
    voltage: Voltage
    until: VoltageUntil
    record: RecordRule | None = None
    temperature: TemperatureField = None

    @property
    def largest(self) -> Quantity | None:
        """The current that it may reach."""
        return self.current

    @property
    def target(self) -> Quantity:
        """The voltage that it goes to and holds."""
        return self.voltage

    def in_program(self, signed_a: float, until: Until, ceiling: Ceiling, record: Record | None) -> PoweredStep:
        """Give its step of the program."""
        return CcCv(signed_a, self.voltage.value, until, ceiling, record)


class EisStep(DecidedStep):
    """Measure the impedance by the potentiostat, from ``high`` to ``low``, at open circuit or around ``bias``."""

    step: Literal["eis"]
    high: Frequency = parse_quantity("1 MHz")
    low: Frequency = parse_quantity("10 mHz")
    amplitude: VoltageStep = parse_quantity("10 mV")
    bias: Voltage | None = None
    rest: Duration | None = None
    temperature: TemperatureField = None

    def technique(self, low_v: float, high_v: float) -> Technique:
        """Give what the potentiostat is to do between the host's limits. Raises Contradiction."""
        if self.low.exact >= self.high.exact:
            raise Contradiction(f"measures from {self.high} down to {self.low}: low must be below high")
        bias_v = self.bias.value if self.bias else None
        _inside(() if bias_v is None else (bias_v,), low_v, high_v)
        return Impedance(self.high.value, self.low.value, self.amplitude.value, bias_v)


class OcvStep(DecidedStep):
    """Watch the open-circuit voltage with the potentiostat, finer than the tester can."""

    step: Literal["ocv"]
    time: Duration
    every: Duration = parse_quantity("1 s")
    rest: Duration | None = None
    temperature: TemperatureField = None

    def technique(self, low_v: float, high_v: float) -> Technique:
        """Give what the potentiostat is to do."""
        return OpenCircuit(self.time.value, self.every.value)


class CyclicVoltammetryStep(DecidedStep):
    """Sweep the voltage between ``low`` and ``high`` with the potentiostat and record the current."""

    step: Literal["cyclic_voltammetry"]
    low: Voltage
    high: Voltage
    start: Voltage | None = None
    scan_rate: ScanRate
    sweeps: Annotated[Count, Field(ge=1, le=1000)] = 2
    direction: Direction = Direction.CHARGE
    rest: Duration | None = None
    temperature: TemperatureField = None

    def technique(self, low_v: float, high_v: float) -> Technique:
        """Give what the potentiostat is to do between the host's limits. Raises Contradiction."""
        low, high = self.low.value, self.high.value
        start = self.start.value if self.start else min(max(0.0, low), high)
        if low >= high or not low <= start <= high:
            raise Contradiction("needs low below high, and start between them")
        _inside((low, high, start), low_v, high_v)
        interval_v = max(0.001, round((high - low) / _SWEEP_POINTS, 3))
        return CyclicVoltammetry(start, high, low, self.scan_rate.value, self.sweeps, self.direction, interval_v)


def _inside(volts: Sequence[float], low_v: float, high_v: float) -> None:
    for value in volts:
        if not low_v <= value <= high_v:
            raise Contradiction(f"goes to {value:g} V, outside the host limits, {low_v:g} to {high_v:g} V")


class PromptStep(FileModel):
    """Ask a person to do something; the run waits until it is resumed, with the circuit open."""

    step: Literal["prompt"]
    text: Line
    name: NameField = None


class RepeatStep(FileModel):
    """Run the steps inside ``times`` times in all, or until a condition on what was measured holds behind a pass.

    ``then``: what the run does where one holds that says nothing itself. A ``temperature`` and ``limits`` are those of
    all steps inside without any.
    """

    step: Literal["repeat"]
    name: NameField = None
    until: ConditionField = Field(default_factory=tuple)
    then: ThenField = None
    times: Annotated[Count, Field(ge=1, le=65535)]
    steps: Annotated[tuple[RecipeStep, ...], Field(min_length=1)]
    temperature: TemperatureField = None
    limits: LimitsField = None


PoweredRecipeStep = ConstantCurrentStep | ConstantVoltageStep | CcCvStep | ConstantPowerStep | ConstantResistanceStep
MeasurementStep = EisStep | OcvStep | CyclicVoltammetryStep
RecipeStep = Annotated[
    RestStep
    | ConstantCurrentStep
    | ConstantVoltageStep
    | CcCvStep
    | ConstantPowerStep
    | ConstantResistanceStep
    | EisStep
    | OcvStep
    | CyclicVoltammetryStep
    | PromptStep
    | RepeatStep,
    Discriminator("step"),
]
RepeatStep.model_rebuild()
# What the key ``step`` may say, in the order of the guide.
STEP_KINDS = tuple(get_args(model.model_fields["step"].annotation)[0] for model in get_args(get_args(RecipeStep)[0]))


@dataclass(frozen=True, slots=True)
class Around:
    """What holds for a step besides what it says itself: the temperature and the limits of its loop or its recipe."""

    temperature: TemperatureBlock | None = None
    limits: PhaseLimits | None = None

    def of(self, step: RecipeStep) -> Around:
        """Give what holds for a step inside, which may have its own; a person is asked in any."""
        if isinstance(step, PromptStep) or (step.temperature is None and step.limits is None):
            return self
        return Around(step.temperature or self.temperature, step.limits or self.limits)


def surroundings(steps: Sequence[RecipeStep], around: Around) -> list[Around]:
    """Give the different temperatures and limits of steps, loops opened, in order; ``around`` is of all of them."""
    found: list[Around] = []
    for step in steps:
        if not isinstance(step, PromptStep):
            own = around.of(step)
            found += surroundings(step.steps, own) if isinstance(step, RepeatStep) else [own]
    return list(dict.fromkeys(found))


def powered_around(
    steps: Sequence[RecipeStep], around: Around, at: Path = ()
) -> Iterator[tuple[Path, PoweredRecipeStep, Around]]:
    """Yield the steps that pass current with their places and what holds for them, in the order written."""
    for index, step in enumerate(steps):
        path, own = (*at, "steps", index), around.of(step)
        if isinstance(step, RepeatStep):
            yield from powered_around(step.steps, own, path)
        elif isinstance(step, PoweredRecipeStep):
            yield path, step, own


def host_end(step: RecipeStep) -> HostEnd | None:
    """Give the end of a step that the host orders; None for a step that the tester alone ends."""
    if isinstance(step, RestStep):
        return None if step.until.drift_below is None else drift_end(step.until.drift_below)
    collapse = getattr(getattr(step, "until", None), "collapse", None)
    return None if collapse is None else collapse.end()


def temperature_end(step: RecipeStep) -> TemperatureBand | None:
    """Give the temperatures outside of which the host ends a step; None for a step without such an end."""
    end: TemperatureBand | None = getattr(getattr(step, "until", None), "temperature_end", None)
    return end


def is_ended_by_host(step: RecipeStep) -> bool:
    """Tell whether the host may end a step: behind it another program begins."""
    return host_end(step) is not None or temperature_end(step) is not None


def powered_steps(steps: Sequence[RecipeStep]) -> list[tuple[Path, PoweredRecipeStep]]:
    """Give the steps that pass current with their places, in the order written, loops opened."""
    return [(path, step) for path, step, _ in powered_around(steps, Around())]


def step_name(path: Path) -> str:
    """Name a step as the loader does: ``steps[2].steps[1]``."""
    return ".".join(f"steps[{part + 1}]" for part in path if isinstance(part, int))
