"""Reads the records of a reply to ``download`` by columns, in one strict pass over its text (reference, section 4.5).

Records come by the thousand, always in one layout. A reply in that layout to its last byte is cut up by one regular
expression and converted column by column. Whatever differs anywhere, in the layout or in what was asked for, goes the
way of every other reply, through the XML parser and ``replies.records``: its values and its errors are the only ones.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import partial

from drivers.errors import BadReply
from drivers.interfaces import Sample
from drivers.neware import replies, wire

# Every repeat is possessive (``++``, ``{1,18}+``) and ends at a character that it does not take, so that a match never
# goes back and the time is linear in the length of the text. None of the characters taken means anything to XML. A
# whole number is as long as ``replies`` takes one.
_WHOLE = "([0-9]{1,18}+)"
_NUMBER = "([-+.0-9Ee]{1,40}+)"
_ECHO = ("devtype", "devid", "subdevid", "chlid", "testid", "startpos", "count", "auxid")
_FIELDS = {
    "seqid": _WHOLE,
    "stepid": _WHOLE,
    "cycleid": _WHOLE,
    "steptype": "([A-Za-z_-]{1,20}+)",
    "testtime": _WHOLE,
    "atime": "([-. :0-9]{19})",
    "volt": _NUMBER,
    "curr": _NUMBER,
    "cap": _NUMBER,
    "eng": _NUMBER,
}


def _attributes(fields: dict[str, str]) -> str:
    return "".join(f' {name}="{value}"' for name, value in fields.items())


_HEAD = re.compile(
    '<bts version="1.0">\r\n'
    "  <cmd>(donwload_resp|download_resp)</cmd>\r\n"
    f"  <download{_attributes(dict.fromkeys(_ECHO, _WHOLE))} />\r\n"
    '  <list count="[0-9]{1,18}+">\r\n'
)
_ROW = re.compile(f"    <data{_attributes(_FIELDS)} />\r\n")
_TAIL = "  </list>\r\n</bts>"
# As ``Sample._make``, which counts the values of each; those that are zipped are as many as there are columns.
_SAMPLE = partial(tuple.__new__, Sample)


@dataclass(frozen=True, slots=True)
class RecordColumns:
    """A reply to ``download`` in the vendor's layout: what it says it answers, and a list of texts for each attribute.

    ``echo`` has the numbers of the echo element as texts, in the order of the wire; ``columns`` is never without rows.
    """

    frame: bytes
    echo: tuple[str, ...]
    columns: tuple[list[str], ...]


Reply = RecordColumns | ET.Element


def parse(frame: bytes) -> tuple[str, Reply]:
    """Turn the frame of a reply into its command name and its records, or its tree where it has another layout.

    Raises BadReply as ``wire.parse`` does.
    """
    try:
        text = frame.decode("ascii")
    except UnicodeDecodeError:
        return wire.parse(frame)
    head = _HEAD.match(text)
    if head is None or not text.endswith(_TAIL):
        return wire.parse(frame)
    # What stands before, between and behind the rows, each with the row's texts behind it.
    parts = _ROW.split(text[head.end() : -len(_TAIL)])
    width = len(_FIELDS) + 1
    if len(parts) == 1 or any(parts[::width]):
        return wire.parse(frame)
    name, *echo = head.groups()
    return name, RecordColumns(frame, tuple(echo), tuple(parts[n::width] for n in range(1, width)))


def first_record(reply: Reply) -> int | None:
    """Return the sequence number of the first record of a download, None when it has none."""
    return int(reply.columns[0][0]) if isinstance(reply, RecordColumns) else replies.first_record(reply)


def records(
    reply: Reply, address: wire.Address, test_id: int, last: Sample | None, count: int, clock: replies.TesterClock
) -> list[Sample]:
    """Return exactly ``count`` records that follow ``last``. Raises BadReply and RecordsLost as ``replies.records``."""
    follows_unix_s = last.unix_time_s if last else None
    clock.follow(follows_unix_s)
    if isinstance(reply, RecordColumns):
        if samples := _samples(reply, address, test_id, last, count, clock):
            return samples
        _, reply = wire.parse(reply.frame)
        clock.follow(follows_unix_s)
    return replies.records(reply, address, test_id, last, count, clock.unix_time_s)


def _samples(
    reply: RecordColumns,
    address: wire.Address,
    test_id: int,
    last: Sample | None,
    count: int,
    clock: replies.TesterClock,
) -> list[Sample] | None:
    """Return the records if all of them are those asked for and all can be read, else None."""
    first = 1 if last is None else last.sequence + 1
    *place, test, start, _, _ = reply.echo
    if place != list(address.without_ip.values()) or (int(test), int(start)) != (test_id, first):
        return None
    seqid, stepid, cycleid, modes, testtime, atime, volt, curr, cap, eng = reply.columns
    sequences = list(map(int, seqid))
    if sequences != list(range(first, first + count)):
        return None
    steps, cycles, row_ms = list(map(int, stepid)), list(map(int, cycleid)), list(map(int, testtime))
    times_s, step_counts = _test_times(steps, cycles, row_ms, last)
    try:
        volts_v, currents_a, caps_ah, engs_wh = (list(map(float, texts)) for texts in (volt, curr, cap, eng))
        unix_s = clock.unix_times_s(atime)
    except (ValueError, BadReply):
        return None
    step_times_s = [ms / 1000 for ms in row_ms]
    values = (sequences, times_s, step_times_s, steps, step_counts, cycles, modes)
    return list(map(_SAMPLE, zip(*values, volts_v, currents_a, caps_ah, engs_wh, unix_s, strict=True)))


def _test_times(
    steps: list[int], cycles: list[int], row_ms: list[int], last: Sample | None
) -> tuple[list[float], list[int]]:
    """Return the test time of each record in seconds and its count of executed steps (section 7.3, rule 1)."""
    step, cycle, ms = (last.step, last.tester_cycle, round(last.step_time_s * 1000)) if last else (0, 0, 0)
    step_count = last.step_count if last else 0
    base_ms = round(last.time_s * 1000) - ms if last else 0
    times_s: list[float] = []
    step_counts: list[int] = []
    for row_step, row_cycle, at_ms in zip(steps, cycles, row_ms, strict=True):
        if row_step != step or row_cycle != cycle or at_ms < ms:
            base_ms += ms
            step, cycle, step_count = row_step, row_cycle, step_count + 1
        ms = at_ms
        times_s.append((base_ms + at_ms) / 1000)
        step_counts.append(step_count)
    return times_s, step_counts
