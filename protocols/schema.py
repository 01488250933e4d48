"""JSON Schemas of recipe and cell files, for editors that complete and check while a technician types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from protocols.blocks import BLOCKS
from protocols.cell import Cell
from protocols.expansion.parameter_values import PARAMETERS_MAX
from protocols.expansion.parameters import Parameter
from protocols.field_types import FileModel
from protocols.quantities import Quantity
from protocols.recipe import Recipe
from protocols.written_steps import VARIABLE_PATTERN, ForEachStep, IncludeStep, PhaseStep

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TITLE = "cellrig recipe"
# Steps that stand for others, and so may stand wherever a step may.
_WRITTEN: tuple[type[FileModel], ...] = (ForEachStep, PhaseStep, IncludeStep, *BLOCKS.values())
_A_NAME = {"type": "string", "pattern": rf"^\${VARIABLE_PATTERN}$", "description": "the value of a parameter"}
# Keys of a recipe in which no parameter stands.
_FIXED = frozenset({"name", "title", "description", "for", "parameters", "steps"})


def recipe_schema() -> dict[str, Any]:
    """Give the JSON Schema of a recipe file as it may be written, with parameters, blocks and lists."""
    models: tuple[type[FileModel], ...] = (Recipe, Parameter, *_WRITTEN)
    wanted: list[tuple[type[FileModel], Literal["validation"]]] = [(model, "validation") for model in models]
    refs, generated = models_json_schema(wanted, by_alias=True, schema_generator=_Generator)
    definitions = _without_null(generated)["$defs"]
    recipe = definitions.pop(_name(refs[Recipe, "validation"]))
    parameter = refs[Parameter, "validation"]
    plain = recipe["properties"]["steps"]["items"]["oneOf"]
    written = (refs[model, "validation"] for model in _WRITTEN)
    _with_names(definitions, recipe, _name(parameter))
    definitions["Step"] = {"anyOf": [*plain, *written]}
    for one in (recipe, *definitions.values()):
        if "steps" in one.get("properties", {}):
            one["properties"]["steps"]["items"] = {"$ref": "#/$defs/Step"}
    values: Iterable[dict[str, Any]] = (parameter, {"type": ["string", "number"]}, {"type": "array"})
    recipe["properties"]["parameters"] = {
        "type": "object",
        "maxProperties": PARAMETERS_MAX,
        "propertyNames": {"pattern": f"^{VARIABLE_PATTERN}$"},
        "additionalProperties": {"anyOf": list(values)},
    }
    return {"$schema": _DIALECT, **recipe, "$defs": definitions, "title": _TITLE}


def cell_schema() -> dict[str, Any]:
    """Give the JSON Schema of a cell file."""
    generated = Cell.model_json_schema(by_alias=True, schema_generator=_Generator)
    return {"$schema": _DIALECT, **_without_null(generated), "title": "cellrig cell"}


class _Generator(GenerateJsonSchema):
    """Writes the default of a quantity as a file would: ``1 MHz``."""

    def encode_default(self, dft: Any) -> Any:  # noqa: ANN401 - as pydantic declares it
        return str(dft) if isinstance(dft, Quantity) else super().encode_default(dft)


def _name(reference: dict[str, str]) -> str:
    return reference["$ref"].removeprefix("#/$defs/")


def _with_names(definitions: dict[str, Any], recipe: dict[str, Any], parameter: str) -> None:
    """Let the name of a parameter stand for each value of a recipe and of its steps, but for what tells them apart."""
    for name, one in definitions.items():
        for key, inner in one.get("properties", {}).items():
            if name != parameter and key not in {"step", "steps", "include"}:
                one["properties"][key] = _or_name(inner)
    for key, inner in recipe["properties"].items():
        if key not in _FIXED:
            recipe["properties"][key] = _or_name(inner)


def _or_name(value: dict[str, Any]) -> dict[str, Any]:
    if "pattern" in value:
        return {**value, "pattern": f"{value['pattern']}|{_A_NAME['pattern']}"}
    if value.get("type") in {"integer", "number", "boolean"}:
        head = {key: one for key, one in value.items() if key in {"default", "title"}}
        return {**head, "anyOf": [{key: one for key, one in value.items() if key not in head}, _A_NAME]}
    if set(value) <= {"$ref", "default"}:
        # A choice of words; a block of keys takes names inside.
        return {**{k: v for k, v in value.items() if k != "$ref"}, "anyOf": [{"$ref": value["$ref"]}, _A_NAME]}
    return value


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
