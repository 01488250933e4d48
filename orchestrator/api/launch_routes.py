"""The check of an order before it is given, and several orders at once."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from orchestrator.api import models
from orchestrator.api.commands import OrderKeyHeader
from orchestrator.api.order_answers import answer, reason_now
from orchestrator.api.order_batch import LineOrders
from orchestrator.api.order_check import JudgedBy, PlannedOrder, planned
from orchestrator.api.order_reading import kept_files, terms_of
from orchestrator.api.preflight_desk import PreflightDesk
from orchestrator.api.routes import TheService
from orchestrator.api.tags import Tag
from orchestrator.checks import CheckName
from orchestrator.clock.scaled import in_loop_time
from orchestrator.clock.virtual import wall_time
from orchestrator.rack.channel_choice import cannot_run, cell_elsewhere, not_free
from orchestrator.rack.claims import CommandRefused, NoSuchThing
from orchestrator.rack.order_keys import OrderKey
from orchestrator.rack.order_reasons import OrderReason
from orchestrator.rack.pending_orders import ANSWER_WITHIN_S
from orchestrator.rack.service import Service

router = APIRouter()

# What the reasons of the channel, the doubts and the proof of the cell say already.
_TOLD_ELSEWHERE = frozenset({CheckName.CHANNEL, CheckName.CELL, CheckName.ENVELOPE, CheckName.PLAUSIBLE})


async def _the_desk(request: Request) -> PreflightDesk:
    desk: PreflightDesk = request.app.state.preflights
    return desk


TheDesk = Annotated[PreflightDesk, Depends(_the_desk)]


@router.post("/runs/check", tags=[Tag.RUNS])
async def check(order: models.CheckOrder, service: TheService, desk: TheDesk) -> models.RunCheck:
    """Tell what follows from an order, and every reason against it; nothing is ordered.

    Recipe, cell and channel may still be missing: then it is told what the rest says, and which channels could run it.
    What is wrong is told in ``reasons``, and the answer is 200 all the same. ``check_id`` goes into the order, which is
    then carried out only as it was checked. Few orders are checked at once; when too many wait, the answer is 503 with
    ``Retry-After``.
    """

    async def made() -> models.RunCheck:
        return await _checked(service, order)

    return await desk.ask(f"check {order.model_dump_json()}", made)


@router.post("/runs/batch", tags=[Tag.RUNS])
async def batch(
    orders: models.OrderBatch, service: TheService, idempotency_key: OrderKeyHeader = None
) -> models.BatchAnswers:
    """Start up to 64 tests, each on a channel that is free now; an answer for each, and one refused stops no other.

    A channel or a cell that stands in two lines is refused in both. With an ``Idempotency-Key`` the same list, sent
    again, has the answers of what was started, and what was refused is tried again. Whatever is not reached within some
    seconds is told in ``left``: the same list with the same key goes on there.
    """
    key = OrderKey.of(idempotency_key, orders.model_dump()) if idempotency_key else None
    return await LineOrders(service, orders.orders, orders.by).start(key)


@router.post("/runs/batch/check", tags=[Tag.RUNS])
async def batch_check(orders: models.OrderBatch, service: TheService, desk: TheDesk) -> models.BatchAnswers:
    """Tell of each of up to 64 orders whether it could be started now, and until when it would take; none is ordered.

    What needs an answer of a tester is not asked here: it is checked when the list is started.
    """

    async def made() -> models.BatchAnswers:
        return await LineOrders(service, orders.orders, orders.by).check(judged_by(service))

    return await desk.ask(f"batch {orders.model_dump_json()}", made)


def judged_by(service: Service) -> JudgedBy:
    """Return what a service judges orders by."""
    bands, factor = service.preflight.judged_by
    return JudgedBy(service.station is not None and service.station.needs_a_person, bands, factor)


async def _checked(service: Service, order: models.CheckOrder) -> models.RunCheck:
    found = await _planned(service, order)
    checks: list[models.CheckNow] = []
    channels = await _choices(service, order, found)
    if order.channel is None:
        found.reasons.append(OrderReason("channel.missing", "channel", "choose a channel"))
    elif (chosen := next((it for it in channels if it.channel == order.channel), None)) is None:
        words = f"there is no channel {order.channel!r}"
        found.reasons.append(OrderReason("channel.unknown", "channel", words, {"channel": order.channel}))
        found.check_id = ""
    else:
        if chosen.reason is not None:
            found.reasons.append(_stored(chosen.reason))
        checks = await _checks(service, order, found, chosen)
    return answer(found, order.channel, channels, checks, wall_time())


async def _planned(service: Service, order: models.CheckOrder) -> PlannedOrder:
    try:
        kept = kept_files(service.store, order)
    except NoSuchThing as err:
        return PlannedOrder(reasons=[OrderReason("like.unknown", "recipe", str(err), {"run": order.like})])
    try:
        async with asyncio.timeout(in_loop_time(ANSWER_WITHIN_S)):
            return await asyncio.to_thread(planned, order, order.channel, kept, judged_by(service))
    except TimeoutError:
        late = f"the recipe was not read and judged within {ANSWER_WITHIN_S:g} s: shorten it, or check it again later"
        raise CommandRefused(late) from None


async def _choices(service: Service, order: models.CheckOrder, found: PlannedOrder) -> list[models.ChannelChoice]:
    """Judge each channel, and let others go on after each: a rack has sixty-four and more."""
    names, unfit = service.channels(), dict[str, list[str]]()
    if (request := found.request) is not None:
        # Read off settings alone, and long for a long program.
        unfit = await asyncio.to_thread(lambda: {it: service.preflight.unfit(it, request.program) for it in names})
    choices = []
    for channel in names:
        # The word on the cell is for the chosen channel only.
        terms = terms_of(order if channel == order.channel else models.OrderParts())
        reason = not_free(service, channel, order.by, terms) or cannot_run(channel, unfit.get(channel, ()))
        told = None if reason is None else reason_now(reason)
        choices.append(models.ChannelChoice(channel=channel, can=reason is None, reason=told))
        await asyncio.sleep(0)
    return choices


async def _checks(
    service: Service, order: models.CheckOrder, found: PlannedOrder, chosen: models.ChannelChoice
) -> list[models.CheckNow]:
    """Make the checks of a whole order on its channel, and add what fails to the reasons; none of a silent tester."""
    is_silent = chosen.reason is not None and chosen.reason.code == "channel.silent"
    if found.request is None or is_silent:
        return []
    report = await service.preflight.report(found.request, order.by, terms_of(order))
    name = "" if order.same_cell else order.mounted or order.label
    there = cell_elsewhere(service, name, chosen.channel)
    found.reasons += [there] if there is not None else []
    for one in report.checks:
        if there is not None and one.check is CheckName.CELL:
            continue
        told_already = one.check in _TOLD_ELSEWHERE and (one.check is CheckName.PLAUSIBLE or not chosen.can)
        if one.is_failed and not told_already:
            values = {"channel": chosen.channel}
            found.reasons.append(OrderReason(f"check.{one.check.value}", _place(one.check), one.refusal, values))
    return [models.CheckNow.model_validate(one) for one in report.checks]


def _place(check: CheckName) -> str:
    if check in {CheckName.CELL, CheckName.VOLTAGE, CheckName.STEADY}:
        return "cell"
    return "recipe" if check in {CheckName.PROOF, CheckName.LIMITS, CheckName.DURATION} else "channel"


def _stored(reason: models.OrderReason) -> OrderReason:
    return OrderReason(reason.code, reason.field, reason.text, reason.values)
