"""Web with people who sign in, control behind it, and browsers, programs and clocks to try them with."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from orchestrator.api.places import Places
from orchestrator.api.refusals import Refusals
from orchestrator.api.signed_in import Cookie
from orchestrator.people.audit_entry import Act
from orchestrator.people.passwords import Passwords
from orchestrator.people.people import People
from orchestrator.people.person import Role
from orchestrator.store import open_store
from orchestrator.web.app import SignIn, WebApp, guarded
from orchestrator.web.control_link import ControlLink
from orchestrator.web.live_fan import LiveFan
from orchestrator.web.reading import Reading
from tests.api_client import TOKEN
from tests.web_rig import WebRig, open_web_rig

ORIGIN = "http://127.0.0.1"
PASSWORD = "four words of my own"  # noqa: S105 - of people who are not there
COOKIE = Cookie(8765, is_secure=False)
NAMES = {Role.VIEWER: "vera", Role.OPERATOR: "otto", Role.ADMIN: "anna"}
# The same algorithm at the least cost: a test signs in many times.
CHEAP = Passwords(rounds=1, memory_kib=8)
# Of the year in which it was written: sessions are as old as the clock of the loop says.
EPOCH_UNIX_S = 1_795_000_000.0


class Clock:
    """The clock of people: that of the running loop, which can be put on without all that polls meanwhile."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ahead_s = 0.0

    def __call__(self) -> float:
        """Return the time, unix seconds."""
        return EPOCH_UNIX_S + self._loop.time() + self._ahead_s

    def put_on(self, by_s: float) -> None:
        """Put the clock on."""
        self._ahead_s += by_s


def open_people(store: Path, clock: Clock | None = None) -> People:
    """Open the people of a store by the clock of the running loop, with a person of each role."""
    clock = clock or Clock()
    people = People(store, passwords=CHEAP, clock=clock, monotonic=clock)
    if not people.accounts.all():
        for role, name in NAMES.items():
            people.accounts.add(name, role, PASSWORD)
    return people


@dataclass
class PeopleWeb:
    """Web with people."""

    people: People
    clock: Clock
    transport: httpx.AsyncBaseTransport

    def browser(self, **headers: str) -> httpx.AsyncClient:
        """Return a browser that has not signed in, on a page of the service."""
        told = {"origin": ORIGIN, "x-cellrig": "1", **headers}
        return httpx.AsyncClient(transport=self.transport, base_url=ORIGIN, headers=told)

    async def signed_in(self, role: Role, password: str = PASSWORD) -> httpx.AsyncClient:
        """Return the browser of a person who has signed in."""
        browser = self.browser()
        reply = await browser.post("/api/v1/sign-in", json={"name": NAMES[role], "password": password})
        assert reply.status_code == 200, reply.text
        return browser

    def machine(self) -> httpx.AsyncClient:
        """Return a program with the token of this machine."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        return httpx.AsyncClient(transport=self.transport, base_url=ORIGIN, headers=headers)

    def program(self, role: Role, days: float = 1.0) -> httpx.AsyncClient:
        """Return a program with a personal token of a role."""
        secret = self.people.tokens.make(NAMES[role], "a program", role, days)
        headers = {"authorization": f"Bearer {secret.text}"}
        return httpx.AsyncClient(transport=self.transport, base_url=ORIGIN, headers=headers)

    def act(self, person: str, act: str, **values: object) -> Act:
        """Return an act for the log."""
        return Act(person, "session", "192.0.2.7", "POST", "/api/v1/x", act, values)

    def log(self) -> list[tuple[str, str, int | None]]:
        """Return who did what in the audit log, with the status of outcomes."""
        return [(entry.person, entry.act, entry.status) for entry in self.people.log.entries(0, 10_000)]


@dataclass
class PeopleRig(PeopleWeb):
    """Web with people, and the rig behind it."""

    web: WebRig


@asynccontextmanager
async def open_people_web(folder: Path) -> AsyncIterator[PeopleWeb]:
    """Run web with people and a store, before a control that does not answer: what has no need of one is quicker so."""
    store, clock = folder / "people.db", Clock()
    with open_store(store), open_people(store, clock) as people, contextlib.closing(Reading(store)) as reading:
        link, sign_in = ControlLink(TOKEN), SignIn(people, COOKIE)
        app = WebApp(link, LiveFan(link), reading, sign_in=sign_in)
        refusals = Refusals(lambda sentence: None)
        guard = guarded(app, TOKEN, frozenset({"127.0.0.1"}), refusals, Places(), sign_in)
        yield PeopleWeb(people, clock, httpx.ASGITransport(guard))
        await app.aclose()


@asynccontextmanager
async def open_people_rig(folder: Path) -> AsyncIterator[PeopleRig]:
    """Run a service with people on a rig of eight channels."""
    clock = Clock()
    with open_people(folder / "people.db", clock) as people:
        async with open_web_rig(folder / "people.db", SignIn(people, COOKIE)) as web:
            # httpx has no other name for the way of a client.
            yield PeopleRig(people, clock, web.web._transport, web)  # noqa: SLF001 - see above


async def said(reply: httpx.Response, status: int = 200) -> Any:  # noqa: ANN401 - JSON
    """Give an answer's JSON, and assert its status."""
    assert reply.status_code == status, reply.text
    return reply.json()
