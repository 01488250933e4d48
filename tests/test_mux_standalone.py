"""The simulated switch as a program of its own, for clients in any language."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import serial

from tests.standalone import started

MODULE = [sys.executable, "-m", "simulators", "mux"]
COMMAND = [sys.executable, "-c", "from orchestrator.cli import main; main()", "simulate", "mux"]


@pytest.mark.parametrize("command", [MODULE, COMMAND], ids=["module", "cellrig"])
def test_any_client_can_switch_over_tcp(command: list[str]) -> None:
    """Address on the first line, answers in SCPI's manner, and each port that is connected on a line."""
    with started(*command, "--port", "0", "--ports", "4") as (address, process):
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port))) as client, client.makefile("rwb") as lines:
            lines.write(b"ROUT:CLOS (@4)\nROUT:CLOS (@5)\nROUT:CLOS?\nSYST:ERR?\nROUT:OPEN:ALL\nROUT:CLOS?\n")
            lines.flush()
            answers = [lines.readline() for _ in range(3)]
        assert answers == [b"(@4)\n", b'-222,"Data out of range"\n', b"(@)\n"]
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["port 4\n", "port none\n"]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
def test_any_client_can_switch_over_a_serial_port(tmp_path: Path) -> None:
    """A port of the name that was asked for, until the program ends."""
    name = tmp_path / "ttyUSB0"
    with started(*MODULE, "--terminal", str(name)) as (address, _):
        assert address == str(name)
        with serial.Serial(address, timeout=10.0) as port:
            port.write(b"ROUT:CLOS (@7);:ROUT:CLOS?\n")
            assert port.read(len(b"(@7)\n")) == b"(@7)\n"
    assert not name.exists()


@pytest.mark.parametrize("command", [MODULE, COMMAND], ids=["module", "cellrig"])
def test_taken_port_is_told_in_a_sentence(command: list[str]) -> None:
    """No traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = [*command, "--port", str(taken.getsockname()[1])]
        result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "address already in use" in result.stderr.lower()
    assert "Traceback" not in result.stderr
