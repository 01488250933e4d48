"""Thermometers that send lines of text: what is read of them, and what is not taken for a temperature."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.errors import BadReply, ConnectionFailed, NoReply
from drivers.temperatures import TemperatureProbe
from drivers.thermometer import LineThermometer, ThermometerSettings
from drivers.thermometer.text import LineReader
from drivers.transport.line import StreamLine, Streams
from orchestrator.clock.virtual import wall_time
from simulators.faults import Fault, Spoil
from simulators.memory_streams import connect_memory
from simulators.thermometer import SimulatedLogger

_PLACES = {"21-1-1": "a", "oven": "b"}


def _settings(**changed: Any) -> ThermometerSettings:  # noqa: ANN401 - settings of any kind
    usual: dict[str, Any] = {"name": "logger", "port": "memory", "columns": ["a", "b"], "places": _PLACES}
    quick = {"reconnect_first_s": 0.001, "reconnect_longest_s": 0.002}
    return ThermometerSettings.model_validate({**usual, **quick, **changed})


def _thermometer(logger: SimulatedLogger, **changed: Any) -> LineThermometer:  # noqa: ANN401 - settings
    async def connect() -> Streams:
        return connect_memory(logger.handle)

    async def lines() -> list[StreamLine]:
        return [StreamLine("memory", connect)]

    return LineThermometer(_settings(**changed), wall_time, lines)


def _logger(**options: Any) -> SimulatedLogger:  # noqa: ANN401 - options of the logger
    return SimulatedLogger([lambda: 59.8, lambda: 60.4], **options)


def _degc(line: str, **changed: Any) -> list[float | None] | None:  # noqa: ANN401 - settings
    reader = LineReader(_settings(**changed))
    fields = reader.fields(line.encode())
    return None if fields is None else [one.temperature_degc for one in reader.readings(fields, 0.0).values()]


_PATTERN = {"columns": (), "pattern": r"T1=(?P<a>\S+) T2=(?P<b>\S+)"}


@pytest.mark.parametrize(
    ("line", "changed", "temperatures"),
    [
        ("59.8,60.4", {}, [59.8, 60.4]),
        (" +59.8 , -0.5", {}, [59.8, -0.5]),
        ("59.8,OL", {}, [59.8, None]),
        ("59.8,", {}, [59.8, None]),
        ("59.8,1370.0", {}, [59.8, None]),
        ("59.8,nan", {}, [59.8, None]),
        ("59.8,inf", {}, [59.8, None]),
        ("59.8,1_0", {}, [59.8, None]),
        ("59.8,60.4C", {}, [59.8, None]),
        ("time,T1", {}, None),
        ("59.8", {}, None),
        ("59.8,60.4,61.0", {}, None),
        ("59.8   60.4", {"separator": ""}, [59.8, 60.4]),
        ("59,8;60,4", {"separator": ";", "decimal_comma": True}, [59.8, 60.4]),
        ("140.0,32", {"unit": "degF"}, [60.0, 0.0]),
        ("333.15,273.15", {"unit": "K"}, [60.0, 0.0]),
        ("12:00 T1=59.8 T2=6.04E1", _PATTERN, [59.8, 60.4]),
        ("remark", _PATTERN, None),
    ],
)
def test_line_is_read_as_the_settings_say(
    line: str, changed: dict[str, Any], temperatures: list[float | None] | None
) -> None:
    """Columns and patterns, units, commas; what is no number is none, and what has another form is no line."""
    assert _degc(line, **changed) == temperatures


@given(st.text(max_size=40))
def test_no_text_is_a_temperature_that_cannot_be(text: str) -> None:
    """Whatever a line holds, a temperature is within its bounds or none."""
    try:
        found = _degc(text)
    except BadReply:
        assert not text.isascii()
        return
    assert all(one is None or -100.0 <= one <= 400.0 for one in found or ())


@pytest.mark.parametrize("request_", ["", "READ?"])
async def test_places_have_their_temperatures(request_: str) -> None:
    """Asked or by itself, each place has the temperature of its sensor, and its heading is none."""
    thermometer = _thermometer(_logger(request=request_, heading="a,b"), request=request_)
    assert isinstance(thermometer, TemperatureProbe)
    assert thermometer.places() == ("21-1-1", "oven")
    await thermometer.open()
    readings = await thermometer.read()
    assert {place: one.temperature_degc for place, one in readings.items()} == {"21-1-1": 59.8, "oven": 60.4}
    await thermometer.close()


async def test_old_lines_are_not_the_present_temperature() -> None:
    """Lines that arrived while nobody read are dropped: a reading is of now."""
    loop = asyncio.get_running_loop()
    logger = SimulatedLogger([loop.time, loop.time])
    thermometer = _thermometer(logger)
    await thermometer.open()
    await asyncio.sleep(200.5)
    first = (await thermometer.read())["oven"].temperature_degc
    assert first is not None
    assert first == pytest.approx(loop.time(), abs=0.1)
    await thermometer.close()


async def test_identity_is_asked_before_anything_is_believed() -> None:
    """Fault A02: another logger behind the port is told by what it calls itself."""
    wanted = {"identify": "*IDN?", "identity": "42"}
    right = _thermometer(_logger(identify="*IDN?", request="R"), request="R", **wanted)
    await right.open()
    await right.close()
    wrong = _thermometer(_logger(identify="*IDN?", request="R", identity="SIMULATED LOGGER 420"), request="R", **wanted)
    with pytest.raises(ConnectionFailed, match="answers as 'SIMULATED LOGGER 420', not as '42'"):
        await wrong.open()
    await wrong.close()


async def test_another_instrument_is_told_by_what_it_sends() -> None:
    """An instrument whose lines have another form is named, with a line of it."""
    thermometer = _thermometer(_logger(form="weight {0} g"))
    with pytest.raises(BadReply, match=r"sends b'weight 59.8 g', in which pattern or columns"):
        await thermometer.open()
    await thermometer.close()


async def test_silent_instrument_is_left_alone_for_a_while() -> None:
    """Nobody there is a named error at once while it is left alone, and asked again later."""
    logger = _logger(request="R")
    thermometer = _thermometer(logger, request="R", reconnect_first_s=10.0, reconnect_longest_s=30.0)
    await thermometer.open()
    logger.wire.spoil(Fault(Spoil.SILENT, "line"))
    loop = asyncio.get_running_loop()
    with pytest.raises(NoReply, match="sent no line of numbers within 2 s"):
        await thermometer.read()
    since_s = loop.time()
    with pytest.raises(NoReply, match="it is asked again in 10 s"):
        await thermometer.read()
    assert loop.time() == since_s
    await asyncio.sleep(11)
    assert (await thermometer.read())["oven"].temperature_degc == 60.4
    await thermometer.close()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"columns": ()}, "pattern or columns"),
        ({"pattern": "(?P<a>x)"}, "pattern or columns"),
        ({"columns": (), "pattern": "(?P<a>["}, "no regular expression"),
        ({"places": {"21-1-1": "c"}}, "at sensor 'c', and there are a, b"),
        ({"places": {}}, "at least 1 item"),
        ({"identify": "*IDN?"}, "belong together"),
        ({"port": ""}, "give port, or the serial_number"),
        ({"valid_degc": (400, -100)}, "is not below"),
    ],
)
def test_wrong_settings_are_named(changed: dict[str, Any], words: str) -> None:
    """Each setting that cannot be is refused with what is wrong."""
    with pytest.raises(ValidationError, match=words):
        _settings(**changed)
