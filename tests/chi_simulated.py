"""A driver of the CHI660E with the simulated program behind it, started as a process and joined by files alone."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drivers.chi660e import Chi660ePotentiostat, Chi660eSettings
from drivers.chi660e.popups import Popup
from drivers.interfaces import Measurement, Trace
from orchestrator.clock.virtual import wall_time
from protocols.techniques import (
    Technique,
)

# The simulated program's own cell: 3 ohm, then 45 ohm beside a capacitor, 0 V at rest.
WHOLE_OHM = 48.0


class Simulated:
    """A folder with the program's configuration, its screen, and a driver of it."""

    def __init__(self, folder: Path, configuration: str = "", **changes: Any) -> None:  # noqa: ANN401 -- any setting
        (folder / "chi.toml").write_text(f"speed = 100000.0\n{configuration}", "utf-8")
        self._screen = folder / "screen.json"
        usual: dict[str, Any] = {
            "program": sys.executable,
            "program_arguments": ("-m", "simulators.chi660e"),
            "jobs": folder / "jobs",
            "command_line": "list",
            "working_folder": "job",
            "environment": {"CHI660E_SIM_CFG": str(folder / "chi.toml"), "CHI660E_SIM_SCREEN": str(self._screen)},
            "poll_period_s": 0.02,
            "settle_timeout_s": 0.2,
        }
        self.instrument = Chi660ePotentiostat(Chi660eSettings(**usual | changes), wall_time, popups=self.windows)

    def windows(self, pid: int) -> Sequence[Popup]:
        """Give what is on the program's screen."""
        if not self._screen.exists():
            return []
        return [Popup(**shown) for shown in json.loads(self._screen.read_text("utf-8"))]

    def measure(self, technique: Technique, job: str = "j1") -> Measurement:
        """Measure once, in real time that the program does not need."""
        return asyncio.run(self.instrument.measure(technique, job, "Zelle A7; forcequit"))

    def trace(self, technique: Technique) -> Trace:
        """Measure a trace."""
        result = self.measure(technique).result
        assert isinstance(result, Trace)
        return result


def settings(**changes: Any) -> Chi660eSettings:  # noqa: ANN401 -- any setting
    """Give the settings of a program on Windows, as seen from here."""
    usual: dict[str, Any] = {
        "program": Path(__file__).resolve(),
        "jobs": Path(__file__).resolve().parent,
        "jobs_as_program_sees_it": "C:/chi_jobs",
    }
    return Chi660eSettings(**usual | changes)
