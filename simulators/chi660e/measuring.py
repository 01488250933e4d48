"""Measures at a pair of leads with any clock: each function is a generator that yields the time to wait for.

Who runs it waits until the yielded second of the bench's clock, by ``asyncio.sleep`` at the bench or by a real sleep in
a program that has a cell of its own, and goes on. What it returns is what one request to the bench is answered with.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import TypeVar

from simulators.chi660e.terminals import OwnTerminals, Terminals

T = TypeVar("T")
Plan = Generator[float, None, T]
"""Yields seconds of the bench's clock to wait for."""

CHUNK = 400
"""Samples that are worked out ahead of the clock at most."""

REACTION_S = 0.01
"""How fast a potential limit is noticed; UNSURE, the reference names no time [6, CP and ISTEP]."""

FAR_V, FAR_A = 1e9, 1e9
"""Limits that nothing reaches."""

_ROUNDING_S = 1e-9

Columns = tuple[list[float], list[float]]
"""Times since the start of the order, in s, and what was read then."""


def pass_current(
    terminals: Terminals,
    current_a: float | None,
    duration_s: float,
    every_s: float,
    first_s: float,
    limits_v: tuple[float, float],
) -> Plan[tuple[Columns, float, str | None]]:
    """Pass a current (None: cell off), read the voltage every so often, stop at the lower or upper limit.

    Gives the readings, how long it took, and the limit reached (``low``, ``high`` or None). The current goes on to
    flow.
    """
    start_s = terminals.at_s
    if current_a is None:
        terminals.leave_open()
    else:
        terminals.drive(current_a)
    times: list[float] = []
    volts: list[float] = []
    reached = _reached(terminals.voltage_v(), limits_v)
    if reached:
        noticed_s = start_s + min(REACTION_S, duration_s)
        yield noticed_s
        terminals.go(noticed_s)
    while not reached and start_s + duration_s - terminals.at_s > _ROUNDING_S:
        for _ in range(CHUNK if terminals.plans_ahead else 1):
            due_s = first_s + len(times) * every_s
            due = due_s <= duration_s + _ROUNDING_S
            to_s = start_s + (due_s if due else duration_s)
            if not terminals.plans_ahead:
                yield to_s
            reached = _go_watching(terminals, to_s, limits_v)
            if reached or not due:
                break
            times.append(due_s)
            volts.append(terminals.voltage_v())
        planned_s = terminals.at_s
        yield planned_s
        if terminals.at_s < planned_s - _ROUNDING_S:  # Another cell is at the leads meanwhile: look again from there.
            kept = sum(start_s + time_s <= terminals.at_s + _ROUNDING_S for time_s in times)
            del times[kept:], volts[kept:]
            reached = None
        terminals.settle()
    yield terminals.at_s
    return (times, volts), terminals.at_s - start_s, reached


def hold_voltages(
    terminals: Terminals, levels: Sequence[tuple[float, float]], every_s: float, most_a: float
) -> Plan[tuple[Columns, float, bool]]:
    """Hold one voltage after the other, each (voltage, seconds), and read the current every so often in each.

    Ends early where the magnitude of the current passes ``most_a``. Gives the readings, how long it took, and whether
    it ended early. The last voltage is held on.
    """
    start_s = level_s = terminals.at_s
    times: list[float] = []
    amperes: list[float] = []
    for voltage_v, seconds in levels:
        terminals.hold(voltage_v)
        for number in range(1, math.floor(seconds / every_s * (1.0 + 1e-9)) + 1):
            to_s = level_s + number * every_s
            if not terminals.plans_ahead:
                yield to_s
            terminals.go(to_s)
            times.append(to_s - start_s)
            amperes.append(terminals.current_a())
            if abs(amperes[-1]) > most_a:
                yield terminals.at_s
                return (times, amperes), terminals.at_s - start_s, True
            if len(times) % CHUNK == 0:
                yield to_s
                terminals.settle()
        level_s += seconds
        terminals.go(level_s)
    yield level_s
    terminals.settle()
    return (times, amperes), level_s - start_s, False


def impedance(terminals: Terminals, points: Sequence[tuple[float, float]], bias_v: float | None) -> Plan[list[complex]]:
    """Measure at each (frequency, seconds), each at the end of its seconds, around a voltage (None: at rest)."""
    if bias_v is None:
        terminals.leave_open()
    else:
        terminals.hold(bias_v)
    found: list[complex] = []
    due_s = terminals.at_s
    for frequency_hz, seconds in points:
        due_s += seconds
        yield due_s
        terminals.go(due_s)
        terminals.settle()
        found.append(terminals.impedance_ohm(frequency_hz))
    return found


def _reached(voltage_v: float, limits_v: tuple[float, float]) -> str | None:
    low_v, high_v = limits_v
    return "low" if voltage_v <= low_v else "high" if voltage_v >= high_v else None


def _go_watching(terminals: Terminals, to_s: float, limits_v: tuple[float, float]) -> str | None:
    """Go to a moment, or to within the reaction time after a limit before it."""
    if not isinstance(terminals, OwnTerminals):
        terminals.go(to_s)
        return _reached(terminals.voltage_v(), limits_v)
    mark = terminals.mark()
    terminals.go(to_s)
    reached = _reached(terminals.voltage_v(), limits_v)
    if reached is None:
        return None
    inside_s, outside_s = mark[0], to_s
    while outside_s - inside_s > REACTION_S:
        middle_s = 0.5 * (inside_s + outside_s)
        terminals.back(mark)
        terminals.go(middle_s)
        if _reached(terminals.voltage_v(), limits_v):
            outside_s = middle_s
        else:
            inside_s = middle_s
    terminals.back(mark)
    terminals.go(outside_s)
    return _reached(terminals.voltage_v(), limits_v) or reached
