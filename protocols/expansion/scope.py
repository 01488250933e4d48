"""The names that a part of a recipe knows, and the values that stand where they are used as ``$name``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from protocols.errors import RecipeError, RecipeProblem
from protocols.written_steps import VARIABLE_PATTERN
from protocols.yaml_document import Node

_USED = re.compile(rf"\$({VARIABLE_PATTERN})")
# Keys whose value is text for people, in which a name may stand anywhere. In that of a prompt it changes what is done.
_DONE = "text"
_PROSE = frozenset({"title", "description", "why", "reason", _DONE})

NODES_MAX = 100_000
"""Keys and values of an expanded recipe: three times what its plain steps have."""


@dataclass(slots=True)
class Room:
    """What is left of the keys and values that one recipe may have once it is expanded."""

    nodes: int = NODES_MAX

    def take(self, node: Node, file: str) -> None:
        """Take the room of one. Raises RecipeError where there is none."""
        self.nodes -= 1
        if self.nodes < 0:
            seen, wanted = f"more than {NODES_MAX} keys and values once it is expanded", "fewer values, or `repeat`"
            raise RecipeError([RecipeProblem(file, node.line, "steps", seen, wanted)])


@dataclass(slots=True)
class Scope:
    """Names with their values; ``used`` collects those that were, over all parts of one file.

    ``declared`` are the parameters of the file, also those without a value, of which it was told elsewhere.
    """

    names: Mapping[str, Node]
    file: str
    own_file: str | None = None
    declared: frozenset[str] = frozenset()
    used: set[str] = field(default_factory=set)
    problems: list[RecipeProblem] = field(default_factory=list)
    room: Room = field(default_factory=Room)

    def with_names(self, names: Mapping[str, Node]) -> Scope:
        """Give the scope of steps inside that know more names."""
        return replace(self, names={**self.names, **names})

    def refuse(self, line: int, place: str, seen: str, expected: str) -> None:
        """Note what is wrong at a line of this file."""
        self.problems.append(RecipeProblem(self.file, line, place, seen, expected))

    def filled(self, node: Node, place: str) -> Node:
        """Give a part of the file with values in place of names, each line as it is written."""
        return self._filled(node, place, place.rpartition(".")[2])

    def _filled(self, node: Node, place: str, key: str) -> Node:
        self.room.take(node, self.file)
        if isinstance(node.value, dict):
            inner = {
                inside: self._filled(one, f"{place}.{inside}".removeprefix("."), inside)
                for inside, one in node.value.items()
            }
            return Node(node.line, inner, self.own_file)
        if isinstance(node.value, list):
            listed = [self._filled(one, f"{place}[{n}]", "") for n, one in enumerate(node.value, 1)]
            return Node(node.line, listed, self.own_file)
        if key in _PROSE:
            return Node(node.line, self._in_prose(node.value, key), self.own_file)
        return self._value(node, node.value, place)

    def _value(self, node: Node, text: str, place: str) -> Node:
        name = text[1:] if text.startswith("$") else None
        if name is None:
            if (inside := _USED.search(text)) and inside[1] in self.names:
                self.used.add(inside[1])
                self.refuse(node.line, place, f"{text[:60]!a}", f"${inside[1]} alone: nothing is reckoned with it")
            return Node(node.line, text, self.own_file)
        if name in self.declared and name not in self.names:
            self.used.add(name)
            return Node(node.line, text, self.own_file)
        if name not in self.names:
            near = get_close_matches(name, self.names, 1)
            self.used.update(near)
            known = list(dict.fromkeys([*self.declared, *self.names]))
            there = f"; there are {', '.join(sorted(known))}" if known else ", a key 'parameters' of the file"
            meant = f"${near[0]}" if near else "a name out of 'parameters' or 'for_each'"
            self.refuse(node.line, place, f"${name[:60]}, which is no parameter", f"{meant}{there}")
            return Node(node.line, text, self.own_file)
        self.used.add(name)
        return _at(self.names[name], node.line, self.own_file)

    def _in_prose(self, text: str, key: str) -> str:
        def shown(found: re.Match[str]) -> str:
            value = self.names.get(found[1])
            if value is None:
                return found[0]
            if key == _DONE:
                self.used.add(found[1])
            return ", ".join(texts(value))

        return _USED.sub(shown, text)


def _at(node: Node, line: int, file: str | None) -> Node:
    """Give a value as if it were written at a line."""
    if isinstance(node.value, list):
        return Node(line, [_at(one, line, file) for one in node.value], file)
    return Node(line, node.value, file)


def texts(node: Node) -> Iterator[str]:
    """Yield the texts of a value or of a list of them."""
    if isinstance(node.value, str):
        yield node.value
    elif isinstance(node.value, list):
        for one in node.value:
            yield from texts(one)
