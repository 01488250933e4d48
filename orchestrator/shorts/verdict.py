"""Decides whether the evidence of a low stretch is enough to tell it as a hard short, and on which ground."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.shorts.findings import Reason
from orchestrator.shorts.stretch import Stretch
from orchestrator.shorts.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known besides the stretch itself, in ohm and at the present current; None where it is not known.

    ``level_ohm`` is the median of the stretch's last records, ``lowest_ohm`` the lowest that a sound step showed,
    ``shape_ohm`` the least rise within a sound step behind its first jump: the gradient's part, which no contact has.
    """

    level_ohm: float
    floor_ohm: float
    electrolyte_ohm: float | None
    lowest_ohm: float | None
    shape_ohm: float | None
    before_ohm: float


def reason_for(stretch: Stretch, seen: Evidence, t: Thresholds) -> Reason | None:
    """Return the ground on which a stretch is a hard short; None as long as something else may explain it."""
    level = seen.level_ohm
    if seen.floor_ohm and level <= seen.floor_ohm and _is_below(stretch, seen, t):
        return Reason.BELOW_FLOOR
    if level > t.fall * stretch.expected:
        return None
    if seen.lowest_ohm is not None and level > t.lowest_part * seen.lowest_ohm:
        return None
    if stretch.steps and not stretch.metal:
        # Behind a change of current a gradient begins anew: a low value alone says nothing.
        return None
    if stretch.in_first and not stretch.settled:
        deep = level <= t.first_fall * seen.before_ohm
        waited = stretch.current_s >= t.spike_confirm_s
        return Reason.SUDDEN if deep and waited and stretch.sudden and stretch.is_level(t.level_part) else None
    return _sudden(stretch, seen, t) if stretch.sudden else _unseen(stretch, seen, t)


def _is_below(stretch: Stretch, seen: Evidence, t: Thresholds) -> bool:
    """Return whether no gradient put a level below the floor: by the last jump, or because a step saw the fall.

    A contact that mends may leave a gradient's value, which is no thread's.
    """
    if stretch.fast_ohm is not None:
        return stretch.fast_ohm <= seen.floor_ohm
    return stretch.sudden and is_thread(seen, t)


def _sudden(stretch: Stretch, seen: Evidence, t: Thresholds) -> Reason | None:
    """Judge a fall that was seen: either metal, or a contact that was bad before and has mended.

    A contact takes nothing away from the gradient's part of the voltage, and metal between the electrodes is a thread.
    """
    level = seen.level_ohm
    if _is_below_shape(stretch, seen, t):
        return Reason.BELOW_SHAPE
    if not is_thread(seen, t):
        return None
    deep = level <= t.first_fall * seen.before_ohm
    if deep and not _may_be_cell(stretch, seen, t):
        return Reason.SUDDEN
    if seen.level_ohm > t.thick_thread_ohm:
        return None
    if stretch.metal:
        return Reason.METAL_STEP
    return Reason.ONE_WAY if stretch.one_way_s >= t.one_way_s else None


def _is_below_shape(stretch: Stretch, seen: Evidence, t: Thresholds) -> bool:
    """Return whether less is left than the gradient had, which was there when the cell fell and no contact takes away.

    A later step is flat where it is judged: it shows that there is none.
    """
    shape, fast = seen.shape_ohm, stretch.fast_at_opening
    if shape is None or seen.level_ohm > t.shape_part * shape:
        return False
    if stretch.steps:
        return True
    return fast is not None and stretch.before - fast >= t.shape_part * shape


def is_thread(seen: Evidence, t: Thresholds) -> bool:
    """Return whether a level is low enough for a thread of lithium, or for one behind a contact of this cell."""
    contact_ohm = min(t.contact_part * seen.before_ohm, t.contact_ohm)
    return seen.level_ohm <= max(t.thread_ohm, contact_ohm)


def _may_be_cell(stretch: Stretch, seen: Evidence, t: Thresholds) -> bool:
    """Return whether the level that is left may be all of a sound cell, whose contact was bad before.

    One whose gradient moves would not stay level below the gradient's part.
    """
    level = seen.level_ohm
    if seen.electrolyte_ohm is not None and level > t.above * seen.electrolyte_ohm:
        return True
    if seen.shape_ohm is None or seen.shape_ohm < t.moving_part * level:
        return False
    return level > t.shape_part * seen.shape_ohm or not stretch.is_level(t.level_part)


def _unseen(stretch: Stretch, seen: Evidence, t: Thresholds) -> Reason | None:
    """Judge a fall that was not seen: metal, or the salt's gradient behind a change of current."""
    if not is_thread(seen, t):
        return None
    if stretch.fast_low:
        return Reason.FAST_STEP
    deep = seen.level_ohm <= t.first_fall * seen.before_ohm
    return Reason.LEVEL if deep and stretch.one_way_s >= t.level_s and stretch.is_level(t.level_part) else None


def is_unconfirmed(stretch: Stretch, seen: Evidence, t: Thresholds) -> bool:
    """Return whether a stretch that is open when the run ends is told: a fall of seconds or more, and as deep as metal.

    One that has been open for longer than any confirmation takes, and has seen a whole step, is none.
    """
    was_confirmable = stretch.metal + stretch.alive > 0 and stretch.current_s > t.one_way_s
    if not stretch.sudden or stretch.records < t.least_records or was_confirmable:
        return False
    return is_thread(seen, t) and seen.level_ohm <= t.first_fall * seen.before_ohm
