"""Questions to a CHI660E on what its program guards and promises: limits, the highest frequency, figures."""

from __future__ import annotations

from drivers.errors import Incomplete, MacroRefused, WrongFile
from drivers.interfaces import Spectrum, Trace
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.potentiostat_hands import PotentiostatHands
from orchestrator.commissioning.questions import Found, Outcome, Setting
from protocols.techniques import CurrentStep, CurrentSteps, Impedance, ReversedCurrent, Technique

_FOR_S = 3.0
_TOPS_HZ = (1e6, 5e5, 2e5, 1e5)
_LOW_HZ = 1e4
_ENOUGH_FIGURES = 6
"""Four figures are a millivolt at 3.7 V (section 1)."""


def steps(hands: PotentiostatHands, edge_v: float) -> CurrentSteps:
    """Return a charge by ISTEP between limits of this magnitude."""
    return CurrentSteps((CurrentStep(hands.most_a, _FOR_S),), edge_v, -edge_v, interval_s=0.1)


def reversals(hands: PotentiostatHands, edge_v: float) -> ReversedCurrent:
    """Return one half-cycle of CP that charges, between limits of this magnitude."""
    a = hands.most_a
    return ReversedCurrent(a, a, _FOR_S, _FOR_S, edge_v, -edge_v, half_cycles=1, interval_s=0.1)


async def istep_limit(hands: PotentiostatHands) -> Found:
    """Pass a charge by ISTEP with limits beyond its voltage, then with one at half of it."""
    free, limited = (steps(hands, part * hands.most_v) for part in (1.5, 0.5))
    return await _limit(hands, "istep_limit_acts", "ISTEP", free, limited)


async def cp_limit(hands: PotentiostatHands) -> Found:
    """Pass a charge by CP with limits beyond its voltage, then with one at half of it."""
    free, limited = (reversals(hands, part * hands.most_v) for part in (1.5, 0.5))
    return await _limit(hands, "cp_limit_acts", "CP", free, limited)


async def _limit(hands: PotentiostatHands, fact: str, name: str, free: Technique, limited: Technique) -> Found:
    """Compare how long a current flows beside a limit and beyond it: a resistor is beyond it before the first row."""
    evidence: dict[str, Fact] = {"without_limit_s": (await hands.trace(free)).time_s[-1]}
    try:
        trace: Trace | None = await hands.trace(limited)
    except Incomplete as err:
        trace, evidence["with_limit"] = None, str(err)[:300]
    if trace is None or trace.time_s[-1] < 0.5 * _FOR_S:
        return Found(Outcome.FOUND, f"{name} ends at once at a limit that it is beyond", evidence, {fact: True})
    evidence |= {"with_limit_s": trace.time_s[-1], "reached_v": trace.voltage_v[-1]}
    said = f"{name} goes on at {trace.voltage_v[-1]:.3g} V beyond its limit for {trace.time_s[-1]:.1f} s: no guard"
    return Found(Outcome.WRONG, said, evidence, {fact: False})


async def top_frequency(hands: PotentiostatHands) -> Found:
    """Measure the resistor from 1 MHz down, and from less where that is not measured whole."""
    evidence: dict[str, Fact] = {}
    for top_hz in _TOPS_HZ:
        technique = Impedance(top_hz, _LOW_HZ, min(0.01, hands.most_v / 2), bias_v=0.0, quiet_s=0.0)
        try:
            # A program that lacks some newer commands may have the newer range: it says so itself.
            spectrum = (await hands.measure(technique, high_hz_max=top_hz, version="new")).result
        except (WrongFile, Incomplete, MacroRefused) as err:
            # Whatever else fails says nothing of frequencies.
            evidence[f"from {top_hz:g} Hz"] = str(err)[:300]
            continue
        if not isinstance(spectrum, Spectrum):
            return Found(Outcome.UNDECIDED, "no spectrum came", evidence)
        return _whole(hands, spectrum, top_hz, evidence)
    return Found(Outcome.UNDECIDED, f"no spectrum from {_TOPS_HZ[-1]:g} Hz or more is measured whole", evidence)


def _whole(hands: PotentiostatHands, spectrum: Spectrum, top_hz: float, evidence: dict[str, Fact]) -> Found:
    low_ohm, figures = abs(spectrum.impedance_ohm[-1]), max(map(_figures, spectrum.frequency_hz))
    evidence |= {"first_hz": spectrum.frequency_hz[0], "at_10_khz_ohm": round(low_ohm, 3), "figures": figures}
    said = f"from {top_hz:g} Hz it is whole, and begins at {spectrum.frequency_hz[0]:.4g} Hz; {low_ohm:.5g} ohm below"
    said += f"; files have {figures} figures"
    said += ": set 8 to 10 in File, Text File Format" if figures < _ENOUGH_FIGURES else ""
    now_hz = hands.settings.high_hz_max
    # A bench file that allows more than was asked keeps that where nothing was cut.
    same = now_hz == top_hz or (top_hz == _TOPS_HZ[0] and now_hz > top_hz)
    settings = () if same else (Setting(("high_hz_max",), top_hz),)
    return Found(Outcome.FOUND, said, evidence, {"high_hz_max": top_hz, "figures": figures}, settings)


def _figures(value: float) -> int:
    """Return the number of significant figures with which a number was written, 10 at most."""
    return len(f"{value:.9e}".partition("e")[0].replace(".", "").rstrip("0"))
