"""The steps of a recipe as it may be written: plain steps, blocks, and what stands for several steps.

Before any cell is known all of them become plain steps (``protocols.expansion``).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from protocols.blocks import BLOCKS
from protocols.field_types import FileModel, Line, problem
from protocols.limit_blocks import LimitsField
from protocols.recipe_steps import STEP_KINDS
from protocols.step_ends import RecordRule
from protocols.temperature import TemperatureField

VARIABLE_PATTERN = r"[A-Za-z][A-Za-z0-9_]{0,39}"
"""How a parameter may be called: as ``$current`` it is used."""

FILE_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}\.ya?ml"
"""The name of a file to include: of the same folder, as no path is."""


def _matching(pattern: str, what: str, expected: str) -> tuple[AfterValidator, WithJsonSchema]:
    """Give what makes a text one that matches a pattern; ``what`` it is goes before it in the message."""

    def checked(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise problem(f"{what}{value!a:.90}", expected)
        return value

    return AfterValidator(checked), WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


FileName = Annotated[
    str, *_matching(FILE_PATTERN, "", "the name of a file beside the recipe, such as formation.yaml: no path")
]
VariableName = Annotated[
    str, *_matching(VARIABLE_PATTERN, "the name ", "letters, digits and '_', a letter first, at most 40")
]
# A value, several in one text, or a list of them; what it is used for decides what it must be.
# A file's number is read as its text; an editor knows it as a number.
Scalar = Annotated[
    str, StringConstraints(max_length=200), WithJsonSchema({"type": ["string", "number", "boolean"], "maxLength": 200})
]
Given = Scalar | Annotated[list[Scalar], Field(max_length=1000)]


class ForEachStep(FileModel):
    """Run the steps inside once for each of several values; several names go through their values side by side."""

    step: Literal["for_each"]
    values: Annotated[dict[VariableName, Given], Field(min_length=1, max_length=8)]
    # Steps like those around it, which are read one by one.
    steps: Annotated[list[Any], Field(min_length=1)]


class PhaseStep(FileModel):
    """A part of a recipe with records, limits or a temperature of its own, for all steps inside that have none."""

    step: Literal["phase"]
    title: Line | None = None
    record: RecordRule | None = None
    temperature: TemperatureField = None
    limits: LimitsField = None
    steps: Annotated[list[Any], Field(min_length=1)]


class IncludeStep(FileModel):
    """The steps of another file of the same folder, with values for its parameters."""

    include: FileName
    values: Annotated[dict[VariableName, Given], Field(alias="with", max_length=40, default_factory=dict)]


WRITTEN_KINDS = (*STEP_KINDS, "for_each", "phase", *BLOCKS)
"""What the key ``step`` of a recipe may say, in the order of the guide."""
