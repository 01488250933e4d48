"""How well shorts in Li/Li cells are told, on simulated cells that the rule was not tuned on.

Cells are drawn by seed out of two models: the product's own with its numbers changed, and a second one of other parts.
They are cycled, ramped and plated, recorded as a tester records, and judged by the rule and by the one that cellrig had
before. The truth is the moment at which metal takes half of the current, which the rule never sees.

``python -m benchmarks shorts --seed NAME`` draws another population. The thresholds were set on the seeds ``a``, ``m``
and ``n``.
"""

from __future__ import annotations

from statistics import median

from benchmarks.figures import Aim, Figure, Size
from benchmarks.shorts.population import Event, drawn_case
from benchmarks.shorts.schedules import TestKind
from benchmarks.shorts.scoring import Score, scored
from orchestrator.shorts import ShortKind

__all__ = ["SEED", "measure"]

# Nothing was set on it (docs/shorts.md).
SEED = "final2"
CELLS = {
    Event.HARD: 500,
    Event.SOUND: 500,
    Event.FILM: 100,
    Event.OVEN: 100,
    Event.MENDED: 200,
    Event.SOFT: 200,
    Event.WEAK: 100,
    Event.BORN: 100,
}
_QUICK = 10


def measure(size: Size, seed: str = SEED) -> list[Figure]:
    """Judge a population; a part of it where less is enough."""
    scores = {
        event: _population(seed, event, max(1, count // size.of(1, _QUICK, count))) for event, count in CELLS.items()
    }
    everything = [score for group in scores.values() for score in group]
    records = sum(score.records for score in everything)
    return [
        *_hard(scores[Event.HARD]),
        *_sound(scores),
        *_soft(scores),
        Figure("hard rule", _per_record(everything, "hard_us"), "us a record", Aim(5.0, at_most=True)),
        Figure("both rules", _per_record(everything, "us"), "us a record"),
        Figure("records", records, ""),
    ]


def _population(seed: str, event: Event, count: int) -> list[Score]:
    cases = (drawn_case(seed, number, event) for number in range(count))
    return [scored(case) for case in cases if case is not None]


def _per_record(scores: list[Score], name: str) -> float:
    total = sum(getattr(score, name) * score.records for score in scores)
    return float(total / max(1, sum(score.records for score in scores)))


def _hard(scores: list[Score]) -> list[Figure]:
    found: list[Figure] = []
    groups = [(kind.value, [s for s in scores if s.case.kind is kind]) for kind in TestKind]
    groups += [("in the first half-cycle", [s for s in scores if s.is_first])]
    for name, group in groups:
        if group:
            found += [
                Figure(f"hard shorts, {name}: cells", len(group), ""),
                Figure("  found", _part([s.hard is not None for s in group]), "%"),
                Figure("  dated within 2 % or two records", _part([s.near for s in group]), "%"),
                Figure("  found by the rule before", _part([s.old_s is not None for s in group]), "%"),
            ]
    told = [s for s in scores if s.hard is not None]
    errors = sorted(s.error_s for s in told)
    waits = sorted(s.hard.told_s - s.hard.time_s for s in told if s.hard is not None)
    old = sorted(abs(s.old_s - s.truth_s) / 3600 for s in scores if s.old_s is not None and s.truth_s is not None)
    early = [any(f.kind is ShortKind.HARD and f.told_s < (s.truth_s or 0.0) for f in s.findings) for s in scores]
    return [
        *found,
        Figure("hard shorts, all: cells", len(scores), ""),
        Figure("  found", _part([s.hard is not None for s in scores]), "%", Aim(99.5, at_most=False)),
        Figure("  dated within 2 % or two records", _part([s.near for s in scores]), "%", Aim(99.0, at_most=False)),
        *_clear([s for s in scores if s.is_clear]),
        Figure("  told before the event", sum(early), "cells"),
        *_spread("  error of the hour", errors, "s"),
        *_spread("  told after", [wait / 60 for wait in waits], "min"),
        Figure("  found by the rule before", _part([s.old_s is not None for s in scores]), "%"),
        *_spread("  error of the hour by the rule before", old, "h"),
    ]


def _clear(scores: list[Score]) -> list[Figure]:
    return [
        Figure("  of these with 0.5 mV or more before: cells", len(scores), ""),
        Figure("    found", _part([s.hard is not None for s in scores]), "%"),
        Figure("    dated within 2 % or two records", _part([s.near for s in scores]), "%"),
    ]


def _spread(name: str, values: list[float], unit: str) -> list[Figure]:
    if not values:
        return []
    worst_but = values[min(len(values) - 1, int(0.95 * len(values)))]
    return [
        Figure(f"{name}, median", median(values), unit),
        Figure(f"{name}, 95 %", worst_but, unit),
        Figure(f"{name}, worst", values[-1], unit),
    ]


def _part(values: list[bool]) -> float:
    return 100.0 * sum(values) / max(1, len(values))


def _sound(scores: dict[Event, list[Score]]) -> list[Figure]:
    figures: list[Figure] = []
    for event in (Event.SOUND, Event.FILM, Event.OVEN, Event.MENDED):
        group = scores[event]
        called = [s.hard is not None for s in group]
        figures += [
            Figure(f"{event.value}: cells", len(group), ""),
            Figure("  hours", sum(s.case.hours for s in group), "h"),
            Figure("  called hard", sum(called), "cells", Aim(0.0, at_most=True) if event is Event.SOUND else None),
            Figure("  called hard by the rule before", sum(s.old_s is not None for s in group), "cells"),
        ]
        if event is Event.MENDED:
            figures.append(Figure("  called hard", _part(called), "%", Aim(2.0, at_most=True)))
        if event is Event.SOUND:
            breaking = [s for s in group if s.case.breaks_in > 1.0]
            figures.append(Figure("  of these with films that break in", len(breaking), "cells"))
    return figures


def _soft(scores: dict[Event, list[Score]]) -> list[Figure]:
    group, sound = scores[Event.SOFT], scores[Event.SOUND]
    events, suspected, probable = (sum(s.soft[n] for s in group) for n in range(3))
    calls = [sum(s.calls[n] for s in group) for n in range(4)]
    hours = sum(s.case.hours for s in sound)
    return [
        Figure("soft shorts: events", events, ""),
        Figure("  suspected or more", 100.0 * suspected / max(1, events), "%", Aim(85.0, at_most=False)),
        Figure("  probable", 100.0 * probable / max(1, events), "%"),
        Figure("  calls that were right", 100.0 * calls[1] / max(1, calls[0]), "%", Aim(98.0, at_most=False)),
        Figure("  probable calls that were right", 100.0 * calls[3] / max(1, calls[2]), "%"),
        Figure("  soft-shorted cells called hard", _part([s.hard is not None for s in group]), "%"),
        Figure("sound cells suspected", _part([s.calls[0] > 0 for s in sound]), "%"),
        Figure("  suspicions in 1,000 h", 1000.0 * sum(s.calls[0] for s in sound) / max(1.0, hours), ""),
        *_lasting(scores),
    ]


def _lasting(scores: dict[Event, list[Score]]) -> list[Figure]:
    weak, born = scores[Event.WEAK], scores[Event.BORN]
    doubted = [any(f.kind is ShortKind.DOUBTFUL for f in s.findings) for s in born]
    return [
        Figure("shunts of 50 to 80 % for good: cells", len(weak), ""),
        Figure("  any verdict", _part([s.calls[0] > 0 for s in weak]), "%"),
        Figure("  called hard", _part([s.hard is not None for s in weak]), "%"),
        Figure("shunted before the first current: cells", len(born), ""),
        Figure("  called hard", _part([s.hard is not None for s in born]), "%"),
        Figure("  doubted", _part(doubted), "%"),
    ]
