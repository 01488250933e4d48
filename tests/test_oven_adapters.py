"""Serial adapters of ovens that are pulled out, swapped, taken, or have another instrument behind them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import ConnectionFailed, OutcomeUnknown
from drivers.oven.opening import ovens_of
from drivers.oven.oven import ModbusOven
from orchestrator.clock.virtual import wall_time
from simulators.faults import Fault, Spoil
from simulators.mux import SimulatedMux
from simulators.mux.terminal import PseudoTerminal
from simulators.oven.controller import SimulatedController, oven_of
from simulators.oven.line import LineQuirks, OvenLine
from tests.figures import Figure
from tests.oven_rig import EUROTHERM, OMRON, settings_of

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's"),
]


def _line(model: str = EUROTHERM, unit: int = 32) -> OvenLine:
    controller = SimulatedController(model, oven_of(model, asyncio.get_running_loop().time), unit)
    return OvenLine([controller], LineQuirks(reply_delay_s=0.001))


def _driver(port: Path, **changed: Any) -> ModbusOven:  # noqa: ANN401 - settings of any kind
    """Give a driver at a port, which tries again quickly; a busy machine has time to answer it."""
    link = {"port": str(port), "reply_timeout_s": 10.0, "gap_ms": 0, **changed.pop("link", {})}
    quick: dict[str, Any] = {"reconnect_first_s": 0.001, "reconnect_longest_s": 0.002}
    (oven,) = ovens_of([settings_of(link=link, **quick, **changed)], wall_time)
    return oven


async def _persistently(use: Callable[[], Awaitable[object]]) -> None:
    """Use an oven again until it answers in time, as whoever polls it does: a busy machine may be late."""
    while True:
        with contextlib.suppress(ConnectionFailed, OutcomeUnknown):
            await use()
            return


async def test_adapter_pulled_out_in_the_middle_of_a_frame(tmp_path: Path, figure: Figure) -> None:
    """Fault A01: a named error, nothing is believed of the half frame, and the next use finds the port again."""
    port, line = tmp_path / "ttyUSB0", _line()
    # The rest of the frame is waited for, for so long.
    oven = _driver(port, link={"reply_timeout_s": 1.5})
    async with PseudoTerminal(port, line.handle):
        await oven.open()
        line.wire.spoil(Fault(Spoil.CUT, "3", at=4))
        since_s = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionFailed, match=r"cannot open serial port .*ttyUSB0.*is the adapter plugged in"):
            await oven.read()
        figure("A01", "oven's adapter pulled out, told after", asyncio.get_running_loop().time() - since_s, "s")
    async with PseudoTerminal(port, line.handle):
        await asyncio.sleep(0.01)
        await oven.set_target(60.0)
        assert line.controllers[0].oven.target_degc == 60.0
        await oven.close()


async def test_adapters_swapped_under_their_names_are_found_by_who_answers(tmp_path: Path) -> None:
    """Fault A02: two adapters come back under each other's names; no order reaches the wrong oven."""
    first, second = tmp_path / "ttyUSB0", tmp_path / "ttyUSB1"
    left, right = _line(unit=32), _line(unit=33)
    ovens = [
        # At the wrong port no reply comes, for so long.
        _driver(port, name=name, link={"unit": unit, "other_ports": [str(other)], "reply_timeout_s": 0.2})
        for port, other, name, unit in ((first, second, "left", 32), (second, first, "right", 33))
    ]
    async with PseudoTerminal(first, left.handle), PseudoTerminal(second, right.handle):
        for oven in ovens:
            await _persistently(oven.open)
    async with PseudoTerminal(first, right.handle), PseudoTerminal(second, left.handle):
        for oven, target in zip(ovens, (60.0, 70.0), strict=True):
            await _persistently(oven.read)
            await _persistently(partial(oven.set_target, target))
            await oven.close()
    assert [line.controllers[0].oven.target_degc for line in (left, right)] == [60.0, 70.0]


@pytest.mark.parametrize("other", ["omron", "switch"])
async def test_another_instrument_behind_the_port_gets_no_order(tmp_path: Path, other: str) -> None:
    """A controller of another make, or an instrument that speaks no Modbus: a named error, and nothing is set."""
    port, mux, line = tmp_path / "ttyUSB0", SimulatedMux(8), _line(OMRON, 32)
    oven = _driver(port, link={"reply_timeout_s": 0.2 if other == "switch" else 10.0})
    async with PseudoTerminal(port, mux.handle if other == "switch" else line.handle):
        with pytest.raises(ConnectionFailed, match="no reply in 0.2 s" if other == "switch" else "told nothing else"):
            await oven.set_target(60.0)
        await oven.close()
    assert line.controllers[0].writes == 0
    assert mux.relays.closed == ()


async def test_port_that_another_program_has_is_refused_by_name(tmp_path: Path) -> None:
    """Fault A13: the second program on a port is told which one it is; the first goes on."""
    port, line = tmp_path / "ttyUSB0", _line()
    ours, theirs = _driver(port), _driver(port)
    async with PseudoTerminal(port, line.handle):
        await ours.open()
        with pytest.raises(ConnectionFailed, match=r"ttyUSB0.*no other program using it"):
            await theirs.open()
        assert (await ours.read()).target_degc == 25.0
        await ours.close()
        await theirs.close()


async def test_parity_that_a_port_cannot_have_is_a_named_error(tmp_path: Path) -> None:
    """What pyserial raises of a terminal without parity is no crash but a failed connection."""
    port, line = tmp_path / "ttyUSB0", _line()
    oven = _driver(port, link={"parity": "E"})
    async with PseudoTerminal(port, line.handle):
        for _ in range(3):
            try:
                await oven.open()
            except ConnectionFailed as err:
                assert "ttyUSB0" in str(err)  # noqa: PT017 - a terminal takes a parity once, or never
            await oven.close()
