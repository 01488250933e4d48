"""Named points at which a process kills itself, so that a test can make it die exactly there (faults E01).

``CELLRIG_FAILPOINT="sample commit open:3"`` kills the process with SIGKILL when it passes that point for the third
time. Without the variable a point is one comparison, and there is no other way to switch one on from outside.
"""

from __future__ import annotations

import os
import signal
from typing import Final

VARIABLE = "CELLRIG_FAILPOINT"

FAILPOINTS: Final[dict[str, str]] = {
    "start not intended": "The program is loaded; nothing of the start is in the store.",
    "start intended": "The intent of a start is committed; the command has not left.",
    "start confirmed": "The tester shows the new test; the store does not know.",
    "start stored": "The test and the outcome of its start are committed; the run does not count as running yet.",
    "sample commit open": "Samples are written in a transaction that is not committed.",
    "samples committed": "Samples are committed and not judged.",
    "steps saved": "Executed steps are written, the cycles made of them are not.",
    "stop not intended": "A stop is decided; nothing of it is in the store.",
    "stop intended": "The intent of a stop is committed; the command has not left.",
    "stop confirmed": "The tester shows that the channel is at rest; the store does not know.",
    "stop collected": "The channel is at rest and its last records are stored; that the run is over is not.",
    "segment left": "A segment is over and judged; nothing of the way to the next one has begun.",
    "measure intended": "The intent of a measurement is committed; the cell is not on the potentiostat yet.",
    "cell connected": "The cell is on the potentiostat; nothing is measured.",
    "measured": "The measurement is over; nothing of it is in the store, and the cell is on the leads.",
    "cell let go": "The cell is off the leads; neither that nor the measurement is in the store.",
    "measurement stored": "A whole measurement is committed; the run has not gone on.",
    "reconcile undecided": "After a restart: the tester was asked about a run, and nothing is written.",
    "reconcile decided": "After a restart: what becomes of a run is written.",
    "archive package written": "A run's package is on the disk under its name; the store has everything as before.",
    "archive commit open": "The pointer to the package is written in a transaction that is not committed.",
    "archive committed": "The pointer is committed; all records are in the store and in the package.",
    "archive records leaving": "The pointer is committed, and a piece of the records is deleted from the store.",
    "unarchive records coming": "A piece of the records is in the store again; the pointer still says: archived.",
    "unarchive commit open": "The records are in the store again; the pointer is deleted in an open transaction.",
    "unarchive committed": "The records are in the store again, and in the package.",
}

_armed = ""
_left = 0


def failpoint(name: str) -> None:
    """Kill the process here if this is the requested point and it is passed for the last time."""
    if _armed and name == _armed:
        _pass()


def arm(text: str) -> None:
    """Set the point at which to die, as ``name:count``; empty: none. Raises ValueError for an invalid point."""
    global _armed, _left
    name, _, count = text.partition(":")
    if text and (name not in FAILPOINTS or not count.isdecimal() or int(count) < 1):
        raise ValueError(f"{VARIABLE} is {text!r}, expected name:count with a name of {', '.join(FAILPOINTS)}")
    _armed, _left = (name, int(count)) if text else ("", 0)


def _pass() -> None:
    global _left  # noqa: PLW0603 a process dies once, wherever in it the point is passed
    _left -= 1
    if _left == 0:
        # Windows has no SIGKILL; its SIGTERM ends a process as abruptly.
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


arm(os.environ.get(VARIABLE, ""))
