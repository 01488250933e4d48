"""Channels that show a voltage before a start, and programs that are to start there."""

from __future__ import annotations

from drivers.interfaces import ChannelState, ChannelStatus
from protocols.loading import load_cell, load_recipe, parse_cell, parse_recipe
from protocols.program import Program
from protocols.resolve import resolve

_OTHER = "name: one\nkind: other\nworking_electrode: W\ncounter_electrode: C\nelectrolyte: LP57\n"
LI_LI = resolve(load_recipe("li-li-0.2"), load_cell("coated-li-li"))


def other_cell(low_v: float, high_v: float, guards: str = "") -> Program:
    """Give a program of one slow charge with these limits of the host."""
    recipe = parse_recipe(
        "name: mine\ntitle: Mine\nfor: [other]\nrecord: {every: 30 s}\n"
        f"limits: {{host: {{low: {low_v} V, high: {high_v} V}}, tester: {{low: -0.2 V, high: 4.4 V}}, "
        f"absolute: {{low: -0.5 V, high: 4.6 V}}}}\nguards: {{{guards}}}\n"
        "steps:\n  - {step: constant_current, direction: charge, current: 0.1 mA, until: {time: 1 h}}\n"
    )
    return resolve(recipe, parse_cell(_OTHER))


def seen(voltage_v: float, state: ChannelState = ChannelState.FINISHED) -> ChannelStatus:
    """Give a channel that shows this voltage."""
    return ChannelStatus("21-1-3", state, "R000007", voltage_v, 0.0, None, 1, 0.0, 3, 0, True)
