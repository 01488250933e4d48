"""Opens a store for a command that must be the only one to write it, and opens one that a service may have."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import asyncio

    from orchestrator.rack.lock import Instance
    from orchestrator.store import Store

T = TypeVar("T")

PATIENCE_S = 30.0
"""How long a command for which nobody waits itself waits for another's write: an import's is a long one."""


@contextmanager
def owned_store(store: Path, command: str) -> Iterator[Store]:
    """Open a store for writing and hold its lock, so that no service begins meanwhile; its file need not be there.

    ``command`` is what others are told who want it. Raises AlreadyOwned, StoreError.
    """
    import asyncio

    from orchestrator.store import open_store

    with asyncio.Runner() as runner, _lock(runner, store) as instance:
        instance.write_owner("", command=command)
        with open_store(store) as opened:
            yield opened


@contextmanager
def _lock(runner: asyncio.Runner, store: Path) -> Iterator[Instance]:
    from orchestrator.rack.lock import owning

    lock = owning(store, is_guest=True)
    instance: Instance = runner.run(_awaited(lock.__aenter__()))
    try:
        yield instance
    finally:
        runner.run(_awaited(lock.__aexit__(None, None, None)))


async def _awaited(what: Awaitable[T]) -> T:
    return await what


def check_is_there(store: Path) -> None:
    """Check that a store is there, before anything is made beside it. Raises StoreError."""
    from orchestrator.store import open_store
    from orchestrator.store.opening import check_place
    from orchestrator.store.place import real_path

    if not store.exists():
        check_place(real_path(store), read_only=True)
        open_store(store, read_only=True).close()


@contextmanager
def shared_store(store: Path) -> Iterator[Store]:
    """Open a store for short writes beside a service, or whoever has it. Raises StoreError.

    One of an older layout is brought up to date only where nobody has it.
    """
    from orchestrator.rack.lock import owner_of
    from orchestrator.store import open_store

    with open_store(store, busy_timeout_s=PATIENCE_S, is_in_use=owner_of(store) is not None) as opened:
        yield opened
