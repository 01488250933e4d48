"""Finds a contact whose resistance rises, in what the voltage does as the current changes from one step to the next.

A contact answers at once, as do leads, electrolyte and films; a gradient of the salt or of the lithium in a particle
takes minutes. So the voltage is taken from the last record of a step and the first of the next one, at the same state
of charge, and held against the run's own values for the same two currents. A film that grows does the same as a contact
that worsens, slowly: over a whole run the kind of cell says how much of that is health.
"""

from __future__ import annotations

from drivers.interfaces import Sample
from orchestrator.judging.own_history import OwnHistory
from orchestrator.judging.trouble_thresholds import EDGE_S, FLOWS, LEAST_V, OTHER, SLOW_RISE, Trouble, records_of
from protocols.program_steps import Purpose, RecordedStep
from protocols.trouble import TroubleSign

_Key = tuple[float, float, int]


def _rounded(current_a: float) -> float:
    return float(f"{current_a:.2g}")


class ContactRise:
    """The resistances at the changes of current of one run, by both currents and the cell's state of charge."""

    def __init__(self, kind: str, rise: float) -> None:
        """Watch a cell of a kind; told is a rise by the factor ``rise`` within a few half-cycles."""
        self._rise, self._slow = rise, SLOW_RISE[kind]
        self._seen: dict[_Key, OwnHistory] = {}
        # The record before the change whose first record under current is waited for.
        self._before: Sample | None = None

    def copy(self) -> ContactRise:
        """Return a copy of the state."""
        twin = object.__new__(ContactRise)
        twin.__dict__.update(self.__dict__)
        twin._seen = dict(self._seen)
        return twin

    def forget(self) -> None:
        """Forget the values of earlier steps: the state of charge is not known any more."""
        self._seen, self._before = {}, None

    def begin(self, before: Sample | None) -> None:
        """Begin a step behind the record ``before``, None where it did not come directly behind another."""
        self._before = before

    @property
    def is_waiting(self) -> bool:
        """Whether a record is still needed to judge the change of current."""
        return self._before is not None

    def feed(self, sample: Sample, step: RecordedStep, charge_step: int, run_s: float, cycle: int) -> Trouble | None:
        """Judge an early record of a step; ``charge_step`` is the state of charge in parts of ``CHARGE_STEP``.

        ``run_s`` is the time of the run at the record.
        """
        before = self._before
        if before is None:
            return None
        if sample.time_s - before.time_s > EDGE_S:
            self._before = None
            return None
        set_a = step.usual_a or 0.0
        if step.purpose is Purpose.CHECK or abs(sample.current_a) < FLOWS * set_a:
            return None
        self._before = None
        change_a = sample.current_a - before.current_a
        if not abs(change_a) > OTHER * max(abs(sample.current_a), abs(before.current_a)):
            return None
        ohm = (sample.voltage_v - before.voltage_v) / change_a
        if not ohm > 0:
            return None
        key = _rounded(before.current_a), _rounded(sample.current_a), charge_step
        history = self._seen.get(key, OwnHistory()).with_value(ohm)
        self._seen[key] = history
        rise = history.rise(self._rise, self._slow, LEAST_V / abs(change_a))
        if rise is None:
            return None
        since = "since the run's first cycles" if rise.is_slow else "within a few half-cycles"
        sentence = (
            f"the resistance at the change from {before.current_a * 1e3:.4g} to {sample.current_a * 1e3:.4g} mA has "
            f"risen from {rise.before:.3g} to {rise.now:.3g} ohm {since}, up to cycle {cycle}: look at the holder, the "
            "spring and the leads; a film that grows looks alike"
        )
        evidence: dict[str, object] = {
            "before_ohm": rise.before,
            "now_ohm": rise.now,
            "from_a": before.current_a,
            "to_a": sample.current_a,
            "is_slow": rise.is_slow,
            "cycle": cycle,
        }
        evidence |= records_of(before, sample)
        level = (rise.factor - 1) / ((self._slow if rise.is_slow else self._rise) - 1)
        return Trouble(TroubleSign.CONTACT, level, run_s, sentence, evidence)
