"""Gives a simulated cell the sizes of the cell's file, so that rates and areal currents mean the same of both."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from orchestrator.bench.simulated import SimulatedRack, sizes_in
from protocols.cell import Cell


def with_sizes_of(rack: SimulatedRack, cell: Cell, said: Collection[str] = ()) -> SimulatedRack:
    """Return the rack with the active mass and area of the cell's file in each model that states its own.

    ``said``: parameters that a person has given to the model, which stay.
    """
    variations = dict(rack.variations)
    facts = cell.facts()
    in_file = {"active_mass_mg": facts.active_mass_mg, "area_cm2": facts.area_cm2}
    for holder, has in zip(rack.cells, sizes_in(rack), strict=True):
        sizes = {key: size for key, size in in_file.items() if size is not None and key in has and key not in said}
        variations[holder] = {**variations.get(holder, {}), **sizes}
    return replace(rack, variations=variations)
