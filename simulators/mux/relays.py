"""The relays of a simulated switch: which are closed, and which are stuck."""

from __future__ import annotations

from collections.abc import Callable, Iterable


class Relays:
    """Relays numbered from 1, all open at first; ``on_select`` is called with the port that the common leads reach.

    A port in ``welded`` does not open any more, one in ``dead`` does not close. When several are closed, the common
    leads are said to reach the one that was closed first.
    """

    def __init__(self, ports: int, on_select: Callable[[int | None], None]) -> None:
        """Build ``ports`` good relays."""
        if ports < 1:
            raise ValueError(f"a switch with {ports} ports: expected at least 1")
        self.ports = ports
        self.welded: set[int] = set()
        self.dead: set[int] = set()
        self._on_select = on_select
        self._closed: list[int] = []
        self._told: int | None = None

    @property
    def closed(self) -> tuple[int, ...]:
        """Return the closed ports in rising order."""
        return tuple(sorted(self._closed))

    def close(self, ports: Iterable[int]) -> None:
        """Close these, and leave the others as they are."""
        self._closed += [port for port in dict.fromkeys(ports) if port not in self._closed and port not in self.dead]
        self._tell()

    def open(self, ports: Iterable[int]) -> None:
        """Open these."""
        opening = set(ports) - self.welded
        self._closed = [port for port in self._closed if port not in opening]
        self._tell()

    def open_all(self) -> None:
        """Open every relay that still opens."""
        self.open(range(1, self.ports + 1))

    def _tell(self) -> None:
        reached = self._closed[0] if self._closed else None
        if reached != self._told:
            self._told = reached
            self._on_select(reached)
