"""The driver of source meters against instruments by script: the output goes off, by whoever still can."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from drivers.errors import NotConfirmed
from drivers.smu import SmuSource
from drivers.smu.dead_man import DeadMan
from drivers.smu.opening import link_to
from tests.figures import Figure
from tests.scpi_peer import ScpiPeer, Spoilt
from tests.smu_by_script import (
    DISCHARGE,
    INTERVAL_S,
    discharging,
    peer_of,
    read_for,
    settings,
)


async def test_a_stop_uses_the_old_connection_once_more() -> None:
    """Where replies are lost orders may still arrive: the output goes off although nothing can be confirmed."""
    peer = peer_of()
    async with discharging(peer) as source:
        peer.spoilt += [Spoilt(":READ?", instead=b"")] + [Spoilt("*IDN?", instead=b"") for _ in range(3)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await source.read()
        with pytest.raises(NotConfirmed):
            await source.switch_off()
        assert peer.values[":OUTP"] == "0"


async def test_an_output_nobody_decides_about_goes_off() -> None:
    """A decision that is lost ends the current, a second after it was due; decisions in time never do."""
    peer = peer_of()
    async with discharging(peer) as source:
        await read_for(source, 10.0)
        assert peer.values[":OUTP"] == "1"
        await asyncio.sleep(0.99)
        assert peer.values[":OUTP"] == "1"
        await asyncio.sleep(0.02)
        assert peer.values[":OUTP"] == "0"
        assert not (await source.read()).output_on
        await source.prepare(DISCHARGE, INTERVAL_S)
        await asyncio.sleep(60.0)
        assert len(peer.orders(":OUTP OFF")) == 1


async def test_a_stop_grows_in_force_and_is_told_when_nothing_helps() -> None:
    """Fault B07: an output that stays on is aborted, then reset with high impedance; then a person is needed."""
    peer = peer_of()
    async with discharging(peer) as source:
        peer.obeys = False
        peer.wrong[":OUTP"] = "1"
        with pytest.raises(NotConfirmed, match="was not seen off"):
            await source.switch_off()
        lines = [line for line in peer.said if "OUTP OFF" in line or "RST" in line]
        assert lines == [":OUTP OFF;:OUTP?", ":ABOR;:OUTP OFF;:OUTP?", "*RST;:OUTP:SMOD HIMP;:OUTP?"]


async def test_a_loop_that_is_switching_off_is_not_stuck() -> None:
    """The thread leaves an output to a loop that is at it, however long that takes."""
    shouted: list[float] = []
    begun: list[float] = []

    async def switch_off() -> None:
        begun.append(time.monotonic())
        await asyncio.Event().wait()

    dead_man = DeadMan("test", switch_off, lambda: shouted.append(time.monotonic()))
    dead_man.arm(0.05, by_thread=True)
    # By the loop's clock the silence is far too long, and the loop has just looked; then the clock stands still.
    await asyncio.sleep(10.0)
    time.sleep(0.5)  # noqa: ASYNC251 - real time for the thread, which would act after 0.25 s of it
    dead_man.close()
    assert (len(begun), shouted) == (1, [])


@pytest.mark.real_time
async def test_a_stuck_event_loop_switches_nothing_on_for_longer(figure: Figure) -> None:
    """While the loop is stuck, a thread orders the output off at the socket (fault E03)."""
    switched_off = threading.Event()
    peer = peer_of()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, peer, switched_off), daemon=True).start()
        host, port = listener.getsockname()
        unit = settings(resource=f"TCPIP::{host}::{port}::SOCKET")
        source = SmuSource(unit, link_to(unit), 0.1)
        await source.open()
        await source.prepare(DISCHARGE, 0.1)
        await source.switch_on()
        begun_s = time.monotonic()
        assert switched_off.wait(60.0)  # the fault: nothing else runs on this loop meanwhile
        figure("E03", "until a thread switches a source meter off", time.monotonic() - begun_s, "s")
        assert not (await source.read()).output_on
        await source.close()


def _serve(listener: socket.socket, peer: ScpiPeer, switched_off: threading.Event) -> None:
    """Serve an instrument by script from a thread."""
    client, _ = listener.accept()
    with client:
        while data := client.recv(4096):
            for line in data.decode().splitlines():
                if answers := peer.answer(line):
                    client.sendall(answers)
                if line == ":OUTP OFF":
                    switched_off.set()
