"""What must hold of runs in an oven and on source meters, seen every five seconds beside the service."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from orchestrator.clock.virtual import VirtualTimeLoop
from orchestrator.states import RunState
from protocols.program import CyclingSegment, Program
from tests.chaos.host import Host
from tests.chaos.instruments import INSIDE, SAFE_DEGC, SMUS, Instruments

_TICK_S = 5.0
# A reading tells of a record within a minute before or after it, and is ten seconds old at most.
_BESIDE_S = 70.0
# What a sensor shows may differ by noise and by how an oven moves in five seconds.
_SHOWN_K = 0.7
# Where everything answers, every record is this near to a reading.
_SURE_S = 45.0
# A run goes on where its oven has been within 2 K; what it shows has noise. It is read so often.
_STARTS_K, _READ_S = 2.6, 10.0
# A sensor that stands still is told after ten minutes, and after an hour beside the set point.
_SENSOR_DOUBTED_S = 2 * 3600.0
# From a good line and a service that is up to an output that is off, where no run has it: it connects, asks and orders.
_OFF_WITHIN_S = 90.0
# A set point that no run wants is taken back with the next reading, after a restart when every run is decided.
_HOT_WITHIN_S, _SELDOM = 300.0, 12
# A run that ends within a look's time of its order has wanted it.
_JUST_S = 15.0
# Current is seen above the offset of an open-circuit look.
_FLOWS_A = 1e-6
_WANTING = (RunState.PREFLIGHT, RunState.ARMED, RunState.RUNNING, RunState.UNSEEN, RunState.HOLDING, RunState.UNKNOWN)
_DRIVING = frozenset({RunState.PREFLIGHT, RunState.ARMED, RunState.RUNNING, RunState.UNSEEN})
_CYCLED = "tester_test_id IS NOT NULL"
# So many tests of the whole rack may still get records.
_STILL_GROWING = 100
_MARKS = ", ".join("?" * len(INSIDE))


class AtInstruments:
    """Compares what oven and source meters do, by the simulators themselves, with what is stored.

    ``oven_troubles`` and ``line_troubles`` count what is wrong at the moment at the oven, and at any other line.
    """

    def __init__(self, bench: Instruments, query: Callable[..., list[Any]], store_is_there: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.oven_troubles = self.line_troubles = 0
        self.broken: list[str] = []
        self._bench, self._query, self._loop, self._is_there = bench, query, loop, store_is_there
        # Times of the ticks; what the oven's sensor showed, None for nothing; the truth; whether all was well.
        self._times_s: list[float] = []
        self._shown: list[float | None] = []
        self._air_degc: list[float] = []
        self._is_sure: list[bool] = []
        self._target_degc = bench.oven.target_degc
        self._doubted_until_s = self._changed_s = self._hot_since_s = 0.0
        self._process: object = None
        # The newest test that was looked at, and how far the records of each were.
        self._last_test = 0
        self._checked: dict[int, int] = {}
        self._flows_since_s = dict.fromkeys(SMUS, 0.0)
        self.counts = {"records": 0, "with a temperature": 0, "starts in the oven": 0, "set points": 0}

    def oven_is_well(self) -> None:
        """Note that one trouble of the oven is over."""
        self.oven_troubles -= 1

    # Every five seconds

    async def watch(self, host: Host) -> None:
        """Look again and again until cancelled; what is broken is raised by the next ``look``."""
        while True:
            try:
                self.tick(host)
            except AssertionError as err:
                self.broken.append(str(err))
            await asyncio.sleep(_TICK_S)

    def tick(self, host: Host) -> None:
        """Look once. Raises AssertionError."""
        now_s, oven = self._loop.time(), self._bench.oven
        oven.advance()
        is_readable = oven.answers and not oven.faults.sensor_open and "oven" not in self._bench.is_down
        if oven.faults.sensor_open or oven.faults.sensor_frozen_degc is not None:
            self._doubted_until_s = now_s + _SENSOR_DOUBTED_S
        self._times_s.append(now_s)
        self._shown.append(oven.shown_degc if is_readable else None)
        self._air_degc.append(oven.measured_degc)
        is_up = host.process is not None and not self.oven_troubles and now_s > self._doubted_until_s
        self._is_sure.append(is_up and is_readable)
        if host.process is not self._process:
            self._process, self._changed_s = host.process, now_s
        if not self._is_there():
            return
        self._check_set_point()
        self._check_hot(host, now_s)
        for name in SMUS:
            self._check_output(name, host, now_s)

    def wanted(self, *, since_s: float = 0.0) -> dict[str, set[float]]:
        """Return what each run in the oven that is under way wants, by its id and state.

        Also of those that have come to an end within ``since_s``.
        """
        states = ", ".join("?" * len(_WANTING))
        under_way = f"(state IN ({states}) OR state_unix_s > ?)"
        sql = f"SELECT run_id, state, program_json FROM run WHERE channel IN ({_MARKS}) AND {under_way}"  # noqa: S608 - question marks only
        from_unix_s = self._loop.epoch_unix_s + self._loop.time() - since_s
        rows = self._query(sql, *INSIDE, *(state.value for state in _WANTING), from_unix_s)
        programs = {f"{run_id} {state}": Program.from_json(text) for run_id, state, text in rows}
        return {name: {one.target_degc for one in it.temperatures} for name, it in programs.items() if it.temperatures}

    def _is_wanted(self) -> bool:
        """Return whether a run wants the oven warm, or one in a queue whose turn it is."""
        taken = (
            "SELECT channel FROM run WHERE state IN ('preflight', 'armed', 'running', 'unseen', 'holding', 'tripped')"
        )
        sql = f"SELECT 1 FROM run WHERE channel IN ({_MARKS}) AND state = 'queued' AND reason = ''"  # noqa: S608 - question marks only
        return bool(self.wanted() or self._query(f"{sql} AND channel NOT IN ({taken})", *INSIDE))

    def _check_set_point(self) -> None:
        """Check that a new set point is the safe one, or the one that every run that goes on in the oven wants."""
        before, self._target_degc = self._target_degc, self._bench.oven.target_degc
        if self._target_degc == SAFE_DEGC:
            self._bench.by_hand_degc = None
        if self._target_degc in {before, SAFE_DEGC, self._bench.by_hand_degc}:
            return
        # What a person has chosen is theirs until somebody orders another.
        self._bench.by_hand_degc = None
        self.counts["set points"] += 1
        wanted = self.wanted(since_s=_JUST_S)
        is_wanted = any(self._target_degc in degc for degc in wanted.values())
        is_against = [name for name, degc in wanted.items() if "running" in name and self._target_degc not in degc]
        assert is_wanted, (
            f"the oven was set from {before:g} to {self._target_degc:g} degC, and {wanted or 'no run'} wants that"
        )
        assert not is_against, f"the oven was set to {self._target_degc:g} degC under {is_against}"

    def _check_hot(self, host: Host, now_s: float) -> None:
        """Check that the oven is not left hot for nobody, once all is well and every run is decided."""
        target_degc = self._bench.oven.target_degc
        is_doubted = self.oven_troubles or self.line_troubles or host.process is None
        is_known = target_degc in {SAFE_DEGC, self._bench.by_hand_degc}
        if is_doubted or is_known or (len(self._times_s) % _SELDOM == 0 and self._is_wanted()):
            self._hot_since_s = now_s
        lasts_s = now_s - self._hot_since_s
        assert lasts_s <= _HOT_WITHIN_S, (
            f"the oven is set to {target_degc:g} degC for {lasts_s:g} s, and no run wants that"
        )

    def _check_output(self, name: str, host: Host, now_s: float) -> None:
        """Check that no current flows at a source meter without a run that is under way, once all is well."""
        unit = self._bench.units[name].instrument.unit
        flows = abs(unit.stage.point.current_a) > _FLOWS_A
        if not flows or self.line_troubles or host.process is None or self._has_run(name):
            self._flows_since_s[name] = now_s
        runs = self._query("SELECT run_id, state, reason FROM run WHERE channel = ?", name)
        assert now_s - self._flows_since_s[name] <= _OFF_WITHIN_S, (
            f"{unit.stage.point.current_a:g} A have flown at {name} for {_OFF_WITHIN_S:g} s without a run: {runs[-2:]}"
        )

    def _has_run(self, name: str) -> bool:
        rows = self._query("SELECT DISTINCT state FROM run WHERE channel = ?", name)
        return any(RunState(state) in _DRIVING for (state,) in rows)

    # After every happening

    def look(self) -> None:
        """Raise what was broken since the last look, and check what has begun since. Raises AssertionError."""
        assert not self.broken, "; ".join(self.broken[:3])
        if not self._is_there():
            return
        columns = "id, channel, barcode, started_unix_s, program_json"
        sql = f"SELECT {columns} FROM test WHERE id > ? AND channel IN ({_MARKS})"  # noqa: S608 - names of ours
        for number, channel, barcode, started_unix_s, text in self._query(sql, self._last_test, *INSIDE):
            self._last_test = number
            # A spectrum's program is another; the tests beside it have the same temperature.
            if '"steps"' in text:
                self._check_start(channel, barcode, started_unix_s, CyclingSegment.from_json(text))

    def _check_start(self, channel: str, barcode: str, started_unix_s: float, segment: CyclingSegment) -> None:
        """Check that the oven was there for as long as the soak lasts before a test began, by the truth.

        Within the tolerance before the first test of a segment, within ``warn_k`` where one goes on.
        """
        wanted = segment.temperature
        if wanted is None:
            return
        self.counts["starts in the oven"] += 1
        began_s = started_unix_s - self._loop.epoch_unix_s
        before = self._air_degc[self._at(began_s - wanted.soak_s + 2 * _READ_S) : self._at(began_s - _READ_S)]
        away_k = max(abs(degc - wanted.target_degc) for degc in before)
        assert away_k <= _STARTS_K or began_s <= self._doubted_until_s, (
            f"{barcode} began on {channel}, and the oven was {away_k:.1f} K away from {wanted.target_degc:g} degC"
        )

    # In a calm

    def order(self) -> None:
        """Check that each new record has the temperature of its place."""
        self._check_samples()

    def _check_samples(self) -> None:
        newest = f"SELECT id, channel, barcode FROM test WHERE {_CYCLED} ORDER BY id DESC LIMIT {_STILL_GROWING}"  # noqa: S608 - constants
        sql = "SELECT sequence, unix_time_s, temperature_degc FROM sample WHERE test = ? AND sequence > ?"
        for test, channel, barcode in self._query(newest):
            for sequence, unix_s, degc in self._query(sql, test, self._checked.get(test, 0)):
                self._checked[test] = sequence
                self.counts["records"] += 1
                self.counts["with a temperature"] += degc is not None
                wrong = self._wrong(channel, unix_s - self._loop.epoch_unix_s, degc)
                assert not wrong, f"{barcode}, record {sequence} on {channel}: {wrong}"

    def _wrong(self, channel: str, at_s: float, degc: float | None) -> str:
        """Return what is wrong with the temperature of a record; empty for nothing."""
        if channel not in INSIDE:
            return "" if degc is None else f"{degc:g} degC, and it is in no oven"
        if degc is None:
            # What a service has read of an oven dies with it, and records may be fetched by the next one.
            is_its_own = at_s - _SURE_S > self._changed_s
            near = self._is_sure[self._at(at_s - _SURE_S) : self._at(at_s + _SURE_S)]
            is_missed = is_its_own and near and all(near)
            return "it has no temperature, and the oven was read all the time" if is_missed else ""
        shown = [it for it in self._shown[self._at(at_s - _BESIDE_S) : self._at(at_s + _BESIDE_S)] if it is not None]
        if not shown:
            return f"{degc:g} degC, and the oven showed nothing within {_BESIDE_S:g} s"
        low, high = min(shown) - _SHOWN_K, max(shown) + _SHOWN_K
        return "" if low <= degc <= high else f"{degc:g} degC, and the oven showed {low:.1f} to {high:.1f}"

    def _at(self, at_s: float) -> int:
        return bisect_right(self._times_s, at_s)

    # In the morning

    def end(self) -> None:
        """Check that no cell at a source meter has seen more than its programs allow, and no range changed under it."""
        for name in SMUS:
            stage = self._bench.units[name].instrument.unit.stage
            stage.advance()
            seen, most_a = stage.exposure, self._most_a(name)
            largest_a = max(seen.highest_a, -seen.lowest_a)
            assert largest_a <= most_a, f"{name}: {largest_a:g} A have flown, its programs allow {most_a:g} A"
            assert not seen.spikes, f"{name}: a range was changed {seen.spikes} times with the output on"

    def _most_a(self, name: str) -> float:
        rows = self._query("SELECT DISTINCT program_json FROM run WHERE channel = ?", name)
        limits = [it.limits.absolute_current_a for (text,) in rows for it in Program.from_json(text).cycling]
        return max(limits, default=_FLOWS_A)

    def figures(self) -> str:
        """Return what was compared, in words."""
        return ", ".join(f"{count} {what}" for what, count in self.counts.items())
