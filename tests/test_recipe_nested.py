"""Loops, lists, phases and blocks in one another, of random shapes, are the plain steps that a second reading gives."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import parse_recipe
from protocols.document import Document
from protocols.loading import plain_of

_HEAD = "name: mine\ntitle: Mine\nfor: [other]\nrecord: {every: 30 s}\n"
_HEAD += "limits: {host: {low: -0.5 V, high: 4.3 V}, tester: {low: -0.6 V, high: 4.4 V}, "
_HEAD += "absolute: {low: -1 V, high: 4.5 V}}\n"

_Step = dict[str, Any]
_leaves = st.one_of(
    st.integers(1, 9).map(lambda n: {"step": "rest", "until": {"time": f"{n} min"}}),
    st.integers(1, 9).map(
        lambda n: {"step": "constant_current", "direction": "charge", "current": f"{n} mA", "until": {"time": "1 h"}}
    ),
    st.integers(1, 9).map(lambda n: {"step": "watched_rest", "time": f"{n} h"}),
)
_around = st.fixed_dictionaries(
    {},
    optional={
        "record": st.sampled_from(({"every": "1 s"}, {"every": "5 min"})),
        "temperature": st.sampled_from(("40 degC", "60 degC")),
        "limits": st.just({"host": {"low": "-0.4 V", "high": "4.2 V"}}),
    },
)


def _nests(inner: st.SearchStrategy[_Step]) -> st.SearchStrategy[_Step]:
    steps = st.lists(inner, min_size=1, max_size=3)
    values = st.lists(st.integers(1, 9), min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda times, inside: {"step": "repeat", "times": times, "steps": inside}, st.integers(1, 5), steps),
        st.builds(lambda kept, inside: {"step": "phase", **kept, "steps": inside}, _around, steps),
        st.builds(lambda found, inside: {"step": "for_each", "values": found, "steps": inside}, values, steps),
    )


_steps = st.lists(st.recursive(_leaves, _nests, max_leaves=8), min_size=1, max_size=3)


def _written(step: _Step, depth: int = 0) -> _Step:
    """Give a step as it is written: each ``for_each`` with a name of its own, which a rest in it uses."""
    if "steps" not in step:
        return step
    inside = [_written(one, depth + 1) for one in step["steps"]]
    if step["step"] != "for_each":
        return {**step, "steps": inside}
    uses = {"step": "rest", "until": {"time": f"$v{depth}"}}
    return {**step, "values": {f"v{depth}": f"[{', '.join(map(str, step['values']))}] s"}, "steps": [*inside, uses]}


def _plain(step: _Step) -> list[_Step]:
    """Give the plain steps of a step, read in another way: from the outside in, values first."""
    kind = step["step"]
    if kind == "watched_rest":
        watch = {"every": "1 min", "on_voltage_change": "1 mV"}
        return [{"step": "rest", "until": {"time": step["time"]}, "record": watch}]
    if kind == "for_each":
        return [
            one
            for value in step["values"]
            for inner in (*step["steps"], {"step": "rest", "until": {"time": f"{value} s"}})
            for one in _plain(inner)
        ]
    if kind == "phase":
        return [_given(one, step) for inner in step["steps"] for one in _plain(inner)]
    if kind == "repeat":
        return [{**step, "steps": [one for inner in step["steps"] for one in _plain(inner)]}]
    return [step]


def _given(step: _Step, phase: _Step) -> _Step:
    kept: _Step = {key: phase[key] for key in ("temperature", "limits") if key in phase}
    if step["step"] == "repeat":
        only = {"record": phase["record"]} if "record" in phase else {}
        return {**kept, **step, "steps": [_given(one, only) for one in step["steps"]]}
    return {**kept, **({"record": phase["record"]} if "record" in phase else {}), **step}


def _text(steps: list[_Step]) -> str:
    return f"{_HEAD}steps: {json.dumps(steps)}\n".replace('"', "'")


@settings(max_examples=10)
@given(steps=_steps)
def test_nested_recipe_is_its_plain_steps(steps: list[_Step]) -> None:
    """The same recipe with the same hash, and the text of its plain steps reads back."""
    written = _text([_written(one) for one in steps])
    by_hand = _text([one for step in steps for one in _plain(step)])
    recipe = parse_recipe(written)
    assert recipe.to_json() == parse_recipe(by_hand).to_json()
    plain = plain_of(Document("mine.yaml", written))
    assert plain is None or parse_recipe(plain) == recipe
