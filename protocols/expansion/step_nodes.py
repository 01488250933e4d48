"""Nodes of plain steps: made of the steps of a block, and given what is usual in their phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from protocols.recipe_steps import RecipeStep, RepeatStep
from protocols.yaml_document import Node

# Has neither a temperature nor limits: a person is asked.
_ASKS = "prompt"
_RECORDED = frozenset(
    {"rest", "constant_current", "constant_voltage", "cc_cv", "constant_power", "constant_resistance"}
)


def made(step: RecipeStep, line: int, file: str | None) -> Node:
    """Give the tree of a step as if each of its keys were written at a line."""
    return _node(step.model_dump(mode="json", by_alias=True, exclude_none=True), line, file)


def _node(value: object, line: int, file: str | None) -> Node:
    if isinstance(value, dict):
        return Node(line, {str(key): _node(one, line, file) for key, one in value.items()}, file)
    if isinstance(value, list):
        return Node(line, [_node(one, line, file) for one in value], file)
    return Node(line, str(value).lower() if isinstance(value, bool) else str(value), file)


def placeholder(line: int, file: str | None, place: str) -> Node:
    """Give a rest in the place of a step that was refused, so that those after it are judged where they stand."""
    return replace(_node({"step": "rest", "until": {"time": "1 s"}}, line, file), place=place)


def plain_count(steps: Sequence[RecipeStep]) -> int:
    """Count steps, with those in loops."""
    return sum(1 + (plain_count(step.steps) if isinstance(step, RepeatStep) else 0) for step in steps)


def with_usual(nodes: Sequence[Node], usual: Mapping[str, Node]) -> list[Node]:
    """Give steps with the record, the temperature and the limits of their phase or block where they have none."""
    around = {key: usual[key] for key in ("temperature", "limits") if key in usual}
    return [_with_usual(node, usual.get("record"), around) for node in nodes]


def _with_usual(node: Node, record: Node | None, around: Mapping[str, Node]) -> Node:
    if not isinstance(node.value, dict):
        return node
    value = dict(node.value)
    kind = value["step"].value if "step" in value else ""
    for key, one in around.items() if kind != _ASKS else ():
        value.setdefault(key, one)
    if record is not None and kind in _RECORDED:
        value.setdefault("record", record)
    inside = value.get("steps")
    if record is not None and inside is not None and isinstance(inside.value, list):
        # What a loop has holds for all inside.
        value["steps"] = replace(inside, value=[_with_usual(one, record, {}) for one in inside.value])
    return replace(node, value=value)
