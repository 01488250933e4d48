"""The log: who did what and when, whether its chain holds, and the events of the rig beside it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from orchestrator.api.signed_in import people_of
from orchestrator.dashboard import numbers
from orchestrator.dashboard.log_words import HOW, act_code, said_of
from orchestrator.dashboard.pages import PageContext, page, rig_facts
from orchestrator.dashboard.sentences import Speaker
from orchestrator.dashboard.words import Words
from orchestrator.people.audit_history import Deed, Wanted, acts_in, deeds, people_in
from orchestrator.people.chain_watch import Checked
from orchestrator.people.people import People
from orchestrator.store import Store
from orchestrator.store.errors import explained

router = APIRouter()

_PAGE = 100
_EVENTS = 60
# Events that repeat what stands in the log, each with its person, and those that say how the service did its work.
_NOT_BESIDE = ("refused", "order key", "loaded", "limits as loaded")
_EVENTS_SQL = "SELECT id, run_id, kind, message, at_unix_s FROM event WHERE at_unix_s >= ? AND at_unix_s < ? "


@dataclass(frozen=True, slots=True)
class Filter:
    """What is wanted of the log: a person, a kind of act, a day of the lab, and from which entry on."""

    person: str = ""
    kind: str = ""
    day: str = ""
    below: int = 0

    @classmethod
    def of(cls, request: Request) -> Filter:
        """Return what the address of a page asks for; what cannot be is left out."""
        query = request.query_params
        below = query.get("below", "")
        day = query.get("day", "")
        try:
            date.fromisoformat(day)
        except ValueError:
            day = ""
        number = int(below) if below.isascii() and below.isdecimal() and len(below) < 16 else 0
        return cls(query.get("person", "")[:64], query.get("kind", "")[:64], day, number)

    def span_unix_s(self, zone: str) -> tuple[float, float]:
        """Return from when until when, all of time without a day. A day of a change of clocks is 23 or 25 h long."""
        if not self.day:
            return 0.0, 1e11
        there, day = numbers.zone_named(zone), date.fromisoformat(self.day)
        try:
            begins, ends = (datetime.combine(it, time(), there).timestamp() for it in (day, day + timedelta(days=1)))
        except (OverflowError, ValueError):
            return 0.0, 1e11
        return begins, ends

    def link(self, **changes: object) -> str:
        """Return the address of the log with something else wanted."""
        wanted = replace(self, **changes)  # type: ignore[arg-type] # the page gives texts and a number
        given = {name: getattr(wanted, name) for name in ("person", "kind", "day", "below") if getattr(wanted, name)}
        return f"/log?{urlencode(given, quote_via=quote)}" if given else "/log"


@dataclass(frozen=True, slots=True)
class Line:
    """An act as it is shown."""

    deed: Deed
    moment: str
    how: str
    said: str
    outcome: str
    is_doubtful: bool
    is_broken: bool


@router.get("/log")
async def log(request: Request) -> Response:
    """Show who did what, newest first, and the events of the rig of the same time."""
    context, zone, people = PageContext.of(request), rig_facts(request).lab_zone, people_of(request)
    wanted = Filter.of(request)
    begins, ends = wanted.span_unix_s(zone)
    asked = Wanted(wanted.person, wanted.kind, int(begins * 1000), int(ends * 1000), wanted.below, _PAGE + 1)
    found, who, kinds, checked = await asyncio.to_thread(_read, people, asked)
    now = people.clock()
    broken = checked.check.broken
    lines = [_line(deed, context.lang, zone, now, broken) for deed in found[:_PAGE]]
    words = Words.load()
    return page(
        request, "log.html", title_code="page.log", lines=lines, wanted=wanted, people=who,
        kinds=[(kind, words.say(context.lang, act_code(kind))) for kind in kinds],
        older=found[_PAGE - 1].entry.number if len(found) > _PAGE else 0, checked=checked.check,
        checked_at=numbers.moment(checked.at_unix_s, zone, context.lang, now), entries=f"{checked.check.entries:,}",
        events=_events(request.app.state.stored(), begins, ends, context.lang, zone, now), trouble=people.log.trouble,
    )  # fmt: skip


def _read(people: People, asked: Wanted) -> tuple[list[Deed], list[str], list[str], Checked]:
    """Read the log, on a thread."""
    return deeds(people.file, asked), people_in(people.file), acts_in(people.file), people.chain.look()


def _line(deed: Deed, lang: str, zone: str, now: float, broken: int | None) -> Line:
    words, entry = Words.load(), deed.entry
    outcome = deed.outcome
    return Line(
        deed,
        numbers.moment(entry.at_unix_ms / 1000, zone, lang, now),
        words.say(lang, HOW[entry.how]) if entry.how in HOW else entry.how,
        said_of(entry, lang),
        words.say(lang, f"log.outcome_{outcome.replace(' ', '_')}"),
        is_doubtful=outcome != "done",
        is_broken=broken is not None and entry.number >= broken,
    )


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event of the rig as it is shown."""

    moment: str
    run_id: str | None
    message: str


def _events(store: Store, begins: float, ends: float, lang: str, zone: str, now: float) -> list[EventLine]:
    marks = ", ".join("?" * len(_NOT_BESIDE))
    sql = f"{_EVENTS_SQL} AND kind NOT IN ({marks}) ORDER BY id DESC LIMIT ?"
    with explained(store.path):
        rows = store.connection.execute(sql, (begins, ends, *_NOT_BESIDE, _EVENTS)).fetchall()
    speaker = Speaker(lang, zone, now)
    return [
        EventLine(speaker.moment(at), run_id, speaker.event(kind, message)) for _, run_id, kind, message, at in rows
    ]
