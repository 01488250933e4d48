"""A technician's own recipe that is over within an hour: two cycles of ten minutes each way."""

from __future__ import annotations

RECIPE = """\
name: two-cycles
title: Two short cycles
for: [li-li]
record: {every: 30 s, on_voltage_change: 5 mV}
steps:
  - step: repeat
    times: 2
    steps:
      - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 10 min, voltage: 0.5 V}}
      - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 10 min, voltage: -0.5 V}}
"""
