"""The switch's wire: golden bytes, round trip, byte by byte, garbage around, cut off, bounded buffer."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply
from drivers.mux.settings import CommandSettings
from drivers.mux.wire import Closed, ErrorEntry, RelayWire, Text
from drivers.transport.identity import is_identity
from drivers.transport.line_framer import LineFramer
from simulators.mux.commands import Interpreter
from simulators.mux.relays import Relays

WIRE = RelayWire(CommandSettings(), 16)
REPLIES = b'CELLRIG,RELAYS,RM0001,1.0\n(@3)\r\n(@)\n0,"No error"\r-113,"Undefined header"\n'
LINES = [b"CELLRIG,RELAYS,RM0001,1.0", b"(@3)", b"(@)", b'0,"No error"', b'-113,"Undefined header"']


def switch(ports: int = 16) -> tuple[Interpreter, Relays]:
    """Give a simulated switch without a wire."""
    relays = Relays(ports, lambda port: None)
    return Interpreter(relays, "CELLRIG,RELAYS,RM0001,1.0"), relays


def test_commands_are_these_bytes() -> None:
    """What goes out, byte for byte."""
    sent = [WIRE.identify(), WIRE.open_all(), WIRE.close(3), WIRE.closed(), WIRE.error()]
    assert sent == [b"*IDN?\n", b"ROUT:OPEN:ALL\n", b"ROUT:CLOS (@3)\n", b"ROUT:CLOS?\n", b"SYST:ERR?\n"]


def test_replies_are_these_values() -> None:
    """What comes in, byte for byte."""
    read = [WIRE.parse(line) for line in LINES]
    assert read == [
        Text("CELLRIG,RELAYS,RM0001,1.0"),
        Closed((3,)),
        Closed(()),
        ErrorEntry(0, "No error"),
        ErrorEntry(-113, "Undefined header"),
    ]


def test_simulated_switch_answers_these_bytes() -> None:
    """The same exchange, read by the simulator alone: neither reads the other's code."""
    asked = ["*IDN?", "rout:clos (@3)", ":ROUTE:CLOSE?", "ROUT:OPEN:ALL", "ROUT:CLOS?", "SYST:ERR?", "ROUT:CLOZ"]
    interpreter, _ = switch()
    answers = [interpreter.run(line) for line in (*asked, "SYSTem:ERRor:NEXT?")]
    assert [answer for answer in answers if answer is not None] == [line.decode() for line in LINES]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("ROUT:CLOS (@1,3:5);:ROUT:CLOS?", "(@1,3,4,5)"),
        ("ROUT:CLOS (@9);ROUT:CLOS?;SYST:ERR?", '(@);-222,"Data out of range"'),
        ("ROUT:CLOS (@1,x);ROUT:CLOS?;SYST:ERR?", '(@);-102,"Syntax error"'),
        ("ROUT:CLOS;SYST:ERR?", '-109,"Missing parameter"'),
        ("ROUT:OPEN:ALL 3;SYST:ERR?", '-108,"Parameter not allowed"'),
        ("ROUT:CLOS (@2:4);ROUT:OPEN (@3);ROUT:CLOS? (@1:4)", "0,1,0,1"),
        ("NONSENSE;*CLS;SYST:ERR?", '0,"No error"'),
        ("ROUT:CLOS (@2);*RST;*OPC?;ROUT:CLOS?", "1;(@)"),
    ],
)
def test_simulated_switch_does_what_its_kind_does(line: str, answer: str) -> None:
    """A wrong list switches nothing, and each complaint waits in the queue."""
    assert switch(8)[0].run(line) == answer


def test_full_error_queue_ends_with_its_overflow() -> None:
    """Sixteen complaints are kept; of the later ones only that they were too many."""
    interpreter, _ = switch()
    for _ in range(40):
        interpreter.run("NONSENSE")
    answers = [interpreter.run("SYST:ERR?") for _ in range(17)]
    assert answers[15:] == ['-350,"Queue overflow"', '0,"No error"']


@given(st.sets(st.integers(1, 16)))
def test_ports_come_back_as_they_were_closed(ports: set[int]) -> None:
    """Driver's bytes through the simulated switch and back give the same ports."""
    interpreter, _ = switch()
    for port in ports:
        assert interpreter.run(WIRE.close(port).decode()) is None
    answer = interpreter.run(WIRE.closed().decode())
    assert answer is not None
    assert WIRE.parse(answer.encode()) == Closed(tuple(sorted(ports)))


@given(st.sets(st.integers(1, 16)), st.sampled_from(["(@{ports})", "CLOSED: {ports}", "[{ports}]"]))
def test_other_spellings_of_a_list_are_read(ports: set[int], spelling: str) -> None:
    """The list's spelling is a setting."""
    wire = RelayWire(CommandSettings(closed_reply=spelling), 16)
    line = spelling.replace("{ports}", ",".join(map(str, ports))).encode()
    assert wire.parse(line) == Closed(tuple(sorted(ports)))


@given(st.lists(st.integers(0, len(REPLIES)), max_size=6))
def test_replies_cut_anywhere_give_the_same_lines(cuts: list[int]) -> None:
    """Every set of cut positions gives what one piece gives (faults A06)."""
    framer = LineFramer()
    places = [0, *sorted(cuts), len(REPLIES)]
    pieces = [REPLIES[a:b] for a, b in pairwise(places)]
    assert [line for piece in pieces for line in framer.feed(piece)] == LINES
    assert framer.pending == 0


def test_byte_by_byte_gives_the_same_lines() -> None:
    """One byte a read is the same conversation."""
    framer = LineFramer()
    assert [line for n in range(len(REPLIES)) for line in framer.feed(REPLIES[n : n + 1])] == LINES


@given(st.binary(max_size=60).filter(lambda b: not {10, 13} & set(b)))
def test_garbage_on_a_line_of_its_own_spoils_no_other(garbage: bytes) -> None:
    """Whatever stands on the lines around, the reply between them is whole."""
    around = [line for line in LineFramer().feed(garbage + b"\n(@3)\n" + garbage + b"\n") if line != garbage]
    assert around == [b"(@3)"]


@given(st.integers(2, 5), st.binary(min_size=1, max_size=20).filter(lambda b: set(b) - set(b"0123456789, ")))
def test_garbage_within_a_list_is_refused(place: int, garbage: bytes) -> None:
    """No byte but those of a list gets into one (faults A07)."""
    with pytest.raises(BadReply):
        WIRE.parse(b"(@1,2)"[:place] + garbage + b"(@1,2)"[place:])


@pytest.mark.parametrize(
    "line",
    [
        b"(@3",
        b"(@",
        b"(@3)(@4)",
        b"(@17)",
        b"(@0)",
        b"(@03)",
        b"(@1,1)",
        b"(@1,)",
        b"(@1;2)",
        b"(@-1)",
        b"(@\xb23)",
        b"(@\x003)",
        "(@٣)".encode(),
    ],
)
def test_list_that_cannot_be_is_refused(line: bytes) -> None:
    """Cut off, doubled, beyond the switch, or no numbers at all."""
    with pytest.raises(BadReply):
        WIRE.parse(line)


@pytest.mark.parametrize("cut", range(1, len(b"(@12)")))
def test_list_cut_off_is_never_a_shorter_list(cut: int) -> None:
    """Port 12 without its end is not port 1."""
    try:
        read = WIRE.parse(b"(@12)"[:cut])
    except BadReply:
        return
    assert isinstance(read, Text)  # a lone bracket: no reply to anything


def test_endless_line_is_refused_at_the_cap() -> None:
    """A peer that never ends its line cannot fill the memory (faults A10)."""
    framer = LineFramer(line_cap=100)
    framer.feed(b"x" * 100)
    with pytest.raises(BadReply, match="limit is 100"):
        framer.feed(b"x")
    assert framer.pending == 0


def test_port_that_is_not_there_has_no_bytes() -> None:
    """Not even the wire spells a port beyond the switch."""
    with pytest.raises(ValueError, match="1 to 16"):
        WIRE.close(17)


@pytest.mark.parametrize(
    ("text", "identity", "same"),
    [
        ("ACME,RM8,SN12,1.0", "SN12", True),
        ("ACME,RM8,SN123,1.0", "SN12", False),
        ("ACME,RM8,XSN12,1.0", "SN12", False),
        ("ACME,RM8,SN12", "RM8,SN12", True),
        ("acme,rm8,sn12", "SN12", False),
    ],
)
def test_identity_is_a_whole_word(text: str, identity: str, same: bool) -> None:
    """The switch with serial number 123 is not number 12 (faults A02)."""
    assert is_identity(text, identity) is same
