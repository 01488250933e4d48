"""The kinds of test that labs run on coin cells, as recipes, each with a cell drawn for it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.guards.cells import DrawnCell, drawn_cell
from benchmarks.shorts.schedules import log_uniform
from protocols.loading import load_recipe, parse_recipe
from protocols.program import CyclingSegment, Loop, MeasurementSegment, Program, Segment
from protocols.resolve import resolve

# Passes of the outermost loops of shipped recipes: what they repeat is the same.
_PASSES = 4
_MEASUREMENTS = 2
_HEAD = "name: {name}\ntitle: {name}\nfor: [{kind}]\nrecord: {{every: {every}, on_voltage_change: 5 mV}}\n"
_WIDE = (
    "limits: {host: {low: 2.0 V, high: 4.4 V}, tester: {low: 1.5 V, high: 4.6 V}, absolute: {low: -6 V, high: 6 V}}\n"
)


@dataclass(frozen=True, slots=True)
class DrawnTest:
    """A test: its kind in words, its program, and its cell."""

    kind: str
    program: Program
    cell: DrawnCell


def drawn_test(population: str, number: int) -> DrawnTest:
    """Draw a test of a population; the kinds take turns."""
    draws = random.Random(f"{population}/{number}")
    kind = list(KINDS)[number % len(KINDS)]
    return KINDS[kind](kind, draws)


def _shipped(recipe: str, models: Sequence[str]) -> Callable[[str, random.Random], DrawnTest]:
    def draw(kind: str, draws: random.Random) -> DrawnTest:
        cell = drawn_cell(draws, draws.choice(models))
        program = resolve(load_recipe(recipe), cell.file)
        return DrawnTest(kind, _shortened(program), cell)

    return draw


def _shortened(program: Program) -> Program:
    segments: list[Segment] = []
    for segment in program.segments:
        if sum(isinstance(part, MeasurementSegment) for part in segments) == _MEASUREMENTS:
            break
        if isinstance(segment, CyclingSegment):
            steps = tuple(
                replace(step, times=min(step.times, _PASSES)) if isinstance(step, Loop) else step
                for step in segment.steps
            )
            segments.append(replace(segment, steps=steps))
        else:
            segments.append(segment)
    return replace(program, segments=tuple(segments))


def _written(
    steps: Callable[[random.Random], str],
    model: str,
    factors: Callable[[random.Random], Mapping[str, float]] = lambda _: {},
    kind_of_cell: str = "lfp",
    limits: str = "",
) -> Callable[[str, random.Random], DrawnTest]:
    def draw(kind: str, draws: random.Random) -> DrawnTest:
        every = draws.choice(("10 s", "30 s", "60 s"))
        name = "".join(letter for letter in kind if letter.isalnum())
        text = _HEAD.format(name=name, kind=kind_of_cell, every=every) + limits + "steps:\n" + steps(draws)
        cell = drawn_cell(draws, model, factors(draws), kind_of_cell)
        return DrawnTest(kind, resolve(parse_recipe(text, kind), cell.file), cell)

    return draw


def _cc(direction: str, current: str, until: str) -> str:
    return f"{{step: constant_current, direction: {direction}, current: {current}, until: {{{until}}}}}"


def _cc_cv(direction: str, current: str, volts: str, until: str) -> str:
    return f"{{step: cc_cv, direction: {direction}, current: {current}, voltage: {volts}, until: {{{until}}}}}"


def _rest(time: str) -> str:
    return f"{{step: rest, until: {{time: {time}}}}}"


def _list(*steps: str) -> str:
    return "".join(f"  - {step}\n" for step in steps)


def _repeat(times: int, *steps: str) -> str:
    return f"{{step: repeat, times: {times}, steps: [{', '.join(steps)}]}}"


def _both(current: str) -> tuple[str, str]:
    return _cc("charge", current, "voltage: 4.0 V"), _cc("discharge", current, "voltage: 2.8 V")


def _gitt(draws: random.Random) -> str:
    rate, rest = draws.choice(("0.05 C", "0.1 C")), draws.choice(("30 min", "2 h"))
    times, time = draws.choice(((60, "30 min"), (150, "10 min")))
    up, down = (
        _cc("charge", rate, f"time: {time}, voltage: 4.0 V"),
        _cc("discharge", rate, f"time: {time}, voltage: 2.8 V"),
    )
    return _list(_repeat(times, up, _rest(rest)), _repeat(times, down, _rest(rest)))


def _rates(draws: random.Random) -> str:
    rates = draws.choice((("0.2 C", "1 C", "5 C", "0.2 C"), ("0.5 C", "2 C", "5 C", "10 C", "0.5 C")))
    return _list(*(_repeat(3, *_both(rate)) for rate in rates))


def _discharge_rates(draws: random.Random) -> str:
    up, _ = _both("0.5 C")
    return _list(*(_repeat(3, up, _both(rate)[1]) for rate in ("0.5 C", "2 C", "5 C", "8 C", "0.5 C")))


def _formation(draws: random.Random) -> str:
    rest = draws.choice(("2 h", "10 min"))
    return _list(_rest(rest), _repeat(2, *_both("0.05 C")), _repeat(5, *_both("0.5 C")))


def _taper(draws: random.Random) -> str:
    taper = draws.choice(("0.05 C", "0.02 C", "0.2 C"))
    up = _cc_cv("charge", "0.5 C", "4.0 V", f"current: {taper}, time: 6 h")
    down = draws.choice((_both("0.5 C")[1], _cc_cv("discharge", "0.5 C", "2.8 V", f"current: {taper}, time: 6 h")))
    return _list(_repeat(6, up, *((_rest("10 min"),) if draws.random() < 0.5 else ()), down))


def _float(draws: random.Random) -> str:
    volts = draws.choice(("3.6 V", "3.8 V", "4.0 V"))
    up = _cc_cv("charge", draws.choice(("0.1 C", "0.5 C")), volts, "current: 0.05 C, time: 20 h")
    held = f"{{step: constant_voltage, direction: charge, voltage: {volts}, until: {{time: 24 h}}}}"
    return _list(up, held, held, _both("0.2 C")[1], up, held)


def _full(draws: random.Random) -> str:
    up, down = _both(draws.choice(("0.1 C", "1 C")))
    return _list(_repeat(12, up, _rest("20 min")), _repeat(12, down, _rest("20 min")), up, down)


def _pulses(draws: random.Random) -> str:
    pulse = draws.choice(("1 C", "3 C"))
    up, down = (
        _cc(way, pulse, f"time: 10 s, voltage: {v}") for way, v in (("charge", "4.0 V"), ("discharge", "2.8 V"))
    )
    part = _cc("charge", "0.2 C", "time: 30 min, voltage: 4.0 V")
    return _list(_repeat(14, down, _rest("40 s"), up, _rest("10 min"), part, _rest("30 min")))


def _ramp(draws: random.Random) -> str:
    halves = []
    for n in range(1, 16):
        density = 0.1 * n * draws.choice((1.0, 1.0, 2.0)) if n == 1 else 0.1 * n
        for way, volts in (("charge", "0.5 V"), ("discharge", "-0.5 V")):
            halves.append(_cc(way, f"{density:.2f} mA/cm2", f"time: 30 min, voltage: {volts}"))
    return _list(*halves, *halves[:4])


def _li_li(draws: random.Random) -> str:
    density, time = draws.choice((("0.2 mA/cm2", "1 h"), ("0.1 mA/cm2", "2 h"), ("0.4 mA/cm2", "30 min")))
    up, down = (
        _cc(way, density, f"time: {time}, voltage: {v}") for way, v in (("charge", "0.5 V"), ("discharge", "-0.5 V"))
    )
    return _list(_rest("10 min"), _repeat(60, up, down))


def _strip(draws: random.Random) -> str:
    plated = draws.choice(("0.1 mAh/cm2", "1 mAh/cm2"))
    down = _cc("discharge", "0.5 mA/cm2", f"capacity: {plated}, voltage: -0.4 V")
    up = _cc("charge", "0.5 mA/cm2", "voltage: 1 V, time: 150 min")
    return _list(_rest("1 h"), _repeat(6, down, *((_rest("10 min"),) if draws.random() < 0.5 else ()), up, up))


_CU_LIMITS = (
    "limits: {host: {low: -0.5 V, high: 3.3 V}, tester: {low: -0.6 V, high: 3.4 V}, "
    "absolute: {low: -1 V, high: 3.5 V}}\n"
)


def _weak(draws: random.Random) -> Mapping[str, float]:
    return {"film_ohm_cm2": log_uniform(draws, 1.0, 6.0), "contact_ohm": log_uniform(draws, 1.0, 30.0)}


def _fades(draws: random.Random) -> Mapping[str, float]:
    return {
        "side_current_fraction": log_uniform(draws, 2.0, 6.0),
        "side_deposit_ohm_cm4_per_c": log_uniform(draws, 3.0, 30.0),
    }


def _grows(draws: random.Random) -> Mapping[str, float]:
    growth = log_uniform(draws, 10.0, 300.0)
    return {"film_growth_ohm2_cm4_per_s": 10.0 * growth, "deposit_ohm_cm4_per_c": growth}


KINDS: Mapping[str, Callable[[str, random.Random], DrawnTest]] = {
    "li-li-0.2": _shipped("li-li-0.2", ("bare-li-li", "coated-li-li")),
    "li-li-0.4": _shipped("li-li-0.4", ("bare-li-li", "coated-li-li")),
    "li-li-eis": _shipped("li-li-eis", ("bare-li-li", "coated-li-li")),
    "li-plating-1.0": _shipped("li-plating-1.0", ("bare-li-li", "coated-li-li")),
    "lfp-200mA-g": _shipped("lfp-200mA-g", ("bare-lfp", "coated-lfp")),
    "li-cu-efficiency": _shipped("li-cu-efficiency", ("bare-li-cu", "conditioned-li-cu")),
    "li-cu-reservoir": _shipped("li-cu-reservoir", ("bare-li-cu", "conditioned-li-cu")),
    "GITT": _written(_gitt, "coated-lfp"),
    "rate test": _written(_rates, "coated-lfp", _weak),
    "rate test of discharges": _written(_discharge_rates, "coated-lfp", _weak),
    "first charge and formation": _written(_formation, "bare-lfp", _weak),
    "taper": _written(_taper, "coated-lfp"),
    "float": _written(_float, "coated-lfp"),
    "full cell charged again": _written(_full, "coated-lfp"),
    "pulses": _written(_pulses, "coated-lfp", _weak),
    "LFP that fades": _written(lambda _: _list(_repeat(40, *_both("1 C"))), "bare-lfp", _fades),
    "cell of unknown kind": _written(_taper, "coated-lfp", _weak, "other", _WIDE),
    "Li/Li ramp into the cutoff": _written(_ramp, "coated-li-li", kind_of_cell="li-li"),
    "Li/Li that ages": _written(_li_li, "bare-li-li", _grows, "li-li"),
    "Li/Cu strip that ends at once": _written(
        _strip, "bare-li-cu", lambda draws: {"efficiency_fraction": draws.uniform(0.05, 1.0)}, "li-cu", _CU_LIMITS
    ),
}
