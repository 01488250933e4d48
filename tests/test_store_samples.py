"""Samples go in once, exactly, and in whatever order and however often a backfill brings them."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.interfaces import Sample
from orchestrator.events import EventKind
from orchestrator.store import NewEvent, Refused, Store, StoreConflict, TickResult, open_store
from tests.storing import add_run, add_test, sample, samples

numbers = st.floats(allow_nan=False).filter(lambda value: value != 0 or math.copysign(1, value) > 0)
integers = st.integers(-(2**63), 2**63 - 1)
any_sample = st.builds(
    Sample,
    sequence=st.integers(1, 2**40),
    time_s=numbers,
    step_time_s=numbers,
    step=integers,
    step_count=integers,
    tester_cycle=integers,
    mode=st.text(),
    voltage_v=numbers,
    current_a=numbers,
    capacity_ah=numbers,
    energy_wh=numbers,
    unix_time_s=numbers,
)


def with_value(row: Sample, field: str, value: object) -> Sample:
    """Give a sample with one value changed."""
    return Sample._make((row._asdict() | {field: value}).values())


@contextmanager
def new_store() -> Iterator[tuple[Store, int]]:
    """Give a new store with one test in it: a property needs a fresh one for each example."""
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store.sqlite") as store:
        yield store, add_test(store, add_run(store))


@given(st.lists(any_sample, unique_by=lambda row: row.sequence))
def test_samples_come_back_bit_for_bit(rows: list[Sample]) -> None:
    """What an instrument recorded is what is read back, to the last bit, in the order of its sequence."""
    with new_store() as (store, test):
        store.tick({test: rows})
        assert repr(list(store.samples(test))) == repr(sorted(rows))


@given(st.lists(st.lists(st.integers(1, 60), max_size=40), max_size=8))
def test_backfill_may_repeat_itself(ticks: list[list[int]]) -> None:
    """Repeated, overlapping and shuffled batches leave each sample once, and each is counted as new or repeated.

    Faults D05.
    """
    with new_store() as (store, test):
        seen: set[int] = set()
        for tick in ticks:
            new = set(tick) - seen
            assert store.tick({test: [sample(number) for number in tick]}) == TickResult(len(new), len(tick) - len(new))
            seen |= new
        assert list(store.samples(test)) == [sample(number) for number in sorted(seen)]


@pytest.mark.parametrize("field", Sample._fields[1:])
def test_other_values_for_a_stored_sample_are_a_conflict(store: Store, field: str) -> None:
    """Whichever value differs, the error names it, and nothing of that tick is kept, of no test (faults D05)."""
    run_id = add_run(store)
    first, second = add_test(store, run_id, 51), add_test(store, run_id, 52)
    store.tick({first: samples(1, 5)})
    changed = with_value(sample(5), field, "rest" if field == "mode" else getattr(sample(5), field) + 1)
    with pytest.raises(StoreConflict, match=rf"test {first}, sample 5 is stored with {field}"):
        store.tick(
            {second: samples(1, 5), first: [changed, *samples(6, 3)]}, [NewEvent(run_id, EventKind.STATE, "", 0.0)]
        )
    assert (store.sample_count(first), store.sample_count(second), store.events()) == (5, 0, [])
    assert store.tick({first: samples(1, 8)}) == TickResult(3, 5)


def test_two_values_for_one_sample_in_a_batch_are_a_conflict(store: Store) -> None:
    """A batch that contradicts itself is not half kept."""
    test = add_test(store, add_run(store))
    with pytest.raises(StoreConflict, match="voltage_v"):
        store.tick({test: [sample(1, voltage_v=0.08), sample(1, voltage_v=0.09)]})
    assert store.sample_count(test) == 0


@pytest.mark.parametrize("field", ["voltage_v", "current_a", "capacity_ah", "energy_wh"])
def test_missing_reading_is_null_in_the_file_and_nan_outside(store: Store, field: str) -> None:
    """A placeholder is kept as what it is: never zero, and never a reason to lose the tick (faults A14, D01)."""
    test = add_test(store, add_run(store))
    batch = [with_value(sample(1), field, math.nan), sample(2)]
    assert store.tick({test: batch}) == TickResult(2, 0)
    assert store.tick({test: batch}) == TickResult(0, 2)
    first, second = store.samples(test)
    assert math.isnan(getattr(first, field))
    assert second == sample(2)
    with pytest.raises(StoreConflict, match=field):
        store.tick({test: [sample(1)]})


def test_time_that_is_no_number_is_refused(store: Store) -> None:
    """A record without a time fails the tick: it is neither stored nor passed over in silence."""
    test = add_test(store, add_run(store))
    with pytest.raises(Refused, match="unix_time_s"):
        store.tick({test: [with_value(sample(1), "unix_time_s", math.nan)]})
    assert store.sample_count(test) == 0


def test_number_beyond_64_bits_is_refused(store: Store) -> None:
    """A counter that cannot be right fails the tick."""
    test = add_test(store, add_run(store))
    with pytest.raises(Refused, match="64 bits"):
        store.tick({test: [sample(1)._replace(tester_cycle=2**63)]})


def test_sequences_of_two_tests_do_not_meet(store: Store) -> None:
    """An instrument's numbering starts anew with each test, and so does the store's."""
    run_id = add_run(store)
    first, second = add_test(store, run_id, 51), add_test(store, run_id, 52)
    store.tick({first: [sample(1, voltage_v=0.1)], second: [sample(1, voltage_v=0.2)]})
    assert [row.voltage_v for test in (first, second) for row in store.samples(test)] == [0.1, 0.2]


def test_last_sample_is_where_a_backfill_goes_on(store: Store) -> None:
    """The last sample is the one with the highest number, not the one written last."""
    test = add_test(store, add_run(store))
    assert store.last_sample(test) is None
    store.tick({test: samples(100, 3)})
    store.tick({test: samples(1, 3)})
    assert store.last_sample(test) == sample(102)


@pytest.mark.parametrize(
    ("after", "limit", "first", "count"),
    [
        (0, None, 1, 2500),
        (2400, None, 2401, 100),
        (0, 10, 1, 10),
        (700, 1500, 701, 1500),
        (2500, None, 0, 0),
        (0, 0, 0, 0),
    ],
)
def test_samples_are_read_from_any_place(store: Store, after: int, limit: int | None, first: int, count: int) -> None:
    """Reading starts behind a number and ends at a limit, within a page or over several."""
    test = add_test(store, add_run(store))
    store.tick({test: samples(1, 2500)})
    assert list(store.samples(test, after, limit)) == samples(first, count)


def test_forgotten_reader_holds_nothing(store: Store) -> None:
    """A reader that stops in the middle keeps no cursor open, so the WAL is emptied all the same."""
    test = add_test(store, add_run(store))
    store.tick({test: samples(1, 2500)})
    with open_store(store.path, read_only=True) as reader:
        assert next(reader.samples(test)) == sample(1)
        busy, in_wal, moved = store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert (busy, in_wal, moved) == (0, 0, 0)
