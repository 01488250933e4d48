"""Puts the cells of orders into the holders of a simulated rack, as hands put real ones into a tester's."""

from __future__ import annotations

import asyncio
import json

from drivers.errors import CannotRun, ConnectionFailed
from orchestrator.bench.settings import BenchSettings, SimulatedHoldersSettings
from orchestrator.bench.simulated import model_of
from orchestrator.clock.scaled import in_loop_time
from protocols.program import CellFacts

_ANSWER_S = 20.0
"""Real time: a rack on a busy machine that computes weeks of eight cells answers within it."""


def holders_on(bench: BenchSettings) -> SimulatedHolders | None:
    """Return the simulated holders of a bench; None where people put cells in."""
    return None if bench.holders is None else SimulatedHolders(bench.holders)


class SimulatedHolders:
    """The holders of one simulated rack."""

    def __init__(self, settings: SimulatedHoldersSettings) -> None:
        self._settings = settings

    def problem(self, channel: str, cell: CellFacts) -> str:
        """Return why a cell cannot be simulated in a channel, in a sentence; empty when it can."""
        if channel in self._settings.cells or model_of(cell.name, cell.kind) is not None:
            return ""
        return (
            f"no simulated cell is of kind {cell.kind}, so that none can be put into {channel}: name one for this "
            "channel in a file for 'cellrig serve --simulate --cells FILE', when the rack is started anew"
        )

    async def mount(self, channel: str, cell: CellFacts, *, fresh: bool) -> str:
        """Put a fresh cell into a holder, and return its model; where it is not ``fresh``, only if the holder is empty.

        Returns an empty text where the cell that is there stays. Raises CannotRun, or ConnectionFailed.
        """
        model = model_of(cell.name, cell.kind) or ""
        asked = {"do": "mount", "channel": channel, "model": model, "fresh": fresh}
        try:
            async with asyncio.timeout(in_loop_time(_ANSWER_S)):
                reply = await self._ask(json.dumps(asked).encode())
        except (OSError, ValueError) as err:
            # A timeout too is an OSError.
            what = str(err) or "no answer"
            raise ConnectionFailed(f"no cell can be put into {channel} of the simulated rack: {what}") from err
        if "error" in reply:
            raise CannotRun(f"no cell can be put into {channel} of the simulated rack: {reply['error']}")
        return str(reply["mounted"])

    async def _ask(self, line: bytes) -> dict[str, object]:
        host, _, port = self._settings.hands.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(line + b"\n")
            await writer.drain()
            reply: dict[str, object] = json.loads(await reader.readline())
        finally:
            writer.close()
        return reply
