"""Events of a run of many tests: starts that say nothing are one line, and what was decided stays one of its own."""

from __future__ import annotations

from orchestrator.cli.alike_events import Event, starts_together


def event(kind: str, message: str) -> Event:
    """Give an event of a run."""
    return {"kind": kind, "message": message, "at_unix_s": 0.0}


def start(test: int) -> list[Event]:
    """Give the events of the start of a test."""
    told = [("state", "preflight"), ("loaded", "a file"), ("state", "armed"), ("started", f"test {test}")]
    return [event(*one) for one in (*told, ("state", "running"))]


DECIDED = event("decided by the recipe", "behind segment 4: capacity 79 %, below 80 % of cycle 1; the run ends")


def test_starts_in_a_row_are_one_event_and_a_decision_stays() -> None:
    """Of forty events five remain, and the decision is one of them."""
    events = [event("command", "ordered"), *(it for test in range(1, 9) for it in start(test)), DECIDED, *start(9)]
    told = starts_together(events)
    assert [it["message"] for it in told[:3]] == [
        "ordered",
        "8 tests, test 1 to test 8: each loaded, armed and running (--all tells each)",
        DECIDED["message"],
    ]
    assert told[3:] == start(9)


def test_few_starts_and_states_with_a_reason_stay_as_they_are() -> None:
    """Two starts are told whole; a run that goes on after a hold says why, between its starts."""
    two = [*start(1), *start(2)]
    assert starts_together(two) == two
    held = [*start(1), event("state", "holding: by ada"), *start(2), event("state", "running: the link is back")]
    assert starts_together(held) == held


def measured(segment: int, charge: str) -> Event:
    """Give the event of a value that is measured before a segment."""
    return event("values measured", f"segment {segment}: step 5, charge {charge} by the charge of step 3 of segment 1")


def test_values_that_stay_the_same_are_told_once() -> None:
    """Nine depths by one measured capacity are two lines; a value that changes is told again."""
    depths = [it for test in range(3, 11) for it in (measured(test, "0.017 mAh"), *start(test))]
    told = starts_together([*start(1), measured(2, "0.017 mAh"), *start(2), *depths])
    assert [it["kind"] for it in told[5:]] == ["values measured", "started"]
    assert told[6]["message"].startswith("9 tests, test 2 to test 10: each loaded")
    changing = [it for test in range(3, 11) for it in (measured(test, f"0.0{test} mAh"), *start(test))]
    assert [it for it in starts_together(changing) if it["kind"] == "values measured"] == changing[::6]
