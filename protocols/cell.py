"""One coin cell as a technician knows it. What a simulated cell does inside is no business of this file."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from protocols.cell_kinds import CellKind
from protocols.field_types import Area, Capacity, FileModel, Length, Line, Mass, Name, Temperature, Text, problem
from protocols.program import CellFacts
from protocols.quantities import Dimension


class Cell(FileModel):
    """A cell file. `nominal_capacity` is per cell, per area (needs `area`) or per mass (needs `active_mass`)."""

    name: Name
    kind: CellKind
    area: Area | None = None
    active_mass: Mass | None = None
    nominal_capacity: Capacity | None = None
    working_electrode: Line
    counter_electrode: Line
    electrolyte: Line
    electrolyte_thickness: Length | None = None
    temperature: Temperature | None = None
    metadata: Annotated[dict[Name, Text], Field(max_length=64)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _capacity_can_be_known(self) -> Self:
        if self.nominal_capacity is not None and self.nominal_capacity_ah is None:
            raise problem(
                f"nominal_capacity {self.nominal_capacity} without what it refers to", "area or active_mass as well"
            )
        return self

    @property
    def nominal_capacity_ah(self) -> Decimal | None:
        """The nominal capacity of the whole cell in ampere-hours."""
        given = self.nominal_capacity
        if given is None or given.dimension is Dimension.CHARGE:
            return given.exact if given else None
        per = self.area if given.dimension is Dimension.AREAL_CAPACITY else self.active_mass
        return given.exact * per.exact if per else None

    def facts(self) -> CellFacts:
        """Give what a program needs to know of this cell."""
        capacity_ah = self.nominal_capacity_ah
        return CellFacts(
            name=self.name,
            kind=self.kind.value,
            area_cm2=self.area.to("cm2") if self.area else None,
            active_mass_mg=self.active_mass.to("mg") if self.active_mass else None,
            nominal_capacity_ah=None if capacity_ah is None else float(capacity_ah),
            electrolyte_thickness_um=self.electrolyte_thickness.to("um") if self.electrolyte_thickness else None,
        )
