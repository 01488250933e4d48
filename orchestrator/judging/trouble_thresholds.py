"""The thresholds by which trouble is seen early, each with its reason; those of a recipe are ``TroubleGuards``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from drivers.interfaces import Sample
from orchestrator.judging.limits import FindingKind
from protocols.trouble import TroubleSign

# A current flows when it is this part of the set one, and is another one when it differs by this part of the larger.
FLOWS, OTHER = 0.9, 0.1
# The first record under a new current tells the resistance so long after the last one of the old current: charge
# transfer is over, and next to nothing has diffused.
EDGE_S = 5.0
# A rise that makes less than this is in the noise and the drift of testers, in V.
LEAST_V = 2e-3
# So many earlier values are compared, by their median; so many of them are asked for at least.
RECENT, LEAST_RECENT = 8, 3
# The values of a run's own beginning: behind the first, in which surfaces form, so many.
BASELINE = 5
# A rise is told when so many values in a row show it: one may be a lead that was touched.
IN_A_ROW = 2
# A rise within a few half-cycles stands out of the scatter of the run's own values by so many of their deviations.
SCATTER = 6.0
# The standard deviation of normal values, in their median distances from the median.
DEVIATION = 1.4826
# Over a whole run healthy cells of a kind grow by less: films and deposits of bare Li/Li cells make seven times the
# voltage within 300 cycles, those of bare LFP cells eight times the resistance within 50, Li/Cu cells hardly change.
SLOW_RISE: Mapping[str, float] = MappingProxyType({"li-li": 10.0, "li-cu": 3.0, "lfp": 10.0, "other": 10.0})
# Resistances of a cell that is filled and emptied depend on its state of charge. Where a voltage ended the step before
# it is that voltage's; else values are compared within this part of the capacity.
CHARGE_STEP = 0.05
AT_VOLTAGE = 1_000_000
# Two half-cycles make a polarisation together when their charges differ by at most this factor, and their currents by
# this part.
SAME_CHARGE, SAME_CURRENT = 2.0, 0.05
# Integrals of less than these tell nothing: the time resolution of testers is 0.1 s, their counters' 0.1 uAh.
COUNTED_S, COUNT_AH = 60.0, 2e-7
# The charge of a step that goes on is looked at first at so many records, and each time that they have doubled.
FIRST_COUNT = 128
# A voltage that is the same for so long is told, and for so many times what whole steps of this direction have shown.
FLAT_S, FLAT_FACTOR, FLAT_STEPS = 600.0, 4.0, 2
# So many readings, the same on both sides of a change of the current, are told at once: any cell answers it.
FLAT_AROUND = 5
# A voltage jumps by more than this from one record to the next, in V, and by more than twice the change at which the
# recipe makes records.
JUMP_V, JUMP_CHANGES = 0.01, 2.0
# It comes back by so much of the jump. Jumps before so much of a step are its beginning: nuclei, settling.
JUMP_BACK, BEGINNING_S = 0.5, 120.0
# Jumps count together within so long.
JUMPS_WITHIN_S = 6 * 3600.0
# Of more jumps than these nothing more is learnt.
MOST_JUMPS = 200
# Records may be late by so much besides: testers look every 0.1 s and write when they have time.
LATE_S = 2.0
# What was told is told again when it is worse by this factor.
WORSE = 2.0

KINDS: Mapping[TroubleSign, FindingKind] = MappingProxyType(
    {
        TroubleSign.CONTACT: FindingKind.CONTACT_RISES,
        TroubleSign.POLARISATION: FindingKind.POLARISATION_DRIFTS,
        TroubleSign.CHARGE: FindingKind.CHARGE_DIFFERS,
        TroubleSign.FLAT: FindingKind.VOLTAGE_FLAT,
        TroubleSign.JUMPS: FindingKind.VOLTAGE_JUMPS,
        TroubleSign.LATE: FindingKind.RECORDS_LATE,
    }
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A sign of trouble: how bad it is as a factor of its threshold, since when in the run, a sentence, its evidence.

    ``evidence`` holds numbers with units in their names, and the first and last record (``sequence``) that show it.
    """

    sign: TroubleSign
    level: float
    time_s: float
    sentence: str
    evidence: Mapping[str, object]


def records_of(first: Sample, last: Sample) -> dict[str, object]:
    """Return where in a test a sign is shown: its first and last record, the executed step, and the tester's time."""
    return {
        "first_sequence": first.sequence,
        "last_sequence": last.sequence,
        "step_count": last.step_count,
        "since_unix_s": first.unix_time_s,
    }
