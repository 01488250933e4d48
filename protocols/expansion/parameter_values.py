"""The values that the parameters of a file have: what is set of them, else their defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from protocols.errors import RecipeProblem, WrongChange
from protocols.expansion.parameters import Parameter, allowed
from protocols.expansion.scope import Scope, texts
from protocols.file_problems import problems_of
from protocols.quantities import QuantityError, parse_quantity
from protocols.value_lists import members
from protocols.written_steps import VARIABLE_PATTERN
from protocols.yaml_document import Node

PARAMETERS_MAX = 40


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """A parameter as it is used: ``value`` is what was set, else the default; None where neither is given.

    ``low``, ``high`` and ``one_of`` are what it may be, ``why`` what it is for; ``is_set``: it was set.
    """

    name: str
    value: str | None
    default: str | None
    low: str | None
    high: str | None
    one_of: tuple[str, ...]
    why: str
    is_set: bool

    @property
    def allowed(self) -> str:
        """What it may be, in words; empty where nothing is said of it."""
        return allowed(self.one_of, self.low, self.high)

    def as_dict(self) -> dict[str, Any]:
        """Give it for JSON, with the unit of its values, None where they have none."""
        given = {"name": self.name, "value": self.value, "default": self.default, "low": self.low, "high": self.high}
        return {**given, "unit": self.unit, "one_of": list(self.one_of), "why": self.why, "is_set": self.is_set}

    @property
    def unit(self) -> str | None:
        """The unit in which its default, or its range, is written; None for a number and a word."""
        for text in (self.default, self.low, self.high):
            try:
                if text is not None:
                    return parse_quantity(members(text)[-1]).unit.symbol
            except (QuantityError, PydanticCustomError):
                continue
        return None


@dataclass(frozen=True, slots=True)
class Declared:
    """A parameter as a file declares it, and where."""

    parameter: Parameter
    node: Node


@dataclass(frozen=True, slots=True)
class Given:
    """The values of a file's parameters, as nodes and as they are told."""

    nodes: Mapping[str, Node]
    values: tuple[ParameterValue, ...]


def declared(node: Node | None, file: str, problems: list[RecipeProblem]) -> dict[str, Declared]:
    """Read the parameters of a file; what is wrong with them is added to ``problems``. A value alone is a default."""
    if node is None:
        return {}
    if not isinstance(node.value, dict) or len(node.value) > PARAMETERS_MAX:
        wanted = (
            f"at most {PARAMETERS_MAX} lines like `current: {{default: 0.2 mA/cm2, from: 0.01 mA/cm2, to: 1 mA/cm2}}`"
        )
        problems.append(RecipeProblem(file, node.line, "parameters", "no keys, or too many", wanted))
        return {}
    found: dict[str, Declared] = {}
    for name, one in node.value.items():
        place = f"parameters.{name}"
        if not re.fullmatch(VARIABLE_PATTERN, name):
            problems.append(RecipeProblem(file, one.line, place, f"the name {name[:60]!a}", "letters, digits and '_'"))
            continue
        inner = one.value if isinstance(one.value, dict) else {"default": one}
        spread = Node(one.line, inner, one.file, place)
        try:
            found[name] = Declared(Parameter.model_validate(spread.plain()), spread)
        except ValidationError as err:
            problems += problems_of(err, spread, file, Parameter)
    return found


def with_texts(
    parameters: Mapping[str, Declared], values: Mapping[str, str], file: str, problems: list[RecipeProblem]
) -> Given:
    """Give the values of a recipe's parameters, with what is set of them. Raises WrongChange for one that is none."""
    _check_names(values, parameters, file)
    nodes: dict[str, Node] = {}
    told: list[ParameterValue] = []
    for name, one in parameters.items():
        given, place, line = values.get(name), f"parameters.{name}", one.node.line
        told.append(_told(name, one.parameter, given))
        if given is not None and (wanted := one.parameter.objection(given)):
            # The default stands in its place, where there is one, so that it is told once.
            problems.append(RecipeProblem(file, line, place, f"--set {name}={given[:60]}", wanted))
            nodes |= {} if one.parameter.default is None else {name: _default(one) or one.node}
        elif given is not None:
            nodes[name] = Node(line, given)
        elif (usual := _default(one)) is not None:
            nodes[name] = usual
        else:
            problems.append(RecipeProblem(file, line, place, "nothing set", _wanted(name, one.parameter)))
    return Given(nodes, tuple(told))


def with_nodes(
    parameters: Mapping[str, Declared], given: Mapping[str, Node], scope: Scope, place: str, line: int
) -> dict[str, Node]:
    """Give the values of an included file's parameters, with what is set where it is included, in ``scope``."""
    for name, node in given.items():
        if name not in parameters:
            there = f"one of {', '.join(parameters)}" if parameters else "nothing: the file has no parameters"
            scope.refuse(node.line, f"{place}.{name}", f"the parameter {name}", there)
        elif wanted := parameters[name].parameter.objection(*texts(node)):
            scope.refuse(node.line, f"{place}.{name}", ", ".join(texts(node))[:60], wanted)
    found: dict[str, Node] = {}
    for name, one in parameters.items():
        value = given.get(name, _default(one))
        if value is None:
            scope.refuse(line, f"{place}.{name}", "nothing set", f"a value{_range(one.parameter)}")
        else:
            found[name] = value
    return found


def _default(one: Declared) -> Node | None:
    return one.node.value.get("default") if isinstance(one.node.value, dict) else None


def _wanted(name: str, parameter: Parameter) -> str:
    return f"--set {name}=VALUE{_range(parameter)}"


def _range(parameter: Parameter) -> str:
    return f", {parameter.range}" if parameter.range else ""


def _told(name: str, parameter: Parameter, given: str | None) -> ParameterValue:
    default = None if parameter.default is None else _one_text(parameter.default)
    return ParameterValue(
        name=name,
        value=default if given is None else given,
        default=default,
        low=parameter.low,
        high=parameter.high,
        one_of=parameter.one_of or (),
        why=parameter.why or "",
        is_set=given is not None,
    )


def _one_text(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"[{', '.join(values)}]"


def _check_names(values: Mapping[str, str], known: Mapping[str, Declared], file: str) -> None:
    for name, value in values.items():
        if name in known:
            continue
        near = get_close_matches(name, known, 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        there = f"it has {', '.join(known)}" if known else "it has no parameters"
        other = f"To set a value of a file write recipe.{name}=... or cell.{name}=..., with the whole way to it"
        raise WrongChange(f"--set {name}={value}: {file} has no parameter {name!r}; {there}.{meant} {other}.")
