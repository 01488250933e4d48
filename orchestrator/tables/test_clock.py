"""Places the tests of a run on one axis of time by the clock: the hours between two tests are part of it."""

from __future__ import annotations

from orchestrator.store.temperatures import CLOCK_WRONG_S
from orchestrator.tables.run_data import RunData


def starts_by_clock(data: RunData) -> dict[int, float]:
    """Return the seconds from the beginning of a run's first test with records to that of each, by test number.

    A test never begins before the one before it has ended: a tester's clock is read to the second, and may be set. One
    that is far from this computer's at the beginning of a test is not followed.
    """
    found: dict[int, float] = {}
    first_unix_s, end_s = None, 0.0
    for test in data.tests:
        if test.last is None:
            continue
        began_unix_s = data.began_unix_s(test)
        if abs(began_unix_s - test.row.started_unix_s) > CLOCK_WRONG_S:
            began_unix_s = test.row.started_unix_s
        if first_unix_s is None:
            first_unix_s = began_unix_s
        start_s = max(end_s, began_unix_s - first_unix_s)
        found[test.row.id] = start_s
        end_s = start_s + test.last.time_s
    return found
