"""A line that a person types at the terminal while the event loop goes on."""

from __future__ import annotations

import select
import sys
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import asyncio
    import threading

_LOOKS_EVERY_S = 0.1


async def typed(prompt: str) -> str:
    """Show a prompt on stderr and return the line that is typed, while whatever else the loop does goes on.

    Cancelled, it reads nothing more. A terminal that is closed raises KeyboardInterrupt, as Ctrl-C does.
    """
    typer.echo(f"{prompt}: ", nl=False, err=True)
    # With logging and more behind it: too slow for every command's help.
    import asyncio
    import threading

    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()
    over = threading.Event()

    def give(line: str) -> None:
        if not answer.done():
            answer.set_result(line)

    def wait() -> None:
        line = _line(over)
        if not over.is_set():
            loop.call_soon_threadsafe(give, line)

    # Not one of the loop's own threads: those are waited for at the end, and this one may wait for a person.
    threading.Thread(target=wait, name="typed", daemon=True).start()
    try:
        line = await answer
    finally:
        over.set()
    if not line:
        raise KeyboardInterrupt
    return line.strip()


def _line(over: threading.Event) -> str:
    """Return the next line of stdin, empty at its end; nothing is taken from it once it is ``over``."""
    if sys.platform == "win32":
        # A console there cannot be looked at: the thread waits for a line that nobody takes.
        return sys.stdin.readline()
    while not over.is_set():
        # It may be over since this look began: the line is then an answer to the next question.
        if select.select([sys.stdin], [], [], _LOOKS_EVERY_S)[0] and not over.is_set():
            return sys.stdin.readline()
    return ""
