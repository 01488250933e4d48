"""How well a pulled-out cell is told from a sound one, on simulated tests of every shipped recipe and of others.

Each test runs on the simulated CT-4008, and its records go through a run's limits and guards; no service, wire or store
takes part (``tests/test_runs.py`` has whole runs). Cells differ by seed, many are weak, some age or lose their lithium.
``python -m benchmarks guards --seed NAME`` draws another population; nothing was set on the seed ``final``.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.figures import Aim, Figure, Size
from benchmarks.guards.channel import SLICE_S, Judges, SimulatedChannel, segments
from benchmarks.guards.pulling import During, Look, Pulled, pulled
from benchmarks.guards.tests_of_cells import DrawnTest, drawn_test
from orchestrator.judging.limits import Action, Finding, FindingKind
from protocols.program import PoweredStep, Rest

__all__ = ["SEED", "measure"]

SEED = "judging"
TESTS = 300
_QUICK = 20
# Each third cell is pulled out at rest or at a held voltage, where the test has any, or in its first steps.
_CHOSEN = 3
_BACK_S = (20.0, 60.0, 240.0)
_ALL = Aim(100.0, at_most=False)


@dataclass(slots=True)
class Sound:
    """A sound test: its hours, what was found, and at which moments of the channel's time its steps began."""

    test: DrawnTest
    hours: float
    findings: list[Finding]
    steps: list[tuple[float, float, type, bool]]

    @property
    def stopped(self) -> list[Finding]:
        """What would have ended the run."""
        return [finding for finding in self.findings if finding.action is not Action.MARK]


def measure(size: Size, seed: str = SEED) -> list[Figure]:
    """Run sound tests and pulled-out cells."""
    sound: list[Sound] = []
    out: list[Pulled | None] = []
    back: list[Pulled | None] = []
    shown: list[Pulled | None] = []
    for number in range(size.of(TESTS, _QUICK, 2)):
        test = drawn_test(seed, number)
        ran = _sound(test, number)
        sound.append(ran)
        draws = random.Random(f"{seed}/pulled/{number}")
        at_s, look = _moment(ran, draws, number), draws.choices((Look.COMPLIANCE, Look.CUTOFF), weights=(2, 1))[0]
        out.append(pulled(test, at_s, number, look))
        back.append(pulled(test, at_s, number, look, draws.choice(_BACK_S)))
        shown.append(pulled(test, at_s, number, Look.SET_CURRENT))
    another = "cells pulled out of a tester that shows the set current all the same"
    return [
        *_sound_figures(sound),
        *_pulled_figures([case for case in out if case is not None]),
        *_back_figures([case for case in back if case is not None]),
        *_group(another, [case for case in shown if case is not None and not case.was_over], None),
    ]


def _sound(test: DrawnTest, seed: int) -> Sound:
    channel, judges = SimulatedChannel(test, seed), Judges(test)
    done = Sound(test, 0.0, [], [])
    for segment in segments(channel, judges):
        begun_s, count = channel.now_s, 0
        while channel.is_busy:
            channel.now_s += SLICE_S
            samples = channel.samples()
            done.findings += judges.feed(samples)
            for sample in samples:
                if sample.step_count != count:
                    count = sample.step_count
                    step = segment.steps[sample.step - 1]
                    is_held = isinstance(step, PoweredStep) and step.holds_voltage
                    done.steps.append((begun_s + sample.time_s, 0.0, type(step), is_held))
                at_s, _, kind, is_held = done.steps[-1]
                done.steps[-1] = at_s, begun_s + sample.time_s, kind, is_held
            if done.stopped:
                break
        done.findings += judges.finish()
        done.hours += (done.steps[-1][1] - begun_s) / 3600.0
        if done.stopped:
            break
    return done


def _moment(ran: Sound, draws: random.Random, number: int) -> float:
    """Draw the moment at which the cell is pulled out, in the channel's time."""
    steps = ran.steps
    if number % _CHOSEN == 0:
        chosen = [step for step in steps if step[2] is Rest or step[3]] or steps[:3]
        if draws.random() < 0.3:
            chosen = steps[:3]
        steps = [draws.choice(chosen)]
    lengths = [end_s - begin_s for begin_s, end_s, _, _ in steps]
    begin_s, end_s, _, _ = draws.choices(steps, weights=lengths if any(lengths) else None)[0]
    return draws.uniform(begin_s, end_s)


def _sound_figures(sound: Sequence[Sound]) -> list[Figure]:
    kinds = Counter(finding.kind for ran in sound for finding in ran.stopped[:1])
    told = sum(any(found.kind is FindingKind.EARLY_CUTOFF for found in ran.findings) for ran in sound)
    return [
        Figure("sound tests", len(sound), ""),
        Figure("  kinds of test", len({ran.test.kind for ran in sound}), ""),
        Figure("  hours", sum(ran.hours for ran in sound), "h"),
        Figure("  stopped", sum(kinds.values()), "tests", Aim(0.0, at_most=True)),
        *(Figure(f"    by '{kind}'", count, "tests") for kind, count in kinds.items()),
        Figure("  told to be weak, and run on", told, "tests"),
    ]


def _pulled_figures(out: Sequence[Pulled]) -> list[Figure]:
    stayed = [case for case in out if not case.was_over]
    figures = list(_group("cells pulled out", stayed))
    figures += [Figure("  tests that had no three half-cycles left", len(out) - len(stayed), "")]
    for during in During:
        figures += _group(f"  during {during}", [case for case in stayed if case.during is during])
    figures += _group("  in the first steps of a test", [case for case in stayed if case.is_first])
    for look in (Look.COMPLIANCE, Look.CUTOFF):
        figures += _group(f"  {look}", [case for case in stayed if case.look is look])
    return figures


def _back_figures(back: Sequence[Pulled]) -> Iterator[Figure]:
    yield Figure("cells put back after 20 s to 4 min", len(back), "")
    for during in During:
        group = [case.seen for case in back if case.during is during]
        yield Figure(f"  told or stopped, of {len(group)} during {during}", _part(group), "%")


def _group(name: str, cases: Sequence[Pulled], aim: Aim | None = _ALL) -> Iterator[Figure]:
    if not cases:
        return
    yield Figure(name, len(cases), "")
    yield Figure("    stopped within three half-cycles or 10 min", _part([c.in_time for c in cases]), "%", aim)
    yield Figure("    named by the guards alone", _part([case.by_guards for case in cases]), "%")


def _part(values: Sequence[bool]) -> float:
    return 100.0 * sum(values) / max(1, len(values))
