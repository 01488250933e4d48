"""Time and charge to a soft and to a hard short of a Li/Li cell, and the critical current density of a ramp.

What a short is, and when it is told, is the rule of ``orchestrator.shorts`` alone (docs/shorts.md); the findings are
those that a run has stored, or those of the rule when it is fed a table. From them:

- Hard short: the last finding of one that did not come back. Soft short: the first that was probable, or deep, and was
  not taken back as a contact that mended. The time is that of the first record of the event.
- Charge to failure: what had passed until then in all, both ways, over the area.
- Critical current density: the current of the half-cycle in which the hard short lies, if the run is a ramp: at least
  ``RAMP_STEPS`` rising densities. ``last_sound`` is the highest density at which a half-cycle had passed before without
  one. Without a short the last density is a lower bound, and is called so. The value depends on the charge of each
  half-cycle (garnets: Commun. Chem. 6 (2023), s42004-023-01002-4), which is given beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from orchestrator.analysis.overpotential import OverpotentialRow
from orchestrator.analysis.sample_blocks import SampleBlock, StepSamples, Table, WholeSteps
from orchestrator.shorts import ShortFinding, ShortKind, ShortWatch, StepFacts, SymmetricCell
from orchestrator.shorts.run_shorts import symmetric_cell
from orchestrator.shorts.soft_thresholds import SOFT
from orchestrator.shorts.thresholds import DEFAULT
from protocols.half_cycles import PULSE_S
from protocols.program import CellFacts

EARLY_CUTOFF = "early cutoff"
"""How the failure of a cell is called that polarises so far that its cutoff ends a half-cycle before its set time."""
RAMP_STEPS = 3
"""So many different densities, each higher than all before, are a ramp."""
# Two densities within this part are one that was set.
_SAME = 0.01
_SOFT = frozenset({ShortKind.DEEP_SOFT, ShortKind.SOFT_PROBABLE})
_TAKES_BACK = frozenset({ShortKind.MENDED, ShortKind.SOFT_DROPPED})
_NAMES = {
    ShortKind.DEEP_SOFT: "deep soft short",
    ShortKind.SOFT_SUSPECTED: "suspected soft short",
    ShortKind.SOFT_PROBABLE: "probable soft short",
}
_LASTS = frozenset(_NAMES)
# A suspicion is dropped under its own time. What mended is dated by the rule for hard shorts, which looks at the levels
# of minutes.
_SAME_EVENT_S = {ShortKind.SOFT_DROPPED: 1.0, ShortKind.MENDED: DEFAULT.window_s}


@dataclass(frozen=True, slots=True)
class Failure:
    """When a cell failed in one way: hours of time, cycle, density, and what had passed; all None where it did not."""

    kind: str
    hours: float | None
    cycle: int | None
    density_ma_cm2: float | None
    charge_mah: float | None
    charge_mah_cm2: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class CriticalCurrent:
    """The critical current density of a ramp, in mA/cm2.

    ``density_ma_cm2`` is that of the short, None where there was none; ``last_sound_ma_cm2`` is a lower bound.
    ``half_cycle_mah_cm2`` is the charge of the half-cycle before, the last sound one.
    """

    density_ma_cm2: float | None
    last_sound_ma_cm2: float | None
    half_cycle_mah_cm2: float | None
    densities: int
    remark: str


class SymmetricShorts:
    """Feeds the records of a Li/Li run to the rule for shorts, incrementally."""

    def __init__(self, cell: SymmetricCell | CellFacts) -> None:
        self._watch = ShortWatch(symmetric_cell(cell) if isinstance(cell, CellFacts) else cell)
        self._whole = WholeSteps()
        self._found: list[ShortFinding] = []
        self._before: StepSamples | None = None
        self._largest_a = 0.0

    def feed(self, table: Table) -> None:
        """Add records in order. Raises NoSuchTable (``orchestrator.analysis.sample_blocks``)."""
        for block in self._whole.blocks(table):
            self.feed_block(block)

    def feed_block(self, block: SampleBlock) -> None:
        """Add the steps of a block, which are over."""
        for step in block.steps():
            before, current_a = self._before, step.mean_current_a
            self._largest_a = max(self._largest_a, abs(current_a))
            is_rest = step.is_rest(self._largest_a)
            follows = before is not None and before.test == step.test and before.step_count + 1 == step.step_count
            is_check = not is_rest and step.duration_s <= PULSE_S
            facts = StepFacts(0.0 if is_rest else current_a, cycle=step.cycle, is_check=is_check)
            self._watch.enter(facts, follows=follows)
            columns = (step.test_time_s, step.step_time_s, step.voltage_v, step.current_a)
            for values in zip(*(column.tolist() for column in columns), strict=True):
                self._watch.feed(*values)
            self._before = step
        self._found += self._watch.take()

    def finish(self) -> None:
        """Judge the step that still runs, and what is open at the end of the run."""
        if (running := self._whole.running) is not None:
            self.feed_block(running)
        self._watch.finish()
        self._found += self._watch.take()

    def findings(self) -> list[ShortFinding]:
        """Return the findings so far."""
        return list(self._found)


def short_findings(table: Table, cell: SymmetricCell | CellFacts) -> list[ShortFinding]:
    """Return what the rule for shorts finds in a table of a Li/Li cell; some 300,000 records a second.

    ``SymmetricCell`` can also say the cell's temperature and the resistance of its electrolyte.
    """
    shorts = SymmetricShorts(cell)
    shorts.feed(table)
    shorts.finish()
    return shorts.findings()


def hard_short(findings: Sequence[ShortFinding], area_cm2: float | None) -> Failure:
    """Return the hard short that the cell is left with."""
    left: ShortFinding | None = None
    for found in findings:
        if found.kind is ShortKind.HARD and left is None:
            left = found
        elif found.kind is ShortKind.CAME_BACK:
            left = None
    return _outcome("hard short", left, area_cm2)


def soft_short(findings: Sequence[ShortFinding], area_cm2: float | None) -> Failure:
    """Return the first soft short that was at least probable and was not taken back."""
    kept = [found for found in findings if found.kind in _SOFT and not _is_taken_back(found, findings)]
    return _outcome("soft short", kept[0] if kept else None, area_cm2)


def _outcome(kind: str, found: ShortFinding | None, area_cm2: float | None) -> Failure:
    if found is None:
        return failure(kind)
    told = failure(kind, found.time_s, found.cycle, abs(found.current_a), found.charge_ah, area_cm2)
    return replace(told, sentence=found.sentence)


def failure(
    kind: str,
    time_s: float | None = None,
    cycle: int | None = None,
    current_a: float | None = None,
    charge_ah: float | None = None,
    area_cm2: float | None = None,
) -> Failure:
    """Return a failure at a time, or that there was none; ``charge_ah`` had passed in all, both ways."""
    per_cm2 = 1e3 / area_cm2 if area_cm2 else None
    return Failure(
        kind=kind,
        hours=None if time_s is None else time_s / 3600,
        cycle=cycle,
        density_ma_cm2=None if per_cm2 is None or current_a is None else current_a * per_cm2,
        charge_mah=None if charge_ah is None else charge_ah * 1e3,
        charge_mah_cm2=None if per_cm2 is None or charge_ah is None else charge_ah * per_cm2,
        sentence=f"no {kind}" if time_s is None else f"{kind} at {time_s / 3600:.3f} h",
    )


def marked(halves: Sequence[OverpotentialRow], findings: Sequence[ShortFinding]) -> list[OverpotentialRow]:
    """Return half-cycles without tip and arc where a short began, lasted or ended; their rows say so.

    There the voltage falls for another reason than nucleation. A soft short lasts until a half-cycle's plateau is back,
    a hard one until it came back. ``halves`` and ``findings`` are in the same time.
    """
    told = [found for found in findings if found.kind not in _TAKES_BACK and not _is_taken_back(found, findings)]
    lasting: dict[int, str] = {}
    for found in told:
        if found.kind is ShortKind.HARD:
            lasting |= dict.fromkeys(_hard_in(halves, found, findings), "the cell is shorted")
        elif found.kind in _LASTS:
            why = f"the {_NAMES[found.kind]} of {found.time_s / 3600:.3f} h lasts in it"
            lasting |= dict.fromkeys(_soft_in(halves, found), why)
    rows = []
    for at, half in enumerate(halves):
        inside = [one for one in told if half.start_s <= one.time_s <= _end_s(half)]
        gravest = next((one for one in inside if one.kind is ShortKind.HARD), inside[0] if inside else None)
        why = f"{gravest.kind.value} in it" if gravest is not None else lasting.get(at, "")
        remark = f"{why}: its voltage has neither tip nor arc of the cell"
        rows.append(replace(half, nucleation_v=None, arc_v=None, remark=remark, shorted=True) if why else half)
    return rows


def _is_taken_back(found: ShortFinding, findings: Sequence[ShortFinding]) -> bool:
    """Return whether a soft short was told, and then that there was none: each taking back is of one event."""
    return found.kind in _LASTS and any(
        later.told_s >= found.told_s and abs(later.time_s - found.time_s) <= _SAME_EVENT_S[later.kind]
        for later in findings
        if later.kind in _TAKES_BACK
    )


def _hard_in(
    halves: Sequence[OverpotentialRow], short: ShortFinding, findings: Sequence[ShortFinding]
) -> Iterator[int]:
    """Yield the places of the half-cycles that began in a hard short."""
    back_s = [found.time_s for found in findings if found.kind is ShortKind.CAME_BACK and found.time_s > short.time_s]
    until_s = min(back_s, default=inf)
    return (at for at, half in enumerate(halves) if short.time_s < half.start_s <= until_s)


def _soft_in(halves: Sequence[OverpotentialRow], short: ShortFinding) -> Iterator[int]:
    """Yield the places of the half-cycles behind a soft short's first in which it still took a part of the current.

    It is over with the first whose plateau has ``SOFT.back_part`` of what was lost, against the last half-cycle before
    the short at the same current in the same direction. Where there is none, or no resistance is known, it is over
    where the rule for shorts told its end.
    """
    for at, half in enumerate(halves):
        if half.start_s <= short.time_s:
            continue
        is_told_in = half.start_s < short.told_s <= _end_s(half)
        before = [one for one in halves if _end_s(one) < short.time_s and _is_alike(one, half)]
        sound_v = before[-1].plateau_v if before else None
        if sound_v is None or short.before_ohm is None or half.plateau_v is None:
            if half.start_s > short.told_s:
                return
            yield at
            continue
        lost = 1 - short.after_ohm / short.before_ohm
        if half.plateau_v >= sound_v * (1 - (1 - SOFT.back_part) * lost):
            if is_told_in:
                yield at
            return
        yield at


def _is_alike(one: OverpotentialRow, other: OverpotentialRow) -> bool:
    return abs(one.current_a - other.current_a) <= _SAME * abs(other.current_a)


def _end_s(half: OverpotentialRow) -> float:
    return half.start_s + half.duration_s


def critical_current(halves: Sequence[OverpotentialRow], short_s: float | None) -> CriticalCurrent:
    """Return the critical current density of a ramp; ``short_s`` is the run time of its hard short, if it has one."""
    rising: list[float] = []
    for half in halves:
        density = abs(half.density_ma_cm2 or 0.0)
        if density > (1 + _SAME) * max(rising, default=0.0):
            rising.append(density)
    if any(half.density_ma_cm2 is None for half in halves) or not halves:
        return CriticalCurrent(None, None, None, 0, "the area of the cell is not known")
    if len(rising) < RAMP_STEPS:
        return CriticalCurrent(
            None, None, None, len(rising), f"no ramp: {len(rising)} of {RAMP_STEPS} rising densities"
        )
    ended = [half for half in halves if short_s is None or half.start_s + half.duration_s <= short_s]
    shorted = [half for half in halves if short_s is not None and half.start_s <= short_s]
    sound = max((abs(half.density_ma_cm2 or 0.0) for half in ended), default=None)
    at = abs(shorted[-1].density_ma_cm2 or 0.0) if shorted else None
    remark = "" if at is not None else "no short: the last density is a lower bound of the critical one"
    charge = ended[-1].charge_mah_cm2 if ended else None
    return CriticalCurrent(at, sound, charge, len(rising), remark)
