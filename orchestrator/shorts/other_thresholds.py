"""The thresholds of the rules for shorts in Li/Cu and full cells, each with its reason (docs/shorts.md)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlatingThresholds:
    """The thresholds for Li/Cu cells; fractions unless the name has a unit.

    ``over``: more than so much beyond what was plated cannot come back (currents are known to 0.1 %; lithium that had
    lost its contact comes back by a few per cent at most, and what the last strip left is counted apart);
    ``least_ah_per_cm2`` is what the double layer and the film may give. A strip that is over has ``low`` of its cutoff
    or less: without lithium the copper rises to it within seconds. ``even``: a strip that ends by its time and gave so
    much of what was there should have met its cutoff; ``even_in_a_row`` of them are a short. ``emptied``: a strip that
    met its cutoff has left only dead lithium if it gave at least so much.

    A collapse is a record at ``fall`` or less of the overvoltage of the last minutes, which lay within ``steady`` of
    each other and above ``least_v``, and whose last record was above ``high``: nothing but metal or a contact that
    mends does that. ``back`` twice in a row ends it; ``confirm_s`` and ``confirm_records`` tell it. It is metal's once
    both directions have passed ``metal_s`` each, flat and alike within ``flat``, at ``thread_ohm`` or less.
    """

    over: float = 0.05
    least_ah_per_cm2: float = 2e-5
    low: float = 0.5
    even: float = 1.0
    even_in_a_row: int = 2
    emptied: float = 0.5

    fall: float = 0.15
    high: float = 0.7
    steady: float = 1.5
    least_v: float = 5e-3
    back: float = 0.5
    confirm_s: float = 600.0
    confirm_records: int = 10
    metal_s: float = 600.0
    flat: float = 0.25
    thread_ohm: float = 16.0


PLATING = PlatingThresholds()


@dataclass(frozen=True, slots=True)
class FullCellThresholds:
    """The thresholds for cells with an intercalation electrode; fractions unless the name has a unit.

    ``over``: a constant current that has passed so many times what the cell can hold charges nothing any more; the
    capacity is the larger of the nominal one and of the largest discharge. ``uneven``: a charge by so much above the
    discharges before and after it, at currents that are those of the cycle before, leaks (films take some per cent,
    and in the first ``forming_cycles`` more); cycles of less than ``least`` of the capacity are not compared: a
    cell that a fast rate cuts off at once passes the charge of one look of the tester, or of two. ``drop_v`` at
    once in a charge at constant current, ``sigmas`` times the scatter and ``drops`` times within
    ``drops_within_s``, is the noise of dendrites that come and go; a contact mends once. ``rest_v``: so far a cell
    does not fall in a rest from ``relaxed_s`` on, when its gradients have gone.
    """

    over: float = 1.5
    uneven: float = 0.15
    least: float = 0.05
    forming_cycles: int = 2
    drop_v: float = 5e-3
    sigmas: float = 7.0
    drops: int = 6
    drops_within_s: float = 3600.0
    relaxed_s: float = 7200.0
    rest_v: float = 0.2


FULL_CELL = FullCellThresholds()
