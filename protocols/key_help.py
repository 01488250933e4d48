r"""Tells of each key of a recipe or cell file, as it is being written, what the schema says of it.

The text may be wrong in any way: keys are found by their lines and indents alone, so that help is there while somebody
types.

>>> found = keys_of("name: mine\nsteps:\n  - step: rest\n    until: {time: 1 h}\n", "recipe")
>>> [(one.line, one.key) for one in found]
[(1, 'name'), (2, 'steps'), (3, 'step'), (4, 'until'), (4, 'time')]
>>> found[2].help.about, found[2].help.one_of[0]
('Leave the circuit open.', 'rest')
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from protocols.schema import cell_schema, recipe_schema

_BEGINNING = re.compile(r"(?P<indent> *)(?P<dashes>(?:- +)*)")
_KEY = re.compile(r"(?P<key>[A-Za-z_][A-Za-z0-9_]*) *:(?P<value>(?: .*)?)$")
_BRACES = re.compile(r"[{}]|(?<![A-Za-z0-9_])(?P<key>[A-Za-z_][A-Za-z0-9_]*) *:(?= |$)")
_END = re.compile(r"[,{}]")
_LISTED = 40
_A_NAME = "the value of a parameter"
_Schema = Mapping[str, Any]
# Of keys of which the schema says only what letters they take.
_ABOUT = {
    "name": "The name by which it is ordered: letters, digits, '_', '.' and '-'.",
    "title": "What it does, in a line: tables and pages show it.",
    "description": "What it is for, in some sentences.",
    "for": "The kinds of cell that it is for.",
    "steps": "The steps, one after the other, each behind '- '.",
    "parameters": "What may be set when it is ordered; a value $NAME stands for it in the steps.",
    "times": "How often the steps inside are carried out.",
    "kind": "What sits in the can; for other nothing is assumed, and a recipe gives its limits.",
    "working_electrode": "What it is made of; its materials are known by their names.",
    "counter_electrode": "What it is made of.",
    "electrolyte": "What it is made of.",
    "nominal_capacity": "What a rate in C refers to: of the cell, by area (needs area) or by mass (needs active_mass).",
    "metadata": "Anything else that is to be kept with the cell, by names of your own.",
}


@dataclass(frozen=True, slots=True)
class KeyHelp:
    """What may stand behind a key.

    ``about`` says what it is for, ``value`` what is written there, ``one_of`` its words, ``keys`` the keys of its
    block, ``default`` what is taken where it is left out; each is empty where the schema does not say it. ``needed``:
    it may not be left out.
    """

    key: str
    about: str = ""
    value: str = ""
    one_of: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    default: str = ""
    needed: bool = False


@dataclass(frozen=True, slots=True)
class KeyAtLine:
    """A key at its line, which counts from 1, and its column, from 0."""

    line: int
    column: int
    key: str
    help: KeyHelp


@dataclass(slots=True)
class _Block:
    """Keys at one indent: those of a block, each with its line and value, and the key under which the block stands."""

    indent: int
    above: _Block | None
    under: str
    words: dict[str, str] = field(default_factory=dict)
    last: str = ""


def keys_of(text: str, kind: str) -> list[KeyAtLine]:
    """Return the keys of a text with their help, in order of lines; ``kind`` is recipe or cell.

    A key that the schema does not know where it stands is left out.
    """
    root = _schemas()[kind]
    seen: dict[int, _Schema | None] = {}
    found = []
    for line, column, key, block in list(_keys(text)):
        schema = _schema_of(block, root, seen)
        value = _property(schema, key)
        if key == "step" and block.above is not None:
            value = _property(_schema_of(block.above, root, seen), block.under)
            about = _first_lines(schema.get("description", "")) if schema is not None else ""
            found.append(KeyAtLine(line, column, key, KeyHelp(key, about, one_of=_kinds(value, root), needed=True)))
        elif schema is not None and value is not None:
            needed = key in schema.get("required", ())
            found.append(KeyAtLine(line, column, key, _help(key, value, root, needed=needed)))
    return found


def _keys(text: str) -> Iterator[tuple[int, int, str, _Block]]:
    """Yield each key of lines and of braces within a line, with its line, column and block."""
    blocks: list[_Block] = []
    for line, written in enumerate(text.split("\n"), 1):
        found = _BEGINNING.match(written)
        if found is None or written[found.end() :].startswith("#"):
            continue
        indent, rest = len(found["indent"]), written[found.end() :].rstrip()
        column = found.end()
        key = _KEY.match(rest)
        if key is None and not rest.startswith("{"):
            continue
        # A dash begins a new block of the list that it belongs to.
        while blocks and (blocks[-1].indent > column or (found["dashes"] and blocks[-1].indent > indent)):
            blocks.pop()
        above = blocks[-1] if blocks else None
        if key is None:
            yield from _in_braces(line, column, rest, above)
            continue
        if above is None or above.indent < column:
            above = _Block(column, above, above.last if above is not None else "")
            blocks.append(above)
        above.last = key["key"]
        above.words.setdefault(key["key"], key["value"].partition(" #")[0].strip())
        yield line, column, key["key"], above
        yield from _in_braces(line, column + key.start("value"), key["value"], above)


def _in_braces(line: int, column: int, text: str, above: _Block | None) -> Iterator[tuple[int, int, str, _Block]]:
    """Yield the keys within braces of one line."""
    blocks = [above] if above is not None else []
    for found in _BRACES.finditer(text):
        if found[0] == "{" and blocks:
            blocks.append(_Block(0, blocks[-1], blocks[-1].last))
        elif found[0] == "}" and len(blocks) > 1:
            blocks.pop()
        elif (key := found["key"]) and len(blocks) > 1:
            blocks[-1].last = key
            blocks[-1].words.setdefault(key, _END.split(text[found.end() :], maxsplit=1)[0].strip())
            yield line, column + found.start(), key, blocks[-1]


def _schema_of(block: _Block, root: _Schema, seen: dict[int, _Schema | None]) -> _Schema | None:
    """Return the schema of a block: that of the file, or what the schema of the block above allows there."""
    if id(block) not in seen:
        if block.above is None:
            seen[id(block)] = root
        else:
            value = _property(_schema_of(block.above, root, seen), block.under)
            seen[id(block)] = None if value is None else _chosen(value, block, root)
    return seen[id(block)]


def _property(schema: _Schema | None, key: str) -> _Schema | None:
    if schema is None:
        return None
    found: _Schema | None = schema.get("properties", {}).get(key)
    if found is None and isinstance(schema.get("additionalProperties"), dict):
        # Names that their writer chooses, such as those of parameters.
        found = schema["additionalProperties"]
    return found


def _chosen(value: _Schema, block: _Block, root: _Schema) -> _Schema | None:
    """Return the schema of keys that a value may be; of steps that of the kind which is written there."""
    blocks = [one for one in _choices(value, root) if one.get("properties") or one.get("additionalProperties")]
    kinds = [one for one in blocks if "const" in one.get("properties", {}).get("step", {})]
    if kinds:
        if "step" not in block.words:
            return next((one for one in blocks if "include" in one.get("properties", {})), None)
        word = block.words["step"].strip("'\"")
        return next((one for one in kinds if one["properties"]["step"]["const"] == word), None)
    fitting = [one for one in blocks if set(block.words) & set(one.get("properties", {}))]
    return next(iter(fitting or blocks), None)


def _choices(value: _Schema, root: _Schema) -> Iterator[_Schema]:
    """Yield what a value may be, without references; of a list what its entries may be."""
    if "$ref" in value:
        yield from _choices(root["$defs"][value["$ref"].removeprefix("#/$defs/")], root)
    elif "anyOf" in value or "oneOf" in value:
        for one in (*value.get("anyOf", ()), *value.get("oneOf", ())):
            yield from _choices(one, root)
    elif isinstance(value.get("items"), dict):
        yield from _choices(value["items"], root)
    else:
        yield value


def _help(key: str, value: _Schema, root: _Schema, *, needed: bool) -> KeyHelp:
    choices = list(_choices(value, root))
    blocks = [one for one in choices if one.get("properties") and key != "steps"]
    told = [one.get("description", "") for one in (*blocks, *choices) if one.get("type") != "string" or "enum" in one]
    texts = [one for one in (value, *choices) if one.get("type") == "string" and "enum" not in one]
    values = [one["description"] for one in texts if one.get("description", _A_NAME) != _A_NAME]
    default = value.get("default")
    return KeyHelp(
        key,
        about=_ABOUT.get(key) or _first_lines(next((one for one in told if one), "")),
        value=_article(values[0]) if values else "",
        one_of=_kinds(value, root)
        if key == "steps"
        else tuple(str(it) for one in choices for it in one.get("enum", ())),
        keys=tuple(dict.fromkeys(name for one in blocks for name in one["properties"]))[:_LISTED],
        default="" if default is None or isinstance(default, dict) else str(default),
        needed=needed,
    )


def _kinds(steps: _Schema | None, root: _Schema) -> tuple[str, ...]:
    """Return the kinds of steps that may stand in a list of steps."""
    choices = () if steps is None else _choices(steps, root)
    return tuple(str(one["properties"]["step"]["const"]) for one in choices if "step" in one.get("properties", {}))


def _first_lines(text: str) -> str:
    """Return a description as one paragraph, with quotes for marks of code."""
    return " ".join(text.replace("``", "'").partition("\n\n")[0].split())


def _article(text: str) -> str:
    return f"an {text.removeprefix('a ')}" if text.startswith(("a area", "a energy")) else text


@cache
def _schemas() -> Mapping[str, _Schema]:
    return {"recipe": recipe_schema(), "cell": cell_schema()}
