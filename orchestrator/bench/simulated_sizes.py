"""Compares the sizes of a simulated cell with those of the cell's file, and gives a simulated cell the file's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isclose

from orchestrator.bench.simulated import SimulatedRack, sizes_in
from protocols.cell import Cell

# Sizes closer to each other than this are rounded differently.
_ROUNDED = 0.005


def other_sizes(rack: SimulatedRack, cell: Cell) -> Iterator[str]:
    """Give a sentence for each simulated cell whose active mass or area is not that of the cell's file."""
    for has in sizes_in(rack):
        simulated, said, vary = [], [], []
        for key, unit, in_file in _sizes_of(cell):
            there = has.get(key)
            if there is not None and in_file is not None and not isclose(there, in_file, rel_tol=_ROUNDED):
                simulated.append(f"{there:g} {unit}")
                said.append(f"{in_file:g} {unit}")
                vary.append(f"--vary '{key} = {in_file:g}'")
        if simulated:
            sizes = f"the simulated cell has {' and '.join(simulated)}, the file says {' and '.join(said)}"
            yield f"{sizes}; a cell of that size is simulated with {' '.join(vary)}"


def with_sizes_of(rack: SimulatedRack, cell: Cell) -> SimulatedRack:
    """Return the rack with the active mass and area of the cell's file in each model that states its own."""
    variations = dict(rack.variations)
    for holder, has in zip(rack.cells, sizes_in(rack), strict=True):
        sizes = {key: in_file for key, _, in_file in _sizes_of(cell) if key in has and in_file is not None}
        variations[holder] = {**variations.get(holder, {}), **sizes}
    return replace(rack, variations=variations)


def _sizes_of(cell: Cell) -> tuple[tuple[str, str, float | None], ...]:
    """Give the parameter of a model, its unit and the value in the cell's file of each size."""
    facts = cell.facts()
    return ("active_mass_mg", "mg", facts.active_mass_mg), ("area_cm2", "cm2", facts.area_cm2)
