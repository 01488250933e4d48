"""The kill matrix in small: every failpoint once, twenty deaths in all; ``make faults`` makes a thousand."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.failpoints import FAILPOINTS
from tests.kill.harness import Outcome, play
from tests.kill.plan import full_matrix, plan


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """Play the scenarios, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(play, full_matrix()))


def test_nothing_is_lost_doubled_or_left_running_whenever_the_service_is_killed(outcomes: list[Outcome]) -> None:
    """No committed sample lost, no duplicate, no second start, no step repeated, every run has a known end (E01)."""
    assert [(outcome.seed, wrong) for outcome in outcomes for wrong in outcome.findings.wrong] == []


def test_service_is_killed_at_every_failpoint(outcomes: list[Outcome]) -> None:
    """Each named point was met and was deadly; with the random ones there are at least twenty deaths."""
    kills = sum((Counter(outcome.kills) for outcome in outcomes), Counter[str]())
    assert set(FAILPOINTS) - set(kills) == set()
    assert kills.total() >= 20
    assert sum(outcome.findings.records for outcome in outcomes) > 500


def test_seed_gives_the_same_scenario_again() -> None:
    """What is printed after a violation plays the same orders and deaths."""
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)
