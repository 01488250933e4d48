"""Runs written into a store as a tester would record them, whole or cut anywhere, without any tester."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.interfaces import Sample
from orchestrator.judging.resuming import Position, position, remaining_segment
from orchestrator.judging.steps import StepBuilder
from orchestrator.runs.progress import Progress
from orchestrator.store import DeviationCategory, MeasurementRow, Store
from protocols.execution_order import flow
from protocols.program import (
    CellFacts,
    ConstantCurrent,
    CyclingSegment,
    Loop,
    MeasurementSegment,
    Program,
    Rest,
    Segment,
    Until,
    VoltageBand,
)
from protocols.techniques import Impedance
from tests.segments import CHECKS, segment_of

START_UNIX_S = 1_767_571_200.0
CELL = CellFacts("made", "li-li", area_cm2=1.0, active_mass_mg=2.0)
# How long a made run lies still after each cut, in seconds.
AWAY_S = 5000.0
EVERY_S = 1.0


def program_of(*segments: Segment) -> Program:
    """Give a program of these segments."""
    return Program("made", "0" * 64, CELL, segments)


SPECTRUM = MeasurementSegment(Impedance(high_hz=1e5, low_hz=1.0), VoltageBand(-1.0, 1.0))
CHARGE = ConstantCurrent(0.002, Until(time_s=60.0))
DISCHARGE = ConstantCurrent(-0.002, Until(time_s=60.0))


def cycling(times: int) -> CyclingSegment:
    """Give a contact check, a rest of ten seconds, and cycles of a minute each way."""
    return segment_of(*CHECKS, Rest(Until(time_s=10.0)), CHARGE, DISCHARGE, Loop(4, times))


# Three cycles, a spectrum, two cycles: cycle 1 begins at 20 s of the first test.
PROGRAM = program_of(cycling(3), SPECTRUM, cycling(2))
# In the discharge of cycle 2, then in what was left of it, then in the charge of cycle 4 behind the spectrum.
CUTS_S = (230.5, 5 + 5 + 60 + 20.5, 1e9, 50.5)


def records(segment: CyclingSegment, start_unix_s: float, cut_s: float | None = None) -> list[Sample]:
    """Give what a tester records of a segment whose steps end by time: every second, first and last of each step.

    With ``cut_s`` it loses power at that time, and the last record is the newest before it.
    """
    found: list[Sample] = []
    began_s = 0.0
    for count, there in enumerate(flow(segment.steps), 1):
        step = segment.steps[there.step - 1]
        assert isinstance(step, Rest | ConstantCurrent)
        current_a = step.current_a if isinstance(step, ConstantCurrent) else 0.0
        length_s = step.until.time_s or 0.0
        whole = [n * EVERY_S for n in range(int(length_s / EVERY_S) + 1)]
        for step_time_s in [*whole, *([] if whole[-1] == length_s else [length_s])]:
            time_s = round(began_s + step_time_s, 1)
            if cut_s is not None and time_s > cut_s:
                return found
            passed_ah = abs(current_a) * step_time_s / 3600
            found.append(
                Sample(
                    sequence=len(found) + 1,
                    time_s=time_s,
                    step_time_s=step_time_s,
                    step=there.step,
                    step_count=count,
                    tester_cycle=there.cycle,
                    mode=step.kind,
                    voltage_v=current_a * 100,
                    current_a=current_a,
                    capacity_ah=passed_ah,
                    energy_wh=passed_ah * abs(current_a) * 100,
                    unix_time_s=float(int(start_unix_s + time_s)),
                )
            )
        began_s += length_s
    return found


class RunMaker:
    """Writes one run; time passes as its tests take it."""

    def __init__(self, store: Store, program: Program) -> None:
        self._store = store
        self._program = program
        self._tests = 0
        self._progress = Progress.at_start(program)
        self._time_s = 0.0
        self.now_unix_s = START_UNIX_S
        self.run_id = store.add_run(
            recipe=program.recipe,
            cell=program.cell.name,
            channel="27-1-3",
            program_json=program.to_json(),
            program_sha256=program.sha256,
            created_unix_s=self.now_unix_s,
        )

    def run(self, cuts_s: Sequence[float] = ()) -> str:
        """Run the whole program; each cut ends the test that runs then, and what is left follows as another test.

        Cuts are times in a test, used up one after another; a cut behind the end of a test changes nothing.
        """
        cuts = list(cuts_s)
        for index, segment in enumerate(self._program.segments):
            if isinstance(segment, MeasurementSegment):
                self._measure(index, segment)
            else:
                self._cycle(index, segment, cuts)
        return self.run_id

    def _add_test(self, index: int, text: str, tester_test_id: int | None) -> int:
        self._tests += 1
        return self._store.add_test(
            run_id=self.run_id,
            segment=index,
            instrument="made",
            channel="27-1-3",
            tester_test_id=tester_test_id,
            barcode=f"{self.run_id}.{self._tests}",
            started_unix_s=self.now_unix_s,
            program_json=text,
        )

    def _measure(self, index: int, segment: MeasurementSegment) -> None:
        test = self._add_test(index, segment.to_json(), None)
        began, self.now_unix_s = self.now_unix_s, self.now_unix_s + 600.0
        row = MeasurementRow(
            test,
            "eis",
            self.run_id + str(index),
            None,
            0.01,
            None,
            self._reach(index).cycle(None),
            0.0,
            0.0,
            60.0,
            began,
            began + 300,
            "[]",
        )
        self._store.add_measurement(row)

    def _reach(self, index: int) -> Progress:
        while self._progress.index < index:
            self._progress = self._progress.advanced()
        return self._progress

    def _cycle(self, index: int, original: CyclingSegment, cuts: list[float]) -> None:
        segment: CyclingSegment | None = original
        base = Position()
        while segment is not None:
            samples = records(segment, self.now_unix_s, cuts.pop(0) if cuts else None)
            test = self._add_test(index, segment.to_json(), self._tests + 1)
            self._store.tick({test: samples})
            builder = StepBuilder(segment)
            steps = builder.feed(samples) + builder.finish()
            self._store.add_steps(test, steps)
            self._progress = self._reach(index).running(segment).with_test(self._time_s)
            _, made = self._progress.number(steps)
            self._progress = self._progress.after(samples[-1] if samples else None)
            self._time_s += samples[-1].time_s if samples else 0.0
            base = position(original, base, segment, samples[-1] if samples else None)
            segment = remaining_segment(original, base)
            self._store.add_cycles(test, made)
            self.now_unix_s += samples[-1].time_s if samples else 0.0
            if segment is not None:
                began, self.now_unix_s = self.now_unix_s, self.now_unix_s + AWAY_S
                self._store.add_deviation(
                    self.run_id, DeviationCategory.POWER_OUTAGE, began, self.now_unix_s, "the tester lost its power"
                )
