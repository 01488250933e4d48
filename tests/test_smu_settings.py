"""Source meters in a bench file: what is refused with a sentence, and what a channel is said to be able to do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.errors import ConnectionFailed, SettingsError
from drivers.smu import SmuSettings, SmuSource, SmuUnitSettings
from drivers.smu.links import StreamLink
from drivers.smu.opening import link_to
from drivers.smu.visa_link import VisaLink
from drivers.testing import short_program
from orchestrator.bench.settings import BenchSettings, load_bench
from protocols.program import VoltageBand
from tests.ports import deaf_port

UNIT = {
    "channel": "smu-1",
    "model": "keithley-2450",
    "resource": "TCPIP::192.168.1.60::5025::SOCKET",
    "serial": "04412345",
}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"serial": ""}, "serial number"),
        ({"model": "keithley-2600"}, "model"),
        ({"resource": "TCPIP::user@host::5025::SOCKET"}, "@"),
        ({"channel": "smu 1"}, "letters, digits and dashes"),
        ({"idn_pattern": "("}, "regular expression"),
        ({"idn_pattern": ".*"}, "also fits other instruments"),
        ({"idn_pattern": "MODEL 2450"}, "put the serial number into it"),
        ({"reply_timeout_s": 61.0}, "longer than 60 s"),
        ({"connect_timeout_s": 3600.0}, "longer than 60 s"),
        ({"reply_timeout_s": 5.0}, "no time for a second within decision_timeout_s"),
        ({"voltage_low_v": 5.0}, "below voltage_high_v"),
        ({"voltage_high_v": 100.0}, "20"),
        ({"largest_current_a": 2.0}, "largest_current_a"),
        ({"model": "keysight-b2901a", "largest_current_a": 0.5}, "high impedance"),
        ({"smallest_range_a": 1.0}, "smallest_range_a"),
        ({"current_ranges_a": [1e-3, 1e-4]}, "rise"),
        ({"current_ranges_a": [1e-3]}, "must reach"),
        ({"limits": 1}, "limits"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, more: dict[str, object], said: str) -> None:
    """Each wrong setting of a unit is told with its name, before anything is connected."""
    lines = [f"{key} = {value!r}" for key, value in (UNIT | more).items()]
    bench = tmp_path / "bench.toml"
    bench.write_text("\n".join(['[[tester]]\nkind = "smu"', "[[tester.units]]", *lines]), "utf-8")
    with pytest.raises(SettingsError, match=said):
        load_bench(bench)


@pytest.mark.parametrize(
    "other",
    [
        {"channel": "SMU-1", "resource": "GPIB0::24::INSTR", "serial": "2"},
        {"channel": "smu-2", "serial": "2"},
        {"channel": "smu-2", "resource": "TCPIP0::192.168.1.60::inst0::INSTR"},
    ],
)
def test_two_channels_are_two_instruments(other: dict[str, str]) -> None:
    """One instrument is one channel, by whatever address, and a name belongs to one channel, in capitals or not."""
    with pytest.raises(ValueError, match="smu-1 have one"):
        SmuSettings.model_validate({"units": [UNIT, UNIT | other]})


@pytest.mark.parametrize("other", [{"serial": "2"}, {"resource": "TCPIP0::192.168.1.60::inst0::INSTR"}])
def test_two_testers_are_two_instruments(other: dict[str, str]) -> None:
    """Two drivers of one output would interrupt each other, and one's advice to stop it ends the other's run."""
    testers = [
        {"kind": "smu", "name": "left", "units": [UNIT]},
        {"kind": "smu", "name": "right", "units": [UNIT | {"channel": "smu-9"} | other]},
    ]
    with pytest.raises(ValueError, match=r"testers 'left' and 'right' have one (resource|serial number)"):
        BenchSettings.model_validate({"tester": testers})


def test_the_first_look_is_above_every_cell_of_a_channel() -> None:
    """A channel of 10 V may have a cell of 8 V: a look limited to 5.5 V would draw 105 mA from it (section 1.2)."""
    unit = UNIT | {"voltage_high_v": 10.0}
    with pytest.raises(ValueError, match=r"cell_voltage_most_v: smu-1 goes to 10 V, and .* expects 5 V at most"):
        SmuSettings.model_validate({"units": [unit]})
    assert SmuSettings.model_validate({"units": [unit], "cell_voltage_most_v": 10.0}).cell_voltage_most_v == 10.0
    with pytest.raises(ValueError, match=r"20.1 V, and no more than 20 V are used: 19.5 V at most"):
        SmuSettings.model_validate({"units": [unit], "cell_voltage_most_v": 19.6})


def test_an_instrument_that_is_too_slow_for_the_decisions_is_refused() -> None:
    """A serial line that cannot be read every 0.1 s is told, before a run meets it."""
    slow = UNIT | {"resource": "ASRL3::INSTR"}
    with pytest.raises(ValueError, match="cannot be read every"):
        SmuSettings.model_validate({"units": [slow], "interval_s": 0.1, "fastest_interval_s": 0.1})


def test_a_socket_needs_no_visa_unless_it_is_asked_for() -> None:
    """Raw sockets are reached by asyncio, everything else by pyvisa (decision 32)."""
    units = [UNIT, UNIT | {"channel": "b", "serial": "2", "via": "visa", "resource": "TCPIP0::a::1::SOCKET"}]
    units += [UNIT | {"channel": "c", "serial": "3", "resource": "USB0::0x05E6::0x2450::04412345::INSTR"}]
    links = [link_to(unit) for unit in SmuSettings.model_validate({"units": units}).units]
    assert [type(link) for link in links] == [StreamLink, VisaLink, VisaLink]


def test_a_held_current_is_refused_unless_somebody_stays() -> None:
    """Nobody knows where a current ends when this computer dies; the sentence says what to set, and when."""
    program = short_program(1e-4, VoltageBand(-0.5, 0.5))
    settings = SmuSettings.model_validate({"units": [UNIT]})
    (found,) = settings.problems("smu-1", program)
    assert "accept_unknown_host_loss = true under its [[tester]]" in found
    assert (
        SmuSettings.model_validate({"units": [UNIT], "accept_unknown_host_loss": True}).problems("smu-1", program) == []
    )
    with pytest.raises(SettingsError, match="smu-9"):
        settings.envelope("smu-9")


@pytest.mark.real_time
async def test_the_dead_socket_port_is_visited_where_no_connection_succeeds() -> None:
    """The port of the bench file is opened and left again before another attempt; without it nobody goes anywhere."""
    visits: asyncio.Queue[bytes] = asyncio.Queue()

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.put_nowait(await reader.read())
        writer.close()
        await writer.wait_closed()

    with deaf_port() as nobody:
        async with await asyncio.start_server(visited, "127.0.0.1", 0) as server:
            table = UNIT | {"resource": f"TCPIP::127.0.0.1::{nobody}::SOCKET", "connect_timeout_s": 60.0}
            for more in ({}, {"dead_socket_port": server.sockets[0].getsockname()[1]}):
                unit = SmuUnitSettings.model_validate(table | more)
                with pytest.raises(ConnectionFailed, match="nobody answers"):
                    await SmuSource(unit, link_to(unit), 1.0).open()
                # The visit may be over before its other end has heard of it.
                assert await visits.get() == b"" if more else visits.empty()
