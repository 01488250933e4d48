"""An oven and a source meter beside the rack of a scenario: their drivers in the process that is killed, and a witness.

The witness asks the hands at the oven what is true, again and again, and the source meter in the end. It shares no line
with the drivers.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from bisect import bisect_right
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from drivers.interfaces import BatteryTester
from drivers.oven.opening import ovens_of
from drivers.smu import SmuSettings, build_tester
from orchestrator.clock.virtual import wall_time
from orchestrator.rack.ovens import BenchOvens, Ovens
from protocols.program import CyclingSegment
from tests.kill.checks import Findings, read
from tests.kill.plan import INSIDE, WANTED_DEGC
from tests.oven_rig import settings_of

if TYPE_CHECKING:
    from tests.kill.child import World

SMU, SMU_MODEL = INSIDE[1], "keithley-2450"
SAFE_DEGC, SOAK_S = 25.0, 60.0
_POLL_S = 10.0
# Until a set point that nobody wants is taken back: the line takes real time for its replies.
_RESTS_WITHIN_S = 1500.0
# All waits are scaled, and a loaded machine is slow: the oven is asked in vain for hours before anybody is held.
_GRACE_S, _REACH_S = 4 * 3600.0, 8 * 3600.0
_INTERVAL_S, _PATIENCE_S, _REPLY_S = 4.0, 120.0, 60.0
# Real seconds between two looks of the witness, and the longest wait for an answer.
_LOOK_S, _ANSWER_S = 0.05, 10.0
# A reading tells of a record within a minute; the witness looks every five seconds of the oven's.
_BESIDE_S, _SHOWN_K = 75.0, 0.8
# A run begins within the tolerance of its soak, and goes on within the band in which nothing is told.
_STARTS_K = 2.8
_WANTING = "('preflight', 'armed', 'running', 'unseen', 'holding', 'unknown')"


def oven_at(address: str) -> BenchOvens:
    """Return the oven at an address as a life of the service has it."""
    host, _, port = address.rpartition(":")
    settings = settings_of(
        name="oven",
        link={"kind": "tcp", "host": host, "tcp_port": int(port), "reply_timeout_s": 30.0},
        places=list(INSIDE),
        poll_period_s=_POLL_S,
        grace_s=_GRACE_S,
        reach_within_s=_REACH_S,
        most_writes_per_day=1000,
        reconnect_longest_s=20.0,
    )
    (driver,) = ovens_of([settings], wall_time)
    return BenchOvens(((settings, driver),))


async def at_rest(ovens: Ovens) -> None:
    """Wait until every oven that no run wants warm shows its safe set point, but not for ever."""
    for _ in range(round(_RESTS_WITHIN_S / _POLL_S)):
        if all(it.wanted_degc is not None or it.set_to_degc == SAFE_DEGC for it in ovens.reports()):
            return
        await asyncio.sleep(_POLL_S)


def source_meter(address: str) -> BatteryTester:
    """Return the source meter at an address, not open yet."""
    host, _, port = address.rpartition(":")
    unit = {
        "channel": SMU,
        "model": SMU_MODEL,
        "resource": f"TCPIP::{host}::{port}::SOCKET",
        "serial": "4000001",
        "reply_timeout_s": _REPLY_S,
        "connect_timeout_s": _REPLY_S,
    }
    return build_tester(
        SmuSettings.model_validate(
            {
                "units": [unit],
                "accept_unknown_host_loss": True,
                "interval_s": _INTERVAL_S,
                "fastest_interval_s": _INTERVAL_S / 2,
                "decision_timeout_s": _PATIENCE_S,
                "order_timeout_s": _PATIENCE_S,
                "poll_period_s": 30.0,
            }
        ),
        wall_time,
    )


class InstrumentsEye:
    """Looks at the oven from the beginning to the end, and compares it with the store."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        # By the scenario's seconds (unix): what the oven's sensor had, and its set point.
        self._times_s: list[float] = []
        self._sensor_degc: list[float] = []
        self._targets_degc: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        host, _, port = self._world.hands.rpartition(":")
        with closing(socket.create_connection((host, int(port)), _ANSWER_S)) as link, link.makefile("rw") as hands:
            while not self._over.wait(_LOOK_S):
                hands.write("state\n")
                hands.flush()
                state = json.loads(hands.readline())
                self._times_s.append(self._now_s())
                self._sensor_degc.append(state["sensor_degc"])
                self._targets_degc.append(state["target_degc"])

    def _now_s(self) -> float:
        return self._world.epoch_unix_s + (time.monotonic() - self._world.origin_s) * self._world.speed

    def check(self, findings: Findings) -> None:
        """Check what must hold in the end."""
        store = self._world.store
        if wrong := set(self._targets_degc) - {SAFE_DEGC, WANTED_DEGC}:
            findings.add("oven", f"it was set to {wrong}")
        if not store.exists():
            return
        wanting = read(store, f"SELECT run_id, state FROM run WHERE channel IN {INSIDE} AND state IN {_WANTING}")  # noqa: S608 - constants
        if self._targets_degc[-1] != SAFE_DEGC and not wanting:
            runs = read(store, f"SELECT run_id, channel, state, reason FROM run WHERE channel IN {INSIDE}")  # noqa: S608 - constants
            findings.add("oven", f"it is left at {self._targets_degc[-1]:g} degC, and no run wants that: {runs}")
        self._check_records(store, findings)
        self._check_output(store, findings)

    def _check_records(self, store: Path, findings: Findings) -> None:
        for test in read(store, "SELECT id, channel, barcode, program_json, started_unix_s FROM test"):
            segment = CyclingSegment.from_json(test["program_json"])
            place = f"{test['barcode']} on {test['channel']}"
            if segment.temperature is not None:
                began_s = test["started_unix_s"]
                before = self._between(began_s - SOAK_S + 2 * _POLL_S, began_s)
                if any(abs(degc - segment.temperature.target_degc) > _STARTS_K for degc in before):
                    findings.add("oven", f"{place} began with the oven at {min(before):.1f} to {max(before):.1f} degC")
            sql = "SELECT sequence, unix_time_s, temperature_degc AS degc FROM sample WHERE test = ?"
            for row in read(store, f"{sql} AND temperature_degc IS NOT NULL", test["id"]):
                shown = self._between(row["unix_time_s"] - _BESIDE_S, row["unix_time_s"] + _BESIDE_S)
                is_so = shown and min(shown) - _SHOWN_K <= row["degc"] <= max(shown) + _SHOWN_K
                if test["channel"] not in INSIDE or not is_so:
                    findings.add(
                        "temperatures", f"{place}, record {row['sequence']}: {row['degc']} degC, of {shown[:3]}"
                    )

    def _between(self, from_s: float, to_s: float) -> list[float]:
        return self._sensor_degc[bisect_right(self._times_s, from_s) : bisect_right(self._times_s, to_s)]

    def _check_output(self, store: Path, findings: Findings) -> None:
        """Ask the source meter itself whether its output is on: nobody drives it any more."""
        host, _, port = self._world.smu.rpartition(":")
        answer = ""
        with suppress(OSError), closing(socket.create_connection((host, int(port)), _ANSWER_S)) as link:
            link.settimeout(_ANSWER_S)
            link.sendall(b":OUTP?\n")
            answer = link.recv(64).decode().strip()
        runs = read(store, "SELECT run_id, state, reason FROM run WHERE channel = ?", SMU)
        if answer != "0":
            findings.add("source meter", f"its output is {answer!r} in the end, and its runs are {runs}")
