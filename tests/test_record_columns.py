"""Records by columns: whatever a reply says, the strict pass and the XML parser make the same of it."""

import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.errors import BadReply, DriverError
from drivers.interfaces import Sample
from drivers.neware import record_columns, replies, wire

A = wire.Address("127.0.0.1", 27, 21, 1, 3)
ZONE = ZoneInfo("Europe/Zurich")
# The record before: in the hour that comes twice when daylight saving ends.
LAST = Sample(4, 7.5, 2.5, 1, 1, 1, "cc", 0.1, 1e-4, 0.0, 0.0, 1792888200.0)
ATTRIBUTE = re.compile(r' \w+="[^"]*"')
VALUES = (
    *("", "--", " 7", "7 ", "007", "-5", "+5", "1_0", "1,5", "1.2.3", "0x10", "nan", "inf", "1e999", "-1e-999", "."),
    *(
        "9" * 18,
        "9" * 19,
        "9" * 400,
        "\u0664",
        "&#49;",
        "&lt;",
        "&amp;",
        "&nope;",
        "1\t2",
        "1\n2",
        "<",
        ">",
        "'",
        "1.5",
    ),
    *("2026.10.25 02:10:00", "2026-10-25 02-10-00", "2026-10-25T02:10:00", "2026-13-25 02:10:00", "rest", "a b"),
)
BETWEEN = (
    *("<!-- x -->", "<?x y?>", " ", "\t", "\n", "x", "<data/>", "<data />", "<list></list>", "</list>", "&#32;"),
    *("\x00", "\u00b5", "\ufeff", "<![CDATA[x]]>", '"', "#\r\n", "</bts>", "<bts>"),
)
LAYOUTS = (("\r\n", "\n"), ("\r\n", ""), ("\r\n", "\r\n "), ("donwload", "download"), (" />", "/>"), ('"', "'"))


def reply(rows: list[tuple[int, int, int, int, float]], first: int) -> str:
    """Write records in the vendor's layout: step, cycle, milliseconds, minute of the night, value."""
    lines = [
        f'    <data seqid="{first + n}" stepid="{step}" cycleid="{cycle}" steptype="cc" testtime="{ms}" '
        f'atime="2026-10-25 {minute // 60:02}:{minute % 60:02}:07" volt="{value:.15g}" curr="{-value:.15g}" '
        f'cap="{value / 7:.15g}" eng="0" />\r\n'
        for n, (step, cycle, ms, minute, value) in enumerate(rows)
    ]
    echo = f'devtype="27" devid="21" subdevid="1" chlid="3" testid="143" startpos="{first}" count="1000" auxid="0"'
    head = f'<bts version="1.0">\r\n  <cmd>donwload_resp</cmd>\r\n  <download {echo} />\r\n'
    return f'{head}  <list count="{len(rows)}">\r\n{"".join(lines)}  </list>\r\n</bts>'


ROWS = st.lists(
    st.tuples(
        st.integers(1, 2), st.integers(1, 2), st.integers(0, 9000), st.integers(60, 240), st.floats(-5, 5, width=32)
    ),
    min_size=1,
    max_size=5,
)


def of_text(draw: st.DrawFn, text: str) -> str:
    """Spoil a text somewhere: cut it, take a piece out, put something in, or write it in another layout."""
    at, until = sorted(draw(st.integers(0, len(text))) for _ in "12")
    between = draw(st.sampled_from(BETWEEN))
    old, new = draw(st.sampled_from(LAYOUTS))
    ways = (text[:at], text[:at] + text[until:], text[:at] + between + text[at:], text.replace(old, new))
    rows = (text.replace("    <data", f"{between}    <data", 1), text.replace("  </list>", f"{between}  </list>", 1))
    spoilt: str = draw(st.sampled_from(ways + rows))
    return spoilt


def of_attributes(draw: st.DrawFn, text: str) -> str:
    """Spoil an attribute: give it another value, double it, write another one over it, move it, or leave it out."""
    found: list[tuple[str, int, int]] = [(m.group(), *m.span()) for m in ATTRIBUTE.finditer(text)]
    if not found:
        return text
    one, start, end = draw(st.sampled_from(found))
    other, _, there = draw(st.sampled_from(found))
    changed = f'{one.partition("=")[0]}="{draw(st.sampled_from(VALUES))}"'
    if draw(st.booleans()):
        return text[:start] + changed + text[end:]
    ways = (text[:end] + one + text[end:], text[:start] + other + text[end:], text[:there] + one + text[there:])
    spoilt: str = draw(st.sampled_from((*ways, text[:start] + text[end:])))
    return spoilt


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, int]:
    """Give a reply that is spoiled in up to three ways, and how many records were asked for."""
    rows = draw(ROWS)
    text = reply(rows, 5)
    for _ in range(draw(st.integers(0, 3))):
        text = draw(st.sampled_from((of_text, of_attributes)))(draw, text)
    return text, draw(st.sampled_from((len(rows), len(rows) + 1)))


def outcome(read: Callable[[], object]) -> str:
    """Say what was read, or with which words it was refused."""
    try:
        return repr(read())
    except DriverError as err:
        return f"{type(err).__name__}: {err}"


def by_tree(frame: bytes, last: Sample | None, count: int) -> object:
    """Read a reply as every other one is read."""
    name, root = wire.parse(frame)
    clock = replies.TesterClock(ZONE)
    clock.follow(last.unix_time_s if last else None)
    return name, replies.first_record(root), replies.records(root, A, 143, last, count, clock.unix_time_s)


def by_columns(frame: bytes, last: Sample | None, count: int) -> object:
    """Read a reply in the strict pass, where it has the layout for that."""
    name, read = record_columns.parse(frame)
    clock = replies.TesterClock(ZONE)
    return name, record_columns.first_record(read), record_columns.records(read, A, 143, last, count, clock)


@settings(max_examples=150)
@given(spoiled())
@example((reply([(1, 1, 0, 100, 0.1)], 7), 1))
def test_spoiled_reply_is_read_or_refused_in_the_same_words_by_both_ways(case: tuple[str, int]) -> None:
    """Cut, doubled, reordered, with entities, comments, blanks or nonsense: result and error are the parser's."""
    text, count = case
    frame = text.encode()
    assert outcome(lambda: by_columns(frame, LAST, count)) == outcome(lambda: by_tree(frame, LAST, count))


@given(ROWS, st.booleans())
def test_reply_in_the_vendors_layout_is_read_by_columns(
    rows: list[tuple[int, int, int, int, float]], new: bool
) -> None:
    """Times, steps and values are the parser's to the last bit, and no tree is made for them."""
    last = None if new else LAST
    frame = reply(rows, 1 if new else 5).encode()
    assert isinstance(record_columns.parse(frame)[1], record_columns.RecordColumns)
    assert by_columns(frame, last, len(rows)) == by_tree(frame, last, len(rows))


@pytest.mark.parametrize("part", ['    <data seqid="', '    <data seqid="1', "    ", '" stepid="', "9", " />\r\n"])
def test_megabyte_that_nearly_matches_is_refused_in_one_pass(part: str) -> None:
    """The strict pass never goes back: its time is linear in the length of the text, whatever the text is."""
    head, _, tail = reply([], 1).partition("  </list>")
    text = head + part * (1_000_000 // len(part)) + "  </list>" + tail
    with pytest.raises(BadReply):
        by_columns(text.encode(), None, 1)


def test_record_with_columns_of_auxiliary_inputs_is_read() -> None:
    """Mapped inputs add attributes to each record (section 4.5): the rest is what it was."""
    plain = reply([(1, 1, 8000, 130, 0.2), (1, 1, 9000, 131, 0.3)], 5)
    more = plain.replace(' eng="0" />', ' eng="0" T1="59.8" V1="3.3" />')
    assert more != plain
    of_plain, of_more = (record_columns.parse(text.encode())[1] for text in (plain, more))
    read = [record_columns.records(of, A, 143, LAST, 2, replies.TesterClock(ZONE)) for of in (of_plain, of_more)]
    assert read[0] == read[1]
    assert len(read[0]) == 2
