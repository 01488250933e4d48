"""Brings an oven to the temperature that a run wants, and lets it soak there before the cell's first current."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from math import inf

from drivers.errors import CannotRun, DriverError
from orchestrator.clock.durations import duration_words
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.events.run_words import SOAKING
from orchestrator.rack.oven_orders import temperature_of
from orchestrator.rack.oven_watch import OvenWatch
from orchestrator.rack.place_temperatures import OLDEST_S
from orchestrator.runs.run import Run
from orchestrator.states import SoakLeft
from protocols.temperature import CellTemperature

_SLOPE_S = 180.0
"""An oven's rate of heating is judged over three minutes: its own lag and the noise of tenths are a tenth of that."""

_LEAST_K = 0.3

_FIRST_REPLIES = 3
"""A command waits for its first reading as long as connecting, identity and values may take."""


async def soak(run: Run, watch: OvenWatch) -> str:
    """Order the set point that a run wants, and wait until its oven has soaked; return why it cannot, else empty.

    Also returns empty where somebody stops the run meanwhile: that is for whoever starts it.
    """
    wanted = temperature_of(run)
    # What goes on in the middle of a segment has soaked for it, and is let on by ``resume_problem``.
    if wanted is None or (run.test and not run.status.is_between and run.progress.measurement is None):
        return ""
    watch.begin_soak(run.run_id)
    try:
        return await _until_soaked(run, watch, wanted)
    except CannotRun as err:
        return str(err)
    finally:
        watch.soaking.discard(run.run_id)
        # What is left of a wait that has ended, or was called off, is asked of the oven anew.
        _say_left(run, 0.0)


async def _until_soaked(run: Run, watch: OvenWatch, wanted: CellTemperature) -> str:
    """Wait; raises CannotRun for a set point that the oven never takes."""
    began_s, loop = wall_time(), asyncio.get_running_loop()
    until_s, reach_s = loop.time() + watch.settings.reach_within_s, watch.settings.reach_within_s
    with suppress(TimeoutError):
        await asyncio.wait_for(watch.sight.looked_at.wait(), _FIRST_REPLIES * watch.settings.link.reply_timeout_s)
    while not run.is_called_off and not run.state.is_settled:
        # Looked at first: the safe set point that was ordered for this must not be taken back.
        if too_hot := watch.too_hot:
            return too_hot
        problem = await _order(run, watch, wanted)
        if not problem and not watch.sight.stands_still and soaked_s(watch, wanted) >= wanted.soak_s:
            _soaked(run, watch, wanted, began_s)
            return ""
        if loop.time() >= until_s:
            late = problem or _words(watch, wanted).removeprefix(f"{SOAKING}: ")
            return f"{watch.name} is not at {wanted.target_degc:g} degC after {duration_words(reach_s)}: {late}"
        _say_left(run, inf if problem else left_s(watch, wanted))
        said = f"{SOAKING}: {problem}" if problem else _words(watch, wanted)
        if run.reason != said:
            run.say(said)
        await asyncio.sleep(watch.settings.poll_period_s)
    return ""


def _say_left(run: Run, soak_left_s: float) -> None:
    run.status = replace(run.status, soak=SoakLeft(run.progress.index, soak_left_s))


async def _order(run: Run, watch: OvenWatch, wanted: CellTemperature) -> str:
    """Order the set point; return what keeps the oven from being there for now, empty for nothing. Raises CannotRun."""
    if watch.sight.is_left_safe:
        # Ordered again and again in turn with the safe one, it would wear the controller's memory and heat on.
        return watch.sight.problem
    try:
        await watch.orders.order(wanted.target_degc, f"{run.run_id} on {run.request.channel}")
    except CannotRun:
        raise
    except DriverError as err:
        # Not sent, refused, not confirmed or of unknown outcome: what is there is compared before it is sent again.
        return str(err)
    return watch.sight.problem


def soaked_s(watch: OvenWatch, wanted: CellTemperature, within_k: float | None = None) -> float:
    """Return for how long an oven has been within the tolerance up to now, as its readings show; 0 if it is not.

    ``within_k`` is another tolerance than that of the recipe.
    """
    now, most_k = wall_time(), wanted.tolerance_k if within_k is None else within_k
    since, after = now, now
    gap_s = max(OLDEST_S, 2 * watch.settings.poll_period_s)
    for unix_s, degc in reversed(watch.places.oven_since(watch.name, now - wanted.soak_s - gap_s)):
        if abs(degc - wanted.target_degc) > most_k or after - unix_s > gap_s:
            break
        since = after = unix_s
    return now - since


def left_s(watch: OvenWatch, wanted: CellTemperature) -> float:
    """Return about how long the soak still takes, by how fast the oven changes now; infinite where it does not."""
    now = wall_time()
    readings = watch.places.oven_since(watch.name, now - _SLOPE_S)
    if not readings:
        return inf
    (first_s, first_degc), (last_s, last_degc) = readings[0], readings[-1]
    away_k = abs(last_degc - wanted.target_degc)
    if away_k <= wanted.tolerance_k:
        return max(0.0, wanted.soak_s - soaked_s(watch, wanted))
    nearer_k = abs(first_degc - wanted.target_degc) - away_k
    if nearer_k < _LEAST_K or last_s <= first_s:
        return inf
    return (away_k - wanted.tolerance_k) * (last_s - first_s) / nearer_k + wanted.soak_s


def _words(watch: OvenWatch, wanted: CellTemperature) -> str:
    """Say that a run soaks, at which temperature, and for about how long.

    ::

        soaking: 52.3 of 60 degC, about 25 min left
        soaking: 59.8 of 60 degC, within 0.5 degC for 3 of 10 min, about 7 min left
    """
    reading = watch.sight.reading
    degc = None if reading is None else reading.temperature_degc
    if degc is None:
        return f"{SOAKING}: {watch.sight.problem}"
    if watch.sight.stands_still:
        return f"{SOAKING}: the sensor of {watch.name} shows {degc:.1f} degC and does not move while its heater does"
    within = ""
    if abs(degc - wanted.target_degc) <= wanted.tolerance_k:
        lasts, whole = int(soaked_s(watch, wanted) / 60.0), wanted.soak_s / 60.0
        within = f", within {wanted.tolerance_k:g} degC for {min(lasts, whole):g} of {whole:g} min"
    return f"{SOAKING}: {degc:.1f} of {wanted.target_degc:g} degC{within}{about_left(watch, wanted)}"


def about_left(watch: OvenWatch, wanted: CellTemperature) -> str:
    """Say for how long an oven still soaks, as ``, about 25 min left``; nothing where it does not come nearer."""
    left = left_s(watch, wanted)
    return "" if left == inf else f", about {duration_words(60.0 * max(1, round(left / 60.0)))} left"


def _soaked(run: Run, watch: OvenWatch, wanted: CellTemperature, began_unix_s: float) -> None:
    took_s = wall_time() - began_unix_s
    within = f"{watch.name} has been within {wanted.tolerance_k:g} K of {wanted.target_degc:g} degC"
    seen = watch.sight.beside
    beside = "".join(f"; {place} shows {degc:.1f} degC" for place, degc in seen.items())
    data = {"oven": watch.name, "target_degc": wanted.target_degc, "took_s": round(took_s), "beside_degc": seen}
    run.journal.note(EventKind.SOAKED, f"{within} for {duration_words(wanted.soak_s)}{beside}", data)
    run.say("")
