"""The temperature of a cell's place is joined to each sample and measurement by its own time, or is missing."""

from __future__ import annotations

import pytest

from orchestrator.rack.place_temperatures import KEPT_S, OLDEST_S, PlaceTemperatures
from orchestrator.store import Store
from tests.storing import add_run, add_test, sample, samples

CHANNEL, OVEN = "27-1-3", "oven-60"
# The first sample of ``tests.storing`` is made 30 s after its test was started.
START_UNIX_S = 1_767_571_201.0


@pytest.fixture
def places() -> PlaceTemperatures:
    """Give the readings of a rack with one oven around one channel."""
    return PlaceTemperatures({CHANNEL: OVEN})


def stored(store: Store, test: int) -> list[float | None]:
    """Give the temperatures of a test's samples in order."""
    sql = "SELECT temperature_degc FROM sample WHERE test = ? ORDER BY sequence"
    return [row[0] for row in store.connection.execute(sql, (test,))]


def test_sample_has_the_temperature_between_the_readings_around_it(store: Store, places: PlaceTemperatures) -> None:
    """Records that come an hour later, as after an outage, have those of their own time."""
    store.join_temperatures(places)
    for second in range(0, 3600, 10):
        places.note_oven(OVEN, START_UNIX_S + second - 5, 20.0 + second / 100)
    test = add_test(store, add_run(store))
    store.tick({test: samples(1, 3)})
    assert stored(store, test) == [20.35, 20.65, 20.95]


def test_sample_that_no_reading_is_near_has_no_temperature(store: Store, places: PlaceTemperatures) -> None:
    """A reading of more than a minute before or after is not the temperature of a record; one in between is."""
    store.join_temperatures(places)
    test = add_test(store, add_run(store))
    places.note_oven(OVEN, START_UNIX_S + 30 - OLDEST_S - 0.5, 60.0)
    places.note_oven(OVEN, START_UNIX_S + 90 + OLDEST_S, 61.0)
    store.tick({test: samples(1, 3)})
    assert stored(store, test) == [None, None, 61.0]


def test_repeated_backfill_keeps_the_temperatures_of_the_first(store: Store, places: PlaceTemperatures) -> None:
    """The same records with other readings at hand are no conflict, and change nothing."""
    test = add_test(store, add_run(store))
    store.tick({test: samples(1, 2)})
    store.join_temperatures(places)
    places.note_oven(OVEN, START_UNIX_S + 60, 60.0)
    assert (store.tick({test: samples(1, 3)}).inserted, stored(store, test)) == (1, [None, None, 60.0])


def test_tester_whose_clock_is_an_hour_ahead_gets_no_temperatures_of_the_future(
    store: Store, places: PlaceTemperatures
) -> None:
    """Its first record tells by how much; a difference of a minute is not told from a late start, and not corrected."""
    store.join_temperatures(places)
    for second in range(0, 7200, 30):
        places.note_oven(OVEN, START_UNIX_S + second, 60.0 if second < 3600 else 25.0)
    test = add_test(store, add_run(store))
    store.tick({test: [sample(n)._replace(unix_time_s=sample(n).unix_time_s + 3600) for n in (1, 2)]})
    assert stored(store, test) == [60.0, 60.0]


def test_thermometer_at_the_cell_goes_before_the_oven(places: PlaceTemperatures) -> None:
    """While it is silent the oven's own sensor is told, and the one beside that last; other channels have none."""
    places.note_probe(OVEN, 0.0, 58.0)
    assert places.at(CHANNEL, 1.0) == 58.0
    places.note_oven(OVEN, 0.0, 60.0)
    assert places.at(CHANNEL, 1.0) == 60.0
    places.note_probe(CHANNEL, 0.0, 59.0)
    assert places.at(CHANNEL, 1.0) == 59.0
    assert places.at("27-1-4", 1.0) is None


def test_readings_are_kept_for_a_week_and_no_longer(places: PlaceTemperatures) -> None:
    """A long weekend without its tester is backfilled, and a year of readings fills no memory."""
    for second in range(0, int(KEPT_S) + 5 * 4200, 5):
        places.note_oven(OVEN, float(second), 60.0)
    assert places.at(CHANNEL, 0.0) is None
    assert places.at(CHANNEL, 5.0 * 4200) == 60.0


def test_clock_that_is_set_back_keeps_readings_in_order(places: PlaceTemperatures) -> None:
    """What the host's clock says twice is told as it was the second time."""
    for unix_s, degc in ((0.0, 20.0), (100.0, 30.0), (50.0, 60.0), (60.0, 62.0)):
        places.note_oven(OVEN, unix_s, degc)
    assert (places.at(CHANNEL, 55.0), places.at(CHANNEL, 119.0)) == (61.0, 62.0)


def test_readable_view_and_columns_tell_the_temperature(store: Store, places: PlaceTemperatures) -> None:
    """Whoever reads the store by SQL finds it beside the voltage."""
    store.join_temperatures(places)
    places.note_oven(OVEN, START_UNIX_S + 30, 59.9)
    store.tick({add_test(store, add_run(store)): samples(1, 1)})
    rows = store.connection.execute("SELECT temperature_degc, simulated FROM sample_readable").fetchall()
    assert rows == [(59.9, None)]


def test_measurement_has_the_temperature_in_its_middle(store: Store, places: PlaceTemperatures) -> None:
    """A spectrum takes minutes; without anybody who measures a temperature it has none."""
    test = add_test(store, add_run(store))
    assert store.temperature_degc(test, START_UNIX_S, START_UNIX_S + 600) is None
    store.join_temperatures(places)
    places.note_oven(OVEN, START_UNIX_S + 290, 59.0)
    places.note_oven(OVEN, START_UNIX_S + 310, 60.0)
    assert store.temperature_degc(test, START_UNIX_S, START_UNIX_S + 600) == 59.5
