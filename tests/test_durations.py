"""Durations in the words of people."""

import pytest

from orchestrator.clock.durations import duration_words


@pytest.mark.parametrize(
    ("duration_s", "words"),
    [
        (-3.0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.7, "1 min"),
        (90.0, "1 min 30 s"),
        (3599.7, "1 h"),
        (68_712.0, "19 h 5 min"),
        (86_399.0, "1 d"),
        (2_100_000.0, "24 d 7 h"),
    ],
)
def test_duration_is_told_in_two_units_at_most(duration_s: float, words: str) -> None:
    """1145.2 min are 19 h 5 min; what rounds up to the next unit is told in that one."""
    assert duration_words(duration_s) == words
