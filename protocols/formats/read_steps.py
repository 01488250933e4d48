"""Steps of other programs on their way into a recipe: loops that jump back, directions of holds, steps without a word.

Flat lists of numbered steps, as testers have them, become nested ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from protocols.formats.file_contents import Doc, FormatError, Note
from protocols.formats.numbers import voltage_text

CHARGE, DISCHARGE = "charge", "discharge"


@dataclass(frozen=True, slots=True)
class _Block:
    """Steps that stand for the numbers ``first`` to ``last`` of a file."""

    first: int
    last: int
    steps: list[Doc]


@dataclass(slots=True)
class StepList:
    """Takes the steps of a file in their order, each with its number in the file, and notes what is not the same."""

    notes: list[Note] = field(default_factory=list)
    _blocks: list[_Block] = field(default_factory=list)
    _before: Doc | None = None

    @property
    def steps(self) -> list[Doc]:
        """The steps so far, loops nested."""
        return [step for block in self._blocks for step in block.steps]

    def add(self, number: int, *steps: Doc) -> None:
        """Add what one step of the file is."""
        self._blocks.append(_Block(number, number, list(steps)))
        for step in steps:
            if "direction" in step:
                self._before = step

    def add_unknown(self, number: int, where: str, what: str) -> None:
        """Put a question to a person in the place of a step that a recipe has no word for: nobody passes it unseen."""
        ask = f"The file has {what} here, which cellrig cannot carry out"
        self.add(
            number, {"step": "prompt", "text": f"{ask}: {where}"[:200]}, {"step": "rest", "until": {"time": "10 s"}}
        )
        self.notes.append(Note(where, f"{what} has no step here: a prompt stands in its place"))

    def repeat(self, number: int, back_to: int, times: int, where: str) -> None:
        """Make a loop of the steps from a number on. Raises FormatError for one that holds a part of another."""
        inside = [block for block in self._blocks if block.first >= back_to]
        if any(block.first < back_to <= block.last for block in self._blocks):
            raise FormatError(f"{where} jumps back into another loop, to {back_to}: loops must not overlap")
        steps = [step for block in inside for step in block.steps]
        if not steps or times < 1:
            raise FormatError(
                f"{where} jumps back to {back_to}, {times} times: expected an earlier step and a count from 1"
            )
        self._blocks = [block for block in self._blocks if block.first < back_to]
        self._blocks.append(_Block(back_to, number, [{"step": "repeat", "times": str(times), "steps": steps}]))

    def direction_of_hold(self, volts: Decimal, where: str) -> str:
        """Tell in which direction a held voltage drives the cell, by the step before; a charge where nothing tells."""
        before = self._before
        if before is None:
            self.notes.append(
                Note(where, "nothing tells in which direction it drives the cell: read as a charge", is_lost=False)
            )
            return CHARGE
        target = before.get("voltage", before["until"].get("voltage"))
        if target is not None and target != voltage_text(volts):
            return CHARGE if volts > Decimal(str(target).removesuffix(" V")) else DISCHARGE
        return str(before["direction"])

    def discharged_to(self, volts: Decimal) -> bool:
        """Tell whether the step before is a discharge to this voltage."""
        before = self._before
        return (
            before is not None
            and before["direction"] == DISCHARGE
            and before["until"].get("voltage") == voltage_text(volts)
        )

    def hold(self, direction: str, volts: Decimal, until: Doc, limit: str | None, where: str) -> Doc:
        """Give a held voltage. Raises FormatError for one without an end, or with no current before it."""
        if not until:
            raise FormatError(f"{where} holds a voltage without an end by time or current")
        step: Doc = {"step": "constant_voltage", "direction": direction, "voltage": voltage_text(volts), "until": until}
        if limit is not None:
            return step | {"current_limit": limit}
        if self._before is None:
            raise FormatError(
                f"{where} holds a voltage without a current limit and without a step before it that has one"
            )
        if self._before.get("voltage", self._before["until"].get("voltage")) != step["voltage"]:
            told = "it has no current limit: here that of the step before it holds"
            self.notes.append(Note(where, told, is_lost=False))
        return step


def current_step(direction: str, current: str, until: Doc, where: str) -> Doc:
    """Give a constant current. Raises FormatError for one without an end."""
    if not until:
        raise FormatError(f"{where} passes a current without an end by time, voltage or capacity")
    return {"step": "constant_current", "direction": direction, "current": current, "until": until}


def rest(time: str) -> Doc:
    """Give a rest."""
    return {"step": "rest", "until": {"time": time}}
