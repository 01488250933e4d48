"""Recipes of constant power and constant resistance, and what their tests share."""

from __future__ import annotations

from drivers.neware.stepfile import Dialect, FileQuantity
from protocols.loading import load_cell, parse_recipe
from protocols.program import Program
from protocols.resolve import resolve

DIALECT = Dialect(power=FileQuantity("Power", 1e3), resistance=FileQuantity("Resistance", 1e3))
CHARGE = "{step: constant_power, direction: charge, power: 0.5 mW, until: {voltage: 4.0 V}}"
DISCHARGE = "{step: constant_power, direction: discharge, power: 0.1 W/g, until: {voltage: 2.8 V}}"
RESISTOR = "{step: constant_resistance, resistance: 10 kohm, until: {voltage: 2.8 V}}"


def recipe_text(*steps: str, kind: str = "lfp", every: str = "30 s") -> str:
    """Give the text of a recipe of these steps."""
    lines = "".join(f"  - {step}\n" for step in steps)
    return f"name: loads\ntitle: loads\nfor: [{kind}]\nrecord: {{every: {every}}}\nsteps:\n{lines}"


def program(*steps: str, every: str = "30 s") -> Program:
    """Give the program of these steps on the shipped LFP cell of 1.10 mg and 0.7854 cm2."""
    return resolve(parse_recipe(recipe_text(*steps, every=every)), load_cell("bare-lfp"))
