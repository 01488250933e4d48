r"""Set values in the text of a recipe or cell file; the rest of the text, comments too, stays as it was written.

A name alone is a parameter of the recipe: what is set of it stands beside the text, which is not changed.

>>> cell = Document("own.yaml", "name: own\narea: 0.7854 cm2   # 10 mm\n")
>>> print(changed(cell, [parse_change("cell.area=1.131 cm2"), parse_change("cell.metadata.batch=7")]).text, end="")
metadata: {batch: 7}
name: own
area: 1.131 cm2   # 10 mm
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from protocols.document import Document
from protocols.errors import RecipeError, WrongChange
from protocols.written_steps import VARIABLE_PATTERN
from protocols.yaml_document import Node, as_scalar, events, read_document

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

Key = str | int

_EXAMPLE = "such as cell.active_mass='1.21 mg' or recipe.steps[2].until.voltage='4.1 V', or NAME=VALUE for a parameter"
_PATH = re.compile(r"[A-Za-z0-9_-]+(\[[1-9][0-9]{0,3}\]|\.[A-Za-z0-9_-]+)*")
_PART = re.compile(r"\[([0-9]+)\]|([A-Za-z0-9_-]+)")


class ChangedFile(StrEnum):
    """Where a value is set: in one of the files, or as a parameter of the recipe."""

    RECIPE = "recipe"
    CELL = "cell"
    PARAMETER = "parameter"


@dataclass(frozen=True, slots=True)
class Change:
    """One value to set. ``keys`` lead to it: names of keys, and places in lists, which count from 1."""

    file: ChangedFile
    keys: tuple[Key, ...]
    value: str

    @property
    def path(self) -> str:
        """The way to the value as it is written in messages, such as ``steps[2].until.voltage``."""
        return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.keys).removeprefix(".")

    def __str__(self) -> str:
        where = "" if self.file is ChangedFile.PARAMETER else f"{self.file.value}."
        return f"{where}{self.path}={self.value}"


def parse_change(text: str) -> Change:
    """Read a change as it is typed: ``cell.KEY=VALUE``, ``recipe.KEY=VALUE`` or ``PARAMETER=VALUE``.

    Raises WrongChange.
    """
    head, is_set, value = text.partition("=")
    what, _, path = head.strip().partition(".")
    if is_set and value.strip() and re.fullmatch(VARIABLE_PATTERN, head.strip()) and what not in set(ChangedFile):
        return Change(ChangedFile.PARAMETER, (what,), value.strip())
    if not is_set or what not in set(ChangedFile) or not _PATH.fullmatch(path) or not value.strip():
        raise WrongChange(f"--set {text[:200]!r}: write recipe.KEY=VALUE or cell.KEY=VALUE, {_EXAMPLE}")
    keys = tuple(int(place) if place else key for place, key in _PART.findall(path))
    return Change(ChangedFile(what), keys, value.strip())


def changed(document: Document, changes: Sequence[Change]) -> Document:
    """Return a file with values set in its text, or beside it, in order.

    Whether a key or a parameter exists and the value fits is for whoever reads the file. Raises WrongChange, and
    RecipeError for a text that is none.
    """
    text, values = document.text, dict[str, str]()
    for change in changes:
        if change.file is ChangedFile.PARAMETER:
            values[change.path] = change.value
            continue
        read_document(text, document.file)
        text = _set(text, change)
        _check(text, change)
    return replace(document, text=text).with_values(values)


@dataclass(slots=True)
class _Spot:
    """A value's place in a text: from ``start`` to ``end``. ``inner`` are the values in it, by key or place."""

    start: int
    end: int
    event: Event
    inner: dict[Key, _Spot] = field(default_factory=dict)
    # Of keys: where the first of them begins, and in which column.
    first: tuple[int, int] | None = None
    is_list: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it holds values of its own."""
        return type(self.event).__name__ in ("MappingStartEvent", "SequenceStartEvent")

    @property
    def is_flow(self) -> bool:
        """Whether it is written in brackets."""
        return bool(getattr(self.event, "flow_style", False))


def _set(text: str, change: Change) -> str:
    """Return the text with one value set."""
    spot = _spots(events(text, change.file.value))
    for depth, key in enumerate(change.keys):
        if not spot.is_open:
            what = "stands for something written above (an alias)" if _is_alias(spot) else "is a value"
            raise WrongChange(f"--set {change}: {_told(change, depth)} {what}, and nothing can be set inside it")
        found = spot.inner.get(key)
        if found is None:
            return _with_new(text, change, depth, spot)
        spot = found
    if spot.is_open and not spot.is_flow:
        there = ", ".join(f"{change.path}[{key}]" if spot.is_list else f"{change.path}.{key}" for key in spot.inner)
        raise WrongChange(f"--set {change}: {change.path} is a block; set what is in it: {there}")
    written = _written(change.value)
    if getattr(spot.event, "style", None) in ("|", ">"):
        written += "\n"
    if spot.start == spot.end:
        # A key without a value: it goes behind the colon.
        behind = text.index(":", spot.start) + 1
        return f"{text[:behind]} {written}{text[behind:]}"
    return text[: spot.start] + written + text[spot.end :]


def _with_new(text: str, change: Change, depth: int, spot: _Spot) -> str:
    """Return the text with a key that was not there, in front of those beside it."""
    key, *rest = change.keys[depth:]
    if spot.is_list or isinstance(key, int) or any(isinstance(part, int) for part in rest):
        have = f"has {len(spot.inner)} entries" if spot.is_list else f"has no list {key!r}"
        if isinstance(key, int) and not spot.is_list:
            have = "is no list"
        raise WrongChange(f"--set {change}: {_told(change, depth)} {have}")
    written = _written(change.value)
    for part in reversed(rest):
        written = f"{{{part}: {written}}}"
    if spot.first is None:
        return f"{text[: spot.start + 1]}{key}: {written}{text[spot.start + 1 :]}"
    at, column = spot.first
    then = ", " if spot.is_flow else "\n" + " " * column
    return f"{text[:at]}{key}: {written}{then}{text[at:]}"


def _told(change: Change, depth: int) -> str:
    return Change(change.file, change.keys[:depth], "").path or f"the {change.file.value}"


def _is_alias(spot: _Spot) -> bool:
    return type(spot.event).__name__ == "AliasEvent"


def _written(value: str) -> str:
    """Return a value as YAML: what stands in brackets as it is, other text in quotes where it needs them."""
    return value if value[0] in "[{" else as_scalar(value)


def _spots(stream: Iterator[Event]) -> _Spot:
    """Return the places of all values of a text that was read before: it has one document, and no end of depth."""
    for event in stream:
        if type(event).__name__ not in ("StreamStartEvent", "DocumentStartEvent"):
            return _spot(event, stream)
    raise AssertionError("a text without a document was read before")


def _spot(event: Event, stream: Iterator[Event]) -> _Spot:
    spot = _Spot(event.start_mark.index, event.end_mark.index, event)
    name = type(event).__name__
    if name == "MappingStartEvent":
        for key in stream:
            if type(key).__name__ == "MappingEndEvent":
                spot.end = key.end_mark.index
                break
            if spot.first is None:
                spot.first = key.start_mark.index, key.start_mark.column
            value = _spot(next(stream), stream)
            if value.start == value.end:
                value.start = value.end = key.end_mark.index
            spot.inner[str(getattr(key, "value", ""))] = value
    elif name == "SequenceStartEvent":
        spot.is_list = True
        for item in stream:
            if type(item).__name__ == "SequenceEndEvent":
                spot.end = item.end_mark.index
                break
            spot.inner[len(spot.inner) + 1] = _spot(item, stream)
    return spot


def _inside(node: Node, key: Key) -> Node:
    """Return the value under a key, or at a place in a list. Raises LookupError."""
    if isinstance(node.value, dict) and isinstance(key, str):
        return node.value[key]
    if isinstance(node.value, list) and isinstance(key, int):
        return node.value[key - 1]
    raise LookupError(key)


def _check(text: str, change: Change) -> None:
    """Check that a text has a value where it was set. Raises WrongChange: the text cannot take it there."""
    try:
        node: Node = read_document(text, change.file.value)
        for key in change.keys:
            node = _inside(node, key)
        is_there = not isinstance(node.value, str) or node.value == change.value
    except (RecipeError, LookupError):
        is_there = False
    if not is_there:
        raise WrongChange(f"--set {change}: this value cannot be set there; edit a copy of the file")
