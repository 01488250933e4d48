"""Each block is the steps that one would write by hand, for all of its values."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import RecipeError, load_recipe, parse_recipe
from protocols.blocks import BLOCKS
from protocols.recipe import Recipe

_HEAD = "name: mine\ntitle: Mine\nfor: [{kind}]\nrecord: {{every: 30 s}}\n{limits}steps:\n"
_LIMITS = "limits: {host: {low: -0.5 V, high: 4.3 V}, tester: {low: -0.6 V, high: 4.4 V}, "
_LIMITS += "absolute: {low: -1 V, high: 4.5 V}}\n"
_FAST = ", record: {every: 0.1 s}"


def _recipe(steps: str, kind: str = "other") -> Recipe:
    return parse_recipe(_HEAD.format(kind=kind, limits=_LIMITS) + steps)


def _cc(direction: str, current: object, ends: str, more: str = "") -> str:
    return f"{{step: constant_current, direction: {direction}, current: {current}, until: {{{ends}}}{more}}}"


def _rest(time: object, more: str = "") -> str:
    return f"{{step: rest, until: {{time: {time}}}{more}}}"


def _steps(*steps: str) -> str:
    return "".join(f"- {step}\n" for step in steps)


def _repeat(times: int, *steps: str) -> tuple[str, ...]:
    return steps if times == 1 else (f"{{step: repeat, times: {times}, steps: [{', '.join(steps)}]}}",)


def _loop(times: int, *steps: str, more: str = "") -> tuple[str, ...]:
    return (f"{{step: repeat, times: {times}, steps: [{', '.join(steps)}]{more}}}",)


_LEAVES = ", when: {ended_by: voltage}"
_currents = st.lists(st.integers(1, 90), min_size=2, max_size=4, unique=True).map(sorted)


def _list(currents: list[int]) -> str:
    return f"[{', '.join(map(str, currents))}] uA/cm2"


def _pulse(currents: list[int], times: int, minutes: int) -> tuple[str, tuple[str, ...]]:
    block = f"{{step: pulse, direction: discharge, current: {_list(currents)}, time: {minutes} s, rest: {minutes} min, "
    by_hand: list[str] = []
    for current in currents:
        there = _cc("discharge", f"{current} uA/cm2", f"time: {minutes} s, voltage: 2.8 V", _FAST)
        back = _cc("charge", f"{current} uA/cm2", f"time: {minutes} s, voltage: 4.0 V", _FAST)
        by_hand += _repeat(times, there, _rest(f"{minutes} min"), back, _rest(f"{minutes} min"))
    return f"{block}times: {times}, back: true, low: 2.8 V, high: 4.0 V}}", tuple(by_hand)


def _dc_resistance(currents: list[int], times: int, minutes: int) -> tuple[str, tuple[str, ...]]:
    block = f"{{step: dc_resistance, current: {_list(currents)}, time: {times} s, rest: {minutes} min, "
    by_hand = [_rest(f"{minutes} min")]
    for current in currents:
        for way, volts in (("discharge", "2.8 V"), ("charge", "4.0 V")):
            by_hand.append(_cc(way, f"{current} uA/cm2", f"time: {times} s, voltage: {volts}", _FAST))
            by_hand.append(_rest(f"{minutes} min"))
    return f"{block}low: 2.8 V, high: 4.0 V}}", tuple(by_hand)


def _gitt(currents: list[int], times: int, minutes: int) -> tuple[str, tuple[str, ...]]:
    block = f"{{step: gitt, direction: charge, current: C/{currents[0]}, capacity: 5 % of nominal capacity, "
    record = ", record: {every: 1 s, on_voltage_change: 1 mV}"
    ends = "capacity: 5 % of nominal capacity, voltage: 4.0 V"
    titration = _cc("charge", f"C/{currents[0]}", ends, record + _LEAVES)
    by_hand = _loop(times, titration, _rest(f"{minutes} min"))
    return f"{block}rest: {minutes} min, voltage: 4.0 V, times: {times}}}", by_hand


def _hppc(currents: list[int], times: int, minutes: int) -> tuple[str, tuple[str, ...]]:
    one = currents[0]
    block = f"{{step: hppc, current: {one} mA/g, remove_current: C/3, times: {times}, rest: {minutes} min, "
    back = (Decimal(one) * Decimal("0.75")).normalize()
    depth = (
        _cc("discharge", f"{one} mA/g", "time: 10 s, voltage: 2.8 V", _FAST),
        _rest("40 s", _FAST),
        _cc("charge", f"{back:f} mA/g", "time: 10 s, voltage: 4.0 V", _FAST),
        _cc("discharge", "C/3", "capacity: 10 % of nominal capacity, voltage: 2.8 V", _LEAVES),
        _rest(f"{minutes} min"),
    )
    return f"{block}low: 2.8 V, high: 4.0 V}}", (_rest(f"{minutes} min"), *_loop(times, *depth))


def _rate_test(currents: list[int], times: int, minutes: int) -> tuple[str, tuple[str, ...]]:
    block = f"{{step: rate_test, current: {_list(currents)}, charge_current: C/5, taper: C/50, cycles: {times}, "
    charge = "{step: cc_cv, direction: charge, current: C/5, voltage: 4.0 V, until: {current: C/50}}"
    by_hand: list[str] = []
    for current in currents:
        discharge = _cc("discharge", f"{current} uA/cm2", "voltage: 2.8 V")
        by_hand += _repeat(times, charge, _rest(f"{minutes} min"), discharge, _rest(f"{minutes} min"))
    return f"{block}rest: {minutes} min, low: 2.8 V, high: 4.0 V}}", tuple(by_hand)


def _formation(currents: list[int], times: int, minutes: int) -> tuple[str, tuple[str, ...]]:
    block = f"{{step: formation, current: C/{currents[0]}, cycles: {times}, wetting: {minutes} h, begin: discharge, "
    down, up = (
        _cc(way, f"C/{currents[0]}", f"voltage: {volts}")
        for way, volts in (("discharge", "2.8 V"), ("charge", "4.0 V"))
    )
    return f"{block}low: 2.8 V, high: 4.0 V}}", (_rest(f"{minutes} h"), *_repeat(times, down, up))


def _critical_current(currents: list[int], times: int, minutes: int) -> tuple[str, tuple[str, ...]]:
    block = f"{{step: critical_current, current: {_list(currents)}, time: {minutes} min, cycles: {times}, rest: 5 min, "
    by_hand: list[str] = []
    for current in currents:
        up = _cc("charge", f"{current} uA/cm2", f"time: {minutes} min, voltage: 0.4 V")
        down = _cc("discharge", f"{current} uA/cm2", f"time: {minutes} min, voltage: -0.4 V", _LEAVES)
        by_hand += (up, _rest("5 min"), down, _rest("5 min")) * times
    return f"{block}low: -0.4 V, high: 0.4 V}}", _loop(1, *by_hand)


def _modified_aurbach(currents: list[int], times: int, minutes: int) -> tuple[str, tuple[str, ...]]:
    current = f"{currents[0]} uA/cm2"
    block = f"{{step: modified_aurbach, current: {current}, reservoir: 4 mAh/cm2, cycled: 1 mAh/cm2, times: {times}, "
    filled = _cc("discharge", current, "capacity: 4 mAh/cm2, voltage: -0.4 V")
    emptied = _cc("charge", current, f"voltage: 1 V, time: {minutes} h")
    strip, plate = (
        _cc(way, current, f"capacity: 1 mAh/cm2, voltage: {volts}")
        for way, volts in (("charge", "1 V"), ("discharge", "-0.4 V"))
    )
    by_hand = (_rest("4 h"), filled, emptied, filled, *_repeat(times, strip, plate), emptied)
    return f"{block}strip_time: {minutes} h, wetting: 4 h, low: -0.4 V, high: 1 V}}", by_hand


def _float(currents: list[int], times: int, minutes: int) -> tuple[str, tuple[str, ...]]:
    current = f"C/{currents[0]}"
    block = (
        f"{{step: float, current: {current}, time: {minutes} d, times: {times}, low: 2.8 V, high: 4.0 V, rest: 1 h}}"
    )
    held = f"{{step: constant_voltage, direction: charge, voltage: 4.0 V, until: {{time: {minutes} d}}, "
    held += f"current_limit: {current}, record: {{every: 10 min}}}}"
    up, down = _cc("charge", current, "voltage: 4.0 V"), _cc("discharge", current, "voltage: 2.8 V")
    return block, _repeat(times, up, held, down, _rest("1 h"))


def _watched_rest(currents: list[int], times: int, minutes: int) -> tuple[str, tuple[str, ...]]:
    record = ", record: {every: 1 min, on_voltage_change: 1 mV}"
    return f"{{step: watched_rest, time: {minutes} h}}", (_rest(f"{minutes} h", record),)


_BY_HAND: dict[str, Callable[[list[int], int, int], tuple[str, tuple[str, ...]]]] = {
    "pulse": _pulse,
    "dc_resistance": _dc_resistance,
    "gitt": _gitt,
    "hppc": _hppc,
    "rate_test": _rate_test,
    "formation": _formation,
    "critical_current": _critical_current,
    "modified_aurbach": _modified_aurbach,
    "float": _float,
    "watched_rest": _watched_rest,
}


@pytest.mark.parametrize(
    ("block", "by_hand"),
    [
        (
            (
                "step: gitt, direction: charge, current: C/10, time: 10 min, rest: 1 h, voltage: 4 V, times: 9, "
                "pulse_record: {every: 5 s}, stop_at_voltage: false"
            ),
            _repeat(9, _cc("charge", "C/10", "time: 10 min, voltage: 4 V", ", record: {every: 5 s}"), _rest("1 h")),
        ),
        (
            (
                "step: critical_current, current: [1, 2] mA, capacity: 1 mAh, low: -0.4 V, high: 0.4 V, "
                "begin: discharge, cycles: 2, stop_at_voltage: false"
            ),
            tuple(
                step
                for ma in (1, 2)
                for step in _repeat(
                    2,
                    _cc("discharge", f"{ma} mA", "capacity: 1 mAh, voltage: -0.4 V"),
                    _cc("charge", f"{ma} mA", "capacity: 1 mAh, voltage: 0.4 V"),
                )
            ),
        ),
        (
            "step: float, current: C/5, time: 1 d, times: 9, low: 2.8 V, high: 4 V, until_capacity: 80 % of cycle 1",
            _loop(
                9,
                _cc("charge", "C/5", "voltage: 4 V"),
                "{step: constant_voltage, direction: charge, voltage: 4 V, until: {time: 1 d}, current_limit: C/5, "
                "record: {every: 10 min}}",
                _cc("discharge", "C/5", "voltage: 2.8 V"),
                more=", until: {capacity_below: 80 % of cycle 1}",
            ),
        ),
        (
            "step: formation, current: C/10, cycles: 9, until_efficiency: 99 %, low: 2.8 V, high: 4 V",
            _loop(
                9,
                _cc("charge", "C/10", "voltage: 4 V"),
                _cc("discharge", "C/10", "voltage: 2.8 V"),
                more=", until: {efficiency_above: 99 %}",
            ),
        ),
        (
            "step: watched_rest, time: 2 d, voltage_below: 3 V, look_every: 6 h, watch_record: {every: 1 min}",
            _loop(8, _rest("6 h", ", record: {every: 1 min}"), more=", until: {voltage_below: 3 V}, then: hold"),
        ),
        (
            "step: watched_rest, time: 2 d, drift_below: 1 mV/h, watch_record: {every: 1 min}",
            ("{step: rest, until: {time: 2 d, drift_below: 1 mV/h}, record: {every: 1 min}}",),
        ),
    ],
)
def test_block_that_is_told_when_to_end_is_its_steps_written_by_hand(block: str, by_hand: tuple[str, ...]) -> None:
    """What is measured ends it where that is asked for, and does not where it is not."""
    assert _recipe(f"- {{{block}}}\n").to_json() == _recipe(_steps(*by_hand)).to_json()


@pytest.mark.parametrize("kind", BLOCKS)
@settings(max_examples=8)
@given(currents=_currents, times=st.integers(1, 9), minutes=st.integers(1, 60))
def test_block_is_its_steps_written_by_hand(kind: str, currents: list[int], times: int, minutes: int) -> None:
    """Text, hash and order: whatever comes later cannot tell them apart."""
    block, by_hand = _BY_HAND[kind](currents, times, minutes)
    assert _recipe(_steps(block)).to_json() == _recipe(_steps(*by_hand)).to_json()


def test_reservoir_test_is_the_shipped_recipe() -> None:
    """The block says in one step what ``li-cu-reservoir`` writes out."""
    block = "- {step: modified_aurbach, current: 1 mA/cm2, reservoir: 4 mAh/cm2, cycled: 1 mAh/cm2, wetting: 4 h, "
    assert _recipe(f"{block}strip_time: 5 h, low: -0.4 V, high: 1 V}}\n").steps == load_recipe("li-cu-reservoir").steps


def test_record_and_temperature_of_a_block_are_those_of_its_steps() -> None:
    """But for the pulses, whose records are finer."""
    block = "- {step: pulse, direction: charge, current: 1 C, time: 1 s, rest: 1 h, low: 1 V, high: 4 V, "
    pulse, rest = _recipe(f"{block}record: {{every: 9 s}}, temperature: 40 degC}}\n").steps
    told = [one.model_dump(mode="json") for one in (pulse, rest)]
    assert [one["record"]["every"] for one in told] == ["0.1 s", "9 s"]
    assert [one["temperature"]["target"] for one in told] == ["40 degC"] * 2


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ("step: gitt, direction: charge, current: C/5, rest: 1 h, voltage: 4 V, times: 5", "either time or capacity"),
        ("step: pulse, direction: charge, current: C/5, time: 1 s, rest: 1 h, low: 4 V, high: 3 V", "low below high"),
        (
            "step: critical_current, current: [1, 2, 3] mA, time: 1 h, cycles: 400, low: -0.4 V, high: 0.4 V",
            "at most 1000 cycles in all",
        ),
        ("step: watched_rest, time: 25 h, look_every: 2 h, voltage_below: 3 V", "a whole number of looks"),
        ("step: watched_rest, time: 25 h, drift_below: 1 mV/h, voltage_below: 3 V", "either of them"),
        ("step: rate_test, current: [], low: 1 V, high: 4 V", "steps[1].current: saw an empty list"),
        (
            "step: critical_current, current: [2, 1] mA, time: 1 h, low: -0.4 V, high: 0.4 V",
            "each above the one before",
        ),
        ("step: critical_current, current: [1 mA, 2 C], time: 1 h, low: -0.4 V, high: 0.4 V", "in one kind of unit"),
        (
            "step: pulse, direction: charge, current: [1 C, -1 C], time: 1 s, rest: 1 h, low: 1 V, high: 4 V",
            "more than 0",
        ),
        (
            "step: pulse, direction: charge, current: 1 C, time: 1 s, rest: 1 h, low: 1 V, high: 5 V",
            "5 V; expected a volt",
        ),
        ("step: hppc, curent: 1 C, remove_current: 1 C, low: 1 V, high: 4 V", "the key 'current'"),
        (
            "step: modified_aurbach, current: 1 mA, reservoir: 1 mAh, cycled: 1 mAh, low: -0.4 V, high: 1 V",
            "a reservoir, in the same unit, above",
        ),
    ],
)
def test_block_that_says_too_little_or_contradicts_itself_is_told_at_its_line(block: str, told: str) -> None:
    """Also what only its plain steps show: the line is that of the block."""
    with pytest.raises(RecipeError) as refused:
        _recipe(f"- {{{block}}}\n")
    assert [one.line for one in refused.value.problems] == [7] * len(refused.value.problems)
    assert told in str(refused.value)
    assert all(one.field.startswith("steps[1]") for one in refused.value.problems)
