"""Trouble seen early in the records of a run: each sign is told once, with evidence, and no healthy cell gets one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import fields, replace
from math import exp
from pathlib import Path

import pytest

from drivers.interfaces import Sample
from orchestrator.judging import trouble_thresholds
from orchestrator.judging.limits import Action, Finding, FindingKind
from orchestrator.judging.steps import StepBuilder
from orchestrator.judging.trouble import TroubleWatch
from protocols.loading import load_cell, parse_recipe
from protocols.program import ConstantCurrent, CyclingSegment, Program, Rest
from protocols.resolve import resolve
from protocols.trouble import DEFAULT_TROUBLE

CURRENT_A, HALF_S = 1e-4, 3600
_TEXT = """name: mine
title: mine
for: [li-li, lfp]
record: {{every: 30 s}}
{guards}steps:
  - step: repeat
    times: 50
    steps:
      - {{step: constant_current, direction: charge, current: 0.1 mA, until: {{time: 1 h}}}}
      - {{step: constant_current, direction: discharge, current: 0.1 mA, until: {{time: 1 h}}}}
      - {{step: rest, until: {{time: 10 min}}}}
"""


def program(guards: str = "", cell: str = "bare-li-li") -> Program:
    """Give a program of half-cycles of an hour and rests, behind its contact check where it has one."""
    return resolve(parse_recipe(_TEXT.format(guards=guards), "mine"), load_cell(cell))


def segment_of(cell: str = "bare-li-li") -> CyclingSegment:
    """Give the program's one segment."""
    return program(cell=cell).cycling[0]


def records(
    voltage_v: Callable[[int, float, float], float], halves: int = 20, cell: str = "bare-li-li"
) -> list[Sample]:
    """Make records of half-cycles, each with its rest; ``voltage_v`` of half-cycle, seconds in it and current in A."""
    steps = segment_of(cell).steps
    powered = [n for n, step in enumerate(steps, 1) if isinstance(step, ConstantCurrent) and step.purpose == "recipe"]
    resting = next(n for n, step in enumerate(steps, 1) if isinstance(step, Rest))
    made: list[Sample] = []
    begun_s = 0.0
    order = [number for _ in range(halves // 2) for number in (*powered, resting)]
    half = -1
    for count, number in enumerate(order, 1):
        step = steps[number - 1]
        set_a = step.current_a if isinstance(step, ConstantCurrent) else 0.0
        length_s = HALF_S if set_a else 600
        half += bool(set_a)
        for second in range(0, length_s + 1, 30):
            volts = voltage_v(half, float(second), set_a)
            passed_ah = abs(set_a) * second / 3600
            made.append(
                Sample(len(made) + 1, begun_s + second, float(second), number, count, 1, "cc", volts, set_a,
                       passed_ah, 0.0, 1.7e9 + begun_s + second)
            )  # fmt: skip
        begun_s += length_s
    return made


def noise(half: int, second: float) -> float:
    """Give some microvolts that are never the same twice."""
    return ((half * 7919 + second * 104729) % 1000) * 2e-8


def sound(half: int, second: float, current_a: float) -> float:
    """Give the voltage of a sound cell of 300 ohm."""
    return current_a * (300 + 60 * (1 - exp(-second / 1000))) + noise(half, second)


def judged(
    samples: Sequence[Sample], of: Program | None = None, block: int = 50, watch: TroubleWatch | None = None
) -> list[Finding]:
    """Judge records as a run does, in blocks."""
    of = of or program()
    segment = of.cycling[0]
    builder = StepBuilder(segment)
    if watch is None:
        watch = TroubleWatch(of)
        watch.enter(segment, 0.0)
    found: list[Finding] = []
    for at in range(0, len(samples), block):
        together = samples[at : at + block]
        steps = [replace(step, cycle=step.step_count) for step in builder.feed(together)]
        counts = {step.step_count: step.cycle for step in steps} | {together[-1].step_count: together[-1].step_count}
        found += watch.feed(together, counts) + watch.feed_steps(steps)
    return found + watch.feed_steps(builder.finish())


def test_sound_cell_is_told_of_nothing() -> None:
    """Neither half-cycles, nor rests, nor a film that grows by 2 % in each half-cycle or once by 13 % is trouble."""
    assert judged(records(sound)) == []
    assert judged(records(lambda half, second, a: sound(half, second, a) * 1.02**half)) == []
    assert judged(records(lambda half, second, a: sound(half, second, a) + (40 * a if half >= 12 else 0.0))) == []


def test_contact_that_worsens_is_told_once_with_its_numbers() -> None:
    """From 300 to 420 ohm within a half-cycle is told when a second one shows it, and not again at each record."""
    found = judged(records(lambda half, second, a: sound(half, second, a) + (120 * a if half >= 12 else 0.0)))
    contact = [it for it in found if it.kind is FindingKind.CONTACT_RISES]
    assert len(contact) == 1
    (told,) = contact
    assert told.data is not None
    assert (told.action, told.data["sign"]) == (Action.MARK, "contact")
    assert [told.data[key] for key in ("before_ohm", "now_ohm")] == pytest.approx([300, 420], rel=1e-3)
    assert "look at the holder" in told.message


def test_what_gets_twice_as_bad_is_told_again() -> None:
    """A contact that goes on to worsen is a new message, when the rise has doubled."""

    def worsens(half: int, second: float, a: float) -> float:
        return sound(half, second, a) + a * (0 if half < 10 else 150 if half < 20 else 900)

    found = judged(records(worsens, halves=40))
    assert [it.kind for it in found].count(FindingKind.CONTACT_RISES) == 2


def test_polarisation_that_builds_up_within_steps_is_drift_and_no_contact() -> None:
    """A gradient that doubles is not there at once when the current changes, but in the mean voltages."""

    def drifts(half: int, second: float, a: float) -> float:
        more = 300 * a * min(1.0, second / 600) if half >= 12 else 0.0
        return sound(half, second, a) + more

    samples = records(drifts)
    assert {it.kind for it in judged(samples)} >= {FindingKind.POLARISATION_DRIFTS}
    (told,) = [it for it in judged(samples) if it.kind is FindingKind.POLARISATION_DRIFTS]
    assert "mV in cycle" in told.message


@pytest.mark.parametrize(("part", "is_told"), [(0.004, False), (-0.004, False), (0.006, True), (-0.006, True)])
def test_charge_that_is_counted_otherwise_is_told_from_half_a_per_cent_on(part: float, is_told: bool) -> None:
    """The tester's counter is held against the integral of its own current (faults D08)."""
    samples = [it._replace(capacity_ah=it.capacity_ah * (1 + part)) for it in records(sound, halves=2)]
    assert [it.kind for it in judged(samples)] == [FindingKind.CHARGE_DIFFERS] * is_told


def test_charge_of_a_current_that_falls_steeply_between_records_is_not_doubted() -> None:
    """What passes between two records lies between both currents, not on the line through them."""
    samples, passed_ah = [], 0.0
    for it in records(sound, halves=2):
        current_a = it.current_a * 0.7 ** (it.step_time_s / 30)
        passed_ah = 0.0 if it.step_time_s == 0 else passed_ah + abs(current_a) * 30 / 3600
        samples.append(it._replace(current_a=current_a, capacity_ah=passed_ah))
    assert judged(samples) == []


def test_voltage_that_is_stuck_is_told_when_the_current_turns() -> None:
    """Any cell answers a change of its current (faults D02)."""
    stuck = records(lambda half, second, a: sound(half, second, a) if half < 2 else 0.0301)
    found = [it for it in judged(stuck) if it.kind is FindingKind.VOLTAGE_FLAT]
    assert found
    assert "while the current goes from 0.1 to -0.1 mA" in found[0].message


def test_voltage_that_is_stuck_within_a_half_cycle_is_told_by_the_run_s_own_readings() -> None:
    """Sixty alike, in a run that had none before, are told within the step, and hold it where it says so (D02)."""
    samples = records(sound)
    at = next(i for i, it in enumerate(samples) if it.step_count == 13 and it.step_time_s == 900)
    shown = [it._replace(voltage_v=0.03) if at <= i < at + 60 else it for i, it in enumerate(samples)]
    for recipe, action in (("", Action.MARK), ("guards: {trouble: {hold: [flat]}}\n", Action.HOLD)):
        found = [it for it in judged(shown[: at + 60], program(recipe)) if it.kind is FindingKind.VOLTAGE_FLAT]
        assert [(it.time_s, it.action) for it in found] == [(samples[at].time_s, action)]


def test_plateau_that_a_coarse_tester_reads_alike_is_no_stuck_voltage() -> None:
    """Readings of 0.1 mV stay the same for half an hour on a plateau in each cycle, and at rest (faults D02)."""

    def plateau(half: int, second: float, a: float) -> float:
        slope_v = (1 if a > 0 else -1) * 1e-4 * (second // 1800) if a else 0.0
        return round(3.42 + a * 300 + slope_v, 4)

    assert judged(records(plateau, cell="coated-lfp"), program(cell="coated-lfp")) == []


def test_voltage_that_jumps_three_times_is_told_and_a_spike_is_not() -> None:
    """One suspect record tells nothing (faults D03); a contact that comes and goes does (faults C04)."""

    def jumping(times: int) -> list[Finding]:
        at = {(half, second) for half in range(times) for second in (1200.0, 1230.0)}
        return judged(records(lambda half, second, a: sound(half, second, a) + (0.02 if (half, second) in at else 0.0)))

    assert jumping(1) == jumping(2) == []
    (told,) = jumping(3)
    assert (told.kind, told.data and told.data["jumps"]) == (FindingKind.VOLTAGE_JUMPS, 3)


def test_record_that_comes_late_is_told_and_one_that_is_lost_is_not() -> None:
    """Three intervals without a record are a gap that the tester made; lost records are told as lost."""
    samples = records(sound, halves=2)
    late = [it for it in samples if not 600 < it.time_s < 780]
    lost = list(late)
    late = [it._replace(sequence=number) for number, it in enumerate(late, 1)]
    assert [it.kind for it in judged(late)] == [FindingKind.RECORDS_LATE]
    assert judged(lost) == []


def test_recipe_says_which_signs_hold_the_run_and_may_switch_them_off() -> None:
    """Without a word all of them are marks."""
    bad = [it._replace(capacity_ah=it.capacity_ah * 1.02) for it in records(sound, halves=2)]
    held = judged(bad, program("guards: {trouble: {hold: [charge, contact]}}\n"))
    assert [it.action for it in held] == [Action.HOLD]
    assert [it.action for it in judged(bad, program("guards: {trouble: {charge_part: 0.05}}\n"))] == []
    off = program("guards: {trouble: {active: false, reason: the counter is known to be wrong}}\n")
    assert judged(bad, off) == []
    assert [str(change) for change in off.cycling[0].guards.changes] == [
        "trouble is off: the counter is known to be wrong"
    ]


def test_same_records_give_the_same_findings_in_blocks_of_any_size() -> None:
    """Polls bring one record or a thousand; a copy goes on from where its original was."""
    samples = records(lambda half, second, a: sound(half, second, a) + (120 * a if half >= 12 else 0.0))
    whole = judged(samples, block=len(samples))
    assert whole
    assert judged(samples, block=1) == judged(samples, block=7) == whole
    watch = TroubleWatch(program())
    watch.enter(segment_of(), 0.0)
    half = len(samples) // 2
    judged(samples[:half], watch=watch)
    twin = deepcopy(watch)
    assert judged(samples[half:], watch=twin) == judged(samples[half:], watch=watch)


def test_what_was_told_before_a_restart_is_not_told_again() -> None:
    """The run's events say what was told: the same records find nothing new then."""
    samples = records(lambda half, second, a: sound(half, second, a) + (120 * a if half >= 12 else 0.0))
    told = [(str(it.data["sign"]), float(str(it.data["level"])), it.time_s) for it in judged(samples) if it.data]
    watch = TroubleWatch(program())
    watch.recall([*told, ("a sign of a newer version", 1.0, 0.0)])
    watch.enter(segment_of(), 0.0)
    assert judged(samples, watch=watch) == []


def test_page_names_every_threshold_and_every_key() -> None:
    """docs/trouble.md has each constant of the thresholds, each key of a recipe with its default, and each sign."""
    page = (Path(__file__).resolve().parent.parent / "docs" / "trouble.md").read_text("utf-8")
    constants = [name for name in vars(trouble_thresholds) if name.isupper() and name != "KINDS"]
    assert [name for name in constants if f"`{name}`" not in page] == []
    numbers = {it.name: getattr(DEFAULT_TROUBLE, it.name) for it in fields(DEFAULT_TROUBLE)}
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([0-9.]+) \|", page, re.MULTILINE))
    assert {name: float(value) for name, value in rows.items()} == {
        name: value for name, value in numbers.items() if name not in {"hold", "is_off"}
    }
    for sign, kind in trouble_thresholds.KINDS.items():
        assert f"| `{sign.value}` | `{kind.value}` |" in page
