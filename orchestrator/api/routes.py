"""The read requests that need the living service: what instruments and channels do now."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from orchestrator.api import models, sentences, told_errors
from orchestrator.api.parameters import ChannelName
from orchestrator.api.tags import Tag
from orchestrator.events import RunUpdate
from orchestrator.rack.mounted_cells import ChannelUse
from orchestrator.rack.service import Service
from orchestrator.rack.stop_orders import StopReport
from orchestrator.store import EndedRun, Mountings, RunOnChannel, Store

router = APIRouter()
open_router = APIRouter()


async def the_service(request: Request) -> Service:
    """Return the service of the application."""
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(the_service)]


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
    return await _channels_now(service)


@router.get("/channels/{channel}", tags=[Tag.CHANNELS], responses=told_errors.NO_CHANNEL)
async def one_channel(channel: ChannelName, service: TheService) -> models.ChannelNow:
    """Return one channel."""
    service.supervisor_of(channel)
    return channel_now(service, channel)


async def _channels_now(service: Service) -> list[models.ChannelNow]:
    """Collect the present facts of all channels, and let others go on after each: a rack has sixty-four and more."""
    found = []
    for channel in service.channels():
        found.append(channel_now(service, channel))
        await asyncio.sleep(0)
    return found


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
    ended = _ended(service.store, channel, mounted, update)
    words = sentences.channel_words(update, queued, channel, works, stop, mounted, begins, ended)
    if update is None or update.state.is_over:
        # Its cell may be that of a run on another channel.
        words = service.shared_cells.problem(channel) or words
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
        needs_person=bool(works or waiting) or sentences.needs_person(update, mounted, ended),
        temperature_degc=service.ovens.now_at(channel),
        oven=oven.name if (oven := service.ovens.of(channel)) else None,
    )


def _ended(store: Store, channel: str, mounted: RunOnChannel | None, update: RunUpdate | None) -> EndedRun | None:
    """Return the run of an earlier service that ended last on a channel, whose cell is mounted or was taken out."""
    if mounted is not None:
        is_older = mounted.state.is_over and (update is None or update.run_id != mounted.run_id)
        return Mountings(store).ended(mounted.run_id) if is_older else None
    last = Mountings(store).last_begun(channel) if update is None else None
    found = None if last is None else Mountings(store).ended(last)
    return found if found is not None and found.state.is_over else None


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
        uncommissioned=service.preflight.uncommissioned(),
        channels=await _channels_now(service),
        ovens=[models.OvenNow.model_validate(oven) for oven in service.ovens.reports()],
        since_start=[
            models.Happened(at_unix_s=at, run_id=run_id, what=what)
            for at, run_id, what in sentences.since_start(service.store)
        ],
    )
