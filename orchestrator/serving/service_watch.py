"""Tells people that the service itself is dead: one look from outside, by a process that the service manager starts.

``cellrig notices watch-service`` is run every minute by a timer (docs/operate.md). It shares nothing with the service
but the lock, the store and the notices' own file.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.clock.durations import duration_words
from orchestrator.clock.local_time import local_time
from orchestrator.events import Severity
from orchestrator.events.to_do import SERVICE_DEAD
from orchestrator.notices.dispatcher import BEAT
from orchestrator.notices.routes import Route, levels_of, routes_of
from orchestrator.notices.sending import Letter, deliver
from orchestrator.notices.state_file import StateFile
from orchestrator.notices.values import Entry, Message, Notice, Reason
from orchestrator.notices.wording import body_of, title_of
from orchestrator.rack.lock import last_alive_unix_s, owner_of, owner_that_died
from orchestrator.states import RunState
from orchestrator.store import open_store

# Twice what a restart by the service manager and the first connection to the testers take.
DEAD_S = 120.0
_LAST_TOLD, _TOLD_GRAVITY = "dead service last told", "dead service gravity"


class Health(StrEnum):
    """What is seen of a service from outside."""

    LIVES = "lives"
    # Ended in order, and no run is under way.
    ENDED = "ended"
    # Ended in order, and the testers go on with runs that nobody watches.
    LEFT = "left"
    # It was killed, or its machine was.
    DIED = "died"
    # It lives and gives no sign of life.
    HANGS = "hangs"
    # Only the process that tells people gives none.
    MUTE = "mute"

    @property
    def is_told(self) -> bool:
        """Whether people are told."""
        return self not in {Health.LIVES, Health.ENDED}

    @property
    def gravity(self) -> int:
        """How bad it is: that nobody is told is less than that nobody watches."""
        return {Health.MUTE: 1, Health.LEFT: 2}.get(self, 3 if self.is_told else 0)


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a service has found, in words for people; ``since_unix_s``: its last sign of life."""

    health: Health
    sentence: str
    since_unix_s: float


def look_at(store: Path, state: StateFile, now_unix_s: float) -> Look:
    """Look at the lock, the store and the notices' sign of life. Raises StoreError for a store that is none."""
    alive_unix_s = last_alive_unix_s(store)
    if alive_unix_s > now_unix_s:
        # The clock of a fast simulated rack runs ahead; the notices' own goes by this machine's.
        alive_unix_s = state.mark(BEAT) or now_unix_s
    silent_s = now_unix_s - alive_unix_s
    since = f"since {local_time(alive_unix_s, seconds=True)} ({duration_words(max(0.0, silent_s))})"
    if silent_s < -DEAD_S:
        since = "since before the clock of this machine was set back"
    owner = owner_of(store)
    if owner is not None:
        beat_unix_s = state.mark(BEAT)
        if silent_s > DEAD_S:
            said = f"{owner} gives no sign of life {since}: it hangs; nothing is watched or stopped by cellrig"
            return Look(Health.HANGS, said, alive_unix_s)
        if beat_unix_s is not None and now_unix_s - beat_unix_s > DEAD_S:
            mute = f"since {local_time(beat_unix_s, seconds=True)} the service tells nobody what happens; it watches on"
            return Look(Health.MUTE, mute, beat_unix_s)
        return Look(Health.LIVES, f"the service lives: {owner}", alive_unix_s)
    if abs(silent_s) <= DEAD_S:
        return Look(Health.LIVES, "the service is not there at the moment; it may be starting again", alive_unix_s)
    runs = _live_runs(store)
    left = f"{runs} run{'s' if runs != 1 else ''} may go on in the testers under their own limits, unwatched"
    left = left if runs else "no run was under way"
    if owner_that_died(store) is not None:
        return Look(Health.DIED, f"the service has been dead {since}; {left}", alive_unix_s)
    if runs:
        return Look(Health.LEFT, f"the service was ended in order and has been away {since}; {left}", alive_unix_s)
    return Look(Health.ENDED, f"the service was ended in order, {since}; no run is under way", alive_unix_s)


async def watch_service(settings: NoticeSettings, store: Path, rig: str) -> Look:
    """Look at a service once, and tell people as long as it is dead: again, and to more of them, until it lives.

    Raises StoreError for a store that is none.
    """
    now_unix_s = time.time()
    with StateFile(store) as state:
        look = look_at(store, state, now_unix_s)
        if not look.health.is_told:
            state.close_key(SERVICE_DEAD, look.sentence, now_unix_s)
            return look
        severity = Severity.WARNING if look.health is Health.LEFT else Severity.ALARM
        incident = state.outside_incident(SERVICE_DEAD, now_unix_s)
        if not incident.is_new and look.health.gravity > (state.mark(_TOLD_GRAVITY) or 0):
            # Whoever has acknowledged the lesser trouble knows nothing of this one.
            state.close_key(SERVICE_DEAD, "it has become worse", now_unix_s)
            incident = state.outside_incident(SERVICE_DEAD, now_unix_s)
        state.keep_mark(_TOLD_GRAVITY, look.health.gravity)
        notice = Notice(incident.number, SERVICE_DEAD, severity, look.sentence, look.since_unix_s)
        if incident.is_new:
            state.keep_notice(notice, incident.number)
        told_unix_s = None if incident.is_new else state.mark(_LAST_TOLD)
        # By a clock that was set back, what was told is still to come.
        is_fresh = told_unix_s is not None and 0 <= now_unix_s - told_unix_s < settings.repeat_s
        if not incident.is_acknowledged and not is_fresh:
            await _tell(settings, notice, rig, state, now_unix_s - incident.opened_unix_s)
    return look


async def _tell(settings: NoticeSettings, notice: Notice, rig: str, state: StateFile, age_s: float) -> None:
    """Tell everybody whose level is reached by now; where nobody is, the next level at once."""
    levels = levels_of(settings, notice)
    reached = 1 + int(age_s // settings.escalate_after_s)
    for count, level in enumerate(levels, 1):
        routes = routes_of(settings, notice, level)
        told = await asyncio.gather(*(_told(settings, notice, route, rig, state) for route in routes))
        if any(told):
            state.keep_mark(_LAST_TOLD, time.time())
            if count >= reached:
                return


async def _told(settings: NoticeSettings, notice: Notice, route: Route, rig: str, state: StateFile) -> bool:
    """Tell one person by the first target that takes it; return whether one has."""
    message = Message(0, route.person, route.targets, (Entry(notice, Reason.NEW),))
    letter = Letter(title_of(message, rig), body_of(message, rig, state.store))
    send = partial(deliver, settings, letter=letter)
    for target in route.targets:
        outcome = await send(target)
        state.keep_delivery(message, letter.title, outcome, time.time())
        if outcome.is_delivered:
            return True
    return False


def _live_runs(store: Path) -> int:
    with open_store(store, read_only=True) as opened:
        return sum(RunState(run.state).is_live for run in opened.runs())
