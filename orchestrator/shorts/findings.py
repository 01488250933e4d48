"""What the rule for shorts finds, as values, and the sentences that tell it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ShortKind(StrEnum):
    """The kind of a finding. ``MENDED`` and ``CAME_BACK`` take back or follow what was found before."""

    HARD = "hard short"
    DEEP_SOFT = "deep soft short"
    SOFT_SUSPECTED = "soft short suspected"
    SOFT_PROBABLE = "soft short probable"
    SOFT_DROPPED = "suspicion of a soft short dropped"
    DOUBTFUL = "doubtful from the start"
    CREPT = "doubtful, a short that came slowly or a film"
    MENDED = "contact or film, no short"
    CAME_BACK = "came back after a hard short"


class Reason(StrEnum):
    """The evidence on which a hard short is told."""

    BELOW_FLOOR = "it is below what the electrolyte alone would have"
    SUDDEN = "it fell suddenly and so far that no film explains it"
    BELOW_SHAPE = "it is below the part that the salt's gradient had before, which no contact takes away"
    METAL_STEP = "a whole step behind it is flat and without transients, as metal is"
    ONE_WAY = "it stayed for hours in one direction"
    FAST_STEP = "the jump at a change of current fell as well"
    OVERDRAWN = "more lithium came back than was on the copper, and its voltage did not rise to the cutoff"
    OVERFILLED = "more charge went in than the cell can hold, below its cutoff"
    LEVEL = "it stayed level where a gradient would have risen"
    UNCONFIRMED = "the test ended before it could be confirmed"


@dataclass(frozen=True, slots=True)
class ShortFinding:
    """One finding: its kind, its time in seconds of the run, and what was known when it was given.

    ``time_s`` is that of the first record of the event, ``told_s`` that of the record after which it was told.
    ``before_ohm`` and ``after_ohm`` are resistances of the whole cell; ``charge_ah`` has passed in all, and
    ``step_charge_ah`` in the step of the event. ``reason`` is given for hard shorts. ``seen`` says what was seen where
    that is no resistance (cells that are not Li/Li).
    """

    kind: ShortKind
    time_s: float
    told_s: float
    cycle: int
    current_a: float
    density_a_per_cm2: float | None
    charge_ah: float
    step_charge_ah: float
    before_ohm: float | None
    after_ohm: float
    floor_ohm: float | None = None
    reason: Reason | None = None
    seen: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return what is stored with the finding's event."""
        density = self.density_a_per_cm2
        return {
            "short": self.kind.value,
            "told_s": self.told_s,
            "cycle": self.cycle,
            "current_ma": self.current_a * 1e3,
            "density_ma_per_cm2": None if density is None else density * 1e3,
            "charge_mah": self.charge_ah * 1e3,
            "step_charge_mah": self.step_charge_ah * 1e3,
            "before_ohm": self.before_ohm,
            "after_ohm": None if self.seen else self.after_ohm,
            "reason": None if self.reason is None else self.reason.value,
        }

    @property
    def sentence(self) -> str:
        """Say what was found, when, at which current, and on which evidence."""
        charge = f"{self.step_charge_ah * 1e3:.4g} mAh in that step, {self.charge_ah * 1e3:.4g} mAh in all"
        where = f"{self.time_s / 3600:.3f} h (cycle {self.cycle}, {self._at}, {charge})"
        before = "" if self.before_ohm is None else f" from {self.before_ohm:.3g}"
        change = self.seen or f"resistance{before} to {self.after_ohm:.3g} ohm"
        if self.kind is ShortKind.HARD:
            # A short above it is found by other evidence, beside which the bound would seem to deny it.
            is_below = self.floor_ohm is not None and (bool(self.seen) or self.after_ohm < self.floor_ohm)
            floor = "" if not is_below else f"; a sound cell has more than {self.floor_ohm:.3g} ohm"
            return f"shorted since {where}: {change}; {self.reason}{floor}"
        return f"{self.kind.value} at {where}: {change}"

    @property
    def _at(self) -> str:
        if self.density_a_per_cm2 is None:
            return f"{self.current_a * 1e3:.4g} mA"
        return f"{self.density_a_per_cm2 * 1e3:.4g} mA/cm2"
