"""Says in a technician's words what a YAML parser has stumbled over: a tab, a line too far in, a colon, a bracket."""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEY = re.compile(r"(?P<in>[ -]*)(?P<key>[\w-]+):(?: |$)")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text: its line and its column, from 0."""

    line: int
    column: int


def told(text: str, at: Place, context: Place | None, problem: str) -> tuple[str, str] | None:
    """Say what was seen, and what was expected; None where only the parser's words say it.

    ``at`` is where the parser stopped, ``context`` where what it was reading began.
    """
    lines = text.splitlines()
    line = lines[at.line] if at.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return f"a tab before {_shown(line)}", "spaces: two more than the line that it belongs to"
    if "expected ',' or" in problem and context is not None:
        bracket = "]" if "]" in problem else "}"
        return (
            f"the end of the list that begins on line {context.line + 1} is missing",
            f"'{bracket}' behind its last value",
        )
    if "could not find expected ':'" in problem:
        return _without_colon(lines, at, context)
    if problem == "mapping values are not allowed here":
        return _second_colon(lines, at.line)
    if "<block end>" in problem:
        return _indented(lines, at.line)
    return None


def _shown(line: str) -> str:
    words = line.strip()
    return repr(words if len(words) <= _SHOWN else f"{words[:_SHOWN]}...")


def _without_colon(lines: list[str], at: Place, context: Place | None) -> tuple[str, str]:
    line = lines[context.line if context is not None else at.line]
    key, _, value = line.strip().partition(" ")
    return f"{_shown(line)} without a colon", f"a colon and a space behind the key, '{key}: {value[:_SHOWN]}'"


def _second_colon(lines: list[str], number: int) -> tuple[str, str] | None:
    line = lines[number]
    deep = len(line) - len(line.lstrip())
    before = next((at for at in range(number - 1, -1, -1) if lines[at].strip()), None)
    found = None if before is None else _KEY.match(lines[before])
    # Deeper than the key above, which has its value already.
    if found is not None and deep > len(found["in"]) and found.string[found.end() :].strip():
        return _indented(lines, number)
    if line.count(": ") > 1:
        key, _, rest = line.strip().removeprefix("- ").partition(": ")
        inside = rest if rest.startswith("{") else f"{{{rest}}}"
        return f"two colons in {_shown(line)}", f"braces around a block, {key}: {inside}, or quotes around a text"
    return None


def _indented(lines: list[str], number: int) -> tuple[str, str] | None:
    """Name the depth of the nearest line above of the same sort, a list's item or a key, beside which it may stand."""
    line = lines[number] if number < len(lines) else ""
    deep = len(line) - len(line.lstrip())
    is_item = line.lstrip().startswith("- ")
    depths = [
        (abs(depth - deep), number - at, depth)
        for at in range(number)
        if (depth := _depth(lines[at], is_item)) is not None and depth != deep
    ]
    if not depths:
        return None
    _, above, wanted = min(depths)
    neighbour = lines[number - above].strip().removeprefix("- ")
    sort = "items of one list" if is_item else "keys of one block"
    expected = f"{wanted} spaces, as {_shown(neighbour)} on line {number - above + 1}; {sort} stand below each other"
    return f"line {number + 1} stands {deep} spaces in: {line[:_SHOWN]!r}", expected


def _depth(line: str, is_item: bool) -> int | None:
    """Give how far in a line's dash or its key stands; None where it has none."""
    if is_item:
        return line.index("-") if line.lstrip().startswith("- ") else None
    found = _KEY.match(line)
    return None if found is None else len(found["in"])
