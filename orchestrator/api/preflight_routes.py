"""The requests for the checks before a run, which order nothing; and for the lamp of a channel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from orchestrator.api import models, told_errors
from orchestrator.api.order_reading import terms_of, the_request
from orchestrator.api.parameters import ChannelName
from orchestrator.api.preflight_desk import PreflightDesk
from orchestrator.api.routes import TheService
from orchestrator.api.tags import Tag
from orchestrator.rack.lamps import switch_lamp
from orchestrator.rack.service import Service

router = APIRouter()
order_router = APIRouter()


async def _the_desk(request: Request) -> PreflightDesk:
    desk: PreflightDesk = request.app.state.preflights
    return desk


TheDesk = Annotated[PreflightDesk, Depends(_the_desk)]


@router.get("/preflight", tags=[Tag.RUNS], responses=told_errors.NO_CHANNEL)
async def preflight(
    query: Annotated[models.PreflightQuery, Query()], service: TheService, desk: TheDesk
) -> models.PreflightNow:
    """Make every check of a run of a shipped recipe and cell on a channel, and tell each; nothing is ordered.

    A check that takes time is begun, and told as ``not asked`` until it is made: ask again after ``ready_in_s``. Few
    orders are checked at once; when too many wait, the answer is 503 with ``Retry-After``.
    """
    return await _checked(service, desk, models.StartOrder.model_validate(query.model_dump(exclude_defaults=False)))


@order_router.post("/preflight", tags=[Tag.RUNS], responses=told_errors.NO_CHANNEL)
async def preflight_order(order: models.StartOrder, service: TheService, desk: TheDesk) -> models.PreflightNow:
    """Make every check of an order as ``POST /runs`` takes it, and tell each; nothing is ordered.

    What would refuse the order is told as a check with the outcome ``fail``, and the answer is 200 all the same.
    Few orders are checked at once; when too many wait, the answer is 503 with ``Retry-After``.
    """
    return await _checked(service, desk, order)


@order_router.post(
    "/channels/{channel}/lamp",
    tags=[Tag.CHANNELS],
    responses=told_errors.NO_CHANNEL | told_errors.refused("the instrument has no lamps, or refuses"),
)
async def lamp(channel: ChannelName, order: models.LampOrder, service: TheService) -> models.LampNow:
    """Switch the lamp of a channel on or off, so that a person finds the holder; no current is touched."""
    name = f"lamp of {channel}"
    done = await service.orders.give(name, _lit(service, channel, order))
    state = "on" if order.on else "off"
    words = f"the lamp of {channel} is switched {state}"
    if not done:
        silent = service.supervisor_of(channel).tester.name
        words = f"that the lamp of {channel} is to be switched {state} is sent; {silent} has not answered yet"
    return models.LampNow(channel=channel, on=order.on, words=words)


async def _lit(service: Service, channel: str, order: models.LampOrder) -> bool:
    await switch_lamp(service, channel, order.by, on=order.on)
    return True


async def _checked(service: Service, desk: PreflightDesk, order: models.StartOrder) -> models.PreflightNow:
    async def made() -> models.PreflightNow:
        """Make the checks of the order."""
        request = await the_request(service, order)
        report = await service.preflight.report(request, order.by, terms_of(order))
        return models.PreflightNow(
            recipe=request.program.recipe,
            cell=request.program.cell.name,
            channel=report.channel,
            may_start=report.may_start,
            ready_in_s=report.ready_in_s,
            checks=[models.CheckNow.model_validate(check) for check in report.checks],
        )

    return await desk.ask(order.model_dump_json(), made)
