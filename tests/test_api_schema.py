"""The API under a stranger's hands: examples made from its own OpenAPI document, over real HTTP."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from orchestrator.api.app import OPENAPI, create_app
from orchestrator.api.live_stream import LiveClients
from orchestrator.rack.service import Service
from orchestrator.store import open_store
from tests.rig import open_rig

TOKEN = "q" * 43
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    response_schema_conformance,
    ignored_auth,
    unsupported_method,
]


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a rig from a thread with a loop of its own, and give the address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    # Whoever comes before the server is ready waits for it.
    listening.listen()
    ready = threading.Event()
    server: list[uvicorn.Server] = []

    async def main() -> None:
        async with open_rig() as rig:
            with open_store(folder / "cellrig.db") as store:
                service = Service(store, [rig.tester])
                bus = LiveClients(service.bus)
                config = uvicorn.Config(
                    create_app(service, bus, TOKEN), log_config=None, lifespan="off", ws="none", access_log=False
                )
                server.append(uvicorn.Server(config))
                task = asyncio.ensure_future(service.run())
                ready.set()
                await server[0].serve(sockets=[listening])
                task.cancel()
                await asyncio.wait({task})

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        assert ready.wait(60)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server[0].should_exit = True
        thread.join(60)
        listening.close()


def test_strangers_find_no_server_error_and_no_way_round_the_token(tmp_path: Path) -> None:
    """No 5xx, answers as the document says, and none of them without the token."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with served(tmp_path) as url:
        schema = schemathesis.openapi.from_url(f"{url}{OPENAPI}", headers=headers).exclude(path_regex="/live$")
        operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
        assert len(operations) > 20
        for operation in operations:
            _try(operation.as_strategy(), headers)


def _try(cases: SearchStrategy[schemathesis.Case[Any]], headers: dict[str, str]) -> None:
    @settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def one(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS, timeout=30)

    one()
