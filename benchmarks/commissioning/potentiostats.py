"""Simulated CHI660Es that differ in every point which the reference leaves open, and what must be found of each."""

from __future__ import annotations

from typing import Any

from benchmarks.commissioning.draws import Flips, Switches, misses
from benchmarks.commissioning.resistor import CHANNEL, MOST_A, OHM, LoggedResistor, Operator
from orchestrator.bench.simulated import SimulatedRack, open_simulated_chi, open_simulated_rack
from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning.chi660e import QUESTIONS
from orchestrator.commissioning.people import ReadsForThem
from orchestrator.commissioning.potentiostat_hands import PotentiostatHands
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress, Setup

_TEXT = ("figures", "separator", "chinese", "line_end")
SWITCHES: Switches = {
    "prefix_form": ("any", "length", "hardpotato"),
    "line_ends": ("any", "crlf", "lf"),
    "cathodic_positive": (True, False),
    "istep_anodic_positive": (True, False),
    "cp_negative_first_cathodic": (True, False),
    "knows_hold_times": (True, False),
    # The first point below 1 MHz is at 825195.3 Hz: a program that cuts above it measures all that there is.
    "top_hz": (1e6, 825195.4, 825195.2, 4e5, 1e5),
    "amplitude_is": ("peak", "rms"),
    "keeps_driving": (False, True),
    "istep_limit": ("stop", "ignore"),
    "cp_limit": ("flip", "ignore"),
    "figures": (4, 8),
    "separator": (", ", "\t"),
    "chinese": (False, True),
    "line_end": ("\r\n", "\n"),
    # Nothing is asked of these, and none of them may mislead.
    "short_prefix": ("cut", "ignore"),
    "keeps_spaces": (True, False),
    "limit_hold": ("voltage", "current"),
    "prioe_times_limit": (True, False),
    "ft_line": ("", "FT mode"),
    "clips": (True, False),
}
"""The switches of the simulated program that a commissioning meets, with ``keeps_driving``: when its program dies."""

_TOPS_HZ = {1e6: 1e6, 825195.4: 1e6, 825195.2: 5e5, 4e5: 2e5, 1e5: 1e5}
_ROUNDING = 1.0 + 1e-9


async def missed(flips: Flips) -> tuple[list[str], float]:
    """Commission one potentiostat; return what was not found or is left on, and the largest current of the leads."""
    cfg: dict[str, Any] = {name: value for name, value in flips.items() if name not in (*_TEXT, "keeps_driving")}
    cfg["text"] = {name: flips[name] for name in _TEXT}
    resistor = LoggedResistor(OHM)
    async with (
        open_simulated_rack(SimulatedRack()) as (_, bench),
        open_simulated_chi(bench, "chi660e", cfg=cfg) as (settings, build),
    ):
        leads = bench.leads
        bench.tester.swap_cell(CHANNEL, resistor)
        bench.clip(CHANNEL)
        leads.keeps_driving = flips["keeps_driving"]
        person = ReadsForThem(Operator(), lambda: leads.is_driven, lambda: 1000 * leads.ac_rms_v)
        hands = PotentiostatHands(settings, build, person, OHM, MOST_A, wall_time)
        progress = Progress(None, Setup("chi660e", "chi660e", "the leads", OHM, MOST_A))
        asked = await commission(QUESTIONS, hands, person, progress, wall_time)
        wrong = misses(asked, facts_of(flips), settings_of(flips))
        if leads.is_driven:
            wrong.append("the leads are driven behind the last question")
        return wrong, max(resistor.most_a, leads.ac_peak_a) / _ROUNDING


def facts_of(flips: Flips) -> dict[str, object]:
    """Return the facts that a commissioning must find: behind a limit that does not act nothing more is asked."""
    facts: dict[str, object] = {
        "cathodic_current_positive": flips["cathodic_positive"],
        "istep_positive_is_charge": flips["istep_anodic_positive"],
        "cp_n_is_cathodic": flips["cp_negative_first_cathodic"],
        "version": "new" if flips["knows_hold_times"] else "old",
        "high_hz_max": _TOPS_HZ[flips["top_hz"]],
        "figures": flips["figures"],
        "amplitude_is": flips["amplitude_is"],
        "host_loss": "rides_on" if flips["keeps_driving"] else "stops",
        "istep_limit_acts": flips["istep_limit"] == "stop",
    }
    if flips["istep_limit"] == "stop":
        facts["cp_limit_acts"] = flips["cp_limit"] == "flip"
        if flips["cp_limit"] == "flip":
            facts["off_after_all"] = True
    return facts


def settings_of(flips: Flips) -> dict[str, object]:
    """Return the settings that must be written beside the usual ones; None: left as it is."""
    top_hz = _TOPS_HZ[flips["top_hz"]]
    return {
        "macro_prefix": "hardpotato" if flips["prefix_form"] == "hardpotato" else None,
        "macro_line_end": "lf" if flips["line_ends"] == "lf" else None,
        "cathodic_current_positive": None if flips["cathodic_positive"] else False,
        "istep_positive_is_charge": None if flips["istep_anodic_positive"] else False,
        "cp_n_is_cathodic": None if flips["cp_negative_first_cathodic"] else False,
        "version": None if flips["knows_hold_times"] else "old",
        "high_hz_max": None if top_hz == 1e6 else top_hz,
        "amplitude_is": None if flips["amplitude_is"] == "peak" else "rms",
        "host_loss": "rides_on" if flips["keeps_driving"] else None,
    }
