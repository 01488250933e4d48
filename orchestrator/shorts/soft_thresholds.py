"""The thresholds of the rule that finds soft shorts in Li/Li cells, each with its reason (docs/shorts.md)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SoftThresholds:
    """The thresholds; fractions unless the name has a unit.

    An edge is off the line by ``edge`` (a contact of a coin cell moves by less), by ``sigmas`` times the scatter and by
    ``curved`` times what the slope gives in one interval (an arc is curved); from ``from_s`` of the step on, when the
    first spike is over. ``confirmed``: so much of it must be left in the median of three more records. The scatter is
    never taken below ``least_scatter`` and ``noise_factor`` times ``noise_v``, ``seen_factor`` once it has been seen.
    An edge that the end of its step cuts off counts if it is ``large`` and the records behind it ``agree``.

    ``like_rise``: a fall that differs from a rise before it by less is a contact that mended, if it comes within
    ``back_to`` of where that began, or ``back_to_other`` at another current, where kinetics differ. A fall of ``deep``
    or more is judged by the rule for hard shorts as well. ``back_part``: a rise by
    this part of the fall is its end, and the fall probable; one that lasts ``lasting_steps`` more steps is too.
    ``near_s``, ``near_part``, ``twin_part``, ``twin_steps``: a fall so near in time and size to one of the last step of
    the same direction is the deposit's shape. ``dips`` of one or two records within ``dips_within_s`` are suspected. A
    rise within ``healing_s`` of a fall or dip that leads to where it began is its end and no contact.
    """

    edge: float = 0.06
    sigmas: float = 7.0
    curved: float = 4.0
    from_s: float = 45.0
    confirmed: float = 0.05
    large: float = 0.1
    agree: float = 0.75
    noise_v: float = 1e-4
    noise_factor: float = 1.3
    seen_factor: float = 0.5
    least_scatter: float = 0.003
    like_rise: float = 0.3
    back_to: float = 0.12
    back_to_other: float = 0.35
    deep: float = 0.6
    back_part: float = 0.6
    lasting_steps: int = 2
    near_s: float = 150.0
    near_part: float = 0.06
    twin_part: float = 0.4
    twin_steps: int = 3
    dips: int = 3
    dips_within_s: float = 1800.0
    healing_s: float = 7200.0


SOFT = SoftThresholds()
