"""Random sound recipes as documents, for each kind of cell: what property tests and searches draw from."""

from __future__ import annotations

import json
from random import Random
from typing import Any

Doc = dict[str, Any]
CELLS = {"li-li": "coated-li-li", "lfp": "coated-lfp", "li-cu": "conditioned-li-cu"}
"""The shipped cell that stands for each kind."""
_CU_LIMITS = {
    "host": {"low": "-0.5 V", "high": "3.3 V"},
    "tester": {"low": "-0.6 V", "high": "3.4 V"},
    "absolute": {"low": "-1.0 V", "high": "3.5 V"},
}


def made_recipe(seed: int, kind: str = "") -> Doc:
    """Make a sound recipe; the same seed gives the same one. ``kind`` is drawn where it is empty."""
    draw = Random(seed)
    kind = kind or draw.choice(sorted(CELLS))
    doc: Doc = {"name": f"made-{seed}", "title": "Made", "for": [kind]}
    doc["record"] = {"every": "2 min", "on_voltage_change": "20 mV"}
    steps = {"li-li": _li_li, "lfp": _lfp, "li-cu": _li_cu}[kind](draw)
    if draw.random() < 0.7:
        steps = [_rest(draw), *steps]
    if kind == "li-cu":
        doc["limits"] = _CU_LIMITS
    return doc | {"steps": steps}


def text_of(doc: Doc) -> str:
    """Write a document as the text of a recipe file: JSON is YAML."""
    return json.dumps(doc, indent=1)


def _rest(draw: Random) -> Doc:
    return {"step": "rest", "until": {"time": f"{draw.randint(1, 20)} min"}}


def _current(direction: str, current: str, until: Doc) -> Doc:
    return {"step": "constant_current", "direction": direction, "current": current, "until": until}


def _load(draw: Random, low: str) -> Doc:
    """Make a discharge at constant power or through a resistor."""
    if draw.random() < 0.5:
        power = draw.choice(["0.5 mW", "0.3 W/g", "0.7 mW/cm2"])
        return {"step": "constant_power", "direction": "discharge", "power": power, "until": {"voltage": low}}
    resistance = draw.choice(["20 kohm", "35000 ohm"])
    until = {"voltage": low}
    return {"step": "constant_resistance", "direction": "discharge", "resistance": resistance, "until": until}


def _loop(draw: Random, steps: list[Doc], most: int = 3) -> list[Doc]:
    """Repeat steps, now and then with a rest among them or in a second loop."""
    if draw.random() < 0.4:
        steps = [*steps, _rest(draw)]
    times = draw.randint(1, most)
    looped: list[Doc] = [{"step": "repeat", "times": times, "steps": steps}]
    if draw.random() < 0.2:
        looped = [{"step": "repeat", "times": 2, "steps": [*looped, _rest(draw)]}]
    return looped


def _li_li(draw: Random) -> list[Doc]:
    """Make blocks of cycles whose halves pass the same charge, at rates of their own."""
    found: list[Doc] = []
    for _ in range(draw.randint(1, 2)):
        end = draw.choice([0.2, 0.4, 0.5])
        rate, ratio = draw.choice([5, 10, 20, 40, 80]), draw.choice([1, 1, 2])
        minutes = draw.choice([10, 20, 30, 60])
        up = _current("charge", f"{rate / 100:g} mA/cm2", {"time": f"{minutes} min", "voltage": f"{end} V"})
        down_rate, down_minutes = f"{rate * ratio / 100:g} mA/cm2", f"{minutes / ratio:g} min"
        down = _current("discharge", down_rate, {"time": down_minutes, "voltage": f"-{end} V"})
        found += _loop(draw, [up, down] if draw.random() < 0.7 else [down, up])
    return found


def _lfp(draw: Random) -> list[Doc]:
    """Make blocks of cycles between two voltages, some with a constant voltage, pulses, or a load that discharges."""
    found: list[Doc] = []
    for _ in range(draw.randint(1, 2)):
        high, low = draw.choice(["3.8 V", "3.9 V", "4.0 V"]), draw.choice(["2.8 V", "2.9 V", "3.0 V"])
        rate = draw.choice(["1 C", "2 C", "0.5 C", "200 mA/g", "170 mA/g"])
        charge = _current("charge", rate, {"voltage": high})
        if draw.random() < 0.4:
            taper = "0.1 C" if rate.endswith(" C") else "20 mA/g"
            until = {"current": taper, "time": "2 h"}
            charge = {"step": "cc_cv", "direction": "charge", "current": rate, "voltage": high, "until": until}
        discharge = _load(draw, low) if draw.random() < 0.25 else _current("discharge", rate, {"voltage": low})
        body = [charge, discharge]
        if draw.random() < 0.3:
            pulse = _current("discharge", rate, {"time": f"{draw.choice([10, 18, 30])} s", "voltage": low})
            body = [charge, _rest(draw), pulse, _rest(draw), discharge]
        found += _loop(draw, body, 2)
    return found


def _li_cu(draw: Random) -> list[Doc]:
    """Make cycles that plate a charge and strip it to a voltage."""
    rate, charge = draw.choice([0.25, 0.5, 1.0]), draw.choice([0.25, 0.5, 1.0])
    plate = _current("discharge", f"{rate} mA/cm2", {"capacity": f"{charge} mAh/cm2", "voltage": "-0.4 V"})
    strip = _current("charge", f"{rate} mA/cm2", {"voltage": "1 V", "time": f"{1.5 * charge / rate * 60:g} min"})
    return _loop(draw, [plate, strip])
