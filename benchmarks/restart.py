"""A restart with live runs of very many samples, beside the way before: all of them read and judged anew.

The service runs in a process of its own, in real time, on a tester that shows every run as working; what a tester takes
to answer is no part of it. A channel's first poll is counted when its run is running again, by way of its judges.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from benchmarks.figures import Aim, Figure, Size
from drivers.interfaces import (
    BatteryTesterTraits,
    ChannelState,
    ChannelStatus,
    ExecutedStep,
    HostLoss,
    Sample,
    TestIdentity,
)
from drivers.neware.settings import UnitSettings
from orchestrator.judging.cycles import CycleBuilder
from orchestrator.judging.steps import StepBuilder
from orchestrator.rack.service import Service
from orchestrator.runs.records import RecordPipeline
from orchestrator.states import RunState
from orchestrator.store import Store, TesterTestRow, open_store
from protocols.channel_envelope import ChannelEnvelope
from protocols.execution_order import flow
from protocols.loading import load_cell, load_recipe
from protocols.program import ConstantCurrent, Loop, Program
from protocols.resolve import resolve

_CHANNELS = tuple(f"21-1-{number}" for number in range(1, 9))
_EVERY_S = 30.0
_BATCH = 20_000
_POLL_S = 5.0
# What a restart may take, and for how much memory (issue Field).
_FIRST_POLL_S, _PEAK_MIB = 10.0, 400.0
_PROBE_S = 0.005


def measure(size: Size) -> list[Figure]:
    """Write a store once, start a service on it, and give when each channel is polled, the memory, and the blocks."""
    samples = size.of(5_000_000, 200_000, 8_000)
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "restart.db"
        write(store, samples // len(_CHANNELS))
        figures += _figures(f"{samples:,} samples in 8 live runs", _restart(store, ""))
        if size is Size.SMOKE:
            return figures
        # As before, all of them would take gigabytes.
        few = size.of(samples // 5, samples, samples)
        small = Path(folder) / "small.db"
        write(small, few // len(_CHANNELS))
        figures += _figures(f"{few:,} samples in 8 live runs, as before", _restart(small, "--as-before"))
    return figures


def _restart(store: Path, way: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.restart", str(store), *([way] if way else [])]
    found: dict[str, float] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    return found


def _figures(what: str, found: dict[str, float]) -> list[Figure]:
    return [
        Figure(f"{what}: store open", found["opened_s"], "s"),
        Figure(f"{what}: first channel polled", found["first_s"], "s"),
        Figure(f"{what}: every channel polled", found["last_s"], "s", Aim(_FIRST_POLL_S, at_most=True)),
        Figure(f"{what}: CPU until then", found["cpu_s"], "s"),
        Figure(f"{what}: peak memory", found["peak_mib"], "MiB", Aim(_PEAK_MIB, at_most=True)),
        Figure(f"{what}: longest block of the loop", found["block_s"] * 1e3, "ms"),
    ]


def write(path: Path, samples: int) -> None:
    """Write a store with one live run on each channel, whose steps and cycles are stored as the service stores them."""
    program = _program()
    (segment,) = program.cycling
    with open_store(path) as store:
        store.connection.execute("PRAGMA synchronous = OFF").close()
        for number, channel in enumerate(_CHANNELS, 1):
            run_id = store.add_run(
                recipe=program.recipe,
                cell=program.cell.name,
                channel=channel,
                program_json=program.to_json(),
                program_sha256=program.sha256,
                created_unix_s=0.0,
            )
            test = store.add_test(
                run_id=run_id,
                segment=0,
                instrument=_Riding.name,
                channel=channel,
                tester_test_id=number,
                barcode=run_id,
                started_unix_s=0.0,
                program_json=segment.to_json(),
            )
            steps, cycles = StepBuilder(segment), CycleBuilder(program)
            rows = islice(_rows(program), samples)
            while batch := list(islice(rows, _BATCH)):
                with store.transaction():
                    store.tick({test: batch})
                    done = steps.feed(batch)
                    store.add_steps(test, done)
                    made = [row for step in done for row in cycles.feed(step.step_count, step)]
                    store.add_cycles(test, made)
            store.set_run_state(run_id, RunState.RUNNING.value, "", 0.0)


def _program() -> Program:
    """Return the shipped Li/Li recipe with cycles enough for any number of samples."""
    program = resolve(load_recipe("li-li-0.2"), load_cell("coated-li-li"))
    (segment,) = program.cycling
    steps = tuple(replace(step, times=60_000) if isinstance(step, Loop) else step for step in segment.steps)
    return replace(program, segments=(replace(segment, steps=steps),))


def _rows(program: Program) -> Iterator[Sample]:
    (segment,) = program.cycling
    sequence, before_s = 0, 0.0
    for count, place in enumerate(flow(segment.steps), 1):
        step = segment.steps[place.step - 1]
        assert not isinstance(step, Loop)
        current_a = step.current_a if isinstance(step, ConstantCurrent) else 0.0
        length_s = step.until.time_s or 0.0
        in_step_s = 0.0
        while True:
            sequence += 1
            passed_ah = abs(current_a) * in_step_s / 3600
            voltage_v = round(current_a * 260 + 1e-6 * in_step_s, 5)
            time_s = before_s + in_step_s
            yield Sample(
                sequence, time_s, in_step_s, place.step, count, place.cycle, "cc", voltage_v, current_a, passed_ah,
                passed_ah * abs(voltage_v), time_s,
            )  # fmt: skip
            if in_step_s >= length_s:
                break
            in_step_s = min(in_step_s + _EVERY_S, length_s)
        before_s += length_s


class _Riding:
    """A tester that shows each run's test as working, with the records that the store has."""

    name = "riding"
    host_loss = HostLoss.RIDES_ON
    poll_period_s = _POLL_S
    records_every_s = 0.0
    traits = BatteryTesterTraits(limits_read_back=True)

    def __init__(self, tests: dict[str, tuple[str, int, int]], firsts: dict[str, Sample]) -> None:
        self._tests, self._firsts = tests, firsts
        unit = UnitSettings(devid=21, subdevid=1, voltage_low_v=-5.0)
        self._envelope = unit.envelope()

    async def open(self) -> None:
        """Do nothing: it is there."""

    async def close(self) -> None:
        """Do nothing."""

    def channels(self) -> tuple[str, ...]:
        return _CHANNELS

    def channel_names(self) -> tuple[str, ...]:
        return _CHANNELS

    def envelope(self, _: str) -> ChannelEnvelope:
        return self._envelope

    def problems(self, _channel: str, _program: Program) -> list[str]:
        return []

    async def status(self, channels: Sequence[str]) -> dict[str, ChannelStatus]:
        return {channel: self._status(channel) for channel in channels}

    def _status(self, channel: str) -> ChannelStatus:
        barcode, test_id, count = self._tests[channel]
        return ChannelStatus(
            channel, ChannelState.WORKING, barcode, 0.05, 0.0, 3, 2, count * _EVERY_S, test_id, count, False
        )

    async def records(self, identity: TestIdentity, last: Sample | None, _count: int) -> list[Sample]:
        return [self._firsts[identity.channel]] if last is None else []

    async def step_log(self, _identity: TestIdentity) -> list[ExecutedStep]:
        return []

    async def record_count(self, identity: TestIdentity) -> int:
        return self._tests[identity.channel][2]


async def _serve(path: Path, *, as_before: bool) -> dict[str, float]:
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    if as_before:
        RecordPipeline.replay = _replay_at_once  # type: ignore[method-assign,assignment]  # of a tester what a restart asks
    with open_store(path) as store:
        rows = store.connection.execute(
            "SELECT channel, barcode, tester_test_id, (SELECT max(sequence) FROM sample WHERE test = test.id) FROM test"
        ).fetchall()
        firsts = {test.channel: next(iter(store.samples(test.id, limit=1))) for test in _tests(store)}
        opened_s = time.monotonic()
        riding = _Riding({row[0]: tuple(row[1:]) for row in rows}, firsts)
        service = Service(store, [riding])  # type: ignore[list-item]  # of a tester what a restart asks
        serving = asyncio.ensure_future(service.run())
        polled: dict[str, float] = {}
        block_s = 0.0
        while len(polled) < len(_CHANNELS):
            due_s = time.monotonic() + _PROBE_S
            await asyncio.sleep(_PROBE_S)
            block_s = max(block_s, time.monotonic() - due_s)
            for run in service.runs:
                if run.state is RunState.RUNNING:
                    polled.setdefault(run.request.channel, time.monotonic())
        cpu_s = time.process_time() - began_cpu_s
        serving.cancel()
        await asyncio.wait({serving})
    return {
        "opened_s": opened_s - began_s,
        "first_s": min(polled.values()) - began_s,
        "last_s": max(polled.values()) - began_s,
        "block_s": block_s,
        "cpu_s": cpu_s,
        "peak_mib": _peak_mib(),
    }


def _tests(store: Store) -> list[TesterTestRow]:
    return [test for run in store.runs() for test in store.tests(run.run_id)]


async def _replay_at_once(records: RecordPipeline) -> None:
    """Judge all stored samples at once, as cellrig did before."""
    records.accept(list(records._store.samples(records.test)))  # noqa: SLF001 - what replay itself did


def _peak_mib() -> float:
    """Return the most memory that this process has held; that of the process it was made by does not count."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_serve(Path(sys.argv[1]), as_before="--as-before" in sys.argv))))
