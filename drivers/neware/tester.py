"""The CT-4008 as a battery tester: the tester runs whole programs; the host loads, starts, reads and stops them.

Nothing here judges a current by live values: they are rounded to 0.1 mA and 5 s old (reference neware-ct4008, section
4.3). What a start or stop did is read from work status, barcode, test id and record counts.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from math import ceil, nan
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from drivers.errors import (
    BadReply,
    CannotRun,
    ConnectionFailed,
    DriverError,
    NotConfirmed,
    OutcomeUnknown,
    RecordsLost,
    Refused,
    SettingsError,
    TestGone,
)
from drivers.interfaces import (
    BatteryTesterTraits,
    ChannelState,
    ChannelStatus,
    ExecutedStep,
    HostLoss,
    LoadedProgram,
    LogEntry,
    Sample,
    TestIdentity,
)
from drivers.neware import record_columns, replies, step_folder, stepfile, versions, wire
from drivers.neware.client import NewareClient
from drivers.neware.settings import NewareSettings
from drivers.neware.whose_test import OtherRack, is_ours, must_be_ours, must_be_the_rack
from protocols.channel_envelope import ChannelEnvelope, problems
from protocols.program import CyclingSegment, Limits, Program, Record, Rest, Until, VoltageBand

logger = logging.getLogger(__name__)

T = TypeVar("T")

# What a barcode typed at the tester may have and a step file's name may not.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")
_LONGEST_LABEL = 40
# How often a reply is asked for whose values cannot be read.
_READ_ATTEMPTS = 3
# Section 2.3: live values are refreshed every 5 s at best, so asking sooner shows nothing new.
_REFRESH_S = 5.0
_TRAITS = BatteryTesterTraits(
    limits_read_back=False,
    limits_note="the step file was read back and equals the program; no command shows the limits in force",
    block_size=1000,  # section 4.5
)


@lru_cache(maxsize=64)
def _status_requests(addresses: tuple[wire.Address, ...]) -> tuple[wire.Request, wire.Request]:
    """Return the two requests of a poll; the same channels are asked for hours."""
    return wire.inquire(addresses), wire.inquiredf(addresses)


class NewareTester:
    """A ``BatteryTester``: one BTS client with its middle machines and units."""

    commissioned_as = NewareSettings.commissioned_as
    records_every_s = 0.0
    makes_folder = False

    def __init__(self, settings: NewareSettings, client: NewareClient, wall_time: Callable[[], float]) -> None:
        self.name = settings.name
        self.host_loss: HostLoss = settings.host_loss
        self.poll_period_s = settings.poll_period_s
        self.traits = replace(
            _TRAITS,
            refresh_s=settings.refresh_s,
            start_arrives_within_s=settings.start_may_arrive_s,
            start_time_tolerance_s=settings.start_time_tolerance_s,
        )
        self._settings = settings
        self.client = client
        self._wall_time = wall_time
        self._clock = replies.TesterClock(ZoneInfo(settings.time_zone))
        self._addresses: dict[str, wire.Address] = {}
        self._is_one_absent = False
        self._versions = ""
        self._dialect = settings.dialect()
        self._envelopes = {unit.place: settings.envelope(f"{unit.place}-1") for unit in settings.units}

    async def open(self) -> None:
        """Connect, log in and learn which channels exist. Raises ConnectionFailed or Refused.

        Asked again, it forgets no channel that has been there: its cell may still be under current.
        """
        told = await self.client.ask(wire.getdevinfo())
        found = replies.devices(told)
        self._versions = versions.versions(told)
        named = {address.channel: address for address in found}
        must_be_the_rack(self._addresses, named)
        self._addresses |= named
        if not found:
            raise ConnectionFailed("BTS Client answers but sees no hardware; check the middle machine and 'Reset Map'")

    async def close(self) -> None:
        """Close the connection; running channels continue without it, and none is known here any more."""
        await self.client.close()
        self._addresses = {}

    def channels(self) -> tuple[str, ...]:
        """Return the channels found, in rack order."""
        return tuple(self._addresses)

    def channel_names(self) -> tuple[str, ...]:
        """Return the channels that the settings describe, in rack order."""
        return self._settings.channel_names()

    def address_of(self, channel: str) -> wire.Address:
        """Return the address of a channel that ``open`` has found. Raises SettingsError for another."""
        return self._address(channel)

    def versions(self) -> str:
        """Return what BTS told last of its hardware and programs, in one line."""
        return self._versions

    @property
    def folder(self) -> Path:
        """The folder on this computer into which step files are written."""
        return self._settings.step_files

    def envelope(self, channel: str) -> ChannelEnvelope:
        """Return the channel's abilities, from settings: no command of the API reports them."""
        self._address(channel)
        return self._described(channel)

    def problems(self, channel: str, program: Program) -> list[str]:
        """Return every reason why the channel cannot run a program, from settings."""
        return problems(program, self._described(channel))

    def _described(self, channel: str) -> ChannelEnvelope:
        envelope = self._envelopes.get(channel.rpartition("-")[0])
        if envelope is None:
            raise SettingsError(f"the bench file does not describe the unit of channel {channel}")
        return envelope

    async def status(self, channels: Sequence[str]) -> dict[str, ChannelStatus]:
        """Request live values and record counts of any number of channels, with two requests.

        Where the row of one channel cannot be read, however often it is asked for, its state is OTHER; the others are
        what they are.
        """
        if self._is_one_absent or not self._addresses:
            # Its address may have been read wrongly, or nothing has answered so far.
            await self.open()
        addresses = [self._address(channel) for channel in channels]
        ask_live, ask_files = _status_requests(tuple(addresses))
        live = await self._read(ask_live, lambda root, last: replies.live(root, addresses, in_part=last))
        files = await self._read(ask_files, lambda root, last: replies.data_files(root, addresses, in_part=last))
        found = [replies.channel_status(*of) for of in zip(channels, live, files, strict=True)]
        was_absent, self._is_one_absent = self._is_one_absent, any(it.state is ChannelState.ABSENT for it in found)
        if self._is_one_absent and not was_absent:
            await self.open()
        return {status.channel: status for status in found}

    async def _read(self, request: wire.Request, values: Callable[[ET.Element, bool], T]) -> T:
        """Ask, and read the reply's values; one that cannot be read is asked for again on a new connection.

        ``values`` is told whether this is the last attempt. Raises BadReply when no attempt gave values, and what
        ``NewareClient.ask`` raises.
        """
        for attempt in range(1, _READ_ATTEMPTS + 1):
            root = await self.client.ask(request)
            try:
                return values(root, attempt == _READ_ATTEMPTS)
            except BadReply as err:
                logger.info("%s, attempt %d: %s", request.command.name, attempt, err)
                if attempt == _READ_ATTEMPTS:
                    raise
                # What is left of a reply must not be taken for the answer to the next question.
                await self.client.reconnect()
        raise AssertionError("unreachable")

    async def load(self, channel: str, segment: CyclingSegment, label: str) -> LoadedProgram:
        """Write the step file into the shared folder, read it back from there and compare it with the segment."""
        self._address(channel)
        data = stepfile.write(segment, label, self._wall_time(), self._dialect)
        sha256 = hashlib.sha256(data).hexdigest()
        # A part of a run may be loaded twice, and differ: the content in the name keeps one out of the other's file.
        name = f"{label}-{sha256[:8]}.xml"
        there = self._settings.step_files_on_bts_pc
        location, stored = await asyncio.to_thread(step_folder.stored, self.folder, there, name, data)
        if wrong := stepfile.differences(segment, stored, self._dialect):
            raise NotConfirmed(f"the step file of {channel} is not what was intended: {'; '.join(wrong)}")
        return LoadedProgram(channel, location, len(segment.steps) + 1, f"step file {name}, sha256 {sha256}")

    def rehearse(self, channel: str, segment: CyclingSegment) -> list[str]:
        """Compile the step file of a segment in memory, parse it and compare; empty when it equals the segment."""
        self._described(channel)
        return stepfile.rehearsed(segment, self._dialect)

    async def light(self, channel: str, *, on: bool) -> None:
        """Switch a channel's lamp (reference neware-ct4008, section 4.9); sent once, whatever becomes of the reply."""
        if not wire.outcome(await self.client.ask(wire.light(self._address(channel), on)), "light"):
            raise Refused(f"BTS refused to switch the lamp of channel {channel}")

    async def start(self, program: LoadedProgram, barcode: str) -> TestIdentity:
        """Start the loaded program once, and confirm it by barcode and a new test id.

        Raises CannotRun when the channel is busy (nothing is sent), Refused when BTS said no, OutcomeUnknown when BTS
        said ok or its reply is lost, and the channel does not show our program: then a cell may be running unseen.
        """
        channel = program.channel
        before = (await self.status([channel]))[channel]
        startable = self._settings.startable_from
        allowed = {replies.STATES[name] for name in startable if name in replies.STATES}
        if before.state not in allowed:
            raise CannotRun(f"channel {channel} is {before.state.value} with {before.barcode or 'no barcode'!r} on it")
        backup = wire.Backup(self._settings.backup_folder_on_bts_pc)
        request = wire.start(self._address(channel), program.location, barcode, backup)
        said = "ok"
        try:
            if not wire.outcome(await self.client.ask(request), "start"):
                said = "BTS refused"
        except (OutcomeUnknown, BadReply) as err:
            said = str(err)
        try:
            found = await self._watch(channel, lambda s: s.barcode == barcode and s.test_id != before.test_id)
        except OtherRack as err:
            raise OutcomeUnknown(f"start of {barcode!r} on {channel}: {said}; {err}") from err
        if found is None and said == "BTS refused":
            raise Refused(f"BTS refused to start {program.location} on {channel}; its own client log has the reason")
        if found is None:
            raise OutcomeUnknown(f"start: {said}; but channel {channel} does not show {barcode!r} with a new test")
        return TestIdentity(channel, found.test_id, barcode, program.end_step)

    async def _watch(self, channel: str, shows: Callable[[ChannelStatus], bool]) -> ChannelStatus | None:
        """Poll one channel until it shows something, or give None after the confirm time-out."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.confirm_timeout_s
        while True:
            try:
                status = (await self.status([channel]))[channel]
            except OtherRack:
                raise
            except (ConnectionFailed, Refused) as err:
                # Refused: a new connection's log-in. What a command did may still be seen on the next one.
                logger.warning("channel %s: %s", channel, err)
            else:
                if shows(status):
                    return status
            if loop.time() >= deadline:
                return None
            await asyncio.sleep(_REFRESH_S)

    async def stop(self, identity: TestIdentity) -> None:
        """Stop one channel by the ladder: stop, stop on a new connection, goto the end step, reset to rest and end.

        Each rung is sent once and judged by what the channel shows; the first also where it shows our test at rest: a
        wrong status must not keep a cell under current. Raises NotConfirmed when no rung helped, or when the channel
        runs somebody else's test: then a person must look. Zero current cannot be measured here.
        """
        try:
            await self._stop(identity)
        except OtherRack as err:
            raise NotConfirmed(f"channel {identity.channel} could not be stopped: {err}") from err

    async def _stop(self, identity: TestIdentity) -> None:
        channel = identity.channel
        for rung in (self._plain_stop, self._stop_anew, self._goto_end, self._rest_and_end):
            status = await self._watch(channel, lambda _: True)
            if status is not None and not status.state.is_at_rest and status.state is not ChannelState.ABSENT:
                must_be_ours(status, identity)
            # A channel that cannot be seen (ABSENT) may well go on by itself.
            is_at_rest = status is not None and status.state.is_at_rest
            if not is_at_rest or (rung == self._plain_stop and is_ours(status, identity)):
                try:
                    await rung(identity)
                except Refused as err:
                    # A clear no needs no waiting: the next rung looks at the channel first.
                    logger.warning("channel %s: %s", channel, err)
                    if rung != self._rest_and_end and not is_at_rest:
                        continue
                except DriverError as err:
                    logger.warning("channel %s: %s", channel, err)
            if await self._watch(channel, lambda s: s.state.is_at_rest) and await self._is_quiet(channel):
                return
        raise NotConfirmed(f"channel {channel} could not be stopped; switch it off by hand at the tester")

    async def _is_quiet(self, channel: str) -> bool:
        """Confirm a stop: not busy, and the same record count over two polls, once late records have come."""
        for _ in range(ceil(self._settings.refresh_s / _REFRESH_S)):
            first = await self._watch(channel, lambda _: True)
            await asyncio.sleep(_REFRESH_S)
            second = await self._watch(channel, lambda _: True)
            if first is None or second is None or not (first.state.is_at_rest and second.state.is_at_rest):
                return False
            if first.record_count == second.record_count:
                return True
        return False

    async def _plain_stop(self, identity: TestIdentity) -> None:
        if not wire.outcome(await self.client.ask(wire.stop(self._address(identity.channel))), "stop"):
            raise Refused(f"BTS refused to stop channel {identity.channel}")

    async def _stop_anew(self, identity: TestIdentity) -> None:
        await self.client.reconnect()
        await self._plain_stop(identity)

    async def _goto_end(self, identity: TestIdentity) -> None:
        if identity.end_step is None:
            raise Refused(f"the number of the end step on channel {identity.channel} is not known")
        if not wire.outcome(
            await self.client.ask(wire.goto(self._address(identity.channel), identity.end_step)), "goto"
        ):
            raise Refused(f"BTS refused to send channel {identity.channel} to its end step")

    async def _rest_and_end(self, identity: TestIdentity) -> None:
        envelope = self.envelope(identity.channel)
        band = VoltageBand(envelope.voltage_low_v, envelope.voltage_high_v)
        top_a = envelope.current_ranges[-1].high_a
        limits = Limits(band, band, band, top_a, top_a, top_a)
        rest = CyclingSegment((Rest(Until(time_s=1.0)),), Record(every_s=1.0), limits)
        loaded = await self.load(
            identity.channel, rest, _NOT_IN_NAMES.sub("_", f"off-{identity.barcode}")[:_LONGEST_LABEL]
        )
        request = wire.reset(self._address(identity.channel), loaded.location)
        if not wire.outcome(await self.client.ask(request), "reset"):
            raise Refused(f"BTS refused to replace the schedule of channel {identity.channel}")

    async def records(self, identity: TestIdentity, last: Sample | None, count: int) -> list[Sample]:
        """Return exactly ``count`` samples (at most 1000, section 4.5) after ``last``; BadReply when others come."""
        address = self._address(identity.channel)
        first = 1 if last is None else last.sequence + 1
        request = wire.download(address, identity.test_id, first, count)
        reply = await self.client.ask_for(request, record_columns.parse)
        if record_columns.first_record(reply) is None and count > 0:
            raise RecordsLost(first, await self._oldest(identity, first) - 1)
        return record_columns.records(reply, address, identity.test_id, last, count, self._clock)

    async def _oldest(self, identity: TestIdentity, first: int) -> int:
        """Find the oldest record after ``first`` that the tester still has, by halving. BadReply when there is none."""
        address = self._address(identity.channel)
        gone, there = first, await self.record_count(identity)
        while there - gone > 1:
            middle = (gone + there) // 2
            root = await self.client.ask(wire.download(address, identity.test_id, middle, 1))
            gone, there = (middle, there) if replies.first_record(root) is None else (gone, middle)
        root = await self.client.ask(wire.download(address, identity.test_id, there, 1))
        if replies.first_record(root) != there:
            raise BadReply(f"BTS says that test {identity.test_id} has {there} records and sends none")
        return there

    async def stand_in(self, identity: TestIdentity, sequence: int) -> Sample:
        """Return the placeholder of a lost record: the begin of the next step, from the step log (section 4.6)."""
        steps = await self.step_log(identity)
        before = [step for step in steps if step.last_sequence <= sequence]
        time_s = round(sum(step.duration_s for step in before), 3)
        return Sample(sequence, time_s, 0.0, 0, len(before), 0, "lost", nan, nan, nan, nan, 0.0)

    async def record_count(self, identity: TestIdentity) -> int:
        """Return a test's number of records, also if the channel now has another test."""
        address = self._address(identity.channel)
        request = wire.inquiredf([address], identity.test_id)
        (file,) = await self._read(request, lambda root, _: replies.data_files(root, [address]))
        if file.test_id != identity.test_id:
            raise TestGone(f"{self.name} knows test {identity.test_id} of channel {identity.channel} no more")
        return file.count

    async def step_log(self, identity: TestIdentity) -> list[ExecutedStep]:
        """Return the executed steps of the test."""
        address = self._address(identity.channel)
        request = wire.download_step_layer(address, identity.test_id)
        return await self._read(request, lambda root, _: replies.executed_steps(root, address, identity.test_id))

    async def event_log(self, identity: TestIdentity) -> list[LogEntry]:
        """Return the tester's own log of the test."""
        address = self._address(identity.channel)
        root = await self.client.ask(wire.downloadlog(address, identity.test_id))
        self._clock.follow(None)
        return replies.log_entries(root, address, identity.test_id, self._clock.unix_time_s)

    def _address(self, channel: str) -> wire.Address:
        try:
            return self._addresses[channel]
        except KeyError:
            known = ", ".join(self._addresses) or "none yet: open the tester first"
            raise SettingsError(f"there is no channel {channel!r} on {self.name}; it has {known}") from None
