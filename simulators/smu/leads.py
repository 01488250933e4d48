"""The leads between a unit and its cell: their resistance, and what hands do to them."""

from __future__ import annotations

from simulators.cells.model import CellModel
from simulators.cells.solving import solve_between
from simulators.cells.terminals import PulledOutCell, ReversedCell, TakenCell


class Leads:
    """Four leads with a cell at their end. What the unit regulates is the voltage at ``sense``.

    ``lead_ohm`` is the resistance of one force lead; in two-wire operation both of them are part of what is seen.
    """

    def __init__(self, cell: CellModel, lead_ohm: float) -> None:
        self._cell = cell
        self.lead_ohm = lead_ohm
        self.four_wire = False

    @property
    def cell(self) -> CellModel:
        """Return what is at the end of the leads."""
        return self._cell

    @property
    def is_empty(self) -> bool:
        """Return whether there is no cell, nor one that another instrument has."""
        return isinstance(self._cell, PulledOutCell) and not isinstance(self._cell, TakenCell)

    def pull_out(self) -> None:
        """Pull the cell out; it goes on resting beside its holder."""
        if not self.is_empty:
            self._cell = PulledOutCell(self._cell)

    def put_back(self) -> None:
        """Put the cell back that was pulled out or turned round, as it belongs."""
        while isinstance(self._cell, PulledOutCell | ReversedCell):
            self._cell = self._cell.inner

    def take(self) -> None:
        """Leave the cell to another instrument, which keeps its time; the leads are on nothing."""
        if not isinstance(self._cell, TakenCell):
            self._cell = TakenCell(self._cell)

    def give_back(self) -> None:
        """Take the cell back from another instrument."""
        if isinstance(self._cell, TakenCell):
            self._cell = self._cell.inner

    def turn_round(self) -> None:
        """Put the cell in the wrong way round."""
        self._cell = ReversedCell(self._cell)

    def swap(self, cell: CellModel) -> None:
        """Put another cell in."""
        self._cell = cell

    @property
    def seen_ohm(self) -> float:
        """Return the resistance of the leads that is seen as the cell's."""
        return 0.0 if self.four_wire else 2.0 * self.lead_ohm

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage where it is sensed, at this current."""
        return self._cell.voltage_v(current_a) + current_a * self.seen_ohm

    def current_a(self, voltage_v: float) -> float:
        """Return the current at which this voltage is sensed."""
        ohm = self.seen_ohm
        if ohm == 0.0:
            return self._cell.current_a(voltage_v)

        def excess_v(current_a: float) -> float:
            return self._cell.voltage_v(current_a) + current_a * ohm - voltage_v

        # The leads only lessen the current that the cell alone would pass.
        return solve_between(excess_v, 0.0, self._cell.current_a(voltage_v))
