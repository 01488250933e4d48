"""The settings of the CHI660E as a channel of its own: its abilities, and why it cannot cycle a program."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal

from drivers.chi660e import feasibility
from drivers.chi660e.istep_segments import SegmentSamples
from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import CannotRun, SettingsError
from drivers.interfaces import HostLoss
from drivers.tester_kind import BatteryTesterSettings
from protocols.channel_envelope import ChannelEnvelope, CurrentRange, problems
from protocols.program import CyclingSegment, Program

# Reference chi660e, section 2.1.
REACH_V = 10.0
_RANGES_A = tuple(10.0**decade for decade in range(-11, 0))


class CyclingSettings(BatteryTesterSettings):
    """A potentiostat that is a channel of its own: no switch takes its leads away. The channel is named like it."""

    commissioned_as: ClassVar[str] = Chi660eSettings.commissioned_as

    kind: Literal["chi660e"] = "chi660e"
    potentiostat: Chi660eSettings

    def channel_names(self) -> tuple[str, ...]:
        """Return the one channel."""
        return (self.name,)

    def envelope(self, channel: str) -> ChannelEnvelope:
        """Return the channel's abilities. Steps and loops have no limit of their own: they become measurements."""
        self._must_be_here(channel)
        low_a, high_a = self.potentiostat.smallest_current_a, self.potentiostat.current_limit_a
        edges = [low_a, *(edge for edge in _RANGES_A if low_a < edge < high_a), high_a]
        return ChannelEnvelope(
            voltage_low_v=-REACH_V,
            voltage_high_v=REACH_V,
            current_ranges=tuple(CurrentRange(low, high) for low, high in pairwise(edges)),
            record_every_min_s=0.01,
            time_resolution_s=0.01,
            holds_voltage_on_discharge=False,
        )

    def problems(self, channel: str, program: Program) -> list[str]:
        """Return every reason why the channel cannot run a program: also limits of ISTEP, and spectra in between."""
        found = problems(program, self.envelope(channel))
        found += [f"{reason}." for segment in program.cycling for reason in self.segment_problems(segment)]
        if len(program.cycling) < len(program.segments):
            found.append(
                f"{channel} cycles the cell at its own leads and measures nothing between: take out the spectra."
            )
        if any(segment.host_may_end for segment in program.cycling):
            found.append(
                f"{channel} hands its records over when a measurement is done: collapse, drift_below and ends by "
                "temperature come too late."
            )
        return found

    def segment_problems(self, segment: CyclingSegment) -> list[str]:
        """Return every reason, as a sentence, why a segment cannot be cycled here; empty when it can."""
        found: list[str] = []
        settings = self.potentiostat
        if settings.host_loss is HostLoss.UNKNOWN:
            found.append(
                f"{self.name}: nobody has said what it does to a cell when this computer dies: try it on a dummy cell "
                "and set host_loss in the bench file"
            )
        try:
            jobs = SegmentSamples(segment, settings.cycles_per_job).jobs
        except CannotRun as err:
            return [*found, f"{self.name}: {err}"]
        for job in dict.fromkeys(jobs):
            found += [f"{self.name}: {reason}" for reason in feasibility.problems(job, settings)]
        return list(dict.fromkeys(found))

    def missing(self) -> list[str]:
        """Return a sentence if the vendor's program does not exist."""
        program = self.potentiostat.program
        return [] if program.exists() else [f"there is no program {program}"]

    def direct_stop_problem(self) -> str:
        """Return why another process cannot stop this channel: only the service can end the program that it started."""
        return f"{self.name!r} is the potentiostat's own channel: it is stopped in the vendor's program"

    def _must_be_here(self, channel: str) -> None:
        if channel != self.name:
            raise SettingsError(f"there is no channel {channel!r} on {self.name}; it has {self.name}")


def cycling_settings(potentiostat: Chi660eSettings) -> CyclingSettings:
    """Return the settings of a potentiostat as a channel of its own."""
    return CyclingSettings(name=potentiostat.name, potentiostat=potentiostat)
