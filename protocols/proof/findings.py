"""What a proof says: its bounds where it holds, and a short story where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from protocols.program import VoltageBand


class Rule(StrEnum):
    """What is proven of a program; a counter-example names the first of them that it breaks."""

    VALUES = "values"
    """Numbers are finite and mean what they say: no current, time or charge of zero or below."""
    ENDS = "every step ends"
    LOOPS = "every loop makes progress"
    ORDER = "no step ends as it begins"
    LAYERS = "limits lie in layers inside the cell's"
    VOLTAGE = "no step leaves the limits"
    CURRENT = "no current is beyond the limits"
    CHARGE = "no charge is beyond what the cell holds"
    TIME = "the program is over within its bound"
    WAY = "the way leads forward"


@dataclass(frozen=True, slots=True)
class CounterExample:
    """A program that is not proven: the rule, the step (``test 1, step 4``), the value, and what happens, in order."""

    rule: Rule
    where: str
    value: str
    story: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where}: {self.value}. {' '.join(self.story)}"

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {"rule": self.rule.value, "where": self.where, "value": self.value, "story": list(self.story)}


@dataclass(frozen=True, slots=True)
class Proof:
    """What is certain of a program, whatever its cell does, while its tester keeps to the program.

    ``steps``: executed steps at most; ``shortest_s`` and ``longest_s``: its duration, without the time that a person or
    a busy instrument takes; ``charge_ah``: most that passes, all magnitudes added; ``step_charge_ah``: most that one
    step passes; ``net_charge_ah``: lowest and highest sum of signed charges, positive charges; ``largest_current_a``;
    ``voltage``: where the host stops it; None where nothing passes a tester.
    """

    steps: int
    shortest_s: float
    longest_s: float
    charge_ah: float
    step_charge_ah: float
    net_charge_ah: tuple[float, float]
    largest_current_a: float
    voltage: VoltageBand

    def told(self, duration: Callable[[float], str], between_s: float = 0.0) -> tuple[str, str]:
        """Give two short lines: that every step ends and where, and how much passes at most, in how long.

        ``duration`` gives the words for seconds. ``between_s``: what the programs are expected to wait for each other.
        """
        inside = f"inside {self.voltage.low_v:g} to {self.voltage.high_v:g} V"
        passes = f"at most {self.step_charge_ah * 1000:.4g} mAh a step, {self.charge_ah * 1000:.4g} mAh in all"
        besides = f", besides about {duration(between_s)} between programs" if between_s else ""
        return f"all {self.steps} steps end, {inside}", f"{passes}, within {duration(self.longest_s)}{besides}"

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON values, with units in the names."""
        return {
            "steps": self.steps,
            "shortest_s": self.shortest_s,
            "longest_s": self.longest_s,
            "charge_ah": self.charge_ah,
            "step_charge_ah": self.step_charge_ah,
            "net_charge_ah": list(self.net_charge_ah),
            "largest_current_a": self.largest_current_a,
            "voltage_v": [self.voltage.low_v, self.voltage.high_v],
        }


class Unproven(Exception):
    """Carries the counter-example from the step that breaks a rule to the proof."""

    def __init__(self, found: CounterExample) -> None:
        super().__init__(str(found))
        self.found = found


def unproven(rule: Rule, where: str, value: str, *story: str) -> Unproven:
    """Give the error that ends a proof."""
    return Unproven(CounterExample(rule, where, value, story))
