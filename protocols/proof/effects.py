"""What one step does to time and charge at least and at most, whatever the cell under it does.

>>> from protocols.program import Ceiling, ConstantCurrent, Until
>>> step = ConstantCurrent(0.001, Until(time_s=3600.0, voltage_v=4.0), Ceiling(capacity_ah=0.0011))
>>> effect = effect_of("step 1", step)
>>> [float(end) for end in (effect.time_s.low, effect.time_s.high, effect.net_ah.low, effect.net_ah.high)]
[0.0, 3600.0, 0.0, 0.001]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import isfinite

from protocols.current_sign import Direction
from protocols.program import PoweredStep, RecordedStep
from protocols.proof.findings import Rule, unproven
from protocols.proof.intervals import Interval

_SECONDS_PER_HOUR = 3600
_NOTHING = Interval()


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a step or of a sequence of them.

    ``net_ah``: signed sum of charges, positive charges; ``passed_ah``: most that passes, magnitudes added;
    ``set_ah``: net charge if each step passes exactly what it sets, None where a step sets no charge; ``set_between``:
    the ends of it where the run measures first what a step sets;
    ``largest_ah``: most that one step passes; ``executed``: how many steps are carried out; ``may_be_less``: the host
    may end it at any time, so that it may pass nothing of what it sets.
    """

    time_s: Interval = _NOTHING
    net_ah: Interval = _NOTHING
    passed_ah: Fraction = Fraction(0)
    set_ah: Fraction | None = Fraction(0)
    largest_ah: Fraction = Fraction(0)
    largest_a: Fraction = Fraction(0)
    executed: int = 0
    may_be_less: bool = False
    set_between: Interval | None = None

    @property
    def set_interval(self) -> Interval | None:
        """What a step sets, signed; None where it sets no charge."""
        if self.set_between is not None or self.set_ah is None:
            return self.set_between
        return Interval.of(self.set_ah)

    def then(self, other: Effect) -> Effect:
        """Give the effect of this one and then the other."""
        return Effect(
            self.time_s + other.time_s,
            self.net_ah + other.net_ah,
            self.passed_ah + other.passed_ah,
            None if self.set_ah is None or other.set_ah is None else self.set_ah + other.set_ah,
            max(self.largest_ah, other.largest_ah),
            max(self.largest_a, other.largest_a),
            self.executed + other.executed,
        )

    def repeated(self, times: int) -> Effect:
        """Give the effect of so many passes."""
        return Effect(
            self.time_s * times,
            self.net_ah * times,
            self.passed_ah * times,
            None if self.set_ah is None else self.set_ah * times,
            self.largest_ah,
            self.largest_a,
            self.executed * times,
        )

    def or_as(self, other: Effect) -> Effect:
        """Give the effect of a step that is this one or the other: of one whose values the run measures first."""
        own, others = self.set_interval, other.set_interval
        return replace(
            self,
            time_s=self.time_s | other.time_s,
            net_ah=self.net_ah | other.net_ah,
            passed_ah=max(self.passed_ah, other.passed_ah),
            set_ah=None if own is None or others is None else self.set_ah,
            set_between=None if own is None or others is None else own | others,
            largest_ah=max(self.largest_ah, other.largest_ah),
            largest_a=max(self.largest_a, other.largest_a),
        )

    def or_less(self) -> Effect:
        """Give the effect where it may be left out: of a pass that the run may skip."""
        return Effect(
            self.time_s | _NOTHING,
            self.net_ah | _NOTHING,
            self.passed_ah,
            self.set_ah,
            self.largest_ah,
            self.largest_a,
            self.executed,
            may_be_less=True,
            set_between=self.set_between,
        )


def effect_of(where: str, step: RecordedStep) -> Effect:
    """Give the effect of a step. Raises Unproven where a value means nothing, or where nothing ends the step."""
    _values(where, step)
    if not isinstance(step, PoweredStep):
        if step.until.time_s is None:
            raise unproven(Rule.ENDS, where, "a rest without a time", "Nothing ends it: the run would wait for ever.")
        return Effect(time_s=Interval.exactly(step.until.time_s), executed=1)
    return _powered(where, step)


def _powered(where: str, step: PoweredStep) -> Effect:
    largest = step.largest_a
    if largest is None:
        what = "a held voltage without a current limit" if step.holds_voltage else "a load without its voltages"
        raise unproven(Rule.CURRENT, where, what, "Its current has no bound.")
    current = Fraction(largest)
    until, ceiling = step.until, step.ceiling
    # The time in which a constant current passes a charge is exact; of a falling current it is at least that. A current
    # that follows from a voltage inside the limits takes longest where it is least.
    is_constant = step.constant_a is not None
    times = [Fraction(time_s) for time_s in (until.time_s, ceiling.time_s) if time_s is not None]
    charges = [Fraction(charge_ah) for charge_ah in (until.capacity_ah, ceiling.capacity_ah) if charge_ah is not None]
    least = step.least_a
    if least:
        times += [charge * _SECONDS_PER_HOUR / Fraction(least) for charge in charges]
    if not times:
        ends = "It ends at its voltage or its current only, and a cell may never get there"
        raise unproven(Rule.ENDS, where, "no bound on its time", f"{ends}: the current would flow for ever.")
    longest = min(times)
    most = min([*charges, current * longest / _SECONDS_PER_HOUR])
    ends_early = until.voltage_v is not None or until.current_a is not None or not is_constant
    own = [] if until.time_s is None else [Fraction(until.time_s)]
    own += [] if until.capacity_ah is None else [Fraction(until.capacity_ah) * _SECONDS_PER_HOUR / current]
    at_least = Fraction(0) if ends_early or not own else min(own)
    least_ah = at_least * current / _SECONDS_PER_HOUR
    sign = 1 if step.direction is Direction.CHARGE else -1
    net = Interval(least_ah, most) if sign > 0 else Interval(-most, -least_ah)
    set_ah = sign * min(own) * current / _SECONDS_PER_HOUR if own and is_constant else None
    return Effect(Interval(at_least, longest), net, most, set_ah, most, current, 1)


def most_moved(step: PoweredStep, effect: Effect, least_ohm: float | None) -> Fraction:
    """Give the most lithium (Ah, a magnitude) that a step moves between electrodes of lithium.

    Of a held voltage it is what its limit of current passes, or what flows through ``least_ohm``, the least resistance
    of a sound cell, which its contact check asks for. More than that flows through a short only, and moves none.
    """
    if not step.holds_voltage or not least_ohm or step.target_v is None:
        return effect.largest_ah
    flows_a = Fraction(abs(step.target_v)) / Fraction(least_ohm)
    return min(effect.largest_ah, flows_a * effect.time_s.high / _SECONDS_PER_HOUR)


def held(step: PoweredStep, least_ohm: float | None) -> tuple[str, ...]:
    """Say what bounds the charge of a held voltage, and what to do; nothing of another step."""
    if not step.holds_voltage or step.target_v is None or step.largest_a is None:
        return ()
    bound = (
        f"Held at {step.target_v:g} V it passes its limit of {step.largest_a * 1e3:.4g} mA for its whole time at most"
    )
    if least_ohm and abs(step.target_v) / least_ohm < step.largest_a:
        flows = f"{abs(step.target_v) / least_ohm * 1e3:.4g} mA through {least_ohm:.4g} ohm, the least of a sound cell"
        bound = f"Held at {step.target_v:g} V it passes at most {flows}"
    return (f"{bound}: give it a shorter time, a lower limit of current or a capacity.",)


def _values(where: str, step: RecordedStep) -> None:
    """See that each number means what it says."""
    until, ceiling = step.until, step.ceiling
    told = {
        "time": until.time_s,
        "capacity": until.capacity_ah,
        "taper current": until.current_a,
        "ceiling of time": ceiling.time_s,
        "ceiling of charge": ceiling.capacity_ah,
    }
    for name, value in told.items():
        if value is not None and not (isfinite(value) and value > 0):
            raise unproven(Rule.VALUES, where, f"a {name} of {value:g}", "The step would end as it begins.")
    for name, value in {"target voltage": step.target_v, "end voltage": until.voltage_v}.items():
        if value is not None and not isfinite(value):
            raise unproven(Rule.VALUES, where, f"a {name} of {value:g}", "No voltage ever reaches it.")
    largest = step.largest_a
    if isinstance(step, PoweredStep) and largest is not None and not (isfinite(largest) and largest > 0):
        raise unproven(Rule.VALUES, where, f"a current of {largest:g} A", "A step that passes nothing is a rest.")
    if isinstance(step, PoweredStep) and largest and until.current_a is not None and until.current_a >= largest:
        what = f"a taper current of {until.current_a * 1e3:.6g} mA"
        raise unproven(Rule.VALUES, where, what, f"It is not below the step's {largest * 1e3:.6g} mA: it ends at once.")
