"""What tests of the store build with: a run with a test in it, and samples."""

from __future__ import annotations

from hashlib import sha256

from drivers.interfaces import Sample
from orchestrator.store import Store

PROGRAM = '{"cell": {"name": "Li-PEO-Li 7", "area_cm2": 0.7854}}'


def add_run(
    store: Store,
    cell: str = "Li-PEO-Li 7",
    channel: str = "27-1-3",
    created_unix_s: float = 1_767_571_200.0,
    *,
    simulated: bool | None = None,
) -> str:
    """Add a run of a made-up program and give its id."""
    return store.add_run(
        recipe="li-li",
        cell=cell,
        channel=channel,
        program_json=PROGRAM,
        program_sha256=sha256(PROGRAM.encode()).hexdigest(),
        created_unix_s=created_unix_s,
        label="bare",
        simulated=simulated,
    )


def add_test(store: Store, run_id: str, tester_test_id: int = 51, segment: int = 0) -> int:
    """Add a test of a run and give its number."""
    return store.add_test(
        run_id=run_id,
        segment=segment,
        instrument="ct4008",
        channel="27-1-3",
        tester_test_id=tester_test_id,
        barcode=run_id,
        started_unix_s=1_767_571_201.0,
    )


def sample(sequence: int, voltage_v: float = 0.0817) -> Sample:
    """Give the record with this number of a Li/Li test that records every 30 s."""
    return Sample(
        sequence=sequence,
        time_s=sequence * 30.0,
        step_time_s=sequence * 30.0 % 3600.0,
        step=2,
        step_count=1 + sequence // 120,
        tester_cycle=1,
        mode="cc_charge",
        voltage_v=voltage_v,
        current_a=0.00015708,
        capacity_ah=sequence * 1.309e-6,
        energy_wh=sequence * 1.07e-7,
        unix_time_s=1_767_571_201.0 + sequence * 30.0,
    )


def samples(first: int, count: int) -> list[Sample]:
    """Give consecutive records."""
    return [sample(number) for number in range(first, first + count)]
