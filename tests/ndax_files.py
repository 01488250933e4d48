"""Writes a Neware .ndax, version 14, in its layout of pages, as fastnda and NewareNDA read it.

Pages of 4096 bytes: the first is the head (kind, version), each other has a bit for every record and then the records.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 14
CLOCK_S = 1_700_000_000.25
HOUR_S = 3600.0
_PAGE, _BITS_AT, _DATA_AT, _END = 4096, 4, 132, 1
_DATA, _STEP, _RUN_INFO = 1, 7, 18

_RECORD = np.dtype([("voltage_v", "<f4"), ("current_a", "<f4")])
_STEP_ROW = np.dtype(
    [("cycle", "<u4"), ("step", "<u4"), ("pad1", "V16"), ("type", "<u1"), ("pad2", "V12")],
)
_INFO = np.dtype(
    [
        ("step_time_ms", "<u4"),
        ("pad1", "V1"),
        ("charge_ah", "<f4"),
        ("discharge_ah", "<f4"),
        ("charge_wh", "<f4"),
        ("discharge_wh", "<f4"),
        ("pad2", "V8"),
        ("dt_ms", "<i4"),
        ("unix_s", "<u4"),
        ("step_count", "<u4"),
        ("index", "<u4"),
        ("unix_ms", "<i2"),
        ("pad3", "V8"),
    ]
)
CC_CHG, CC_DCHG, CV_CHG, REST = 1, 2, 3, 4


@dataclass(frozen=True)
class NdaxStep:
    """One executed step: its kind and number, and its records, each with the seconds of test and clock.

    ``times_s`` are in the step, ``clock_s`` seconds since 1970 of each record.
    """

    kind: int
    step: int
    cycle: int
    times_s: Sequence[float] | NDArray[np.float64]
    clock_s: Sequence[float] | NDArray[np.float64]
    voltage_v: Sequence[float] | NDArray[np.float64]
    current_a: Sequence[float] | NDArray[np.float64]


def write_ndax(path: Path, steps: Sequence[NdaxStep], without: Sequence[str] = (), every: int = 1) -> None:
    """Write a file; ``without`` names parts that are left out, as in a copy of a running test.

    Each ``every``-th record of a step has a time of its own, and its first and last: readers fill in the others.
    """
    voltage = np.concatenate([np.asarray(step.voltage_v) for step in steps])
    current = np.concatenate([np.asarray(step.current_a) for step in steps])
    records = np.zeros(len(voltage), _RECORD)
    records["voltage_v"], records["current_a"] = voltage, current
    rows = np.zeros(len(steps), _STEP_ROW)
    rows["cycle"] = [step.cycle - 1 for step in steps]
    rows["step"] = [step.step for step in steps]
    rows["type"] = [step.kind for step in steps]
    parts = {
        "data.ndc": _pages(_DATA, records),
        "data_runInfo.ndc": _pages(_RUN_INFO, _info(steps, every)),
        "data_step.ndc": _pages(_STEP, rows),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in parts.items():
            if name not in without:
                packed.writestr(name, data)


def _info(steps: Sequence[NdaxStep], every: int) -> NDArray[Any]:
    found = []
    index = 1
    for count, step in enumerate(steps, 1):
        times, clock = np.asarray(step.times_s, np.float64), np.asarray(step.clock_s, np.float64)
        rows = np.zeros(len(times), _INFO)
        ah = np.abs(np.asarray(step.current_a)) * times / 3600
        wh = ah * np.asarray(step.voltage_v)
        way = "discharge" if step.kind == CC_DCHG else "charge"
        rows[f"{way}_ah"], rows[f"{way}_wh"] = ah, wh
        rows["step_time_ms"] = np.round(times * 1000)
        rows["dt_ms"] = np.round(np.diff(times, append=times[-1:]) * 1000)
        ms = np.round(clock * 1000).astype(np.int64)
        rows["unix_s"], rows["unix_ms"] = ms // 1000, ms % 1000
        rows["step_count"] = count
        rows["index"] = index + np.arange(len(times))
        index += len(times)
        at = np.arange(len(times))
        found.append(rows[(at % every == 0) | (at == len(times) - 1)])
    return np.concatenate(found)


def _pages(kind: int, rows: NDArray[Any]) -> bytes:
    head = bytearray(_PAGE)
    head[0], head[2] = kind, VERSION
    each = (_PAGE - _DATA_AT - _END) // rows.dtype.itemsize
    number = -(-len(rows) // each)
    pages = np.zeros((number, _PAGE), np.uint8)
    padded = np.zeros(number * each, rows.dtype)
    padded[: len(rows)] = rows
    pages[:, _DATA_AT : _DATA_AT + each * rows.dtype.itemsize] = padded.view(np.uint8).reshape(number, -1)
    there = (np.arange(number * each) < len(rows)).reshape(number, each)
    bits = np.packbits(there, axis=1, bitorder="little")
    pages[:, _BITS_AT : _BITS_AT + bits.shape[1]] = bits
    return bytes(head) + pages.tobytes()


def li_li(path: Path, without: tuple[str, ...] = ()) -> None:
    """Write a Li/Li test: a rest at 0 V, 0.2 mA each way, an hour of standstill in the second half."""
    times = np.arange(0.0, 61.0, 10.0)
    ones = np.ones(len(times))
    later = CLOCK_S + 60 + times
    stood = later + 60 + np.where(times >= 30, HOUR_S, 0.0)
    write_ndax(
        path,
        [
            NdaxStep(REST, 1, 1, times, CLOCK_S + times, 0 * ones, 0 * ones),
            NdaxStep(CC_CHG, 2, 1, times, later, 0.03 * ones, 2e-4 * ones),
            NdaxStep(CC_DCHG, 3, 2, times, stood, -0.03 * ones, -2e-4 * ones),
        ],
        without,
    )
