"""What a potentiostat measures in one go, in absolute SI values. Data only: how to ask for it is the driver's business.

Voltages are those of the working electrode against counter and reference together. Currents are signed as everywhere:
positive flows into the terminal of the working electrode (charge, oxidation). Where a current is not set it is
measured, at a range that the instrument finds itself unless ``sensitivity_a_per_v`` fixes it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from pydantic import Discriminator

from protocols.current_sign import Direction

# Starting, settling and saving.
_OVERHEAD_S = 10.0


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """Watch the open-circuit voltage; outside ``low_v`` to ``high_v`` the instrument may give up early."""

    duration_s: float
    interval_s: float = 1.0
    low_v: float = -5.0
    high_v: float = 5.0
    kind: Literal["ocv"] = "ocv"

    @property
    def expected_s(self) -> float:
        """About how long the potentiostat takes, in seconds."""
        return self.duration_s + _OVERHEAD_S


@dataclass(frozen=True, slots=True)
class Impedance:
    """Measure the impedance from ``high_hz`` down to ``low_hz`` around ``bias_v``, None for the open-circuit voltage.

    ``amplitude_v`` is the peak of the sine (half of peak to peak), ``quiet_s`` the wait at the bias before it.
    """

    high_hz: float = 1e6
    low_hz: float = 0.01
    amplitude_v: float = 0.01
    bias_v: float | None = None
    quiet_s: float = 2.0
    kind: Literal["eis"] = "eis"

    @property
    def expected_s(self) -> float:
        """About how long the potentiostat takes, in seconds.

        One period per point of an impedance at 12 points a decade adds up to 5.7 periods of the lowest frequency
        (reference chi660e, section 8.4), and as much again for settling.
        """
        return self.quiet_s + 2 * 5.7 / self.low_hz + 50.0 + _OVERHEAD_S


@dataclass(frozen=True, slots=True)
class CyclicVoltammetry:
    """Sweep between ``low_v`` and ``high_v``, first up (charge) or down, ``sweeps`` times, from ``initial_v``."""

    initial_v: float
    high_v: float
    low_v: float
    scan_rate_v_per_s: float
    sweeps: int = 2
    first: Direction = Direction.CHARGE
    interval_v: float = 0.001
    quiet_s: float = 2.0
    sensitivity_a_per_v: float | None = None
    kind: Literal["cyclic_voltammetry"] = "cyclic_voltammetry"

    @property
    def expected_s(self) -> float:
        """About how long the potentiostat takes, in seconds."""
        return self.sweeps * (self.high_v - self.low_v) / self.scan_rate_v_per_s + _OVERHEAD_S


@dataclass(frozen=True, slots=True)
class LinearSweep:
    """Sweep once from ``initial_v`` to ``final_v``."""

    initial_v: float
    final_v: float
    scan_rate_v_per_s: float
    interval_v: float = 0.001
    quiet_s: float = 2.0
    sensitivity_a_per_v: float | None = None
    kind: Literal["linear_sweep"] = "linear_sweep"

    @property
    def expected_s(self) -> float:
        """About how long the potentiostat takes, in seconds."""
        return abs(self.final_v - self.initial_v) / self.scan_rate_v_per_s + _OVERHEAD_S


@dataclass(frozen=True, slots=True)
class VoltageSteps:
    """Step between ``high_v`` and ``low_v``, ``steps`` times ``pulse_s`` long (chronoamperometry)."""

    initial_v: float
    high_v: float
    low_v: float
    pulse_s: float
    steps: int = 2
    first: Direction = Direction.CHARGE
    interval_s: float = 0.01
    quiet_s: float = 2.0
    sensitivity_a_per_v: float | None = None
    kind: Literal["voltage_steps"] = "voltage_steps"

    @property
    def expected_s(self) -> float:
        """About how long the potentiostat takes, in seconds."""
        return self.steps * self.pulse_s + _OVERHEAD_S


@dataclass(frozen=True, slots=True)
class HeldVoltage:
    """Hold ``voltage_v`` for ``duration_s`` and record the current (amperometric i-t curve)."""

    voltage_v: float
    duration_s: float
    interval_s: float = 0.1
    quiet_s: float = 2.0
    sensitivity_a_per_v: float | None = None
    kind: Literal["held_voltage"] = "held_voltage"

    @property
    def expected_s(self) -> float:
        """About how long the potentiostat takes, in seconds."""
        return self.duration_s + _OVERHEAD_S


@dataclass(frozen=True, slots=True)
class ReversedCurrent:
    """Pass a current, reverse it after its time or at a voltage limit, ``half_cycles`` times (chronopotentiometry).

    The two currents are magnitudes. With ``switch_at_voltage`` the limits reverse it; without, the times do, and the
    limits as well: they are a protection that cannot be switched off.
    """

    charge_a: float
    discharge_a: float
    charge_s: float
    discharge_s: float
    high_v: float
    low_v: float
    half_cycles: int = 2
    first: Direction = Direction.CHARGE
    interval_s: float = 1.0
    switch_at_voltage: bool = False
    kind: Literal["reversed_current"] = "reversed_current"

    @property
    def expected_s(self) -> float:
        """About how long the potentiostat takes, in seconds."""
        return self.half_cycles * max(self.charge_s, self.discharge_s) + _OVERHEAD_S


@dataclass(frozen=True, slots=True)
class CurrentStep:
    """One step of ``CurrentSteps``: a signed current for a time."""

    current_a: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class CurrentSteps:
    """Pass signed currents one after the other, ``cycles`` times; a voltage limit ends the whole measurement."""

    steps: tuple[CurrentStep, ...]
    high_v: float
    low_v: float
    cycles: int = 1
    interval_s: float = 1.0
    kind: Literal["current_steps"] = "current_steps"

    @property
    def expected_s(self) -> float:
        """About how long the potentiostat takes, in seconds."""
        return self.cycles * sum(step.duration_s for step in self.steps) + _OVERHEAD_S


Technique = Annotated[
    OpenCircuit
    | Impedance
    | CyclicVoltammetry
    | LinearSweep
    | VoltageSteps
    | HeldVoltage
    | ReversedCurrent
    | CurrentSteps,
    Discriminator("kind"),
]
# The words under which steps of these kinds are named while they are measured (``protocols.step_names``).
TECHNIQUE_KINDS = frozenset(
    field.default
    for technique in (
        OpenCircuit,
        Impedance,
        CyclicVoltammetry,
        LinearSweep,
        VoltageSteps,
        HeldVoltage,
        ReversedCurrent,
        CurrentSteps,
    )
    for field in fields(technique)
    if field.name == "kind"
)
