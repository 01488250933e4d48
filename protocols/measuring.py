"""Turns a recipe's measurement steps into segments of absolute values."""

from __future__ import annotations

from collections.abc import Callable

from protocols.cell import Cell
from protocols.errors import ResolveError
from protocols.program import MeasurementSegment, VoltageBand
from protocols.recipe import Recipe
from protocols.splitting import Measuring, Path
from protocols.steps import EisStep, OcvStep
from protocols.techniques import CyclicVoltammetry, Impedance, OpenCircuit, Technique

Refuse = Callable[[str, str], None]
_SWEEP_POINTS = 2000  # records of one sweep, at least


def measurement(recipe: Recipe, cell: Cell, piece: Measuring, refuse: Refuse) -> MeasurementSegment | None:
    """Give the segment of one measurement; None, with a reason, where its values contradict each other."""
    band = recipe.band("host", cell.kind)
    if band is None:  # a recipe without host limits for one of its kinds does not exist
        raise ResolveError([f"Recipe {recipe.name} has no host limits for {cell.kind}."])
    window = VoltageBand(float(band[0]), float(band[1]))
    where = step_name(piece.path)
    technique = _technique(piece, window, where, refuse)
    if technique is None:
        return None
    block, own = recipe.potentiostat, piece.step.rest
    return MeasurementSegment(
        technique,
        window,
        rest_s=(own or block.rest).value,
        drift_v_per_min=block.drift_per_min.value,
        settle_max_s=max((own or block.rest).value, block.settle_within.value),
    )


def _technique(piece: Measuring, window: VoltageBand, where: str, refuse: Refuse) -> Technique | None:
    step = piece.step
    if isinstance(step, OcvStep):
        return OpenCircuit(step.time.value, step.every.value)
    if isinstance(step, EisStep):
        if step.low.exact >= step.high.exact:
            refuse(where, f"measures from {step.high} down to {step.low}: low must be below high")
            return None
        volts = [] if step.bias is None else [step.bias.value]
        technique: Technique = Impedance(
            step.high.value, step.low.value, step.amplitude.value, step.bias.value if step.bias else None
        )
    else:
        start = step.start or (step.low if step.low.exact > 0 else None)
        start_v = start.value if start else min(max(0.0, step.low.value), step.high.value)
        volts = [step.low.value, step.high.value, start_v]
        span_v = step.high.value - step.low.value
        if span_v <= 0 or not step.low.value <= start_v <= step.high.value:
            refuse(where, "needs low below high, and start between them")
            return None
        interval_v = max(0.001, round(span_v / _SWEEP_POINTS, 3))
        technique = CyclicVoltammetry(
            start_v, step.high.value, step.low.value, step.scan_rate.value, step.sweeps, step.direction, interval_v
        )
    outside = [volt for volt in volts if not window.low_v <= volt <= window.high_v]
    if outside:
        refuse(where, f"goes to {outside[0]:g} V, outside the host limits, {window.low_v:g} to {window.high_v:g} V")
        return None
    return technique


def step_name(path: Path) -> str:
    """Name a step as the loader does: ``steps[2].steps[1]``."""
    return ".".join(f"steps[{index + 1}]" for index in path)
