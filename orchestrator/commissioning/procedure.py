"""Puts the questions of a table to an instrument, one after the other, and keeps every answer.

Each is announced, agreed to, bounded, asked, and ended with nothing flowing, whatever happens. What has been answered
before an interruption is not asked again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from drivers.errors import DriverError
from orchestrator.bench.commissioned import Fact
from orchestrator.clock.durations import duration_words
from orchestrator.commissioning.bound import Bound
from orchestrator.commissioning.people import Person
from orchestrator.commissioning.progress import Progress
from orchestrator.commissioning.questions import Asked, Found, NoResistor, Outcome, Question

logger = logging.getLogger(__name__)

_IMPATIENT = 5
"""So many further Ctrl-C do not keep the current from being switched off."""


class Bounded(Protocol):
    """The hands of an instrument: what they may order is set before each question."""

    bound: Bound

    def learn(self, facts: Mapping[str, Fact]) -> None:
        """Take what has been found so far."""

    async def off(self) -> None:
        """See that nothing flows. Raises NotConfirmed where that cannot be confirmed."""


Hands = TypeVar("Hands", bound=Bounded)


class StillOn(Exception):
    """The end of a question could not be confirmed: a current may flow. A person must see to it."""


async def commission(
    questions: Sequence[Question[Hands]],
    hands: Hands,
    person: Person,
    progress: Progress,
    wall_time: Callable[[], float],
    only: Collection[str] = (),
) -> list[Asked]:
    """Ask the questions that are not answered yet (``only`` these, again), and return all answers.

    Ends early where a needed question is not found, or something is wrong. Raises StillOn, after which nothing is
    asked, and BeyondBound for a fault of a question.
    """
    for number, question in enumerate(questions, 1):
        before = progress.answered(question.name)
        is_asked = question.name in only if only else before is None
        # What a later answer stands on is asked even where only that later one is wanted.
        if not is_asked and not (question.is_needed and before is None):
            if _ends(question, before):
                break
            continue
        began = wall_time()
        most_a = progress.setup.most_a
        bound = Bound(question.of_most * most_a, progress.setup.ohm, question.longest_s, most_a)
        place = _place(number, questions, progress, only)
        found = await _found(question, hands, person, progress, bound, place)
        does = question.announcement(most_a)
        progress.keep(Asked(question.name, question.asks, does, found, bound.most_a, began, wall_time(), person.name))
        person.tell(f"{question.name}: {found.outcome}: {found.concluded}")
        if _ends(question, found):
            break
    return list(progress.asked)


def _place(number: int, questions: Sequence[Question[Hands]], progress: Progress, only: Collection[str]) -> str:
    """Say which question of how many comes, how long it takes, and how long all that are still to be asked do."""
    ahead = [
        one.expected_s
        for one in questions[number:]
        if (one.name in only if only else progress.answered(one.name) is None)
    ]
    own_s = questions[number - 1].expected_s
    told = f"question {number} of {len(questions)}, about {duration_words(max(1.0, own_s))}"
    return f"{told}; about {duration_words(own_s + sum(ahead))} with those behind it" if ahead else told


def _ends(question: Question[Hands], found: Found | None) -> bool:
    """Return whether nothing more is to be asked after this."""
    if found is None:
        return False
    return found.outcome is Outcome.WRONG or (question.is_needed and found.outcome is not Outcome.FOUND)


async def _found(
    question: Question[Hands], hands: Hands, person: Person, progress: Progress, bound: Bound, place: str
) -> Found:
    facts = progress.facts()
    for name, value in question.needs.items():
        if facts.get(name) != value:
            return Found(Outcome.LEFT_OUT, f"it needs {name} = {value}; here that is {facts.get(name, 'not known')}")
    person.tell(f"{question.name} ({place}): {question.asks} {question.announcement(progress.setup.most_a)}")
    if not person.agrees(f"Do this ({question.name})?"):
        return Found(Outcome.DECLINED, "it was not to be asked")
    hands.bound = bound
    hands.learn(facts)
    try:
        return await question.ask(hands)
    except NoResistor as err:
        # Whatever is asked next would meet the same cell.
        return Found(Outcome.WRONG, str(err), {"error": str(err)})
    except DriverError as err:
        logger.info("question %s: %s", question.name, err)
        return Found(Outcome.UNDECIDED, f"it could not be asked to its end: {err}", {"error": str(err)[:500]})
    finally:
        hands.bound = Bound(0.0, bound.ohm, 0.0, bound.ceiling_a)
        await _switch_off(question, hands, progress.setup.not_off)


async def _switch_off(question: Question[Hands], hands: Hands, not_off: str) -> None:
    """See that nothing flows, also where somebody presses Ctrl-C again and again."""
    interrupted = False
    for _ in range(_IMPATIENT):
        try:
            await hands.off()
            break
        except asyncio.CancelledError:
            interrupted = True
        except DriverError as err:
            raise StillOn(f"{question.name}: {not_off}: {err}") from err
    else:
        raise StillOn(f"{question.name}: {not_off}: switching it off was broken off again and again")
    if interrupted:
        raise asyncio.CancelledError
