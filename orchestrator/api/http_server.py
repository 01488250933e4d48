"""The HTTP server of the service: uvicorn, with the service's own signals, listening socket and bounded connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from orchestrator.api.access import Guard
from orchestrator.api.connection import HEAD_S, Connection
from orchestrator.api.places import Places
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.clock.scaled import in_loop_time

# Longer than the ladder of a stop takes to be confirmed: an order under way is carried out before the end.
_GRACE_S = 60
_HTTP_TICK_S = 0.1
_HANDSHAKE_S = 5.0
# A connection is read before so many more are accepted that it would be the oldest without a request.
_ACCEPTED_AT_ONCE = 32
# Who knocks while many do waits here: a client whom the system turns away knocks again only after a second.
_KNOCKING = 2048


class HttpServer(uvicorn.Server):
    """uvicorn without its own signal handlers, which would end only HTTP. Its timeouts are in real time."""

    def __init__(self, config: uvicorn.Config, places: Places) -> None:
        super().__init__(config)
        self._places = places

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; every connection holds a place."""
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()
        tls = self.config.ssl
        self.servers = [
            await loop.create_server(
                lambda: Connection(self.config, self.server_state, self._places),
                sock=listening,
                backlog=_ACCEPTED_AT_ONCE,
                ssl=tls,
                ssl_handshake_timeout=in_loop_time(_HANDSHAKE_S) if tls else None,
            )
            for listening in sockets or ()
        ]
        for listening in sockets or ():
            listening.listen(_KNOCKING)
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        """Run uvicorn's periodic work ten times in a real second, even if the loop's seconds are shorter."""
        if (longer_s := in_loop_time(_HTTP_TICK_S) - _HTTP_TICK_S) > 0:
            await asyncio.sleep(longer_s)
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield


def http_server(app: Guard, settings: ServiceSettings) -> HttpServer:
    """Make the server of an application; it answers once it is run."""
    config = uvicorn.Config(
        app,
        http="h11",
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=max(1, round(in_loop_time(HEAD_S))),
        timeout_graceful_shutdown=max(1, round(in_loop_time(_GRACE_S))),
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    return HttpServer(config, app.places)
