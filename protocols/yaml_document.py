"""Read a YAML file into text, lists and mappings, each with its line, and guess nothing about what a text means.

YAML readers turn ``1:30`` into 90, ``017`` into 15 and ``no`` into false, and let a later key win over an earlier one.
This reader builds its tree from the parser's events, keeps every scalar as the text that was written, and bounds what
a file may cost: size, depth, nodes, aliases. No tag is ever followed, so no object is ever constructed.

A list with one unit behind it, ``current: [0.1, 0.2] mA/cm2``, is no YAML and read as one text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protocols.errors import RecipeError, RecipeProblem
from protocols.yaml_slips import Place, told

if TYPE_CHECKING:
    from ruamel.yaml.events import AliasEvent, Event, NodeEvent, ScalarEvent

SIZE_MAX = 64 * 1024
DEPTH_MAX = 24
NODES_MAX = 4000
ALIASES_MAX = 8
# A list with a unit behind it ends there for YAML, which refuses the unit. Its brackets and commas pass the parser as
# private characters, one for one, so that every place in the text stays where it is.
_LIST_WITH_UNIT = re.compile(r"\[[^][\n#'\"{}]*\](?=[ \t]+[A-Za-z%])")
_HIDDEN = str.maketrans("[],", "\ue05b\ue05d\ue02c")
_SHOWN = {hidden: shown for shown, hidden in _HIDDEN.items()}
# Text that YAML takes as it stands wherever a value may be; all other text is put in quotes.
_PLAIN = re.compile(r"(?:[A-Za-z0-9.+]|-(?=[A-Za-z0-9.]))[A-Za-z0-9 _.+%/()*-]*")
# What to say of keys that are often written twice for another one.
_TWICE = {"step": " (the list of steps in a repeat is 'steps')"}


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar (text), a list of nodes, or a mapping to nodes, and the line, from 1, of its key or its start.

    A node that another one has become, as a step of a block, has the ``place`` that messages name in place of its own,
    and one out of another file that ``file``.
    """

    line: int
    value: str | list[Node] | dict[str, Node]
    file: str | None = None
    place: str | None = None

    def plain(self) -> object:
        """Give the tree without lines."""
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        return self.value


def read_document(text: str, file: str) -> Node:
    """Read one YAML document. Raises RecipeError; after a syntax error nothing behind it is read."""
    if len(text.encode(errors="replace")) > SIZE_MAX:
        raise RecipeError(
            [RecipeProblem(file, 1, "file", f"{len(text)} characters", f"at most {SIZE_MAX // 1024} KiB")]
        )
    reader = _Reader(file)
    root = reader.read(events(text, file))
    if reader.problems:
        raise RecipeError(reader.problems)
    return root


def as_scalar(text: str) -> str:
    """Give a text as a value of a YAML file, in quotes where it needs them."""
    return text if _PLAIN.fullmatch(text) and not text.endswith(" ") else json.dumps(text, ensure_ascii=False)


def events(text: str, file: str) -> Iterator[Event]:
    """Yield the parser's events of a text. Raises RecipeError where its syntax ends."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        hidden = _LIST_WITH_UNIT.sub(lambda found: found[0].translate(_HIDDEN), text)
        yield from YAML(typ="safe", pure=True).parse(hidden)
    except MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        seen, expected = " ".join(str(err.problem or err.context).split()), "YAML"
        if mark is not None:
            begun = err.context_mark
            context = None if begun is None else Place(begun.line, begun.column)
            seen, expected = told(text, Place(mark.line, mark.column), context, seen) or (seen, expected)
        raise _stop(file, mark.line + 1 if mark else 1, seen, expected) from None
    except (YAMLError, ValueError, TypeError) as err:
        raise _stop(file, 1, " ".join(str(err).split())[:200], "YAML") from None


def _stop(file: str, line: int, seen: str, expected: str) -> RecipeError:
    return RecipeError([RecipeProblem(file, line, "file", seen, expected)])


class _Reader:
    """Builds nodes from events with a stack of its own, so that depth costs no recursion."""

    def __init__(self, file: str) -> None:
        self.problems: list[RecipeProblem] = []
        self._file = file
        self._stack: list[tuple[Node, str | None]] = []  # open collections, each with the key it stands under
        self._key: str | None = None  # the key that waits for its value
        self._key_line = 0
        self._anchors: dict[str, Node] = {}
        self._nodes = 0
        self._aliases = 0
        self._root: Node | None = None

    def read(self, events: Iterator[Event]) -> Node:
        """Build the tree of one document."""
        handlers: dict[str, Callable[[Any], None]] = {
            "DocumentStartEvent": self._document,
            "ScalarEvent": self._scalar,
            "AliasEvent": self._alias,
            "SequenceStartEvent": self._list,
            "MappingStartEvent": self._mapping,
            "SequenceEndEvent": self._close,
            "MappingEndEvent": self._close,
        }
        for event in events:
            handle = handlers.get(type(event).__name__)  # stream marks and comments carry no content
            if handle is not None:
                handle(event)
        if self._root is None:
            raise _stop(self._file, 1, "an empty file", "keys and values")
        return self._root

    def _document(self, event: Event) -> None:
        if self._root is not None:
            raise _stop(self._file, event.start_mark.line + 1, "a second document", "one document a file")

    def _scalar(self, event: ScalarEvent) -> None:
        self._add(self._node(event, str(event.value).translate(_SHOWN)))

    def _list(self, event: NodeEvent) -> None:
        self._open(self._node(event, []))

    def _mapping(self, event: NodeEvent) -> None:
        self._open(self._node(event, {}))

    def _close(self, event: Event) -> None:
        self._stack.pop()

    def _alias(self, event: AliasEvent) -> None:
        line = event.start_mark.line + 1
        self._aliases += 1
        target = self._anchors.get(str(event.anchor))
        if target is None or any(target is open_node for open_node, _ in self._stack):
            raise _stop(self._file, line, f"*{event.anchor}", "an alias of something written above")
        if self._aliases > ALIASES_MAX:
            raise _stop(self._file, line, f"more than {ALIASES_MAX} aliases", "the steps written out, or `repeat`")
        self._count(_size(target), line)
        self._add(target)

    def _node(self, event: NodeEvent, value: str | list[Node] | dict[str, Node]) -> Node:
        line = event.start_mark.line + 1
        self._count(1, line)
        node = Node(line if self._key is None else self._key_line, value)
        tag = getattr(event, "tag", None) or getattr(event, "ctag", None)
        if tag is not None and str(tag) not in ("", "None", "!"):
            self._report(line, f"the tag {tag}", "plain text without tags")
        if event.anchor is not None:
            self._anchors[str(event.anchor)] = node
        return node

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > NODES_MAX:
            raise _stop(self._file, line, f"more than {NODES_MAX} entries", "a shorter file; loops are `repeat`")

    def _open(self, node: Node) -> None:
        if len(self._stack) >= DEPTH_MAX:
            raise _stop(self._file, node.line, f"more than {DEPTH_MAX} levels", "less nesting")
        key = self._key
        self._attach(node)
        self._stack.append((node, key))

    def _add(self, node: Node) -> None:
        holder = self._stack[-1][0].value if self._stack else None
        if isinstance(holder, dict) and self._key is None:
            self._take_key(node, holder)
        else:
            self._attach(node)

    def _take_key(self, node: Node, holder: dict[str, Node]) -> None:
        key = node.value if isinstance(node.value, str) else None
        if key is None:
            raise _stop(self._file, node.line, "a list or mapping as a key", "a word as a key")
        if key in holder:
            first = f"'{key}' once; it is already on line {holder[key].line}{_TWICE.get(key, '')}"
            self._report(node.line, f"the key '{key}' a second time", first)
        self._key, self._key_line = key, node.line

    def _attach(self, node: Node) -> None:
        """Put a node into the collection that is open, or make it the root."""
        holder = self._stack[-1][0].value if self._stack else None
        if isinstance(holder, list):
            holder.append(node)
        elif isinstance(holder, dict):
            if self._key is None:
                raise _stop(self._file, node.line, "a list or mapping as a key", "a word as a key")
            holder.setdefault(self._key, node)
            self._key = None
        else:
            self._root = node

    def _report(self, line: int, seen: str, expected: str) -> None:
        path = ".".join(key for _, key in self._stack if key) or "file"
        self.problems.append(RecipeProblem(self._file, line, path, seen, expected))


def _size(node: Node) -> int:
    children = node.value if isinstance(node.value, list) else []
    if isinstance(node.value, dict):
        children = list(node.value.values())
    return 1 + sum(_size(child) for child in children)
