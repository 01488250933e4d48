"""Reads the samples of a test through a second process, as Arrow, while this one works on those that have come.

The process is ``orchestrator.store.arrow_reader``, which says why it is one. Where it cannot do its work, for whatever
reason, its pages end early and nothing else happens: the caller reads the rest itself and meets the cause there.
"""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from orchestrator.store import arrow_reader
from orchestrator.store.connection import Access

logger = logging.getLogger(__name__)

WORTH_ROWS = 500_000
"""Samples of a test from which on the second process is started.

It needs 0.2 s of a processor before its first row and saves 0.7 s in a million: at half of this number nothing is won.
"""
PAGE_ROWS = 50_000
"""Samples of a page: 4 MB, of which each process holds two or three. Larger ones are no faster."""


def file_of(connection: sqlite3.Connection) -> Path | None:
    """Return the file from which another process reads what a connection reads; None where there is no such file.

    A store of an older layout is read through a copy in memory; what a transaction has not committed is in no file.
    """
    (_, _, file), *_ = connection.execute("PRAGMA database_list").fetchall()
    return Path(file) if file and not connection.in_transaction else None


def has_driver() -> bool:
    """Return whether the libraries of the second process are installed (extra ``data``)."""
    return all(find_spec(name) is not None for name in ("adbc_driver_manager", "adbc_driver_sqlite", "pyarrow"))


def arrow_pages(file: Path, test: int, last: int, rows: int = PAGE_ROWS) -> Iterator[Any]:
    """Yield the samples of a test up to sequence number ``last``, in order, as record batches of at most ``rows``.

    Their columns are ``orchestrator.store.arrow_reader.COLUMNS``. They may end early. The process ends with them, also
    when the caller takes no more.
    """
    import pyarrow as pa

    # By its path, and without the present folder among those of modules: it needs nothing of ours.
    program = [sys.executable, "-P", arrow_reader.__file__]
    what = [f"{file.as_uri()}?{Access.READ}", str(test), str(last), str(rows)]
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - a program of ours, with a path and numbers
                [*program, *what], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
            )
        except OSError as err:
            logger.warning("samples are read by this process alone: no second one can be started (%s)", err)
            return
        with process:
            try:
                yield from pa.ipc.open_stream(process.stdout)
            except (pa.ArrowException, OSError) as err:
                process.kill()
                process.wait()
                logger.warning("samples are read by this process alone: %s; %s", err, _last_line(said))
            finally:
                process.kill()


def _last_line(said: IO[bytes]) -> str:
    """Return the last line of what a process wrote."""
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")
