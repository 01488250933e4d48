"""What will happen in a night, drawn from its seed before it begins: the same seed gives the same night."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

T = TypeVar("T")

CHANNELS = tuple(f"21-1-{n}" for n in range(1, 9))
HOUR_S = 3600.0
PART_S = 6 * HOUR_S
"""A night is made of parts; each ends with a calm, in which everything must come to order."""

# What happens: how often in relation to the others, and for how long (s) at least and at most.
KINDS: dict[str, tuple[float, float, float]] = {
    "submit": (60.0, 0.0, 0.0),
    "submit, then stop": (5.0, 0.0, 0.0),
    "start spoiled": (6.0, 10.0, 600.0),
    "stop": (7.0, 0.0, 0.0),
    "stop spoiled": (4.0, 10.0, 600.0),
    "stop rack": (0.4, 0.0, 0.0),
    "hold": (4.0, 0.0, 0.0),
    "resume": (24.0, 0.0, 0.0),
    "acknowledge": (14.0, 0.0, 0.0),
    "reply spoiled": (10.0, 60.0, 1800.0),
    "link spoiled": (1.5, 60.0, 4 * HOUR_S),
    "bts dead": (0.7, 60.0, 4 * HOUR_S),
    "tester reboots, program kept": (0.6, 0.0, 0.0),
    "tester reboots, program lost": (0.6, 0.0, 0.0),
    "cell pulled out": (1.5, 10.0, 2 * HOUR_S),
    "cell shorted": (1.5, 10.0, 2 * HOUR_S),
    "stopped by hand": (2.0, 0.0, 0.0),
    "started by hand": (1.5, 0.0, 0.0),
    "stop refused": (1.0, 60.0, 2 * HOUR_S),
    "stop ignored": (1.0, 60.0, 2 * HOUR_S),
    "wrong current": (1.0, 60.0, 2 * HOUR_S),
    "endless step": (0.7, 60.0, 2 * HOUR_S),
    "current at rest": (0.5, 60.0, 2 * HOUR_S),
    "service killed": (3.0, 1.0, 2 * HOUR_S),
    "service killed while starting": (3.0, 1.0, 1800.0),
    "service killed in a loop": (0.5, 60.0, 200.0),
    "submit measuring": (24.0, 0.0, 0.0),
    "stop while measuring": (2.0, 600.0, 2 * HOUR_S),
    "service killed while measuring": (4.0, 600.0, 2 * HOUR_S),
    "computer dies while measuring": (2.0, 600.0, 2 * HOUR_S),
    "started by hand while measuring": (2.0, 600.0, 2 * HOUR_S),
    "tester reboots while measuring": (1.0, 600.0, 2 * HOUR_S),
    "potentiostat's program spoiled": (4.0, 300.0, 2 * HOUR_S),
    "potentiostat used by somebody": (1.0, 60.0, HOUR_S),
    "switch spoiled": (3.0, 60.0, HOUR_S),
    "switch loses power": (1.0, 10.0, HOUR_S),
    "switch loses power while measuring": (2.0, 600.0, 2 * HOUR_S),
    "relay does not open": (2.0, 300.0, HOUR_S),
    "relay does not close": (1.0, 300.0, HOUR_S),
    "start arrives late": (5.0, 5.0, 3 * HOUR_S),
    "tester lies once": (8.0, 900.0, 1800.0),
    "tester lies": (2.0, 60.0, HOUR_S),
    "tester says that it has finished": (2.0, 900.0, 1800.0),
}
EVERY_S = 420.0
"""Mean time between two happenings."""
# Beside the rack, drawn apart: what happens there depends on nothing of this.
BESIDE: dict[str, tuple[float, float, float]] = {
    "broker gone": (3.0, 60.0, 6 * HOUR_S),
    "broker refuses": (2.0, 60.0, 2 * HOUR_S),
    "broker slow": (2.0, 60.0, 2 * HOUR_S),
    "broker stopped": (2.0, 60.0, 2 * HOUR_S),
    "broker flaky": (3.0, 600.0, 4 * HOUR_S),
    "broker throws away": (1.0, 60.0, HOUR_S),
    "feed killed": (3.0, 1.0, HOUR_S),
    "notices killed": (3.0, 1.0, HOUR_S),
    "target dead": (4.0, 60.0, 4 * HOUR_S),
    "target slow": (3.0, 60.0, 4 * HOUR_S),
    "target limits": (3.0, 60.0, 4 * HOUR_S),
    "all targets dead": (1.0, 60.0, 4 * HOUR_S),
}
BESIDE_EVERY_S = 1800.0
# An oven and source meters, where they are, drawn apart as well.
INSTRUMENTS: dict[str, tuple[float, float, float]] = {
    "submit for the oven": (20.0, 0.0, 0.0),
    "submit to a source meter": (20.0, 0.0, 0.0),
    "service killed in a soak": (4.0, 60.0, 1800.0),
    "service killed at a set point": (4.0, 1.0, 1800.0),
    "service killed while a source meter drives": (4.0, 5.0, 1800.0),
    "oven's line spoiled": (6.0, 60.0, 1800.0),
    "oven's line dead": (3.0, 60.0, 2 * HOUR_S),
    "oven loses power": (1.0, 10.0, HOUR_S),
    "oven's door open": (4.0, 10.0, 1800.0),
    "oven's heater stuck": (1.5, 60.0, HOUR_S),
    "oven's heater open": (1.0, 60.0, 2 * HOUR_S),
    "oven's sensor broken": (2.0, 30.0, HOUR_S),
    "oven's sensor frozen": (2.0, 60.0, 2 * HOUR_S),
    "oven set by hand": (1.5, 60.0, HOUR_S),
    "source meter's line spoiled": (8.0, 60.0, 1800.0),
    "source meter's line dead": (3.0, 5.0, HOUR_S),
    "source meters swapped": (1.5, 60.0, HOUR_S),
    "source meter loses power": (2.0, 1.0, 1800.0),
    "source meter's output pressed": (1.5, 0.0, 0.0),
    "source meter's level turned": (1.5, 0.0, 0.0),
}
INSTRUMENTS_EVERY_S = 600.0


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happens; ``luck`` (0 to 1) decides what its kind leaves open."""

    at_s: float
    kind: str
    channel: str
    lasts_s: float
    luck: float


def draw(seed: int, days: float, *, instruments: bool = False) -> list[list[Happening]]:
    """Draw a night: for each of its parts what happens in it, in order, timed from the part's beginning.

    ``instruments``: also what happens at an oven and at source meters.
    """
    drawn = [(Random(f"chaos/{seed}"), KINDS, EVERY_S), (Random(f"chaos beside/{seed}"), BESIDE, BESIDE_EVERY_S)]
    if instruments:
        drawn.append((Random(f"chaos instruments/{seed}"), INSTRUMENTS, INSTRUMENTS_EVERY_S))
    parts = range(math.ceil(days * 24 * HOUR_S / PART_S))
    return [sorted([it for one in drawn for it in _part(*one)], key=lambda it: it.at_s) for _ in parts]


def _part(random: Random, table: Mapping[str, tuple[float, float, float]], every_s: float) -> list[Happening]:
    happenings, at_s = [], 0.0
    kinds, weights = list(table), [weight for weight, _, _ in table.values()]
    while (at_s := at_s + random.expovariate(1 / every_s)) < PART_S:
        (kind,) = random.choices(kinds, weights)
        _, least_s, most_s = table[kind]
        lasts_s = least_s * (most_s / least_s) ** random.random() if least_s else 0.0
        lasts_s = min(lasts_s, PART_S - at_s)
        happenings.append(Happening(at_s, kind, random.choice(CHANNELS), lasts_s, random.random()))
    return happenings


def pick(options: Sequence[T], luck: float) -> T:
    """Choose by luck."""
    return options[int(luck * len(options))]
