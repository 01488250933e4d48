"""What a command does whose output cannot be written: its work all the same, then one sentence and status 1.

A full disk raises when it is written to. An output that was closed (``>&-``) is none to Python, and its number would be
given to the next file that is opened, such as a store: another one is opened in its place. A pipe whose reader has
ended is no error to tell anybody of: typer ends the command with status 1.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.cli.output import FAILED, fail

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# What a write meets on a full disk, on one that fails, and at a limit of the file's size.
_FULL = frozenset({errno.ENOSPC, errno.EIO, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


class _Nowhere(io.FileIO):
    """Takes what is written to a closed output, and remembers that something was."""

    def __init__(self) -> None:
        super().__init__(os.devnull, "w")
        self.was_written = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Take it."""
        self.was_written = True
        return super().write(data)


@contextmanager
def told_if_unwritten() -> Iterator[None]:
    """End a command with a sentence and status 1 if its output cannot be written."""
    nowhere = None
    if sys.stdout is None:
        nowhere = _Nowhere()
        sys.stdout = _text_to(nowhere)
    if sys.stderr is None:
        sys.stderr = _text_to(_Nowhere())
    try:
        yield
    except OSError as err:
        if err.errno not in _FULL or err.filename is not None or not _still_fails():
            raise
        # What is left of it is written when Python ends, and would fail again.
        with _Nowhere() as other:
            os.dup2(other.fileno(), sys.stdout.fileno())
        fail(f"the output cannot be written ({err.strerror}); what was to be done may be done all the same", FAILED)
    except SystemExit as end:
        if nowhere is not None and not end.code and nowhere.was_written:
            fail("the output cannot be written (it is closed); what was to be done is done all the same", FAILED)
        raise


def announce(line: str) -> None:
    """Write a line for scripts, which wait for it; of a program that was started without an output, to its log."""
    if isinstance(getattr(getattr(sys.stdout, "buffer", None), "raw", None), _Nowhere):
        import logging

        logging.getLogger(__name__).info("%s", line)
        return
    # It must not sit in a buffer.
    print(line, flush=True)  # noqa: T201 - scripts read it, rich would wrap it


def _text_to(stream: _Nowhere) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(stream), encoding="utf-8", errors="replace", write_through=True)


def _still_fails() -> bool:
    """Return whether it is stdout that fails, by writing what was kept of the output, and a line's end."""
    try:
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), b"\n")
    except OSError:
        return True
    return False
