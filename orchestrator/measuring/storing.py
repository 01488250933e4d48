"""Converts a potentiostat's measurement into rows of the store: a spectrum, or samples of one step."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from math import isnan, nan
from pathlib import Path

from drivers.interfaces import Measurement, Sample, Spectrum, Trace
from orchestrator.store import MeasurementRow, SpectrumPoint, Store
from orchestrator.store.cycle_numbers import add_cycle_begins
from protocols.techniques import Impedance


def keep_measurement(
    store: Store,
    test: int,
    run_id: str,
    measurement: Measurement,
    *,
    cycle: int,
    open_circuit_v: float,
    rested_s: float,
) -> None:
    """Store a measurement of a run's test, inside the caller's transaction."""
    technique, result = measurement.technique, measurement.result
    bias_v = result.bias_v if isinstance(result, Spectrum) else nan
    if isnan(bias_v) and isinstance(technique, Impedance):
        bias_v = open_circuit_v if technique.bias_v is None else technique.bias_v
    row = MeasurementRow(
        test=test,
        technique=technique.kind,
        job=measurement.job,
        bias_v=None if isnan(bias_v) else bias_v,
        amplitude_v=technique.amplitude_v if isinstance(technique, Impedance) else None,
        temperature_degc=store.temperature_degc(test, measurement.started_unix_s, measurement.ended_unix_s),
        cycle=cycle,
        charge_passed_ah=store.charge_passed_ah(run_id),
        open_circuit_v=open_circuit_v,
        rested_s=rested_s,
        started_unix_s=measurement.started_unix_s,
        ended_unix_s=measurement.ended_unix_s,
        files_json=json.dumps([str(path) for path in measurement.files]),
    )
    store.add_measurement(row)
    add_cycle_begins(store, test, [(1, cycle)])
    if isinstance(result, Spectrum):
        pairs = zip(result.frequency_hz, result.impedance_ohm, strict=True)
        points = [SpectrumPoint(n, hertz, ohm.real, ohm.imag) for n, (hertz, ohm) in enumerate(pairs, 1)]
        store.add_spectrum(test, points)
    else:
        store.tick({test: _samples(result, technique.kind, measurement.started_unix_s)})


def archive(measurement: Measurement, store: Path) -> Measurement:
    """Copy the files of the instrument's program into a folder of this job beside the store.

    The binary file holds seven digits where the text has four, and its parameters (reference chi660e, section 10).
    """
    folder = store.with_name(f"{store.name}.measurements") / measurement.job
    folder.mkdir(parents=True, exist_ok=True)
    return replace(measurement, files=tuple(Path(shutil.copy2(path, folder)) for path in measurement.files))


def _samples(trace: Trace, mode: str, started_unix_s: float) -> list[Sample]:
    """Return a trace as the samples of one step; charge is counted by the trapezoid rule where a current is known."""
    samples: list[Sample] = []
    charge_ah = energy_wh = 0.0
    last: tuple[float, float, float] | None = None
    rows = zip(trace.time_s, trace.voltage_v, trace.current_a, strict=True)
    for number, (time_s, voltage_v, current_a) in enumerate(rows, 1):
        if last is not None:
            hours = (time_s - last[0]) / 3600
            charge_ah += abs(current_a + last[2]) / 2 * hours
            energy_wh += abs(current_a * voltage_v + last[1] * last[2]) / 2 * hours
        last = (time_s, voltage_v, current_a)
        samples.append(
            Sample(
                sequence=number,
                time_s=time_s,
                step_time_s=time_s,
                step=1,
                step_count=1,
                tester_cycle=1,
                mode=mode,
                voltage_v=voltage_v,
                current_a=current_a,
                capacity_ah=charge_ah,
                energy_wh=energy_wh,
                unix_time_s=float(int(started_unix_s + time_s)),
            )
        )
    return samples
