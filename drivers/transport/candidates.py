"""Finds the one of several lines at which the right instrument answers, by asking at each who it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from drivers.errors import ConnectionFailed
from drivers.transport.line import Line


async def first_answering(lines: Sequence[Line], greet: Callable[[Line], Awaitable[None]]) -> Line:
    """Return the first line that ``greet``, which opens it, accepts; all others are closed.

    Raises the ConnectionFailed of the only line, or one that holds the words of all.
    """
    problems: list[ConnectionFailed] = []
    for line in lines:
        try:
            await greet(line)
        except ConnectionFailed as err:
            await line.close()
            problems.append(err)
        except BaseException:
            await line.close()
            raise
        else:
            return line
    if len(problems) == 1:
        raise problems[0]
    raise ConnectionFailed("; ".join(map(str, problems)))
