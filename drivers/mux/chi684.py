"""The CHI684 as a ``Multiplexer``: the CHI660E's own macro switches it, so here the port is only remembered.

The macro command ``mch:K`` connects port K; nothing reads it back, and nothing lets a port go (reference chi660e,
section 11). The port therefore belongs into the header and the name of each measurement.
"""

from __future__ import annotations

from drivers.errors import CannotRun
from drivers.interfaces import Isolation
from drivers.mux.settings import Chi684Settings


class Chi684Multiplexer:
    """Remembers the port for the next macro. The tester's leads stay on the cell: it never isolates."""

    isolates_tester = Isolation.NO

    def __init__(self, settings: Chi684Settings) -> None:
        self.name = settings.name
        self.port: int | None = None
        """The port for ``mch`` in the next macro; None for a macro without ``mch``."""
        self._ports = settings.ports

    async def open(self) -> None:
        """Forget any port."""
        self.port = None

    async def close(self) -> None:
        """Forget any port. The switch itself stays as the last macro left it."""
        self.port = None

    async def select(self, port: int | None) -> None:
        """Remember a port. Raises CannotRun for one that is not there: the switch would ignore it silently."""
        if port is not None and not 1 <= port <= self._ports:
            raise CannotRun(f"{self.name}: there is no port {port}; ports are 1 to {self._ports}")
        self.port = port

    async def selected(self) -> int | None:
        """Return the remembered port: this switch cannot be asked."""
        return self.port
