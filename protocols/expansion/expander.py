"""Makes a plain recipe of one as it is written: parameters, includes, lists, phases and blocks become plain steps.

Works on the tree of the file, before any model sees it, so that what is wrong later is still told at the line as it was
written. A file that uses nothing of all this is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from protocols.blocks import BLOCKS
from protocols.errors import RecipeError, RecipeProblem
from protocols.expansion.included_files import IncludedFiles
from protocols.expansion.parameter_values import Declared, ParameterValue, declared, with_nodes, with_texts
from protocols.expansion.scope import Room, Scope, texts
from protocols.expansion.step_nodes import made, placeholder, plain_count, with_usual
from protocols.field_types import FileModel
from protocols.file_problems import problems_of
from protocols.value_lists import members
from protocols.written_steps import ForEachStep, IncludeStep, PhaseStep
from protocols.yaml_document import Node

STEPS_MAX = 3000
"""Plain steps of a recipe: as many as a program may have segments, and still read within a second."""

_OWN = frozenset({"for_each", "phase", *BLOCKS})
_Model = TypeVar("_Model", bound=FileModel)


@dataclass(frozen=True, slots=True)
class Expansion:
    """A recipe's tree of plain steps, with its parameters and what is wrong in what was expanded.

    ``is_as_written``: the file uses nothing that is expanded.
    """

    root: Node
    parameters: tuple[ParameterValue, ...] = ()
    problems: tuple[RecipeProblem, ...] = ()
    is_as_written: bool = True


def expand(root: Node, file: str, included: Mapping[str, str], values: Mapping[str, str]) -> Expansion:
    """Expand a recipe's file, with the texts of the files that it includes and what is set of its parameters.

    Raises WrongChange for a value of a parameter that there is not, RecipeError for far too many steps.
    """
    top = root.value if isinstance(root.value, dict) else {}
    if not values and not _is_expanded(root):
        return Expansion(root)
    work = _Expander(IncludedFiles(included))
    parameters = declared(top.get("parameters"), file, work.problems)
    given = with_texts(parameters, values, file, work.problems)
    scope = work.scope(top.get("parameters"), given.nodes, file)
    inner: dict[str, Node] = {}
    for key, node in top.items():
        if key == "steps":
            inner[key] = work.steps(node, scope, "steps", ())
        elif key != "parameters":
            inner[key] = scope.filled(node, key)
    work.check_used(parameters, scope)
    return Expansion(Node(root.line, inner), given.values, tuple(work.problems), is_as_written=False)


def _is_expanded(node: Node) -> bool:
    """Tell whether something in a tree stands for something else."""
    if isinstance(node.value, str):
        return node.value.startswith("$")
    if isinstance(node.value, list):
        return any(_is_expanded(one) for one in node.value)
    step = node.value.get("step")
    is_own = step is not None and isinstance(step.value, str) and step.value in _OWN
    return is_own or not {"parameters", "include"}.isdisjoint(node.value) or any(map(_is_expanded, node.value.values()))


@dataclass(slots=True)
class _Expander:
    """Expands steps one by one and collects what is wrong, so that a technician sees all of it at once."""

    files: IncludedFiles
    problems: list[RecipeProblem] = field(default_factory=list)
    count: int = 0
    room: Room = field(default_factory=Room)

    def scope(self, written: Node | None, names: Mapping[str, Node], file: str, own: str = "") -> Scope:
        """Give the scope of a file; a parameter that is wrong, or without a value, was told and is left as written."""
        return Scope(names, file, own or None, frozenset(_entries(written)), problems=self.problems, room=self.room)

    def check_used(self, parameters: Mapping[str, Declared], scope: Scope) -> None:
        """Tell each parameter that is used nowhere: whoever sets it would change nothing."""
        for name, one in parameters.items():
            if name not in scope.used:
                expected = f"${name} where its value is wanted"
                scope.refuse(one.node.line, f"parameters.{name}", "a parameter that is used nowhere", expected)

    def steps(self, node: Node, scope: Scope, place: str, chain: tuple[str, ...]) -> Node:
        """Expand a list of steps; ``chain`` are the files that include this one."""
        if not isinstance(node.value, list):
            return scope.filled(node, place)
        found = [
            step for n, item in enumerate(node.value, 1) for step in self._step(item, scope, f"{place}[{n}]", chain)
        ]
        return Node(node.line, found, scope.own_file)

    def _step(self, item: Node, scope: Scope, place: str, chain: tuple[str, ...]) -> Sequence[Node]:
        self._counted(1, item, scope)
        if not isinstance(item.value, dict):
            return [replace(scope.filled(item, place), place=place)]
        kind = item.value["step"].value if "step" in item.value else None
        if "include" in item.value:
            found = self._include(item, scope, place, chain)
        elif kind == "for_each":
            found = self._for_each(item, scope, place, chain)
        elif kind == "phase":
            found = self._phase(item, scope, place, chain)
        elif isinstance(kind, str) and kind in BLOCKS:
            found = self._block(kind, item, scope, place)
        else:
            inner = {
                key: self.steps(one, scope, f"{place}.steps", chain)
                if key == "steps"
                else scope.filled(one, f"{place}.{key}")
                for key, one in item.value.items()
            }
            return [Node(item.line, inner, scope.own_file, place)]
        return found if found is not None else [placeholder(item.line, scope.own_file, place)]

    def _counted(self, steps: int, item: Node, scope: Scope) -> None:
        self.count += steps
        if self.count > STEPS_MAX:
            wanted = "fewer values, or `repeat` for what is the same each time"
            raise RecipeError([RecipeProblem(scope.file, item.line, "steps", f"more than {STEPS_MAX} steps", wanted)])

    def _read(self, model: type[_Model], head: Node, scope: Scope) -> _Model | None:
        try:
            return model.model_validate(head.plain())
        except ValidationError as err:
            self.problems += problems_of(err, head, scope.file, model)
            return None

    def _head(self, item: Node, scope: Scope, place: str) -> Node:
        """Give a step with values in place of names, but for the steps inside, which may know more names."""
        written = item.value if isinstance(item.value, dict) else {}
        inner = {key: one if key == "steps" else scope.filled(one, f"{place}.{key}") for key, one in written.items()}
        return Node(item.line, inner, scope.own_file, place)

    def _for_each(self, item: Node, scope: Scope, place: str, chain: tuple[str, ...]) -> Sequence[Node] | None:
        head = self._head(item, scope, place)
        if self._read(ForEachStep, head, scope) is None:
            return None
        columns: dict[str, list[Node]] = {}
        for name, node in _entries(_entries(head)["values"]).items():
            if name in scope.names or name in scope.declared:
                scope.refuse(node.line, f"{place}.values.{name}", f"the name {name} a second time", "another name")
                return None
            try:
                listed = [one for text in texts(node) for one in members(text)]
            except PydanticCustomError as err:
                told = err.context or {}
                scope.refuse(node.line, f"{place}.values.{name}", str(told.get("seen")), str(told.get("expected")))
                return None
            columns[name] = [Node(node.line, text, scope.own_file) for text in listed]
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            seen = ", ".join(f"{count} of {name}" for name, count in lengths.items())
            scope.refuse(head.line, f"{place}.values", seen, "as many values of each name: they are taken side by side")
            return None
        return self._passes(item, columns, scope, place, chain)

    def _passes(
        self, item: Node, columns: Mapping[str, Sequence[Node]], scope: Scope, place: str, chain: tuple[str, ...]
    ) -> list[Node]:
        inside = _entries(item)["steps"]
        scope.used.difference_update(columns)
        found: list[Node] = []
        for row in zip(*columns.values(), strict=True):
            inner = scope.with_names(dict(zip(columns, row, strict=True)))
            done = self.steps(inside, inner, f"{place}.steps", chain).value
            found += done if isinstance(done, list) else ()
        for name in columns:
            if name not in scope.used:
                scope.refuse(
                    item.line, f"{place}.values.{name}", "a name that is used nowhere", f"${name} in the steps"
                )
        return found

    def _phase(self, item: Node, scope: Scope, place: str, chain: tuple[str, ...]) -> Sequence[Node] | None:
        head = self._head(item, scope, place)
        if self._read(PhaseStep, head, scope) is None:
            return None
        inside = self.steps(_entries(item)["steps"], scope, f"{place}.steps", chain)
        return with_usual(inside.value if isinstance(inside.value, list) else [], _entries(head))

    def _block(self, kind: str, item: Node, scope: Scope, place: str) -> Sequence[Node] | None:
        head = Node(item.line, _entries(scope.filled(item, place)), scope.own_file, place)
        block = self._read(BLOCKS[kind], head, scope)
        if block is None:
            return None
        steps = block.expanded()
        self._counted(plain_count(steps), item, scope)
        nodes = [
            replace(made(step, item.line, scope.own_file), place=f"{place} ({kind}, its step {n})")
            for n, step in enumerate(steps, 1)
        ]
        return with_usual(nodes, _entries(head))

    def _include(self, item: Node, scope: Scope, place: str, chain: tuple[str, ...]) -> Sequence[Node] | None:
        head = self._head(item, scope, place)
        wanted = self._read(IncludeStep, head, scope)
        if wanted is None:
            return None
        name, line = wanted.include, item.line
        if why := self.files.objection(name, chain):
            scope.refuse(line, f"{place}.include", *why)
            return None
        root = self.files.root(name, self.problems)
        if root is None:
            return None
        parts = _entries(root)
        parameters = declared(parts.get("parameters"), name, self.problems)
        given = with_nodes(parameters, _entries(_entries(head).get("with")), scope, f"{place}.with", line)
        inner = self.scope(parts.get("parameters"), given, name, name)
        found = self.steps(parts["steps"], inner, "steps", (*chain, name))
        self.check_used(parameters, inner)
        return found.value if isinstance(found.value, list) else None


def _entries(node: Node | None) -> dict[str, Node]:
    """Give the keys of a block with their nodes; none of what is no block."""
    return node.value if node is not None and isinstance(node.value, dict) else {}
