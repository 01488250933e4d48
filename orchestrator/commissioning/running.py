"""Runs a commissioning of one instrument of a bench from its first question to the written bench file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.errors import SettingsError
from orchestrator.clock.durations import duration_words
from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning import bench_file, chi660e, ct4008, mux, smu
from orchestrator.commissioning.opening import OPENING
from orchestrator.commissioning.order import CHI660E, CT4008, MUX, OVEN, SMU, Commission
from orchestrator.commissioning.oven_setup import USUAL_WARMEST_DEGC
from orchestrator.commissioning.page import page
from orchestrator.commissioning.people import Person
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress
from orchestrator.commissioning.questions import Asked, Outcome, Question

QUESTIONS: Mapping[str, Sequence[Question[Any]]] = {
    CT4008: ct4008.QUESTIONS,
    CHI660E: chi660e.QUESTIONS,
    MUX: mux.QUESTIONS,
    SMU: smu.QUESTIONS,
}
"""The questions to each kind of instrument that passes a current, in the order in which they are asked."""


def questions_of(kind: str, warmest_degc: float = USUAL_WARMEST_DEGC) -> Sequence[Question[Any]]:
    """Return the questions to a kind of instrument; those to an oven order no set point above a temperature."""
    if kind != OVEN:
        return QUESTIONS[kind]
    # Its driver needs pymodbus, which is no part of a usual installation.
    from orchestrator.commissioning import oven

    return oven.questions(warmest_degc)


def question_names(kind: str) -> list[str]:
    """Return the names of the questions to a kind of instrument."""
    return [question.name for question in questions_of(kind)]


def listed(order: Commission) -> list[dict[str, Any]]:
    """Return what every question will do, with the most that flows and the time that it usually takes."""
    setup = order.setup()
    return [
        {
            "question": one.name,
            "asks": one.asks,
            "why": one.why,
            "does": one.announcement(setup.most_a),
            "most_a": one.of_most * setup.most_a,
            "longest_s": one.longest_s,
            "expected_s": max(1.0, one.expected_s),
            "decides": one.decides,
        }
        for one in questions_of(order.kind, order.warmest_degc)
    ]


def listed_words(listed: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence on each listed question."""
    return [
        f"{one['question']} (about {duration_words(one['expected_s'])}): {one['asks']} {one['does']}" for one in listed
    ]


def check_names(kind: str, names: Collection[str]) -> None:
    """Raise SettingsError unless these are questions to a kind of instrument."""
    known = question_names(kind)
    if unknown := sorted(set(names) - set(known)):
        raise SettingsError(f"there is no question {', '.join(unknown)}; there are {', '.join(known)}")


async def ask(order: Commission, person: Person, progress: Progress) -> list[Asked]:
    """Put the questions to the instrument. Raises what ``commission`` does, and ConnectionFailed."""
    async with OPENING[order.kind](order, person) as hands:
        return await commission(
            questions_of(order.kind, order.warmest_degc), hands, person, progress, wall_time, order.only
        )


@dataclass(frozen=True, slots=True)
class Filed:
    """Where a commissioning was written: the copy of the bench file as it was (None: not written), and the page."""

    copy: Path | None
    page: Path | None


def filed(order: Commission, progress: Progress, page_path: Path | None, program: str, now_unix_s: float) -> Filed:
    """Write the answers into the bench file, and the page; a bench with something wrong gets the page alone."""
    asked: Sequence[Asked] = progress.asked
    copy = None
    if page_path is not None:
        page_path.write_text(page(progress.setup, asked, program), encoding="utf-8")
    if order.path is not None and not any(one.found.outcome is Outcome.WRONG for one in asked):
        copy = bench_file.written(order.path, progress.setup, asked, now_unix_s, question_names(order.kind))
        if set(question_names(order.kind)) <= {one.question for one in asked}:
            progress.done()
    return Filed(copy, page_path)


def settled(order: Commission, progress: Progress) -> str:
    """Return in one sentence which questions are answered, and which are still to be asked."""
    known = question_names(order.kind)
    answered = [name for name in known if progress.answered(name) is not None]
    left = [name for name in known if name not in answered]
    done = f"settled: {', '.join(answered)}" if answered else "nothing is settled"
    return f"{done}; still to be asked: {', '.join(left)}" if left else done
