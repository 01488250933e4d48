"""The same spoiled wires for the CHI660E, whose wire is a program that is started and a folder that it writes into."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.chi660e import Chi660ePotentiostat, Chi660eSettings
from drivers.chi660e.popups import Popup
from drivers.errors import MeasurementFailed
from drivers.interfaces import Trace
from drivers.testing import SPOILED_WIRES
from orchestrator.clock.virtual import wall_time
from protocols.techniques import OpenCircuit
from tests.wired_folder import LATE_S, MEANINGLESS, RUN_S, WAYS, Vendor, whole

OCV = OpenCircuit(1.0, 0.1)


@pytest.mark.parametrize("name", WAYS)
async def test_a_program_and_its_folder_are_borne(name: str, tmp_path: Path) -> None:
    """A job has its own values or a named error, is started once, and the next one has values of its own."""
    vendor = Vendor(tmp_path)
    own = Chi660eSettings(program=Path("/opt/chi660e"), jobs=tmp_path / "jobs", command_line="list")
    potentiostat = Chi660ePotentiostat(own, wall_time, vendor.start, lambda _: vendor.boxes)
    vendor.ways = WAYS[name]
    vendor.is_there = name != "connection refused"
    vendor.closes = name != "silent"
    if name == "pulled out in the middle":
        vendor.boxes = [Popup("CHI660E", "Link failed")]
    measuring = asyncio.ensure_future(potentiostat.measure(OCV, "j1"))
    if name == "cancelled in the middle":
        await asyncio.sleep(RUN_S / 2)
        measuring.cancel()
    await asyncio.wait({measuring})
    if measuring.cancelled():
        assert vendor.ended == ["j1"]
    elif (error := measuring.exception()) is None:
        _has(measuring.result().result, 3.0)
        assert name in {"split into single bytes", "words that nobody asked for"}
    else:
        assert isinstance(error, MeasurementFailed)
        assert len(str(error)) > 10
    assert vendor.started == ([] if name == "connection refused" else ["j1"])
    vendor.ways, vendor.is_there, vendor.closes, vendor.boxes, vendor.volts = whole, True, True, [], 3.5
    _has((await potentiostat.measure(OCV, "j2")).result, 3.5)
    await asyncio.sleep(LATE_S)


def _has(result: object, volts: float) -> None:
    assert isinstance(result, Trace)
    assert set(result.voltage_v) == {volts}


def test_every_spoiled_wire_is_here_or_has_no_meaning() -> None:
    """What is left out is left out with a reason."""
    assert set(WAYS) | set(MEANINGLESS) == {case.name for case in SPOILED_WIRES}
    assert not set(WAYS) & set(MEANINGLESS)
