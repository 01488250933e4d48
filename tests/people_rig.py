"""Web with people who sign in, control behind it, and browsers, programs and clocks to try them with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from orchestrator.people.passwords import Passwords
from orchestrator.people.people import People
from orchestrator.people.person import Role
from orchestrator.web.app import SignIn
from orchestrator.web.door import Cookie
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
class PeopleRig:
    """Web with people, and the rig behind it."""

    web: WebRig
    people: People
    clock: Clock

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        """The way to web without a token."""
        return self.web.web._transport  # noqa: SLF001 - httpx has no other name for it

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

    def program(self, role: Role, days: float = 1.0) -> httpx.AsyncClient:
        """Return a program with a personal token of a role."""
        secret = self.people.tokens.make(NAMES[role], "a program", role, days)
        headers = {"authorization": f"Bearer {secret.text}"}
        return httpx.AsyncClient(transport=self.transport, base_url=ORIGIN, headers=headers)

    def log(self) -> list[tuple[str, str, int | None]]:
        """Return who did what in the audit log, with the status of outcomes."""
        return [(entry.person, entry.act, entry.status) for entry in self.people.log.entries(0, 10_000)]


@asynccontextmanager
async def open_people_rig(folder: Path) -> AsyncIterator[PeopleRig]:
    """Run a service with people on a rig of eight channels."""
    clock = Clock()
    with open_people(folder / "people.db", clock) as people:
        async with open_web_rig(folder / "people.db", SignIn(people, COOKIE)) as web:
            yield PeopleRig(web, people, clock)


async def said(reply: httpx.Response, status: int = 200) -> Any:  # noqa: ANN401 - JSON
    """Give an answer's JSON, and assert its status."""
    assert reply.status_code == status, reply.text
    return reply.json()
