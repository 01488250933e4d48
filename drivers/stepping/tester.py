"""A battery tester of sources that run no program: each channel is a task that measures, decides and switches.

A test ends with this process. Between tests every output is off, and its cell disconnected. A channel's voltage is then
seen only by connecting the cell for a moment to a source of no current, which is done when somebody asks and what is
known is old, never while a potentiostat has the cell (``keep_off``).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence

from drivers.errors import CannotRun, ConnectionFailed, SettingsError, TestGone
from drivers.interfaces import (
    BatteryTesterTraits,
    ChannelState,
    ChannelStatus,
    HostLoss,
    LoadedProgram,
    TestIdentity,
)
from drivers.memory import HostRecords, Memory
from drivers.sources import Source
from drivers.stepping.channel import SteppedChannel, SteppedTest
from drivers.stepping.settings import SteppedSettings
from drivers.stepping.suspension import slept_s
from protocols.channel_envelope import ChannelEnvelope
from protocols.program import CyclingSegment, Program

_TRAITS = BatteryTesterTraits(
    limits_read_back=False,
    limits_note="level and limit of the source are read back before its output is switched on; the limits of the whole "
    "run are compared with each reading by this computer",
    block_size=1000,
    # At rest a status shows a voltage as old as ``open_circuit_age_s``; who watches it asks for a new one each time.
    refresh_s=5.0,
    is_remote=False,
    sign_hint="exchange the leads at the source, force and sense",
)


class SteppedTester(HostRecords):
    """A ``BatteryTester`` whose channels are sources, one each, under the names of the settings.

    ``slept_s`` tells for how long the computer has been suspended since it was started.
    """

    traits = _TRAITS
    records_every_s = 0.0

    def __init__(
        self,
        settings: SteppedSettings,
        sources: Mapping[str, Source],
        wall_time: Callable[[], float],
        slept_s: Callable[[], float] = slept_s,
    ) -> None:
        self.name, self.poll_period_s = settings.name, settings.poll_period_s
        self.commissioned_as = settings.commissioned_as
        self.serial_numbers = settings.serial_numbers
        self.host_loss = settings.host_loss()
        self._settings, self._wall_time = settings, wall_time
        if tuple(sources) != settings.channel_names():
            raise SettingsError(f"{self.name} has channels {settings.channel_names()} and sources {tuple(sources)}")
        self._channels = {
            name: SteppedChannel(name, source, settings, wall_time, slept_s) for name, source in sources.items()
        }
        self._loaded: dict[tuple[str, str], CyclingSegment] = {}
        self._is_open = False

    async def open(self) -> None:
        """Connect to every source; an output that is on is left alone, and its channel is OTHER.

        Raises ConnectionFailed when none answers.
        """
        problems = await asyncio.gather(*(channel.connect() for channel in self._channels.values()))
        if all(problems):
            raise ConnectionFailed("; ".join(dict.fromkeys(problems)))
        self._is_open = True

    async def close(self) -> None:
        """End what runs, for nobody would measure it, and disconnect; an output not seen off is logged."""
        self._is_open = False
        await asyncio.gather(*(channel.disconnect() for channel in self._channels.values()))

    def channels(self) -> tuple[str, ...]:
        """Return the channels whose source has answered, once open."""
        return tuple(name for name, it in self._channels.items() if it.is_connected) if self._is_open else ()

    def channel_names(self) -> tuple[str, ...]:
        """Return the channels of the settings."""
        return tuple(self._channels)

    def envelope(self, channel: str) -> ChannelEnvelope:
        """Return the channel's abilities, from settings."""
        return self._settings.envelope(channel)

    def problems(self, channel: str, program: Program) -> list[str]:
        """Return every reason why the channel cannot run a program, from settings."""
        return self._settings.problems(channel, program)

    def host_loss_in(self, channel: str, program: Program) -> tuple[HostLoss, str]:
        """Return what a cell sees when this computer dies in a program, and the clause on it, from settings."""
        return self._settings.host_loss_in(channel, program)

    async def status(self, channels: Sequence[str]) -> dict[str, ChannelStatus]:
        """Return the last readings; a channel without a test whose voltage is old is looked at.

        A source that does not answer makes its channel ABSENT. Raises ConnectionFailed when that is true of all.
        """
        asked = [self._channel(name) for name in channels]
        found = await asyncio.gather(*(channel.status() for channel in asked))
        if found and all(status.state is ChannelState.ABSENT for status in found):
            raise ConnectionFailed("; ".join(dict.fromkeys(status.detail for status in found)))
        return {status.channel: status for status in found}

    def keep_off(self, channel: str, by: str) -> None:
        """Leave a channel's output off, and its cell unseen, while another instrument has it; ``by`` empty: no more.

        Raises CannotRun while a test runs there.
        """
        self._channel(channel).keep_off(by)

    async def load(self, channel: str, segment: CyclingSegment, label: str) -> LoadedProgram:
        """Keep the segment until it is started. Raises CannotRun with every reason against it."""
        self._channel(channel)
        if reasons := self._settings.segment_problems(channel, segment):
            raise CannotRun("; ".join(reasons))
        self._loaded = {key: it for key, it in self._loaded.items() if key[0] != channel} | {(channel, label): segment}
        sha256 = hashlib.sha256(segment.to_json().encode()).hexdigest()
        description = f"{len(segment.steps)} steps carried out by this computer, of the program with sha256 {sha256}"
        return LoadedProgram(channel, label, len(segment.steps) + 1, description)

    async def start(self, program: LoadedProgram, barcode: str) -> TestIdentity:
        """Look at the cell without current, then begin. Raises CannotRun, and nothing flows, for a wrong cell.

        Raises OutcomeUnknown when the output cannot be seen off after a look that failed.
        """
        channel = self._channel(program.channel)
        channel.must_be_free()
        segment = self._loaded.pop((program.channel, program.location), None)
        if segment is None:
            raise CannotRun(f"nothing is loaded as {program.location!r}: load it again")
        return await channel.start(segment, barcode, program.end_step)

    async def stop(self, identity: TestIdentity) -> None:
        """End a test and switch its output off, confirmed. Raises NotConfirmed."""
        await self._channel(identity.channel).stop(identity)

    def _memory(self, identity: TestIdentity) -> Memory:
        test: SteppedTest | None = self._channel(identity.channel).test
        if test is None or test.identity != identity:
            raise TestGone(f"{self.name} knows test {identity.test_id} of channel {identity.channel} no more")
        return test.memory

    def _channel(self, name: str) -> SteppedChannel:
        if name not in self._channels:
            raise SettingsError(f"there is no channel {name!r} on {self.name}; it has {', '.join(self._channels)}")
        return self._channels[name]
