"""Loops and subroutines of the macro language, and the names that loops give to files [4.1]."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.chi660e.checking import Refused, number
from simulators.chi660e.macro import Line

_NAME_CHARACTERS = 5


@dataclass(slots=True)
class _Pass:
    """A loop being run: its layer (none for ``for``), where it begins, which pass this is, and of how many."""

    layer: str
    begin: int
    count: int
    of: int


class Loops:
    """Where the macro jumps."""

    def __init__(self) -> None:
        """Begin outside of any loop."""
        self._running: list[_Pass] = []
        self._callers: list[int] = []

    @property
    def count(self) -> int:
        """Return the innermost loop's counter, from 1; 1 outside of loops."""
        return self._running[-1].count if self._running else 1

    def jump(self, lines: list[Line], at: int) -> int | None:
        """Return the next line if this one controls loops or subroutines, else None."""
        line = lines[at]
        name = line.name
        if name.startswith("for") and name != "forcequit":
            self._running.append(_Pass(name[3:], at, 1, int(number(line))))
            return at + 1
        if name.startswith("next"):
            return self._next(line, at)
        if name == "call":
            self._callers.append(at + 1)
            return _find(lines, "sub", line) + 1
        if name == "sub":  # Met without a call: it is passed over.
            return 1 + next((n for n in range(at, len(lines)) if lines[n].name == "ret"), len(lines))
        if name == "ret":
            if not self._callers:
                raise Refused("Macro Error", f"Line {line.number}: ret without call")
            return self._callers.pop()
        return None

    def numbered(self, name: str) -> str:
        """Return a file's name within loops: cut to 5 characters, with the counters behind it."""
        if not self._running:
            return name
        name = name.partition(".")[0][:_NAME_CHARACTERS]
        for each in reversed(self._running):
            name += f"_{each.layer}{each.count}" if each.layer else str(each.count)
        return name

    def _next(self, line: Line, at: int) -> int:
        if not self._running or self._running[-1].layer != line.name[4:]:
            raise Refused("Macro Error", f"Line {line.number}: {line.name} without its loop")
        innermost = self._running[-1]
        if innermost.count >= innermost.of:
            self._running.pop()
            return at + 1
        innermost.count += 1
        return innermost.begin + 1


def _find(lines: list[Line], name: str, line: Line) -> int:
    for at, each in enumerate(lines):
        if each.name == name and each.squeezed == line.squeezed:
            return at
    raise Refused("Macro Error", f"Line {line.number}: no {name} {line.value}")
