"""``cellrig bench check`` connects no cell: another instrument, or another program, may drive it."""

from __future__ import annotations

import asyncio
import json

from orchestrator.bench.checking import check_bench
from orchestrator.bench.settings import BenchSettings
from simulators.cells import load_cell
from simulators.listening import listening
from simulators.smu import SimulatedSmu
from simulators.smu.control import HandsAtUnits


async def test_bench_check_tells_a_source_meters_state_and_leaves_its_output_off() -> None:
    """It is identified and its output seen off; whether a CT-4008 drives the cell is not known here."""
    smu = SimulatedSmu(
        "keithley-2450", asyncio.get_running_loop().time, load_cell("coated-lfp", seed=1), serial="4000001"
    )
    async with listening(smu.handle, "127.0.0.1", 0) as listener:
        host, _, port = listener.address.rpartition(":")
        unit = {
            "channel": "smu-1",
            "model": "keithley-2450",
            "resource": f"TCPIP::{host}::{port}::SOCKET",
            "serial": "4000001",
        }
        bench = BenchSettings.model_validate({"simulated": True, "tester": [{"kind": "smu", "units": [unit]}]})
        (row,) = await check_bench(bench)
    assert (row["problem"], row["channels"]) == (None, ["smu-1 finished"])
    lines = json.loads(HandsAtUnits({"smu-1": smu}).do("smu-1 received 1000"))
    assert "*IDN?" in lines
    assert not [line for line in lines if "OUTP ON" in line]
