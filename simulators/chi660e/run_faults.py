"""Interrupts a run: the process dies or hangs, or the link to the instrument is lost [14.9]."""

from __future__ import annotations

from typing import Any

from simulators.chi660e.instrument_link import Link
from simulators.chi660e.settings import Faults

_CRASHED = 3


class BreakingLink:
    """A link that does half of the first measurement and then fails."""

    def __init__(self, link: Link, faults: Faults) -> None:
        """Put the fault between the program and ``link``."""
        self.linked = link.linked
        self._link = link
        self._faults = faults

    def call(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
        """Carry out one request, the first measurement only half."""
        if do not in ("impedance", "pass", "hold"):
            return self._link.call(do, **arguments)
        self._link.call(do, **_half(arguments))
        if self._faults.crash == "run":
            raise SystemExit(_CRASHED)
        self._link.hang("hang", unlinked=self._faults.comm_loss)
        raise SystemExit(_CRASHED)

    def hang(self, do: str = "hang", **arguments: Any) -> None:  # noqa: ANN401 -- JSON values
        """Block for ever."""
        self._link.hang(do, **arguments)

    def unix_s(self) -> float:
        """Return the wall time of the last answer."""
        return self._link.unix_s()


def is_broken(faults: Faults) -> bool:
    """Return whether a run is to fail half way."""
    return faults.comm_loss or faults.hang == "run" or faults.crash == "run"


def _half(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a request for half of the time."""
    if "seconds" in arguments:
        return {**arguments, "seconds": arguments["seconds"] / 2}
    key = "points" if "points" in arguments else "levels"
    parts = arguments[key]
    if len(parts) > 1:
        return {**arguments, key: parts[: len(parts) // 2]}
    return {**arguments, key: [(first, seconds / 2) for first, seconds in parts]}
