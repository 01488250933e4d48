"""Gives a run's spectra and half-cycles out of the store, in the order measured, for whoever judges or draws them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan

from drivers.interfaces import EndReason, Spectrum
from orchestrator.analysis.half_cycle_slices import HalfCycle, half_cycle
from orchestrator.store import Store, TesterTestRow
from protocols.program import CyclingSegment, PoweredStep, Program, Purpose


@dataclass(frozen=True, slots=True)
class MeasuredSpectrum:
    """A stored spectrum, its test, and how many cycles lay behind it."""

    test: int
    cycle: int
    spectrum: Spectrum


def spectra_of(store: Store, run_id: str, after_test: int = 0) -> list[MeasuredSpectrum]:
    """Give the impedance spectra of a run, of tests with a number above ``after_test``."""
    found = []
    for row in store.measurements(run_id):
        points = store.spectrum(row.test) if row.test > after_test else []
        if points:
            frequency_hz = tuple(point.frequency_hz for point in points)
            impedance_ohm = tuple(complex(point.z_real_ohm, point.z_imag_ohm) for point in points)
            bias_v = nan if row.bias_v is None else row.bias_v
            found.append(MeasuredSpectrum(row.test, row.cycle, Spectrum(frequency_hz, impedance_ohm, bias_v)))
    return found


def half_cycles_of(store: Store, run_id: str, after_test: int = 0) -> Iterator[tuple[int, HalfCycle]]:
    """Give the constant-current half-cycles of a run with their tests; cycles count through all tests.

    Contact checks and steps that something from outside cut short are left out.
    """
    before = 0
    for test in store.tests(run_id):
        if not test.is_measurement and test.id > after_test:
            yield from ((test.id, half) for half in _of_test(store, test, before))
        before = max([before, *(cycle.cycle for cycle in store.cycles(test.id))])


def _of_test(store: Store, test: TesterTestRow, cycles_before: int) -> Iterator[HalfCycle]:
    segment = CyclingSegment.from_json(test.program_json)
    for executed in store.steps(test.id):
        step = segment.steps[executed.step - 1]
        if not isinstance(step, PoweredStep) or step.purpose is not Purpose.RECIPE:
            continue
        set_a = step.constant_a
        if set_a is not None and executed.end_reason is not EndReason.EXTERNAL:
            count = executed.last_sequence - executed.first_sequence + 1
            samples = list(store.samples(test.id, executed.first_sequence - 1, count))
            half = half_cycle(executed, samples, set_a)
            yield HalfCycle(
                cycles_before + half.cycle,
                half.current_a,
                half.duration_s,
                half.resistance_ohm,
                half.parts_ohm,
                half.end_reason,
            )


def kind_of(store: Store, run_id: str) -> str:
    """Give the kind of a run's cell."""
    return Program.from_json(store.run(run_id).program_json).cell.kind
