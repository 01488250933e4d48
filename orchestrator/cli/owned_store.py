"""Opens a store for a command that must be the only one to write it, and opens one that a service may have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.tables import printable

if TYPE_CHECKING:
    import asyncio

    from orchestrator.rack.lock import Instance
    from orchestrator.store import Store

PATIENCE_S = 30.0
"""How long a command for which nobody waits itself waits for another's write: an import's is a long one."""


IMPORT, ARCHIVE = "cellrig import", "cellrig archive"
"""The commands that hold the lock while they write, and no longer."""
_LOOK_S = 0.2


@contextmanager
def owned_store(store: Path, command: str, patience_s: float = 0.0) -> Iterator[Store]:
    """Open a store for writing and hold its lock, so that no service begins meanwhile; its file need not be there.

    ``command`` is what others are told who want it. Who has it for an import or an archive is waited for, and for
    ``patience_s`` at most: a service, or a command that runs a cell, has it for days. Raises AlreadyOwned, StoreError.
    """
    import asyncio

    from orchestrator.store import open_store

    with asyncio.Runner() as runner, _lock(runner, store, patience_s) as instance:
        instance.write_owner("", command=command)
        with open_store(store) as opened:
            yield opened


@contextmanager
def _lock(runner: asyncio.Runner, store: Path, patience_s: float) -> Iterator[Instance]:
    lock, instance = runner.run(lock_when_free(store, patience_s))
    try:
        yield instance
    finally:
        runner.run(_left(lock))


async def lock_when_free(store: Path, patience_s: float) -> tuple[AbstractAsyncContextManager[Instance], Instance]:
    """Take the lock of a store as a guest, or wait for it as ``owned_store`` says. Raises AlreadyOwned."""
    import asyncio

    from orchestrator.rack.lock import AlreadyOwned, owning

    until_s, is_told = asyncio.get_running_loop().time() + patience_s, False
    while True:
        lock = owning(store, is_guest=True)
        try:
            return lock, await lock.__aenter__()
        except AlreadyOwned as err:
            is_short = not err.is_service and err.command in (IMPORT, ARCHIVE, "")
            if not is_short or asyncio.get_running_loop().time() >= until_s:
                raise
            if not is_told:
                typer.echo(printable(f"waiting, for {patience_s:g} s at most: {err}"), err=True)
            is_told = True
        await asyncio.sleep(_LOOK_S)


async def _left(lock: AbstractAsyncContextManager[Instance]) -> None:
    await lock.__aexit__(None, None, None)


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
