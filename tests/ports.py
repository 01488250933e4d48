"""TCP ports of this machine for tests: one for a program that is started later, and one at which nobody ever answers.

A port that the system has given and that was closed again may be given to another test at any moment.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

# Below those that Linux, macOS and Windows give to who asks for any: while a broker is dead its port stays free, and
# no connection to it begins at that very port and so meets itself.
_NEVER_GIVEN = range(20_000, 32_000)


def free_port() -> int:
    """Return a port that nobody listens at, and that the system gives to nobody."""
    while True:
        port = secrets.choice(_NEVER_GIVEN)
        with closing(socket.socket()) as asking:
            try:
                asking.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@contextmanager
def deaf_port() -> Iterator[int]:
    """Hold a port at which nobody listens, so that a connection to it is refused until the end of the block."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        yield port
