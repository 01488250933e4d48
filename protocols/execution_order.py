"""The order in which a tester executes a program's steps, and which raw cycle number it gives each.

The rules are those that data files of the CT-4008 show (reference neware-ct4008, sections 5.5 and 7.2): a loop's
``times`` counts all executions of its block, its counter starts anew on every outer pass, a loop makes no record and so
is no execution, and each backward jump raises the raw cycle number, from 1, by one.

>>> from protocols.program import Loop, Rest, Until
>>> steps = (Rest(Until(time_s=60.0)), Rest(Until(time_s=1.0)), Loop(back_to=2, times=3))
>>> list(flow(steps))
[Place(step=1, cycle=1), Place(step=2, cycle=1), Place(step=2, cycle=2), Place(step=2, cycle=3)]
>>> place(steps, 4)
Place(step=2, cycle=3)
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from protocols.by_identity import Same
from protocols.program_steps import Loop, RecordedStep, Step


class Place(NamedTuple):
    """Where a tester is: the number of the step in the program and the raw cycle number, both from 1."""

    step: int
    cycle: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """A step that makes records, with its number in the program."""

    number: int
    step: RecordedStep

    @property
    def length(self) -> int:
        """How many executions it stands for."""
        return 1

    @property
    def jumps(self) -> int:
        """How many backward jumps are made inside it."""
        return 0


@dataclass(frozen=True, slots=True)
class Block:
    """A loop with what it repeats, ``times`` times in all."""

    body: tuple[Node, ...]
    times: int

    @property
    def length(self) -> int:
        """How many executions it stands for, all passes together."""
        return self.times * _counted(Same(self.body)).length

    @property
    def jumps(self) -> int:
        """How many backward jumps are made inside it, its own and those of inner loops."""
        return self.times * self.jumps_of_pass - 1

    @property
    def jumps_of_pass(self) -> int:
        """How many backward jumps one pass makes, with the one that leads to the next pass."""
        return _counted(Same(self.body)).jumps[-1] + 1


Node = Leaf | Block


def length(nodes: Sequence[Node]) -> int:
    """Tell how many executions of record-making steps nodes stand for."""
    return _counted(Same(nodes)).length if isinstance(nodes, tuple) else sum(node.length for node in nodes)


class _Counted(NamedTuple):
    """Executions and backward jumps of nodes up to each: ``ends[n]`` and ``jumps[n]`` before node ``n``."""

    ends: list[int]
    jumps: list[int]

    @property
    def length(self) -> int:
        """How many executions there are in all."""
        return self.ends[-1]


@lru_cache(maxsize=4096)
def _counted(nodes: Same[tuple[Node, ...]]) -> _Counted:
    ends = accumulate((node.length for node in nodes.value), initial=0)
    return _Counted(list(ends), list(accumulate((node.jumps for node in nodes.value), initial=0)))


def nest(steps: Sequence[Step]) -> tuple[Node, ...]:
    """Turn a flat list with backward jumps into blocks. Raises ValueError for jumps that no tester accepts.

    A program's own steps are nested once: every poll asks where in them a run is.
    """
    return _nested(Same(steps)) if isinstance(steps, tuple) else _nest(steps)


@lru_cache(maxsize=256)
def _nested(steps: Same[tuple[Step, ...]]) -> tuple[Node, ...]:
    return _nest(steps.value)


def _nest(steps: Sequence[Step]) -> tuple[Node, ...]:
    done: list[tuple[int, int, Node]] = []  # each node with the numbers of its first and last step
    for number, step in enumerate(steps, 1):
        if not isinstance(step, Loop):
            done.append((number, number, Leaf(number, step)))
            continue
        if not 1 <= step.back_to < number or step.times < 1:
            raise ValueError(f"step {number}: loop to {step.back_to}, {step.times} times")
        body: list[Node] = []
        while done and done[-1][0] >= step.back_to:
            body.append(done.pop()[2])
        if done and done[-1][1] >= step.back_to:
            raise ValueError(f"the loops at steps {done[-1][1]} and {number} cross")
        done.append((step.back_to, number, Block(tuple(reversed(body)), step.times)))
    return tuple(node for _, _, node in done)


def flatten(nodes: Sequence[Node]) -> tuple[Step, ...]:
    """Turn blocks into a flat list with backward jumps, numbered anew; a block executed once needs no jump."""
    steps: list[Step] = []
    _append(nodes, steps)
    return tuple(steps)


def _append(nodes: Sequence[Node], steps: list[Step]) -> None:
    for node in nodes:
        if isinstance(node, Leaf):
            steps.append(node.step)
            continue
        back_to = len(steps) + 1
        _append(node.body, steps)
        if node.times > 1:
            steps.append(Loop(back_to, node.times))


def flow(steps: Sequence[Step]) -> Iterator[Place]:
    """Give the place of each execution of a record-making step, in order and one by one, as the tester counts loops.

    Raises ValueError, when the first is asked for, for jumps that no tester accepts.
    """
    nest(steps)
    jumps = {number: step for number, step in enumerate(steps, 1) if isinstance(step, Loop)}
    done = dict.fromkeys(jumps, 0)
    number, cycle, last = 1, 1, len(steps)
    while number <= last:
        loop = jumps.get(number)
        if loop is None:
            yield Place(number, cycle)
            number += 1
            continue
        done[number] += 1
        if done[number] < loop.times:
            number, cycle = loop.back_to, cycle + 1
        else:
            done[number] = 0
            number += 1


def begun_of_each(nodes: Sequence[Node], count: int) -> Counter[int]:
    """Tell how often each step, by its number, has begun when ``count`` executions have.

    >>> from protocols.program import Loop, Rest, Until
    >>> steps = (Rest(Until(time_s=60.0)), Rest(Until(time_s=1.0)), Loop(back_to=1, times=3))
    >>> sorted(begun_of_each(nest(steps), 3).items())
    [(1, 2), (2, 1)]
    """
    found: Counter[int] = Counter()
    for node in nodes:
        if count <= 0:
            break
        if isinstance(node, Leaf):
            found[node.number] += 1
        else:
            inside = length(node.body)
            passes, left = divmod(min(count, node.length), inside)
            whole = begun_of_each(node.body, inside) if passes else Counter()
            found.update({number: passes * times for number, times in whole.items()})
            found.update(begun_of_each(node.body, left))
        count -= node.length
    return found


def place(steps: Sequence[Step], count: int) -> Place:
    """Give the place of the ``count``-th execution, from 1, however far it is, without going through those before it.

    Raises ValueError if the program has no such execution.
    """
    nodes = nest(steps)
    left, cycle = count - 1, 1
    if not 0 <= left < length(nodes):
        raise ValueError(f"execution {count} of a program that has {length(nodes)}")
    while True:
        node, left, jumps = _find(nodes, left)
        cycle += jumps
        if isinstance(node, Leaf):
            return Place(node.number, cycle)
        passes, left = divmod(left, length(node.body))
        cycle += passes * node.jumps_of_pass
        nodes = node.body


def _find(nodes: tuple[Node, ...], left: int) -> tuple[Node, int, int]:
    """Give the node that holds the execution ``left`` (from 0), which of its own that is, and the jumps before it."""
    ends, jumps = _counted(Same(nodes))
    index = bisect_right(ends, left) - 1
    return nodes[index], left - ends[index], jumps[index]
