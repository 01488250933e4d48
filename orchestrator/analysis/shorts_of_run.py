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

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.analysis.overpotential import OverpotentialRow
from orchestrator.analysis.sample_blocks import SampleBlock, StepSamples, Table, WholeSteps
from orchestrator.shorts import ShortFinding, ShortKind, ShortWatch, StepFacts, SymmetricCell
from orchestrator.shorts.run_shorts import symmetric_cell
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
    back = [found.told_s for found in findings if found.kind in _TAKES_BACK]
    soft = [found for found in findings if found.kind in _SOFT]
    kept = [found for found in soft if not any(found.told_s <= told_s for told_s in back)]
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
    """Return half-cycles without tip and arc where a short began or ended in them, or had come before; rows say so.

    There the voltage falls for another reason than nucleation. ``halves`` and ``findings`` are in the same time.
    """
    hard_s = min((found.time_s for found in findings if found.kind is ShortKind.HARD), default=None)
    told = [found for found in findings if found.kind not in _TAKES_BACK]
    found = []
    for half in halves:
        inside = [one for one in told if half.start_s <= one.time_s <= half.start_s + half.duration_s]
        gravest = next((one for one in inside if one.kind is ShortKind.HARD), inside[0] if inside else None)
        why = f"{gravest.kind.value} in it" if gravest is not None else "the cell is shorted"
        is_marked = bool(inside) or (hard_s is not None and half.start_s > hard_s)
        remark = f"{why}: its voltage has neither tip nor arc of the cell"
        found.append(replace(half, nucleation_v=None, arc_v=None, remark=remark, shorted=True) if is_marked else half)
    return found


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
