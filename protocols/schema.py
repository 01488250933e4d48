"""JSON Schemas of recipe and cell files, for editors that complete and check while a technician types."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from protocols.cell import Cell
from protocols.field_types import FileModel
from protocols.quantities import Quantity
from protocols.recipe import Recipe

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_schema() -> dict[str, Any]:
    """Give the JSON Schema of a recipe file."""
    return _schema(Recipe, "cellrig recipe")


def cell_schema() -> dict[str, Any]:
    """Give the JSON Schema of a cell file."""
    return _schema(Cell, "cellrig cell")


def _schema(model: type[FileModel], title: str) -> dict[str, Any]:
    generated = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    return {"$schema": _DIALECT, **_without_null(generated), "title": title}


class _Generator(GenerateJsonSchema):
    """Writes the default of a quantity as a file would: ``1 MHz``."""

    def encode_default(self, dft: Any) -> Any:  # noqa: ANN401 - as pydantic declares it
        return str(dft) if isinstance(dft, Quantity) else super().encode_default(dft)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Take out ``null``: a key that is not wanted is left out of a file, never written as null."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "anyOf":
            choices = [_without_null(choice) for choice in value if choice != {"type": "null"}]
            kept.update(choices[0] if len(choices) == 1 else {key: choices})
        elif isinstance(value, dict):
            kept[key] = _without_null(value)
        elif value is not None:
            kept[key] = value
    return kept
