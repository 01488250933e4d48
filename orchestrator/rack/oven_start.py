"""Judges whether a run may begin in the oven of its channel: at the order, and when the oven has soaked."""

from __future__ import annotations

from orchestrator.checks import Check, CheckName, failed, passed, warned
from orchestrator.judging.oven_agreement import farthest
from orchestrator.preflight.machine_checks import oven_check
from orchestrator.rack.oven_soak import soaked_s
from orchestrator.rack.oven_watch import OvenWatch
from protocols.program import Program
from protocols.temperature import CellTemperature


def listed(degc: set[float]) -> str:
    """List temperatures in a sentence."""
    return " and ".join(f"{one:g} degC" for one in sorted(degc))


def no_oven(program: Program, channel: str, *, has_ovens: bool) -> Check:
    """Judge an order for a channel that is in no oven."""
    if not program.temperatures:
        return oven_check(has_ovens=has_ovens)
    wanted = listed({one.target_degc for one in program.temperatures})
    return warned(
        CheckName.OVEN,
        f"the recipe wants {wanted}, and no oven of the bench file has {channel} inside: nothing heats or watches it",
        "see yourself that the cell is at that temperature",
    )


def before_heating(watch: OvenWatch, wanted: CellTemperature) -> Check:
    """Judge the oven of an order: it is there, or the run waits for it."""
    degc = watch.sight.temperature_degc
    if watch.sight.reading is None or degc is None:
        return warned(CheckName.OVEN, watch.sight.problem, "see that it is on and connected: the run waits for it")
    return passed(
        CheckName.OVEN,
        f"{watch.name} is at {degc:.1f} degC: it is brought to {wanted.target_degc:g} degC and soaks before the start",
    )


def soaked(watch: OvenWatch, wanted: CellTemperature) -> Check:
    """Judge an oven that has soaked for a run: the thermometers in it agree with its own sensor."""
    own, seen = watch.sight.temperature_degc, watch.sight.beside
    if own is not None and (place := farthest(own, seen, watch.settings.agree_k)):
        return failed(
            CheckName.OVEN,
            f"{watch.name} shows {own:.1f} degC, and the thermometer at {place} {seen[place]:.1f} degC",
            "find out which of the two is right",
        )
    lasts = soaked_s(watch, wanted) / 60
    beside = "".join(f", {place} shows {degc:.1f} degC" for place, degc in seen.items())
    cut_out = watch.cut_out_degc
    told = f"{watch.name} has been within {wanted.tolerance_k:g} K of {wanted.target_degc:g} degC for {lasts:.0f} min"
    return passed(CheckName.OVEN, f"{told}{beside or ', with no other thermometer'}; cut out at {cut_out:g} degC")
