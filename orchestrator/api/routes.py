"""The read requests of clients. Every handler is a coroutine: the store belongs to the loop's thread."""

from __future__ import annotations

import asyncio
import functools
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from orchestrator.api import models, pages, sentences, told_errors
from orchestrator.api.live_stream import MOST_CLIENTS, LiveClients, TooManyClients, stream
from orchestrator.api.tags import Tag
from orchestrator.rack.mounted_cells import ChannelUse
from orchestrator.rack.service import Service
from orchestrator.rack.stop_orders import StopReport

router = APIRouter()
open_router = APIRouter()


async def the_service(request: Request) -> Service:
    """Return the service of the application."""
    service: Service = request.app.state.service
    return service


async def the_watchers(request: Request) -> LiveClients:
    """Return the clients of live values."""
    watchers: LiveClients = request.app.state.live
    return watchers


_BIG = 2**53
TheService = Annotated[Service, Depends(the_service)]
RunId = Annotated[str, Path(description="Id of the run in its store.", examples=["R000001"])]
ChannelName = Annotated[str, Path(description="Name of the channel at its instrument.", examples=["21-1-3"])]
AfterTest = Annotated[int, Query(ge=0, le=_BIG, description="The test that `after` counts in.", examples=[1])]
After = Annotated[int, Query(ge=0, le=_BIG, description="Give what follows this number.", examples=[0])]
Limit = Annotated[int, Query(ge=1, le=models.LIMIT_MAX, description="How many rows at most.", examples=[1000])]
# Of each table of a run.
_OF_RUN: Any = {"tags": [Tag.RECORDS], "responses": told_errors.NO_RUN}
OnePage = Annotated[models.Page, Query()]
Events = Annotated[models.EventQuery, Query()]


@open_router.get("/health", tags=[Tag.RACK], responses=told_errors.OPEN)
async def health(service: TheService) -> models.Health:
    """Report whether the service works; needs no token, as ``GET /proof``."""
    ticks = {supervisor.tester.name: supervisor.ticks for supervisor in service.supervisors}
    answers = all(supervisor.tester.channels() for supervisor in service.supervisors)
    until_unix_s = service.observes_until_unix_s
    return models.Health(ok=answers, observe_only=service.observe_only, observes_until_unix_s=until_unix_s, ticks=ticks)


@router.get("/instruments", tags=[Tag.RACK])
async def instruments(service: TheService) -> list[models.Instrument]:
    """List the testers, and what happens to their channels if this service dies."""
    return [
        models.Instrument(
            name=supervisor.tester.name,
            host_loss=supervisor.tester.host_loss,
            poll_period_s=supervisor.tester.poll_period_s,
            answers=bool(supervisor.tester.channels()),
            channels=list(supervisor.tester.channels()),
            ticks=supervisor.ticks,
        )
        for supervisor in service.supervisors
    ]


@router.get("/channels", tags=[Tag.CHANNELS])
async def channels(service: TheService) -> list[models.ChannelNow]:
    """List the channels: the activity of each, the waiting runs, and the client who has claimed it."""
    return [channel_now(service, channel) for channel in service.channels()]


@router.get("/channels/{channel}", tags=[Tag.CHANNELS], responses=told_errors.NO_CHANNEL)
async def one_channel(channel: ChannelName, service: TheService) -> models.ChannelNow:
    """Return one channel."""
    service.supervisor_of(channel)
    return channel_now(service, channel)


def channel_now(service: Service, channel: str) -> models.ChannelNow:
    """Collect the present facts of a channel."""
    update, queued = sentences.current(service, channel)
    waiting = sentences.waiting(service, channel)
    claim = service.claims.on(channel)
    supervisor = service.supervisor_of(channel)
    tester, works = supervisor.tester, supervisor.watch.words(channel)
    report, stop = service.stops.last.get(channel), sentences.stop_words(service, channel)
    mounted = service.cells.on(channel)
    use = sentences.channel_use(update, queued, mounted, works)
    times = service.cells.queue_times(channel, update)
    # By a simulated rack's clock no date means anything to people.
    begins = {} if service.simulated else times.begins
    words = sentences.channel_words(update, queued, channel, works, stop, mounted, begins)
    if supervisor.watch.is_unseen(channel):
        use = ChannelUse.UNKNOWN
        words = f"whether it works is being asked of {tester.name}; by what is stored: {words}"
    if channel not in tester.channels():
        # Neither free nor busy: nobody has seen it since the service was started.
        use = ChannelUse.UNKNOWN
        words = f"it is not known what it does: {tester.name} does not answer"
        words += f"; {len(queued)} waiting ({', '.join(queued)})" if queued else ""
        words += f"; {stop}" if stop else ""
    return models.ChannelNow(
        channel=channel,
        instrument=tester.name,
        use=use,
        mounted=models.MountedNow.model_validate(mounted) if mounted else None,
        run=models.RunNow.model_validate(update) if update else None,
        queued=queued,
        expected_free_unix_s=times.free_unix_s,
        claim=models.ClaimNow(owner=claim[0], left_s=claim[1]) if claim else None,
        works_without_run=works,
        stop=channel_stopped(report) if report else None,
        words="; ".join([words, *waiting]),
        needs_person=bool(works or waiting) or sentences.needs_person(update),
    )


def channel_stopped(report: StopReport) -> models.ChannelStopped:
    """Return the report of an ordered stop as a client sees it."""
    run = report.run
    return models.ChannelStopped(
        channel=report.channel,
        run_id=run.run_id if run else None,
        state=run.state if run else None,
        reason=run.reason if run else "",
        off=report.is_off,
        pending=report.is_pending,
        answers=report.answers,
        words=report.words,
    )


@router.get("/status", tags=[Tag.RACK])
async def status(service: TheService) -> models.Status:
    """Describe the activity of every channel and the events since the service started."""
    return models.Status(
        observe_only=service.observe_only,
        observes_until_unix_s=service.observes_until_unix_s,
        simulated=service.simulated,
        troubles=service.troubles,
        unreachable=[s.tester.name for s in service.supervisors if not s.tester.channels()],
        undecided=sentences.undecided(service),
        channels=[channel_now(service, channel) for channel in service.channels()],
        since_start=[
            models.Happened(at_unix_s=at, run_id=run_id, what=what)
            for at, run_id, what in sentences.since_start(service.store)
        ],
    )


@functools.cache
def _recipes() -> list[models.RecipeItem]:
    from protocols.loading import load_recipe, shipped_recipes

    loaded = [(name, load_recipe(name)) for name in shipped_recipes()]
    return [models.RecipeItem(name=n, kinds=[k.value for k in r.for_kinds], title=r.title) for n, r in loaded]


@functools.cache
def _cells() -> list[models.CellItem]:
    from protocols.loading import load_cell, shipped_cells

    return [models.CellItem(name=name, kind=load_cell(name).kind.value) for name in shipped_cells()]


@router.get("/recipes", tags=[Tag.SHIPPED])
async def recipes() -> list[models.RecipeItem]:
    """List the shipped recipes."""
    return await asyncio.to_thread(_recipes)


@router.get("/cells", tags=[Tag.SHIPPED])
async def cells() -> list[models.CellItem]:
    """List the shipped cells."""
    return await asyncio.to_thread(_cells)


@router.get("/runs", response_model=models.RunPage, tags=[Tag.RUNS])
async def runs(service: TheService, query: Annotated[models.RunQuery, Query()]) -> dict[str, Any]:
    """List the runs that pass every filter, oldest first."""
    return pages.runs(service.store, query)


@router.get("/runs/{run_id}", response_model=models.RunDetail, tags=[Tag.RUNS], responses=told_errors.NO_RUN)
async def one_run(run_id: RunId, service: TheService) -> dict[str, Any]:
    """Return one run with its tests."""
    return pages.run(service.store, run_id)


async def _table(
    kind: pages.Kind, run_id: str, service: Service, after_test: int, after: int, limit: int
) -> JSONResponse:
    # Straight to JSON: checking each number of thousands of rows would cost more than reading them.
    return JSONResponse(pages.table(service.store, kind, run_id, after_test, after, limit))


@router.get("/runs/{run_id}/samples", response_model=models.SampleTable, **_OF_RUN)
async def samples(
    run_id: RunId, service: TheService, after_test: AfterTest = 0, after: After = 0, limit: Limit = 1000
) -> JSONResponse:
    """Return a run's samples that follow a sequence number."""
    return await _table(pages.SAMPLES, run_id, service, after_test, after, limit)


@router.get("/runs/{run_id}/steps", response_model=models.StepTable, **_OF_RUN)
async def steps(
    run_id: RunId, service: TheService, after_test: AfterTest = 0, after: After = 0, limit: Limit = 1000
) -> JSONResponse:
    """Return a run's executed steps."""
    return await _table(pages.STEPS, run_id, service, after_test, after, limit)


@router.get("/runs/{run_id}/cycles", response_model=models.CycleTable, **_OF_RUN)
async def cycles(
    run_id: RunId, service: TheService, after_test: AfterTest = 0, after: After = 0, limit: Limit = 1000
) -> JSONResponse:
    """Return a run's numbers for each cycle."""
    return await _table(pages.CYCLES, run_id, service, after_test, after, limit)


@router.get("/runs/{run_id}/spectra", response_model=models.SpectrumTable, **_OF_RUN)
async def spectra(
    run_id: RunId, service: TheService, after_test: AfterTest = 0, after: After = 0, limit: Limit = 1000
) -> JSONResponse:
    """Return a run's impedance spectra, point by point; each has a test of its own, listed under ``measurements``."""
    return await _table(pages.SPECTRA, run_id, service, after_test, after, limit)


@router.get("/runs/{run_id}/measurements", response_model=models.MeasurementList, **_OF_RUN)
async def measurements(run_id: RunId, service: TheService) -> dict[str, Any]:
    """Return the potentiostat's measurements of a run: technique, bias, amplitude, cycle, charge passed, files."""
    return pages.measurements(service.store, run_id)


@router.get("/runs/{run_id}/events", response_model=models.EventPage, **_OF_RUN)
async def run_events(run_id: RunId, service: TheService, query: Events) -> dict[str, Any]:
    """Return the events of a run that pass every filter."""
    return pages.events(service.store, run_id, query)


@router.get("/runs/{run_id}/deviations", response_model=models.DeviationPage, **_OF_RUN)
async def run_deviations(run_id: RunId, service: TheService, page: OnePage) -> dict[str, Any]:
    """Return the time spans in which a run's data deviate from the plan."""
    return pages.deviations(service.store, run_id, page)


@router.get("/events", response_model=models.EventPage, tags=[Tag.RECORDS])
async def events(service: TheService, query: Annotated[models.RackEventQuery, Query()]) -> dict[str, Any]:
    """Return the events of all runs and of the rig that pass every filter."""
    return pages.events(service.store, None, query)


@router.get("/deviations", response_model=models.DeviationPage, tags=[Tag.RECORDS])
async def deviations(service: TheService, page: OnePage) -> dict[str, Any]:
    """Return the deviations of all runs."""
    return pages.deviations(service.store, None, page)


@router.get(
    "/live",
    tags=[Tag.LIVE],
    response_class=StreamingResponse,
    responses={200: {"description": "Server-sent events, without an end.", "content": models.live_content()}},
)
async def live(service: TheService, watchers: Annotated[LiveClients, Depends(the_watchers)]) -> StreamingResponse:
    """Send every run as it is, then each change, as server-sent events ``run``; ``dropped`` counts omitted values."""
    if watchers.clients >= MOST_CLIENTS:
        raise TooManyClients(f"{MOST_CLIENTS} clients watch already; close some of them")
    now = [run.update() for run in service.runs]
    return StreamingResponse(
        stream(watchers, now), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


@router.get("/live/schema", tags=[Tag.LIVE])
async def live_schema() -> dict[str, Any]:
    """Return the JSON Schema of a message of the live stream: its event's name, and its data read as JSON."""
    return models.live_schema()
