"""The questions to a CHI660E: signs, amplitude, range of frequencies, and what it does when its program dies.

Reference chi660e, section 15. A resistor is on the leads: counter and reference together on one side, working on the
other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from statistics import fmean

from drivers.errors import DriverError, MacroRefused, MeasurementFailed
from drivers.interfaces import HostLoss
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.chi660e_limits import cp_limit, istep_limit, reversals, steps, top_frequency
from orchestrator.commissioning.potentiostat_hands import AT_REST_V, PotentiostatHands
from orchestrator.commissioning.questions import Found, Outcome, Question, Setting
from protocols.techniques import HeldVoltage, Impedance, OpenCircuit

_TINY = 0.05
_TOLERANCE = 0.1
_PREFIXES = ("length", "hardpotato")
_LINE_ENDS = ("crlf", "lf")
_AMPLITUDE = 0.1
# The program takes no less than 1 mV, which may be meant as the peak (section 6).
_LEAST_AMPLITUDE_V = 0.002
_KILLED_AFTER_S = 20.0
_STILL, _GONE = "still there", "gone"


async def program(hands: PotentiostatHands) -> Found:
    """Measure at open circuit, with the form of macro of the bench file, else with each other one."""
    evidence: dict[str, Fact] = {}
    now = (hands.settings.macro_prefix, hands.settings.macro_line_end)
    for prefix, ends in (now, *(form for form in product(_PREFIXES, _LINE_ENDS) if form != now)):
        form = f"prefix {prefix}, {ends}"
        try:
            trace = await hands.trace(OpenCircuit(3.0), macro_prefix=prefix, macro_line_end=ends)
        except MeasurementFailed as err:
            evidence[form] = str(err)[:300]
            continue
        rest_v = fmean(trace.voltage_v)
        evidence |= {form: "works", "rest_v": rest_v}
        if abs(rest_v) > AT_REST_V:
            return Found(Outcome.WRONG, f"{rest_v:.3f} V at rest: that is no resistor; take the cell off", evidence)
        found = {"macro_prefix": prefix, "macro_line_end": ends}
        written = dict(zip(found, now, strict=True))
        settings = tuple(Setting((name,), value) for name, value in found.items() if value != written[name])
        said = f"macros with the prefix {prefix!r} and {ends} line ends run, and the program closes behind them"
        return Found(Outcome.FOUND, said, evidence, found, settings)
    return Found(Outcome.WRONG, "no macro runs: see what the program shows, and command_line", evidence)


async def polarity(hands: PotentiostatHands) -> Found:
    """Hold a twentieth of the voltage, and the whole only if the current was that of the declared resistor."""
    evidence: dict[str, Fact] = {}
    current_a, ohm = 0.0, math.inf
    for name, part in (("tiny", _TINY), ("whole", 1.0)):
        volts = part * hands.most_v
        trace = await hands.trace(held(hands, volts, 2.0))
        current_a = fmean(trace.current_a[-5:])
        evidence |= {f"{name}_v": volts, f"{name}_a": current_a}
        ohm = volts / abs(current_a) if current_a else math.inf
        if abs(ohm / hands.ohm - 1) > _TOLERANCE:
            said = f"{ohm:.4g} ohm where {hands.ohm:g} ohm were declared: look at the resistor and the leads"
            return Found(Outcome.WRONG, said, evidence)
    right = current_a > 0
    now = hands.settings.cathodic_current_positive
    settings = () if right else (Setting(("cathodic_current_positive",), not now),)
    truth = now if right else not now
    said = f"{ohm:.5g} ohm; a {'cathodic' if truth else 'anodic'} current is positive in the program's files"
    return Found(Outcome.FOUND, said, evidence, {"cathodic_current_positive": truth}, settings)


def held(hands: PotentiostatHands, volts: float, seconds: float) -> HeldVoltage:
    """Hold a voltage, on the smallest decade whose full scale, 10 V times it, is twice the current (section 2.1)."""
    decade = math.ceil(math.log10(2 * abs(volts) / hands.ohm / 10))
    return HeldVoltage(volts, seconds, sensitivity_a_per_v=float(f"1e{min(-1, max(-12, decade))}"))


async def istep_sign(hands: PotentiostatHands) -> Found:
    """Pass a charge by ISTEP and look which way the voltage goes."""
    trace = await hands.trace(
        steps(hands, 1.5 * hands.most_v), istep_positive_is_charge=hands.settings.istep_positive_is_charge
    )
    return _sign(hands, "istep_positive_is_charge", fmean(trace.voltage_v[-5:]), "a charge by ISTEP")


async def cp_direction(hands: PotentiostatHands) -> Found:
    """Begin CP with a charge and look which way the voltage goes; by the older commands where the newer are refused."""
    technique = reversals(hands, 1.5 * hands.most_v)
    sign = {"cp_n_is_cathodic": hands.settings.cp_n_is_cathodic}
    version = hands.settings.version
    try:
        trace = await hands.trace(technique, version=version, **sign)
    except MacroRefused:
        if version == "old":
            raise
        version = "old"
        trace = await hands.trace(technique, version=version, **sign)
    found = _sign(hands, "cp_n_is_cathodic", fmean(trace.voltage_v[-5:]), "CP that begins with a charge")
    if version == hands.settings.version or found.outcome is not Outcome.FOUND:
        return replace(found, facts={**found.facts, "version": version})
    said = f"{found.concluded}; heht and leht are refused: the older commands are used"
    settings = (*found.settings, Setting(("version",), version))
    return replace(found, concluded=said, facts={**found.facts, "version": version}, settings=settings)


def _sign(hands: PotentiostatHands, name: str, volts: float, what: str) -> Found:
    evidence: dict[str, Fact] = {"voltage_v": volts}
    if abs(abs(volts) / hands.most_v - 1) > _TOLERANCE:
        said = f"{what} gave {volts:.4g} V where {hands.most_v:.4g} V were expected"
        return Found(Outcome.WRONG, said, evidence)
    now = bool(getattr(hands.settings, name))
    truth = now if volts > 0 else not now
    settings = () if truth == now else (Setting((name,), truth),)
    said = f"{what} gave {volts:+.4g} V: {name} is {str(truth).lower()}"
    return Found(Outcome.FOUND, said, evidence, {name: truth}, settings)


async def amplitude(hands: PotentiostatHands) -> Found:
    """Let a person read the alternating voltage of a slow spectrum at a true-rms meter."""
    volts = max(_AMPLITUDE * hands.most_v, _LEAST_AMPLITUDE_V)
    hands.person.tell("Put a true-rms meter for AC voltage on the resistor; keep the largest value that it shows.")
    await hands.measure(Impedance(100.0, 10.0, volts, bias_v=0.0, quiet_s=0.0))
    read_mv = await hands.person.reads("What was the largest AC voltage that it showed?", "mV")
    # What the macro asked for, whatever the program takes it for.
    asked_v = volts / (math.sqrt(2) if hands.settings.amplitude_is == "rms" else 1.0)
    evidence: dict[str, Fact] = {"asked_v": asked_v, "read_mv": -1.0 if read_mv is None else read_mv}
    if read_mv is None:
        return Found(Outcome.UNDECIDED, "nobody has read it", evidence)
    ratio = read_mv / 1000 / asked_v
    near = {"rms": abs(ratio - 1), "peak": abs(ratio - 1 / math.sqrt(2))}
    answer = min(near, key=lambda name: near[name])
    if near[answer] > _TOLERANCE:
        return Found(Outcome.UNDECIDED, f"{read_mv:g} mV is neither its peak nor its rms value", evidence)
    settings = () if answer == hands.settings.amplitude_is else (Setting(("amplitude_is",), answer),)
    return Found(
        Outcome.FOUND, f"the program takes an amplitude for {answer}", evidence, {"amplitude_is": answer}, settings
    )


async def host_loss(hands: PotentiostatHands) -> Found:
    """Kill the program while it holds a voltage, and let a person read whether it is still there."""
    hands.person.tell(f"Put a DC voltmeter on the resistor: it will show {hands.most_v:.3g} V.")
    await hands.broken_off(held(hands, hands.most_v, 100.0), _KILLED_AFTER_S)
    seen = await hands.person.chooses("The program was killed. Is the voltage still there?", (_STILL, _GONE))
    if seen is None:
        return Found(Outcome.UNDECIDED, "nobody has seen it")
    answer = HostLoss.RIDES_ON if seen == _STILL else HostLoss.STOPS
    settings = () if answer is hands.settings.host_loss else (Setting(("host_loss",), answer.value),)
    said = (
        "the cell stays driven when the program dies" if answer is HostLoss.RIDES_ON else "the cell is off when it dies"
    )
    return Found(Outcome.FOUND, said, {"seen": seen}, {"host_loss": answer.value}, settings)


async def link(hands: PotentiostatHands) -> Found:
    """Switch the cell off after all, and see that nothing is on the leads."""
    try:
        rest_v = fmean((await hands.trace(OpenCircuit(3.0))).voltage_v)
    except DriverError as err:
        return Found(Outcome.WRONG, f"after all it does not measure any more: {err}")
    off = abs(rest_v) <= AT_REST_V
    said = f"{rest_v:.4f} V at rest: the leads are {'free' if off else 'still driven'}"
    return Found(Outcome.FOUND if off else Outcome.WRONG, said, {"rest_v": rest_v}, {"off_after_all": off})


QUESTIONS: Sequence[Question[PotentiostatHands]] = (
    Question(
        "program",
        "Does the program run our macros, and is nothing but a resistor on the leads?",
        "Public macros are written in two ways, of which a program may know one (section 4.2).",
        "The open-circuit voltage is measured for 3 s, where need be with each prefix and line end.",
        0.0,
        15.0,
        "macro_prefix, macro_line_end",
        "whether the program closes with the file that was ordered, and the voltage",
        program,
        is_needed=True,
        lasts_s=10.0,
    ),
    Question(
        "polarity",
        "Is the declared resistor on the leads, and which current is positive in the files?",
        "Current Polarity is a setting of the program's that no file tells (section 3).",
        "A twentieth of the voltage is held for 4 s, then the voltage.",
        1.0,
        15.0,
        "cathodic_current_positive",
        "voltage over current within 10 % of what was declared, and the sign of the current",
        polarity,
        is_needed=True,
        lasts_s=30.0,
    ),
    Question(
        "istep-sign",
        "Does a positive current of ISTEP charge?",
        "The help says both (section 6): a wrong sign discharges the first cell that is to be charged.",
        "A charge is passed by ISTEP for 3 s.",
        1.0,
        15.0,
        "istep_positive_is_charge",
        "the sign of the voltage",
        istep_sign,
        lasts_s=15.0,
    ),
    Question(
        "cp-direction",
        "With which current does CP begin at pn=n?",
        "It is known from one sample of the vendor's alone (section 6).",
        "A charge is passed by CP for 3 s.",
        1.0,
        20.0,
        "cp_n_is_cathodic, version",
        "the sign of the voltage",
        cp_direction,
        lasts_s=15.0,
    ),
    Question(
        "top-frequency",
        "Is a spectrum from 1 MHz measured whole?",
        "Files promise frequencies that were not measured (section 2.2).",
        "The resistor is measured from 1 MHz to 10 kHz, and from less where that is cut.",
        1.0,
        90.0,
        "high_hz_max",
        "the first frequency of the file, and with how many figures it is written",
        top_frequency,
        lasts_s=20.0,
    ),
    Question(
        "amplitude",
        "Does the program take an amplitude of impedance for the peak or for the rms value?",
        "The specification and the macro list differ by a factor of 1.414 (section 2.2).",
        "The resistor is measured from 100 to 10 Hz with a tenth of the voltage; you read a true-rms meter.",
        1.0,
        90.0,
        "amplitude_is",
        "the AC voltage that you read over the one ordered",
        amplitude,
        lasts_s=60.0,
    ),
    Question(
        "host-loss",
        "Is the cell off when the program dies in the middle of a measurement?",
        "It is not documented (section 4.4), and no run goes on alone with an instrument of which nobody knows.",
        "The voltage is held, the program is killed after 20 s, and you read a voltmeter; then the cell is off.",
        1.0,
        120.0,
        "host_loss",
        "whether the voltage is still there",
        host_loss,
        lasts_s=60.0,
    ),
    Question(
        "istep-limit",
        "Does a voltage limit end ISTEP?",
        "It is the only guard of a cell that acts without this computer (section 6).",
        "A charge is passed by ISTEP for 3 s, then ordered again with its limit at half of its voltage.",
        1.0,
        15.0,
        "",
        "how long the current flows with and without the limit",
        istep_limit,
        lasts_s=35.0,
    ),
    Question(
        "cp-limit",
        "Does a voltage limit end a half-cycle of CP?",
        "The help says that it turns the current round even where times do (section 6).",
        "A charge is passed by CP for 3 s, then ordered again with its limit at half of its voltage.",
        1.0,
        20.0,
        "",
        "how long the current flows with and without the limit",
        cp_limit,
        lasts_s=35.0,
    ),
    Question(
        "off-at-the-end",
        "Is nothing driven after all this?",
        "A cell that is connected next must find dead leads.",
        "The open-circuit voltage is measured for 3 s.",
        0.0,
        15.0,
        "",
        "the voltage",
        link,
        lasts_s=10.0,
    ),
)
