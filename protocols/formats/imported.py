"""Makes a recipe file of what was read from another program: its limits and guards are said, whoever assumed them.

Limits come from the kind of cell where it has any and the voltages of the steps fit; otherwise from the protection of
the file; otherwise they are set around the voltages of the steps. Which of these it was stands in the file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from protocols.cell import DEFAULTS, Band, Cell, CellKind
from protocols.current_sign import Direction
from protocols.errors import RecipeError
from protocols.expansion import plain_text
from protocols.formats.cell_bounds import without_bounds
from protocols.formats.file_contents import Doc, FormatError, Note, ReadRecipe
from protocols.formats.numbers import voltage_text
from protocols.loading import parse_recipe
from protocols.recipe import Recipe
from protocols.yaml_document import Node

# Where a kind of cell has no limits: how far each layer lies outside of the voltages of the steps, or of the layer
# inside it. Overshoot of a step that its voltage ends is a few mV; what is 0.05 V beyond was not meant.
_HOST_V, _TESTER_V, _ABSOLUTE_V = Decimal("0.05"), Decimal("0.05"), Decimal("0.1")
_FINEST_V = Decimal("0.001")
# Where a file says nothing of records.
_USUAL_RECORD = {"every": "30 s"}
_NAME_MAX, _LINE_MAX = 60, 180


@dataclass(frozen=True, slots=True)
class Imported:
    """A recipe made of another program's file: its text, itself, and what is not the same."""

    text: str
    recipe: Recipe
    notes: tuple[Note, ...]


def imported(read: ReadRecipe, data: bytes, file: str, kind: CellKind, cell: Cell | None = None) -> Imported:
    """Make a recipe of what was read from the bytes of a file, for a kind of cell.

    With ``cell``, ends that only repeat the bounds of the cell are left out: cellrig stops a run there, and its next
    step does not begin. Raises FormatError for steps that are sound for no recipe, with every reason.
    """
    steps, dropped = (read.steps, []) if cell is None else without_bounds(read.steps, cell)
    notes = [*read.notes, *dropped]
    record = dict(read.record)
    if "every" not in record:
        record = {**_USUAL_RECORD, **record}
        told = f"a record every {_USUAL_RECORD['every']} besides what the file says, which has no time"
        notes.append(Note("record", told, is_lost=False))
    head: Doc = {"name": _name(file), "title": _title(read, file), "for": [kind.value], "record": record}
    limits, told_limits = _limits(read, _targets(steps), kind)
    notes += told_limits
    body: Doc = {"limits": limits, "steps": steps}
    draft = _parsed(plain_text(_node(head | body)), file)
    guards = _guards(draft, kind, cell)
    text = _comments(read, data, file, notes) + plain_text(_node(head | {"limits": limits} | guards | {"steps": steps}))
    return Imported(text, _parsed(text, file), tuple(notes))


def _parsed(text: str, file: str) -> Recipe:
    try:
        return parse_recipe(text, file)
    except RecipeError as err:
        told = "\n".join(f"- {one.field}: saw {one.seen}; expected {one.expected}" for one in err.problems)
        raise FormatError(f"{file} was read, but its steps are no sound recipe:\n{told}") from None


def _node(value: object) -> Node:
    if isinstance(value, dict):
        return Node(0, {key: _node(one) for key, one in value.items()})
    if isinstance(value, list):
        return Node(0, [_node(one) for one in value])
    return Node(0, str(value))


def _name(file: str) -> str:
    stem = _base(file).partition(".")[0]
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:_NAME_MAX]
    return name or "imported"


def _base(file: str) -> str:
    """Give the name of a file without its folders, of either system."""
    return re.split(r"[/\\]", file)[-1]


def _title(read: ReadRecipe, file: str) -> str:
    title = _line(read.title) or _base(file)
    return _line(f"{title} ({read.source})")


def _line(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text).strip()[:_LINE_MAX]


def _comments(read: ReadRecipe, data: bytes, file: str, notes: Sequence[Note]) -> str:
    lines = [
        f"Imported by cellrig from {_base(file)}: {read.source}.",
        f"SHA-256 of that file: {hashlib.sha256(data).hexdigest()}",
    ]
    for lost, words in ((True, "Not carried:"), (False, "To be known:")):
        if told := [note for note in notes if note.is_lost is lost]:
            lines += [words, *(f"  {note}" for note in told)]
    return "".join(f"# {_line(line) if not line.startswith(' ') else '  ' + _line(line)}\n" for line in lines)


def _targets(steps: Sequence[Doc]) -> list[tuple[Direction, Decimal]]:
    """Give the voltages to which the steps go, with the direction in which."""
    found: list[tuple[Direction, Decimal]] = []
    for step in steps:
        if step["step"] == "repeat":
            found += _targets(step["steps"])
        elif "direction" in step:
            text = step.get("voltage", step["until"].get("voltage"))
            if text is not None:
                found.append((Direction(step["direction"]), Decimal(str(text).removesuffix(" V"))))
    return found


def _limits(
    read: ReadRecipe, targets: Sequence[tuple[Direction, Decimal]], kind: CellKind
) -> tuple[dict[str, Doc], list[Note]]:
    """Give the three layers, and what is to be known of them."""
    volts = [value for _, value in targets]
    low, high = read.low_v, read.high_v
    own = f"{voltage_text(low)} to {voltage_text(high)}" if low is not None and high is not None else ""
    usual = _usual(kind)
    if usual is None:
        return _own_limits(low, high, volts, kind, own)
    outside = [value for value in volts if not usual[0][0] < value < usual[0][1]]
    if outside:
        layers, told = _own_limits(low, high, volts, kind, own)
        there = ", ".join(map(voltage_text, sorted(set(outside))))
        band = f"{voltage_text(usual[0][0])} to {voltage_text(usual[0][1])}"
        return layers, [*told, Note("limits", f"steps go to {there}, outside of {kind} cells' {band}", is_lost=False)]
    lowest, highest = usual[1]
    if (low is not None and low > lowest) or (high is not None and high < highest):
        return _own_limits(low, high, volts, kind, own)
    if (low, high) == usual[1]:
        return _layers(*usual), []
    seen = f"the file's protection is {own}" if own else "the file has none"
    return _layers(*usual), [Note("limits", f"{seen}: these are those of {kind} cells", is_lost=False)]


def _usual(kind: CellKind) -> tuple[Band, Band, Band] | None:
    """Give the layers of a kind of cell: host, tester, absolute; None where it has none."""
    found = DEFAULTS[kind]
    if found.host is None or found.tester is None or found.absolute is None:
        return None
    return found.host, found.tester, found.absolute


def _own_limits(
    low: Decimal | None, high: Decimal | None, volts: Sequence[Decimal], kind: CellKind, own: str
) -> tuple[dict[str, Doc], list[Note]]:
    """Give limits around the voltages of the steps, within the file's protection where it lies outside of them."""
    lowest = min(volts, default=None)
    highest = max(volts, default=None)
    lowest = low + _TESTER_V + _HOST_V if lowest is None and low is not None else lowest
    highest = high - _TESTER_V - _HOST_V if highest is None and high is not None else highest
    if lowest is None or highest is None or lowest > highest:
        raise FormatError(
            f"the steps have no voltage at which they end, and the file no protection: nothing tells the limits of a "
            f"cell of kind {kind}; import it for a kind that has limits (--for li-li or lfp), or give steps a voltage"
        )
    sides: list[tuple[Decimal, Decimal]] = []
    is_own, notes = bool(own), []
    for sign, inner, outer in ((-1, lowest, low), (1, highest, high)):
        room = None if outer is None else sign * (outer - inner)
        if outer is not None and room is not None and room >= 2 * _FINEST_V:
            sides.append(((inner + sign * (room / 2).quantize(_FINEST_V)), outer))
        else:
            is_own = False
            if outer is not None:
                told = f"the file ends the test at {voltage_text(outer)}, and its steps go to {voltage_text(inner)}"
                notes.append(Note("limits", f"{told}: that protection is not kept, look which of the two is meant"))
            sides.append((inner + sign * _HOST_V, inner + sign * (_HOST_V + _TESTER_V)))
    (host_low, tester_low), (host_high, tester_high) = sides
    absolute = (tester_low - _ABSOLUTE_V, tester_high + _ABSOLUTE_V)
    what = f"the tester's are the file's protection, {own}" if is_own else "set around the voltages of the steps"
    told = f"{what}; the others are set by cellrig: look at them before the first run"
    layers = _layers((host_low, host_high), (tester_low, tester_high), absolute)
    return layers, [*notes, Note("limits", told, is_lost=False)]


def _layers(*bands: Band) -> dict[str, Doc]:
    names = ("host", "tester", "absolute")
    return {
        name: {"low": voltage_text(low), "high": voltage_text(high)}
        for name, (low, high) in zip(names, bands, strict=True)
    }


def _guards(draft: Recipe, kind: CellKind, cell: Cell | None) -> Doc:
    """Give the guards that hold for a kind of cell, each by its numbers."""
    rules = draft.rules(kind, cell.area.exact if cell is not None and cell.area else None)
    block, window = draft.guards, rules.open_circuit
    guards: dict[str, Doc] = {
        "early_cutoff": {"fraction": block.early_cutoff.fraction, "in_a_row": block.early_cutoff.in_a_row},
        "short": {"ratio": block.short.ratio, "policy": DEFAULTS[kind].short_policy.value},
    }
    if window is not None:
        guards["open_circuit"] = {"low": voltage_text(window[0]), "high": voltage_text(window[1])}
    if rules.has_check_block and rules.resistance_ohm is not None and cell is not None:
        low, high = (f"{value.quantize(Decimal('0.0001')).normalize():f} ohm" for value in rules.resistance_ohm)
        guards["resistance"] = {"low": low, "high": high}
    return {"guards": guards, "check_block": "true" if rules.has_check_block else "false"}
