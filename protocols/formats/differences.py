"""Lists the differences between two programs, value by value, with the place of each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from protocols.program import Program, Segment

# Numbers of files have a few decimals. A current of 1 mA with six of them is exact to 1e-6.
_SAME = 1e-6
# What is another one in every program, or is worded by the file.
_ASIDE = {"expected_ah"}
_SHOWN = 40


def differences(wanted: Program, found: Program) -> tuple[str, ...]:
    """Give what is other in a program than in the one that was wanted; of numbers what exceeds a millionth."""
    told = []
    if len(wanted.segments) != len(found.segments):
        told.append(f"{len(found.segments)} segments where {len(wanted.segments)} are wanted")
    for n, (want, have) in enumerate(zip(wanted.segments, found.segments, strict=False), 1):
        where = f"segment {n}, " if len(wanted.segments) > 1 else ""
        told += _segment(want, have, where)
    return tuple(told[:_SHOWN] + ([f"and {len(told) - _SHOWN} more"] if len(told) > _SHOWN else []))


def _segment(want: Segment, have: Segment, where: str) -> Iterator[str]:
    if type(want) is not type(have):
        yield f"{where}{have.kind} where {want.kind} is wanted"
        return
    for one in fields(want):
        ours, theirs = getattr(want, one.name), getattr(have, one.name)
        if one.name == "steps" and len(ours) == len(theirs):
            for n, (step, other) in enumerate(zip(ours, theirs, strict=True), 1):
                yield from _unlike(step, other, f"{where}step {n}")
        else:
            yield from _unlike(ours, theirs, f"{where}{one.name}")


def _unlike(want: object, have: object, where: str) -> Iterator[str]:
    if is_dataclass(want) and type(want) is type(have):
        for one in fields(want):
            if one.name not in _ASIDE:
                yield from _unlike(getattr(want, one.name), getattr(have, one.name), f"{where}.{one.name}")
    elif isinstance(want, float) and isinstance(have, float):
        if not math.isclose(want, have, rel_tol=_SAME, abs_tol=1e-12):
            yield f"{where} is {have:.8g} where {want:.8g} is wanted"
    elif isinstance(want, tuple) and isinstance(have, tuple) and where.endswith("steps"):
        yield f"{where}: {len(have)} steps where {len(want)} are wanted"
    elif want != have:
        yield f"{where} is {_words(have)} where {_words(want)} is wanted"


def _words(value: object) -> str:
    if is_dataclass(value) and not isinstance(value, type):
        kind = getattr(value, "kind", "")
        return str(kind or ", ".join(f"{one.name} {getattr(value, one.name)}" for one in fields(value)))[:80]
    if isinstance(value, tuple):
        return f"({', '.join(map(_words, value))})"
    return "nothing" if value is None else f"{value}"[:80]
