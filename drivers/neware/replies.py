"""Reads the BTS API's data replies into values (reference neware-ct4008, sections 4.1 to 4.7 and 7.1)."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from operator import itemgetter
from typing import TypeVar

from drivers.errors import BadReply, RecordsLost
from drivers.interfaces import ChannelState, ChannelStatus, ExecutedStep, LogEntry, Sample
from drivers.neware.wire import Address, number

# ``int`` would also take underscores and the digits of other scripts; a longer number is none of this API.
_WHOLE = re.compile(r"\s{0,9}[+-]?[0-9]{1,18}\s{0,9}", re.ASCII)
# A BTS client serves a few middle machines of at most 64 channels each.
_MOST_CHANNELS = 4096
# The time of hour of nearly every record, ``MM:SS``, read once.
_SECONDS_OF_HOUR = {f"{minute:02}:{second:02}": minute * 60 + second for minute in range(60) for second in range(60)}


@dataclass(frozen=True, slots=True)
class Live:
    """One row of inquire: rounded to four decimals and up to 5 s old."""

    workstatus: str
    barcode: str
    voltage_v: float
    current_a: float
    step: int | None
    cycle: int
    test_time_s: float


@dataclass(frozen=True, slots=True)
class DataFile:
    """One row of inquiredf: the latest test, how many records it has, whether it is over."""

    test_id: int
    count: int
    complete: bool


def _whole(element: ET.Element, name: str) -> int:
    text = element.get(name)
    try:
        if text is None or not _WHOLE.fullmatch(text):
            raise ValueError(text)
        return int(text)
    except ValueError as err:
        raise BadReply(f"BTS sent {name}={text!r} where a whole number belongs") from err


def _rows(root: ET.Element, tag: str, asked: int) -> list[ET.Element]:
    # The list's count attribute is wrong in captured replies (section 4.3), so rows are counted.
    rows = list(root.iterfind(f"list/{tag}"))
    if len(rows) != asked:
        raise BadReply(f"BTS answered {len(rows)} rows of {tag} where {asked} were asked")
    return rows


def devices(root: ET.Element) -> list[Address]:
    """Read getdevinfo: every channel in rack order. The attribute is ``Channelid`` here and only here."""
    if (count := len(root.findall("middle/channel"))) > _MOST_CHANNELS:
        raise BadReply(f"BTS lists {count} channels; no rack has more than {_MOST_CHANNELS}")
    return [
        Address(
            row.get("ip", ""),
            _whole(row, "devtype"),
            _whole(row, "devid"),
            _whole(row, "subdevid"),
            _whole(row, "Channelid"),
        )
        for row in root.iterfind("middle/channel")
    ]


def statuses(root: ET.Element, addresses: Sequence[Address]) -> list[str]:
    """Read getchlstatus by position: its subdevid is sometimes wrong (section 4.2), the rest must match."""
    rows = _rows(root, "status", len(addresses))
    for row, address in zip(rows, addresses, strict=True):
        if (_whole(row, "devid"), _whole(row, "chlid")) != (address.devid, address.chlid):
            raise BadReply(f"BTS answered for another channel than {address.channel}")
    return [(row.text or "").strip() for row in rows]


# Section 6.1. Whatever is not listed is OTHER, which counts as busy.
STATES = {
    "working": ChannelState.WORKING,
    "pause": ChannelState.PAUSED,
    "finish": ChannelState.FINISHED,
    "stop": ChannelState.STOPPED,
    "protect": ChannelState.PROTECTED,
    "false": ChannelState.ABSENT,
}
# A row that says nothing that can be read: its channel is busy with something that nobody knows.
_UNREADABLE_LIVE = Live("unreadable", "", math.nan, math.nan, None, 0, math.nan)
_UNREADABLE_FILE = DataFile(0, 0, complete=False)

Row = TypeVar("Row")


def _each(
    rows: Sequence[ET.Element],
    addresses: Sequence[Address],
    read: Callable[[ET.Element, Address], Row],
    unreadable: Row | None,
) -> list[Row]:
    """Read each row; one that cannot be read becomes ``unreadable`` where that is given and another row can be."""
    found: list[Row] = []
    problems: list[BadReply] = []
    for row, address in zip(rows, addresses, strict=True):
        try:
            found.append(read(row, address))
        except BadReply as err:
            if unreadable is None:
                raise
            problems.append(err)
            found.append(unreadable)
    if problems and len(problems) == len(rows):
        raise problems[0]
    return found


def live(root: ET.Element, addresses: Sequence[Address], *, in_part: bool = False) -> list[Live]:
    """Read inquire; ``dev`` must name the channel asked for in each row.

    A channel that does not exist (any more) has the work status ``false`` and nothing else (section 4.3). ``in_part``:
    a row that cannot be read has a work status that nobody knows, and blinds no other channel.
    """
    rows = _rows(root, "inquire", len(addresses))
    return _each(rows, addresses, _live_row, _UNREADABLE_LIVE if in_part else None)


def _live_row(row: ET.Element, a: Address) -> Live:
    if row.get("dev") != f"{a.devtype}-{a.devid}-{a.subdevid}-{a.chlid}-0":
        raise BadReply(f"BTS answered for {row.get('dev')} where {a.channel} was asked")
    step = row.get("step_id")
    workstatus = row.get("workstatus", "").strip()
    return Live(
        workstatus=workstatus,
        barcode=row.get("barcode", ""),
        voltage_v=number(row.get("voltage")),
        current_a=number(row.get("current")),
        step=None if step is None else _whole(row, "step_id"),
        cycle=0 if workstatus == "false" else _whole(row, "cycle_id"),
        test_time_s=number(row.get("totaltime")),
    )


def _same_channel(element: ET.Element | None, address: Address) -> ET.Element:
    if element is None:
        raise BadReply(f"BTS did not say which channel its answer is for ({address.channel} was asked)")
    if any(element.get(name) != value for name, value in address.without_ip.items()):
        raise BadReply(f"BTS answered for another channel than {address.channel}")
    return element


def data_files(root: ET.Element, addresses: Sequence[Address], *, in_part: bool = False) -> list[DataFile]:
    """Read inquiredf; text true means that the data file is complete. ``in_part`` as for ``live``."""
    rows = _rows(root, "chl", len(addresses))
    return _each(rows, addresses, _data_file_row, _UNREADABLE_FILE if in_part else None)


def _data_file_row(row: ET.Element, address: Address) -> DataFile:
    _same_channel(row, address)
    return DataFile(_whole(row, "testid"), _whole(row, "count"), (row.text or "").strip() == "true")


def channel_status(channel: str, row: Live, file: DataFile) -> ChannelStatus:
    """Return the status of a channel from its rows of inquire and inquiredf."""
    return ChannelStatus(
        channel=channel,
        state=STATES.get(row.workstatus, ChannelState.OTHER),
        barcode=row.barcode,
        voltage_v=row.voltage_v,
        current_a=row.current_a,
        step=row.step,
        cycle=row.cycle,
        test_time_s=row.test_time_s,
        test_id=file.test_id,
        record_count=file.count,
        complete=file.complete,
    )


class TesterClock:
    """Turns the BTS PC's local times into unix seconds, remembering the last hour because rows come in order.

    The hour that is repeated when daylight saving ends is told apart by order: after ``follow``, times only rise.
    """

    def __init__(self, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._hour = ""
        self._hour_unix_s = 0.0
        self._last_unix_s: float | None = None

    def follow(self, unix_time_s: float | None) -> None:
        """Begin a block of records that come after this time (None: nothing is known)."""
        self._last_unix_s = unix_time_s
        self._hour = ""

    def unix_time_s(self, text: str) -> float:
        """Read ``YYYY-MM-DD HH:MM:SS`` (dots between date parts are met too)."""
        try:
            if text[:13] != self._hour:
                self._hour_unix_s = self._local(text).timestamp()
                self._hour = text[:13]
            seconds = _SECONDS_OF_HOUR.get(text[14:])
            if seconds is None:
                seconds = int(text[14:16]) * 60 + int(text[17:19])
        except ValueError as err:
            raise BadReply(f"BTS sent {text!r} where a time belongs") from err
        if self._last_unix_s is not None and self._hour_unix_s + seconds < self._last_unix_s:
            later = self._local(text).replace(fold=1).timestamp()
            if later > self._hour_unix_s:
                self._hour_unix_s = later
        self._last_unix_s = self._hour_unix_s + seconds
        return self._last_unix_s

    def unix_times_s(self, texts: Iterable[str]) -> list[float]:
        """Read times in a row, each as ``unix_time_s`` does, the usual case without calling it."""
        times_s: list[float] = []
        hour, hour_unix_s, last_unix_s = self._hour, self._hour_unix_s, self._last_unix_s
        for text in texts:
            seconds = _SECONDS_OF_HOUR.get(text[14:])
            if seconds is None or last_unix_s is None or text[:13] != hour or hour_unix_s + seconds < last_unix_s:
                self._last_unix_s = last_unix_s
                last_unix_s = self.unix_time_s(text)
                hour, hour_unix_s = self._hour, self._hour_unix_s
            else:
                last_unix_s = hour_unix_s + seconds
            times_s.append(last_unix_s)
        self._last_unix_s = last_unix_s
        return times_s

    def _local(self, text: str) -> datetime:
        """Return the beginning of a time's hour in the PC's zone."""
        hour = datetime.fromisoformat(f"{text[:10].replace('.', '-')} {text[11:13]}:00:00")
        return hour.replace(tzinfo=self._zone)


_RECORD = itemgetter("seqid", "stepid", "cycleid", "steptype", "testtime", "atime", "volt", "curr", "cap", "eng")


def records(
    root: ET.Element, address: Address, test_id: int, last: Sample | None, count: int, unix: Callable[[str], float]
) -> list[Sample]:
    """Read download: exactly ``count`` records that follow ``last``, or BadReply.

    The wire's ``testtime`` is milliseconds since the start of the *step*. Test time is rebuilt on the fact that a
    step's first record bears the same absolute time as the step before it ended (section 7.3, rule 1).
    """
    first = 1 if last is None else last.sequence + 1
    echo = _same_channel(root.find("download"), address)
    if (_whole(echo, "testid"), _whole(echo, "startpos")) != (test_id, first):
        raise BadReply(f"BTS answered for another part of the data than test {test_id} from record {first}")
    rows = root.findall("list/data")
    if rows and (found := _whole(rows[0], "seqid")) > first:
        if found + len(rows) > first + count:
            # Nothing is missing: the rows are numbered wrongly.
            raise BadReply(f"BTS sent {len(rows)} records from {found} where {count} from {first} were asked")
        raise RecordsLost(first, found - 1)
    if len(rows) != count:
        raise BadReply(f"BTS sent {len(rows)} records where {count} exist ({address.channel}, from {first})")
    step, step_count, cycle = (last.step, last.step_count, last.tester_cycle) if last else (0, 0, 0)
    row_step, row_cycle = step, cycle
    step_ms = round(last.step_time_s * 1000) if last else 0
    base_ms = round(last.time_s * 1000) - step_ms if last else 0
    step_text: str | None = None
    cycle_text: str | None = None
    samples: list[Sample] = []
    try:
        for sequence, row in enumerate(rows, first):
            # One call for all values, and no number read twice: a record passes here in a few microseconds.
            seqid, stepid, cycleid, mode, testtime, atime, volt, curr, cap, eng = _RECORD(row.attrib)
            if int(seqid) != sequence:
                raise BadReply(f"BTS sent record {seqid} where {sequence} belongs ({address.channel})")
            if stepid != step_text or cycleid != cycle_text:
                row_step, row_cycle, step_text, cycle_text = int(stepid), int(cycleid), stepid, cycleid
            row_ms = int(testtime)
            if row_ms < 0:
                raise BadReply(f"BTS sent record {seqid} with the time {testtime} ms ({address.channel})")
            if row_step != step or row_cycle != cycle or row_ms < step_ms:
                base_ms += step_ms
                step, cycle, step_count = row_step, row_cycle, step_count + 1
            step_ms = row_ms
            try:
                volt_v, curr_a, cap_ah, eng_wh = float(volt), float(curr), float(cap), float(eng)
            except ValueError:
                volt_v, curr_a, cap_ah, eng_wh = (number(text) for text in (volt, curr, cap, eng))
            time_s, step_s, at = (base_ms + row_ms) / 1000, row_ms / 1000, unix(atime)
            values = (sequence, time_s, step_s, step, step_count, cycle, mode, volt_v, curr_a, cap_ah, eng_wh, at)
            samples.append(Sample._make(values))
    except (KeyError, ValueError, OverflowError) as err:
        raise BadReply(f"BTS sent a record that cannot be read ({address.channel}, {err})") from err
    return samples


def executed_steps(root: ET.Element, address: Address, test_id: int) -> list[ExecutedStep]:
    """Read downloadStepLayer."""
    echo = _same_channel(root.find("downloadStepLayer"), address)
    if _whole(echo, "testid") != test_id:
        raise BadReply(f"BTS sent the steps of test {echo.get('testid')} where {test_id} was asked")
    return [
        ExecutedStep(
            index=_whole(row, "stepindex"),
            step=_whole(row, "stepid"),
            cycle=_whole(row, "cycleid"),
            first_sequence=_whole(row, "startseqid"),
            last_sequence=_whole(row, "endseqid"),
            duration_s=_whole(row, "steptime") / 1000,
            capacity_ah=number(row.get("cap")),
        )
        for row in root.iterfind("list/data")
    ]


def log_entries(root: ET.Element, address: Address, test_id: int, unix: Callable[[str], float]) -> list[LogEntry]:
    """Read downloadlog."""
    echo = _same_channel(root.find("download"), address)
    if _whole(echo, "testid") != test_id:
        raise BadReply(f"BTS sent the log of test {echo.get('testid')} where {test_id} was asked")
    return [
        LogEntry(_whole(row, "seqid"), _whole(row, "log_code"), unix(row.get("atime", "")))
        for row in root.iterfind("list/data")
    ]


def first_record(root: ET.Element) -> int | None:
    """Return the sequence number of the first record of a download, None when it has none."""
    row = root.find("list/data")
    return None if row is None else _whole(row, "seqid")
