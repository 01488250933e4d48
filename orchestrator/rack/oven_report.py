"""Tells what an oven does now: its temperature, what it holds or soaks at, and which of its runs are held."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.judging.oven_bands import OvenBand
from orchestrator.rack.oven_orders import temperature_of
from orchestrator.rack.oven_soak import about_left
from orchestrator.rack.oven_watch import OvenWatch
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from protocols.temperature import CellTemperature


@dataclass(frozen=True, slots=True)
class OvenReport:
    """One oven at one time.

    ``temperature_degc`` is that of its own sensor, else of a thermometer inside; None where neither shows one.
    ``set_to_degc`` is the set point that it showed last. ``wanted_degc`` is what its runs want; None where none
    that has begun wants a temperature. ``soaking`` and ``held`` are ids of runs inside.
    """

    name: str
    channels: tuple[str, ...]
    temperature_degc: float | None
    set_to_degc: float | None
    wanted_degc: float | None
    soaking: tuple[str, ...]
    held: tuple[str, ...]
    faults: tuple[str, ...]
    words: str
    needs_person: bool


def oven_report(watch: OvenWatch) -> OvenReport:
    """Return what an oven does now."""
    begun = [run for _, run in watch.inside() if run.state is not RunState.QUEUED]
    soaking = [run for run in begun if run.run_id in watch.soaking]
    # A run that soaks is the newest to want something: an oven changes its temperature only between runs.
    wanting = [it for run in (*soaking, *begun) if (it := temperature_of(run)) is not None]
    wanted = wanting[0] if wanting else None
    held = tuple(run.run_id for run in begun if run.state is RunState.HOLDING)
    faults = watch.sight.told_faults
    return OvenReport(
        name=watch.name,
        channels=tuple(watch.settings.places),
        temperature_degc=watch.sight.temperature_degc,
        set_to_degc=None if watch.sight.reading is None else watch.sight.reading.target_degc,
        wanted_degc=None if wanted is None else wanted.target_degc,
        soaking=tuple(run.run_id for run in soaking),
        held=held,
        faults=faults,
        words=_words(watch, wanted, soaking, held, faults),
        needs_person=watch.sight.is_lost or bool(faults) or watch.band >= OvenBand.HOLD,
    )


def _words(
    watch: OvenWatch,
    wanted: CellTemperature | None,
    soaking: list[Run],
    held: tuple[str, ...],
    faults: tuple[str, ...],
) -> str:
    """Say what an oven does.

    ::

        60.0 degC, holds 60 degC
        52.3 degC, soaks at 60 degC for R000001, about 25 min left
        66.2 degC, 6.2 K above the 60 degC that its runs want (heater stuck on); held: R000001, R000002
    """
    degc = watch.sight.temperature_degc
    if degc is None:
        said = watch.sight.problem
    else:
        said = f"{degc:.1f} degC, {_doing(watch, degc, wanted, soaking)}"
        said += f" ({', '.join(faults)})" if faults else ""
        said += f"; by a thermometer inside: {watch.sight.problem}" if watch.sight.problem else ""
    return f"{said}; held: {', '.join(held)}" if held else said


def _doing(watch: OvenWatch, degc: float, wanted: CellTemperature | None, soaking: list[Run]) -> str:
    if wanted is None:
        set_to = "" if watch.sight.reading is None else f"set to {watch.sight.reading.target_degc:g} degC, "
        return f"{set_to}no run wants a temperature"
    if soaking:
        names = ", ".join(run.run_id for run in soaking)
        return f"soaks at {wanted.target_degc:g} degC for {names}{about_left(watch, wanted)}"
    if watch.band is OvenBand.INSIDE:
        return f"holds {wanted.target_degc:g} degC"
    side = "above" if degc > wanted.target_degc else "below"
    return f"{abs(degc - wanted.target_degc):.1f} K {side} the {wanted.target_degc:g} degC that its runs want"
