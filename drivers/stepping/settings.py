"""The settings that every stepped tester has in its bench file, and why it cannot run a program."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, model_validator

from drivers.interfaces import HostLoss
from drivers.sources import Drive, Held
from drivers.stepping.drives import SegmentDrives
from drivers.table_settings import SHORTEST_POLL_S
from drivers.tester_kind import BatteryTesterSettings
from protocols.program import CyclingSegment, Program
from protocols.program_steps import PoweredStep, powered, recorded

MOST_UNSEEN_S = 120.0
"""For so long an output may stay on without a decision: for the slowest serial lines, and clocks that run fast."""
_MOST_INTERVALS = 4.0
LONGEST_POLL_S = 7200.0
"""A run is looked after that often at least; simulated instruments with a fast clock are polled once in two hours."""
MOST_TRIM_V = 0.1
"""Source and meter differ by millivolts (section 2.1): what is further off is no difference, but a wrong lead."""
MOST_LIMIT_V = 20.0
"""Above it no source of these switches its output off to high impedance (section 1.2), and no cell is."""


class SteppedSettings(BatteryTesterSettings):
    """A tester whose segments this computer carries out on sources; a kind of source adds its own fields.

    ``interval_s`` is the time between two decisions, ``fastest_interval_s`` that before an end that is near. A decision
    that comes later than ``decision_timeout_s`` after it was due is lost: the output is switched off. To prepare, to
    switch on and to switch off may take ``order_timeout_s`` each: the slowest serial lines take seconds.

    ``cell_voltage_most_v`` is a magnitude that no cell of the bench exceeds: the limit of the first look at a cell lies
    above it by ``voltage_margin_v``, as every limit of a held current lies above what the cell can show (reference smu-
    and-ovens, section 1.2), and is at least ``least_voltage_limit_v``. A rest of up to ``short_rest_s`` after a held
    current keeps its range, so that no relay wears. A voltage of an idle channel that is older than
    ``open_circuit_age_s`` is measured anew when somebody asks, which connects the cell for a moment. ``voltage_trim_v``
    is how far a held cutoff may be corrected by the voltage that is measured: source and meter differ by millivolts
    (section 2.1).

    ``accept_unknown_host_loss`` lets programs run of which nobody knows what they do to a cell when this computer dies:
    set it where somebody stays with the cell.
    """

    commissioned_as: ClassVar[str] = ""

    interval_s: float = Field(default=0.25, gt=0)
    fastest_interval_s: float = Field(default=0.05, gt=0)
    decision_timeout_s: float = Field(default=1.0, gt=0)
    order_timeout_s: float = Field(default=10.0, gt=0)
    poll_period_s: float = Field(default=5.0, ge=SHORTEST_POLL_S, le=LONGEST_POLL_S)
    open_circuit_age_s: float = Field(default=4.0, ge=0)
    cell_voltage_most_v: float = Field(default=5.0, gt=0)
    voltage_margin_v: float = Field(default=0.5, gt=0)
    least_voltage_limit_v: float = Field(default=1.0, gt=0, le=MOST_LIMIT_V)
    voltage_trim_v: float = Field(default=0.01, ge=0, le=MOST_TRIM_V)
    short_rest_s: float = Field(default=60.0, ge=0)
    records_kept: int = Field(default=200_000, ge=1000)
    accept_unknown_host_loss: bool = False

    @property
    def serial_numbers(self) -> Mapping[str, str]:
        """The serial number of each channel's instrument; nothing where the channels are those of one instrument."""
        return {}

    @model_validator(mode="after")
    def _are_in_order(self) -> SteppedSettings:
        if self.fastest_interval_s > self.interval_s:
            raise ValueError("fastest_interval_s is longer than interval_s")
        # A dead-man switch of the source that hears nothing for decision_timeout_s must not act between two decisions.
        if self.interval_s > self.decision_timeout_s / 2:
            raise ValueError("interval_s is more than half of decision_timeout_s: one late reply would end a test")
        if self.decision_timeout_s > max(MOST_UNSEEN_S, _MOST_INTERVALS * self.interval_s):
            raise ValueError(
                f"decision_timeout_s: for {self.decision_timeout_s:g} s an output would stay on that nobody decides "
                f"about; {MOST_UNSEEN_S:g} s at most"
            )
        return self

    @abstractmethod
    def host_loss_of(self, channel: str, drive: Drive) -> HostLoss:
        """Return what a channel's cell sees when this computer dies under an order, without opening anything."""

    def problems(self, channel: str, program: Program) -> list[str]:
        """Return every reason why a channel cannot run a program: also a loss of this computer that nobody knows."""
        found = super().problems(channel, program)
        # What is not sound cannot be asked further.
        return found or [f"{it}." for segment in program.cycling for it in self.segment_problems(channel, segment)]

    def segment_problems(self, channel: str, segment: CyclingSegment) -> list[str]:
        """Return every reason, without a full stop, why a segment must not run unattended; empty when it may."""
        if loads := [number for number, step in powered(segment.steps) if _is_load(step)]:
            what = "the current would follow the cell's voltage only while this computer reckons it"
            return [f"{self.name}: step {loads[0]} sets a power or a resistance: {what}"]
        unknown = self.unknown_steps(channel, segment)
        if not unknown or self.accept_unknown_host_loss:
            return []
        steps = f"step {unknown[0]}" if len(unknown) == 1 else f"steps {', '.join(map(str, unknown))}"
        told = (
            f"{self.name}: in {steps} nobody knows what the source does to the cell when this computer dies, current "
            "may flow on; stay with the cell, and set accept_unknown_host_loss = true under its [[tester]]"
        )
        return [told]

    def unknown_steps(self, channel: str, segment: CyclingSegment) -> list[int]:
        """Return the numbers of the powered steps of which nobody knows what they do without this computer.

        A voltage that is held outside of the host's limits is no place where a cell may be left.
        """
        drives, host, found = SegmentDrives(segment, self, 0.0), segment.limits.host, []
        for number, step in recorded(segment.steps):
            drive = drives.of(step, None)
            is_outside = drive.held is Held.VOLTAGE and not host.low_v <= drive.level <= host.high_v
            loss = self.host_loss_of(channel, drive)
            if step.direction is not None and (loss is HostLoss.UNKNOWN or (is_outside and loss is HostLoss.RIDES_ON)):
                found.append(number)
        return found

    def host_loss_in(self, channel: str, program: Program) -> tuple[HostLoss, str]:
        """Return what a channel's cell sees when this computer dies in the worst step of a program, and the clause."""
        if any(self.unknown_steps(channel, segment) for segment in program.cycling):
            return HostLoss.UNKNOWN, f"what {self.name} does without this computer is not known: current may flow on"
        drives = [
            SegmentDrives(segment, self, 0.0).of(step, None)
            for segment in program.cycling
            for _, step in powered(segment.steps)
        ]
        if all(self.host_loss_of(channel, drive) is HostLoss.STOPS for drive in drives):
            return HostLoss.STOPS, f"{self.name} switches its output off"
        return HostLoss.RIDES_ON, f"{self.name} holds the cell at the voltage of its step, and nothing follows"

    def host_loss(self) -> HostLoss:
        """Return what a test does without this computer, whatever its program: it never goes on.

        STOPS only where each source switches itself off even under a held current; else nobody knows.
        """
        asked = Drive(Held.CURRENT, 1e-6, self.least_voltage_limit_v, 1e-6)
        said = {self.host_loss_of(channel, asked) for channel in self.channel_names()}
        return HostLoss.STOPS if said == {HostLoss.STOPS} else HostLoss.UNKNOWN


def _is_load(step: PoweredStep) -> bool:
    """Return whether a step's current follows from its voltage: none that a source holds by itself."""
    return step.power_w is not None or step.resistance_ohm is not None
