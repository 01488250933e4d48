"""The commands of clients. Every command names its operator, and the service stores that name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse

from orchestrator.api import models, told_errors
from orchestrator.api.order_reading import terms_of, the_request
from orchestrator.api.parameters import ChannelName, RunId
from orchestrator.api.rack_routes import TheRows
from orchestrator.api.routes import TheService, channel_now, channel_stopped
from orchestrator.api.tags import Tag
from orchestrator.rack.channel_choice import check_free
from orchestrator.rack.order_keys import OrderKey
from orchestrator.rack.service import Service
from orchestrator.rack.stop_orders import StopReport, not_written
from orchestrator.runs.run import Run
from orchestrator.store import StoreError

router = APIRouter()
# Its orders have no body.
bodiless_router = APIRouter()

Owner = Annotated[
    models.Person, Query(description="Name of the client that has claimed it.", examples=["night script"])
]


OrderKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=128,
        pattern=r"^[!-~]+$",
        description="A name that the client gives this order, such as a random UUID, and to no other. The same order "
        "with the same key is carried out once, however often it is sent, also after a restart of the service, and has "
        "the first answer; another order with the same key is refused. Of an order that was refused nothing is kept.",
        examples=["5f0c1f2e-6d0f-4a5e-9f0e-3a8f6e1d2c4b"],
    ),
]


def _run(why: str) -> Any:  # noqa: ANN401 - keywords of a route
    """Return what the document says of an order on a run, and why it may be refused."""
    return {"tags": [Tag.RUNS], "responses": told_errors.NO_RUN | told_errors.refused(why)}


def _channel(why: str) -> Any:  # noqa: ANN401 - keywords of a route
    """Return what the document says of an order on a channel, and why it may be refused."""
    return {"tags": [Tag.CHANNELS], "responses": told_errors.NO_CHANNEL | told_errors.refused(why)}


def _now(run: Run) -> models.RunNow:
    return models.RunNow.model_validate(run.update())


def _run_stopped(report: StopReport, run: Run) -> models.RunStopped:
    said = channel_stopped(report)
    known = {name: getattr(said, name) for name in ("off", "pending", "answers", "words")}
    return models.RunStopped(**_now(run).model_dump(), **known)


@contextmanager
def _explaining_unstored(order: str) -> Iterator[None]:
    """Add to a store error that an order, such as ``stop``, is given although it is not stored. Raises StoreError."""
    try:
        yield
    except StoreError as err:
        raise type(err)(f"{not_written(order)}: {err}") from err


@router.post(
    "/runs",
    status_code=201,
    response_model=models.StartedRun,
    tags=[Tag.RUNS],
    responses=told_errors.NO_CHANNEL
    | told_errors.refused("the channel is busy or claimed, its cell is not named, or it cannot run the program"),
)
async def start(
    order: models.StartOrder, service: TheService, idempotency_key: OrderKeyHeader = None
) -> models.StartedRun | JSONResponse:
    """Queue a run of a recipe for a cell on a channel. A busy channel is refused, unless ``queue`` lets the run wait.

    A queued run starts when somebody says that its cell is mounted (``/runs/{run_id}/mounted``), or by itself after the
    run before has completed if it is for the ``same_cell``. After a run has ended, its channel needs ``mounted``, the
    name of the cell that is there now, or ``same_cell``.

    The answer tells each step in mA, mA/cm2, mA/g and C. What is implausible for the cell is refused, unless
    ``confirm_implausible`` names the person who takes it on, and ``second_person`` another one where it lies far
    outside of what is usual. What the order does not give, recipe or cell, is that of
    the run ``like``, out of the store. With ``check_id`` only what ``POST /runs/check`` has told is ordered, and with
    ``if_free`` nothing that would have to wait.
    """
    key = OrderKey.of(idempotency_key, order.model_dump(exclude_defaults=True)) if idempotency_key else None
    started = await started_once(service, order, key)
    return JSONResponse(started, 201) if isinstance(started, dict) else started


async def started_once(
    service: Service, order: models.StartOrder, key: OrderKey | None
) -> models.StartedRun | dict[str, Any]:
    """Queue the run of an order; the same order with the same key has the first answer, as it was kept.

    Raises CommandRefused, InputError, DriverError and StoreError.
    """
    if key is not None and (answer := service.order_keys.answered(key)) is not None:
        return answer
    request = await the_request(service, order)
    # The same order may have been carried out meanwhile.
    if key is not None and (answer := service.order_keys.answered(key)) is not None:
        return answer

    def keep(run: Run) -> None:
        if key is not None:
            service.order_keys.keep(key, run, json.loads(_started(service, run).model_dump_json()))

    if order.if_free:
        check_free(service, order.channel, order.by, terms_of(order))
    return _started(service, service.submit(request, order.by, terms_of(order), keep))


def _started(service: Service, run: Run) -> models.StartedRun:
    seen = run.request.plausibility
    return models.StartedRun(
        **_now(run).model_dump(),
        waits=service.cells.waits(run),
        steps=[models.StepValues.model_validate(step) for step in seen.steps] if seen else [],
        implausible=list(seen.sentences) if seen else [],
        confirmed_by=run.request.confirming,
        uncommissioned=service.preflight.uncommissioned(run),
    )


@router.post("/runs/{run_id}/stop", **_run("it is not known yet what became of the run, or the tester refuses"))
async def stop(run_id: RunId, order: models.SeenOrder, service: TheService) -> models.RunStopped:
    """Stop a run now, whatever was seen of it, and never another one.

    The answer comes within 5 s: confirmed, or with what is known; then the stop goes on.
    """
    with _explaining_unstored("stop"):
        return _run_stopped(await service.stop_run(run_id, order.by), service.find(run_id)[1])


@router.post("/channels/{channel}/stop", **_channel("the tester refuses"))
async def stop_channel(
    channel: ChannelName, order: models.SeenOrder, service: TheService, rows: TheRows
) -> models.ChannelStopped:
    """Stop whatever works on a channel, a run of this service or not; answered as the stop of a run is."""
    # What else has changed keeps no stop from leaving.
    rows.check_seen(channel, order.run_id, None)
    with _explaining_unstored("stop"):
        return channel_stopped(await service.stops.stop_channel(channel, order.by))


@router.post("/runs/{run_id}/hold", **_run("the run has not begun or is over, or the tester refuses"))
async def hold(run_id: RunId, order: models.SeenOrder, service: TheService) -> models.RunStopped:
    """Stop a run's current and keep it for ``resume``; answered as a stop is; ``off``: it is held."""
    with _explaining_unstored("hold"):
        return _run_stopped(await service.stops.hold_run(run_id, order.by), service.find(run_id)[1])


@router.post("/runs/{run_id}/resume", **_run("the run is not held, or its channel is claimed or not ready"))
async def resume(run_id: RunId, order: models.SeenOrder, service: TheService, rows: TheRows) -> models.RunNow:
    """Resume a held run in a new program of what is not done yet. Answered within 5 s; a slow resume goes on."""
    supervisor, run = service.find(run_id)
    rows.check_seen(run.request.channel, run_id if order.rev is not None else None, order.rev)
    resumed = await service.orders.give(f"resume of {run_id}", service.resume(run_id, order.by))
    now = _now(resumed or run)
    if resumed is None:
        name = supervisor.tester.name
        known = f"the resume is ordered and not confirmed: {name} has not answered yet; see 'cellrig status'"
        now.reason = f"{known}; {now.reason}".removesuffix("; ")
    return now


@router.post("/runs/{run_id}/mounted", **_run("the run waits for no cell, or another one has the channel"))
async def mounted(run_id: RunId, order: models.SeenOrder, service: TheService) -> models.RunNow:
    """Say that the cell of a queued run is on its channel: the run may start."""
    return _now(service.cells.mounted(run_id, order.by))


@router.post("/channels/{channel}/empty", **_channel("a run is on the channel, or something works there"))
async def empty(channel: ChannelName, order: models.SeenOrder, service: TheService, rows: TheRows) -> models.ChannelNow:
    """Say that no cell is on a channel: it is free."""
    service.supervisor_of(channel)
    rows.check_seen(channel, order.run_id, order.rev)
    service.cells.empty(channel, order.by)
    return channel_now(service, channel)


@router.post("/runs/{run_id}/acknowledge", **_run("the run has not tripped"))
async def acknowledge(run_id: RunId, order: models.AcknowledgeOrder, service: TheService) -> models.RunNow:
    """Acknowledge a trip by name: the channel may be used again, and its cell is still on it."""
    return _now(service.acknowledge(run_id, order.by, order.note))


@router.post("/rack/stop", tags=[Tag.RACK], responses=told_errors.refused("a tester refuses"))
async def stop_rack(order: models.RackStopOrder, service: TheService) -> list[models.ChannelStopped]:
    """Stop every run of every tester, and every channel that works without one; answered as one stop is.

    What began after its person looked, or meanwhile, is stopped too, and marked.
    """
    with _explaining_unstored("stop"):
        reports = [channel_stopped(report) for report in await service.stops.stop_rack(order.by)]
    for report in reports if order.runs is not None else ():
        report.meanwhile = report.run_id is not None and report.run_id not in (order.runs or ())
    return reports


@router.post("/channels/{channel}/claim", **_channel("another client has claimed the channel"))
async def claim(channel: ChannelName, order: models.ClaimOrder, service: TheService) -> models.ChannelNow:
    """Lock a channel for a client; the lock expires after its duration."""
    service.claim(channel, order.owner, order.duration_s)
    return channel_now(service, channel)


@bodiless_router.delete("/channels/{channel}/claim", **_channel("another client has claimed the channel"))
async def release(channel: ChannelName, owner: Owner, service: TheService) -> models.ChannelNow:
    """Release a claim on a channel."""
    service.supervisor_of(channel)
    service.claims.release(channel, owner)
    return channel_now(service, channel)
