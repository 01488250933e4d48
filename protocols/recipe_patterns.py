"""The tests that may be asked for when a recipe is written: what is sensible for each, and the text of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from protocols.cell import CellKind


@dataclass(frozen=True, slots=True)
class Pattern:
    """A test that may be asked for: what it is, the answers that are sensible for it, and the text of its steps.

    ``several``: its current may be a list or a range. ``counts`` is what the number
    of cycles counts; empty where the test has none.
    """

    title: str
    current: str
    cutoffs: str
    cycles: int
    counts: str
    steps: str
    note: str
    several: bool = False


_CYCLE = """\
  - {step: rest, until: {time: 10 min}}
  - step: repeat
    times: $cycles
    steps:
      - {step: constant_current, direction: charge, current: $current, until: {HALF, voltage: HIGH}}
      - {step: constant_current, direction: discharge, current: $current, until: {HALF, voltage: LOW}}
"""
_TO_VOLTAGE = _CYCLE.replace("HALF, ", "")
_FULL: Mapping[str, Pattern] = {
    "cycling": Pattern(
        "cycles at constant current",
        "C/2",
        "2.8 V, 4.0 V",
        50,
        "cycles",
        _TO_VOLTAGE,
        "built discharged: charged first",
    ),
    "cc-cv": Pattern(
        *("cycles with a held end of charge", "C/2", "2.8 V, 4.0 V", 50, "cycles"),
        """\
  - {step: rest, until: {time: 10 min}}
  - step: repeat
    times: $cycles
    steps:
      - {step: cc_cv, direction: charge, current: $current, voltage: HIGH, until: {current: C/50}}   # the taper
      - {step: rest, until: {time: 10 min}}
      - {step: constant_current, direction: discharge, current: $current, until: {voltage: LOW}}
      - {step: rest, until: {time: 10 min}}
""",
        "the voltage is held until the current has fallen to C/50: keep that below the current",
    ),
    "rate": Pattern(
        *("capacity at several rates", "[C/10, C/5, C/2, 1 C, 2 C, C/10]", "2.8 V, 4.0 V", 3, "cycles at each"),
        """\
  - step: rate_test
    current: $current             # of the discharges; the first one again at the end tells fading from rate
    charge_current: C/5           # slow and equal charges
    taper: C/50
    cycles: $cycles
    rest: 10 min
    low: LOW
    high: HIGH
""",
        "capacity over rate; all charges are alike",
        several=True,
    ),
    "formation": Pattern(
        *("slow first cycles", "C/20", "2.8 V, 3.8 V", 3, "cycles"),
        "  - {step: formation, current: $current, low: LOW, high: HIGH, cycles: $cycles, wetting: 6 h, rest: 10 min}\n",
        "6 h of wetting first",
    ),
    "gitt": Pattern(
        *("titrations with rests", "C/10", "2.8 V, 4.0 V", 40, "titrations each way, at most"),
        """\
  - {step: rest, until: {time: 1 h}}
  - {step: gitt, direction: charge, current: $current, time: 30 min, rest: 2 h, voltage: HIGH, times: $cycles}
  - {step: gitt, direction: discharge, current: $current, time: 30 min, rest: 2 h, voltage: LOW, times: $cycles}
""",
        "each way ends where a titration meets its cutoff",
    ),
    "hppc": Pattern(
        *("pulses at each tenth of the charge", "2 C", "2.8 V, 4.0 V", 10, "depths, at most"),
        """\
  - {step: cc_cv, direction: charge, current: C/3, voltage: HIGH, until: {current: C/20, time: 8 h}}
  - {step: hppc, current: $current, remove_current: C/3, low: LOW, high: HIGH, times: $cycles}
""",
        "a charging pulse of the full cell may be short: it ends at the upper cutoff",
    ),
    "float": Pattern(
        *("held full for days, with discharges between", "C/5", "2.8 V, 3.8 V", 10, "times, at most"),
        """\
  - {step: float, current: $current, time: 5 d, times: $cycles, rest: 10 min, low: LOW, high: HIGH,
     until_capacity: 80 % of cycle 1}
""",
        "ends when a discharge gives less than 80 % of the first",
    ),
}
_LI_LI: Mapping[str, Pattern] = {
    "cycling": Pattern(
        *("stripping and plating, 1 h each way", "0.2 mA/cm2", "-0.5 V, 0.5 V", 100, "cycles"),
        _CYCLE.replace("HALF", "time: 1 h"),
        "charge strips the working electrode, discharge plates it",
    ),
    "critical-current": Pattern(
        *(
            "rising currents until a short",
            "from 0.1 to 2 in steps of 0.1 mA/cm2",
            "-0.5 V, 0.5 V",
            1,
            "cycles at each",
        ),
        """\
  - {step: rest, until: {time: 10 min}}
  - step: critical_current
    current: $current
    time: 30 min                  # the same time at each; capacity in its place gives the same charge
    rest: 5 min
    cycles: $cycles
    low: LOW
    high: HIGH
""",
        "the guard of shorts ends the run as its result",
        several=True,
    ),
    "plating": Pattern(
        *("plating until the voltage collapses", "1 mA/cm2", "-0.5 V, 0.5 V", 1, ""),
        """\
  - {step: rest, until: {time: 10 min}}
  - step: constant_current
    direction: discharge
    current: $current
    until: {capacity: 20 mAh/cm2, voltage: LOW, collapse: {below: 30 %, after: 10 min}}
  - {step: rest, until: {time: 1 h}}
""",
        "at most 20 mAh/cm2, which is about 97 um of lithium from the counter electrode",
    ),
}
_LI_CU: Mapping[str, Pattern] = {
    "efficiency": Pattern(
        *("plate 1 mAh/cm2 and strip, cycle by cycle", "0.5 mA/cm2", "-0.4 V, 1 V", 50, "cycles"),
        """\
  - {step: rest, until: {time: 4 h}}
  - step: repeat
    times: $cycles
    steps:
      - step: constant_current
        direction: discharge      # plating
        current: $current
        until: {capacity: 1 mAh/cm2, voltage: LOW}
      - {step: constant_current, direction: charge, current: $current, until: {voltage: HIGH}}
""",
        "stripped over plated is the efficiency of a cycle",
    ),
    "aurbach": Pattern(
        *("mean efficiency with a reservoir", "0.5 mA/cm2", "-0.4 V, 1 V", 10, "cycles"),
        """\
  - step: modified_aurbach
    current: $current
    reservoir: 4 mAh/cm2
    cycled: 1 mAh/cm2
    times: $cycles
    wetting: 4 h
    low: LOW
    high: HIGH
""",
        "(cycles x cycled + stripped at last) / (cycles x cycled + reservoir)",
    ),
}
PATTERNS: Mapping[CellKind, Mapping[str, Pattern]] = MappingProxyType(
    {CellKind.LI_LI: _LI_LI, CellKind.LFP: _FULL, CellKind.LI_CU: _LI_CU, CellKind.OTHER: _FULL}
)
"""The tests that may be asked for, by kind of cell; the first of each is the usual one."""
