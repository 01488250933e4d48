"""Simulated source meters as programs of their own, for clients in any language."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest
import serial

from tests.command_line import PROGRAM, cellrig
from tests.standalone import started

MODULE = (sys.executable, "-m", "simulators", "smu")


def asked(address: str, *lines: str) -> list[str]:
    """Send lines to an address and return as many lines as come back."""
    host, _, port = address.rpartition(" ")[2].partition(":")
    with socket.create_connection((host, int(port)), timeout=20.0) as client, client.makefile("rwb") as stream:
        stream.write("".join(f"{line}\n" for line in lines).encode())
        stream.flush()
        return [stream.readline().decode().strip() for line in lines if "?" in line or line.startswith("smu-")]


@pytest.mark.parametrize("command", [MODULE, (*PROGRAM, "simulate", "smu")], ids=["module", "cellrig"])
def test_any_client_can_talk_to_each_unit(command: tuple[str, ...]) -> None:
    """Each unit has an address, a serial number and a cell of its own, and hands are at the last port."""
    options = ("--port", "0", "--model", "keithley-2400", "--channels", "2", "--cell", "bare-lfp", "--control", "0")
    with started(*command, *options) as (first, process):
        assert process.stdout is not None
        second, hands = process.stdout.readline().strip(), process.stdout.readline().strip()
        for address, number in ((first, "4000001"), (second, "4000002")):
            identity, errors = asked(address, "*IDN?", ":SYST:ERR?")
            assert identity.split(",")[1:3] == ["MODEL 2400", number]
            assert errors == '0,"No error"'
        asked(first, ":OUTP:SMOD HIMP", ":SOUR:FUNC CURR;:OUTP ON;:OUTP?")
        state, pulled, after = asked(hands, "smu-1 state", "smu-1 pull out", "smu-1 state")
        assert pulled == "ok"
        assert json.loads(state)["voltage_v"] == pytest.approx(2.8, abs=0.5)
        assert json.loads(after)["voltage_v"] != json.loads(state)["voltage_v"]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
def test_any_client_can_use_a_serial_port(tmp_path: Path) -> None:
    """A port of the name that was asked for, at its baud rate; CR ends a line."""
    name = tmp_path / "ttyUSB0"
    options = ("--model", "keithley-2400", "--terminal", str(name), "--baud", "57600")
    with started(*MODULE, *options) as (address, _):
        assert address == str(name)
        with serial.Serial(address, timeout=10.0) as port:
            port.write(b":SOUR:FUNC?\r")
            assert port.readline() == b"VOLT\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [(("--cell", "gold"), "no cell model 'gold'"), (("--model", "keithley-2600"), "keithley-2400")],
)
def test_wrong_option_is_told_in_a_sentence(options: tuple[str, ...], said: str) -> None:
    """A cell or a model that there is not ends the command with what there is."""
    result = cellrig("simulate", "smu", "--port", "0", *options)
    assert result.returncode != 0
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_pyvisa_reads_numbers() -> None:
    """A public library that knows nothing of this project configures a unit and reads its values as numbers."""
    import pyvisa

    with started(*MODULE, "--port", "0", "--model", "keysight-b2901a", "--cell", "coated-lfp") as (address, _):
        manager = pyvisa.ResourceManager("@py")
        resource = f"TCPIP::{address.replace(':', '::')}::SOCKET"
        smu = manager.open_resource(resource, read_termination="\n", write_termination="\n", timeout=20_000)
        assert isinstance(smu, pyvisa.resources.MessageBasedResource)
        assert "B2901A" in smu.query("*IDN?")
        smu.write(":OUTP:ON:AUTO OFF;:OUTP:OFF:MODE HIZ;:SENS:REM ON;:FORM:ELEM:SENS VOLT,CURR")
        smu.write(":SOUR:FUNC:MODE VOLT;:SOUR:VOLT:RANG 20;:SOUR:VOLT 3.4;:SENS:CURR:PROT 1E-4;:OUTP ON")
        voltage_v, current_a = smu.query_ascii_values(":MEAS?")
        assert current_a == pytest.approx(1e-4, abs=1e-6)
        assert 2.5 < voltage_v < 3.4
        assert smu.query(":OUTP OFF;:SYST:ERR?") == '+0,"No error"'
        manager.close()
