"""The requests of the program to the bench, as a table: one message, one answer, with time passing in between.

A request is a JSON object with ``do`` and arguments in SI units, positive current charging the cell. The same table
serves a program that has a cell of its own, without any socket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from simulators.chi660e import measuring
from simulators.chi660e.measuring import Plan
from simulators.chi660e.terminals import Terminals

Reply = dict[str, Any]
Request = Mapping[str, Any]


class MeasuredLeads(Protocol):
    """The leads that requests are about."""

    speed: float
    double_energised: int
    ac_peak_v: float
    """Of the last spectrum: the peak of its alternating voltage."""
    ac_peak_a: float
    """Of all spectra: the largest peak of the current, with that of the bias."""

    def now_s(self) -> float:
        """Return the bench's clock."""

    def unix_s(self) -> float:
        """Return the bench's wall time."""

    def terminals(self, *, dummy: bool = False) -> Terminals:
        """Return the terminals that are measured now."""

    def select(self, port: int) -> None:
        """Switch a multiplexer."""

    def note_energised(self) -> bool:
        """Return whether another instrument drives the cell."""

    def lost(self) -> None:
        """Have the program gone."""


def answer(leads: MeasuredLeads, request: Request) -> Plan[Reply]:
    """Carry a request out; yields until when to wait. KeyError, TypeError or ValueError for a bad one."""
    do = request["do"]
    if do not in _ACTS:
        raise ValueError(f"no such request: {do!r}; there are {', '.join(_ACTS)}")
    reply = yield from _ACTS[do](leads, request)
    return {"unix_s": leads.unix_s(), **reply}


def _terminals(leads: MeasuredLeads, request: Request) -> Terminals:
    return leads.terminals(dummy=bool(request.get("dummy", False)))


def _watched(leads: MeasuredLeads, request: Request, plan: Plan[measuring.T]) -> Plan[measuring.T]:
    """Count a measurement during which another instrument drives the cell, once."""
    seen = bool(request.get("dummy", False))
    while True:
        if not seen and leads.note_energised():
            seen = True
            leads.double_energised += 1
        try:
            until_s = next(plan)
        except StopIteration as done:
            result: measuring.T = done.value
            return result
        yield until_s


def _sleep(leads: MeasuredLeads, request: Request) -> Plan[Reply]:
    yield leads.now_s() + float(request["seconds"])
    return {}


def _voltage(leads: MeasuredLeads, request: Request) -> Plan[Reply]:
    yield from ()
    return {"voltage_v": _terminals(leads, request).voltage_v()}


def _off(leads: MeasuredLeads, request: Request) -> Plan[Reply]:
    yield from ()
    for dummy in (False, True):
        leads.terminals(dummy=dummy).leave_open()
    return {}


def _impedance(leads: MeasuredLeads, request: Request) -> Plan[Reply]:
    points = [(float(frequency), float(seconds)) for frequency, seconds in request["points"]]
    bias = request.get("bias_v")
    bias_v = None if bias is None else float(bias)
    terminals = _terminals(leads, request)
    found = yield from _watched(leads, request, measuring.impedance(terminals, points, bias_v))
    leads.ac_peak_v = float(request.get("amplitude_v", 0.0))
    bias_a = abs(terminals.current_a())
    leads.ac_peak_a = max([leads.ac_peak_a, *(bias_a + leads.ac_peak_v / abs(z) for z in found if z)])
    return {"impedance_ohm": [[z.real, z.imag] for z in found]}


def _pass(leads: MeasuredLeads, request: Request) -> Plan[Reply]:
    current = request.get("current_a")
    every_s = float(request["every_s"])
    plan = measuring.pass_current(
        _terminals(leads, request),
        None if current is None else float(current),
        float(request["seconds"]),
        every_s,
        float(request.get("first_s", every_s)),
        (float(request.get("low_v", -measuring.FAR_V)), float(request.get("high_v", measuring.FAR_V))),
    )
    (times, volts), elapsed_s, reached = yield from _watched(leads, request, plan)
    return {"time_s": times, "voltage_v": volts, "elapsed_s": elapsed_s, "reached": reached}


def _hold(leads: MeasuredLeads, request: Request) -> Plan[Reply]:
    levels = [(float(voltage), float(seconds)) for voltage, seconds in request["levels"]]
    most_a = float(request.get("most_a", measuring.FAR_A))
    plan = measuring.hold_voltages(_terminals(leads, request), levels, float(request["every_s"]), most_a)
    (times, amperes), elapsed_s, stopped = yield from _watched(leads, request, plan)
    return {"time_s": times, "current_a": amperes, "elapsed_s": elapsed_s, "stopped": stopped}


def _select(leads: MeasuredLeads, request: Request) -> Plan[Reply]:
    yield from ()
    leads.select(int(request["port"]))
    return {}


_ACTS: dict[str, Callable[[MeasuredLeads, Request], Plan[Reply]]] = {
    "sleep": _sleep,
    "voltage": _voltage,
    "off": _off,
    "impedance": _impedance,
    "pass": _pass,
    "hold": _hold,
    "select": _select,
}
