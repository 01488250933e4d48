"""What the rule for shorts knows of a Li/Li cell and of the step that runs."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.shorts.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class SymmetricCell:
    """A Li/Li cell; None for what the cell file does not say. ``electrolyte_ohm``: of the electrolyte alone."""

    area_cm2: float | None = None
    temperature_degc: float | None = None
    electrolyte_ohm: float | None = None


@dataclass(frozen=True, slots=True)
class StepFacts:
    """The step to which the next records belong: its signed set current, 0 for a rest; ``is_check`` of the contact.

    ``set_a`` is None for a step whose current is not constant: nothing of it is judged.
    """

    set_a: float | None
    cutoff_v: float | None = None
    cycle: int = 0
    is_check: bool = False


def floor_ohm(cell: SymmetricCell, intercept_ohm: float | None, t: Thresholds) -> float:
    """Return the resistance below which no sound cell is, 0 where nothing is known; a spectrum's intercept is best."""
    least = 0.0 if cell.area_cm2 is None else t.least_ohm_cm2 / cell.area_cm2
    if intercept_ohm is not None:
        return max(least, t.eis_part * intercept_ohm)
    known = cell.electrolyte_ohm
    return least if known is None else max(least, t.floor_part * known)
