"""Says which temperatures a program wants, and whether a bench has an oven that takes them, before an order."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.neware.settings import NewareSettings
from drivers.oven.settings import OvenSettings
from orchestrator.bench.settings import BenchSettings
from orchestrator.bench.simulated import SimulatedRack, simulated_bench
from orchestrator.bench.simulated_oven import SIMULATED_OVEN, simulated_oven_settings
from orchestrator.clock.durations import duration_words
from protocols.program import Program
from protocols.temperature import CellTemperature


@dataclass(frozen=True, slots=True)
class TemperatureAhead:
    """The temperatures of a program in the order of its segments, and the oven of its channel.

    ``oven`` is the name of the oven around the channel, empty where there is none or no channel was said. ``words`` are
    sentences for people, ``problem`` why the oven does not take the temperatures; empty for nothing.
    """

    wanted: tuple[CellTemperature, ...] = ()
    oven: str = ""
    words: tuple[str, ...] = ()
    problem: str = ""


def beyond_limits(program: Program, oven: OvenSettings) -> str:
    """Return which temperature of a program an oven does not take, in a sentence; empty where it takes all."""
    for one in program.temperatures:
        if not oven.low_degc <= one.target_degc <= oven.high_degc:
            takes = f"{oven.low_degc:g} to {oven.high_degc:g} degC"
            return f"the recipe wants {one.target_degc:g} degC, and {oven.name} takes {takes}"
    return ""


def temperature_ahead(program: Program, bench: BenchSettings | SimulatedRack, channel: str | None) -> TemperatureAhead:
    """Return what becomes of the temperatures of a program on a bench. Raises SettingsError for an unknown channel."""
    wanted = program.temperatures
    oven = None if channel is None else _oven_around(bench, channel, is_warm=bool(wanted))
    if not wanted:
        if oven is None:
            return TemperatureAhead()
        return TemperatureAhead((), oven.name, (f"{channel} is in {oven.name}, and the recipe says no temperature",))
    ordered = f"It is soaked before its first current: {' then '.join(_soak(one) for one in wanted)}"
    if oven is not None:
        words = (ordered, f"{channel} is in {oven.name}, which gets that set point")
        return TemperatureAhead(wanted, oven.name, words, beyond_limits(program, oven))
    return TemperatureAhead(wanted, words=(ordered, _nobody(bench, channel)))


def _oven_around(bench: BenchSettings | SimulatedRack, channel: str, *, is_warm: bool) -> OvenSettings | None:
    """Return the oven around a channel; the built-in rack puts one around those of its tester where it is wanted."""
    if isinstance(bench, BenchSettings):
        bench.tester_of(channel)
        return next((oven for oven in bench.oven if channel in oven.places), None)
    is_inside = is_warm and isinstance(simulated_bench().tester_of(channel), NewareSettings)
    return simulated_oven_settings([channel]) if is_inside else None


def _soak(one: CellTemperature) -> str:
    return f"{one.target_degc:g} degC, within {one.tolerance_k:g} degC for {duration_words(one.soak_s)}"


def _nobody(bench: BenchSettings | SimulatedRack, channel: str | None) -> str:
    """Say that no oven is around a channel, or, where none was said, which ovens a bench has."""
    if channel is not None:
        return f"No oven has {channel} inside: nothing heats or watches it"
    if isinstance(bench, SimulatedRack):
        return f"A simulated run has {SIMULATED_OVEN} around a channel of its tester"
    if not bench.oven:
        return "The bench file has no oven: nothing heats or watches it"
    ovens = ", ".join(f"{oven.name} with {', '.join(oven.places) or 'no channel'}" for oven in bench.oven)
    return f"Ovens of the bench file: {ovens}"
