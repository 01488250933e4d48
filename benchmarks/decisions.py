"""How many decisions a stepped tester makes, and how late, beside a bare loop of pyvisa queries in the same run.

Sixteen simulated source meters, in a process of their own on another core, are read twenty times a second over TCP of
this machine: first by pyvisa alone, a thread for each as its users write it, then by a stepped tester, which judges and
records what it reads. Both run on one core, and ask the same in one line. A delay runs from the moment at which a
reading was due, an interval after the one before was asked for, to its answer.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.figures import Aim, Figure, Size, percentile_99
from drivers.smu import SmuSettings, SmuSource, SmuUnitSettings
from drivers.smu.dialects import DIALECTS
from drivers.smu.models import SmuModel
from drivers.smu.opening import link_to
from drivers.smu.wire import filled
from drivers.sources import Drive, Held, SourceReading
from drivers.stepping import SteppedTester
from protocols.program import Ceiling, ConstantCurrent, CyclingSegment, Limits, Record, Until
from protocols.program import VoltageBand as Band

MODEL = SmuModel.KEITHLEY_2450
CHANNELS = 16
INTERVAL_S = 0.05
CURRENT_A = 1.5e-4
LATE_S = 0.01
_WARM_UP_S = 0.3
_DRIVE = Drive(Held.CURRENT, CURRENT_A, 1.1, CURRENT_A)
_LIMITS = Limits(Band(-0.55, 0.55), Band(-0.6, 0.6), Band(-1.0, 1.0), 1.05e-3, 1.1e-3, 1.2e-3)
_WIRES = {
    "": (),
    "replies in pieces": ("--split",),
    "replies 10 ms late, in pieces": ("--split", "--late", f"{LATE_S}"),
}


@dataclass
class Loop:
    """What one loop has done: the delay of each answer in seconds, and the time and the CPU time that all took."""

    delays_s: list[float] = field(default_factory=list)
    took_s: float = 0.0
    cpu_s: float = 0.0

    def figures(self, name: str) -> list[Figure]:
        """Give its figures."""
        return [
            Figure(f"decisions: {name}", len(self.delays_s) / self.took_s, "1/s"),
            Figure(f"delay p99: {name}", percentile_99(self.delays_s) * 1000, "ms"),
            Figure(f"CPU a decision: {name}", self.cpu_s / len(self.delays_s) * 1e6, "us"),
        ]


@contextmanager
def _units(arguments: Sequence[str], count: int) -> Iterator[list[tuple[str, int]]]:
    """Run source meters in a child process, and give their addresses."""
    command = [sys.executable, "-m", "benchmarks.smu_units", MODEL, str(count), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            if child.stdout is None:
                raise RuntimeError("a pipe was asked for")
            addresses = [child.stdout.readline().strip().rpartition(":") for _ in range(count)]
            yield [(host, int(port)) for host, _, port in addresses]
        finally:
            child.terminate()


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process on one core, where the system lets one choose."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _settings(addresses: Sequence[tuple[str, int]]) -> SmuSettings:
    units = tuple(
        SmuUnitSettings(
            channel=f"smu-{number}", model=MODEL, resource=f"TCPIP::{host}::{port}::SOCKET", idn_pattern=",4"
        )
        for number, (host, port) in enumerate(addresses, 1)
    )
    return SmuSettings(units=units, interval_s=INTERVAL_S, fastest_interval_s=INTERVAL_S, accept_unknown_host_loss=True)


class _TimedSource(SmuSource):
    """A source meter whose readings are timed."""

    def __init__(self, unit: SmuUnitSettings, decision_timeout_s: float, loop: Loop) -> None:
        super().__init__(unit, link_to(unit), decision_timeout_s)
        self._loop = loop
        self._due_s: float | None = None

    async def read(self) -> SourceReading:
        """Measure, and keep how late the answer is."""
        asked_s = time.perf_counter()
        reading = await super().read()
        if self._due_s is not None and reading.output_on:
            self._loop.delays_s.append(time.perf_counter() - min(self._due_s, asked_s))
        self._due_s = asked_s + INTERVAL_S
        return reading


async def _stepped(settings: SmuSettings, duration_s: float) -> Loop:
    """Run an hour of current on every channel for so long."""
    done = Loop()
    sources = {unit.channel: _TimedSource(unit, settings.decision_timeout_s, done) for unit in settings.units}
    tester = SteppedTester(settings, sources, time.time)
    step = ConstantCurrent(CURRENT_A, Until(time_s=3600.0), Ceiling(capacity_ah=1.0))
    segment = CyclingSegment((step,), Record(every_s=1.0), _LIMITS)
    await tester.open()
    try:
        for channel in sources:
            await tester.start(await tester.load(channel, segment, channel), channel)
        await asyncio.sleep(_WARM_UP_S)
        done.delays_s.clear()
        begun_s, cpu_s = time.perf_counter(), time.process_time()
        await asyncio.sleep(duration_s)
        done.took_s, done.cpu_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
        done.delays_s = done.delays_s.copy()
        shown = await tester.status(list(sources))
        if wrong := [f"{name}: {it.detail}" for name, it in shown.items() if it.state != "working"]:
            raise RuntimeError("; ".join(wrong))
    finally:
        await tester.close()
    return done


async def _switch(settings: SmuSettings, *, on: bool) -> None:
    """Leave every output on with the same order, for those who only ask, or switch it off."""
    for unit in settings.units:
        source = SmuSource(unit, link_to(unit), settings.decision_timeout_s)
        await source.open()
        if on:
            await source.prepare(_DRIVE, INTERVAL_S)
            await source.switch_on()
        else:
            await source.switch_off()
        await source.close()


def _bare(settings: SmuSettings, duration_s: float) -> Loop:
    """Ask every instrument by pyvisa in a thread of its own, as users write it."""
    import pyvisa

    question = filled(DIALECTS[MODEL].reading, settings.units[0].reach.plan(_DRIVE, INTERVAL_S).words())
    done, begin, end = Loop(), threading.Event(), threading.Event()
    manager = pyvisa.ResourceManager("@py")

    def ask(resource: str) -> None:
        """Ask one instrument until the end."""
        opened = manager.open_resource(resource, read_termination="\n", write_termination="\n")
        begin.wait()
        due_s = time.perf_counter()
        while not end.is_set():
            asked_s = time.perf_counter()
            opened.query(question)  # type: ignore[attr-defined]  # a resource with messages
            done.delays_s.append(time.perf_counter() - min(due_s, asked_s))
            due_s = asked_s + INTERVAL_S
            time.sleep(max(0.0, due_s - time.perf_counter()))
        opened.close()

    threads = [threading.Thread(target=ask, args=(unit.resource,)) for unit in settings.units]
    for thread in threads:
        thread.start()
    time.sleep(_WARM_UP_S)
    begun_s, cpu_s = time.perf_counter(), time.process_time()
    begin.set()
    time.sleep(duration_s)
    end.set()
    done.took_s, done.cpu_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
    for thread in threads:
        thread.join()
    manager.close()
    return done


def measure(size: Size) -> list[Figure]:
    """Measure both loops on every kind of wire."""
    duration_s, channels = size.of(full=20.0, quick=5.0, smoke=0.3), size.of(full=CHANNELS, quick=CHANNELS, smoke=2)
    figures: list[Figure] = []
    for words, arguments in _WIRES.items() if size is not Size.SMOKE else [("", ())]:
        with _units(arguments, channels) as addresses, _one_core():
            settings = _settings(addresses)
            asyncio.run(_switch(settings, on=True))
            bare = _bare(settings, duration_s)
            asyncio.run(_switch(settings, on=False))
            stepped = asyncio.run(_stepped(settings, duration_s))
        on = f", {words}" if words else ""
        figures += bare.figures(f"bare pyvisa{on}") + stepped.figures(f"stepped tester{on}")
        share = (len(stepped.delays_s) / stepped.took_s) / (len(bare.delays_s) / bare.took_s)
        figures.append(Figure(f"decisions, stepped to bare{on}", share, "x", Aim(0.7, at_most=False)))
    return figures
