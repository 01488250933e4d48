"""The checks that a program, its cell and the settings of its channel answer: nothing is asked of an instrument.

Each function returns one ``Check``; what refuses a start here is what ``protocols`` and the drivers find, told under
its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from operator import itemgetter

from drivers.capabilities import RehearsesLoading
from drivers.interfaces import BatteryTester, HostLoss
from orchestrator.checks import Check, CheckName, failed, not_asked, passed, warned
from orchestrator.clock.durations import duration_words
from orchestrator.runs.request import RunRequest
from protocols.errors import Implausible
from protocols.forecast import Forecast
from protocols.normalised import plain
from protocols.plausibility import StepValues
from protocols.program import Program
from protocols.program_steps import powered
from protocols.proof import CounterExample, prove
from protocols.usual_bands import UsualBands

_MEND = "correct the recipe, or take a channel that can do it"
_UNVERIFIED = "limits_unverified: no command of this instrument shows the limits in force"


def envelope_check(channel: str, program: Program, reasons: Sequence[str]) -> Check:
    """Judge the reasons why a channel cannot run a program: voltages, currents, steps, records, order of limits."""
    if reasons:
        return failed(CheckName.ENVELOPE, "\n".join(reasons), _MEND)
    largest_a = _largest_a(program)
    most = f"; its largest current is {plain(largest_a * 1000)} mA" if largest_a else ""
    return passed(CheckName.ENVELOPE, f"the ranges of {channel} fit the program{most}")


def proof_check(program: Program) -> Check:
    """Judge whether a program is proven: each step ends, inside its limits and inside what its cell holds."""
    found = prove(program)
    if isinstance(found, CounterExample):
        return failed(CheckName.PROOF, str(found), "correct the recipe, or the cell's file")
    most = f"{plain(found.step_charge_ah * 1000)} mAh a step, {plain(found.charge_ah * 1000)} mAh in all"
    steps = f"all {found.steps} steps end, within {duration_words(found.longest_s)}"
    return passed(CheckName.PROOF, f"{steps}; they pass at most {most}")


def limits_check(channel: str, program: Program, tester: BatteryTester | None) -> Check:
    """Judge the limits that the tester will be given; ``tester`` (None: not known) compiles them and reads them back.

    Nothing is written, and no connection is needed; at the start the same is done with the file that is written.
    """
    told = _told_limits(program)
    if tester is None:
        return not_asked(CheckName.LIMITS, f"{told}; the step file is compiled and read back where the tester is known")
    if not isinstance(tester, RehearsesLoading):
        if tester.traits.limits_read_back:
            return passed(CheckName.LIMITS, f"{told}; they are read back from {tester.name} at the start")
        if not (note := tester.traits.limits_note):
            return warned(CheckName.LIMITS, f"{told}; {_UNVERIFIED}")
        return passed(CheckName.LIMITS, f"{told}; at the start: {note}")
    wrong = [reason for segment in program.cycling for reason in tester.rehearse(channel, segment)]
    if wrong:
        listed = "; ".join(wrong)
        words = f"what {tester.name} would be given is not the program: {listed}"
        return failed(CheckName.LIMITS, words, "report it with the recipe: nothing must be started from it")
    return passed(CheckName.LIMITS, f"{told}; compiled for {tester.name} and read back equal")


def duration_check(ahead: Forecast, host_loss: HostLoss | None, name: str, seen: str = "") -> Check:
    """Judge how long a program may take, which bounds how long its cell is under current with nobody watching.

    ``seen`` is what the cell of this program sees without this computer, where the tester ``name`` tells it.
    """
    if not isfinite(ahead.planned_duration_s) or not isfinite(ahead.records):
        endless = "nothing bounds how long the program takes"
        return failed(CheckName.DURATION, endless, "give each step a time or a charge as its ceiling")
    longest = duration_words(ahead.planned_duration_s)
    told = f"about {duration_words(ahead.expected_duration_s)}, at most {longest}; about {ahead.records:.0f} records"
    if host_loss is None:
        return passed(CheckName.DURATION, told)
    if host_loss is HostLoss.UNKNOWN:
        alone = seen or f"what {name} does without this computer is not known"
        return warned(CheckName.DURATION, f"{told}; {alone}", "stay with it, or try it on a dummy cell first")
    if seen:
        return passed(CheckName.DURATION, f"{told}; without this computer {seen}")
    alone = f"{host_loss.sentence(name)}" + (f", {longest} at most" if host_loss is HostLoss.RIDES_ON else "")
    return passed(CheckName.DURATION, f"{told}; without this computer {alone.removesuffix(' without this computer')}")


def plausible_check(request: RunRequest, bands: UsualBands, factor: float) -> Check:
    """Judge the sizes of a cell, and the currents and charges of a program, against what is usual for its kind."""
    try:
        judged = request.judged(bands, factor)
    except Implausible as err:
        remedy = str(err).splitlines()[-1]
        return failed(CheckName.PLAUSIBLE, " ".join(err.reasons), remedy)
    seen = judged.plausibility
    told = _told_currents(seen.steps if seen else ())
    if seen is not None and seen.sentences:
        return warned(CheckName.PLAUSIBLE, f"confirmed by {judged.confirming}: {' '.join(seen.sentences)}")
    if seen is not None and seen.untold:
        return passed(CheckName.PLAUSIBLE, f"{told} ({'; '.join(seen.untold)})")
    return passed(CheckName.PLAUSIBLE, told)


def contact_check(program: Program) -> Check:
    """Say in which window the check block at the head of a program must find the resistance of the cell."""
    guards = program.cycling[0].guards
    low_ohm, high_ohm = guards.resistance_low_ohm, guards.resistance_high_ohm
    if low_ohm is None or high_ohm is None:
        none = "the recipe has no contact check: a bad contact shows only in the data"
        return not_asked(CheckName.CONTACT, none, "write 'check_block: true' into it to have one")
    window = f"{plain(low_ohm)} to {plain(high_ohm)} ohm"
    return passed(CheckName.CONTACT, f"the first steps measure it: a cell outside of {window} is stopped there")


def _told_limits(program: Program) -> str:
    limits = program.cycling[0].limits
    band = f"{limits.tester.low_v:g} to {limits.tester.high_v:g} V"
    host = f"{limits.host.low_v:g} to {limits.host.high_v:g} V"
    return f"the tester stops outside of {band} or above {plain(limits.tester_current_a * 1000)} mA, the host at {host}"


def _told_currents(steps: Sequence[StepValues]) -> str:
    """Say the largest current of the steps in all units that the cell's file allows."""
    sized = [(step.current_ma, step) for step in steps if step.current_ma]
    if not sized:
        return "no step sets a current"
    most_ma, most = max(sized, key=itemgetter(0))
    units = (
        (most.current_density_ma_per_cm2, "mA/cm2"),
        (most.specific_current_ma_per_g, "mA/g"),
        (most.c_rate, "C"),
    )
    also = [f"{plain(value)} {unit}" for value, unit in units if value is not None]
    return " = ".join([f"at most {plain(most_ma)} mA", *also])


def _largest_a(program: Program) -> float:
    steps = [step for segment in program.cycling for _, step in powered(segment.steps)]
    return max((step.largest_a or 0.0 for step in steps), default=0.0)
