"""What people are told while a commissioning goes on, and what Ctrl-C leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drivers.errors import NotConfirmed
from orchestrator.bench.commissioned import Fact
from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning.bound import Bound
from orchestrator.commissioning.procedure import StillOn, commission
from orchestrator.commissioning.progress import Progress, Setup
from orchestrator.commissioning.questions import Found, Outcome, Question
from tests.commissioning_rig import MOST_A, OHM, Operator

SETUP = Setup("box", "box", "here", OHM, MOST_A)


@dataclass
class Hands:
    """The hands of an instrument that takes a second to be switched off, and how often that was tried."""

    bound: Bound = field(default_factory=lambda: Bound(0.0, OHM, 0.0, MOST_A))
    is_on: bool = False
    tries: int = 0
    is_deaf: bool = False

    def learn(self, facts: Mapping[str, Fact]) -> None:
        """Take nothing."""

    async def off(self) -> None:
        """Switch off, which takes a second."""
        self.tries += 1
        await asyncio.sleep(1.0)
        if self.is_deaf:
            raise NotConfirmed("it does not answer")
        self.is_on = False


async def _on(hands: Hands) -> Found:
    hands.is_on = True
    await asyncio.sleep(60.0)
    return Found(Outcome.FOUND, "it is on")


def _question(name: str, lasts_s: float) -> Question[Hands]:
    return Question(name, "Is it?", "So.", "It is on.", 1.0, 60.0, "", "by looking", _on, lasts_s=lasts_s)


QUESTIONS = (_question("one", 30.0), _question("two", 90.0), _question("three", 0.0))


async def test_each_question_says_its_place_and_how_long_it_takes() -> None:
    """Before a question stand its number of how many, its usual time, and the time of all that are still to come."""
    operator = Operator()
    await commission(QUESTIONS, Hands(), operator, Progress(None, SETUP), wall_time)
    asked = [said.partition(")")[0] for said in operator.said if "(question" in said]
    assert asked == [
        "one (question 1 of 3, about 30 s; about 3 min with those behind it",
        "two (question 2 of 3, about 1 min 30 s; about 2 min 30 s with those behind it",
        "three (question 3 of 3, about 1 min",
    ]


async def test_ctrl_c_again_and_again_leaves_nothing_on(tmp_path: Path) -> None:
    """Who presses Ctrl-C while the current is being switched off waits for its end; what was answered is kept."""
    hands, path = Hands(), tmp_path / "progress.json"
    progress = Progress(path, SETUP)
    task = asyncio.ensure_future(commission(QUESTIONS, hands, Operator(), progress, wall_time))
    await asyncio.sleep(80.0)
    assert hands.is_on
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.2)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (hands.is_on, hands.tries) == (False, 1 + 3)
    assert [one.question for one in Progress(path, SETUP).asked] == ["one"]


async def test_instrument_that_is_not_seen_off_ends_everything() -> None:
    """Where nobody sees it off nothing more is asked, and the question is named."""
    with pytest.raises(StillOn, match="one: a current may still flow: it does not answer"):
        await commission(QUESTIONS, Hands(is_deaf=True), Operator(), Progress(None, SETUP), wall_time)
