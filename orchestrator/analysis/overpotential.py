"""The parts of the overpotential of Li/Li cells in each half-cycle, over the charge that has been plated so far.

Of the magnitude of the voltage in one constant-current step:

- Plateau: the median between 30 and 70 % of its time. In a symmetric cell all of the voltage is overpotential, of both
  electrodes together.
- Nucleation overpotential: the highest value in the first fifth minus the plateau, never below 0 (Pei et al., Nano
  Lett. 17 (2017) 1132: the tip over the plateau). A first record that comes late does not see the tip: ``remark``.
- Arcing: the mean of the last twentieth minus the plateau. It grows with dead lithium, whose diffusion path makes the
  arc (Wood et al., ACS Cent. Sci. 2 (2016) 790; Chen et al., J. Mater. Chem. A 5 (2017) 11671).

``noise_v`` is the scatter of neighbouring records at the plateau: the highest value of a noisy record lies some two or
three of it too high, and no part is better known than that.

The cumulative plated charge counts both directions: what a half-cycle strips from one electrode it plates on the other.
One electrode has been plated with half of it. Pulses of at most ``PULSE_S``, as of a contact check, are left out.
``hysteresis`` joins the halves of each cycle: half the difference of the plateaus of charge and discharge, as signed
voltages, is the mean overpotential, and half their sum the asymmetry.

A time-limited half-cycle of a symmetric cell passes the charge that is set: its coulombic efficiency is 1 by
construction, and none is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from orchestrator.analysis.sample_blocks import AT_REST, SampleBlock, StepSamples, Table, WholeSteps
from protocols.current_sign import Direction
from protocols.half_cycles import PULSE_S

FROM, TO = 0.3, 0.7
"""The parts of a half-cycle's time between which its plateau is."""
TIP = 0.2
ARC = 0.05
"""The parts of a half-cycle in which the tip of nucleation and the end's arc are looked for."""
# A first record within this part of a half-cycle sees the tip.
_EARLY = 0.01
_FEWEST = 3
# Median of |difference of neighbours| over the standard deviation of Gaussian noise: 0.6745 times the root of 2.
_PER_DEVIATION = 0.9539


@dataclass(frozen=True, slots=True)
class OverpotentialRow:
    """One half-cycle of a Li/Li cell; voltages are magnitudes, None where too few records tell them.

    ``plated_before_mah_cm2`` has been plated in all before it, in both directions; None without an area. ``shorted``: a
    short began or ended in it, or had come before (``orchestrator.analysis.shorts_of_run.marked``).
    """

    cycle: int
    step_count: int
    direction: Direction
    start_s: float
    duration_s: float
    current_a: float
    density_ma_cm2: float | None
    charge_ah: float
    charge_mah_cm2: float | None
    plated_before_mah: float
    plated_before_mah_cm2: float | None
    plateau_v: float | None
    nucleation_v: float | None
    arc_v: float | None
    noise_v: float | None
    area_ohm_cm2: float | None
    remark: str
    shorted: bool = False


@dataclass(frozen=True, slots=True)
class HysteresisRow:
    """The halves of one cycle: mean overpotential and asymmetry at the cumulative plated charge when it ended."""

    cycle: int
    plated_mah: float
    plated_mah_cm2: float | None
    overpotential_v: float
    asymmetry_v: float


class Overpotentials:
    """Finds the half-cycles of a Li/Li run, incrementally."""

    def __init__(self, area_cm2: float | None) -> None:
        self._area_cm2 = area_cm2
        self._whole = WholeSteps()
        self._rows: list[OverpotentialRow] = []
        self._plated_ah = self._largest_a = 0.0

    def feed(self, table: Table) -> None:
        """Add records in order. Raises NoSuchTable (``orchestrator.analysis.sample_blocks``)."""
        for block in self._whole.blocks(table):
            self.feed_block(block)

    def feed_block(self, block: SampleBlock) -> None:
        """Add the steps of a block, which are over."""
        for step in block.steps():
            current_a = step.mean_current_a
            self._largest_a = max(self._largest_a, abs(current_a))
            if not step.is_rest(self._largest_a) and step.duration_s > PULSE_S and not step.holds_voltage:
                self._rows.append(self._row(step, current_a))
                self._plated_ah += self._rows[-1].charge_ah

    def finish(self) -> None:
        """Add the step that still runs: no more records come."""
        if (running := self._whole.running) is not None:
            self.feed_block(running)

    def rows(self) -> list[OverpotentialRow]:
        """Return the half-cycles that are over; a rest before the first current was none, whatever leaked in it."""
        return [row for row in self._rows if abs(row.current_a) > AT_REST * self._largest_a]

    def _row(self, step: StepSamples, current_a: float) -> OverpotentialRow:
        area_cm2 = self._area_cm2
        charge = step.charge_ah()
        good = charge[~np.isnan(charge)]
        charge_ah = float(good[-1]) if len(good) else 0.0
        plateau_v, tip_v, arc_v, noise_v, remark = _parts(step)
        per_cm2 = None if area_cm2 is None else 1e3 / area_cm2
        area_ohm_cm2 = None
        if plateau_v is not None and area_cm2 is not None:
            area_ohm_cm2 = plateau_v / abs(current_a) * area_cm2
        return OverpotentialRow(
            cycle=step.cycle,
            step_count=step.step_count,
            direction=Direction.CHARGE if current_a > 0 else Direction.DISCHARGE,
            start_s=step.start_s,
            duration_s=step.duration_s,
            current_a=current_a,
            density_ma_cm2=None if per_cm2 is None else current_a * per_cm2,
            charge_ah=charge_ah,
            charge_mah_cm2=None if per_cm2 is None else charge_ah * per_cm2,
            plated_before_mah=self._plated_ah * 1e3,
            plated_before_mah_cm2=None if per_cm2 is None else self._plated_ah * per_cm2,
            plateau_v=plateau_v,
            nucleation_v=tip_v,
            arc_v=arc_v,
            noise_v=noise_v,
            area_ohm_cm2=area_ohm_cm2,
            remark=remark,
        )


def overpotentials(table: Table, area_cm2: float | None = None) -> list[OverpotentialRow]:
    """Return the half-cycles of a table of a Li/Li cell."""
    found = Overpotentials(area_cm2)
    found.feed(table)
    found.finish()
    return found.rows()


def hysteresis(rows: Sequence[OverpotentialRow]) -> list[HysteresisRow]:
    """Join neighbouring halves of a cycle in opposite directions; one without a plateau, or shorted, has no partner."""
    found: list[HysteresisRow] = []
    for one, other in pairwise(rows):
        if one.cycle != other.cycle or one.direction is other.direction:
            continue
        if one.plateau_v is None or other.plateau_v is None or one.shorted or other.shorted:
            continue
        charge, discharge = (one, other) if one.direction is Direction.CHARGE else (other, one)
        area = other.plated_before_mah_cm2
        found.append(
            HysteresisRow(
                cycle=one.cycle,
                plated_mah=other.plated_before_mah + other.charge_ah * 1e3,
                plated_mah_cm2=None if area is None else area + (other.charge_mah_cm2 or 0.0),
                overpotential_v=((charge.plateau_v or 0.0) + (discharge.plateau_v or 0.0)) / 2,
                asymmetry_v=((charge.plateau_v or 0.0) - (discharge.plateau_v or 0.0)) / 2,
            )
        )
    return found


def _parts(step: StepSamples) -> tuple[float | None, float | None, float | None, float | None, str]:
    """Return plateau, nucleation overpotential, arc and noise of a step, and what is to be known of them."""
    good = ~np.isnan(step.voltage_v) & ~np.isnan(step.current_a)
    # The sign of the voltage is that of the current: one that is opposite is a short's, or a gradient's.
    volts = step.voltage_v[good] * np.sign(step.mean_current_a)
    part = step.step_time_s[good] / step.duration_s if step.duration_s > 0 else step.step_time_s[good]
    middle = volts[(part >= FROM) & (part <= TO)]
    if len(middle) < _FEWEST:
        return None, None, None, None, f"{len(middle)} records in the middle of the half-cycle are too few"
    plateau = float(np.median(middle))
    noise = float(np.median(np.abs(np.diff(middle)))) / _PER_DEVIATION
    # At the very beginning a record may still be that of the step before.
    early, late = volts[(part <= TIP) & (part > 0)], volts[part >= 1 - ARC]
    first = part[part > 0][:1]
    tip = max(0.0, float(early.max()) - plateau) if len(early) else None
    remark = ""
    if tip is None or first[0] > _EARLY:
        remark = f"the first record comes after {float(first[0]):.1%} of the half-cycle: the tip may be higher"
    return plateau, tip, float(late.mean()) - plateau if len(late) else None, noise, remark
