"""Reads a CT-4008 beside the vendor's own program, and can send no command that changes anything.

``NewareReader`` has one way to the wire, ``_ask``, and only commands of ``READING`` pass it, by their table and by
their bytes. Records are returned as the tester tells them: missing, repeated or out of order, for who judges that.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from drivers.errors import BadReply, ConnectionFailed, DriverError
from drivers.interfaces import ChannelStatus, LogEntry
from drivers.neware import replies, versions, wire
from drivers.neware.client import Connect, NewareClient, tcp
from drivers.neware.settings import NewareSettings

READING = frozenset({"connect", "getdevinfo", "inquire", "inquiredf", "download", "downloadlog"})
"""The only commands that are ever sent: none of them changes anything (reference neware-ct4008, section 4)."""

MOST_RECORDS = 1000
"""So many records of one request, at most (section 4.5)."""

LinkOpening = Connect
"""What opens the byte stream of a reader, where it is not TCP."""

_COMMAND = re.compile(rb"<cmd>(.*?)</cmd>", re.DOTALL)


class WritingRefused(DriverError):
    """A command that may change something was about to be sent by a reader; nothing was sent."""


class ToldRecord(NamedTuple):
    """One record as the tester tells it; a number that cannot be read is NaN. ``cycle`` is its raw counter from 1."""

    sequence: int
    step: int
    cycle: int
    mode: str
    step_time_s: float
    unix_time_s: float
    voltage_v: float
    current_a: float
    capacity_ah: float
    energy_wh: float


class NewareReader:
    """One BTS client, read only."""

    def __init__(self, settings: NewareSettings, connect: Connect | None = None) -> None:
        """Read the tester of these settings; ``connect`` replaces TCP by another byte stream."""
        self._client = NewareClient(
            connect or tcp(settings.host, settings.port), settings.username, settings.password, settings.reply_timeout_s
        )
        self._clock = replies.TesterClock(ZoneInfo(settings.time_zone))
        self._addresses: dict[str, wire.Address] = {}
        self.name = settings.name
        # How often each command was sent, but for the log-in and repeats on a new connection.
        self.sent: Counter[str] = Counter()
        self.versions = ""

    async def open(self) -> tuple[str, ...]:
        """Connect, log in and return the channels that exist. Raises ConnectionFailed, Refused or BadReply."""
        told = await self._ask(wire.getdevinfo())
        self.versions = versions.versions(told)
        self._addresses |= {address.channel: address for address in replies.devices(told)}
        if not self._addresses:
            raise ConnectionFailed("BTS Client answers but sees no hardware; check the middle machine and 'Reset Map'")
        return tuple(self._addresses)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def status(self, channels: Sequence[str]) -> dict[str, ChannelStatus]:
        """Return what each channel shows, its test and number of records; a row that cannot be read is OTHER."""
        addresses = [self._addresses[channel] for channel in channels]
        live = replies.live(await self._ask(wire.inquire(addresses)), addresses, in_part=True)
        files = replies.data_files(await self._ask(wire.inquiredf(addresses)), addresses, in_part=True)
        rows = zip(channels, live, files, strict=True)
        return {channel: replies.channel_status(channel, one, file) for channel, one, file in rows}

    async def records(self, channel: str, test_id: int, first: int, last_unix_s: float | None) -> list[ToldRecord]:
        """Return up to ``MOST_RECORDS`` records from number ``first`` on, as they are told.

        ``last_unix_s`` is the time of the record before, if it is known. Raises BadReply for another test's records,
        and for a record without a number, step or time.
        """
        address = self._addresses[channel]
        root = await self._ask(wire.download(address, test_id, first, MOST_RECORDS))
        _must_be_of(root.find("download"), address, test_id, first)
        self._clock.follow(last_unix_s)
        return [self._told(row) for row in root.iterfind("list/data")]

    async def log(self, channel: str, test_id: int) -> list[LogEntry]:
        """Return the tester's own log of a test."""
        address = self._addresses[channel]
        root = await self._ask(wire.downloadlog(address, test_id))
        self._clock.follow(None)
        return replies.log_entries(root, address, test_id, self._clock.unix_time_s)

    async def _ask(self, request: wire.Request) -> ET.Element:
        """Send a request, which only reads. Raises WritingRefused before anything is sent for any other."""
        named = [name.decode("ascii", "replace") for name in _COMMAND.findall(request.data)]
        if request.command.writes or named != [request.command.name] or named[0] not in READING:
            raise WritingRefused(f"a reader must not send {', '.join(named) or 'nothing'}: it may change something")
        self.sent[request.command.name] += 1
        return await self._client.ask(request)

    def _told(self, row: ET.Element) -> ToldRecord:
        try:
            sequence, step, cycle = (int(row.attrib[name]) for name in ("seqid", "stepid", "cycleid"))
            time_s = int(row.attrib["testtime"]) / 1000
        except (KeyError, ValueError) as err:
            raise BadReply(f"BTS sent a record that cannot be read ({err})") from err
        volt_v, curr_a, cap_ah, eng_wh = (_value(row.get(name)) for name in ("volt", "curr", "cap", "eng"))
        at_s = self._clock.unix_time_s(row.get("atime", ""))
        mode = row.get("steptype", "")
        return ToldRecord(sequence, step, cycle, mode, time_s, at_s, volt_v, curr_a, cap_ah, eng_wh)


def _must_be_of(echo: ET.Element | None, address: wire.Address, test_id: int, first: int) -> None:
    """Raise BadReply for records that were not asked for, as those of an answer that comes again."""
    asked = {**address.without_ip, "testid": str(test_id), "startpos": str(first)}
    if echo is None or any(echo.get(name) != value for name, value in asked.items()):
        raise BadReply(
            f"BTS answered with other records than those of test {test_id} of {address.channel} from {first}"
        )


def _value(text: str | None) -> float:
    try:
        return wire.number(text)
    except BadReply:
        return float("nan")
