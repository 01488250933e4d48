"""The code and the values of a run's reason, by which it can be told in another language than the stored English.

A reason is stored as a sentence. What the rules here know of it has a code with all values of that code; of anything
else the kind is known, or only the state, and the stored English stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from orchestrator.events.kinds import EventKind
from orchestrator.states import ALSO, RunState

CodeValues: TypeAlias = dict[str, float | int | str | bool | None]

# How a state is called in a code where its own word is another one.
_HEADS: Mapping[RunState, str] = {
    RunState.COMPLETED: "done",
    RunState.HOLDING: "held",
    RunState.AWAITING_OPERATOR: "hands",
}
_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_N = {name: rf"(?P<{name}>{_NUMBER})" for name in (
    "voltage_v", "current_ma", "time_h", "low_v", "high_v", "low_ma", "high_ma", "count", "cycle", "silent_s",
    "resistance_ohm", "low_ohm", "high_ohm",
)}  # fmt: skip
_SEEN = "{voltage_v} V, {current_ma} mA at {time_h} h"
# The code, of a run in whatever state, and the sentence; a name in braces is a value, ``*`` is anything.
_RULES: tuple[tuple[str, str], ...] = (
    ("{head}.person", "stopped by <by>"),
    ("{head}.person", "held by <by>"),
    ("{head}.program", "program finished"),
    ("{head}.program", "nothing was left to do"),
    ("{head}.limit", f"limit exceeded: {_SEEN}; the limits are {{low_v}} to {{high_v}} V*"),
    ("{head}.absolute", f"absolute limit exceeded: {_SEEN}; the cell's absolute limits are {{low_v}} to {{high_v}} V*"),
    ("{head}.current", f"current differs from the set value: {_SEEN}; * allows {{low_ma}} to {{high_ma}} mA*"),
    ("{head}.pulled", "cutoff reached early: {count} half-cycles in a row passed no charge, * (cycle {cycle}, *"),
    ("{head}.contact", "contact check failed: {resistance_ohm} ohm; the window is {low_ohm} to {high_ohm} ohm*"),
    ("{head}.no_contact", "contact check failed: no current flowed; the window is {low_ohm} to {high_ohm} ohm*"),
    ("{head}.short", "cell shorted: shorted since {time_h} h (cycle {cycle}, *"),
    ("{head}.ocv", "* shows {voltage_v} V, {low_v} to {high_v} V expected: no cell, or a short*"),
    ("{head}.wrong_cell", "* shows {voltage_v} V at open circuit, {low_v} to {high_v} V expected*"),
    (
        "{head}.polarity",
        "* shows {voltage_v} V, {low_v} to {high_v} V expected: the cell is in with reversed polarity*",
    ),
    ("{head}.power", "channel <channel> is *, by a person at the tester or a loss of its power*"),
    ("{head}.taken", "channel <channel> now shows <barcode>, test *: it is left alone*"),
    ("{head}.link", "nothing heard from <instrument> for {silent_s} s (*"),
    ("{head}.records", "no record of channel <channel> has come for {silent_s} s*"),
    ("{head}.again", "nobody saw it for a while; the tester has its test"),
    ("{head}.measured", "it was ended in the middle of a measurement: take the leads of <potentiostat> off the cell*"),
    ("{head}.plug", "move cell <cell> from channel <channel> to <potentiostat>: green on*"),
    ("{head}.leads", "take the leads of channel <channel> off cell <cell>: *"),
    ("{head}.unplug", "move cell <cell> from <potentiostat> back to channel <channel>; *"),
    ("{head}.leads_back", "put the leads of channel <channel> back on cell <cell>; *"),
    ("{head}.soak", "soaking*"),
    ("{head}.unstored", "its records are not stored*"),
    ("{head}.stop", "*; but the stop is not confirmed*"),
    ("{head}.stop", "*; but <instrument> did not answer: *"),
    ("{head}.start", "*; look at channel <channel>"),
)


def told(state: RunState, reason: str) -> tuple[str, CodeValues]:
    """Return the code of a reason, and its values by name.

    >>> told(RunState.HOLDING, "held by ada; resume it or stop it")
    ('held.person', {'by': 'ada'})
    >>> told(RunState.TRIPPED, "limit exceeded: 4.1120 V, 0.1571 mA at 0.417 h; the limits are -0.5 to 4.1 V")[0]
    'tripped.limit'
    >>> told(RunState.STOPPED, "step did not end: step 3 goes on"), told(RunState.STOPPED, "so")
    (('stopped.overdue', {}), ('stopped.other', {}))
    """
    head, first = head_of(state), reason.partition(ALSO)[0]
    for code, pattern in _PATTERNS:
        # A stop that is not confirmed is told before what it was ordered for.
        if code in _OF_UNKNOWN and state is not RunState.UNKNOWN:
            continue
        if (found := pattern.fullmatch(first)) is not None:
            return code.format(head=head), {name: _value(name, text) for name, text in found.groupdict().items()}
    kind, colon, _ = first.partition(": ")
    known = EventKind.known(kind) if colon else None
    return f"{head}.{known.name.lower() if known is not None else 'other'}", {}


def head_of(state: RunState) -> str:
    """Return how codes of a state begin."""
    return _HEADS.get(state, state.value)


def values_of_codes() -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the end of each code that a rule gives, with the names of its values."""
    for code, pattern in _PATTERNS:
        yield code.partition(".")[2], frozenset(pattern.groupindex)


_OF_UNKNOWN = frozenset({"{head}.stop", "{head}.start"})
_PIECE = re.compile(r"\*|\{[a-z_]+\}|<[a-z]+>")


def _compiled(sentence: str) -> re.Pattern[str]:
    found, end = [], 0
    for piece in _PIECE.finditer(sentence):
        found.append(re.escape(sentence[end : piece.start()]))
        word, end = piece.group(), piece.end()
        found.append(".*?" if word == "*" else _N[word[1:-1]] if word[0] == "{" else rf"(?P<{word[1:-1]}>[^;]+?)")
    found.append(re.escape(sentence[end:]))
    # What a person does about it stands behind.
    return re.compile("".join(found) + r"(?:; resume it or stop it| \(acknowledged by [^)]*\))*", re.DOTALL)


_PATTERNS = tuple(sorted(((code, _compiled(it)) for code, it in _RULES), key=lambda it: it[0] not in _OF_UNKNOWN))


def _value(name: str, text: str) -> float | int | str:
    if name in {"count", "cycle"}:
        return int(float(text))
    return float(text) if name in _N else text.strip("'\"")
