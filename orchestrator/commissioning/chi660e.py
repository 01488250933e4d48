"""The questions to a CHI660E: signs, amplitude, range of frequencies, and what it does when its program dies.

Reference chi660e, section 15. A resistor is on the leads: counter and reference together on one side, working on the
other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from drivers.errors import DriverError, MeasurementFailed
from drivers.interfaces import HostLoss, Spectrum
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.potentiostat_hands import AT_REST_V, PotentiostatHands
from orchestrator.commissioning.questions import Found, Outcome, Question, Setting
from protocols.techniques import CurrentStep, CurrentSteps, HeldVoltage, Impedance, OpenCircuit, ReversedCurrent

_TINY = 0.05
_TOLERANCE = 0.1
_PREFIXES = ("length", "hardpotato")
_AMPLITUDE = 0.1
_TOP_HZ = 1e6
_KILLED_AFTER_S = 20.0
_STILL, _GONE = "still there", "gone"


async def program(hands: PotentiostatHands) -> Found:
    """Measure at open circuit, with the form of macro of the bench file, else with the other one."""
    evidence: dict[str, Fact] = {}
    configured = hands.settings.macro_prefix
    for prefix in (configured, *(other for other in _PREFIXES if other != configured)):
        try:
            trace = await hands.trace(OpenCircuit(3.0), macro_prefix=prefix)
        except MeasurementFailed as err:
            evidence[f"prefix {prefix}"] = str(err)[:300]
            continue
        rest_v = fmean(trace.voltage_v)
        evidence |= {f"prefix {prefix}": "works", "rest_v": rest_v}
        if abs(rest_v) > AT_REST_V:
            return Found(Outcome.WRONG, f"{rest_v:.3f} V at rest: that is no resistor; take the cell off", evidence)
        settings = () if prefix == configured else (Setting(("macro_prefix",), prefix),)
        said = f"macros with the prefix {prefix!r} run, and the program closes behind them"
        return Found(Outcome.FOUND, said, evidence, {"macro_prefix": prefix}, settings)
    return Found(Outcome.WRONG, "no macro runs: see what the program shows", evidence)


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
    edge_v = 1.5 * hands.most_v
    step = CurrentStep(hands.most_a, 3.0)
    trace = await hands.trace(CurrentSteps((step,), edge_v, -edge_v, interval_s=0.1))
    return _sign(hands, "istep_positive_is_charge", fmean(trace.voltage_v[-5:]), "a charge by ISTEP")


async def cp_direction(hands: PotentiostatHands) -> Found:
    """Begin CP with a charge and look which way the voltage goes."""
    edge_v = 1.5 * hands.most_v
    technique = ReversedCurrent(hands.most_a, hands.most_a, 3.0, 3.0, edge_v, -edge_v, half_cycles=1, interval_s=0.1)
    trace = await hands.trace(technique)
    return _sign(hands, "cp_n_is_cathodic", fmean(trace.voltage_v[-5:]), "CP that begins with a charge")


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


async def top_frequency(hands: PotentiostatHands) -> Found:
    """Measure the resistor from 1 MHz down."""
    technique = Impedance(_TOP_HZ, 1e5, min(0.01, hands.most_v / 2), bias_v=0.0, quiet_s=0.0)
    try:
        spectrum = (await hands.measure(technique)).result
    except MeasurementFailed as err:
        said = f"a spectrum from {_TOP_HZ:g} Hz is not measured whole: {err}"
        return Found(Outcome.FOUND, said, {"error": str(err)[:300]}, {"measures_1_mhz": False})
    if not isinstance(spectrum, Spectrum):
        return Found(Outcome.UNDECIDED, "no spectrum came")
    low = spectrum.impedance_ohm[-1]
    evidence: dict[str, Fact] = {"first_hz": spectrum.frequency_hz[0], "at_100_khz_ohm": round(abs(low), 3)}
    said = f"it begins at {spectrum.frequency_hz[0]:.4g} Hz; the resistor is {abs(low):.5g} ohm at 100 kHz"
    return Found(Outcome.FOUND, said, evidence, {"measures_1_mhz": True})


async def amplitude(hands: PotentiostatHands) -> Found:
    """Let a person read the alternating voltage of a slow spectrum at a true-rms meter."""
    volts = _AMPLITUDE * hands.most_v
    hands.person.tell("Put a true-rms meter for AC voltage on the resistor; keep the largest value that it shows.")
    await hands.measure(Impedance(100.0, 10.0, volts, bias_v=0.0, quiet_s=0.0))
    read_mv = hands.person.reads("What was the largest AC voltage that it showed?", "mV")
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
    seen = hands.person.chooses("The program was killed. Is the voltage still there?", (_STILL, _GONE))
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
        "Public macros begin in two ways, of which a program may know one (section 4.2).",
        "The open-circuit voltage is measured for 3 s, where need be with both ways.",
        0.0,
        15.0,
        "macro_prefix",
        "whether the program closes with the file that was ordered, and the voltage",
        program,
        is_needed=True,
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
    ),
    Question(
        "cp-direction",
        "With which current does CP begin at pn=n?",
        "It is known from one sample of the vendor's alone (section 6).",
        "A charge is passed by CP for 3 s.",
        1.0,
        20.0,
        "cp_n_is_cathodic",
        "the sign of the voltage",
        cp_direction,
    ),
    Question(
        "top-frequency",
        "Is a spectrum from 1 MHz measured whole?",
        "Files promise frequencies that were not measured (section 2.2).",
        "The resistor is measured from 1 MHz to 100 kHz.",
        1.0,
        90.0,
        "",
        "the first frequency of the file",
        top_frequency,
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
    ),
)
