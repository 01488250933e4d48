"""What the store keeps, it gives back: runs, tests, steps, events, deviations, intents, and views of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from drivers.interfaces import EndReason
from orchestrator.events import EventKind
from orchestrator.judging.steps import ExecutedStep
from orchestrator.states import RunState
from orchestrator.store import (
    DeviationCategory,
    NewEvent,
    Refused,
    SpectrumPoint,
    Store,
    StoreBusy,
    StoreConflict,
    open_store,
)
from tests.storing import add_run, add_test, samples

NOW = 1_767_571_300.0
STEP = ExecutedStep(
    step_count=1,
    step=2,
    tester_cycle=1,
    mode="cc_charge",
    start_s=0.0,
    duration_s=3600.0,
    capacity_ah=0.000157,
    energy_wh=1.28e-5,
    mean_voltage_v=0.0817,
    resistance_ohm=520.0,
    end_reason=EndReason.TIME,
    first_sequence=1,
    last_sequence=121,
)


def test_run_comes_back_as_it_was_added(store: Store) -> None:
    """A run is queued under an id that any barcode can carry."""
    run_id = add_run(store)
    row = store.run(run_id)
    assert run_id == "R000001"
    assert (row.run_id, row.recipe, row.cell, row.channel, row.label) == (
        "R000001",
        "li-li",
        "Li-PEO-Li 7",
        "27-1-3",
        "bare",
    )
    assert (row.state, row.reason, row.state_unix_s) == (RunState.QUEUED, "", row.created_unix_s)


def test_runs_are_numbered_and_listed_in_order(store: Store) -> None:
    """Ids rise, and the list of runs starts with the oldest."""
    ids = [add_run(store) for _ in range(3)]
    assert ids == ["R000001", "R000002", "R000003"]
    assert [row.run_id for row in store.runs()] == ids


@pytest.mark.parametrize("state", RunState)
def test_every_state_of_a_run_can_be_kept(store: Store, state: RunState) -> None:
    """The words of the state table and of the store are the same."""
    run_id = add_run(store)
    store.set_run_state(run_id, state, "because", NOW)
    row = store.run(run_id)
    assert (row.state, row.reason, row.state_unix_s) == (state, "because", NOW)


def test_cell_nobody_added_has_the_facts_of_the_program(store: Store) -> None:
    """A run's cell is never without facts."""
    row = store.run(add_run(store))
    assert json.loads(row.facts_json) == {"name": "Li-PEO-Li 7", "area_cm2": 0.7854}


def test_corrected_facts_leave_earlier_runs_alone(store: Store) -> None:
    """A run shows its cell as it was described when the run was added, also when a correction is taken back."""
    runs = []
    for mass in (1.4, 1.5, 1.4):
        store.add_cell("LFP 3", json.dumps({"mass_mg": mass}))
        runs.append(add_run(store, cell="LFP 3"))
    assert [json.loads(store.run(run_id).facts_json)["mass_mg"] for run_id in runs] == [1.4, 1.5, 1.4]


def test_test_comes_back_as_it_was_added(store: Store) -> None:
    """The identity on the tester is kept whole."""
    run_id = add_run(store)
    number = add_test(store, run_id, tester_test_id=51)
    (row,) = store.tests(run_id)
    assert (row.id, row.run_id, row.segment, row.instrument) == (number, run_id, 0, "ct4008")
    assert (row.channel, row.tester_test_id, row.barcode) == ("27-1-3", 51, run_id)


def test_adopting_a_test_twice_gives_the_same_number(store: Store) -> None:
    """A restart that finds its own test adds nothing."""
    run_id = add_run(store)
    assert add_test(store, run_id) == add_test(store, run_id)
    assert len(store.tests(run_id)) == 1


def test_test_of_another_segment_is_a_conflict(store: Store) -> None:
    """One test of the tester never counts for two segments."""
    run_id = add_run(store)
    add_test(store, run_id, segment=0)
    with pytest.raises(StoreConflict, match="test 51 of ct4008 on 27-1-3 belongs to run R000001, segment 0"):
        add_test(store, run_id, segment=1)


def test_step_that_grew_is_replaced(store: Store) -> None:
    """The same step written again has the new values, and others stay."""
    test = add_test(store, add_run(store))
    second = replace(STEP, step_count=2, mean_voltage_v=None, resistance_ohm=None, end_reason=EndReason.VOLTAGE)
    grown = replace(STEP, capacity_ah=0.000158)
    store.add_steps(test, [STEP, second])
    store.add_steps(test, [grown])
    assert store.steps(test) == [grown, second]


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_reason_can_be_kept(store: Store, reason: EndReason) -> None:
    """The words of the drivers and of the store are the same."""
    test = add_test(store, add_run(store))
    store.add_steps(test, [replace(STEP, end_reason=reason)])
    assert store.steps(test)[0].end_reason is reason


def test_spectrum_comes_back_in_the_order_measured(store: Store) -> None:
    """A spectrum keeps its direction of sweep."""
    test = add_test(store, add_run(store))
    points = [
        SpectrumPoint(1, 1e6, 301.5, -2.0),
        SpectrumPoint(2, 1e3, 350.0, -120.5),
        SpectrumPoint(3, 0.01, 520.0, -1.0),
    ]
    store.add_spectrum(test, points)
    assert store.spectrum(test) == points


def test_events_are_in_the_order_written(store: Store) -> None:
    """Events of a run and of the rig share one order, whatever their clocks said."""
    run_id = add_run(store)
    store.add_event(None, EventKind.SERVICE_STARTED, "started", NOW)
    store.tick({}, [NewEvent(run_id, EventKind.STATE, "running", NOW - 7200)])
    third = store.add_event(run_id, EventKind.LINK_LOST, "no reply for 30 s", NOW + 1, '{"polls": 3}')
    assert [event.message for event in store.events()] == ["started", "running", "no reply for 30 s"]
    assert [event.kind for event in store.events(run_id)] == ["state", "link lost"]
    assert [event.id for event in store.events(after=third - 1)] == [third]
    assert store.events(run_id, after=third - 1)[0].data_json == '{"polls": 3}'


@pytest.mark.parametrize("category", DeviationCategory)
def test_every_deviation_category_can_be_kept(store: Store, category: DeviationCategory) -> None:
    """The words of BattINFO and of the store are the same."""
    run_id = add_run(store)
    store.add_deviation(run_id, category, NOW, NOW + 60, "records fetched afterwards")
    (row,) = store.deviations(run_id)
    assert (row.category, row.started_unix_s, row.ended_unix_s) == (category, NOW, NOW + 60)


def test_open_deviation_is_closed_once(store: Store) -> None:
    """A deviation that is over is not closed again at another time."""
    run_id = add_run(store)
    deviation = store.add_deviation(run_id, DeviationCategory.POWER_OUTAGE, NOW, None, "")
    store.end_deviation(deviation, NOW + 60)
    with pytest.raises(Refused, match="open deviation 1"):
        store.end_deviation(deviation, NOW + 90)
    assert store.deviations(run_id)[0].ended_unix_s == NOW + 60


def test_intent_is_open_until_its_outcome_is_written(store: Store) -> None:
    """A restart finds exactly the commands whose outcome nobody knows."""
    run_id = add_run(store)
    first = store.open_intent(run_id, "27-1-3", "start", "ab" * 32, "k1", NOW)
    second = store.open_intent(run_id, "27-1-3", "stop", "ab" * 32, "k2", NOW + 1)
    store.close_intent(first, "confirmed", NOW + 2)
    assert [(intent.id, intent.command, intent.outcome) for intent in store.open_intents()] == [(second, "stop", None)]
    with pytest.raises(Refused, match="open intent 1"):
        store.close_intent(first, "lost", NOW + 3)


def test_intent_key_is_used_once(store: Store) -> None:
    """The same command is not intended twice."""
    run_id = add_run(store)
    store.open_intent(run_id, "27-1-3", "start", "ab" * 32, "k1", NOW)
    with pytest.raises(Refused, match=r"intent\.key"):
        store.open_intent(run_id, "27-1-3", "start", "ab" * 32, "k1", NOW)


def test_intent_cannot_wait_in_a_transaction(store: Store) -> None:
    """An intent whose commit is still to come is no intent: the command could leave before it."""
    run_id = add_run(store)
    with pytest.raises(Refused, match="outside any transaction"), store.transaction():
        store.open_intent(run_id, "27-1-3", "start", "ab" * 32, "k1", NOW)


def test_transaction_keeps_all_or_nothing(store: Store) -> None:
    """What is written together is undone together."""
    run_id = add_run(store)

    def write() -> None:
        with store.transaction():
            test = add_test(store, run_id)
            store.tick({test: samples(1, 3)})
            store.set_run_state("R999999", "running", "", NOW)

    with pytest.raises(Refused):
        write()
    assert store.tests(run_id) == []


@pytest.mark.parametrize(
    ("write", "word"),
    [
        (lambda store, run_id: store.set_run_state(run_id, "sleeping", "", NOW), "state"),
        (lambda store, run_id: store.set_run_state("R000009", "running", "", NOW), "run R000009"),
        (lambda store, run_id: store.add_deviation(run_id, "bad luck", NOW, None, ""), "category"),
        (lambda store, run_id: store.add_deviation(run_id, "other", NOW, NOW - 1, ""), "ended_unix_s"),
        (lambda store, run_id: store.add_event(run_id, EventKind.COMMAND, "", NOW, "{not json"), "json_valid"),
        (lambda store, run_id: store.add_event("R000009", EventKind.COMMAND, "", NOW), "FOREIGN KEY"),
        (lambda store, run_id: store.tick({99: samples(1, 1)}), "FOREIGN KEY"),
        (lambda store, run_id: store.run("R000009"), "run R000009"),
    ],
    ids=["state", "run", "category", "span", "json", "event", "sample", "read"],
)  # fmt: skip
def test_wrong_values_are_refused_by_name(store: Store, write: object, word: str) -> None:
    """A value outside its list, or a reference to nothing, is named in the error."""
    run_id = add_run(store)
    assert callable(write)
    with pytest.raises(Refused, match=word):
        write(store, run_id)


def test_views_show_runs_samples_steps_and_events_to_any_tool(store: Store) -> None:
    """Someone with nothing but SQLite reads cell names, UTC times and the units of the bench."""
    run_id = add_run(store)
    test = add_test(store, run_id)
    store.tick({test: samples(1, 240)}, [NewEvent(run_id, EventKind.COMMAND, "hello", NOW)])
    store.add_steps(test, [STEP])
    with open_store(store.path, read_only=True) as reader:
        connection = reader.connection
        summary = connection.execute("SELECT run_id, cell, created_utc, tests, samples, events FROM run_summary")
        assert summary.fetchall() == [(run_id, "Li-PEO-Li 7", "2026-01-05T00:00:00Z", 1, 240, 1)]
        row = connection.execute("SELECT cell, time_h, utc, current_ma FROM sample_readable WHERE sequence = 120")
        assert row.fetchone() == ("Li-PEO-Li 7", 1.0, "2026-01-05T01:00:01Z", pytest.approx(0.15708))
        assert connection.execute("SELECT end_reason, duration_h FROM step_readable").fetchall() == [("time", 1.0)]
        assert connection.execute("SELECT cell, message FROM event_readable").fetchall() == [("Li-PEO-Li 7", "hello")]


def test_second_writer_is_refused_when_it_begins_and_never_in_the_middle(store: Store) -> None:
    """Every transaction takes the write lock at once, so that none can fail half way through (faults F03)."""
    test = add_test(store, add_run(store))
    with open_store(store.path, busy_timeout_s=0.0) as second, store.transaction():
        store.tick({test: samples(1, 2)})
        with pytest.raises(StoreBusy), second.transaction():
            raise AssertionError("the second writer got in")
    assert store.sample_count(test) == 2
