"""Replies of the BTS API as values: captured quirks, placeholders, wrong addresses, rebuilt test time."""

import math
import xml.etree.ElementTree as ET
from datetime import UTC
from itertools import pairwise
from zoneinfo import ZoneInfo

import defusedxml.ElementTree as DefusedET
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply
from drivers.interfaces import Sample
from drivers.neware import replies, wire
from drivers.neware.framing import TERMINATOR
from tests.figures import Figure

A = wire.Address("127.0.0.1", 27, 21, 1, 3)
B = A._replace(chlid=4)
clock = replies.TesterClock(UTC).unix_time_s


def tree(body: str, name: str = "x_resp") -> ET.Element:
    """Give the tree of a reply."""
    return wire.parse(f'<bts version="1.0"><cmd>{name}</cmd>{body}</bts>'.encode())[1]


def data_row(seq: int, step: int, cycle: int, ms: int, volt: str = "0.1") -> str:
    """Give one record as the wire has it."""
    return (
        f'<data seqid="{seq}" stepid="{step}" cycleid="{cycle}" steptype="cc" testtime="{ms}" '
        f'atime="2026-01-05 14:03:11" volt="{volt}" curr="0.0001" cap="0" eng="0" />'
    )


def downloaded(*rows: str, start: int = 1, test: int = 143) -> ET.Element:
    """Give a reply to download."""
    echo = f'<download devtype="27" devid="21" subdevid="1" chlid="3" testid="{test}" startpos="{start}" count="9"/>'
    return tree(f'{echo}<list count="1">{"".join(rows)}</list>')


def test_test_time_is_rebuilt_across_steps_and_blocks() -> None:
    """Each step's first record has the time at which the step before it ended, also in the next block."""
    rows = [data_row(1, 1, 1, 0), data_row(2, 1, 1, 5000), data_row(3, 2, 1, 0), data_row(4, 2, 1, 700)]
    first = replies.records(downloaded(*rows[:3]), A, 143, None, 3, clock)
    second = replies.records(downloaded(rows[3], start=4), A, 143, first[-1], 1, clock)
    assert [s.time_s for s in first + second] == [0.0, 5.0, 5.0, 5.7]
    assert [s.step_count for s in first + second] == [1, 1, 2, 2]


def test_one_step_repeated_by_a_loop_counts_each_time() -> None:
    """The same step number in the next cycle is a new executed step."""
    rows = [data_row(1, 1, 1, 0), data_row(2, 1, 1, 900), data_row(3, 1, 2, 0), data_row(4, 1, 2, 900)]
    found = replies.records(downloaded(*rows), A, 143, None, 4, clock)
    assert [(s.step_count, s.time_s) for s in found] == [(1, 0.0), (1, 0.9), (2, 0.9), (2, 1.8)]


@given(st.lists(st.tuples(st.integers(1, 3), st.lists(st.integers(1, 10**7), max_size=4)), min_size=1, max_size=8))
def test_any_cut_into_blocks_gives_the_same_samples(steps: list[tuple[int, list[int]]]) -> None:
    """How records are fetched does not change them."""
    rows: list[str] = []
    times: list[float] = []
    now = 0
    for cycle, (step, gaps) in enumerate(steps, 1):
        ms = 0
        for gap in [0, *gaps]:
            ms += gap
            rows.append(data_row(len(rows) + 1, step, cycle, ms))
            times.append((now + ms) / 1000)
        now += ms
    whole = replies.records(downloaded(*rows), A, 143, None, len(rows), clock)
    assert [s.time_s for s in whole] == times
    last: Sample | None = None
    for n, row in enumerate(rows, 1):
        (last,) = replies.records(downloaded(row, start=n), A, 143, last, 1, clock)
        assert last == whole[n - 1]


@pytest.mark.parametrize("placeholder", ["--", "-", "", "---"])
def test_placeholder_becomes_nan_and_never_zero(placeholder: str) -> None:
    """A missing voltage is no voltage (faults A14, D04)."""
    (sample,) = replies.records(downloaded(data_row(1, 1, 1, 0, placeholder)), A, 143, None, 1, clock)
    assert math.isnan(sample.voltage_v)


@pytest.mark.parametrize(
    "root",
    [
        downloaded(data_row(1, 1, 1, 0)),
        downloaded(data_row(1, 1, 1, 0), data_row(3, 1, 1, 0)),
        downloaded(data_row(1, 1, 1, 0), data_row(2, 1, 1, 0), test=144),
        downloaded(data_row(1, 1, 1, 0), data_row(2, 1, 1, 0), start=2),
        downloaded(data_row(1, 1, 1, 0), data_row(2, 1, 1, 0).replace("testtime", "time")),
        downloaded(data_row(1, 1, 1, 0), data_row(2, 1, 1, 0, "0.1.2")),
        downloaded(data_row(1, 1, 1, 0), data_row(2, 1, 1, 0).replace("14:03", "14-03-")),
        downloaded(data_row(1, 1, 1, 0), data_row(2, 1, 1, 10**400)),
        tree(f'<list count="2">{data_row(1, 1, 1, 0)}{data_row(2, 1, 1, 0)}</list>'),
    ],
    ids=[
        "fewer",
        "gap",
        "other test",
        "other start",
        "renamed attribute",
        "no number",
        "no time",
        "endless time",
        "no echo",
    ],
)
def test_records_that_were_not_asked_for_are_refused(root: ET.Element) -> None:
    """Fewer, others, of another test, unreadable: an error, never half a block (faults A08, A14, B11)."""
    with pytest.raises(BadReply):
        replies.records(root, A, 143, None, 2, clock)


def test_records_of_another_channel_are_refused() -> None:
    """The echo of download must name the channel asked for (faults A09)."""
    with pytest.raises(BadReply, match="21-1-4"):
        replies.records(downloaded(data_row(1, 1, 1, 0)), B, 143, None, 1, clock)


@pytest.mark.parametrize("text", ["1_000", "\u0664\u0662", "1,000", "9" * 40, "0x10"])
def test_number_that_only_python_would_read_is_refused(text: str) -> None:
    """Underscores, digits of other scripts, commas and numbers without end are garbled replies (faults D04)."""
    with pytest.raises(BadReply, match="whole number"):
        replies.executed_steps(
            tree(f'<downloadStepLayer devtype="27" devid="21" subdevid="1" chlid="3" testid="{text}"/><list/>'), A, 51
        )
    if text != "9" * 40:
        with pytest.raises(BadReply, match="number"):
            wire.number(text)


def test_list_of_channels_without_end_is_refused() -> None:
    """Every poll would ask for each of them."""
    row = '<channel ip="127.0.0.1" devtype="27" devid="21" subdevid="1" Channelid="1"/>'
    with pytest.raises(BadReply, match="lists 5000 channels"):
        replies.devices(tree(f"<middle>{row * 5000}</middle>"))


def test_status_is_matched_by_position_and_ignores_its_subdevid() -> None:
    """The wrong subdevid of section 4.2 does no harm; a wrong channel does (faults A09)."""
    second = A._replace(subdevid=2)
    rows = "".join(
        f'<status ip="127.0.0.1" devtype="27" devid="21" subdevid="1" chlid="3" reservepause="1">{text}</status>'
        for text in ("working", "finish")
    )
    root = tree(f'<list count="2">{rows}</list>')
    assert replies.statuses(root, [A, second]) == ["working", "finish"]
    with pytest.raises(BadReply):
        replies.statuses(root, [A, second._replace(chlid=4)])


def test_idle_row_without_step_is_read() -> None:
    """An idle channel has no step_id, and its list count is wrong."""
    row = (
        '<inquire dev="27-21-1-3-0" cycle_id="1" step_type="--" workstatus="finish" barcode="007" current="0" '
        'voltage="2e-06" capacity="0" energy="0" totaltime="0" relativetime="0" open_or_close="0" log_code="0" />'
    )
    (live,) = replies.live(tree(f'<list count="7">{row}</list>'), [A])
    assert (live.step, live.barcode, live.voltage_v) == (None, "007", 2e-06)


def test_live_row_of_another_channel_is_refused() -> None:
    """``dev`` identifies the row (faults A09)."""
    row = '<inquire dev="27-21-2-3-0" cycle_id="1" workstatus="finish" current="0" voltage="0" totaltime="0" />'
    with pytest.raises(BadReply, match="27-21-2-3-0"):
        replies.live(tree(f'<list count="1">{row}</list>'), [A])


@pytest.mark.parametrize(
    "frame",
    [
        b'<bts version="1.0"><cmd>x</cmd>',
        b'<bts version="1.0"></bts>',
        b"<bts><cmd>\xff</cmd></bts>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><bts><cmd>&b;</cmd></bts>',
        b"<other><cmd>x</cmd></other>",
    ],
)
def test_frame_that_is_no_reply_is_refused(frame: bytes) -> None:
    """Broken XML, document types, other encodings and other roots are errors (faults A07, security S09)."""
    with pytest.raises(BadReply):
        wire.parse(frame)


def test_flipped_bit_is_refused_or_misread_as_another_value_of_the_same_records(figure: Figure) -> None:
    """No bit makes a record more or fewer, or one of another test or channel; a digit has no checksum (faults A07)."""
    frame = ET.tostring(downloaded(data_row(1, 1, 1, 0)))
    (sound,) = replies.records(wire.parse(frame)[1], A, 143, None, 1, clock)
    refused, misread = 0, 0
    for at in range(8 * len(frame)):
        flipped = bytearray(frame)
        flipped[at // 8] ^= 1 << at % 8
        try:
            (found,) = replies.records(wire.parse(bytes(flipped))[1], A, 143, None, 1, clock)
        except BadReply:
            refused += 1
            continue
        assert found.sequence == sound.sequence
        misread += found != sound
    assert refused > 8 * len(frame) / 2
    assert misread < 8 * len(frame) / 10
    figure("A07", "single bits that leave another value", misread, f"of {8 * len(frame)}")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_reply_or_a_bad_reply(frame: bytes) -> None:
    """Nothing that a peer sends raises anything but BadReply."""
    try:
        wire.parse(frame)
    except BadReply:
        return


def test_local_time_of_the_bts_pc_becomes_unix_seconds() -> None:
    """The zone is a setting; dots between date parts are accepted."""
    zurich = replies.TesterClock(ZoneInfo("Europe/Zurich"))
    assert zurich.unix_time_s("2026-01-05 14:03:11") == clock("2026-01-05 13:03:11")
    assert zurich.unix_time_s("2026.07.05 14:03:11") == clock("2026-07-05 12:03:11")


def test_hour_that_comes_twice_when_daylight_saving_ends_is_told_apart_by_order() -> None:
    """25 October 2026 in Zurich: 02:00 to 03:00 twice; stored times rise and none is there twice (faults G02)."""
    zurich = replies.TesterClock(ZoneInfo("Europe/Zurich"))
    zurich.follow(None)
    minutes = [f"2026-10-25 {h:02}:{m:02}:00" for h in (1, 2, 2, 3) for m in range(0, 60, 10)]
    found = [zurich.unix_time_s(text) for text in minutes]
    assert [b - a for a, b in pairwise(found)] == [600.0] * (len(found) - 1)
    zurich.follow(found[13])
    assert zurich.unix_time_s(minutes[14]) == found[14]


def test_hour_that_is_left_out_when_daylight_saving_begins_is_no_gap() -> None:
    """29 March 2026 in Zurich: 01:50 is followed by 03:00, ten minutes later (faults G02)."""
    zurich = replies.TesterClock(ZoneInfo("Europe/Zurich"))
    assert zurich.unix_time_s("2026-03-29 03:00:00") - zurich.unix_time_s("2026-03-29 01:50:00") == 600


@given(st.text(max_size=70))
def test_barcode_outside_its_alphabet_never_reaches_the_wire(barcode: str) -> None:
    """A barcode is refused or sent as it is (security S08)."""
    backup = wire.Backup("C:\\data")
    try:
        request = wire.start(A, 'C:\\a & b <"x">.xml', barcode, backup)
    except ValueError:
        assert not wire.BARCODE.fullmatch(barcode)
        return
    root = DefusedET.fromstring(request.data.rsplit(TERMINATOR, 1)[0])
    start = root.find("list/start")
    assert start is not None
    assert (start.get("barcode"), start.text) == (barcode, 'C:\\a & b <"x">.xml')


def test_outcome_is_ok_or_false_and_nothing_else() -> None:
    """Any other word is no answer."""
    assert wire.outcome(tree('<list count="1"><stop>ok</stop></list>'), "stop")
    assert not wire.outcome(tree('<list count="1"><stop>false</stop></list>'), "stop")
    with pytest.raises(BadReply):
        wire.outcome(tree('<list count="1"><stop>maybe</stop></list>'), "stop")
