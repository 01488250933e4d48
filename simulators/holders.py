"""The hands that put cells into the holders of a simulated rack, one after the other.

A rack that is served begins with empty holders. Who orders a test of a cell has it put in; the cell stays, and ages,
until another one is put in its place. A file of cells says of single channels what is put in there instead.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulators.bench import CellEntry, cell_seed
from simulators.cells import load_cell, shipped_names
from simulators.cells.model import CellModel
from simulators.neware.tester import Tester
from simulators.smu.server import SimulatedSmu

# The seeds of the cells of one channel lie so far apart: no two cells of a rack have one seed.
_NEXT_SEED = 1009**4


class Holders:
    """The holders of one rack, and of source meters beside it.

    ``entries`` says of single channels which cells they get, whatever is asked for.
    """

    def __init__(
        self,
        tester: Tester,
        seed: int,
        entries: Mapping[str, CellEntry] | None = None,
        smus: Mapping[str, SimulatedSmu] | None = None,
    ) -> None:
        self._tester = tester
        self._smus = dict(smus or {})
        self._seed = seed
        self._entries = dict(entries or {})
        self._mounted: dict[str, int] = {}

    def mount(self, channel: str, model: str, *, fresh: bool) -> str:
        """Put a fresh cell into a holder, and return what it is; where it is not ``fresh``, only if nothing is there.

        Returns an empty text where the cell that is there stays. Hours of its settings count from now. A ValueError
        says why it cannot be put there; ``KeyError`` when there is no such channel.
        """
        smu = self._smus.get(channel)
        is_busy = self._tester.channel(channel).busy if smu is None else smu.instrument.unit.output
        is_empty = self._tester.is_empty(channel) if smu is None else smu.instrument.unit.stage.leads.is_empty
        if not fresh and not is_empty:
            return ""
        if is_busy:
            raise ValueError(f"channel {channel} works: no cell is put into its holder now")
        entry = self._entries.get(channel)
        cell = self._built(channel, model, entry)
        if smu is None:
            self._tester.swap_cell(channel, cell)
        else:
            smu.instrument.unit.stage.touch(lambda leads: leads.swap(cell))
        self._mounted[channel] = self._mounted.get(channel, 0) + 1
        return model if entry is None else entry.words

    def _built(self, channel: str, model: str, entry: CellEntry | None) -> CellModel:
        seed = cell_seed(self._seed, channel) + self._mounted.get(channel, 0) * _NEXT_SEED
        if entry is None and model not in shipped_names():
            # Whoever is on this machine may ask: of its files only those of the rack's owner are read.
            raise ValueError(f"no cell model {model!r}; there are {', '.join(shipped_names())}")
        return load_cell(model, seed=seed) if entry is None else entry.build(seed)
