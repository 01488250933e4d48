"""Modbus by the byte: the frames of the reference, cut, spoiled and mixed with other people's words."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply, NoReply
from drivers.oven.register_map import RegisterType
from drivers.oven.values import number_of
from drivers.oven.wire import RefusedByUnit, Request, RtuExchange, TcpExchange
from simulators.oven.controller import SimulatedController, oven_of
from simulators.oven.frames import Asked, SerialCutter, sealed

# Reference smu-and-ovens, section 18; the last is the vendor's own.
READ = (Request(32, 3, 1, 5), "20 03 00 01 00 05 D2 B8", "20 03 0A 02 58 02 58 00 7D 00 7D 02 56 46 0E")
GOLDEN = [
    (*READ, (600, 600, 125, 125, 598)),
    (Request(32, 6, 2, values=(600,)), "20 06 00 02 02 58 2E 21", "20 06 00 02 02 58 2E 21", (600,)),
    (Request(32, 16, 24, values=(600,)), "20 10 00 18 00 01 02 02 58 31 43", "20 10 00 18 00 01 87 7F", (600,)),
    (Request(32, 3, 75, 1), "20 03 00 4B 00 01 F2 AD", "20 03 02 00 20 05 9B", (0x20,)),
    (Request(32, 3, 0x8002, 2), "20 03 80 02 00 02 4A BA", "20 03 04 42 70 28 F6 40 D4", (0x4270, 0x28F6)),
    (Request(33, 3, 0x2000, 3), "21 03 20 00 00 03 09 6B", "21 03 06 02 58 01 00 02 58 99 FD", (600, 256, 600)),
    (Request(33, 6, 0, values=(1,)), "21 06 00 00 00 01 4F 6A", "21 06 00 00 00 01 4F 6A", (1,)),
    (Request(33, 6, 0x2103, values=(600,)), "21 06 21 03 02 58 74 0C", "21 06 21 03 02 58 74 0C", (600,)),
    (
        Request(1, 16, 0x2105, values=(0x03E8, 0xFC18)),
        "01 10 21 05 00 02 04 03 E8 FC 18 66 BB",
        "01 10 21 05 00 02 5B F5",
        (0x03E8, 0xFC18),
    ),
]
EXCEPTIONS = [(3, "20 83 02 90 FB", 2), (6, "20 86 02 93 AB", 2), (16, "20 90 03 5C 0B", 3)]


def _exchange(echo: bool = False) -> RtuExchange:
    return RtuExchange(READ[0], echo=echo)


REPLY = bytes.fromhex(READ[2])


@pytest.mark.parametrize(("request_", "sent", "reply", "registers"), GOLDEN, ids=[one[1][:11] for one in GOLDEN])
def test_request_and_reply_have_the_bytes_of_the_reference(
    request_: Request, sent: str, reply: str, registers: tuple[int, ...]
) -> None:
    """What the driver sends, and what it makes of the reply, is what the reference prints."""
    exchange = RtuExchange(request_, echo=False)
    assert exchange.data == bytes.fromhex(sent)
    assert exchange.feed(bytes.fromhex(reply)) == registers


@pytest.mark.parametrize(("function", "reply", "code"), EXCEPTIONS)
def test_exception_is_a_refusal_with_its_number(function: int, reply: str, code: int) -> None:
    """An exception raises, and is never an empty list of registers."""
    exchange = RtuExchange(Request(32, function, 2, 1, (600,)), echo=False)
    with pytest.raises(RefusedByUnit) as caught:
        exchange.feed(bytes.fromhex(reply))
    assert caught.value.code == code


@pytest.mark.parametrize(("_", "sent", "reply", "registers"), GOLDEN[:1] + GOLDEN[3:4])
def test_simulated_controller_cuts_and_seals_the_frames_of_the_reference(
    _: Request, sent: str, reply: str, registers: tuple[int, ...]
) -> None:
    """The simulator's own reading of the same frames: what it cuts and what it seals."""
    (asked,) = SerialCutter().feed(bytes.fromhex(sent))
    assert (asked.unit, asked.function) == (32, 3)
    body = bytes([32, 3, 2 * len(registers)]) + b"".join(word.to_bytes(2, "big") for word in registers)
    assert sealed(body) == bytes.fromhex(reply)


def _controller(model: str = "eurotherm-3216") -> SimulatedController:
    return SimulatedController(model, oven_of(model, lambda: 0.0))


@pytest.mark.parametrize(
    ("model", "asked", "answer"),
    [
        ("eurotherm-3216", "20 06 00 02 02 58", "20 06 00 02 02 58"),
        ("eurotherm-3216", "20 10 00 18 00 01 02 02 58", "20 10 00 18 00 01"),
        ("eurotherm-3216", "20 03 00 4D 00 01", "20 83 02"),
        ("eurotherm-3216", "20 03 00 01 00 00", "20 83 03"),
        ("eurotherm-3216", "20 03 00 01 00 7E", "20 83 03"),
        ("eurotherm-3216", "20 06 00 05 02 58", "20 86 02"),
        ("eurotherm-3216", "20 10 00 18 00 02 02 02 58", "20 90 03"),
        ("eurotherm-3216", "20 06 00 02 7F FF", "20 86 03"),
        ("eurotherm-3216", "20 07 00 00", "20 87 01"),
        ("eurotherm-3216", "00 06 00 02 02 58", ""),
        ("eurotherm-3216", "05 06 00 02 02 58", ""),
        ("omron-e5cc", "21 06 21 03 02 58", "21 86 04"),
        ("omron-e5cc", "21 06 00 00 00 01", "21 06 00 00 00 01"),
        ("omron-e5cc", "21 08 00 00 12 34", "21 08 00 00 12 34"),
        ("omron-e5cc", "21 03 01 06 00 02", "21 03 04 00 00 00 FA"),
        ("omron-e5cc", "21 03 01 07 00 02", "21 83 02"),
    ],
)
def test_simulated_controller_answers_as_the_reference_says(model: str, asked: str, answer: str) -> None:
    """Exceptions in their order, silence for a broadcast and for another unit, the operations of an Omron."""
    data = bytes.fromhex(asked)
    body = _controller(model).answer(Asked(data[0], data[1], data[2:]))
    assert (body or b"") == bytes.fromhex(answer)


def test_broadcast_is_carried_out() -> None:
    """A broadcast has no reply, and the set point is there all the same."""
    controller = _controller()
    assert controller.answer(Asked(0, 6, bytes.fromhex("00 02 02 58"))) is None
    assert controller.oven.target_degc == 60.0


@pytest.mark.parametrize("cut", range(1, len(REPLY)))
def test_reply_in_two_pieces_is_one_reply(cut: int) -> None:
    """Wherever a reply is cut, it is read once it is whole (fault A06)."""
    exchange = _exchange()
    assert exchange.feed(REPLY[:cut]) is None
    assert exchange.feed(REPLY[cut:]) == (600, 600, 125, 125, 598)


@given(st.integers(0, len(REPLY) * 8 - 1))
def test_no_flipped_bit_gets_through(bit: int) -> None:
    """A reply with one wrong bit is no reply (fault A07)."""
    spoiled = bytearray(REPLY)
    spoiled[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(BadReply):
        assert _exchange().feed(bytes(spoiled)) is None


@given(st.binary(max_size=2), st.binary(max_size=1))
def test_noise_of_a_line_that_turns_round_is_no_harm(before: bytes, after: bytes) -> None:
    """A byte or two of noise around a reply does not lose it, whatever its number is taken for."""
    assert _exchange().feed(before + REPLY + after) == (600, 600, 125, 125, 598)


@given(st.binary(max_size=200))
def test_garbage_is_never_a_reply(garbage: bytes) -> None:
    """Other bytes raise nothing but named errors, and are no values."""
    with contextlib.suppress(BadReply, NoReply, RefusedByUnit):
        assert _exchange().feed(garbage) is None


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param("20 03 02 00 20 05 9B", id="another count"),
        pytest.param("20 06 00 02 02 58 2E 21", id="another function"),
        pytest.param("21 03 06 02 58 01 00 02 58 99 FD", id="another unit"),
    ],
)
def test_late_reply_to_another_request_is_not_taken(reply: str) -> None:
    """A whole frame that answers something else is no answer (fault A08), where pymodbus would take it."""
    assert _exchange().feed(bytes.fromhex(reply)) is None


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        pytest.param(Request(32, 6, 2, values=(600,)), "20 06 00 03 02 58", id="another register"),
        pytest.param(Request(32, 6, 2, values=(600,)), "20 06 00 02 02 59", id="another value"),
        pytest.param(Request(32, 16, 24, values=(600,)), "20 10 00 19 00 01", id="other registers"),
        pytest.param(Request(32, 16, 24, values=(600,)), "20 10 00 18 00 02", id="more registers"),
        pytest.param(Request(32, 8, values=(0x1234,)), "20 08 00 00 12 35", id="another word sent back"),
        pytest.param(Request(32, 3, 2, 1), "20 86 02", id="another function's exception"),
    ],
)
def test_whole_frame_that_answers_something_else_is_not_taken(request_: Request, reply: str) -> None:
    """What a write or a loop back is answered must be the very thing that was asked."""
    assert RtuExchange(request_, echo=False).feed(sealed(bytes.fromhex(reply))) is None


def test_loop_back_is_answered_by_its_own_word() -> None:
    """Function 8 sends the word back; an exception of it is a refusal."""
    exchange = RtuExchange(Request(32, 8, values=(0x1234,)), echo=False)
    assert exchange.data == sealed(bytes.fromhex("20 08 00 00 12 34"))
    assert exchange.feed(exchange.data) == (0x1234,)
    with pytest.raises(RefusedByUnit, match="it has no such function"):
        RtuExchange(Request(32, 8, values=(1,)), echo=False).feed(sealed(bytes.fromhex("20 88 01")))


@pytest.mark.parametrize("code", [10, 11])
def test_gateway_that_misses_a_unit_is_no_reply(code: int) -> None:
    """A gateway's exception is no refusal of the unit: nobody answered."""
    with pytest.raises(NoReply, match="the gateway"):
        _exchange().feed(sealed(bytes([32, 0x83, code])))


@pytest.mark.parametrize("noise", [b"\x20\x03\x02", b"\x20\x03\xff", b"\x20\x83\x02"])
def test_noise_that_looks_like_the_begin_of_a_reply_hides_none(noise: bytes) -> None:
    """Three bytes of noise are borne, also where they could begin a frame; a fourth is somebody else's word."""
    assert _exchange().feed(noise + REPLY) == (600, 600, 125, 125, 598)
    with pytest.raises(BadReply, match="4 bytes beside the reply"):
        _exchange().feed(noise + REPLY + b"\x00")


def test_second_master_is_named() -> None:
    """Words of another master around a reply are an error that says so."""
    with pytest.raises(BadReply, match="another master"):
        _exchange().feed(bytes.fromhex("20 03 00 4B 00 01 F2 AD 20 03 02 00 20 05 9B") + REPLY)


def test_echo_is_named_and_taken_off() -> None:
    """An echo that nobody expects says which setting to make; with that it is taken off, wherever it is cut."""
    sent = _exchange().data
    with pytest.raises(BadReply, match="echo = true"):
        _exchange().feed(sent + REPLY)
    exchange = _exchange(echo=True)
    assert exchange.feed(sent[:3]) is None
    assert exchange.feed(sent[3:] + REPLY) == (600, 600, 125, 125, 598)
    with pytest.raises(BadReply, match="echo = false"):
        _exchange(echo=True).feed(REPLY)


def test_endless_bytes_are_bounded() -> None:
    """A line that never is silent fills no memory (fault A10)."""
    exchange = _exchange()
    assert exchange.feed(bytes(1024)) is None
    with pytest.raises(BadReply, match="over 1024 bytes"):
        exchange.feed(bytes(1))


def test_tcp_reply_is_told_by_its_number() -> None:
    """A late Modbus TCP reply is dropped, the right one behind it is taken; another protocol is named."""
    late, exchange = TcpExchange(READ[0]), TcpExchange(READ[0])
    body = bytes([0, 0, 0, len(REPLY) - 2]) + REPLY[:-2]
    assert exchange.feed(late.data[:2] + body) is None
    assert exchange.feed(exchange.data[:2] + body) == (600, 600, 125, 125, 598)
    with pytest.raises(BadReply, match="no Modbus TCP"):
        TcpExchange(READ[0]).feed(b"HTTP/1.1 400 Bad Request\r\n")


def _tcp(body: str, exchange: TcpExchange) -> bytes:
    data = bytes.fromhex(body)
    return exchange.data[:2] + bytes([0, 0, 0, len(data)]) + data


def test_tcp_reply_comes_byte_by_byte() -> None:
    """A Modbus TCP reply in any pieces is one reply; the next byte begins another (fault A06)."""
    exchange = TcpExchange(Request(32, 3, 75, 1))
    assert exchange.data[2:] == bytes.fromhex("00 00 00 06 20 03 00 4B 00 01")
    whole = _tcp("20 03 02 00 20", exchange)
    assert [exchange.feed(bytes([byte])) for byte in whole[:-1]] == [None] * (len(whole) - 1)
    assert exchange.feed(whole[-1:]) == (0x20,)


@pytest.mark.parametrize("body", ["21 03 02 00 20", "20 04 02 00 20", "20 03 04 00 20 00 20"])
def test_tcp_reply_of_another_unit_or_to_something_else_is_refused(body: str) -> None:
    """With the right number, and yet not the answer: a named error."""
    exchange = TcpExchange(Request(32, 3, 75, 1))
    with pytest.raises(BadReply, match=r"unit 33 answers|answers something else"):
        exchange.feed(_tcp(body, exchange))


@pytest.mark.parametrize(
    ("kind", "words", "order", "number"),
    [
        (RegisterType.I16, [0xFFCB], "high", -53),
        (RegisterType.U16, [0xFFCB], "high", 65483),
        (RegisterType.I16, [0x8000], "high", None),
        (RegisterType.I16, [0x7FFF], "high", None),
        (RegisterType.F32, [0x4270, 0x28F6], "high", pytest.approx(60.04)),
        (RegisterType.F32, [0x28F6, 0x4270], "low", pytest.approx(60.04)),
        (RegisterType.F32, [0x7FC0, 0], "high", None),
        (RegisterType.F32, [0x7F80, 0], "high", None),
        (RegisterType.I32, [0xFFFF, 0xFFCB], "high", -53),
        (RegisterType.I32, [0x8000, 0], "high", None),
    ],
)
def test_registers_are_signed_numbers_or_none(
    kind: RegisterType, words: list[int], order: str, number: float | None
) -> None:
    """Below zero, two words in either order, and what stands for no value."""
    assert number_of(kind, words, "low" if order == "low" else "high") == number
