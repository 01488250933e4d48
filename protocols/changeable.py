"""The values of a recipe that people change most when they repeat it: its parameters, its currents, passes and limits.

A value that stands in several steps alike, as the current of both half-cycles, is one field: what is set of it is set
in all of them.

>>> from protocols.loading import recipe_document
>>> for one in changeable(recipe_document("li-li-0.2")):
...     print(one.name, one.value, one.keys)
current 0.2 mA/cm2 ('recipe.steps[2].steps[1].current', 'recipe.steps[2].steps[2].current')
times 300 ('recipe.steps[2].times',)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic_core import PydanticCustomError

from protocols.document import Document
from protocols.loading import parameters_of
from protocols.quantities import QuantityError, parse_quantity
from protocols.value_lists import members
from protocols.yaml_document import Node, read_document

_KEYS = ("current", "times")
_LAYERS = ("host", "tester")


@dataclass(frozen=True, slots=True)
class Changeable:
    """A value that may be set: its ``name``, the ``keys`` of an order's ``set`` that all take it, and what it may be.

    ``value`` is what it is now, None where it must be set; ``unit`` that of its value, None for a number or a word.
    """

    name: str
    keys: tuple[str, ...]
    value: str | None
    default: str | None
    unit: str | None
    low: str | None = None
    high: str | None = None
    one_of: tuple[str, ...] = ()
    why: str = ""

    def changes(self, value: str) -> list[str]:
        """Give what an order sets so that it has a value."""
        return [f"{key}={value}" for key in self.keys]


def changeable(recipe: Document) -> list[Changeable]:
    """Give the parameters of a recipe, then each different current, number of passes and limit of its text.

    What stands for a parameter is told once, as the parameter. Raises RecipeError for a text that is no recipe file.
    """
    found = [
        Changeable(it.name, (it.name,), it.value, it.default, it.unit, it.low, it.high, it.one_of, it.why)
        for it in parameters_of(recipe)
    ]
    root = read_document(recipe.text, recipe.file)
    alike: dict[tuple[str, str], list[str]] = {}
    of_steps = sorted(_of_steps(root, "recipe"), key=lambda it: _KEYS.index(it[0]))
    for name, path, value in [*of_steps, *_of_limits(root)]:
        alike.setdefault((name, value), []).append(path)
    names = [name for name, _ in alike]
    for (name, value), keys in alike.items():
        # Two different currents are told apart by where they stand.
        told = name if names.count(name) == 1 else f"{name} ({_where(keys[0])})"
        found.append(Changeable(told, tuple(keys), value, value, _unit(value)))
    return found


def _of_steps(node: Node, path: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, path and text of each value of the steps below a node that is no parameter's."""
    steps = node.value.get("steps") if isinstance(node.value, dict) else None
    for n, step in enumerate(steps.value if steps is not None and isinstance(steps.value, list) else (), 1):
        if not isinstance(step.value, dict):
            continue
        at = f"{path}.steps[{n}]"
        for key in _KEYS:
            value = step.value.get(key)
            if value is not None and isinstance(value.value, str) and "$" not in value.value:
                yield key, f"{at}.{key}", value.value
        yield from _of_steps(step, at)


def _of_limits(root: Node) -> Iterator[tuple[str, str, str]]:
    limits = root.value.get("limits") if isinstance(root.value, dict) else None
    for layer in _LAYERS:
        band = limits.value.get(layer) if limits is not None and isinstance(limits.value, dict) else None
        for end, value in band.value.items() if band is not None and isinstance(band.value, dict) else ():
            if isinstance(value.value, str) and "$" not in value.value:
                yield f"limits {layer} {end}", f"recipe.limits.{layer}.{end}", value.value


def _where(key: str) -> str:
    """Say where a value stands, as a person reads it: ``steps[2].steps[1].current`` is step 2.1."""
    places = [part.partition("]")[0] for part in key.split("[")[1:]]
    return f"step {'.'.join(places)}"


def _unit(value: str) -> str | None:
    try:
        return parse_quantity(members(value)[-1]).unit.symbol
    except (QuantityError, PydanticCustomError):
        return None
