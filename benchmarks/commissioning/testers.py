"""Simulated CT-4008s that differ in every point which the reference leaves open, and what must be found of each."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.commissioning.draws import Flips, Switches, misses
from benchmarks.commissioning.resistor import CHANNEL, MOST_A, OHM, LoggedResistor, Operator
from drivers.neware.opening import open_tester
from drivers.neware.settings import NewareSettings, UnitSettings
from drivers.neware.tester import NewareTester
from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S, wall_time
from orchestrator.commissioning.ct4008 import QUESTIONS
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress, Setup
from orchestrator.commissioning.tester_hands import TesterHands
from simulators.bench import SimulatedBench
from simulators.memory_streams import connect_memory
from simulators.neware.settings import LogCodes, Quirks
from simulators.neware.tester import Unit

SWITCHES: Switches = {
    "negative": (True, False),
    "writes_need_login": (False, True),
    "drop_on_nonsense": (False, True),
    "single_client": (False, True),
    "live_cache_s": (1.0, 5.0),
    "continue_from_stop": (False, True),
    "continue_from_protect": (False, True),
    "starts_from_protect": (False, True),
    "goto_refused": (False, True),
    "stop_delay_s": (0.0, 4.0, 20.0),
    "record_lag_s": (0.0, 3.0, 20.0),
    "link_loss": ("ride", "stop", "pause"),
    "negative_stop_volt": ("obey", "refuse", "ignore", "magnitude"),
    "holds_voltage_on_discharge": (False, True),
    "capacity_limit": ("obey", "ignore", "hundredth"),
    "start_on_busy": ("refused", "replaces"),
    "missing_file": ("refused", "said ok"),
    "utc_offset_s": (0, 3600, 28800, -18000),
    "misspelled_download": (False, True),
    "wrong_subdevid": (False, True),
    "inquire_counts_one": (False, True),
    "split_replies": (False, True),
    "reply_delay_s": (0.0, 0.5),
    "terminator": (b"\n\n#\r\n", b"#\r\n", b"\r\n#\r\n"),
    "first_test_id": (1, 143),
    "clock_drift": (0.0, 1e-4),
    "log_codes": (LogCodes(), LogCodes(protect=104444, stopped=104445)),
}
"""Every switch of the simulator that a commissioning meets, with ``negative``: whether the unit goes below 0 V."""

# Records are made once a second, and a stop is looked for as often.
_WITHIN_S = 1.2
_STOPS = {"obey": "obeyed", "refuse": "refused", "ignore": "ignored", "magnitude": "otherwise"}
_ZONES = {0: None, 3600: "Etc/GMT-1", 28800: "Etc/GMT-8", -18000: "Etc/GMT+5"}


@dataclass
class CommissioningRig:
    """The hands of a commissioning, and the resistor in the holder."""

    hands: TesterHands
    resistor: LoggedResistor
    bench: SimulatedBench


@asynccontextmanager
async def open_commissioning(
    quirks: Quirks | None = None,
    *,
    negative: bool = True,
    ohm: float = OHM,
    resistor: LoggedResistor | None = None,
    unit: UnitSettings | None = None,
) -> AsyncIterator[CommissioningRig]:
    """Open one unit with a resistor in one holder, in virtual time."""
    loop = asyncio.get_running_loop()
    held = resistor or LoggedResistor(ohm)
    bench = SimulatedBench(
        loop.time,
        getattr(loop, "epoch_unix_s", DEMO_EPOCH_UNIX_S),
        [Unit(devid=21, subdevid=1)],
        {CHANNEL: held},
        negative_voltage=negative,
        quirks=quirks,
    )

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(bench.handle)

    with tempfile.TemporaryDirectory() as folder:
        settings = NewareSettings(
            step_files=Path(folder),
            step_files_on_bts_pc=folder,
            units=(unit or UnitSettings(devid=21, subdevid=1),),
        )
        async with open_tester(settings, wall_time, connect) as tester:
            assert isinstance(tester, NewareTester)
            yield CommissioningRig(TesterHands(tester, settings, CHANNEL, OHM, MOST_A, wall_time), held, bench)


async def missed(flips: Flips) -> tuple[list[str], float]:
    """Commission one tester; return what was not found or is left on, and the largest current of the resistor."""
    quirks = Quirks(**{name: value for name, value in flips.items() if name != "negative"})
    async with open_commissioning(quirks, negative=flips["negative"]) as rig:
        progress = Progress(None, Setup("ct4008", "ct4008", CHANNEL, OHM, MOST_A))
        asked = await commission(QUESTIONS, rig.hands, Operator(), progress, wall_time)
        wrong = misses(asked, facts_of(flips), settings_of(flips))
        if rig.bench.tester.channels[CHANNEL].busy:
            wrong.append("the channel works behind the last question")
    found = progress.facts()
    for name in ("stop_delay_s", "record_lag_s"):
        if abs(float(found.get(name, -9.0)) - flips[name]) > _WITHIN_S:
            wrong.append(f"{name} is {found.get(name)}, not {flips[name]}")
    return wrong, rig.resistor.most_a


def facts_of(flips: Flips) -> dict[str, bool | str | int]:
    """Return the facts that a commissioning must find of a tester, but for its times."""
    facts: dict[str, bool | str | int] = {
        "second_client": not flips["single_client"],
        "continue_after_stop": flips["continue_from_stop"],
        "continue_after_protection": flips["continue_from_protect"],
        "starts_after_protection": flips["starts_from_protect"],
        "goto_leaves_a_step": not flips["goto_refused"],
        "goto_ends_a_test": not flips["goto_refused"],
        "host_loss": "rides_on" if flips["link_loss"] == "ride" else "stops",
        "below_zero": flips["negative"],
        "capacity_limit": {"obey": "obeyed", "ignore": "ignored", "hundredth": "otherwise"}[flips["capacity_limit"]],
        "start_without_file": "refused" if flips["missing_file"] == "refused" else "answered with ok",
        "start_on_busy": flips["start_on_busy"],
        "protection_code": flips["log_codes"].protect,
    }
    if not flips["single_client"]:
        facts["unknown_command"] = "closed" if flips["drop_on_nonsense"] else "silence"
        facts["writes_need_login"] = flips["writes_need_login"]
    if flips["negative"]:
        facts["stop_below_zero"] = _STOPS[flips["negative_stop_volt"]]
        facts["holds_voltage_on_discharge"] = flips["holds_voltage_on_discharge"]
    return facts


def settings_of(flips: Flips) -> dict[str, object]:
    """Return the settings that must be written beside the usual ones of a bench file; None: left as it is."""
    return {
        "host_loss": None if flips["link_loss"] == "ride" else "stops",
        "startable_from": None if flips["starts_from_protect"] else ["finish", "stop"],
        "time_zone": _ZONES[flips["utc_offset_s"]],
        "units.voltage_low_v": -0.95 if flips["negative"] else None,
        "units.stops_below_zero": False if flips["negative"] and flips["negative_stop_volt"] != "obey" else None,
        "units.holds_voltage_on_discharge": False
        if flips["negative"] and not flips["holds_voltage_on_discharge"]
        else None,
        "units.stops_at_capacity": False if flips["capacity_limit"] == "ignore" else None,
    }
