"""The BTS byte stream: golden bytes, every cut position, garbage around, cut off, bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply
from drivers.neware.framing import Framer

BODY = '<bts version="1.0">\r\n  <cmd>stop_resp</cmd>\r\n  <list count="1">é#</list>\r\n</bts>'.encode()
REPLY = b'<?xml version="1.0" encoding="UTF-8"?>\r\n' + BODY + b"\n\n#\r\n"


def test_reply_of_the_reference_is_one_frame() -> None:
    """The terminator of Appendix B ends a frame, which runs from its root's start to its end."""
    assert Framer().feed(REPLY) == [BODY]


@pytest.mark.parametrize("terminator", [b"#\r\n", b"\n\n#\r\n", b"\r\n#\r\n", b" \r\n\r\n #\r\n"])
def test_white_space_before_the_terminator_may_vary(terminator: bytes) -> None:
    """Every terminator that section 2.2 lists is accepted."""
    assert Framer().feed(BODY + terminator) == [BODY]


@given(st.integers(1, len(REPLY) - 1), st.integers(1, len(REPLY) - 1))
def test_reply_cut_anywhere_gives_the_same_frame(first: int, second: int) -> None:
    """Any two cuts, also inside a multi-byte character, change nothing."""
    framer = Framer()
    one, two = sorted((first, second))
    pieces = [REPLY[:one], REPLY[one:two], REPLY[two:]]
    assert [frame for piece in pieces for frame in framer.feed(piece)] == [BODY]
    assert framer.pending == 0


def test_byte_by_byte_gives_the_same_frame() -> None:
    """One byte a read is the same reply."""
    framer = Framer()
    assert [f for n in range(len(REPLY)) for f in framer.feed(REPLY[n : n + 1])] == [BODY]


@given(st.binary(max_size=200).filter(lambda b: b"<bts" not in b and b"</bts>" not in b))
def test_garbage_before_a_reply_is_dropped(garbage: bytes) -> None:
    """Whatever stands before the reply does not get into it."""
    assert Framer().feed(garbage + REPLY) == [BODY]


def test_cut_off_reply_loses_to_the_whole_one_after_it() -> None:
    """A reply that broke off is not glued to the next."""
    assert Framer().feed(REPLY[:60] + REPLY) == [BODY]


def test_two_replies_in_one_read_are_two_frames() -> None:
    """One read is not one message."""
    assert Framer().feed(REPLY + REPLY) == [BODY, BODY]


def test_hash_inside_a_reply_ends_nothing() -> None:
    """A lone hash with a line end, as a barcode may hold, is content."""
    body = BODY.replace(b"#", b"#\r\n")
    assert Framer().feed(body + b"\n\n#\r\n") == [body]


def test_endless_reply_is_refused_at_the_cap() -> None:
    """A peer that never ends its reply cannot fill the memory (faults A10)."""
    framer = Framer(frame_cap=10_000)
    framer.feed(b"<bts>" + b"x" * 9_990)
    with pytest.raises(BadReply, match="10000"):
        framer.feed(b"x" * 10)
    assert framer.pending == 0
