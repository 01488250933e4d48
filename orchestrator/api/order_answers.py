"""Puts what is known of an order into the answer to its check."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from operator import attrgetter

from orchestrator.api import models
from orchestrator.api.order_check import PlannedOrder
from orchestrator.preflight.outlook import Doubt, Outlook
from orchestrator.rack.order_reasons import OrderReason
from protocols.changeable import Changeable
from protocols.course import Course
from protocols.plausibility import StepValues
from protocols.program import CellFacts


def answer(
    found: PlannedOrder,
    channel: str | None,
    channels: Sequence[models.ChannelChoice],
    checks: Sequence[models.CheckNow],
    now_unix_s: float,
) -> models.RunCheck:
    """Return the whole answer to the check of one order."""
    ahead, facts = found.ahead, found.cell.facts() if found.cell is not None else None
    return models.RunCheck(
        checked_unix_s=now_unix_s,
        check_id=found.check_id,
        may_start=bool(found.check_id) and not found.reasons,
        recipe=found.recipe.name if found.recipe else None,
        title=found.recipe.title if found.recipe else "",
        kinds=[kind.value for kind in found.recipe.for_kinds] if found.recipe else [],
        cell=None if facts is None else _cell(facts),
        channel=channel,
        reasons=[reason_now(one) for one in found.reasons],
        doubts=[doubt_now(one) for one in ahead.doubts] if ahead else [],
        notes=list(ahead.seen.notes) if ahead else [],
        fields=[_field(one) for one in found.fields],
        steps=[models.StepValues.model_validate(step) for step in ahead.seen.steps] if ahead else [],
        ahead=_steps(ahead, facts) if ahead else [],
        limits=_limits(ahead) if ahead else [],
        expected_s=_bound(ahead.ahead.expected_duration_s) if ahead else None,
        longest_s=_bound(ahead.ahead.planned_duration_s) if ahead else None,
        expected_end_unix_s=_end(now_unix_s, ahead.ahead.expected_duration_s) if ahead else None,
        latest_end_unix_s=_end(now_unix_s, ahead.ahead.planned_duration_s) if ahead else None,
        charge_mah=_bound(ahead.ahead.charge_ah * 1000) if ahead else None,
        cycles=ahead.ahead.cycles if ahead else None,
        records=_bound(ahead.ahead.records) if ahead else None,
        hands=_hands(ahead, now_unix_s) if ahead else [],
        course=_course(ahead.course) if ahead else None,
        channels=list(channels),
        checks=list(checks),
    )


def line_check(found: PlannedOrder, now_unix_s: float) -> models.LineCheck | None:
    """Return what follows from one of several orders, in short; None where nothing does."""
    if found.ahead is None or found.request is None:
        return None
    program, expected_s = found.request.program, found.ahead.ahead.expected_duration_s
    largest = largest_of(found.ahead.seen.steps)
    return models.LineCheck(
        check_id=found.check_id,
        recipe=program.recipe,
        cell=program.cell.name,
        largest=None if largest is None else models.StepValues.model_validate(largest),
        expected_s=_bound(expected_s),
        expected_end_unix_s=_end(now_unix_s, expected_s),
        doubts=[doubt_now(one) for one in found.ahead.doubts],
    )


def largest_of(steps: Sequence[StepValues]) -> StepValues | None:
    """Return the steps with the largest current; None where none sets one."""
    return max((step for step in steps if step.current_ma is not None), key=attrgetter("current_ma"), default=None)


def reason_now(reason: OrderReason) -> models.OrderReason:
    """Return a reason as a client sees it."""
    return models.OrderReason(code=reason.code, field=reason.place, text=reason.text, values=dict(reason.values))


def doubt_now(doubt: Doubt) -> models.Doubt:
    """Return a doubt as a client sees it."""
    return models.Doubt(sentence=doubt.sentence, value=doubt.value, twice=doubt.twice)


def _cell(facts: CellFacts) -> models.CheckedCell:
    nominal_ah = facts.nominal_capacity_ah
    return models.CheckedCell(
        name=facts.name,
        kind=facts.kind,
        area_cm2=facts.area_cm2,
        active_mass_mg=facts.active_mass_mg,
        nominal_capacity_mah=None if nominal_ah is None else nominal_ah * 1000,
    )


def _field(one: Changeable) -> models.FieldToSet:
    return models.FieldToSet(
        name=one.name,
        value=one.value,
        default=one.default,
        low=one.low,
        high=one.high,
        unit=one.unit,
        one_of=list(one.one_of),
        why=one.why,
        is_set=one.value != one.default,
        keys=list(one.keys),
    )


def _steps(ahead: Outlook, facts: CellFacts | None) -> list[models.StepAhead]:
    area_cm2 = None if facts is None else facts.area_cm2
    return [
        models.StepAhead(
            where=step.where,
            what=step.what,
            passes=step.passes,
            ends_by=step.ends_by,
            expected_s=_bound(step.expected_s),
            charge_mah=_bound(step.charge_ah * 1000),
            charge_mah_per_cm2=_bound(step.charge_ah * 1000 / area_cm2) if area_cm2 else None,
        )
        for step in ahead.steps
    ]


def _limits(ahead: Outlook) -> list[models.LimitLayer]:
    return [
        models.LimitLayer(
            name=one.name,
            low_v=one.low_v,
            high_v=one.high_v,
            current_ma=None if one.current_a is None else one.current_a * 1000,
        )
        for one in ahead.limits
    ]


def _hands(ahead: Outlook, now_unix_s: float) -> list[models.HandsNeeded]:
    return [
        models.HandsNeeded(
            code=one.code,
            words=one.words,
            times=one.times,
            first_s=one.first_s,
            first_unix_s=now_unix_s + one.first_s,
            every_s=one.every_s,
        )
        for one in ahead.hands
        if isfinite(one.first_s)
    ]


def _course(course: Course) -> models.Course:
    return models.Course(
        time_s=[round(it.time_s, 1) for it in course.points],
        voltage_v=[round(it.voltage_v, 5) for it in course.points],
        cycle_time_s=[round(it.time_s, 1) for it in course.cycle],
        cycle_voltage_v=[round(it.voltage_v, 5) for it in course.cycle],
        measured_s=[round(it, 1) for it in course.measured_s],
    )


def _bound(value: float) -> float | None:
    return value if isfinite(value) else None


def _end(now_unix_s: float, duration_s: float) -> float | None:
    return now_unix_s + duration_s if isfinite(duration_s) else None
