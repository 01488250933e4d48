"""The thresholds of the rule that finds shorts in Li/Li cells, each with its reason (docs/shorts.md)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds; fractions unless the name has a unit. They hold for Li/Li cells only.

    What opens and closes a low stretch: ``fall`` of the expected resistance opens it (metal takes 65 % of the current);
    ``half`` of it dates it; above ``high`` the cell was sound; ``recovered`` twice in a row closes it, because one
    record may be noise; ``window_s``, or ``window_records`` where records are rarer, is how far back a fall counts as
    sudden (a fall over minutes is a film's). ``jump`` from one record to the next is a contact that opens. Below zero
    by ``negative`` of what is expected and ``noises`` times the noise a gradient drives the current: no metal does.

    What confirms a hard short: ``confirm_s`` of current and ``confirm_records`` (deep soft shorts mostly heal sooner);
    ``first_fall`` of before is too deep for a film; ``above`` times the electrolyte's resistance is too much for metal;
    ``thread_ohm`` likewise where the electrolyte is unknown (a lithium thread 100 um long and 0.9 um thick), and
    ``thick_thread_ohm`` where flatness alone speaks for metal (1.2 um: sulphide and garnet cells are flat as well);
    ``one_way_s`` without reversal stands for the reversal that would show a living cell; ``level_s`` likewise for a
    fall that was not seen, and is level within ``level_part``; ``lowest_part`` of the lowest sound level is a contact
    that mended. At the end of a run an open stretch of ``least_records`` is told as not confirmed.

    A stretch that rose for at most ``blip_s`` and fell to within ``same_part`` of where it was is one: a contact
    opened in series with the metal. A filament that comes back has another resistance.

    What metal looks like: first minute, end and fast step agree within ``flat`` or ``slight`` of the cell that was.
    ``shape_part``: a fall below this part of the transient that sound steps showed is below what a contact explains; a
    transient counts from ``least_rise`` of the level on; ``moving_part`` of what is left is one that a living cell
    would show. ``contact_part`` of before, at most ``contact_ohm``, may be a contact in series with the metal.

    The fast step: at most ``fast_fall`` of the last sound one proves a parallel path, above ``fast_sound`` disproves
    it; ``fast_first`` instead of ``fast_fall`` while only the contact check is known, whose films are fresh.

    The first half-cycle: before ``spike_s`` the first spike of plating explains falls unless the values of the last
    ``steady_s`` lay within ``steady``, or the check's resistance still holds within ``like_check``; from
    ``settled_s`` on nothing is left of it; ``spike_confirm_s`` confirms what it might explain.

    Long steps: from ``lag_from_s`` on the same step ``lag_s`` ago, by ``lag_part`` more or less, is what is expected,
    because films and ovens may fall fivefold in an hour.

    The floor: ``floor_part`` of thickness over conductivity (each is known to 25 %), ``eis_part`` of the intercept of
    a spectrum, and never less than ``least_ohm_cm2`` (no electrolyte in use is better).

    Noise and zero: ``noise_v`` of a tester, or less where the rest before the first current shows less
    (``noise_factor`` times what it shows, as few records are no good measure; never below ``least_noise_v``), compared
    as ``judged_noise`` of what is expected; ``zero_v`` is the most a tester's zero may be off, measured in a rest of
    ``zero_rest_s``.
    """

    fall: float = 0.35
    half: float = 0.5
    high: float = 0.7
    recovered: float = 0.6
    window_s: float = 180.0
    window_records: float = 3.0
    negative: float = 0.05
    noises: float = 4.0
    jump: float = 1.5

    confirm_s: float = 600.0
    confirm_records: int = 10
    least_records: int = 3
    first_fall: float = 0.15
    above: float = 1.5
    thread_ohm: float = 16.0
    thick_thread_ohm: float = 9.0
    one_way_s: float = 7200.0
    same_part: float = 0.3
    blip_s: float = 3600.0
    level_s: float = 1800.0
    level_part: float = 0.05
    lowest_part: float = 0.7

    flat: float = 0.5
    slight: float = 0.03
    after_s: float = 300.0
    rising: float = 1.2
    shape_part: float = 0.7
    moving_part: float = 0.3
    least_rise: float = 0.1
    contact_part: float = 0.06
    contact_ohm: float = 50.0

    fast_fall: float = 0.5
    fast_sound: float = 0.7
    fast_first: float = 0.2
    fast_within_s: float = 2.0

    spike_s: float = 600.0
    steady: float = 1.3
    steady_s: float = 120.0
    like_before: float = 1.06
    like_check: float = 0.10
    settled_s: float = 1800.0
    spike_confirm_s: float = 1200.0

    lag_s: float = 1200.0
    lag_from_s: float = 2400.0
    lag_part: float = 0.5

    floor_part: float = 0.5
    eis_part: float = 0.7
    least_ohm_cm2: float = 0.5

    noise_v: float = 1e-4
    noise_factor: float = 1.3
    least_noise_v: float = 2e-5
    judged_noise: float = 0.12
    most_smoothed: int = 31
    zero_v: float = 5e-3
    zero_rest_s: float = 300.0
    cutoff_part: float = 0.02

    odd: float = 3.0
    odd_in_a_row: int = 6
    least_step_s: float = 20.0
    steps_back: int = 8


DEFAULT = Thresholds()
