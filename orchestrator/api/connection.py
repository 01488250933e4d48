"""One HTTP connection of the service: bounded in time, in what it may leave unread, and in its number.

A request must be there in seconds, whoever asks; whoever does not read is cut off. All waits are in real time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from typing import cast

from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from orchestrator.api.access import CONNECTION, App, Receive, Scope, Send
from orchestrator.api.places import Places
from orchestrator.clock.scaled import in_loop_time

# From the connection, or from an answer, to the end of the next request's head.
HEAD_S = 10.0
# In this time a client reads at least so much of what waits for it, or all of it.
UNREAD_S = 10.0
_READ_MEANWHILE = 64 * 1024
_DESCRIPTORS = 4096
# What waits for a client of a stream of states, in bytes: some frames.
_LITTLE = 64 * 1024
# Defects only: a stranger's bytes that are no HTTP are worth no line each.
_logger = logging.getLogger(f"{__name__}.http")
_logger.setLevel(logging.ERROR)


class Connection(H11Protocol):
    """A connection that holds a place of ``places``, and is closed when its time is over."""

    def __init__(self, config: Config, state: ServerState, places: Places) -> None:
        super().__init__(config, state, {})
        self.logger = _logger
        self.address = ""
        self.unread_since_s: float | None = None
        self._unread_bytes = 0
        self._has_begun = False
        self._places = places
        self._served = cast("App", self.app)
        self.app = self._carry_out
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the connection is closed, or being closed."""
        return self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request."""
        super().connection_made(cast("asyncio.Transport", transport))
        # A head and a body are two writes. asyncio sets this only on sockets that were made with the number of TCP.
        if (link := transport.get_extra_info("socket")) is not None and link.family != getattr(socket, "AF_UNIX", None):
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = str(self.client[0]) if self.client else ""
        self._await_head(HEAD_S)
        self._places.wait(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._places.leave(self)
        for timer in (self._head_timer, self._unread_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def close_at_once(self) -> None:
        """Close the connection without waiting for its client to read."""
        self.transport.abort()

    def on_response_complete(self) -> None:
        """Wait for the next request, for a short time, also if the client has not read the answer yet."""
        self._await_head(HEAD_S)
        super().on_response_complete()
        # One clock for both: uvicorn's own starts anew at every byte, and waits for ever for an answer to be read.
        self._unset_keepalive_if_required()

    def pause_writing(self) -> None:
        """Begin to count the time in which the client reads nothing."""
        super().pause_writing()
        self.unread_since_s = self.loop.time()
        self._await_reading()

    def resume_writing(self) -> None:
        """Stop counting: the client reads."""
        super().resume_writing()
        self.unread_since_s = None
        if self._unread_timer is not None:
            self._unread_timer.cancel()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; behind a request, whose answer may have begun, there is nothing more to say."""
        if self._has_begun:
            self.close_at_once()
        else:
            super().send_400_response(msg)

    def keep_little_unread(self) -> None:
        """Let little wait for a client who reads slowly: what it reads late is old, and newer comes."""
        self.transport.set_write_buffer_limits(high=_LITTLE)
        if (link := self.transport.get_extra_info("socket")) is not None:
            # Its client may be gone by now.
            with contextlib.suppress(OSError):
                link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LITTLE)

    async def read_by_client(self) -> None:
        """Wait until the client has read most of what was written to it, or is gone."""
        if self.flow.write_paused:
            await self.flow.drain()

    async def _carry_out(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        scope[CONNECTION] = self
        self._has_begun = True
        await self._served(scope, receive, send)

    def _await_head(self, within_s: float) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._head_timer = self.loop.call_later(in_loop_time(within_s), self._end_of_waiting)

    def _end_of_waiting(self) -> None:
        if self.flow.write_paused:
            # A long answer is being read; the other timer sees that it is.
            self._await_head(HEAD_S)
            return
        self.close_at_once()

    def _await_reading(self) -> None:
        self._unread_bytes = self.transport.get_write_buffer_size()
        self._unread_timer = self.loop.call_later(in_loop_time(UNREAD_S), self._end_of_patience)

    def _end_of_patience(self) -> None:
        if self.transport.get_write_buffer_size() > self._unread_bytes - _READ_MEANWHILE:
            self.close_at_once()
            return
        self._await_reading()


def descriptors() -> int:
    """Ask the system for enough file descriptors, and return how many this process may have."""
    if sys.platform == "win32":
        return _DESCRIPTORS
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _DESCRIPTORS:
        return _DESCRIPTORS
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return int(soft)
    return int(wanted)
