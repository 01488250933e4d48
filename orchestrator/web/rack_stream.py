"""Sends the rack to browsers by server-sent events: at most one frame a second to each, and one at least, as a pulse.

A frame is encoded once for all who have the one before. Who reads slowly gets the newest state and never the backlog;
who does not read at all is cut off (``orchestrator.api.connection``).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from importlib.metadata import PackageNotFoundError, version
from math import isfinite

from fastapi import Request
from fastapi.responses import StreamingResponse

from orchestrator.api.access import CONNECTION
from orchestrator.api.live_stream import TooManyClients
from orchestrator.web.rack_feed import PERIOD_S, RackFeed, State

# Of one address, ``orchestrator.api.places`` lets no more than 96 read at once: some are left for questions.
MOST_VIEWERS = 80
_NEVER = -1
_LONGEST_REV = 20


class RackStream:
    """The stream of the rack, for ``MOST_VIEWERS`` browsers at most. ``hello`` adds to their first frame."""

    def __init__(self, feed: RackFeed, hello: Callable[[], State] = dict) -> None:
        self._feed, self._hello = feed, hello
        self.viewers = 0
        # The frame of this tick, by the revision that its reader has.
        self._tick = _NEVER
        self._frames: dict[tuple[int, str], bytes] = {}

    def __call__(self, request: Request) -> StreamingResponse:
        """Answer with the stream. Raises TooManyClients."""
        if self.viewers >= MOST_VIEWERS:
            raise TooManyClients(f"{MOST_VIEWERS} browsers watch the rack already; close some of them")
        if (connection := request.scope.get(CONNECTION)) is not None:
            connection.keep_little_unread()
        life, _, rev = request.headers.get("last-event-id", "").partition("-")
        frames = self.frames(life, int(rev) if rev.isdecimal() and rev.isascii() and len(rev) < _LONGEST_REV else 0)
        return StreamingResponse(frames, media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def frames(self, life: str = "", rev: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield the frames of one reader, who has had those up to a revision of a life of control."""
        self.viewers += 1
        try:
            with self._feed.watched():
                await self._feed.fresh()
                tick, needs, greeted, missed = self._feed.ticks, _NEVER, None, 0
                while not self._feed.is_over:
                    pieces = [event("dropped", {"dropped": missed})] if missed else []
                    if greeted != self._feed.life:
                        greeted = self._feed.life
                        pieces.append(event("hello", self._greeting()))
                        rev = rev if life == greeted else 0
                    pieces.append(self._frame(rev if rev <= self._feed.rev else 0))
                    if needs != self._feed.needs_rev:
                        needs = self._feed.needs_rev
                        pieces.append(event("need", {"rev": needs, "list": self._feed.needs}))
                    life, rev = self._feed.life, self._feed.rev
                    yield b"".join(pieces)
                    before, tick = tick, await self._feed.next_tick(tick)
                    missed = tick - before - 1
        finally:
            self.viewers -= 1

    def _greeting(self) -> State:
        told = {"version": _version(), "poll_s": PERIOD_S, "life": self._feed.life}
        return {**told, **self._feed.facts(), **self._hello()}

    def _frame(self, rev: int) -> bytes:
        """Return the frame of this tick for who has a revision, encoded once for all of them."""
        if self._tick != self._feed.ticks:
            self._tick = self._feed.ticks
            self._frames.clear()
        key = rev, self._feed.life
        if (found := self._frames.get(key)) is None:
            told = self._feed.head() | {"full": rev == 0, "rows": self._feed.rows(rev), "seen": self._feed.seen}
            if rev < self._feed.channels_rev:
                told["channels"] = self._feed.channels
            found = self._frames[key] = event("rack", told, f"{self._feed.life}-{self._feed.rev}")
        return found


def event(kind: str, data: State, number: str = "") -> bytes:
    """Return the bytes of one server-sent event."""
    name = f"id: {number}\n" if number else ""
    return f"{name}event: {kind}\ndata: ".encode() + as_json(data) + b"\n\n"


def as_json(data: State) -> bytes:
    """Return the JSON of a value; a number that it has no word for is null."""
    return json.dumps(_finite(data), allow_nan=False, separators=(",", ":")).encode()


def _finite(value: object) -> object:
    """Return a value without numbers that JSON has no word for."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _version() -> str:
    try:
        return version("cellrig")
    except PackageNotFoundError:
        return ""
